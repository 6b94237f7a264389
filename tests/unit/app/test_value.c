/* SPDX-License-Identifier: Apache-2.0 */
#include "app/text/value.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "tests/unit/unit.h"

static const char *const words[] = {"auto", "interactive", "bulk", NULL};
static const struct value_type boolean = {.kind = VALUE_BOOL};
static const struct value_type count = {VALUE_COUNT, .min = 1, .max = 127};
static const struct value_type ms = {VALUE_MS, .min = 0, .max = 3600 * 1000};
static const struct value_type seconds = {VALUE_SECONDS, .min = 1, .max = 100};
static const struct value_type choice = {VALUE_CHOICE, .choices = words};
static const struct value_type percent = {VALUE_PERCENT, .min = 0, .max = 10000};
static const struct value_type rate = {VALUE_RATE, .min = 0, .max = 1000};
static const struct value_type name = {VALUE_NAME, .min = 1, .max = 5};

union field {
	bool boolean;
	uint32_t number;
	char name[6];
};

static void each_kind_is_read_and_written_back(void **state)
{
	(void)state;
	static const struct {
		const struct value_type *type;
		const char *text;
		uint32_t number;
	} cases[] = {
		{&count, "1", 1},     {&count, "127", 127}, {&ms, "0s", 0},
		{&ms, "250ms", 250},  {&ms, "1h", 3600000}, {&seconds, "1s", 1},
		{&seconds, "1m", 60}, {&choice, "auto", 0}, {&choice, "bulk", 2},
		{&percent, "0%", 0},  {&percent, "100%", 10000}, {&percent, "12.5%", 1250},
		{&percent, "0.01%", 1}, {&percent, "7.09%", 709},
		{&rate, "0/s", 0},    {&rate, "500/s", 500},
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		union field field = {.number = 77};
		char text[VALUE_TEXT_MAX];
		assert_int_equal(value_parse(cases[i].type, cases[i].text, &field, NULL), 0);
		assert_int_equal(field.number, cases[i].number);
		assert_string_equal(value_format(cases[i].type, &field, text, sizeof(text)), cases[i].text);
	}
}

static void bandwidth_is_none_or_within_its_range(void **state)
{
	static const struct value_type type = {VALUE_BANDWIDTH, .min = 1, .max = 1024};
	static const char *const right[] = {"0B/s", "1KiB/s", "5Mbit/s", "1MiB/s"}, *const wrong[] = {"1B/s", "2MiB/s"};
	uint64_t field = 77;
	char text[VALUE_TEXT_MAX];
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(right); i++) {
		assert_int_equal(value_parse(&type, right[i], &field, NULL), 0);
		assert_string_equal(value_format(&type, &field, text, sizeof(text)), right[i]);
	}
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		struct err err = ERR_INIT;
		assert_int_equal(value_parse(&type, wrong[i], &field, &err), -ERANGE);
		assert_non_null(strstr(err.text, "is out of range; expected a bandwidth from 1KiB/s to 1MiB/s, or 0B/s"));
	}
	assert_true(field == 1 << 20);
}

static void bools_and_names_are_read(void **state)
{
	(void)state;
	union field field;
	char text[VALUE_TEXT_MAX];
	assert_int_equal(value_parse(&boolean, "true", &field, NULL), 0);
	assert_true(field.boolean);
	assert_string_equal(value_format(&boolean, &field, text, sizeof(text)), "true");
	assert_int_equal(value_parse(&boolean, "false", &field, NULL), 0);
	assert_false(field.boolean);
	assert_int_equal(value_parse(&name, "a-_.9", &field, NULL), 0);
	assert_string_equal(field.name, "a-_.9");
	assert_string_equal(value_format(&name, &field, text, sizeof(text)), "a-_.9");
}

