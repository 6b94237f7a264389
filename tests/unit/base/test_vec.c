/* SPDX-License-Identifier: Apache-2.0 */
#include "base/vec.h"

#include <string.h>

#include "tests/unit/unit.h"

struct thing {
	uint64_t number;
	char rest[24];
};

struct things {
	VEC(struct thing) all;
};

static void elements_stay_as_the_array_grows(void **state)
{
	(void)state;
	struct things things = {0};
	for (uint64_t i = 0; i < 1000; i++) {
		struct thing *thing = vec_push(&things.all);
		assert_non_null(thing);
		thing->number = i;
	}
	assert_int_equal(things.all.count, 1000);
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(things.all.items[i].number, i);
	vec_clear(&things.all);
}

static void new_element_is_zeroed_also_where_one_was_before(void **state)
{
	(void)state;
	static const struct thing zero;
	struct things things = {0};
	memset(vec_push(&things.all), 0xff, sizeof(struct thing));
	things.all.count = 0;
	assert_memory_equal(vec_push(&things.all), &zero, sizeof(zero));
	vec_clear(&things.all);
}

static void cleared_array_is_as_new(void **state)
{
	(void)state;
	struct things things = {0};
	vec_push(&things.all);
	vec_clear(&things.all);
	assert_null(things.all.items);
	assert_int_equal(things.all.count + things.all.capacity, 0);
	vec_clear(&things.all);
	assert_non_null(vec_push(&things.all));
	vec_clear(&things.all);
}

static void memory_that_runs_out_leaves_the_array_as_it_was(void **state)
{
	(void)state;
#ifdef NSRELAY_SANITIZED
	skip(); /* the sanitizer ends a program that asks for so much */
#endif
	struct thing things[2] = {{.number = 1}, {.number = 2}};
	void *items = things;
	size_t count = 2, capacity = 2;
	assert_null(vec_push_raw(&items, &count, &capacity, SIZE_MAX / 3));
	assert_ptr_equal(items, things);
	assert_int_equal(count, 2);
	assert_int_equal(capacity, 2);
}

static uint64_t sum_of(const struct things *things)
{
	uint64_t sum = 0;
	vec_each (thing, &things->all)
		sum += thing->number;
	return sum;
}

static void each_element_is_visited_once(void **state)
{
	(void)state;
	struct things things = {0};
	assert_int_equal(sum_of(&things), 0);
	for (uint64_t i = 1; i <= 4; i++)
		((struct thing *)vec_push(&things.all))->number = i;
	assert_int_equal(sum_of(&things), 10);
	vec_clear(&things.all);
}

static void arrays_are_appended_whole_or_not_at_all(void **state)
{
	(void)state;
	struct things things = {0}, more = {0};
	assert_true(vec_append(&things.all, &more.all));
	assert_int_equal(things.all.count, 0);
	for (uint64_t i = 1; i <= 9; i++)
		((struct thing *)vec_push(&more.all))->number = i;
	assert_true(vec_append(&things.all, &more.all));
	assert_true(vec_append(&things.all, &more.all));
	assert_int_equal(things.all.count, 18);
	assert_int_equal(sum_of(&things), 90);
	assert_int_equal(things.all.items[9].number, 1);
	vec_clear(&more.all);
	vec_clear(&things.all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(elements_stay_as_the_array_grows),
	        cmocka_unit_test(new_element_is_zeroed_also_where_one_was_before),
	        cmocka_unit_test(cleared_array_is_as_new),
	        cmocka_unit_test(memory_that_runs_out_leaves_the_array_as_it_was),
	        cmocka_unit_test(each_element_is_visited_once),
	        cmocka_unit_test(arrays_are_appended_whole_or_not_at_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
