/* SPDX-License-Identifier: Apache-2.0 */
/* Choices of a backend, by their figures. */
#include "relay/balance/balance.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>

#include "relay/balance/maglev.h"
#include "tests/unit/relay/pool.h"

/* ---- round robin ---- */

static void backends_of_one_weight_take_turns(void **state)
{
	(void)state;
	const struct balance_pool *pool = pool_equal(CONFIG_BALANCE_ROUND_ROBIN, 5);
	uint32_t before = pool_choose(pool);
	for (int i = 0; i < 20; i++) {
		uint32_t now = pool_choose(pool);
		assert_int_equal(now, (before + 1) % 5);
		before = now;
	}
}

static const uint32_t uneven[] = {1, 2, 3, 256, 7, 100}, few[] = {3, 1}, even[] = {4, 4, 4}, one[] = {9};
static const struct weights {
	const uint32_t *weights;
	size_t count;
} weights[] = {{uneven, ARRAY_COUNT(uneven)}, {few, ARRAY_COUNT(few)}, {even, ARRAY_COUNT(even)}, {one, 1}};

static void turns_are_exact_by_weight(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(weights); i++) {
		const struct balance_pool *pool =
			pool_make(CONFIG_BALANCE_ROUND_ROBIN, weights[i].weights, weights[i].count);
		uint64_t cycles = CHOICES / pool->positions;
		for (uint64_t j = 0; j < cycles * pool->positions; j++)
			pool_counts[pool_choose(pool)]++;
		pool_assert_shares(weights[i].weights, weights[i].count, cycles * pool->positions, 0, 0);
	}
}

static void weights_are_within_one_percent(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(weights); i++) {
		const struct balance_pool *pool =
			pool_make(CONFIG_BALANCE_ROUND_ROBIN, weights[i].weights, weights[i].count);
		for (int j = 0; j < CHOICES; j++)
			pool_counts[pool_choose(pool)]++;
		pool_assert_shares(weights[i].weights, weights[i].count, CHOICES, 10, 0);
	}
}

/* A share of 18 in 100,000 cannot be met to 1 %: one connection more or less is one in 18. */
static void weights_of_a_thousand_backends_are_met_to_a_few_connections(void **state)
{
	(void)state;
	uint32_t many[BACKENDS_MAX];
	for (size_t i = 0; i < BACKENDS_MAX; i++)
		many[i] = (uint32_t)(i * 7919 % CONFIG_WEIGHT_MAX) + 1;
	const struct balance_pool *pool = pool_make(CONFIG_BALANCE_ROUND_ROBIN, many, BACKENDS_MAX);
	for (int i = 0; i < CHOICES; i++)
		pool_counts[pool_choose(pool)]++;
	pool_assert_shares(many, BACKENDS_MAX, CHOICES, 10, 4);
}

/* Of 100 turns of the heavier one in 103, few can be in a row. */
static void heavy_backends_do_not_have_their_turns_in_a_row(void **state)
{
	(void)state;
	static const uint32_t two_and_three[] = {50, 50, 3};
	const struct balance_pool *pool = pool_make(CONFIG_BALANCE_ROUND_ROBIN, two_and_three, 3);
	uint32_t before = UINT32_MAX, run = 0;
	for (int i = 0; i < 1000; i++) {
		uint32_t now = pool_choose(pool);
		run = now == before ? run + 1 : 1;
		before = now;
		assert_in_range(run, 1, 2);
	}
}

static void threads_begin_at_different_backends(void **state)
{
	(void)state;
	const struct balance_pool *pool = pool_equal(CONFIG_BALANCE_ROUND_ROBIN, 8);
	for (uint64_t seed = 0; seed < 800; seed++) {
		balance_cursor_init(&pool_cursor, pool, seed);
		pool_counts[pool_choose(pool)]++;
	}
	for (size_t i = 0; i < 8; i++)
		assert_in_range(pool_counts[i], 50, 150);
}

/* ---- by connections ---- */

static void least_connections_levels_out(void **state)
{
	(void)state;
	const struct balance_pool *pool = pool_equal(CONFIG_BALANCE_LEAST_CONNECTIONS, 10);
	for (uint32_t i = 0; i < 7; i++)
		balance_enter(pool, 3);
	for (int i = 0; i < 9 * 7; i++) {
		uint32_t chosen = pool_choose(pool);
		assert_int_not_equal(chosen, 3);
		balance_enter(pool, chosen);
		pool_counts[chosen]++;
	}
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(pool_counts[i], i == 3 ? 0 : 7);
	balance_leave(pool, 6);
	assert_int_equal(pool_choose(pool), 6);
}

