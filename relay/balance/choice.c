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

uint64_t balance_client(const uint8_t address[16], int family)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	if (family == AF_INET)
		return hash_word(address);
	if (memcmp(address, mapped, sizeof(mapped)) == 0)
		return hash_word(address + sizeof(mapped));
	return hash_bytes(address, 16);
}

uint32_t balance_draw_of_source(const uint8_t address[16], int family)
{
	return (uint32_t)(balance_client(address, family) >> 32);
}

void balance_cursor_init(struct balance_cursor *cursor, const struct balance_pool *pool, uint64_t seed)
{
	cursor->random = seed;
	cursor->position = pool->positions ? balance_draw(cursor) % pool->positions : 0;
}

/* ---- who may be chosen ---- */

bool balance_usable(const struct balance_pool *pool, uint32_t backend)
{
	return standing_reasons(pool->standing, backend) == 0;
}

static bool has_room(const struct balance_pool *pool, uint32_t backend, memory_order order)
{
	return !pool->limited || atomic_load_explicit(&pool->active[backend], order) < pool->backends[backend].most;
}

/* may_come - may @backend get a connection now? */
static bool may_come(const struct balance_pool *pool, uint32_t backend)
{
	return balance_usable(pool, backend) && has_room(pool, backend, memory_order_relaxed);
}

static bool any_primary_usable(const struct balance_pool *pool)
{
	for (uint32_t i = 0; i < pool->count; i++)
		if (!pool->backends[i].backup && balance_usable(pool, i))
			return true;
	return false;
}

bool balance_any_usable(const struct balance_pool *pool)
{
	for (uint32_t i = 0; i < pool->count; i++)
		if (balance_usable(pool, i))
			return true;
	return false;
}

bool balance_has_room(const struct balance_pool *pool)
{
	bool backup = false;
	for (uint32_t i = 0; i < pool->count; i++) {
		if (standing_reasons_now(pool->standing, i) != 0 || !has_room(pool, i, memory_order_seq_cst))
			continue;
		if (!pool->backends[i].backup)
			return true;
		backup = true;
	}
	return backup && !any_primary_usable(pool);
}

bool balance_enter(const struct balance_pool *pool, uint32_t backend)
{
	if (!pool->active)
		return true;
	if (!pool->limited) {
		atomic_fetch_add_explicit(&pool->active[backend], 1, memory_order_relaxed);
		return true;
	}
	uint32_t active = atomic_load_explicit(&pool->active[backend], memory_order_relaxed);
	do {
		if (active >= pool->backends[backend].most)
			return false;
	} while (!atomic_compare_exchange_weak(&pool->active[backend], &active, active + 1));
	return true;
}

void balance_leave(const struct balance_pool *pool, uint32_t backend)
{
	if (pool->active)
		atomic_fetch_sub(&pool->active[backend], 1); /* sequentially consistent: waiting.h */
}

/* share - of the load that its weight gives @backend, in parts of STANDING_WHOLE: less while it starts */
static uint32_t share(const struct balance_pool *pool, uint32_t backend, uint64_t now_ms)
{
	uint32_t started = standing_share(pool->standing, backend, now_ms), least = pool->backends[backend].price >> 8;
	return started > least ? started : least; /* that of a weight of 1 */
}

/*
 * is_chosen - may @backend, on which a policy came, have the connection?
 * One that starts takes part of those that come upon it, by their draws: a client that it has taken it takes again.
 */
static bool is_chosen(const struct balance_pool *pool, uint32_t backend, uint32_t draw, uint64_t now_ms)
{
	if (!standing_hindered(pool->standing))
		return true;
	if (!may_come(pool, backend))
		return false;
	uint32_t chance = (uint32_t)(hash_mix(~(((uint64_t)draw << 32) | backend)) % STANDING_WHOLE);
	return chance < share(pool, backend, now_ms);
}

/* ---- the same as last time ---- */

uint32_t balance_last(const struct balance_pool *pool, uint64_t client, uint64_t now_ms)
{
	uint32_t backend = sticky_find(pool->sticky, client, now_ms);
	if (backend == STICKY_NONE || standing_reasons(pool->standing, backend) & ~(unsigned)STANDING_DRAIN)
		return BALANCE_NONE;
	return backend;
}

void balance_remember(const struct balance_pool *pool, uint64_t client, uint32_t backend, uint64_t now_ms)
{
	if (!pool->backends[backend].backup)
		sticky_note(pool->sticky, client, backend, now_ms);
}

/* ---- the first choice ---- */

/*
 * How often a policy passes over what may not be chosen, before the order of the way on decides. With half of the backends
 * out one choice in 2^32 comes to that end, and what so many turns cost is still below a scan of the pool. Draws cost more
 * than turns.
 */
enum { PASSES_MAX = 32, DRAWS_MAX = 8 };

/* What a policy works with. */
struct choice {
	const struct balance_pool *pool;
	struct balance_cursor *cursor;
	uint32_t draw;
	uint64_t now_ms;
};

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

/* choose_round_robin - turns that are passed over leave those of the others as they are: shares stay exact */
static uint32_t choose_round_robin(const struct choice *choice)
{
	for (int i = 0; i < PASSES_MAX; i++) {
		uint32_t backend = take_turn(choice->pool, choice->cursor);
		if (is_chosen(choice->pool, backend, choice->draw, choice->now_ms))
			return backend;
	}
	return BALANCE_NONE;
}

