/* SPDX-License-Identifier: Apache-2.0 */
#include "app/text/json.h"

#include <inttypes.h>
#include <string.h>

#include "base/check.h"
#include "base/utf8.h"

/* put_character - the one that begins at @text, of @size bytes; returns how many it took */
static size_t put_character(FILE *out, const char *text, size_t size)
{
	uint32_t c;
	size_t length = utf8_decode(text, size, &c);
	if (length == 0) {
		fputs("\\ufffd", out);
		return 1;
	}
	if (utf8_is_control(c))
		fprintf(out, "\\u%04" PRIx32, c);
	else if (c == '"' || c == '\\')
		fprintf(out, "\\%c", (char)c);
	else
		fwrite(text, 1, length, out);
	return length;
}

static void put_text(FILE *out, const char *text)
{
	size_t size = strlen(text);
	putc('"', out);
	for (size_t at = 0; at < size;)
		at += put_character(out, text + at, size - at);
	putc('"', out);
}

/* begin_value - what stands in front of it */
static void begin_value(struct json *json, const char *key)
{
	bool needs_key = json->depth > 0 && !json->is_array[json->depth];
	CHECK(needs_key == (key != NULL));
	if (json->is_begun)
		putc(',', json->out);
	json->is_begun = true;
	if (!key)
		return;
	put_text(json->out, key);
	putc(':', json->out);
}

static void begin_nest(struct json *json, const char *key, bool is_array)
{
	begin_value(json, key);
	CHECK(json->depth < JSON_DEPTH_MAX);
	json->is_array[++json->depth] = is_array;
	json->is_begun = false;
	putc(is_array ? '[' : '{', json->out);
}

void json_begin_object(struct json *json, const char *key)
{
	begin_nest(json, key, false);
}

void json_begin_array(struct json *json, const char *key)
{
	begin_nest(json, key, true);
}

void json_end(struct json *json)
{
	CHECK(json->depth > 0);
	putc(json->is_array[json->depth--] ? ']' : '}', json->out);
	json->is_begun = true;
	if (json->depth == 0)
		putc('\n', json->out);
}

void json_text(struct json *json, const char *key, const char *text)
{
	if (!text) {
		json_put_null(json, key);
		return;
	}
	begin_value(json, key);
	put_text(json->out, text);
}

void json_number(struct json *json, const char *key, uint64_t value)
{
	begin_value(json, key);
	fprintf(json->out, "%" PRIu64, value);
}

void json_bool(struct json *json, const char *key, bool value)
{
	begin_value(json, key);
	fputs(value ? "true" : "false", json->out);
}

void json_put_null(struct json *json, const char *key)
{
	begin_value(json, key);
	fputs("null", json->out);
}
