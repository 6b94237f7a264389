/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rate.h"

static const uint64_t second_ns = 1000000000;

void rate_init(struct rate *rate, uint32_t per_second)
{
	rate->per_second = per_second;
	atomic_init(&rate->full_at_ns, 0);
}

bool rate_take(struct rate *rate, uint64_t now_ns)
{
	if (rate->per_second == 0)
		return true;
	uint64_t token_ns = second_ns / rate->per_second;
	uint64_t full_at = atomic_load_explicit(&rate->full_at_ns, memory_order_relaxed);
	uint64_t next;
	do {
		next = (full_at > now_ns ? full_at : now_ns) + token_ns;
		if (next > now_ns + second_ns)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&rate->full_at_ns, &full_at, next,
							memory_order_relaxed, memory_order_relaxed));
	return true;
}
