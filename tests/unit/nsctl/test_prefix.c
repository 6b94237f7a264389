/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/netlink/prefix.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/unit.h"

static struct prefix prefix(const char *text)
{
	struct prefix result = {0};
	struct err err = ERR_INIT;

	if (prefix_parse(text, &result, &err) < 0)
		fail_msg("%s", err.text);
	return result;
}

static void prefix_is_read_and_written_alike(void **state)
{
	static const char *const texts[] = {"10.0.0.1/24", "0.0.0.0/0", "fd00::1/64",
	                                    "::/0",        "::1/128",   "10.0.0.1/32"};
	char text[PREFIX_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		const struct prefix parsed = prefix(texts[i]);

		assert_string_equal(prefix_format(&parsed, text, sizeof(text)), texts[i]);
	}
}

static void longest_prefix_fits_into_its_text(void **state)
{
	static const char longest[] = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128";
	char text[PREFIX_TEXT_MAX];
	const struct prefix parsed = prefix(longest);

	(void)state;
	assert_string_equal(prefix_format(&parsed, text, sizeof(text)),
	                    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
	assert_true(sizeof(longest) <= sizeof(text));
}

static void address_alone_is_a_prefix_of_full_length(void **state)
{
	char text[PREFIX_TEXT_MAX];
	const struct prefix parsed = prefix("fd00::1");

	(void)state;
	assert_int_equal(prefix("10.0.0.1").length, 32);
	assert_int_equal(parsed.length, 128);
	assert_string_equal(prefix_format_address(&parsed, text, sizeof(text)), "fd00::1");
}

static void malformed_prefix_is_refused(void **state)
{
	static const char *const texts[] = {"",
	                                    "/24",
	                                    "10.0.0.1/",
	                                    "10.0.0.1/33",
	                                    "fd00::/129",
	                                    "10.0.0/24",
	                                    "10.0.0.1/-1",
	                                    "10.0.0.1/+8",
	                                    "10.0.0.1/8x",
	                                    "10.0.0.1/8/8",
	                                    "10.0.0.1/ 8",
	                                    "example/8",
	                                    "fe80::1%lo/64",
	                                    "::1/99999999999999999999"};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		struct prefix untouched = {.length = 77};
		struct err err = ERR_INIT;

		assert_int_equal(prefix_parse(texts[i], &untouched, &err), -EINVAL);
		assert_contains(err.text, "is not ADDRESS/LENGTH");
		assert_int_equal(untouched.length, 77);
	}
}

static void network_is_the_prefix_without_its_host_bits(void **state)
{
	static const struct {
		const char *prefix, *network;
	} cases[] = {
	        {"10.1.2.3/24", "10.1.2.0/24"},
	        {"10.1.2.255/28", "10.1.2.240/28"},
	        {"255.255.255.255/0", "0.0.0.0/0"},
	        {"10.1.2.3/32", "10.1.2.3/32"},
	        {"10.1.2.3/31", "10.1.2.2/31"},
	        {"fd00:ffff:ffff::1/33", "fd00:ffff:8000::/33"},
	        {"fd00::1/128", "fd00::1/128"},
	        {"fd00::1/127", "fd00::/127"},
	        {"ffff::/0", "::/0"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		const struct prefix whole = prefix(cases[i].prefix), network = prefix_network(&whole);
		char text[PREFIX_TEXT_MAX];

		assert_string_equal(prefix_format(&network, text, sizeof(text)), cases[i].network);
	}
}

static bool covers(const char *net, const char *address)
{
	const struct prefix a = prefix(net), b = prefix(address);

	return prefix_covers(&a, &b);
}

static void network_covers_what_is_within_it(void **state)
{
	(void)state;
	assert_true(covers("10.0.0.0/24", "10.0.0.77"));
	assert_true(covers("10.0.0.1/24", "10.0.0.77/25"));
	assert_true(covers("0.0.0.0/0", "10.0.0.77"));
	assert_true(covers("fd00::/65", "fd00::7fff:0:0:0"));
	assert_false(covers("fd00::/65", "fd00::8000:0:0:0"));
	assert_false(covers("10.0.0.0/24", "10.0.1.0"));
	assert_false(covers("10.0.0.0/24", "10.0.0.0/23"));
}

static void families_do_not_cover_each_other(void **state)
{
	(void)state;
	assert_false(covers("0.0.0.0/0", "::"));
	assert_false(covers("::/0", "0.0.0.0"));
}

static void prefixes_are_equal_in_family_length_and_address(void **state)
{
	const struct prefix a = prefix("10.0.0.1/24"), same = prefix("10.0.0.1/24"),
	                    longer = prefix("10.0.0.1/25"), other = prefix("10.0.0.2/24"),
	                    v4 = prefix("0.0.0.0/0"), v6 = prefix("::/0");

	(void)state;
	assert_true(prefix_equal(&a, &same));
	assert_false(prefix_equal(&a, &longer));
	assert_false(prefix_equal(&a, &other));
	assert_false(prefix_equal(&v4, &v6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(prefix_is_read_and_written_alike),
	        cmocka_unit_test(longest_prefix_fits_into_its_text),
	        cmocka_unit_test(address_alone_is_a_prefix_of_full_length),
	        cmocka_unit_test(malformed_prefix_is_refused),
	        cmocka_unit_test(network_is_the_prefix_without_its_host_bits),
	        cmocka_unit_test(network_covers_what_is_within_it),
	        cmocka_unit_test(families_do_not_cover_each_other),
	        cmocka_unit_test(prefixes_are_equal_in_family_length_and_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
