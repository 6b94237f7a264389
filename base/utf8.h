/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8, as strict as RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF. */
#ifndef NSRELAY_BASE_UTF8_H
#define NSRELAY_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * utf8_decode - the character that begins at @text
 * @size: bytes there are
 * @ret:  the code point
 *
 * Returns how many bytes it takes (1 to 4), or 0 when they are not UTF-8 or @size is 0.
 */
size_t utf8_decode(const char *text, size_t size, uint32_t *ret);

/* utf8_is_control - C0, DEL and C1: what a terminal may obey rather than show */
bool utf8_is_control(uint32_t c);

#endif
