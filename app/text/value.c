/* SPDX-License-Identifier: Apache-2.0 */
#include "app/text/value.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "app/text/suggest.h"
#include "base/endpoint.h"
#include "base/units.h"

static_assert(sizeof(enum value_kind) == sizeof(uint32_t), "an enum in struct config is written as uint32_t");

enum { MS_PER_S = 1000 };

static uint64_t ms_per_unit(const struct value_type *type)
{
	return type->kind == VALUE_SECONDS ? MS_PER_S : 1;
}

static uint64_t bytes_of(uint32_t kib)
{
	return (uint64_t)kib * 1024;
}

static void store(void *ret, uint64_t value)
{
	uint32_t narrow = (uint32_t)value;
	memcpy(ret, &narrow, sizeof(narrow));
}

static uint32_t load(const void *field)
{
	uint32_t value;
	memcpy(&value, field, sizeof(value));
	return value;
}

static int refuse(const struct value_type *type, int code, const char *text, const char *what,
		  struct err *err)
{
	char expected[VALUE_TEXT_MAX];
	return err_set(err, code, "'%.64s' %s; expected %s", text, what,
		       value_describe(type, expected, sizeof(expected)));
}

static int parse_bool(const struct value_type *type, const char *text, void *ret, struct err *err)
{
	bool value = strcmp(text, "true") == 0;
	if (!value && strcmp(text, "false") != 0)
		return refuse(type, EINVAL, text, "is neither true nor false", err);
	*(bool *)ret = value;
	return 0;
}

static int parse_count(const struct value_type *type, const char *text, void *ret, struct err *err)
{
	uint64_t value;
	int r = units_parse_count(text, &value, err);
	if (r == -EINVAL)
		return r;
	if (r < 0 || value < type->min || value > type->max)
		return refuse(type, ERANGE, text, "is out of range", err);
	store(ret, value);
	return 0;
}

static int parse_duration(const struct value_type *type, const char *text, void *ret, struct err *err)
{
	uint64_t ms, unit = ms_per_unit(type);
	int r = units_parse_duration(text, &ms, err);
	if (r == -EINVAL)
		return r;
	if (r < 0 || ms < type->min * unit || ms > type->max * unit)
		return refuse(type, ERANGE, text, "is out of range", err);
	if (ms % unit != 0)
		return refuse(type, EINVAL, text, "is not a number of whole seconds", err);
	store(ret, ms / unit);
	return 0;
}

/* read_percent - "P%", "P.D%" or "P.DD%" as hundredths of a percent; false when it is none of them */
static bool read_percent(const char *text, uint32_t *ret)
{
	static const char digits[] = "0123456789";
	size_t whole = strspn(text, digits);
	bool point = text[whole] == '.';
	const char *decimals = text + whole + point;
	size_t count = strspn(decimals, digits);
	if (whole == 0 || whole > 5 || count > 2 || (point ? count == 0 : count > 0) || strcmp(decimals + count, "%") != 0)
		return false;
	*ret = 0;
	for (size_t i = 0; i < whole; i++)
		*ret = *ret * 10 + (uint32_t)(text[i] - '0');
	for (size_t i = 0; i < 2; i++)
		*ret = *ret * 10 + (i < count ? (uint32_t)(decimals[i] - '0') : 0);
	return true;
}

static int parse_percent(const struct value_type *type, const char *text, void *ret, struct err *err)
{
	uint32_t value;
	if (!read_percent(text, &value))
		return refuse(type, EINVAL, text, "is not a percentage", err);
	if (value < type->min || value > type->max)
		return refuse(type, ERANGE, text, "is out of range", err);
	store(ret, value);
	return 0;
}

/* format_percent - with as many decimals as it takes */
static const char *format_percent(uint32_t value, char *buf, size_t size)
{
	const uint32_t whole = value / 100, rest = value % 100;
	if (rest == 0)
		snprintf(buf, size, "%" PRIu32 "%%", whole);
	else if (rest % 10 == 0)
		snprintf(buf, size, "%" PRIu32 ".%" PRIu32 "%%", whole, rest / 10);
	else
		snprintf(buf, size, "%" PRIu32 ".%02" PRIu32 "%%", whole, rest);
	return buf;
}

