/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/netlink/link.h"

#include <string.h>

#include "tests/unit/unit.h"

static void kind_is_found_by_its_name(void **state)
{
	(void)state;
	for (enum link_kind kind = 0; kind < LINK_KIND_COUNT; kind++)
		assert_int_equal(link_kind_find(link_kind_name(kind)), kind);
	assert_string_equal(link_kind_name(LINK_VETH), "veth");
}

static void unknown_kind_is_another(void **state)
{
	(void)state;
	assert_int_equal(link_kind_find("wireguard"), LINK_OTHER);
	assert_int_equal(link_kind_find(""), LINK_OTHER);
	assert_int_equal(link_kind_find("vet"), LINK_OTHER);
}

static void every_number_has_a_name_an_attribute_and_bounds(void **state)
{
	(void)state;
	for (size_t i = 0; i < LINK_NUMBER_COUNT; i++) {
		assert_non_null(link_numbers[i].name);
		assert_int_not_equal(link_numbers[i].attribute, 0);
		assert_true(link_numbers[i].min > 0); /* 0 stands for "not chosen" */
		assert_true(link_numbers[i].min < link_numbers[i].max);
	}
}

static void number_for_ipv4_is_as_that_for_all_unless_it_is_chosen(void **state)
{
	uint32_t numbers[LINK_NUMBER_COUNT] = {[LINK_GSO_MAX_SIZE] = 262144, [LINK_GRO_IPV4_MAX_SIZE] = 70000};

	(void)state;
	assert_int_equal(link_number_wanted(numbers, LINK_GSO_IPV4_MAX_SIZE), 262144);
	assert_int_equal(link_number_wanted(numbers, LINK_GRO_IPV4_MAX_SIZE), 70000);
	assert_int_equal(link_number_wanted(numbers, LINK_GRO_MAX_SIZE), 0);
	assert_int_equal(link_number_wanted(numbers, LINK_MTU), 0);
	numbers[LINK_GSO_IPV4_MAX_SIZE] = 65536;
	assert_int_equal(link_number_wanted(numbers, LINK_GSO_IPV4_MAX_SIZE), 65536);
}

static void mac_is_read_and_written_alike(void **state)
{
	struct link_mac mac;
	char text[LINK_MAC_TEXT_MAX];

	(void)state;
	assert_true(link_mac_parse("02:0a:B0:ff:00:9c", &mac));
	assert_true(mac.given);
	assert_int_equal(mac.bytes[1], 0x0a);
	assert_int_equal(mac.bytes[5], 0x9c);
	assert_string_equal(link_mac_format(&mac, text, sizeof(text)), "02:0a:b0:ff:00:9c");
}

static void malformed_mac_is_refused(void **state)
{
	static const char *const texts[] = {
	        "",
	        "02",
	        "02:00:00:00:00:0",
	        "02:00:00:00:00:001",
	        "02:00:00:00:00:00:01",
	        "02-00-00-00-00-01",
	        "02:00:00:00:00:0g",
	        "02:00:00:00:00:+1",
	        "02:00:00:00:0001:",
	        "2:000:00:00:00:01",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		struct link_mac untouched = {.bytes = {7}};

		assert_false(link_mac_parse(texts[i], &untouched));
		assert_int_equal(untouched.bytes[0], 7);
		assert_false(untouched.given);
	}
}

static void mac_that_no_link_may_have_is_refused(void **state)
{
	struct link_mac mac;

	(void)state;
	assert_false(link_mac_parse("01:00:5e:00:00:01", &mac));
	assert_false(link_mac_parse("ff:ff:ff:ff:ff:ff", &mac));
	assert_false(link_mac_parse("00:00:00:00:00:00", &mac));
}

static void macs_that_are_not_given_are_equal(void **state)
{
	const struct link_mac none = {0}, rest = {.bytes = {2}}, given = {.given = true, .bytes = {2}};

	(void)state;
	assert_true(link_mac_equal(&none, &rest));
	assert_false(link_mac_equal(&given, &rest));
	assert_true(link_mac_equal(&given, &given));
}

static void mode_belongs_to_its_kind(void **state)
{
	(void)state;
	assert_int_equal(link_mode_find(LINK_MACVLAN, "bridge"), 4);
	assert_int_equal(link_mode_find(LINK_IPVLAN, "l2"), 0);
	assert_int_equal(link_mode_find(LINK_IPVLAN, "bridge"), -1);
	assert_int_equal(link_mode_find(LINK_VETH, "bridge"), -1);
	assert_string_equal(link_mode_name(LINK_IPVLAN, 2), "l3s");
	assert_null(link_mode_name(LINK_MACVLAN, 3));
	assert_null(link_mode_name(LINK_BRIDGE, 0));
}

static void name_that_the_kernel_takes_is_allowed(void **state)
{
	static const char *const names[] = {"a",           "eth0", "eth0.100", "br-lan", "123456789012345",
	                                    "v\xc3\xa9th", "..."};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		assert_true(link_name_ok(names[i]));
}

static void name_that_the_kernel_refuses_or_completes_is_not_allowed(void **state)
{
	static const char *const names[] = {
	        "", ".", "..", "1234567890123456", "a/b", "a:1", "a b", "a\tb", "veth%d", "a\x1b", "a\x7f"};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		assert_false(link_name_ok(names[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(kind_is_found_by_its_name),
	        cmocka_unit_test(unknown_kind_is_another),
	        cmocka_unit_test(every_number_has_a_name_an_attribute_and_bounds),
	        cmocka_unit_test(number_for_ipv4_is_as_that_for_all_unless_it_is_chosen),
	        cmocka_unit_test(mac_is_read_and_written_alike),
	        cmocka_unit_test(malformed_mac_is_refused),
	        cmocka_unit_test(mac_that_no_link_may_have_is_refused),
	        cmocka_unit_test(macs_that_are_not_given_are_equal),
	        cmocka_unit_test(mode_belongs_to_its_kind),
	        cmocka_unit_test(name_that_the_kernel_takes_is_allowed),
	        cmocka_unit_test(name_that_the_kernel_refuses_or_completes_is_not_allowed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
