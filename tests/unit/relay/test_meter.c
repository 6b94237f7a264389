/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/admission/meter.h"

#include <pthread.h>
#include <stdbool.h>

#include "tests/unit/unit.h"

static const uint64_t second_ns = 1000000000;
static const uint64_t start_ns = 7000000000;

/* take_many - how many of @tries are taken at @now_ns */
static unsigned take_many(struct meter *meter, const struct config_limit *limit, unsigned tries,
                          uint64_t now_ns)
{
	unsigned taken = 0;
	for (unsigned i = 0; i < tries; i++)
		taken += meter_take(meter, limit, now_ns) == METER_TAKEN;
	return taken;
}

static void no_more_connections_than_the_limit_come_in(void **state)
{
	const struct config_limit limit = {.connections = 3};
	struct meter meter = {0};
	(void)state;
	assert_int_equal(take_many(&meter, &limit, 10, start_ns), 3);
	assert_int_equal(meter_take(&meter, &limit, start_ns), METER_FULL);
	meter_give(&meter, &limit);
	assert_int_equal(take_many(&meter, &limit, 10, start_ns), 1);
}

static void a_burst_comes_in_at_once_and_then_the_rate(void **state)
{
	const struct config_limit limit = {.rate = 100, .burst = 5};
	struct meter meter = {0};
	(void)state;
	assert_int_equal(take_many(&meter, &limit, 50, start_ns), 5);
	assert_int_equal(meter_take(&meter, &limit, start_ns), METER_FAST);
	assert_int_equal(take_many(&meter, &limit, 50, start_ns + second_ns / 100 - 1), 0);
	assert_int_equal(take_many(&meter, &limit, 50, start_ns + second_ns / 100), 1);
	assert_int_equal(take_many(&meter, &limit, 50, start_ns + 20 * second_ns), 5);
}

static void without_a_burst_a_second_s_worth_comes_in_at_once(void **state)
{
	const struct config_limit limit = {.rate = 30};
	struct meter meter = {0};
	(void)state;
	assert_int_equal(take_many(&meter, &limit, 100, start_ns), 30);
}

static void the_rate_is_exact_over_an_hour(void **state)
{
	static const uint32_t rates[] = {1, 3, 7, 500, 1000};
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rates); i++) {
		const struct config_limit limit = {.rate = rates[i], .burst = 10};
		struct meter meter = {0};
		uint64_t taken = 0, end_ns = start_ns + 3600 * second_ns;
		for (uint64_t now = start_ns; now < end_ns; now += second_ns / 2000)
			taken += meter_take(&meter, &limit, now) == METER_TAKEN;
		assert_in_range(taken, 3600 * (uint64_t)rates[i], 3600 * (uint64_t)rates[i] + limit.burst);
	}
}

static void who_lacks_a_token_is_not_counted(void **state)
{
	const struct config_limit limit = {.connections = 10, .rate = 1, .burst = 2};
	struct meter meter = {0};
	(void)state;
	assert_int_equal(take_many(&meter, &limit, 10, start_ns), 2);
	assert_int_equal(meter.connections, 2);
}

static void who_is_full_takes_no_token(void **state)
{
	const struct config_limit limit = {.connections = 1, .rate = 1, .burst = 2};
	struct meter meter = {0};
	(void)state;
	assert_int_equal(take_many(&meter, &limit, 10, start_ns), 1);
	meter_give(&meter, &limit);
	assert_int_equal(take_many(&meter, &limit, 10, start_ns), 1);
}

static void undoing_gives_the_token_back(void **state)
{
	const struct config_limit limit = {.connections = 10, .rate = 1, .burst = 2};
	struct meter meter = {0};
	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(meter_take(&meter, &limit, start_ns), METER_TAKEN);
		meter_undo(&meter, &limit);
	}
	assert_int_equal(meter.connections, 0);
	assert_int_equal(take_many(&meter, &limit, 10, start_ns), 2);
}

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 20000, MOST = 3 };

struct crowd {
	struct meter meter;
	_Atomic int inside;
	_Atomic bool passed;
};

static const struct config_limit crowd_limit = {.connections = MOST};

static void *come_and_go(void *arg)
{
	struct crowd *crowd = arg;
	for (int i = 0; i < ROUNDS; i++) {
		if (meter_take(&crowd->meter, &crowd_limit, 0) != METER_TAKEN)
			continue;
		if (atomic_fetch_add(&crowd->inside, 1) + 1 > MOST)
			crowd->passed = true;
		atomic_fetch_sub(&crowd->inside, 1);
		meter_give(&crowd->meter, &crowd_limit);
	}
	return NULL;
}

static void threads_never_pass_the_limit_together(void **state)
{
	static struct crowd crowd;
	pthread_t threads[THREADS];
	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &crowd), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_false(crowd.passed);
	assert_int_equal(crowd.meter.connections, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(no_more_connections_than_the_limit_come_in),
	        cmocka_unit_test(a_burst_comes_in_at_once_and_then_the_rate),
	        cmocka_unit_test(without_a_burst_a_second_s_worth_comes_in_at_once),
	        cmocka_unit_test(the_rate_is_exact_over_an_hour),
	        cmocka_unit_test(who_lacks_a_token_is_not_counted),
	        cmocka_unit_test(who_is_full_takes_no_token),
	        cmocka_unit_test(undoing_gives_the_token_back),
	        cmocka_unit_test(threads_never_pass_the_limit_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
