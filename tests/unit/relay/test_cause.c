/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/cause.h"

#include <ctype.h>
#include <string.h>

#include "relay/counters.h"
#include "tests/unit/unit.h"

/* well_formed - lower case, digits and underscores: a name in logfmt, JSON and metrics alike */
static int well_formed(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
	return length > 0 && name[length] == '\0' && islower((unsigned char)name[0]);
}

static void each_cause_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (enum cause a = 0; a < CAUSE_COUNT; a++) {
		assert_true(well_formed(cause_name(a)));
		for (enum cause b = 0; b < a; b++)
			assert_string_not_equal(cause_name(a), cause_name(b));
	}
	assert_string_equal(cause_name(CAUSE_HALF_CLOSE_TIMEOUT), "half_close_timeout");
}

static void each_counter_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (unsigned a = 0; a < COUNTER_COUNT; a++) {
		assert_true(well_formed(counter_name(a)));
		assert_string_equal(counter_name(a) + strlen(counter_name(a)) - strlen("_total"), "_total");
		for (unsigned b = 0; b < a; b++)
			assert_string_not_equal(counter_name(a), counter_name(b));
	}
}

static void closed_connections_are_counted_by_cause(void **state)
{
	(void)state;
	assert_string_equal(counter_name(COUNTER_CLOSED + CAUSE_CLIENT_RESET), "closed_client_reset_total");
	assert_string_equal(counter_name(COUNTER_COUNT - 1), "closed_namespace_gone_total");
}

static void counters_add_up(void **state)
{
	static struct counters counters;
	(void)state;
	counter_add(&counters, COUNTER_BYTES_UP, 5);
	counter_add(&counters, COUNTER_BYTES_UP, UINT64_C(1) << 40);
	assert_true(counter_read(&counters, COUNTER_BYTES_UP) == (UINT64_C(1) << 40) + 5);
	assert_int_equal(counter_read(&counters, COUNTER_BYTES_DOWN), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_cause_has_a_name_of_its_own),
		cmocka_unit_test(each_counter_has_a_name_of_its_own),
		cmocka_unit_test(closed_connections_are_counted_by_cause),
		cmocka_unit_test(counters_add_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
