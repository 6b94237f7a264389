/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is counted for a limit on connections: how many there are, and a token bucket of new ones in one word
 * (the generic cell rate algorithm of ITU-T I.371). One for each relay, each namespace it listens in, and
 * each source of clients.
 *
 * Shared by all threads without a lock, and exact: a connection is counted before it may come in, by
 * compare-and-swap, so that there never are more than the limit, and nobody is refused for somebody who is
 * refused himself. Relaxed order throughout: nothing but the numbers themselves is passed on. A zeroed meter
 * is an unused one.
 */
#ifndef NSRELAY_RELAY_ADMISSION_METER_H
#define NSRELAY_RELAY_ADMISSION_METER_H

#include <stdatomic.h>
#include <stdint.h>

#include "relay/config.h"

struct meter {
	_Atomic uint32_t connections; /* that have come in; counted while the number is limited */
	_Atomic uint32_t waiting;    /* that would have, but for this limit: whoever comes goes behind them */
	_Atomic uint64_t full_at_ns; /* CLOCK_MONOTONIC: when the bucket will be full again */
};

enum meter_verdict {
	METER_TAKEN,
	METER_FULL, /* as many connections as there may be */
	METER_FAST, /* no token */
};

/* meter_take - one more connection, or nothing. Pure but for the meter; any thread. */
enum meter_verdict meter_take(struct meter *meter, const struct config_limit *limit, uint64_t now_ns);

/* meter_add - one more connection, however many there may be; of tokens it takes none */
void meter_add(struct meter *meter, const struct config_limit *limit);

/* meter_give - a connection that was taken is over */
void meter_give(struct meter *meter, const struct config_limit *limit);

/* meter_undo - it did not come in after all, for another limit's sake: its token goes back too */
void meter_undo(struct meter *meter, const struct config_limit *limit);

#endif
