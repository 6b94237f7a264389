/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes one JSON value (RFC 8259), piece by piece.
 *
 *	struct json json = JSON_INIT(stdout);
 *	json_begin_object(&json, NULL);
 *	json_text(&json, "name", "veth0");
 *	json_begin_array(&json, "addresses");
 *	json_text(&json, NULL, "10.0.0.1/24");
 *	json_end(&json);
 *	json_end(&json);                        {"name":"veth0","addresses":["10.0.0.1/24"]}
 *
 * @key is that of the value within an object, and NULL within an array and for the outermost value. @out is
 * this thread's alone meanwhile. That it takes the bytes is for the caller to look at (ferror()).
 */
#ifndef NSRELAY_APP_TEXT_JSON_H
#define NSRELAY_APP_TEXT_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { JSON_DEPTH_MAX = 16 };

struct json {
	FILE *out;
	unsigned depth;
	bool is_array[JSON_DEPTH_MAX + 1]; /* by depth */
	bool is_begun;                     /* the innermost object or array has a value already */
};

#define JSON_INIT(file)                                                                                      \
	{                                                                                                    \
		.out = (file)                                                                                \
	}

void json_begin_object(struct json *json, const char *key);
void json_begin_array(struct json *json, const char *key);

/* json_end - of the innermost object or array; a newline follows the outermost */
void json_end(struct json *json);

/* json_text - control characters are escaped; a byte that is no UTF-8 becomes U+FFFD. NULL is written as
 * null. */
void json_text(struct json *json, const char *key, const char *text);
void json_number(struct json *json, const char *key, uint64_t value);
void json_bool(struct json *json, const char *key, bool value);
void json_put_null(struct json *json, const char *key);

#endif
