/* SPDX-License-Identifier: Apache-2.0 */
/* Who may be chosen, and what the policies make of it. */
#include "relay/balance/standing.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "tests/unit/relay/pool.h"

enum { POLICIES = CONFIG_BALANCE_SOURCE_HASH + 1 };

/* take_out - @backend is down from now on; put_back - it is not any more */
static void take_out(const struct balance_pool *pool, uint32_t backend)
{
	assert_true(standing_set(pool->standing, backend, STANDING_DOWN));
}

static void put_back(const struct balance_pool *pool, uint32_t backend, uint64_t now_ms)
{
	assert_true(standing_clear(pool->standing, backend, STANDING_DOWN, now_ms));
}

/* ---- the set of reasons ---- */

static void backend_is_usable_while_there_is_no_reason(void **state)
{
	(void)state;
	struct standing *standing = standing_new(2, 0);
	assert_non_null(standing);
	assert_false(standing_hindered(standing));
	assert_true(standing_set(standing, 1, STANDING_DOWN));
	assert_false(standing_set(standing, 1, STANDING_DOWN));
	assert_false(standing_set(standing, 1, STANDING_DRAIN));
	assert_true(standing_hindered(standing));
	assert_int_equal(standing_reasons(standing, 1), STANDING_DOWN | STANDING_DRAIN);
	assert_int_equal(standing_reasons(standing, 0), 0);
	assert_false(standing_clear(standing, 1, STANDING_EJECTED, 1));
	assert_false(standing_clear(standing, 1, STANDING_DOWN, 1));
	assert_true(standing_clear(standing, 1, STANDING_DRAIN, 1));
	assert_false(standing_clear(standing, 1, STANDING_DRAIN, 1));
	assert_false(standing_hindered(standing));
	free(standing);
}

static void *set_and_clear(void *shared)
{
	static _Atomic uint32_t next;
	struct standing *standing = shared;
	enum standing_reason own = 1 << atomic_fetch_add(&next, 1) % 4;
	for (uint32_t i = 0; i < CHOICES; i++) {
		standing_set(standing, i % 3, own);
		standing_share(standing, i % 3, i);
		standing_clear(standing, i % 3, own, i);
	}
	return NULL;
}

static void threads_change_standings_together(void **state)
{
	(void)state;
	pthread_t threads[3];
	struct standing *standing = standing_new(3, 1);
	assert_non_null(standing);
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, set_and_clear, standing), 0);
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(standing_reasons(standing, i), 0);
		assert_int_equal(standing_share(standing, i, 2 * CHOICES), STANDING_WHOLE);
		assert_int_equal(standing_share(standing, i, 2 * CHOICES), STANDING_WHOLE);
	}
	assert_false(standing_hindered(standing));
	free(standing);
}

/* ---- passing over ---- */

static void no_policy_chooses_an_unusable_backend(void **state)
{
	(void)state;
	for (int policy = 0; policy < POLICIES; policy++) {
		const struct balance_pool *pool = pool_equal((enum config_balance)policy, 100);
		for (uint32_t out = 0; out < 99; out++) {
			take_out(pool, out);
			for (int i = 0; i < 100; i++)
				assert_in_range(pool_choose(pool), out + 1, 99);
		}
		take_out(pool, 99);
		assert_int_equal(pool_choose(pool), BALANCE_NONE);
		put_back(pool, 42, 0);
		assert_int_equal(pool_choose(pool), 42);
	}
}

static void shares_are_exact_with_half_of_the_backends_out(void **state)
{
	(void)state;
	static const uint32_t all[] = {1, 2, 3, 256, 7, 100, 50, 8}, rest[] = {1, 0, 3, 0, 7, 100, 0, 0};
	const struct balance_pool *pool = pool_make(CONFIG_BALANCE_ROUND_ROBIN, all, ARRAY_COUNT(all));
	for (uint32_t i = 0; i < ARRAY_COUNT(all); i++)
		if (rest[i] == 0)
			take_out(pool, i);
	for (int i = 0; i < CHOICES; i++)
		pool_counts[pool_choose(pool)]++;
	pool_assert_shares(rest, ARRAY_COUNT(rest), CHOICES, 10, 1);
}

