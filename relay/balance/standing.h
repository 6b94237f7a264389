/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of Operation
 *
 * Who of a pool may get new connections. Each backend has a set of reasons why it may not: it is usable while the set is
 * empty. Reasons come from different places (checks, traffic, an operator) that know nothing of each other, so each sets
 * and clears its own. Connections that a backend has already are nobody's business here.
 *
 * A backend that becomes usable again begins slowly, where its pool asks for that: its share of the load grows from a tenth
 * to the whole in a straight line.
 *
 * All functions may be called by any thread. Choices look relaxed: one that is made at the moment of a change may go either
 * way. `hindered` lets them see by one load that there is nothing to look at. Changes themselves are sequentially consistent,
 * so that who waits for a backend to come back cannot miss it (waiting.h); queue_room() is to be called then.
 */
#ifndef NSRELAY_RELAY_BALANCE_STANDING_H
#define NSRELAY_RELAY_BALANCE_STANDING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum standing_reason {
	STANDING_DOWN = 1 << 0,        /* by active checks */
	STANDING_EJECTED = 1 << 1,     /* by what connections met */
	STANDING_DRAIN = 1 << 2,       /* by an operator; clients that stick to it may come still */
	STANDING_MAINTENANCE = 1 << 3, /* by an operator */

	STANDING_STARTING = 1 << 8, /* no reason against it, but for a smaller share; set and cleared in here */
};

enum { STANDING_WHOLE = 1 << 16 }; /* the share of a backend that has started */

struct standing_backend {
	_Atomic uint32_t reasons;  /* enum standing_reason */
	_Atomic uint64_t since_ms; /* STANDING_STARTING: from when on */
};

struct standing {
	_Atomic uint32_t hindered; /* backends whose `reasons` are not 0, and one more that standing_hinder() adds */
	uint32_t slow_start_ms;    /* 0: a backend has its whole share at once */
	struct standing_backend backends[];
};

/* standing_new - all usable, at their whole shares; NULL when memory is out. Free it by free(). */
struct standing *standing_new(size_t backend_count, uint32_t slow_start_ms);

/* standing_memory - bytes that standing_new() takes */
size_t standing_memory(size_t backend_count);

/* standing_hinder - choices of this pool have always something to look at. Before there are threads. */
void standing_hinder(struct standing *standing);

/* standing_set - add @reason; true when that made the backend unusable */
bool standing_set(struct standing *standing, uint32_t backend, enum standing_reason reason);

/* standing_clear - take @reason away; true when that made the backend usable. @now_ms: CLOCK_MONOTONIC */
bool standing_clear(struct standing *standing, uint32_t backend, enum standing_reason reason, uint64_t now_ms);

/*
 * standing_inherit - @backend of @heir, which is new, is held for what @old_backend of @old is: those of @reasons, and a start
 * Before other threads see @heir.
 */
void standing_inherit(struct standing *heir, uint32_t backend, const struct standing *old, uint32_t old_backend,
		      unsigned reasons);

static inline bool standing_hindered(const struct standing *standing)
{
	return atomic_load_explicit(&standing->hindered, memory_order_relaxed) != 0;
}

/* standing_reasons - of enum standing_reason, those against new connections; 0: it is usable */
static inline unsigned standing_reasons(const struct standing *standing, uint32_t backend)
{
	return atomic_load_explicit(&standing->backends[backend].reasons, memory_order_relaxed) &
	       ~(unsigned)STANDING_STARTING;
}

/* standing_reasons_now - the same in the one order of all threads' changes */
static inline unsigned standing_reasons_now(const struct standing *standing, uint32_t backend)
{
	return atomic_load(&standing->backends[backend].reasons) & ~(unsigned)STANDING_STARTING;
}

/* standing_share - of the connections it would get by its weight, in parts of STANDING_WHOLE. Ends a start that is over. */
uint32_t standing_share(struct standing *standing, uint32_t backend, uint64_t now_ms);

#endif