static int parse_bandwidth(const struct value_type *type, const char *text, void *ret, struct err *err)
{
	uint64_t value;
	int r = units_parse_bandwidth(text, &value, err);
	if (r == -EINVAL)
		return r;
	if (r < 0 || (value && (value < bytes_of(type->min) || value > bytes_of(type->max))))
		return refuse(type, ERANGE, text, "is out of range", err);
	memcpy(ret, &value, sizeof(value));
	return 0;
}

static int parse_rate(const struct value_type *type, const char *text, void *ret, struct err *err)
{
	char digits[VALUE_TEXT_MAX];
	uint64_t value;
	size_t length = strcspn(text, "/");
	if (strcmp(text + length, "/s") != 0 || length >= sizeof(digits))
		return refuse(type, EINVAL, text, "is not a rate", err);
	memcpy(digits, text, length);
	digits[length] = '\0';
	int r = units_parse_count(digits, &value, NULL);
	if (r == -EINVAL)
		return refuse(type, EINVAL, text, "is not a rate", err);
	if (r < 0 || value < type->min || value > type->max)
		return refuse(type, ERANGE, text, "is out of range", err);
	store(ret, value);
	return 0;
}

static int parse_choice(const struct value_type *type, const char *text, void *ret, struct err *err)
{
	struct suggest suggest;
	suggest_init(&suggest, text);
	for (uint32_t i = 0; type->choices[i]; i++) {
		if (strcmp(text, type->choices[i]) == 0) {
			store(ret, i);
			return 0;
		}
		suggest_add(&suggest, type->choices[i]);
	}
	return err_set(err, EINVAL, "'%.64s' is not known; %s", text, suggest_text(&suggest));
}

static bool is_name_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == '-' || c == '.';
}

static int parse_name(const struct value_type *type, const char *text, void *ret, struct err *err)
{
	size_t length = strlen(text);
	if (length < type->min || length > type->max)
		return refuse(type, EINVAL, text, length ? "is too long" : "is empty", err);
	for (const char *c = text; *c; c++)
		if (!is_name_character(*c))
			return refuse(type, EINVAL, text, "holds a character a name may not", err);
	memcpy(ret, text, length + 1);
	return 0;
}

static int parse_path(const struct value_type *type, const char *text, void *ret, struct err *err)
{
	size_t length = strlen(text);
	if (length > type->max)
		return refuse(type, EINVAL, text, "is too long", err);
	if (length > 0 && text[0] != '/')
		return refuse(type, EINVAL, text, "does not begin with '/'", err);
	memcpy(ret, text, length + 1);
	return 0;
}

static int parse_address(const struct value_type *type, const char *text, void *ret, struct err *err)
{
	struct endpoint endpoint;
	char full[VALUE_TEXT_MAX];
	size_t length = strlen(text);
	if (length > type->max)
		return refuse(type, EINVAL, text, "is too long", err);
	snprintf(full, sizeof(full), "/%s", text); /* in the program's own namespace */
	if (length > 0 && (strchr(text, '/') || endpoint_parse(full, &endpoint, NULL) < 0))
		return refuse(type, EINVAL, text, "is no such address", err);
	memcpy(ret, text, length + 1);
	return 0;
}

static int parse_octets(const struct value_type *type, const char *text, void *ret, struct err *err)
{
	(void)type;
	return octets_parse(text, ret, err);
}

int value_parse(const struct value_type *type, const char *text, void *ret, struct err *err)
{
	static int (*const parsers[])(const struct value_type *, const char *, void *, struct err *) = {
		[VALUE_BOOL] = parse_bool,
		[VALUE_COUNT] = parse_count,
		[VALUE_MS] = parse_duration,
		[VALUE_SECONDS] = parse_duration,
		[VALUE_BANDWIDTH] = parse_bandwidth,
		[VALUE_CHOICE] = parse_choice,
		[VALUE_NAME] = parse_name,
		[VALUE_PERCENT] = parse_percent,
		[VALUE_RATE] = parse_rate,
		[VALUE_PATH] = parse_path,
		[VALUE_ADDRESS] = parse_address,
		[VALUE_OCTETS] = parse_octets,
	};
	return parsers[type->kind](type, text, ret, err);
}

