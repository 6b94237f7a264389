/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who waits for room at a pool's backends, as far as threads need to know it of each other: how many in all, and since when
 * the first in each thread's own line (relay/queue.h has the lines).
 *
 * No wake-up is lost, since both sides first tell and then look, sequentially consistent: who waits publishes itself and then
 * looks for room once more; who makes room takes its connection back and then looks for somebody who waits. Whichever comes
 * second sees the other.
 */
#ifndef NSRELAY_RELAY_BALANCE_WAITING_H
#define NSRELAY_RELAY_BALANCE_WAITING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "relay/limits.h"

struct waiting {
	uint32_t limit;
	_Atomic uint32_t count;
	_Atomic uint64_t since_ns[LIMIT_THREADS]; /* WAITING_NOBODY: that thread's line is empty */
};

#define WAITING_NOBODY UINT64_MAX

enum { WAITING_NO_THREAD = UINT32_MAX };

/* waiting_new - for up to @limit; NULL when memory is out. Free it by free(). */
struct waiting *waiting_new(uint32_t limit);

/* waiting_enter - one more; false when there are as many as may be. Any thread, as the rest. */
bool waiting_enter(struct waiting *waiting);

/* waiting_add - one more, however many there are */
void waiting_add(struct waiting *waiting);

/* waiting_leave - one less */
void waiting_leave(struct waiting *waiting);

/* waiting_publish - the first in the line of @thread has waited since @since_ns */
static inline void waiting_publish(struct waiting *waiting, uint32_t thread, uint64_t since_ns)
{
	atomic_store(&waiting->since_ns[thread], since_ns);
}

/* waiting_any - does anybody? */
static inline bool waiting_any(const struct waiting *waiting)
{
	return atomic_load(&waiting->count) > 0;
}

/* waiting_first - of @thread_count threads, the one whose first has waited longest; WAITING_NO_THREAD */
uint32_t waiting_first(const struct waiting *waiting, uint32_t thread_count);

#endif
