/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/shaper.h"

#include "tests/unit/unit.h"

static const uint64_t SECOND = 1000000000, START = 5000000000;
static const uint64_t rates[] = {1024, 64 << 10, 1 << 20, 10 << 20, 125000000, 1 << 30, UINT64_C(1) << 40};

/* pass - read @size bytes whenever that is allowed, for @ns; bytes that passed */
static uint64_t pass(uint64_t rate, size_t size, uint64_t ns)
{
	struct shaper shaper = {0};
	uint64_t bytes = 0;
	for (uint64_t now = START; now < START + ns; bytes += size) {
		uint64_t paid_at = shaper_charge(&shaper, rate, (int64_t)size, now);
		now = paid_at > now ? paid_at : now;
	}
	return bytes;
}

static void what_passes_in_ten_seconds_is_exact(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rates); i++) {
		uint64_t bytes = pass(rates[i], shaper_quantum(rates[i]), 10 * SECOND);
		uint64_t burst = rates[i] * SHAPER_BURST_MS / 1000;
		assert_in_range(bytes, 10 * rates[i], 10 * rates[i] + burst + shaper_quantum(rates[i]));
	}
}

static void small_messages_are_charged_as_exactly(void **state)
{
	(void)state;
	uint64_t rate = 1 << 30, bytes = pass(rate, 64, SECOND / 10), burst = rate * SHAPER_BURST_MS / 1000;
	assert_in_range(bytes, (rate / 10 + burst) * 99 / 100, (rate / 10 + burst) * 101 / 100);
}

static void who_wakes_late_makes_up_for_it(void **state)
{
	struct shaper shaper = {0};
	uint64_t now = START, bytes = 0;
	(void)state;
	while (now < START + SECOND) {
		uint64_t paid_at = shaper_charge(&shaper, 1 << 20, 10000, now);
		bytes += 10000;
		now = (paid_at > now ? paid_at : now) + 3000000;
	}
	assert_in_range(bytes, 1 << 20, (1 << 20) * 112 / 100);
}

static void silence_earns_no_more_than_the_burst(void **state)
{
	struct shaper shaper = {0};
	(void)state;
	shaper_charge(&shaper, 1000000, 1, START);
	assert_true(shaper_charge(&shaper, 1000000, 100000, START + 3600 * SECOND) <= START + 3600 * SECOND);
	assert_true(shaper_charge(&shaper, 1000000, 1, START + 3600 * SECOND) > START + 3600 * SECOND);
}

static void bytes_that_did_not_pass_are_given_back(void **state)
{
	struct shaper shaper = {0};
	(void)state;
	uint64_t before = shaper_charge(&shaper, 3000000, 1000000, START);
	shaper_charge(&shaper, 3000000, 4096, START);
	assert_int_equal(shaper_charge(&shaper, 3000000, -4096, START), before);
}

/* In a namespace of time (time_namespaces(7)) the clock may have just begun. */
static void clock_that_has_just_begun_is_no_trouble(void **state)
{
	struct shaper shaper = {0};
	(void)state;
	assert_int_equal(shaper_charge(&shaper, 1000, 1, 5), 1000000);
}

static void quantum_is_never_too_small_to_be_worth_it(void **state)
{
	(void)state;
	assert_int_equal(shaper_quantum(1), SHAPER_QUANTUM_MIN);
	assert_int_equal(shaper_quantum(100 << 20), 1 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_passes_in_ten_seconds_is_exact),
		cmocka_unit_test(small_messages_are_charged_as_exactly),
		cmocka_unit_test(who_wakes_late_makes_up_for_it),
		cmocka_unit_test(silence_earns_no_more_than_the_burst),
		cmocka_unit_test(bytes_that_did_not_pass_are_given_back),
		cmocka_unit_test(clock_that_has_just_begun_is_no_trouble),
		cmocka_unit_test(quantum_is_never_too_small_to_be_worth_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
