/* SPDX-License-Identifier: Apache-2.0 */
#include "io/wheel.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

enum { TIMERS = 50 };

struct alarm {
	struct timer timer;
	uint64_t due_ms; /* what the model says; 0: not armed */
	uint32_t fired;
};

static struct wheel wheel;
static struct alarm alarms[TIMERS];

static void open_wheel(uint64_t now_ms)
{
	wheel_init(&wheel, now_ms);
	memset(alarms, 0, sizeof(alarms));
	for (int i = 0; i < TIMERS; i++)
		timer_init(&alarms[i].timer);
}

static void arm(struct alarm *alarm, uint64_t at_ms)
{
	timer_arm(&wheel, &alarm->timer, at_ms);
	/* A time that has passed fires with the next tick. */
	alarm->due_ms = at_ms > wheel.now_ms ? at_ms : wheel.now_ms + 1;
}

static void disarm(struct alarm *alarm)
{
	timer_disarm(&wheel, &alarm->timer);
	alarm->due_ms = 0;
}

static void fire(void *ctx, struct timer *timer)
{
	struct alarm *alarm = (struct alarm *)timer;
	(void)ctx;
	assert_false(timer_armed(timer));
	if (alarm->due_ms == 0 || alarm->due_ms > wheel.now_ms)
		fail_msg("fired at %" PRIu64 ", due at %" PRIu64, wheel.now_ms, alarm->due_ms);
	alarm->due_ms = 0;
	alarm->fired++;
}

static void timer_fires_at_its_millisecond_and_once(void **state)
{
	static const uint64_t delays[] = {1, 2, 63, 64, 65, 4095, 4096, 4097, 262144, 1 << 24, 1 << 29};
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(delays); i++) {
		open_wheel(1234567);
		arm(&alarms[0], 1234567 + delays[i]);
		wheel_advance(&wheel, 1234567 + delays[i] - 1, fire, NULL);
		assert_int_equal(alarms[0].fired, 0);
		wheel_advance(&wheel, 1234567 + delays[i], fire, NULL);
		assert_int_equal(alarms[0].fired, 1);
		wheel_advance(&wheel, 1234567 + 3 * delays[i] + 100, fire, NULL);
		assert_int_equal(alarms[0].fired, 1);
	}
}

static void time_that_has_passed_fires_with_the_next_tick(void **state)
{
	(void)state;
	open_wheel(1000);
	arm(&alarms[0], 10);
	arm(&alarms[1], 1000);
	wheel_advance(&wheel, 1000, fire, NULL);
	assert_int_equal(alarms[0].fired, 0);
	wheel_advance(&wheel, 1001, fire, NULL);
	assert_int_equal(alarms[0].fired, 1);
	assert_int_equal(alarms[1].fired, 1);
}

static void disarmed_timer_is_silent(void **state)
{
	(void)state;
	open_wheel(0);
	disarm(&alarms[0]); /* harmless */
	arm(&alarms[0], 100);
	disarm(&alarms[0]);
	wheel_advance(&wheel, 100000, fire, NULL);
	assert_int_equal(alarms[0].fired, 0);
}

static void deadline_beyond_the_wheel_is_reached_all_the_same(void **state)
{
	(void)state;
	const uint64_t far = UINT64_C(100) * 86400 * 1000;
	open_wheel(77);
	arm(&alarms[0], 77 + far);
	while (wheel_next_ms(&wheel) < 77 + far)
		wheel_advance(&wheel, wheel_next_ms(&wheel), fire, NULL);
	assert_int_equal(alarms[0].fired, 0);
	wheel_advance(&wheel, 77 + far, fire, NULL);
	assert_int_equal(alarms[0].fired, 1);
}

static void empty_wheel_has_nothing_to_do(void **state)
{
	(void)state;
	open_wheel(5);
	assert_true(wheel_next_ms(&wheel) == UINT64_MAX);
}

static void arm_again(void *ctx, struct timer *timer)
{
	uint32_t *left = ctx;
	((struct alarm *)timer)->fired++;
	if (--*left > 0)
		timer_arm(&wheel, timer, wheel.now_ms); /* has passed: not before the clock moves */
}

static void timer_may_be_armed_by_its_own_firing(void **state)
{
	(void)state;
	uint32_t left = 3;
	open_wheel(0);
	timer_arm(&wheel, &alarms[0].timer, 10);
	wheel_advance(&wheel, 10, arm_again, &left);
	assert_int_equal(alarms[0].fired, 1);
	wheel_advance(&wheel, 11, arm_again, &left);
	assert_int_equal(alarms[0].fired, 2);
	wheel_advance(&wheel, 500, arm_again, &left);
	assert_int_equal(alarms[0].fired, 3);
	wheel_advance(&wheel, 1000, arm_again, &left);
	assert_int_equal(alarms[0].fired, 3);
}

static void disarm_the_other(void *ctx, struct timer *timer)
{
	struct alarm *other = timer == &alarms[0].timer ? &alarms[1] : &alarms[0];
	(void)ctx;
	((struct alarm *)timer)->fired++;
	timer_disarm(&wheel, &other->timer);
}

static void timer_due_in_the_same_tick_may_be_disarmed(void **state)
{
	(void)state;
	open_wheel(0);
	timer_arm(&wheel, &alarms[0].timer, 10);
	timer_arm(&wheel, &alarms[1].timer, 10);
	wheel_advance(&wheel, 20, disarm_the_other, NULL);
	assert_int_equal(alarms[0].fired + alarms[1].fired, 1);
}

/* some_delay - of every order of magnitude */
static uint64_t some_delay(void)
{
	return ((uint64_t)rand() << 20 ^ (uint64_t)rand()) >> (15 + rand() % 45);
}

static uint64_t earliest(void)
{
	uint64_t due = UINT64_MAX;
	for (int i = 0; i < TIMERS; i++) {
		if (alarms[i].due_ms && alarms[i].due_ms < due)
			due = alarms[i].due_ms;
	}
	return due;
}

/* The model: a timer is due when the clock has reached its deadline. Nothing early, nothing late, nothing twice. */
static void wheel_agrees_with_a_naive_model(void **state)
{
	(void)state;
	srand(1);
	open_wheel(some_delay());
	for (int i = 0; i < 200000; i++) {
		struct alarm *alarm = &alarms[rand() % TIMERS];
		switch (rand() % 4) {
		case 0:
			disarm(alarm);
			break;
		case 1:
			wheel_advance(&wheel, wheel.now_ms + some_delay(), fire, NULL);
			assert_true(earliest() > wheel.now_ms);
			break;
		default:
			arm(alarm, wheel.now_ms + some_delay());
		}
		uint64_t next = wheel_next_ms(&wheel);
		assert_true(next > wheel.now_ms && next <= earliest());
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timer_fires_at_its_millisecond_and_once),
		cmocka_unit_test(time_that_has_passed_fires_with_the_next_tick),
		cmocka_unit_test(disarmed_timer_is_silent),
		cmocka_unit_test(deadline_beyond_the_wheel_is_reached_all_the_same),
		cmocka_unit_test(empty_wheel_has_nothing_to_do),
		cmocka_unit_test(timer_may_be_armed_by_its_own_firing),
		cmocka_unit_test(timer_due_in_the_same_tick_may_be_disarmed),
		cmocka_unit_test(wheel_agrees_with_a_naive_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
