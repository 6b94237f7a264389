/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few bytes of any kind, and how they are written: as text in which `\r`, `\n`, `\t`, `\0`, `\\` and `\xHH` stand for one
 * byte each.
 */
#ifndef NSRELAY_BASE_OCTETS_H
#define NSRELAY_BASE_OCTETS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
	OCTETS_MAX = 126,
	OCTETS_TEXT_MAX = OCTETS_MAX * 4 + 1, /* longest text octets_format() writes, its NUL included */
};

struct octets {
	uint16_t size;
	uint8_t data[OCTETS_MAX];
};

/*
 * octets_parse - read @text; @ret is untouched on failure
 * Errors: EINVAL (an escape that is none of these), ERANGE (too many bytes); the text says what was expected.
 */
int octets_parse(const char *text, struct octets *ret, struct err *err);

/* octets_format - the text that octets_parse() reads back, in printable ASCII. Returns @buf. */
const char *octets_format(const struct octets *octets, char *buf, size_t size);

#endif