static void mistakes_are_refused_with_what_was_expected(void **state)
{
	(void)state;
	static const struct {
		const struct value_type *type;
		const char *text;
		int code;
		const char *why;
	} cases[] = {
		{&boolean, "yes", EINVAL, "'yes' is neither true nor false; expected true or false"},
		{&boolean, "True", EINVAL, "expected true or false"},
		{&count, "0", ERANGE, "'0' is out of range; expected a whole number from 1 to 127"},
		{&count, "128", ERANGE, "out of range"},
		{&count, "4294967297", ERANGE, "out of range"}, /* 1 when cut to 32 bits */
		{&count, "18446744073709551617", ERANGE, "out of range"},
		{&count, "010", EINVAL, "octal"},
		{&count, "many", EINVAL, "'many' is not a number; expected a whole number"},
		{&ms, "2h", ERANGE, "'2h' is out of range; expected a duration from 0s to 1h"},
		{&ms, "4294967297ms", ERANGE, "out of range"},
		{&ms, "5", EINVAL, "'5' has no unit; expected a duration such as"},
		{&seconds, "1500ms", EINVAL,
		 "not a number of whole seconds; expected a duration of whole seconds from 1s"},
		{&seconds, "0s", ERANGE, "out of range"},
		{&choice, "fast", EINVAL, "'fast' is not known; expected one of auto, interactive, bulk"},
		{&choice, "bulky", EINVAL, "'bulky' is not known; did you mean 'bulk'?"},
		{&choice, "", EINVAL, "'' is not known"},
		{&percent, "100.01%", ERANGE, "'100.01%' is out of range; expected a percentage from 0% to 100%"},
		{&percent, "5", EINVAL, "'5' is not a percentage; expected"},
		{&percent, "%", EINVAL, "is not a percentage"},
		{&percent, ".5%", EINVAL, "is not a percentage"},
		{&percent, "1.%", EINVAL, "is not a percentage"},
		{&percent, "0.001%", EINVAL, "is not a percentage"},
		{&percent, "-1%", EINVAL, "is not a percentage"},
		{&percent, "10000%", ERANGE, "out of range"},
		{&percent, "99999999999%", EINVAL, "is not a percentage"},
		{&percent, "5 %", EINVAL, "is not a percentage"},
		{&rate, "1001/s", ERANGE, "'1001/s' is out of range; expected a rate from 0/s to 1000/s"},
		{&rate, "500", EINVAL, "'500' is not a rate; expected"},
		{&rate, "500/m", EINVAL, "is not a rate"},
		{&rate, "/s", EINVAL, "is not a rate"},
		{&rate, "05/s", EINVAL, "is not a rate"},
		{&rate, "5/s/s", EINVAL, "is not a rate"},
		{&rate, "99999999999999999999/s", ERANGE, "out of range"},
		{&name, "", EINVAL, "'' is empty; expected 1 to 5 letters"},
		{&name, "sixsix", EINVAL, "'sixsix' is too long; expected 1 to 5"},
		{&name, "a/b", EINVAL, "holds a character a name may not; expected"},
		{&name, "\xc3\xa9", EINVAL, "holds a character a name may not"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct err err = ERR_INIT;
		union field field = {.number = 77};
		assert_int_equal(value_parse(cases[i].type, cases[i].text, &field, &err), -cases[i].code);
		assert_contains(err.text, cases[i].why);
		assert_int_equal(field.number, 77);
	}
}

static void a_placeholder_names_the_kind(void **state)
{
	(void)state;
	char text[VALUE_TEXT_MAX];
	assert_string_equal(value_placeholder(&count, text, sizeof(text)), "N");
	assert_string_equal(value_placeholder(&seconds, text, sizeof(text)), "DURATION");
	assert_string_equal(value_placeholder(&choice, text, sizeof(text)), "auto|interactive|bulk");
}

static void path_is_absolute_or_nothing(void **state)
{
	static const struct value_type path = {VALUE_PATH, .max = 7};
	char field[8] = "before", text[VALUE_TEXT_MAX];
	struct err err = ERR_INIT;
	(void)state;
	assert_int_equal(value_parse(&path, "/run/ab", field, NULL), 0);
	assert_string_equal(value_format(&path, field, text, sizeof(text)), "/run/ab");
	assert_int_equal(value_parse(&path, "run", field, &err), -EINVAL);
	assert_contains(err.text, "'run' does not begin with '/'; expected the absolute path of a file");
	assert_int_equal(value_parse(&path, "/run/abc", field, &err), -EINVAL);
	assert_contains(err.text, "at most 7 bytes");
	assert_string_equal(field, "/run/ab"); /* untouched */
	assert_int_equal(value_parse(&path, "", field, NULL), 0);
	assert_string_equal(field, "");
}

static void address_has_a_port_and_no_namespace(void **state)
{
	static const struct value_type address = {VALUE_ADDRESS, .max = 63};
	char field[64] = "before";
	struct err err = ERR_INIT;
	(void)state;
	assert_int_equal(value_parse(&address, "127.0.0.1:9100", field, NULL), 0);
	assert_int_equal(value_parse(&address, "[::1]:9100", field, NULL), 0);
	assert_string_equal(field, "[::1]:9100");
	assert_int_equal(value_parse(&address, "127.0.0.1", field, &err), -EINVAL);
	assert_contains(err.text, "'127.0.0.1' is no such address; expected an address and a port, such as 127.0.0.1:9100");
	assert_int_equal(value_parse(&address, "localhost:80", field, NULL), -EINVAL);
	assert_int_equal(value_parse(&address, "web/127.0.0.1:80", field, NULL), -EINVAL);
	assert_string_equal(field, "[::1]:9100"); /* untouched */
	assert_int_equal(value_parse(&address, "", field, NULL), 0);
	assert_string_equal(field, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_is_read_and_written_back),
		cmocka_unit_test(bandwidth_is_none_or_within_its_range),
		cmocka_unit_test(bools_and_names_are_read),
		cmocka_unit_test(mistakes_are_refused_with_what_was_expected),
		cmocka_unit_test(a_placeholder_names_the_kind),
		cmocka_unit_test(path_is_absolute_or_nothing),
		cmocka_unit_test(address_has_a_port_and_no_namespace),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
