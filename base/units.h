/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as people write them. Strict on purpose: decimal digits only, no sign, no blank, and no leading
 * zero, which some readers take for octal.
 */
#ifndef NSRELAY_BASE_UNITS_H
#define NSRELAY_BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Longest text units_format_duration() writes, its NUL included. */
enum { UNITS_TEXT_MAX = 24 };

/*
 * units_parse_count - read a whole number
 * Errors: EINVAL (not a decimal number, or a leading zero), ERANGE (above 2^64-1); the text says what was
 * expected.
 */
int units_parse_count(const char *text, uint64_t *ret, struct err *err);

/*
 * units_parse_duration - read `250ms`, `5s`, `1m` or `2h` as milliseconds
 * Errors: EINVAL (no number, no unit, unknown unit), ERANGE (above 2^64-1 ms).
 */
int units_parse_duration(const char *text, uint64_t *ret_ms, struct err *err);

/*
 * units_parse_size - read `512B`, `64KiB`, `1MiB` or `2GiB` as bytes
 * Errors: EINVAL (no number, no unit, unknown unit), ERANGE (above 2^64-1 bytes).
 */
int units_parse_size(const char *text, uint64_t *ret_size, struct err *err);

/*
 * units_parse_bandwidth - read `64KiB/s`, `10MiB/s`, `100Mbit/s` or `1Gbit/s` as bytes a second
 * Errors: EINVAL (no number, no unit, unknown unit), ERANGE (above 2^64-1 bytes a second).
 */
int units_parse_bandwidth(const char *text, uint64_t *ret_bytes_per_s, struct err *err);

/* units_format_duration - in the largest unit that divides it; units_parse_duration() reads it back. Returns
 * @buf. */
const char *units_format_duration(uint64_t ms, char *buf, size_t size);

/* units_format_bandwidth - the same for units_parse_bandwidth() */
const char *units_format_bandwidth(uint64_t bytes_per_s, char *buf, size_t size);

#endif
