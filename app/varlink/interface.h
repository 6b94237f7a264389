/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An interface as tables: of methods, of what they take and return, of errors. The interface description that
 * clients ask for, the check of arguments and the documentation are made from them.
 */
#ifndef NSRELAY_APP_VARLINK_INTERFACE_H
#define NSRELAY_APP_VARLINK_INTERFACE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "app/text/json.h"
#include "base/check.h"

struct varlink_call;
struct varlink_service;

enum varlink_kind { VARLINK_BOOL, VARLINK_INT, VARLINK_STRING, VARLINK_OBJECT };

struct varlink_type;

struct varlink_field {
	const char *name;
	enum varlink_kind kind;
	bool optional;                   /* may be left out, or null */
	bool array;                      /* of results only */
	const struct varlink_type *type; /* VARLINK_OBJECT */
	const char *help;                /* one line; NULL: the name says it */
};

struct varlink_fields {
	const struct varlink_field *all;
	size_t count;
};

#define VARLINK_FIELDS(array)                                                                                \
	{                                                                                                    \
		(array), ARRAY_COUNT(array)                                                                  \
	}

struct varlink_type {
	const char *name;
	const char *help;
	struct varlink_fields fields;
};

/* What a step of a call came to. */
enum varlink_outcome {
	VARLINK_LAST,      /* this was the reply, or the last one */
	VARLINK_CONTINUES, /* more will follow */
	VARLINK_WAITS,  /* nothing yet: ask again when something has happened; what was written is dropped */
	VARLINK_FAILED, /* by varlink_fail(), before anything was written */
};

/* Writes the members of the reply's parameters to @out. Called again for the next reply, until it was the
 * last. */
typedef enum varlink_outcome varlink_fn(const struct varlink_service *service, struct varlink_call *call,
                                        struct json *out);

/* The call ends, whether it was through or not. */
typedef void varlink_dropped_fn(const struct varlink_service *service, const struct varlink_call *call);

struct varlink_method {
	const char *name;
	const char *help;
	struct varlink_fields takes, returns;
	bool streams; /* must be called with `more` */
	bool patient; /* it goes on for as long as it likes, so who reads its replies may take its time */
	varlink_fn *fn;
	varlink_dropped_fn *dropped; /* NULL: it holds nothing between replies */
};

struct varlink_error {
	const char *name;
	const char *help;
	struct varlink_fields fields;
};

struct varlink_interface {
	const char *name;
	const char *help;
	const struct varlink_type *const *types;
	size_t type_count;
	const struct varlink_method *const *methods;
	size_t method_count;
	const struct varlink_error *errors;
	size_t error_count;
};

/* varlink_describe - the interface description (https://varlink.org/Interface-Definition) */
void varlink_describe(const struct varlink_interface *interface, FILE *out);

/* varlink_find_method - by its name without the interface's; NULL: there is none */
const struct varlink_method *varlink_find_method(const struct varlink_interface *interface, const char *name);

/* varlink_check_arguments - the name of the first argument that is missing, unknown or of another kind; NULL:
 * all are well */
const char *varlink_check_arguments(const struct varlink_method *method, json_t *arguments);

#endif
