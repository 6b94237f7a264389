/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bandwidth limit in one word, shared by all threads without a lock: the time at which all that has passed is paid for
 * (the generic cell rate algorithm of ITU-T I.371, in bytes). Bytes are charged after they were read, since nobody knows
 * before how many there are; who read them waits until they are paid for. So those who share a limit read in turns, each
 * behind what the others had read before, and none of them needs to know of another.
 */
#ifndef NSRELAY_RELAY_SHAPER_H
#define NSRELAY_RELAY_SHAPER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct shaper {
	_Atomic uint64_t paid_at_ns; /* CLOCK_MONOTONIC; zeroed is a limit of which nothing was used yet */
};

enum {
	/* What was not used for so long may be made up for: the burst. 1 % of what passes in 10 s. */
	SHAPER_BURST_MS = 100,
	/* What one reads in one go: small beside the burst, and far above the resolution of timers, 1 ms. */
	SHAPER_QUANTUM_MS = 10,
	SHAPER_QUANTUM_MIN = 4096,
};

/*
 * shaper_charge - @bytes have passed under a limit of @rate bytes a second (not 0), or, when negative, did not after all
 * Returns when they are paid for: nothing is owed when that is not after @now_ns. Any thread.
 */
uint64_t shaper_charge(struct shaper *shaper, uint64_t rate, int64_t bytes, uint64_t now_ns);

/* shaper_quantum - how many bytes to read in one go under a limit of @rate */
size_t shaper_quantum(uint64_t rate);

#endif
