/* SPDX-License-Identifier: Apache-2.0 */
/* A strict reader (RFC 8259) of the JSON that the log writes: one flat object a line. For tests. */
#ifndef NSRELAY_TESTS_INTEGRATION_APP_JSON_H
#define NSRELAY_TESTS_INTEGRATION_APP_JSON_H

#include <stdbool.h>
#include <stddef.h>

enum { JSON_FIELDS_MAX = 64, JSON_TEXT_MAX = 512 };

enum json_kind { JSON_STRING, JSON_NUMBER, JSON_WORD /* true, false or null */ };

struct json_field {
	char key[JSON_TEXT_MAX];
	char value[JSON_TEXT_MAX]; /* of a string: what it means, of others: what is written */
	enum json_kind kind;
};

struct json_record {
	struct json_field fields[JSON_FIELDS_MAX];
	size_t count;
};

/* json_parse - read a line without its end. Returns what is wrong with it, in static memory, or NULL. */
const char *json_parse(const char *line, struct json_record *ret);

/* json_find - the field called @key, or NULL */
const struct json_field *json_find(const struct json_record *record, const char *key);

#endif
