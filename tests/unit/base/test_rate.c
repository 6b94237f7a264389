/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rate.h"

#include "tests/unit/unit.h"

static const uint64_t second_ns = 1000000000;

static unsigned int take_all(struct rate *rate, uint64_t now_ns)
{
	unsigned int count = 0;
	while (count < 1000 && rate_take(rate, now_ns))
		count++;
	return count;
}

static void a_full_bucket_holds_one_second(void **state)
{
	(void)state;
	struct rate rate;
	rate_init(&rate, 10);
	assert_int_equal(take_all(&rate, 5 * second_ns), 10);
}

static void an_empty_bucket_fills_with_time(void **state)
{
	(void)state;
	struct rate rate;
	rate_init(&rate, 10);
	take_all(&rate, 5 * second_ns);
	assert_int_equal(take_all(&rate, 5 * second_ns + second_ns / 10 - 1), 0);
	assert_int_equal(take_all(&rate, 5 * second_ns + second_ns / 10), 1);
	assert_int_equal(take_all(&rate, 100 * second_ns), 10);
}

static void rate_zero_is_no_limit(void **state)
{
	(void)state;
	struct rate rate;
	rate_init(&rate, 0);
	assert_int_equal(take_all(&rate, 0), 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_bucket_holds_one_second),
		cmocka_unit_test(an_empty_bucket_fills_with_time),
		cmocka_unit_test(rate_zero_is_no_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
