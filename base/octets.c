/* SPDX-License-Identifier: Apache-2.0 */
#include "base/octets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

static const struct escape {
	char letter;
	uint8_t byte;
} escapes[] = {{'r', '\r'}, {'n', '\n'}, {'t', '\t'}, {'0', '\0'}, {'\\', '\\'}};

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20; /* to lower case */
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* parse_escape - the byte that the escape at @text stands for, and *@ret_length: of the escape; -EINVAL when it is none */
static int parse_escape(const char *text, size_t *ret_length)
{
	if (text[1] == 'x') {
		int high = digit_of(text[2]), low = high < 0 ? -1 : digit_of(text[3]);
		*ret_length = 4;
		return low < 0 ? -EINVAL : high * 16 + low;
	}
	*ret_length = 2;
	for (size_t i = 0; i < ARRAY_COUNT(escapes); i++) {
		if (escapes[i].letter == text[1])
			return escapes[i].byte;
	}
	return -EINVAL;
}

int octets_parse(const char *text, struct octets *ret, struct err *err)
{
	struct octets octets = {0};
	for (size_t length; *text; text += length) {
		length = 1;
		int byte = *text == '\\' ? parse_escape(text, &length) : (uint8_t)*text;
		if (byte < 0)
			return err_set(err, EINVAL, "'%.4s' is no escape; expected \\r, \\n, \\t, \\0, \\\\ or \\xHH", text);
		if (octets.size == OCTETS_MAX)
			return err_set(err, ERANGE, "too long; expected at most %d bytes", OCTETS_MAX);
		octets.data[octets.size++] = (uint8_t)byte;
	}
	*ret = octets;
	return 0;
}

static int format_byte(uint8_t byte, char *buf, size_t size)
{
	for (size_t i = 0; i < ARRAY_COUNT(escapes); i++) {
		if (escapes[i].byte == byte)
			return snprintf(buf, size, "\\%c", escapes[i].letter);
	}
	return byte >= ' ' && byte <= '~' ? snprintf(buf, size, "%c", byte) : snprintf(buf, size, "\\x%02x", byte);
}

const char *octets_format(const struct octets *octets, char *buf, size_t size)
{
	size_t length = 0;
	buf[0] = '\0';
	for (size_t i = 0; i < octets->size && length < size; i++)
		length += (size_t)format_byte(octets->data[i], buf + length, size - length);
	return buf;
}