static void equals_of_least_connections_take_turns(void **state)
{
	(void)state;
	const struct balance_pool *pool = pool_equal(CONFIG_BALANCE_LEAST_CONNECTIONS, 4);
	for (int i = 0; i < 40; i++)
		pool_counts[pool_choose(pool)]++;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pool_counts[i], 10);
}

static void connections_by_weight(enum config_balance policy, double per_mille, double whole)
{
	static const uint32_t mixed[] = {1, 2, 5, 10, 3};
	const struct balance_pool *pool = pool_make(policy, mixed, ARRAY_COUNT(mixed));
	for (int i = 0; i < 21 * 1000; i++) {
		uint32_t chosen = pool_choose(pool);
		balance_enter(pool, chosen);
		pool_counts[chosen]++;
	}
	pool_assert_shares(mixed, ARRAY_COUNT(mixed), 21 * 1000, per_mille, whole);
}

static void least_connections_has_the_weights(void **state)
{
	(void)state;
	connections_by_weight(CONFIG_BALANCE_LEAST_CONNECTIONS, 0, 2);
}

static void two_choices_has_the_weights(void **state)
{
	(void)state;
	connections_by_weight(CONFIG_BALANCE_TWO_CHOICES, 10, 5);
}

/* By chance alone, 100 of 10,000 connections to each of 100 backends spread from about 75 to 125. */
static void two_choices_are_nearly_even(void **state)
{
	(void)state;
	const struct balance_pool *pool = pool_equal(CONFIG_BALANCE_TWO_CHOICES, 100);
	for (int i = 0; i < 10000; i++) {
		uint32_t chosen = pool_choose(pool);
		balance_enter(pool, chosen);
		pool_counts[chosen]++;
	}
	for (size_t i = 0; i < 100; i++)
		assert_in_range(pool_counts[i], 93, 104);
}

static void two_choices_of_two_take_the_better_one(void **state)
{
	(void)state;
	const struct balance_pool *pool = pool_equal(CONFIG_BALANCE_TWO_CHOICES, 2);
	balance_enter(pool, 1);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(pool_choose(pool), 0);
}

static void *enter_and_leave(void *pool)
{
	for (uint32_t i = 0; i < CHOICES; i++)
		balance_enter(pool, i % 2);
	for (uint32_t i = 0; i < CHOICES; i++)
		balance_leave(pool, i % 2);
	return NULL;
}

static void threads_count_together(void **state)
{
	(void)state;
	pthread_t threads[2];
	const struct balance_pool *pool = pool_equal(CONFIG_BALANCE_LEAST_CONNECTIONS, 2);
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, enter_and_leave, (void *)(uintptr_t)pool), 0);
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&pool->active[0]) + atomic_load(&pool->active[1]), 0);
}

/* ---- by the client's address ---- */

static void one_client_has_one_backend(void **state)
{
	(void)state;
	const struct balance_pool *pool = pool_equal(CONFIG_BALANCE_SOURCE_HASH, 50);
	for (uint32_t client = 0; client < 1000; client++) {
		uint32_t backend = balance_first(pool, &pool_cursor, pool_draw_of(client), 0);
		for (int i = 0; i < 3; i++)
			assert_int_equal(balance_first(pool, &pool_cursor, pool_draw_of(client), 0), backend);
	}
}

static void mapped_address_is_the_same_client(void **state)
{
	(void)state;
	static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, 10, 1, 2, 3}, plain[16] = {10, 1, 2, 3};
	static const uint8_t other[16] = {[0] = 0xfd, [15] = 1}, another[16] = {[0] = 0xfd, [15] = 2};
	(void)state;
	assert_int_equal(balance_draw_of_source(mapped, AF_INET6), balance_draw_of_source(plain, AF_INET));
	assert_int_not_equal(balance_draw_of_source(other, AF_INET6), balance_draw_of_source(another, AF_INET6));
}

static void clients_are_spread_by_weight(void **state)
{
	(void)state;
	static const uint32_t mixed[] = {1, 2, 5, 10, 3};
	const struct balance_pool *pool = pool_make(CONFIG_BALANCE_SOURCE_HASH, mixed, ARRAY_COUNT(mixed));
	for (uint32_t client = 0; client < CHOICES; client++)
		pool_counts[balance_first(pool, &pool_cursor, pool_draw_of(client), 0)]++;
	pool_assert_shares(mixed, ARRAY_COUNT(mixed), CHOICES, 30, 0);
}

