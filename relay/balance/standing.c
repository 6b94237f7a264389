/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/balance/standing.h"

#include <stdlib.h>

/* What a backend starts with: enough to warm it up, too little to hurt. */
enum { FIRST_SHARE = STANDING_WHOLE / 10 };

struct standing *standing_new(size_t backend_count, uint32_t slow_start_ms)
{
	struct standing *standing = calloc(1, standing_memory(backend_count));
	if (standing)
		standing->slow_start_ms = slow_start_ms;
	return standing;
}

size_t standing_memory(size_t backend_count)
{
	return sizeof(struct standing) + backend_count * sizeof(struct standing_backend);
}

void standing_hinder(struct standing *standing)
{
	atomic_fetch_add_explicit(&standing->hindered, 1, memory_order_relaxed);
}

/* replace - one step of a change; false when another thread came between, and *before is then what that one left */
/* NOLINTNEXTLINE(readability-non-const-parameter): the exchange writes to it */
static bool replace(struct standing *standing, uint32_t backend, uint32_t *before, uint32_t after)
{
	if (!atomic_compare_exchange_weak(&standing->backends[backend].reasons, before, after))
		return false;
	if (*before == 0 && after != 0)
		atomic_fetch_add_explicit(&standing->hindered, 1, memory_order_relaxed);
	else if (*before != 0 && after == 0)
		atomic_fetch_sub_explicit(&standing->hindered, 1, memory_order_relaxed);
	return true;
}

bool standing_set(struct standing *standing, uint32_t backend, enum standing_reason reason)
{
	uint32_t before = atomic_load_explicit(&standing->backends[backend].reasons, memory_order_relaxed);
	while (!replace(standing, backend, &before, (before & ~(uint32_t)STANDING_STARTING) | reason))
		;
	return (before & ~(uint32_t)STANDING_STARTING) == 0;
}

/* rest_of - what is left of @before without @reason: a backend that had no other one starts */
static uint32_t rest_of(const struct standing *standing, uint32_t before, uint32_t reason)
{
	uint32_t rest = before & ~reason;
	return rest == 0 && before != 0 && standing->slow_start_ms ? STANDING_STARTING : rest;
}

bool standing_clear(struct standing *standing, uint32_t backend, enum standing_reason reason, uint64_t now_ms)
{
	struct standing_backend *it = &standing->backends[backend];
	uint32_t before = atomic_load_explicit(&it->reasons, memory_order_relaxed);
	do {
		if (!(before & reason))
			return false;
		if (before == (uint32_t)reason)
			atomic_store_explicit(&it->since_ms, now_ms, memory_order_relaxed);
	} while (!replace(standing, backend, &before, rest_of(standing, before, reason)));
	return before == (uint32_t)reason;
}

void standing_inherit(struct standing *heir, uint32_t backend, const struct standing *old, uint32_t old_backend,
		      unsigned reasons)
{
	const struct standing_backend *from = &old->backends[old_backend];
	uint32_t carried = atomic_load_explicit(&from->reasons, memory_order_relaxed);
	uint32_t before = atomic_load_explicit(&heir->backends[backend].reasons, memory_order_relaxed);
	uint32_t after = (before & ~reasons) | (carried & reasons);
	if (after == 0 && carried == STANDING_STARTING && heir->slow_start_ms)
		after = STANDING_STARTING;
	heir->backends[backend].since_ms = from->since_ms;
	while (!replace(heir, backend, &before, after))
		;
}

uint32_t standing_share(struct standing *standing, uint32_t backend, uint64_t now_ms)
{
	struct standing_backend *it = &standing->backends[backend];
	uint32_t reasons = atomic_load_explicit(&it->reasons, memory_order_relaxed);
	if (reasons != STANDING_STARTING)
		return STANDING_WHOLE;
	uint64_t since_ms = atomic_load_explicit(&it->since_ms, memory_order_relaxed);
	uint64_t gone_ms = now_ms > since_ms ? now_ms - since_ms : 0; /* threads' clocks are not read at one moment */
	if (gone_ms < standing->slow_start_ms)
		return (uint32_t)(FIRST_SHARE + (STANDING_WHOLE - FIRST_SHARE) * gone_ms / standing->slow_start_ms);
	/* Weak: who fails leaves it to the next choice. */
	replace(standing, backend, &reasons, 0);
	return STANDING_WHOLE;
}
