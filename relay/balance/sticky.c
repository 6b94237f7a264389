/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/balance/sticky.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/check.h"

enum { WAYS = 8, TICKS = 1000 };

/* A place: 32 bits of the client's hash, the backend + 1, and the time in ticks, which wraps after 64 timeouts. */
static uint64_t place_of(uint64_t client, uint32_t backend, uint16_t tick)
{
	return (client >> 32 << 32) | (uint64_t)(backend + 1) << 16 | tick;
}

static uint32_t backend_of(uint64_t place)
{
	return (uint32_t)(place >> 16 & UINT16_MAX) - 1;
}

static bool is_of(uint64_t place, uint64_t client)
{
	return place != 0 && place >> 32 == client >> 32;
}

static uint16_t tick_of(const struct sticky *sticky, uint64_t now_ms)
{
	return (uint16_t)(now_ms / sticky->tick_ms);
}

/* age - of a place, in ticks; a free one is older than any. One of another thread's, whose clock is ahead, is new. */
static uint32_t age(uint64_t place, uint16_t tick)
{
	uint16_t ticks = (uint16_t)(tick - (uint16_t)place);
	if (place == 0)
		return UINT32_MAX;
	return ticks > UINT16_MAX - TICKS ? 0 : ticks;
}

static uint32_t count_sets(uint32_t size)
{
	uint32_t sets = 1;
	while (sets * WAYS < size)
		sets *= 2;
	return sets;
}

size_t sticky_memory(uint32_t size)
{
	return sizeof(struct sticky) + (size_t)count_sets(size) * WAYS * sizeof(uint64_t);
}

struct sticky *sticky_new(uint32_t size, uint32_t timeout_ms)
{
	struct sticky *sticky = calloc(1, sticky_memory(size));
	if (!sticky)
		return NULL;
	sticky->set_mask = count_sets(size) - 1;
	sticky->tick_ms = timeout_ms / TICKS + 1;
	sticky->timeout_ticks = timeout_ms / sticky->tick_ms;
	return sticky;
}

static size_t set_of(const struct sticky *sticky, uint64_t client)
{
	return ((size_t)client & sticky->set_mask) * WAYS;
}

uint32_t sticky_find(const struct sticky *sticky, uint64_t client, uint64_t now_ms)
{
	const _Atomic uint64_t *set = &sticky->places[set_of(sticky, client)];
	for (int i = 0; i < WAYS; i++) {
		uint64_t place = atomic_load_explicit(&set[i], memory_order_relaxed);
		if (is_of(place, client))
			return age(place, tick_of(sticky, now_ms)) <= sticky->timeout_ticks ? backend_of(place)
											    : STICKY_NONE;
	}
	return STICKY_NONE;
}

void sticky_inherit(struct sticky *heir, const struct sticky *old, const uint32_t *backends)
{
	if (heir->set_mask != old->set_mask || heir->tick_ms != old->tick_ms)
		return;
	for (size_t i = 0; i < ((size_t)heir->set_mask + 1) * WAYS; i++) {
		uint64_t place = atomic_load_explicit(&old->places[i], memory_order_relaxed);
		uint32_t backend = place ? backends[backend_of(place)] : STICKY_NONE;
		if (backend != STICKY_NONE)
			atomic_store_explicit(&heir->places[i], place_of(place, backend, (uint16_t)place),
					      memory_order_relaxed);
	}
}

/* is_noted - is @place in @set already? So it is for most of those who return. */
static bool is_noted(const _Atomic uint64_t *set, uint64_t place)
{
	for (int i = 0; i < WAYS; i++) {
		if (atomic_load_explicit(&set[i], memory_order_relaxed) == place)
			return true;
	}
	return false;
}

/* find_place - the client's own in @set, else the one that is missed least; *ret_place: what is in it */
static _Atomic uint64_t *find_place(_Atomic uint64_t *set, uint64_t client, uint16_t tick, uint64_t *ret_place)
{
	_Atomic uint64_t *oldest = &set[0];
	*ret_place = atomic_load_explicit(oldest, memory_order_relaxed);
	for (int i = 0; i < WAYS; i++) {
		uint64_t place = atomic_load_explicit(&set[i], memory_order_relaxed);
		if (is_of(place, client) || (!is_of(*ret_place, client) && age(place, tick) > age(*ret_place, tick))) {
			oldest = &set[i];
			*ret_place = place;
		}
	}
	return oldest;
}

void sticky_note(struct sticky *sticky, uint64_t client, uint32_t backend, uint64_t now_ms)
{
	CHECK(backend < UINT16_MAX);
	_Atomic uint64_t *set = &sticky->places[set_of(sticky, client)], *place;
	uint64_t before, after = place_of(client, backend, tick_of(sticky, now_ms));
	if (is_noted(set, after))
		return;
	/* When another thread took the place, it may have been for the same client. */
	do {
		place = find_place(set, client, (uint16_t)after, &before);
	} while (before != after && !atomic_compare_exchange_weak_explicit(place, &before, after, memory_order_relaxed,
									   memory_order_relaxed));
}
