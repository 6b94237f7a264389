/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/sni.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "tests/unit/unit.h"

static struct sni_name names[] = {
	{"example.com", 1}, {".example.com", 2}, {".eu.example.com", 3}, {"api.eu.example.com", 4}, {".org", 5}, {"z", 6},
};

static uint32_t find(const char *name)
{
	return sni_find(names, ARRAY_COUNT(names), name);
}

static void name_itself_comes_before_wildcards(void **state)
{
	(void)state;
	assert_int_equal(find("example.com"), 1);
	assert_int_equal(find("api.eu.example.com"), 4);
	assert_int_equal(find("z"), 6);
}

static void wildcard_is_for_every_depth_and_the_longest_wins(void **state)
{
	(void)state;
	assert_int_equal(find("www.example.com"), 2);
	assert_int_equal(find("a.b.example.com"), 2);
	assert_int_equal(find("www.eu.example.com"), 3);
	assert_int_equal(find("a.api.eu.example.com"), 3);
	assert_int_equal(find("eu.example.com"), 2);
	assert_int_equal(find("x.org"), 5);
}

static void what_no_name_covers_is_not_found(void **state)
{
	(void)state;
	assert_int_equal(find("example.net"), SNI_NONE);
	assert_int_equal(find("notexample.com"), SNI_NONE);
	assert_int_equal(find("org"), SNI_NONE);
	assert_int_equal(find(".example.com"), SNI_NONE); /* nobody asks for a wildcard */
	assert_int_equal(find("zz"), SNI_NONE);
	assert_int_equal(find(""), SNI_NONE);
	assert_int_equal(sni_find(NULL, 0, "example.com"), SNI_NONE);
}

static void assert_parsed(const char *text, const char *expected)
{
	char name[SNI_NAME_MAX + 1];
	struct err err = ERR_INIT;
	assert_int_equal(sni_parse(text, name, &err), 0);
	assert_string_equal(name, expected);
}

static void names_are_read_in_lower_case_and_wildcards_by_their_dot(void **state)
{
	(void)state;
	assert_parsed("API.Example.com", "api.example.com");
	assert_parsed("*.Example.com", ".example.com");
	assert_parsed("x_1-y", "x_1-y");
}

static void what_is_no_name_is_refused(void **state)
{
	static const char *const wrong[] = {"", "*", "*.", ".", ".com", "a..b", "a.", "a b", "*.*.com", "a*.com", "a/b", "127.0.0.1:80"};
	char long_name[300], name[SNI_NAME_MAX + 1] = "untouched";
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		struct err err = ERR_INIT;
		assert_int_equal(sni_parse(wrong[i], name, &err), -EINVAL);
		assert_non_null(strstr(err.text, "expected a name as example.com"));
	}
	memset(long_name, 'a', sizeof(long_name));
	long_name[254] = '\0';
	struct err err = ERR_INIT;
	assert_int_equal(sni_parse(long_name, name, &err), -EINVAL);
	assert_non_null(strstr(err.text, "too long"));
	assert_string_equal(name, "untouched");
}

static int sort(void **state)
{
	(void)state;
	sni_sort(names, ARRAY_COUNT(names));
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(name_itself_comes_before_wildcards),
		cmocka_unit_test(wildcard_is_for_every_depth_and_the_longest_wins),
		cmocka_unit_test(names_are_read_in_lower_case_and_wildcards_by_their_dot),
		cmocka_unit_test(what_is_no_name_is_refused),
		cmocka_unit_test(what_no_name_covers_is_not_found),
	};
	return cmocka_run_group_tests(tests, sort, NULL);
}
