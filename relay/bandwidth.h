/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits on bandwidth that a flow is under, up or down: that of its relay, that of the namespace it came by, and that of
 * its client's address (relay/admission/sources.h has those).
 * flow.c and the lanes tell what was read; a flow that then has to wait has its resume_ms set, and is not read from until
 * its session's timer has seen that time. TCP tells the sender.
 */
#ifndef NSRELAY_RELAY_BANDWIDTH_H
#define NSRELAY_RELAY_BANDWIDTH_H

#include "relay/plan.h"
#include "relay/session.h"
#include "relay/shaper.h"

/* The two directions of one limit; a cache line, so that relays do not disturb each other. */
struct bandwidth_pair {
	_Alignas(64) struct shaper shapers[SIDE_COUNT]; /* by the side that the bytes come from */
};

/* What all threads share. */
struct bandwidth {
	struct bandwidth_pair *relays; /* by relay */
	struct bandwidth_pair *netns;  /* by listener: the first of its relay in the same namespace has it */
	uint32_t *netns_of;            /* by listener: which of these */
	uint8_t (*kinds)[SIDE_COUNT];  /* by listener: BANDWIDTH_* of a fresh connection's flows */
};

/* flow.limits: how one flow is limited; 0: not at all */
enum {
	BANDWIDTH_LIMITED = 1 << 0,
	/* The rate is so low that what all receive buffers can hold is worth too much: one buffer at a time. */
	BANDWIDTH_SLOW = 1 << 1,
	/* It has left a deposit: what it may read before it is charged, SHAPER_QUANTUM_MIN bytes. */
	BANDWIDTH_ADMITTED = 1 << 2,
};

/* bandwidth_init - 0 or -ENOMEM; bandwidth_memory - bytes that it takes */
int bandwidth_init(struct bandwidth *bandwidth, const struct plan *plan);
void bandwidth_fini(struct bandwidth *bandwidth);
size_t bandwidth_memory(size_t relay_count, size_t listener_count);

struct succession;

/*
 * bandwidth_inherit - what @old's limits are owed, those of @heir are; when no other thread uses either
 * bandwidth_go_on - a session's flows are limited as its listener's now are
 */
void bandwidth_inherit(struct bandwidth *heir, const struct bandwidth *old, const struct succession *map,
		       uint32_t relay_count, uint32_t listener_count);
void bandwidth_go_on(const struct bandwidth *bandwidth, struct session *session);

/* bandwidth_begin - a fresh session: which of its flows are limited */
static inline void bandwidth_begin(const struct bandwidth *bandwidth, struct session *session)
{
	for (int i = 0; i < SIDE_COUNT; i++)
		session->flows[i].limits = bandwidth->kinds[session->listener][i];
}

/*
 * bandwidth_admit - may the flow, which is limited, read now?
 * One that was not admitted yet leaves a deposit, and waits until what was charged before is paid for. So those who come at
 * once follow each other, and all those who have read and not paid yet are in debt by no more than they have deposited.
 */
bool bandwidth_admit(struct worker *worker, struct session *session, enum side source);

/*
 * bandwidth_charge - the flow, which is limited, has read @bytes: it waits until they are paid for
 * One that has read less than its deposit gets it back, and has to be admitted again; for one that has read more, which is
 * likely to go on so, it stays.
 */
void bandwidth_charge(struct worker *worker, struct session *session, enum side source, size_t bytes);

/* bandwidth_leave - the flow falls quiet, or ends: it gets its deposit back */
void bandwidth_leave(struct worker *worker, struct session *session, enum side source);

/* bandwidth_quantum - how much a flow that is limited should read in one go */
size_t bandwidth_quantum(const struct worker *worker, const struct session *session, enum side source);

#endif
