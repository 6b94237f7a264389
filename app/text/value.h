/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed values as they are written, on the command line and in a file alike: how to read one into a field of
 * struct config, write it back, and say what would have been right.
 */
#ifndef NSRELAY_APP_TEXT_VALUE_H
#define NSRELAY_APP_TEXT_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/octets.h"

enum value_kind {
	VALUE_BOOL,    /* true or false; the field is a bool */
	VALUE_COUNT,   /* a whole number; uint32_t */
	VALUE_MS,      /* a duration; uint32_t of milliseconds */
	VALUE_SECONDS, /* a duration of whole seconds; uint32_t of seconds */
	VALUE_BANDWIDTH, /* bytes a second; uint64_t; min and max are of KiB a second, and 0 is allowed: no limit */
	VALUE_RATE,    /* "500/s", so many a second; uint32_t */
	VALUE_CHOICE,  /* one of some words; an enum that counts them from 0 */
	VALUE_PERCENT, /* "12.5%"; uint32_t of hundredths of a percent */
	VALUE_OCTETS,  /* text with escapes: base/octets.h; struct octets */
	VALUE_NAME,    /* letters, digits, '_', '-' and '.'; an array of at least max + 1 char */
	VALUE_PATH,    /* of a file, absolute, or "" for none; an array of at least max + 1 char */
	VALUE_ADDRESS, /* ADDRESS:PORT of TCP, or "" for none; an array of at least max + 1 char */
};

struct value_type {
	enum value_kind kind;
	uint32_t min, max;          /* of the number in its unit, or of the name's or path's length in bytes */
	const char *const *choices; /* VALUE_CHOICE: ended by NULL */
};

/* Longest text value_format() and value_describe() write, their NUL included. */
enum { VALUE_TEXT_MAX = OCTETS_TEXT_MAX };

/*
 * value_parse - read @text into the field at @ret
 * Errors: EINVAL or ERANGE; the text quotes what was written and says what was expected.
 */
int value_parse(const struct value_type *type, const char *text, void *ret, struct err *err);

/* value_format - the text value_parse() reads back. Returns @buf. */
const char *value_format(const struct value_type *type, const void *field, char *buf, size_t size);

/* value_describe - what is expected: "a duration from 0s to 720h". Returns @buf. */
const char *value_describe(const struct value_type *type, char *buf, size_t size);

/* value_placeholder - how it is called in a usage text: "DURATION", "auto|bulk". Returns @buf. */
const char *value_placeholder(const struct value_type *type, char *buf, size_t size);

#endif