/* moved - clients in 1,000 whose backend changes, beyond those of backend @gone, when that one goes */
static double moved(const uint32_t *weights_of, size_t count, size_t gone)
{
	static uint16_t before[CHOICES];
	const struct balance_pool *pool = pool_make(CONFIG_BALANCE_SOURCE_HASH, weights_of, count);
	uint32_t changed = 0;
	for (uint32_t client = 0; client < CHOICES; client++)
		before[client] = (uint16_t)balance_first(pool, &pool_cursor, pool_draw_of(client), 0);
	struct config_pool *rest = pool_begin(CONFIG_BALANCE_SOURCE_HASH);
	for (size_t i = 0; i < count; i++)
		if (i != gone)
			pool_add(rest, (unsigned)i, weights_of[i]);
	pool = pool_end();
	for (uint32_t client = 0; client < CHOICES; client++) {
		uint32_t now = balance_first(pool, &pool_cursor, pool_draw_of(client), 0);
		changed += before[client] != now + (now >= gone);
	}
	return changed * 1000.0 / CHOICES;
}

static void few_clients_move_when_a_backend_goes(void **state)
{
	(void)state;
	static const size_t sizes[] = {2, 3, 5, 10, 20, 40, 50, 100, 500, BACKENDS_MAX};
	uint32_t equal[BACKENDS_MAX];
	for (size_t i = 0; i < BACKENDS_MAX; i++)
		equal[i] = 1;
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		double per_mille = moved(equal, sizes[i], sizes[i] / 2), limit = 1000.0 / (double)sizes[i] + 20;
		print_message("of %zu backends one goes: %.1f in 1,000 clients move\n", sizes[i], per_mille);
		if (per_mille > limit)
			fail_msg("%zu backends: %.1f in 1,000 moved, limit %.1f", sizes[i], per_mille, limit);
	}
}

static void few_clients_move_when_the_heaviest_goes(void **state)
{
	(void)state;
	static const uint32_t mixed[] = {1, 2, 5, 10, 3};
	double per_mille = moved(mixed, ARRAY_COUNT(mixed), 3);
	if (per_mille > 1000.0 * 10 / 21 + 20)
		fail_msg("%.1f in 1,000 moved", per_mille);
}

/* The same backends in another order are another file, and may be another host: they must agree. */
static void order_in_the_file_does_not_matter(void **state)
{
	(void)state;
	uint32_t differ = 0;
	static uint16_t before[CHOICES];
	const struct balance_pool *pool = pool_equal(CONFIG_BALANCE_SOURCE_HASH, 20);
	for (uint32_t client = 0; client < CHOICES; client++)
		before[client] = (uint16_t)balance_first(pool, &pool_cursor, pool_draw_of(client), 0);
	struct config_pool *reversed = pool_begin(CONFIG_BALANCE_SOURCE_HASH);
	for (unsigned i = 20; i-- > 0;)
		pool_add(reversed, i, 1);
	pool = pool_end();
	for (uint32_t client = 0; client < CHOICES; client++)
		differ += before[client] != 19 - balance_first(pool, &pool_cursor, pool_draw_of(client), 0);
	assert_in_range(differ, 0, CHOICES / 50);
}

/* ---- the way on ---- */

static void every_backend_is_tried_once_and_backups_last(void **state)
{
	(void)state;
	for (int policy = 0; policy <= CONFIG_BALANCE_SOURCE_HASH; policy++) {
		struct config_pool *config_pool = pool_begin((enum config_balance)policy);
		for (unsigned i = 0; i < 12; i++)
			pool_add(config_pool, i, i % 3 + 1)->backup = i % 4 == 0;
		const struct balance_pool *pool = pool_end();
		for (int i = 0; i < 1000; i++) {
			uint32_t draw = balance_draw(&pool_cursor), first = balance_first(pool, &pool_cursor, draw, 0);
			uint32_t current = first, seen = 0;
			for (int tried = 0; tried < 12; tried++) {
				assert_in_range(current, 0, 11);
				assert_false(seen & (1U << current));
				assert_int_equal(current % 4 == 0, tried >= 9);
				seen |= 1U << current;
				current = balance_next(pool, draw, first, current);
			}
			assert_int_equal(current, BALANCE_NONE);
		}
	}
}

