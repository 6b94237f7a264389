/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/relay/pool.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

struct config pool_config;
struct balance pool_balance;
struct balance_cursor pool_cursor;
uint32_t pool_counts[BACKENDS_MAX];

int pool_close(void **state)
{
	(void)state;
	balance_fini(&pool_balance);
	config_fini(&pool_config);
	return 0;
}

struct config_backend *pool_add(struct config_pool *pool, unsigned number, uint32_t weight)
{
	char text[64];
	struct endpoint endpoint;
	snprintf(text, sizeof(text), "ns-%u/10.%u.%u.1:80", number, number / 256, number % 256);
	assert_int_equal(endpoint_parse(text, &endpoint, NULL), 0);
	assert_int_equal(config_pool_add_backend(pool, &endpoint), 0);
	pool->backends[pool->backend_count - 1].weight = weight;
	return &pool->backends[pool->backend_count - 1];
}

struct config_pool *pool_begin(enum config_balance policy)
{
	pool_close(NULL);
	config_init(&pool_config);
	struct config_pool *pool = config_add_pool(&pool_config);
	pool->balance = policy;
	return pool;
}

const struct balance_pool *pool_end(void)
{
	assert_int_equal(balance_init(&pool_balance, &pool_config), 0);
	balance_cursor_init(&pool_cursor, &pool_balance.pools[0], 7);
	memset(pool_counts, 0, sizeof(pool_counts));
	return &pool_balance.pools[0];
}

const struct balance_pool *pool_make(enum config_balance policy, const uint32_t *weights, size_t count)
{
	struct config_pool *pool = pool_begin(policy);
	for (size_t i = 0; i < count; i++)
		pool_add(pool, (unsigned)i, weights[i]);
	return pool_end();
}

const struct balance_pool *pool_equal(enum config_balance policy, size_t count)
{
	struct config_pool *pool = pool_begin(policy);
	for (size_t i = 0; i < count; i++)
		pool_add(pool, (unsigned)i, 1);
	return pool_end();
}

uint32_t pool_choose(const struct balance_pool *pool)
{
	return balance_first(pool, &pool_cursor, balance_draw(&pool_cursor), 0);
}

static uint64_t sum(const uint32_t *weights, size_t count)
{
	uint64_t total = 0;
	for (size_t i = 0; i < count; i++)
		total += weights[i];
	return total;
}

void pool_assert_shares(const uint32_t *weights, size_t count, uint64_t choices, double per_mille, double whole)
{
	double total = (double)sum(weights, count);
	for (size_t i = 0; i < count; i++) {
		double expected = (double)choices * weights[i] / total;
		double off = pool_counts[i] > expected ? pool_counts[i] - expected : expected - pool_counts[i];
		if (off > expected * per_mille / 1000 + whole)
			fail_msg("backend %zu of weight %u: %u, expected %.1f", i, weights[i], pool_counts[i], expected);
	}
}

uint32_t pool_draw_of(uint32_t client)
{
	uint8_t address[16] = {(uint8_t)(client >> 24), (uint8_t)(client >> 16), (uint8_t)(client >> 8), (uint8_t)client};
	return balance_draw_of_source(address, AF_INET);
}
