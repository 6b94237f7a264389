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

/* plain_length - of the beginning of @text that may stand as it is, and is the whole nearly always */
static size_t plain_length(const char *text)
{
	size_t length = 0;
	while (text[length] >= ' ' && text[length] <= '~' && text[length] != '"' && text[length] != '\\')
		length++;
	return length;
}

static void put_text(FILE *out, const char *text)
{
	fputc_unlocked('"', out);
	while (*text) {
		size_t plain = plain_length(text);
		if (plain > 0)
			(fwrite_unlocked)(text, 1, plain, out); /* not the macro, which is for short ones */
		text += plain;
		if (*text)
			text += put_character(out, text, strlen(text));
	}
	fputc_unlocked('"', out);
}

/* begin_value - what stands in front of it */
static void begin_value(struct json *json, const char *key)
{
	bool needs_key = json->depth > 0 && !json->is_array[json->depth];
	CHECK(needs_key == (key != NULL));
	if (json->is_begun)
		putc_unlocked(',', json->out);
	json->is_begun = true;
	if (!key)
		return;
	put_text(json->out, key);
	putc_unlocked(':', json->out);
}

static void begin_nest(struct json *json, const char *key, bool is_array)
{
	begin_value(json, key);
	CHECK(json->depth < JSON_DEPTH_MAX);
	json->is_array[++json->depth] = is_array;
	json->is_begun = false;
	putc_unlocked(is_array ? '[' : '{', json->out);
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
	putc_unlocked(json->is_array[json->depth--] ? ']' : '}', json->out);
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
	enum { DIGITS_MAX = 20 }; /* of 2^64 - 1 */
	char digits[DIGITS_MAX];
	size_t first = DIGITS_MAX;
	begin_value(json, key);
	do
		digits[--first] = (char)('0' + value % 10);
	while (value /= 10);
	fwrite_unlocked(digits + first, 1, DIGITS_MAX - first, json->out);
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