static void load_of_a_dead_backend_goes_to_all_others_by_weight(void **state)
{
	(void)state;
	static const uint32_t mixed[] = {10, 1, 2, 4, 1};
	static const uint32_t alive[] = {0, 1, 2, 4, 1};
	const struct balance_pool *pool = pool_make(CONFIG_BALANCE_ROUND_ROBIN, mixed, ARRAY_COUNT(mixed));
	for (int i = 0; i < CHOICES; i++)
		pool_counts[balance_next(pool, balance_draw(&pool_cursor), 0, 0)]++;
	/* Rendezvous hashing is exact with logarithms; the product in their place favours the heavy by so much. */
	pool_assert_shares(alive, ARRAY_COUNT(alive), CHOICES, 350, 0);
	assert_int_equal(pool_counts[0], 0);
}

static void client_goes_on_to_the_same_backend_each_time(void **state)
{
	(void)state;
	const struct balance_pool *pool = pool_equal(CONFIG_BALANCE_SOURCE_HASH, 10);
	for (uint32_t client = 0; client < 100; client++) {
		uint32_t draw = pool_draw_of(client), first = balance_first(pool, &pool_cursor, draw, 0);
		uint32_t next = balance_next(pool, draw, first, first);
		balance_draw(&pool_cursor);
		assert_int_equal(balance_next(pool, pool_draw_of(client), first, first), next);
	}
}

static void single_backend_is_chosen_by_every_policy(void **state)
{
	(void)state;
	for (int policy = 0; policy <= CONFIG_BALANCE_SOURCE_HASH; policy++) {
		const struct balance_pool *pool = pool_make((enum config_balance)policy, one, 1);
		for (int i = 0; i < 10; i++)
			assert_int_equal(pool_choose(pool), 0);
		assert_int_equal(balance_next(pool, 1, 0, 0), BALANCE_NONE);
	}
}

static void pool_without_backends_is_nothing_to_choose_from(void **state)
{
	(void)state;
	pool_begin(CONFIG_BALANCE_SOURCE_HASH);
	assert_int_equal(pool_end()->positions, 0);
	balance_fini(NULL);
}

static void memory_is_told_before_it_is_taken(void **state)
{
	(void)state;
	pool_equal(CONFIG_BALANCE_SOURCE_HASH, BACKENDS_MAX);
	assert_true(balance_memory(&pool_config) >= MAGLEV_SIZE * sizeof(uint16_t));
	pool_equal(CONFIG_BALANCE_ROUND_ROBIN, 3);
	assert_in_range(balance_memory(&pool_config), 1, 200);
}

#define BALANCE_TEST(name) cmocka_unit_test_teardown(name, pool_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BALANCE_TEST(backends_of_one_weight_take_turns),
		BALANCE_TEST(turns_are_exact_by_weight),
		BALANCE_TEST(weights_are_within_one_percent),
		BALANCE_TEST(weights_of_a_thousand_backends_are_met_to_a_few_connections),
		BALANCE_TEST(heavy_backends_do_not_have_their_turns_in_a_row),
		BALANCE_TEST(threads_begin_at_different_backends),
		BALANCE_TEST(least_connections_levels_out),
		BALANCE_TEST(equals_of_least_connections_take_turns),
		BALANCE_TEST(least_connections_has_the_weights),
		BALANCE_TEST(two_choices_has_the_weights),
		BALANCE_TEST(two_choices_are_nearly_even),
		BALANCE_TEST(two_choices_of_two_take_the_better_one),
		BALANCE_TEST(threads_count_together),
		BALANCE_TEST(one_client_has_one_backend),
		BALANCE_TEST(mapped_address_is_the_same_client),
		BALANCE_TEST(clients_are_spread_by_weight),
		BALANCE_TEST(few_clients_move_when_a_backend_goes),
		BALANCE_TEST(few_clients_move_when_the_heaviest_goes),
		BALANCE_TEST(order_in_the_file_does_not_matter),
		BALANCE_TEST(every_backend_is_tried_once_and_backups_last),
		BALANCE_TEST(load_of_a_dead_backend_goes_to_all_others_by_weight),
		BALANCE_TEST(client_goes_on_to_the_same_backend_each_time),
		BALANCE_TEST(single_backend_is_chosen_by_every_policy),
		BALANCE_TEST(pool_without_backends_is_nothing_to_choose_from),
		BALANCE_TEST(memory_is_told_before_it_is_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
