/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a YAML tree along tables that name every legal key. What is unknown, missing or of the wrong shape
 * is reported with its place, and reading goes on, so that all mistakes of a file are told at once.
 *
 * Whoever has more to remember while reading puts struct schema_reader first in a struct of his own.
 */
#ifndef NSRELAY_APP_TEXT_SCHEMA_H
#define NSRELAY_APP_TEXT_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "app/text/report.h"
#include "app/nsrelay/setting.h"
#include "app/text/value.h"
#include "app/text/yaml.h"
#include "base/check.h"

struct schema;

struct schema_reader {
	struct report report;
	bool out_of_memory;
};

/* What a function gets as @target depends on the table it stands in. */
typedef void schema_fn(struct schema_reader *reader, const struct yaml_node *node, void *target);

/* A key whose value has a shape of its own. Read in the table's order: what is referred to comes first. */
struct schema_field {
	const char *key;
	schema_fn *read;
	const char *missing; /* what to say when it is not there; NULL: it may be left out */

	/* What the manual page says. */
	const char *value; /* what it can be: "ENDPOINT, or a list of them" */
	const char *help;
	const struct schema *inner; /* of the mapping or mappings it holds; NULL: none, or told elsewhere */
};

/* The keys of a mapping. */
struct schema {
	const char *what; /* "a relay" */
	const struct schema_field *fields;
	size_t field_count;
	const struct setting_map *settings; /* legal keys as well; NULL: none */
};

#define SCHEMA(of, array, map)                                                                               \
	{                                                                                                    \
		.what = (of), .fields = (array), .field_count = ARRAY_COUNT(array), .settings = (map)        \
	}

/* schema_check_kind - report a node that is not of @kind; @expected: "a list of relays" */
bool schema_check_kind(struct schema_reader *reader, const struct yaml_node *node, enum yaml_kind kind,
                       const char *expected);

/* schema_is_there - note that memory is out when @allocated is not there */
bool schema_is_there(struct schema_reader *reader, const void *allocated);

/* schema_read_value - as value_parse(); @ret is untouched when the value is refused */
bool schema_read_value(struct schema_reader *reader, const struct yaml_node *node,
                       const struct value_type *type, void *ret);

/* schema_read_mapping - read what @schema names into @target; nothing at all is an empty mapping */
void schema_read_mapping(struct schema_reader *reader, const struct yaml_node *node,
                         const struct schema *schema, void *target);

/* schema_read_items - read each item of a list, or the one value that stands for a list of one */
void schema_read_items(struct schema_reader *reader, const struct yaml_node *node, schema_fn *read_item,
                       void *target);

/* schema_read_pid, schema_read_path - the values of `pid: N` and `path: /FILE`; @target: struct netns_ref */
void schema_read_pid(struct schema_reader *reader, const struct yaml_node *node, void *target);
void schema_read_path(struct schema_reader *reader, const struct yaml_node *node, void *target);

#endif
