/* SPDX-License-Identifier: Apache-2.0 */
#include "base/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* A kind of quantity: its units, the smallest first, and what to tell who got it wrong. */
struct scale {
	const struct unit *units;
	size_t unit_count;
	const char *expected;
};

static const struct unit duration_units[] = {{"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}};
static const struct unit size_units[] = {{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
static const struct unit bandwidth_units[] = {
	{"B/s", 1},          {"kbit/s", 1000 / 8},       {"KiB/s", 1 << 10},          {"Mbit/s", 1000000 / 8},
	{"MiB/s", 1 << 20},  {"Gbit/s", 1000000000 / 8}, {"GiB/s", 1 << 30},
};
static const struct unit count_units[] = {{"", 1}};

static const struct scale duration_scale = {duration_units, ARRAY_COUNT(duration_units),
					    "a duration such as 250ms, 5s, 1m or 2h"};
static const struct scale size_scale = {size_units, ARRAY_COUNT(size_units),
					"a size such as 512B, 64KiB, 1MiB or 2GiB"};
static const struct scale bandwidth_scale = {bandwidth_units, ARRAY_COUNT(bandwidth_units),
					     "a bandwidth such as 64KiB/s, 10MiB/s or 100Mbit/s"};
static const struct scale count_scale = {count_units, ARRAY_COUNT(count_units), "a whole number"};

/* take_digits - read the number @text begins with; ret_end is where it stops */
static int take_digits(const char *text, uint64_t *ret, const char **ret_end)
{
	uint64_t value = 0;
	const char *c = text;
	for (; *c >= '0' && *c <= '9'; c++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*c - '0'), &value))
			return -ERANGE;
	*ret = value;
	*ret_end = c;
	return 0;
}

static const struct unit *find_unit(const struct scale *scale, const char *name)
{
	for (size_t i = 0; i < scale->unit_count; i++)
		if (strcmp(name, scale->units[i].name) == 0)
			return &scale->units[i];
	return NULL;
}

static int refuse_unit(const struct scale *scale, const char *text, const char *unit, struct err *err)
{
	if (scale == &count_scale)
		return err_set(err, EINVAL, "'%.64s' is not a number; expected %s", text, scale->expected);
	if (*unit == '\0')
		return err_set(err, EINVAL, "'%.64s' has no unit; expected %s", text, scale->expected);
	return err_set(err, EINVAL, "'%.64s' has the unknown unit '%.64s'; expected %s", text, unit,
		       scale->expected);
}

static int parse(const struct scale *scale, const char *text, uint64_t *ret, struct err *err)
{
	uint64_t value;
	const char *end;
	int overflow = take_digits(text, &value, &end);
	if (overflow)
		return err_set(err, ERANGE, "'%.64s' is too large; expected %s", text, scale->expected);
	if (end == text)
		return err_set(err, EINVAL, "'%.64s' is not a number; expected %s", text, scale->expected);
	if (text[0] == '0' && end - text > 1)
		return err_set(err, EINVAL, "'%.64s' begins with 0, as an octal number does; expected %s",
			       text, scale->expected);
	const struct unit *unit = find_unit(scale, end);
	if (!unit)
		return refuse_unit(scale, text, end, err);
	if (__builtin_mul_overflow(value, unit->factor, &value))
		return err_set(err, ERANGE, "'%.64s' is too large; expected %s", text, scale->expected);
	*ret = value;
	return 0;
}

int units_parse_count(const char *text, uint64_t *ret, struct err *err)
{
	return parse(&count_scale, text, ret, err);
}

int units_parse_duration(const char *text, uint64_t *ret_ms, struct err *err)
{
	return parse(&duration_scale, text, ret_ms, err);
}

int units_parse_size(const char *text, uint64_t *ret_size, struct err *err)
{
	return parse(&size_scale, text, ret_size, err);
}

int units_parse_bandwidth(const char *text, uint64_t *ret_bytes_per_s, struct err *err)
{
	return parse(&bandwidth_scale, text, ret_bytes_per_s, err);
}

/* format - in the largest unit that divides @value; 0 in the unit @of_zero */
static const char *format(const struct scale *scale, uint64_t value, size_t of_zero, char *buf, size_t size)
{
	const struct unit *unit = &scale->units[value ? scale->unit_count - 1 : of_zero];
	while (value % unit->factor != 0)
		unit--;
	snprintf(buf, size, "%" PRIu64 "%s", value / unit->factor, unit->name);
	return buf;
}

const char *units_format_duration(uint64_t ms, char *buf, size_t size)
{
	return format(&duration_scale, ms, 1, buf, size); /* "0s" */
}

const char *units_format_bandwidth(uint64_t bytes_per_s, char *buf, size_t size)
{
	return format(&bandwidth_scale, bytes_per_s, 0, buf, size);
}
