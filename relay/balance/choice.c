/* SPDX-License-Identifier: Apache-2.0 */
/* The choices themselves: pure functions of a pool, a cursor and a draw. */
#include <netinet/in.h>
#include <string.h>

#include "base/check.h"
#include "relay/balance/balance.h"
#include "relay/balance/hash.h"
#include "relay/balance/maglev.h"

/* ---- draws ---- */

uint32_t balance_draw(struct balance_cursor *cursor)
{
	cursor->random += UINT64_C(0x9E3779B97F4A7C15); /* splitmix64's */
	return (uint32_t)(hash_mix(cursor->random) >> 32);
}

uint32_t balance_draw_of_source(const uint8_t address[16], int family)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	if (family == AF_INET)
		return (uint32_t)(hash_bytes(address, 4) >> 32);
	if (memcmp(address, mapped, sizeof(mapped)) == 0)
		return (uint32_t)(hash_bytes(address + sizeof(mapped), 4) >> 32);
	return (uint32_t)(hash_bytes(address, 16) >> 32);
}

void balance_cursor_init(struct balance_cursor *cursor, const struct balance_pool *pool, uint64_t seed)
{
	cursor->random = seed;
	cursor->position = pool->positions ? balance_draw(cursor) % pool->positions : 0;
}

/* ---- the first choice ---- */

/* backend_at - whose stretch @position lies in */
static uint32_t backend_at(const struct balance_pool *pool, uint32_t position)
{
	uint32_t low = 0, high = pool->count - 1;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (pool->backends[middle].end > position)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static uint32_t take_turn(const struct balance_pool *pool, struct balance_cursor *cursor)
{
	uint32_t position = cursor->position, left = pool->positions - position;
	cursor->position = pool->stride < left ? position + pool->stride : pool->stride - left;
	return backend_at(pool, position);
}

/* cost - what one more connection means to @backend */
static uint64_t cost(const struct balance_pool *pool, uint32_t backend)
{
	uint64_t active = atomic_load_explicit(&pool->active[backend], memory_order_relaxed);
	return (active + 1) * pool->backends[backend].price;
}

static uint32_t choose_round_robin(const struct balance_pool *pool, struct balance_cursor *cursor, uint32_t draw)
{
	(void)draw;
	return take_turn(pool, cursor);
}

/* find_cheaper - a backend of [from, to) that costs less than *best_cost, else @best */
static uint32_t find_cheaper(const struct balance_pool *pool, uint32_t from, uint32_t to, uint32_t best,
			     uint64_t *best_cost)
{
	for (uint32_t i = from; i < to; i++) {
		uint64_t candidate = cost(pool, i);
		if (candidate >= *best_cost || pool->backends[i].backup)
			continue;
		best = i;
		*best_cost = candidate;
	}
	return best;
}

static uint32_t choose_least_connections(const struct balance_pool *pool, struct balance_cursor *cursor, uint32_t draw)
{
	(void)draw;
	uint32_t first = take_turn(pool, cursor), best = first;
	uint64_t best_cost = cost(pool, first);
	best = find_cheaper(pool, first + 1, pool->count, best, &best_cost);
	return find_cheaper(pool, 0, first, best, &best_cost);
}

/* draw_position - @draw of 2^32 scaled to the pool's cycle */
static uint32_t draw_position(const struct balance_pool *pool, uint32_t draw)
{
	return (uint32_t)(((uint64_t)draw * pool->positions) >> 32);
}

static uint32_t choose_two_choices(const struct balance_pool *pool, struct balance_cursor *cursor, uint32_t draw)
{
	uint32_t one = backend_at(pool, draw_position(pool, draw));
	uint32_t other = backend_at(pool, draw_position(pool, balance_draw(cursor)));
	if (other == one) /* its neighbour */
		other = backend_at(pool, pool->backends[one].end % pool->positions);
	return cost(pool, other) < cost(pool, one) ? other : one;
}

static uint32_t choose_source_hash(const struct balance_pool *pool, struct balance_cursor *cursor, uint32_t draw)
{
	(void)cursor;
	return pool->table[draw % MAGLEV_SIZE];
}

uint32_t balance_first(const struct balance_pool *pool, struct balance_cursor *cursor, uint32_t draw)
{
	static uint32_t (*const policies[])(const struct balance_pool *, struct balance_cursor *, uint32_t) = {
		[CONFIG_BALANCE_ROUND_ROBIN] = choose_round_robin,
		[CONFIG_BALANCE_LEAST_CONNECTIONS] = choose_least_connections,
		[CONFIG_BALANCE_TWO_CHOICES] = choose_two_choices,
		[CONFIG_BALANCE_SOURCE_HASH] = choose_source_hash,
	};
	CHECK(pool->positions > 0);
	return policies[pool->policy](pool, cursor, draw);
}

/* ---- the way on ---- */

/* rank - how late @backend comes in the order of @draw: a price times 39 bits of chance, below the bit of a backup */
static uint64_t rank(const struct balance_pool *pool, uint32_t draw, uint32_t backend)
{
	const struct balance_backend *it = &pool->backends[backend];
	uint64_t chance = hash_mix(((uint64_t)draw << 32) | (backend + 1)) >> 25;
	return ((uint64_t)it->backup << 63) | (chance * it->price);
}

uint32_t balance_next(const struct balance_pool *pool, uint32_t draw, uint32_t first, uint32_t current)
{
	uint64_t current_rank = current == first ? 0 : rank(pool, draw, current), best_rank = UINT64_MAX;
	uint32_t best = BALANCE_NONE;
	for (uint32_t i = 0; i < pool->count; i++) {
		uint64_t candidate = rank(pool, draw, i);
		bool tried = i == first || i == current ||
			     (current != first && (candidate < current_rank || (candidate == current_rank && i < current)));
		if (tried || (best != BALANCE_NONE && candidate >= best_rank))
			continue;
		best = i;
		best_rank = candidate;
	}
	return best;
}