/* Neighbours in the order of turns, which are passed over in one run. */
static void turns_are_even_with_half_of_the_backends_out_in_a_row(void **state)
{
	(void)state;
	static const size_t sizes[] = {4, 10, 50, 100};
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		uint32_t rest[100] = {0};
		const struct balance_pool *pool = pool_equal(CONFIG_BALANCE_ROUND_ROBIN, sizes[i]);
		for (uint32_t j = 0; j < sizes[i]; j++) {
			rest[j] = j >= sizes[i] / 2;
			if (!rest[j])
				take_out(pool, j);
		}
		for (int j = 0; j < CHOICES; j++)
			pool_counts[pool_choose(pool)]++;
		pool_assert_shares(rest, sizes[i], CHOICES, 10, 1);
	}
}

static void connections_level_out_over_those_that_are_usable(void **state)
{
	(void)state;
	static const uint32_t all[] = {1, 2, 5, 10, 3}, rest[] = {1, 0, 5, 0, 3};
	static const enum config_balance policies[] = {CONFIG_BALANCE_LEAST_CONNECTIONS, CONFIG_BALANCE_TWO_CHOICES};
	for (size_t i = 0; i < ARRAY_COUNT(policies); i++) {
		const struct balance_pool *pool = pool_make(policies[i], all, ARRAY_COUNT(all));
		take_out(pool, 1);
		take_out(pool, 3);
		for (int j = 0; j < 9000; j++) {
			uint32_t chosen = pool_choose(pool);
			balance_enter(pool, chosen);
			pool_counts[chosen]++;
		}
		pool_assert_shares(rest, ARRAY_COUNT(rest), 9000, 10, 5);
	}
}

/* ---- clients ---- */

static uint16_t before[CHOICES];

static uint32_t client_choice(const struct balance_pool *pool, uint32_t client, uint64_t now_ms)
{
	return balance_first(pool, &pool_cursor, pool_draw_of(client), now_ms);
}

static void remember_choices(const struct balance_pool *pool)
{
	for (uint32_t client = 0; client < CHOICES; client++)
		before[client] = (uint16_t)client_choice(pool, client, 0);
}

/* Better than the limit of 1/n + 2 %: nobody moves but those whose own backend is down. */
static void only_clients_of_a_backend_that_is_down_move_and_they_come_back(void **state)
{
	(void)state;
	const struct balance_pool *pool = pool_equal(CONFIG_BALANCE_SOURCE_HASH, 10);
	remember_choices(pool);
	take_out(pool, 4);
	uint32_t moved = 0;
	for (uint32_t client = 0; client < CHOICES; client++) {
		uint32_t now = client_choice(pool, client, 0);
		assert_true(before[client] == 4 ? now != 4 : now == before[client]);
		assert_int_equal(client_choice(pool, client, 0), now);
		moved += before[client] == 4;
		pool_counts[now] += before[client] == 4;
	}
	assert_in_range(moved, CHOICES / 10 * 95 / 100, CHOICES / 10 * 105 / 100);
	for (uint32_t i = 0; i < 10; i++) /* and all others share them */
		assert_in_range(pool_counts[i], i == 4 ? 0 : moved / 9 * 85 / 100, i == 4 ? 0 : moved / 9 * 115 / 100);
	put_back(pool, 4, 0);
	for (uint32_t client = 0; client < CHOICES; client++)
		assert_int_equal(client_choice(pool, client, 0), before[client]);
}

static void clients_move_back_one_by_one_in_a_slow_start(void **state)
{
	(void)state;
	struct config_pool *config = pool_begin(CONFIG_BALANCE_SOURCE_HASH);
	config->slow_start_ms = 1000;
	for (unsigned i = 0; i < 5; i++)
		pool_add(config, i, 256);
	const struct balance_pool *pool = pool_end();
	remember_choices(pool);
	take_out(pool, 2);
	put_back(pool, 2, 0);
	uint32_t back = 0;
	for (uint64_t now_ms = 0; now_ms <= 1000; now_ms += 50) {
		uint32_t now_back = 0;
		for (uint32_t client = 0; client < 10000; client++) {
			uint32_t now = client_choice(pool, client, now_ms);
			assert_true(before[client] == 2 || now == before[client]);
			now_back += now == 2;
		}
		assert_true(now_back >= back);
		back = now_back;
	}
	for (uint32_t client = 0; client < 10000; client++)
		assert_int_equal(client_choice(pool, client, 1000), before[client]);
	assert_false(standing_hindered(pool->standing));
}

