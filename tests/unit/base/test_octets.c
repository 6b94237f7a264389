/* SPDX-License-Identifier: Apache-2.0 */
#include "base/octets.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/unit.h"

static void assert_octets(const char *text, const void *expected, size_t size)
{
	struct octets octets;
	struct err err = ERR_INIT;
	assert_int_equal(octets_parse(text, &octets, &err), 0);
	assert_int_equal(octets.size, size);
	assert_memory_equal(octets.data, expected, size);
}

static void assert_refused(const char *text, int code, const char *why)
{
	struct octets octets = {.size = 7};
	struct err err = ERR_INIT;
	assert_int_equal(octets_parse(text, &octets, &err), -code);
	assert_non_null(strstr(err.text, why));
	assert_int_equal(octets.size, 7);
}

static void escapes_stand_for_one_byte(void **state)
{
	(void)state;
	assert_octets("", "", 0);
	assert_octets("PING\\r\\n", "PING\r\n", 6);
	assert_octets("a\\0b\\\\\\t", "a\0b\\\t", 5);
	assert_octets("\\x00\\xfF\\x7f", "\0\xff\x7f", 3);
	assert_octets("\xc3\xa4 \r", "\xc3\xa4 \r", 4);
}

static void what_is_no_escape_is_refused(void **state)
{
	(void)state;
	assert_refused("a\\qb", EINVAL, "'\\qb' is no escape; expected \\r");
	assert_refused("\\", EINVAL, "is no escape");
	assert_refused("\\x", EINVAL, "is no escape");
	assert_refused("\\x1", EINVAL, "is no escape");
	assert_refused("\\xg0", EINVAL, "is no escape");
}

static void longest_fits_and_one_more_byte_is_refused(void **state)
{
	(void)state;
	char text[OCTETS_MAX + 2] = "";
	memset(text, 'x', OCTETS_MAX);
	assert_octets(text, text, OCTETS_MAX);
	text[OCTETS_MAX] = 'x';
	assert_refused(text, ERANGE, "expected at most 126 bytes");
}

static void every_byte_is_read_back_as_it_was_written(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 256; first += OCTETS_MAX) {
		struct octets octets = {.size = OCTETS_MAX}, again;
		char text[OCTETS_TEXT_MAX];
		struct err err = ERR_INIT;
		for (unsigned i = 0; i < OCTETS_MAX; i++)
			octets.data[i] = (uint8_t)(first + i);
		octets_format(&octets, text, sizeof(text));
		for (const char *c = text; *c; c++)
			assert_in_range(*c, ' ', '~');
		assert_int_equal(octets_parse(text, &again, &err), 0);
		assert_memory_equal(again.data, octets.data, OCTETS_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes_stand_for_one_byte),
		cmocka_unit_test(what_is_no_escape_is_refused),
		cmocka_unit_test(longest_fits_and_one_more_byte_is_refused),
		cmocka_unit_test(every_byte_is_read_back_as_it_was_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
