/* SPDX-License-Identifier: Apache-2.0 */
/* Who had which backend, and for how long that is known. */
#include "relay/balance/sticky.h"

#include <pthread.h>
#include <stdlib.h>

#include "relay/balance/hash.h"
#include "tests/unit/relay/pool.h"

static const uint32_t MINUTE_MS = 60 * 1000;

static uint64_t client(uint32_t number)
{
	return hash_mix(number + 1);
}

static void client_is_remembered_until_the_timeout_after_its_last_connection(void **state)
{
	(void)state;
	static const uint32_t timeouts_ms[] = {1000, 5 * 60 * 1000, 7 * 24 * 3600 * 1000};
	for (size_t i = 0; i < ARRAY_COUNT(timeouts_ms); i++) {
		uint64_t now_ms = UINT64_C(123456789), timeout_ms = timeouts_ms[i], slack_ms = timeout_ms / 500 + 2;
		struct sticky *sticky = sticky_new(64, timeouts_ms[i]);
		assert_non_null(sticky);
		assert_int_equal(sticky_find(sticky, client(1), now_ms), STICKY_NONE);
		sticky_note(sticky, client(1), 7, now_ms);
		now_ms += timeout_ms / 2;
		assert_int_equal(sticky_find(sticky, client(1), now_ms), 7);
		sticky_note(sticky, client(1), 7, now_ms);
		assert_int_equal(sticky_find(sticky, client(1), now_ms + timeout_ms - slack_ms), 7);
		assert_int_equal(sticky_find(sticky, client(1), now_ms + timeout_ms + slack_ms), STICKY_NONE);
		free(sticky);
	}
}

static void last_backend_counts(void **state)
{
	(void)state;
	struct sticky *sticky = sticky_new(8, MINUTE_MS);
	assert_non_null(sticky);
	for (uint32_t backend = 0; backend < 65535; backend += 4681) {
		sticky_note(sticky, client(1), backend, 5);
		assert_int_equal(sticky_find(sticky, client(1), 5), backend);
	}
	free(sticky);
}

/* Threads read their clocks at different moments: the note of one may be of a tick that another has not come to. */
static void client_is_known_to_a_thread_whose_clock_is_behind(void **state)
{
	(void)state;
	const uint64_t now_ms = UINT64_C(123456789);
	static const uint32_t timeouts_ms[] = {1000, 30 * 60 * 1000};
	for (size_t i = 0; i < ARRAY_COUNT(timeouts_ms); i++) {
		struct sticky *sticky = sticky_new(8, timeouts_ms[i]);
		assert_non_null(sticky);
		uint64_t ahead_ms = now_ms / sticky->tick_ms * sticky->tick_ms;
		for (uint32_t j = 1; j < 8; j++)
			sticky_note(sticky, client(j), j, ahead_ms - 100 * sticky->tick_ms);
		sticky_note(sticky, client(0), 0, ahead_ms);
		assert_int_equal(sticky_find(sticky, client(0), ahead_ms - 1), 0);
		sticky_note(sticky, client(8), 8, ahead_ms - 1); /* and its place is not the oldest */
		assert_int_equal(sticky_find(sticky, client(0), ahead_ms), 0);
		free(sticky);
	}
}

/* Of 8 places each client but the ninth has one; who came least recently makes room. */
static void oldest_is_forgotten_when_a_set_is_full(void **state)
{
	(void)state;
	struct sticky *sticky = sticky_new(8, MINUTE_MS);
	assert_non_null(sticky);
	for (uint32_t i = 0; i < 8; i++)
		sticky_note(sticky, client(i), i, 1000 * (i + 1));
	sticky_note(sticky, client(0), 0, 10000);
	sticky_note(sticky, client(8), 8, 11000);
	for (uint32_t i = 0; i < 9; i++)
		assert_int_equal(sticky_find(sticky, client(i), 12000), i == 1 ? STICKY_NONE : i);
	free(sticky);
}

