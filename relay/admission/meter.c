/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/admission/meter.h"

#include <stdbool.h>

static const uint64_t second_ns = 1000000000;

static bool take_connection(struct meter *meter, const struct config_limit *limit)
{
	uint32_t count = atomic_load_explicit(&meter->connections, memory_order_relaxed);
	do {
		if (count >= limit->connections)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&meter->connections, &count, count + 1,
	                                                memory_order_relaxed, memory_order_relaxed));
	return true;
}

static uint64_t token_ns(const struct config_limit *limit)
{
	return second_ns / limit->rate;
}

static bool take_token(struct meter *meter, const struct config_limit *limit, uint64_t now_ns)
{
	uint64_t token = token_ns(limit), burst = limit->burst ? limit->burst : limit->rate;
	uint64_t full_at = atomic_load_explicit(&meter->full_at_ns, memory_order_relaxed), next;
	do {
		next = (full_at > now_ns ? full_at : now_ns) + token;
		if (next > now_ns + burst * token)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&meter->full_at_ns, &full_at, next,
	                                                memory_order_relaxed, memory_order_relaxed));
	return true;
}

enum meter_verdict meter_take(struct meter *meter, const struct config_limit *limit, uint64_t now_ns)
{
	if (limit->connections && !take_connection(meter, limit))
		return METER_FULL;
	if (!limit->rate || take_token(meter, limit, now_ns))
		return METER_TAKEN;
	meter_give(meter, limit);
	return METER_FAST;
}

void meter_add(struct meter *meter, const struct config_limit *limit)
{
	if (limit->connections)
		atomic_fetch_add_explicit(&meter->connections, 1, memory_order_relaxed);
}

void meter_give(struct meter *meter, const struct config_limit *limit)
{
	if (limit->connections)
		atomic_fetch_sub_explicit(&meter->connections, 1, memory_order_relaxed);
}

void meter_undo(struct meter *meter, const struct config_limit *limit)
{
	meter_give(meter, limit);
	if (limit->rate)
		atomic_fetch_sub_explicit(&meter->full_at_ns, token_ns(limit), memory_order_relaxed);
}
