/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token bucket in one word, shared by all threads without a lock: the time at which the bucket will be full
 * again (the generic cell rate algorithm of ITU-T I.371). It holds one second's worth, so that a burst of
 * @rate passes at once.
 */
#ifndef NSRELAY_BASE_RATE_H
#define NSRELAY_BASE_RATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct rate {
	uint32_t per_second; /* 0: no limit */
	_Atomic uint64_t full_at_ns;
};

/* rate_init - a full bucket; no other thread may use it yet */
void rate_init(struct rate *rate, uint32_t per_second);

/* rate_take - take one token; false when there is none. @now_ns is CLOCK_MONOTONIC. Any thread. */
bool rate_take(struct rate *rate, uint64_t now_ns);

#endif
