/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/health/verdict.h"

#include "tests/unit/unit.h"

static const struct config_health health = {
	.interval_ms = 2000, .fast_interval_ms = 500, .jitter = CONFIG_FRACTION_ALL / 10, .rise = 2, .fall = 3};

/* note_all - one check for each letter: 'y' has succeeded; which of them turned the verdict, as a bit each */
static unsigned note_all(struct verdict *verdict, const char *checks)
{
	unsigned turns = 0;
	for (unsigned i = 0; checks[i]; i++)
		turns |= (unsigned)verdict_note(verdict, &health, checks[i] == 'y') << i;
	return turns;
}

static void backend_is_down_after_fall_failures_in_a_row(void **state)
{
	(void)state;
	struct verdict verdict = {0};
	assert_int_equal(note_all(&verdict, "nnynnynn"), 0);
	assert_false(verdict.down);
	assert_int_equal(note_all(&verdict, "nn"), 1);
	assert_true(verdict.down);
}

static void backend_is_up_after_rise_successes_in_a_row(void **state)
{
	(void)state;
	struct verdict verdict = {.down = true};
	assert_int_equal(note_all(&verdict, "ynynn"), 0);
	assert_true(verdict.down);
	assert_int_equal(note_all(&verdict, "yy"), 2);
	assert_false(verdict.down);
	assert_int_equal(note_all(&verdict, "nnn"), 4);
}

static void checks_are_faster_while_they_contradict_the_verdict(void **state)
{
	(void)state;
	struct verdict verdict = {0};
	const uint32_t middle = UINT32_C(1) << 31;
	assert_in_range(verdict_pause_ms(&verdict, &health, middle), 1999, 2001);
	note_all(&verdict, "n");
	assert_in_range(verdict_pause_ms(&verdict, &health, middle), 499, 501);
	note_all(&verdict, "nn");
	assert_true(verdict.down);
	assert_in_range(verdict_pause_ms(&verdict, &health, middle), 1999, 2001);
}

static void jitter_shortens_and_prolongs_by_no_more_than_its_part(void **state)
{
	(void)state;
	struct verdict verdict = {0};
	struct config_health without = health, most = health;
	without.jitter = 0;
	most.jitter = CONFIG_FRACTION_ALL;
	assert_int_equal(verdict_pause_ms(&verdict, &health, 0), 1800);
	assert_int_equal(verdict_pause_ms(&verdict, &health, UINT32_MAX), 2200);
	assert_int_equal(verdict_pause_ms(&verdict, &without, 0), 2000);
	assert_int_equal(verdict_pause_ms(&verdict, &without, UINT32_MAX), 2000);
	assert_int_equal(verdict_pause_ms(&verdict, &most, 0), 0);
	assert_int_equal(verdict_pause_ms(&verdict, &most, UINT32_MAX), 4000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(backend_is_down_after_fall_failures_in_a_row),
		cmocka_unit_test(backend_is_up_after_rise_successes_in_a_row),
		cmocka_unit_test(checks_are_faster_while_they_contradict_the_verdict),
		cmocka_unit_test(jitter_shortens_and_prolongs_by_no_more_than_its_part),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
