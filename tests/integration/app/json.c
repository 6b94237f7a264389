/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/app/json.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* Functions that read return what is wrong, or NULL; @text is moved behind what was read. */

static bool take(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

/* Encode below U+0800, which is what the log escapes. */
static size_t encode(unsigned long c, char *out)
{
	if (c < 0x80) {
		*out = (char)c;
		return 1;
	}
	out[0] = (char)(0xc0 | c >> 6);
	out[1] = (char)(0x80 | (c & 0x3f));
	return 2;
}

static const char *read_escape(const char **text, char *out, size_t *used)
{
	static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	const char *letter = **text ? strchr(letters, **text) : NULL;
	if (letter) {
		(*text)++;
		out[(*used)++] = meanings[letter - letters];
		return NULL;
	}
	char digits[5] = "", *end;
	if (!take(text, 'u'))
		return "an unknown escape";
	snprintf(digits, sizeof(digits), "%.4s", *text);
	unsigned long c = strtoul(digits, &end, 16);
	if (end != digits + 4 || c == 0 || c >= 0x800)
		return "an escape of no such character";
	*text += 4;
	*used += encode(c, out + *used);
	return NULL;
}

static const char *read_character(const char **text, char *out, size_t *used)
{
	uint32_t c;
	if (take(text, '\\'))
		return read_escape(text, out, used);
	size_t size = utf8_decode(*text, strlen(*text), &c);
	if (size == 0 || c < 0x20)
		return "a string without end, or with a raw control character or bytes that are no UTF-8";
	memcpy(out + *used, *text, size);
	*text += size;
	*used += size;
	return NULL;
}

static const char *read_string(const char **text, char *out)
{
	size_t used = 0;
	if (!take(text, '"'))
		return "a string is missing";
	while (!take(text, '"')) {
		const char *wrong = used + 8 > JSON_TEXT_MAX ? "a string too long for the test"
		                                             : read_character(text, out, &used);
		if (wrong)
			return wrong;
	}
	out[used] = '\0';
	return NULL;
}

static size_t skip_digits(const char **text)
{
	size_t count = strspn(*text, "0123456789");
	*text += count;
	return count;
}

static bool read_number(const char **text)
{
	take(text, '-');
	if (!take(text, '0') && skip_digits(text) == 0)
		return false;
	if (take(text, '.') && skip_digits(text) == 0)
		return false;
	if (!take(text, 'e') && !take(text, 'E'))
		return true;
	if (!take(text, '-'))
		take(text, '+');
	return skip_digits(text) > 0;
}

static bool read_word(const char **text)
{
	static const char *const words[] = {"true", "false", "null"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strncmp(*text, words[i], strlen(words[i])) == 0) {
			*text += strlen(words[i]);
			return true;
		}
	}
	return false;
}

static const char *read_value(const char **text, struct json_field *field)
{
	const char *start = *text;
	field->kind = JSON_STRING;
	if (*start == '"')
		return read_string(text, field->value);
	field->kind = JSON_WORD;
	if (!read_word(text)) {
		field->kind = JSON_NUMBER;
		if (!read_number(text))
			return "a value is missing";
	}
	snprintf(field->value, sizeof(field->value), "%.*s", (int)(*text - start), start);
	return NULL;
}

static const char *read_field(const char **text, struct json_record *ret)
{
	struct json_field *field = &ret->fields[ret->count];
	if (ret->count == JSON_FIELDS_MAX)
		return "too many fields for the test";
	const char *wrong = read_string(text, field->key);
	if (!wrong && json_find(ret, field->key))
		wrong = "a key is there twice";
	if (!wrong && !take(text, ':'))
		wrong = "a colon is missing";
	if (!wrong)
		wrong = read_value(text, field);
	ret->count += !wrong;
	return wrong;
}

const char *json_parse(const char *line, struct json_record *ret)
{
	ret->count = 0;
	if (!take(&line, '{'))
		return "it is no object";
	do {
		const char *wrong = read_field(&line, ret);
		if (wrong)
			return wrong;
	} while (take(&line, ','));
	return take(&line, '}') && !*line ? NULL : "it does not end where it should";
}

const struct json_field *json_find(const struct json_record *record, const char *key)
{
	for (size_t i = 0; i < record->count; i++) {
		if (strcmp(record->fields[i].key, key) == 0)
			return &record->fields[i];
	}
	return NULL;
}
