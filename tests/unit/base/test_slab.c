/* SPDX-License-Identifier: Apache-2.0 */
#include "base/slab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

struct thing {
	uint32_t number;
	unsigned char rest[60];
};

enum { CAPACITY = 8 };

static struct slab slab;

static void open_slab(size_t zeroed_size)
{
	assert_int_equal(slab_init(&slab, sizeof(struct thing), zeroed_size, CAPACITY), 0);
}

static void capacity_outside_of_what_an_index_holds_is_refused(void **state)
{
	(void)state;
	assert_int_equal(slab_init(&slab, 8, 8, 0), -EINVAL);
	assert_int_equal(slab_init(&slab, 8, 8, SLAB_CAPACITY_MAX + 1), -EINVAL);
	assert_int_equal(slab_init(&slab, 8, 8, SLAB_CAPACITY_MAX), 0);
	slab_fini(&slab);
}

static void full_slab_gives_nothing_until_something_comes_back(void **state)
{
	(void)state;
	struct thing *things[CAPACITY];
	open_slab(sizeof(struct thing));
	for (uint32_t i = 0; i < CAPACITY; i++) {
		things[i] = slab_take(&slab);
		assert_non_null(things[i]);
		assert_int_equal(slab_index(&slab, things[i]), i);
		assert_ptr_equal(slab_at(&slab, i), things[i]);
	}
	assert_int_equal(slab.used, CAPACITY);
	assert_null(slab_take(&slab));
	slab_give(&slab, things[3]);
	assert_ptr_equal(slab_take(&slab), things[3]);
	assert_null(slab_take(&slab));
	slab_fini(&slab);
}

static void taken_object_is_cleared_as_far_as_was_asked(void **state)
{
	(void)state;
	open_slab(offsetof(struct thing, rest));
	struct thing *thing = slab_take(&slab);
	memset(thing, 0xff, sizeof(*thing));
	slab_give(&slab, thing);
	thing = slab_take(&slab);
	assert_int_equal(thing->number, 0);
	assert_int_equal(thing->rest[0], 0xff);
	slab_fini(&slab);
}

static void handle_of_an_object_given_back_finds_nothing(void **state)
{
	(void)state;
	open_slab(sizeof(struct thing));
	struct thing *thing = slab_take(&slab);
	uint32_t index = slab_index(&slab, thing), generation = slab_generation(thing);
	assert_ptr_equal(slab_find(&slab, index, generation), thing);
	assert_null(slab_find(&slab, index, generation + 1));
	assert_null(slab_find(&slab, index + 1, generation));
	assert_null(slab_find(&slab, CAPACITY, generation));
	slab_give(&slab, thing);
	assert_null(slab_find(&slab, index, generation));
	assert_null(slab_find(&slab, index, generation + 1)); /* free: no generation is right */
	thing = slab_take(&slab);
	assert_int_equal(slab_index(&slab, thing), index);
	assert_null(slab_find(&slab, index, generation));
	assert_ptr_equal(slab_find(&slab, index, slab_generation(thing)), thing);
	slab_fini(&slab);
}

static void iteration_sees_what_is_in_use_even_while_it_is_given_back(void **state)
{
	(void)state;
	open_slab(sizeof(struct thing));
	for (uint32_t i = 0; i < CAPACITY; i++)
		((struct thing *)slab_take(&slab))->number = i;
	slab_give(&slab, slab_at(&slab, 0));
	slab_give(&slab, slab_at(&slab, 5));
	uint32_t index = 0, seen = 0;
	for (struct thing *thing; (thing = slab_next(&slab, &index));) {
		seen |= 1u << thing->number;
		slab_give(&slab, thing);
	}
	assert_int_equal(seen, 0xff & ~(1u << 0) & ~(1u << 5));
	assert_int_equal(slab.used, 0);
	slab_fini(&slab);
}

/* Random taking and giving against an array: no object twice, no generation that comes back soon. */
static void slab_agrees_with_a_naive_model(void **state)
{
	struct thing *taken[CAPACITY] = {NULL};
	uint32_t last_generation[CAPACITY] = {0}, used = 0;
	(void)state;
	open_slab(sizeof(struct thing));
	srand(1);
	for (int i = 0; i < 20000; i++) {
		uint32_t index = (uint32_t)rand() % CAPACITY;
		if (taken[index]) {
			last_generation[index] = slab_generation(taken[index]);
			slab_give(&slab, taken[index]);
			taken[index] = NULL;
			used--;
		} else {
			struct thing *thing = slab_take(&slab);
			uint32_t at = slab_index(&slab, thing);
			assert_null(taken[at]);
			assert_true(slab_generation(thing) >= last_generation[at]);
			taken[at] = thing;
			used++;
		}
		assert_int_equal(slab.used, used);
	}
	slab_fini(&slab);
}

static void iteration_can_be_cut_where_it_would_take_too_long(void **state)
{
	(void)state;
	uint64_t *things[10];
	uint32_t index = 0;
	assert_int_equal(slab_init(&slab, sizeof(uint64_t), sizeof(uint64_t), 10), 0);
	for (int i = 0; i < 8; i++)
		things[i] = slab_take(&slab);
	for (int i = 0; i < 6; i++)
		slab_give(&slab, things[i]);
	assert_null(slab_next_below(&slab, &index, 4)); /* all of them were given back */
	assert_int_equal(index, 4);
	assert_ptr_equal(slab_next_below(&slab, &index, 8), things[6]);
	assert_ptr_equal(slab_next_below(&slab, &index, 8), things[7]);
	assert_null(slab_next_below(&slab, &index, 12));
	assert_int_equal(index, 8); /* none was ever taken from there on */
	slab_fini(&slab);
}

static void nothing_to_free_is_allowed(void **state)
{
	(void)state;
	struct slab never_initialized = {0};
	slab_fini(NULL);
	slab_fini(&never_initialized);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(capacity_outside_of_what_an_index_holds_is_refused),
		cmocka_unit_test(full_slab_gives_nothing_until_something_comes_back),
		cmocka_unit_test(taken_object_is_cleared_as_far_as_was_asked),
		cmocka_unit_test(handle_of_an_object_given_back_finds_nothing),
		cmocka_unit_test(iteration_sees_what_is_in_use_even_while_it_is_given_back),
		cmocka_unit_test(iteration_can_be_cut_where_it_would_take_too_long),
		cmocka_unit_test(slab_agrees_with_a_naive_model),
		cmocka_unit_test(nothing_to_free_is_allowed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
