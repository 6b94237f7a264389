/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <string.h>

#include "tests/unit/unit.h"

static void characters_of_each_length_are_decoded(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint32_t c;
	} cases[] = {{"a", 'a'}, {"\xc3\xa9", 0xe9}, {"\xe2\x82\xac", 0x20ac}, {"\xf0\x9f\x98\x80", 0x1f600}};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		uint32_t c = 0;
		assert_int_equal(utf8_decode(cases[i].text, strlen(cases[i].text), &c), i + 1);
		assert_int_equal(c, cases[i].c);
	}
}

static void what_is_not_utf8_is_refused(void **state)
{
	(void)state;
	static const char *const cases[] = {
		"\x80",             /* continuation without a lead */
		"\xc0\xaf",         /* overlong '/' */
		"\xe0\x80\xaf",     /* overlong */
		"\xed\xa0\x80",     /* surrogate U+D800 */
		"\xf4\x90\x80\x80", /* above U+10FFFF */
		"\xff",             /* never a lead */
		"\xe2\x82",         /* cut off */
		"\xc3(",            /* no continuation */
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		uint32_t c = 77;
		assert_int_equal(utf8_decode(cases[i], strlen(cases[i]), &c), 0);
		assert_int_equal(c, 77);
	}
	uint32_t c;
	assert_int_equal(utf8_decode("a", 0, &c), 0);
}

static void controls_are_c0_del_and_c1(void **state)
{
	(void)state;
	assert_true(utf8_is_control(0) && utf8_is_control(0x1f) && utf8_is_control(0x7f) &&
		    utf8_is_control(0x9b));
	assert_false(utf8_is_control(' ') || utf8_is_control('~') || utf8_is_control(0xa0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(characters_of_each_length_are_decoded),
		cmocka_unit_test(what_is_not_utf8_is_refused),
		cmocka_unit_test(controls_are_c0_del_and_c1),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