const char *value_format(const struct value_type *type, const void *field, char *buf, size_t size)
{
	uint64_t bandwidth;
	switch (type->kind) {
	case VALUE_BOOL:
		snprintf(buf, size, "%s", *(const bool *)field ? "true" : "false");
		break;
	case VALUE_COUNT:
		snprintf(buf, size, "%" PRIu32, load(field));
		break;
	case VALUE_RATE:
		snprintf(buf, size, "%" PRIu32 "/s", load(field));
		break;
	case VALUE_MS:
	case VALUE_SECONDS:
		units_format_duration(load(field) * ms_per_unit(type), buf, size);
		break;
	case VALUE_BANDWIDTH:
		memcpy(&bandwidth, field, sizeof(bandwidth));
		units_format_bandwidth(bandwidth, buf, size);
		break;
	case VALUE_CHOICE:
		snprintf(buf, size, "%s", type->choices[load(field)]);
		break;
	case VALUE_PERCENT:
		format_percent(load(field), buf, size);
		break;
	case VALUE_NAME:
	case VALUE_PATH:
	case VALUE_ADDRESS:
		snprintf(buf, size, "%s", (const char *)field);
		break;
	case VALUE_OCTETS:
		octets_format(field, buf, size);
		break;
	}
	return buf;
}

/* join - the choices, @between them */
static const char *join(const char *const *choices, const char *between, char *buf, size_t size)
{
	size_t length = 0;
	buf[0] = '\0';
	for (; *choices && length < size; choices++)
		length += (size_t)snprintf(buf + length, size - length, "%s%s", length ? between : "",
					   *choices);
	return buf;
}

const char *value_describe(const struct value_type *type, char *buf, size_t size)
{
	char min[UNITS_TEXT_MAX], max[UNITS_TEXT_MAX];
	switch (type->kind) {
	case VALUE_BOOL:
		snprintf(buf, size, "true or false");
		break;
	case VALUE_COUNT:
		snprintf(buf, size, "a whole number from %" PRIu32 " to %" PRIu32, type->min, type->max);
		break;
	case VALUE_RATE:
		snprintf(buf, size, "a rate from %" PRIu32 "/s to %" PRIu32 "/s", type->min, type->max);
		break;
	case VALUE_MS:
	case VALUE_SECONDS:
		units_format_duration(type->min * ms_per_unit(type), min, sizeof(min));
		units_format_duration(type->max * ms_per_unit(type), max, sizeof(max));
		snprintf(buf, size, "a duration%s from %s to %s",
			 type->kind == VALUE_SECONDS ? " of whole seconds" : "", min, max);
		break;
	case VALUE_BANDWIDTH:
		snprintf(buf, size, "a bandwidth from %s to %s, or 0B/s",
			 units_format_bandwidth(bytes_of(type->min), min, sizeof(min)),
			 units_format_bandwidth(bytes_of(type->max), max, sizeof(max)));
		break;
	case VALUE_CHOICE:
		join(type->choices, " or ", buf, size);
		break;
	case VALUE_PERCENT:
		format_percent(type->min, min, sizeof(min));
		format_percent(type->max, max, sizeof(max));
		snprintf(buf, size, "a percentage from %s to %s", min, max);
		break;
	case VALUE_NAME:
		snprintf(buf, size, "%" PRIu32 " to %" PRIu32 " letters, digits, '_', '-' or '.'", type->min,
			 type->max);
		break;
	case VALUE_PATH:
		snprintf(buf, size, "the absolute path of a file, of at most %" PRIu32 " bytes", type->max);
		break;
	case VALUE_ADDRESS:
		snprintf(buf, size, "an address and a port, such as 127.0.0.1:9100 or [::1]:9100");
		break;
	case VALUE_OCTETS:
		snprintf(buf, size, "a text of at most %d bytes, with \\r, \\n, \\t, \\0, \\\\ or \\xHH", OCTETS_MAX);
		break;
	}
	return buf;
}

const char *value_placeholder(const struct value_type *type, char *buf, size_t size)
{
	static const char *const names[] = {
		[VALUE_BOOL] = "true|false",     [VALUE_COUNT] = "N",             [VALUE_MS] = "DURATION",
		[VALUE_SECONDS] = "DURATION",    [VALUE_BANDWIDTH] = "BANDWIDTH", [VALUE_CHOICE] = NULL,
		[VALUE_NAME] = "NAME",
		[VALUE_PERCENT] = "N%",       [VALUE_RATE] = "N/s",
		[VALUE_PATH] = "PATH",
		[VALUE_ADDRESS] = "ADDRESS:PORT",
		[VALUE_OCTETS] = "TEXT",
	};
	if (type->kind == VALUE_CHOICE)
		return join(type->choices, "|", buf, size);
	snprintf(buf, size, "%s", names[type->kind]);
	return buf;
}
