/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/balance/waiting.h"

#include <stdlib.h>

struct waiting *waiting_new(uint32_t limit)
{
	struct waiting *waiting = calloc(1, sizeof(*waiting));
	if (!waiting)
		return NULL;
	waiting->limit = limit;
	for (uint32_t i = 0; i < LIMIT_THREADS; i++)
		atomic_init(&waiting->since_ns[i], WAITING_NOBODY);
	return waiting;
}

bool waiting_enter(struct waiting *waiting)
{
	uint32_t count = atomic_load(&waiting->count);
	do {
		if (count >= waiting->limit)
			return false;
	} while (!atomic_compare_exchange_weak(&waiting->count, &count, count + 1));
	return true;
}

void waiting_add(struct waiting *waiting)
{
	atomic_fetch_add(&waiting->count, 1);
}

void waiting_leave(struct waiting *waiting)
{
	atomic_fetch_sub(&waiting->count, 1);
}

uint32_t waiting_first(const struct waiting *waiting, uint32_t thread_count)
{
	uint32_t first = WAITING_NO_THREAD;
	uint64_t first_ns = WAITING_NOBODY;
	for (uint32_t i = 0; i < thread_count; i++) {
		uint64_t since_ns = atomic_load(&waiting->since_ns[i]);
		if (since_ns >= first_ns)
			continue;
		first = i;
		first_ns = since_ns;
	}
	return first;
}