/* ---- backups ---- */

static void backups_are_chosen_only_when_no_primary_is_usable(void **state)
{
	(void)state;
	for (int policy = 0; policy < POLICIES; policy++) {
		struct config_pool *config = pool_begin((enum config_balance)policy);
		for (unsigned i = 0; i < 4; i++)
			pool_add(config, i, 1)->backup = i >= 2;
		const struct balance_pool *pool = pool_end();
		take_out(pool, 0);
		for (int i = 0; i < 100; i++)
			assert_int_equal(pool_choose(pool), 1);
		take_out(pool, 1);
		for (int i = 0; i < 100; i++)
			pool_counts[pool_choose(pool)]++;
		assert_in_range(pool_counts[2], 20, 80);
		assert_int_equal(pool_counts[2] + pool_counts[3], 100);
		take_out(pool, 2);
		assert_int_equal(pool_choose(pool), 3);
	}
}

static void way_on_passes_over_the_unusable(void **state)
{
	(void)state;
	const struct balance_pool *pool = pool_equal(CONFIG_BALANCE_ROUND_ROBIN, 6);
	take_out(pool, 1);
	take_out(pool, 4);
	for (int i = 0; i < 100; i++) {
		uint32_t draw = balance_draw(&pool_cursor), seen = 0;
		uint32_t first = balance_first(pool, &pool_cursor, draw, 0), current = first;
		for (; current != BALANCE_NONE; current = balance_next(pool, draw, first, current))
			seen |= 1U << current;
		assert_int_equal(seen, 1 << 0 | 1 << 2 | 1 << 3 | 1 << 5);
	}
}

static void state_of_the_file_is_where_a_backend_begins(void **state)
{
	(void)state;
	struct config_pool *config = pool_begin(CONFIG_BALANCE_ROUND_ROBIN);
	pool_add(config, 0, 1)->state = CONFIG_STATE_DRAIN;
	pool_add(config, 1, 1)->state = CONFIG_STATE_MAINTENANCE;
	pool_add(config, 2, 1);
	const struct balance_pool *pool = pool_end();
	assert_int_equal(standing_reasons(pool->standing, 0), STANDING_DRAIN);
	assert_int_equal(standing_reasons(pool->standing, 1), STANDING_MAINTENANCE);
	assert_true(balance_usable(pool, 2));
	assert_int_equal(pool_choose(pool), 2);
}

/* ---- slow start ---- */

static const struct balance_pool *make_slow(enum config_balance policy, uint32_t weight)
{
	struct config_pool *config = pool_begin(policy);
	config->slow_start_ms = 30000;
	for (unsigned i = 0; i < 4; i++)
		pool_add(config, i, weight);
	const struct balance_pool *pool = pool_end();
	take_out(pool, 1);
	put_back(pool, 1, 5000);
	return pool;
}

/* share_at - of 100 connections of one of the others, how many come to backend 1 */
static uint32_t share_at(const struct balance_pool *pool, uint64_t now_ms)
{
	uint32_t own = 0;
	for (int i = 0; i < CHOICES; i++)
		own += balance_first(pool, &pool_cursor, balance_draw(&pool_cursor), now_ms) == 1;
	return own * 300 / (CHOICES - own);
}

