/* SPDX-License-Identifier: Apache-2.0 */
#include "base/units.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/unit.h"

typedef int parse_fn(const char *text, uint64_t *ret, struct err *err);

struct refusal {
	parse_fn *parse;
	const char *text;
	int code;
	const char *why;
};

static void durations_are_read_in_milliseconds(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t ms;
	} cases[] = {{"250ms", 250},  {"5s", 5000}, {"1m", 60000},
		     {"2h", 7200000}, {"0s", 0},    {"18446744073709551615ms", UINT64_MAX}};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		uint64_t ms = 1;
		assert_int_equal(units_parse_duration(cases[i].text, &ms, NULL), 0);
		assert_true(ms == cases[i].ms);
	}
}

static void sizes_are_read_in_bytes(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t size;
	} cases[] = {{"512B", 512}, {"64KiB", 65536}, {"1MiB", 1048576}, {"2GiB", 2147483648}};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		uint64_t size = 1;
		assert_int_equal(units_parse_size(cases[i].text, &size, NULL), 0);
		assert_true(size == cases[i].size);
	}
}

static void mistakes_are_refused_with_what_was_expected(void **state)
{
	(void)state;
	static const struct refusal cases[] = {
		{units_parse_duration, "5", EINVAL, "'5' has no unit; expected a duration such as 250ms"},
		{units_parse_duration, "5 s", EINVAL, "unknown unit ' s'"},
		{units_parse_duration, "5S", EINVAL, "unknown unit 'S'"},
		{units_parse_duration, "5sec", EINVAL, "unknown unit 'sec'; expected a duration"},
		{units_parse_duration, "1.5s", EINVAL, "unknown unit '.5s'"},
		{units_parse_duration, "", EINVAL, "'' is not a number"},
		{units_parse_duration, "ms", EINVAL, "'ms' is not a number"},
		{units_parse_duration, "-5s", EINVAL, "'-5s' is not a number"},
		{units_parse_duration, "+5s", EINVAL, "'+5s' is not a number"},
		{units_parse_duration, "010s", EINVAL, "begins with 0, as an octal number does"},
		{units_parse_duration, "18446744073709551616ms", ERANGE, "too large"},
		{units_parse_duration, "18446744073709552s", ERANGE, "too large"},
		{units_parse_size, "64K", EINVAL, "unknown unit 'K'; expected a size such as 512B, 64KiB"},
		{units_parse_size, "64kb", EINVAL, "unknown unit 'kb'"},
		{units_parse_size, "64", EINVAL, "has no unit"},
		{units_parse_bandwidth, "10MiB", EINVAL, "unknown unit 'MiB'; expected a bandwidth such as 64KiB/s"},
		{units_parse_bandwidth, "10", EINVAL, "has no unit"},
		{units_parse_bandwidth, "10mbit/s", EINVAL, "unknown unit 'mbit/s'"},
		{units_parse_bandwidth, "18446744073709551GiB/s", ERANGE, "too large"},
		{units_parse_size, "17179869184GiB", ERANGE, "too large"},
		{units_parse_count, "12x", EINVAL, "'12x' is not a number; expected a whole number"},
		{units_parse_count, "0x10", EINVAL, "not a number"},
		{units_parse_count, "010", EINVAL, "octal"},
		{units_parse_count, "18446744073709551616", ERANGE, "too large"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct err err = ERR_INIT;
		uint64_t value = 77;
		assert_int_equal(cases[i].parse(cases[i].text, &value, &err), -cases[i].code);
		assert_contains(err.text, cases[i].why);
		assert_true(value == 77);
	}
}

static void bandwidths_are_read_and_written_back(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t bytes_per_s;
	} cases[] = {
		{"0B/s", 0},           {"1B/s", 1},           {"64KiB/s", 65536},         {"10MiB/s", 10 << 20},
		{"2GiB/s", 2ull << 30}, {"1kbit/s", 125},      {"100Mbit/s", 12500000},    {"1Gbit/s", 125000000},
		{"1000MiB/s", 1048576000},
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		uint64_t value = 1;
		char text[UNITS_TEXT_MAX];
		assert_int_equal(units_parse_bandwidth(cases[i].text, &value, NULL), 0);
		assert_true(value == cases[i].bytes_per_s);
		assert_string_equal(units_format_bandwidth(value, text, sizeof(text)), cases[i].text);
	}
}

static void durations_are_written_in_the_largest_unit_that_divides(void **state)
{
	(void)state;
	static const struct {
		uint64_t ms;
		const char *text;
	} cases[] = {{0, "0s"},      {250, "250ms"}, {5000, "5s"},   {1500, "1500ms"},
		     {90000, "90s"}, {60000, "1m"},  {3600000, "1h"}};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		char text[UNITS_TEXT_MAX];
		uint64_t ms;
		assert_string_equal(units_format_duration(cases[i].ms, text, sizeof(text)), cases[i].text);
		assert_int_equal(units_parse_duration(text, &ms, NULL), 0);
		assert_true(ms == cases[i].ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_are_read_in_milliseconds),
		cmocka_unit_test(sizes_are_read_in_bytes),
		cmocka_unit_test(mistakes_are_refused_with_what_was_expected),
		cmocka_unit_test(bandwidths_are_read_and_written_back),
		cmocka_unit_test(durations_are_written_in_the_largest_unit_that_divides),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
