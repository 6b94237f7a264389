/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/shaper.h"

static const uint64_t SECOND_NS = 1000000000, MS_NS = 1000000;

/* price - the time that @bytes take at @rate, rounded: 64-byte messages at 1 GiB/s would else pass 1 % too fast */
static int64_t price(uint64_t rate, int64_t bytes)
{
	uint64_t size = (uint64_t)(bytes < 0 ? -bytes : bytes);
	uint64_t ns = (size * SECOND_NS + rate / 2) / rate;
	return bytes < 0 ? -(int64_t)ns : (int64_t)ns;
}

uint64_t shaper_charge(struct shaper *shaper, uint64_t rate, int64_t bytes, uint64_t now_ns)
{
	uint64_t burst_ns = SHAPER_BURST_MS * MS_NS, oldest_ns = now_ns > burst_ns ? now_ns - burst_ns : 0, next;
	uint64_t paid_at = atomic_load_explicit(&shaper->paid_at_ns, memory_order_relaxed);
	int64_t price_ns = price(rate, bytes);
	do {
		next = (paid_at > oldest_ns ? paid_at : oldest_ns) + (uint64_t)price_ns;
	} while (!atomic_compare_exchange_weak_explicit(&shaper->paid_at_ns, &paid_at, next, memory_order_relaxed,
							memory_order_relaxed));
	return next;
}

size_t shaper_quantum(uint64_t rate)
{
	uint64_t quantum = rate * SHAPER_QUANTUM_MS / 1000;
	return quantum < SHAPER_QUANTUM_MIN ? SHAPER_QUANTUM_MIN : (size_t)quantum;
}