/* cost - what one more connection means to @backend, at its whole share */
static uint64_t cost(const struct balance_pool *pool, uint32_t backend)
{
	uint64_t active = atomic_load_explicit(&pool->active[backend], memory_order_relaxed);
	return (active + 1) * pool->backends[backend].price;
}

/* cost_now - the same at its share of now; UINT64_MAX: it may not be chosen */
static uint64_t cost_now(const struct choice *choice, uint32_t backend)
{
	const struct balance_pool *pool = choice->pool;
	if (!standing_hindered(pool->standing))
		return cost(pool, backend);
	if (!may_come(pool, backend))
		return UINT64_MAX;
	return cost(pool, backend) * STANDING_WHOLE / share(pool, backend, choice->now_ms);
}

/* find_cheaper - a backend of [from, to) that costs less than *best_cost, else @best */
static uint32_t find_cheaper(const struct choice *choice, uint32_t from, uint32_t to, uint32_t best,
			     uint64_t *best_cost)
{
	const struct balance_pool *pool = choice->pool;
	uint64_t lowest = *best_cost;
	for (uint32_t i = from; i < to; i++) {
		/* It costs no less than at its whole share: most are passed over before anything else is asked. */
		if (cost(pool, i) >= lowest || pool->backends[i].backup)
			continue;
		uint64_t candidate = cost_now(choice, i);
		if (candidate >= lowest)
			continue;
		best = i;
		lowest = candidate;
	}
	*best_cost = lowest;
	return best;
}

static uint32_t choose_least_connections(const struct choice *choice)
{
	uint32_t first = take_turn(choice->pool, choice->cursor);
	uint64_t best_cost = cost_now(choice, first);
	uint32_t best = best_cost == UINT64_MAX ? BALANCE_NONE : first;
	best = find_cheaper(choice, first + 1, choice->pool->count, best, &best_cost);
	return find_cheaper(choice, 0, first, best, &best_cost);
}

/* draw_backend - one that may be chosen, drawn by weight */
static uint32_t draw_backend(const struct choice *choice, uint32_t draw)
{
	const struct balance_pool *pool = choice->pool;
	for (int i = 0; i < DRAWS_MAX; i++) {
		uint32_t backend = backend_at(pool, (uint32_t)(((uint64_t)draw * pool->positions) >> 32));
		if (!standing_hindered(pool->standing) || may_come(pool, backend))
			return backend;
		draw = balance_draw(choice->cursor);
	}
	return BALANCE_NONE;
}

static uint32_t choose_two_choices(const struct choice *choice)
{
	const struct balance_pool *pool = choice->pool;
	uint32_t one = draw_backend(choice, choice->draw);
	if (one == BALANCE_NONE)
		return BALANCE_NONE;
	uint32_t other = draw_backend(choice, balance_draw(choice->cursor));
	if (other == one || other == BALANCE_NONE) /* its neighbour */
		other = backend_at(pool, pool->backends[one].end % pool->positions);
	return cost_now(choice, other) < cost_now(choice, one) ? other : one;
}

/* choose_source_hash - the places looked at follow from the draw alone */
static uint32_t choose_source_hash(const struct choice *choice)
{
	uint32_t draw = choice->draw;
	for (int i = 0; i < PASSES_MAX; i++) {
		uint32_t backend = choice->pool->table[draw % MAGLEV_SIZE];
		if (is_chosen(choice->pool, backend, choice->draw, choice->now_ms))
			return backend;
		draw = (uint32_t)(hash_mix(draw + 1) >> 32);
	}
	return BALANCE_NONE;
}

uint32_t balance_first(const struct balance_pool *pool, struct balance_cursor *cursor, uint32_t draw, uint64_t now_ms)
{
	static uint32_t (*const policies[])(const struct choice *) = {
		[CONFIG_BALANCE_ROUND_ROBIN] = choose_round_robin,
		[CONFIG_BALANCE_LEAST_CONNECTIONS] = choose_least_connections,
		[CONFIG_BALANCE_TWO_CHOICES] = choose_two_choices,
		[CONFIG_BALANCE_SOURCE_HASH] = choose_source_hash,
	};
	CHECK(pool->positions > 0);
	uint32_t backend = policies[pool->policy](&(struct choice){pool, cursor, draw, now_ms});
	if (backend != BALANCE_NONE)
		return backend;
	backend = balance_next(pool, draw, BALANCE_NONE, BALANCE_NONE);
	/* A primary that is only full does not call a backup in. */
	bool called_for = backend == BALANCE_NONE || !pool->backends[backend].backup || !any_primary_usable(pool);
	return called_for ? backend : BALANCE_NONE;
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
		if (!balance_usable(pool, i) || i == first || i == current)
			continue;
		uint64_t candidate = rank(pool, draw, i);
		bool tried = current != first && (candidate < current_rank || (candidate == current_rank && i < current));
		/* Room is asked for last: few come so far. */
		if (tried || (best != BALANCE_NONE && candidate >= best_rank) || !has_room(pool, i, memory_order_relaxed))
			continue;
		best = i;
		best_rank = candidate;
	}
	return best;
}
