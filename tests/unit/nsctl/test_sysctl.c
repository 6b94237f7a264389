/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/topology/sysctl.h"

#include <string.h>

#include "tests/unit/unit.h"

static void value_becomes_what_the_kernel_is_told(void **state)
{
	static const struct {
		enum sysctl key;
		const char *text, *told;
	} cases[] = {
	        {SYSCTL_IP_FORWARD, "true", "1"},
	        {SYSCTL_IPV6_FORWARDING, "false", "0"},
	        {SYSCTL_RP_FILTER, "2", "2"},
	        {SYSCTL_TCP_CONGESTION_CONTROL, "cubic", "cubic"},
	        {SYSCTL_TCP_CONGESTION_CONTROL, "fifteen_letters", "fifteen_letters"},
	        {SYSCTL_TCP_MIGRATE_REQ, "true", "1"},
	};
	char told[SYSCTL_VALUE_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		assert_true(sysctl_normalize(cases[i].key, cases[i].text, told, sizeof(told)));
		assert_string_equal(told, cases[i].told);
	}
}

static void value_of_another_sort_is_refused(void **state)
{
	static const struct {
		enum sysctl key;
		const char *text;
	} cases[] = {
	        {SYSCTL_IP_FORWARD, ""},
	        {SYSCTL_IP_FORWARD, "yes"},
	        {SYSCTL_IP_FORWARD, "True"},
	        {SYSCTL_RP_FILTER, "true"},
	        {SYSCTL_RP_FILTER, "3"},
	        {SYSCTL_RP_FILTER, "-1"},
	        {SYSCTL_RP_FILTER, "01"},
	        {SYSCTL_RP_FILTER, ""},
	        {SYSCTL_TCP_CONGESTION_CONTROL, ""},
	        {SYSCTL_TCP_CONGESTION_CONTROL, "cubic reno"},
	        {SYSCTL_TCP_CONGESTION_CONTROL, "../cubic"},
	        {SYSCTL_TCP_CONGESTION_CONTROL, "sixteen__letters"},
	        {SYSCTL_TCP_MIGRATE_REQ, "2"},
	};
	char untouched[SYSCTL_VALUE_MAX] = "before";

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		assert_false(sysctl_normalize(cases[i].key, cases[i].text, untouched, sizeof(untouched)));
		assert_string_equal(untouched, "before");
	}
}

static void value_that_does_not_fit_is_refused(void **state)
{
	char small[5] = "";

	(void)state;
	assert_false(sysctl_normalize(SYSCTL_TCP_CONGESTION_CONTROL, "cubic", small, sizeof(small)));
	assert_true(sysctl_normalize(SYSCTL_TCP_CONGESTION_CONTROL, "reno", small, sizeof(small)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(value_becomes_what_the_kernel_is_told),
	        cmocka_unit_test(value_of_another_sort_is_refused),
	        cmocka_unit_test(value_that_does_not_fit_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
