/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

/* RFC 3629, section 3: how a character begins, and the least code point that needs this length. */
static const struct {
	uint8_t mask, lead;
	uint32_t least;
} forms[] = {
	{0x80, 0x00, 0x0},
	{0xe0, 0xc0, 0x80},
	{0xf0, 0xe0, 0x800},
	{0xf8, 0xf0, 0x10000},
};

size_t utf8_decode(const char *text, size_t size, uint32_t *ret)
{
	if (size == 0)
		return 0;
	uint8_t lead = (uint8_t)text[0];
	size_t length = 0;
	while (length < 4 && (lead & forms[length].mask) != forms[length].lead)
		length++;
	if (length == 4 || ++length > size)
		return 0;
	uint32_t c = lead & (uint8_t)~forms[length - 1].mask;
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (text[i] & 0x3f);
	}
	if (c < forms[length - 1].least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return length;
}

bool utf8_is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0);
}