/* A table as full as it may be loses few: clients do not spread over sets quite evenly. */
static void table_holds_nearly_as_many_as_its_size(void **state)
{
	(void)state;
	enum { SIZE = 65536 };
	struct sticky *sticky = sticky_new(SIZE, MINUTE_MS);
	uint32_t known = 0;
	assert_non_null(sticky);
	for (uint32_t i = 0; i < SIZE; i++)
		sticky_note(sticky, client(i), i % 10, 1000);
	for (uint32_t i = 0; i < SIZE; i++) {
		uint32_t backend = sticky_find(sticky, client(i), 1000);
		assert_true(backend == STICKY_NONE || backend == i % 10);
		known += backend != STICKY_NONE;
	}
	assert_in_range(known, SIZE * 85 / 100, SIZE);
	assert_in_range(sticky_memory(SIZE), SIZE * 8, SIZE * 8 + 64);
	assert_in_range(sticky_memory(SIZE + 1), SIZE * 16, SIZE * 16 + 64);
	free(sticky);
}

/* Each notes what anybody may: a client's backend follows from its number, so that a torn place would show. */
static void *note_many(void *shared)
{
	for (uint32_t i = 0; i < CHOICES; i++) {
		uint32_t number = i * 2654435761U >> 24;
		uint32_t found = sticky_find(shared, client(number), i / 100);
		if (found != STICKY_NONE && found != number)
			return shared;
		sticky_note(shared, client(number), number, i / 100);
	}
	return NULL;
}

static void threads_share_the_table(void **state)
{
	(void)state;
	pthread_t threads[3];
	struct sticky *sticky = sticky_new(64, MINUTE_MS);
	assert_non_null(sticky);
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, note_many, sticky), 0);
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++) {
		void *torn;
		pthread_join(threads[i], &torn);
		assert_null(torn);
	}
	free(sticky);
}

/* ---- in a pool ---- */

static const struct balance_pool *make_sticky(void)
{
	struct config_pool *config = pool_begin(CONFIG_BALANCE_ROUND_ROBIN);
	config->sticky.by = CONFIG_STICKY_SOURCE;
	for (unsigned i = 0; i < 4; i++)
		pool_add(config, i, 1)->backup = i == 3;
	return pool_end();
}

static void client_returns_unless_its_backend_is_down(void **state)
{
	(void)state;
	const struct balance_pool *pool = make_sticky();
	balance_remember(pool, client(1), 2, 0);
	assert_int_equal(balance_last(pool, client(1), 0), 2);
	assert_int_equal(balance_last(pool, client(2), 0), BALANCE_NONE);
	standing_set(pool->standing, 2, STANDING_DRAIN);
	assert_int_equal(balance_last(pool, client(1), 0), 2);
	standing_set(pool->standing, 2, STANDING_MAINTENANCE);
	assert_int_equal(balance_last(pool, client(1), 0), BALANCE_NONE);
	standing_clear(pool->standing, 2, STANDING_MAINTENANCE, 0);
	standing_set(pool->standing, 2, STANDING_DOWN);
	assert_int_equal(balance_last(pool, client(1), 0), BALANCE_NONE);
}

static void backup_keeps_nobody(void **state)
{
	(void)state;
	const struct balance_pool *pool = make_sticky();
	balance_remember(pool, client(1), 3, 0);
	assert_int_equal(balance_last(pool, client(1), 0), BALANCE_NONE);
	balance_remember(pool, client(1), 0, 0);
	balance_remember(pool, client(1), 3, 0);
	assert_int_equal(balance_last(pool, client(1), 0), 0);
	assert_true(balance_memory(&pool_config) >= 65536 * 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_is_remembered_until_the_timeout_after_its_last_connection),
		cmocka_unit_test(last_backend_counts),
		cmocka_unit_test(client_is_known_to_a_thread_whose_clock_is_behind),
		cmocka_unit_test(oldest_is_forgotten_when_a_set_is_full),
		cmocka_unit_test(table_holds_nearly_as_many_as_its_size),
		cmocka_unit_test(threads_share_the_table),
		cmocka_unit_test_teardown(client_returns_unless_its_backend_is_down, pool_close),
		cmocka_unit_test_teardown(backup_keeps_nobody, pool_close),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