static void backend_that_comes_back_gets_a_growing_share(void **state)
{
	(void)state;
	static const enum config_balance policies[] = {CONFIG_BALANCE_ROUND_ROBIN, CONFIG_BALANCE_SOURCE_HASH};
	for (size_t i = 0; i < ARRAY_COUNT(policies); i++) {
		/* Those that it does not take go to the others. */
		const struct balance_pool *pool = make_slow(policies[i], 100);
		assert_in_range(share_at(pool, 5000), 6, 11);
		assert_in_range(share_at(pool, 5000 + 15000), 44, 56);
		assert_in_range(share_at(pool, 5000 + 27000), 80, 94);
		assert_in_range(share_at(pool, 5000 + 30000), 97, 103);
		assert_false(standing_hindered(pool->standing));
	}
}

static void share_of_a_light_backend_is_a_weight_of_one_at_least(void **state)
{
	(void)state;
	const struct balance_pool *pool = make_slow(CONFIG_BALANCE_ROUND_ROBIN, 4);
	/* The divisor of the weights is for the cycle alone: 1 of 4 is more than a tenth. */
	assert_in_range(share_at(pool, 5000), 18, 26);
}

/* By connections, its level is what grows: one with none at all would else get every new one. */
static void backend_that_comes_back_has_a_growing_level_of_connections(void **state)
{
	(void)state;
	static const struct row {
		uint64_t after_ms;
		uint32_t least, most;
	} rows[] = {{0, 9, 11}, {15000, 54, 56}, {30000, 100, 100}};
	const struct balance_pool *pool = make_slow(CONFIG_BALANCE_LEAST_CONNECTIONS, 100);
	for (uint32_t i = 0; i < 400; i++)
		if (i % 4 != 1)
			balance_enter(pool, i % 4);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		for (;;) {
			uint32_t chosen = balance_first(pool, &pool_cursor, 0, 5000 + rows[i].after_ms);
			if (chosen != 1)
				break;
			balance_enter(pool, 1);
		}
		assert_in_range(atomic_load(&pool->active[1]), rows[i].least, rows[i].most);
	}
}

static void start_begins_anew_with_each_return(void **state)
{
	(void)state;
	const struct balance_pool *pool = make_slow(CONFIG_BALANCE_ROUND_ROBIN, 100);
	take_out(pool, 1);
	assert_false(standing_clear(pool->standing, 1, STANDING_DRAIN, 30000));
	put_back(pool, 1, 30000);
	assert_in_range(share_at(pool, 30000), 6, 11);
	standing_set(pool->standing, 1, STANDING_EJECTED);
	assert_int_equal(share_at(pool, 70000), 0);
}

static void only_backend_of_a_pool_takes_all_while_it_starts(void **state)
{
	(void)state;
	const struct balance_pool *pool = make_slow(CONFIG_BALANCE_ROUND_ROBIN, 100);
	take_out(pool, 0);
	take_out(pool, 2);
	take_out(pool, 3);
	for (int i = 0; i < 100; i++)
		assert_int_equal(balance_first(pool, &pool_cursor, balance_draw(&pool_cursor), 5000), 1);
}

#define STANDING_TEST(name) cmocka_unit_test_teardown(name, pool_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STANDING_TEST(backend_is_usable_while_there_is_no_reason),
		STANDING_TEST(threads_change_standings_together),
		STANDING_TEST(no_policy_chooses_an_unusable_backend),
		STANDING_TEST(shares_are_exact_with_half_of_the_backends_out),
		STANDING_TEST(turns_are_even_with_half_of_the_backends_out_in_a_row),
		STANDING_TEST(connections_level_out_over_those_that_are_usable),
		STANDING_TEST(only_clients_of_a_backend_that_is_down_move_and_they_come_back),
		STANDING_TEST(clients_move_back_one_by_one_in_a_slow_start),
		STANDING_TEST(backups_are_chosen_only_when_no_primary_is_usable),
		STANDING_TEST(way_on_passes_over_the_unusable),
		STANDING_TEST(state_of_the_file_is_where_a_backend_begins),
		STANDING_TEST(backend_that_comes_back_gets_a_growing_share),
		STANDING_TEST(share_of_a_light_backend_is_a_weight_of_one_at_least),
		STANDING_TEST(backend_that_comes_back_has_a_growing_level_of_connections),
		STANDING_TEST(start_begins_anew_with_each_return),
		STANDING_TEST(only_backend_of_a_pool_takes_all_while_it_starts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
