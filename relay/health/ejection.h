/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of Operation
 *
 * What connections themselves meet: a backend that fails several of them in a row gets no new ones for a while. Counted are
 * attempts to connect that failed, unless it was for lack of our own ports or memory, and early resets: the backend reset
 * the connection before it had sent a byte. One connection that fares well ends the row.
 *
 * The time is longer each time, until the backend has fared well for as long as the longest of these times. No more than a
 * part of the pool is out at once, and never the last one: where all are ill, ejecting helps nobody.
 *
 * Counts are shared by all threads, relaxed: threads that count at the same moment may eject a failure early or late. Who
 * ejects a backend has the timer that brings it back.
 */
#ifndef NSRELAY_RELAY_HEALTH_EJECTION_H
#define NSRELAY_RELAY_HEALTH_EJECTION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/wheel.h"
#include "relay/config.h"

struct worker;
struct session;

struct ejection_backend {
	_Atomic uint32_t failures; /* in a row */
	_Atomic uint32_t resets;   /* in a row */
	_Atomic bool out;
	_Atomic uint32_t times;        /* it was ejected, as far as that is remembered */
	_Atomic uint64_t returned_ms; /* CLOCK_MONOTONIC */
};

struct ejection_pool {
	uint32_t first;        /* index of its backends in ejection.backends */
	uint32_t most;         /* that may be out at once; 0: none is ejected */
	_Atomic uint32_t out;  /* are now */
};

/* What all threads share. */
struct ejection {
	struct ejection_pool *pools;       /* owned; one for each of the configuration */
	struct ejection_backend *backends; /* owned; of those pools that eject */
	uint32_t backend_count;
};

/* What a thread has of each of ejection.backends: it may be the one to bring it back. */
struct ejected {
	struct timer timer;
	uint32_t route;
	uint16_t backend;
};

struct ejected_all {
	struct ejected *all; /* owned */
	uint32_t count;
};

/* ejection_init - 0 or -ENOMEM; ejection_memory - what it and the ejected_init() of @threads threads take, in bytes */
int ejection_init(struct ejection *ejection, const struct config *config);
void ejection_fini(struct ejection *ejection);
size_t ejection_memory(const struct config *config, uint32_t threads);

int ejected_init(struct ejected_all *ejected, const struct ejection *ejection);
void ejected_fini(struct ejected_all *ejected);

struct succession;
struct plan;

/*
 * ejection_inherit - @heir, made for @after, goes on where @old is; when no other thread uses either
 * ejected_inherit - the timers of @worker's, which has @after's plan and shared tables by now, go on in @heir, which becomes
 * its own; @heir has the old ones then
 */
void ejection_inherit(struct ejection *heir, const struct ejection *old, const struct plan *before, const struct plan *after,
		      const struct succession *map);
void ejected_inherit(struct worker *worker, struct ejected_all *heir, const struct ejection *old, const struct plan *before,
		     const struct succession *map);

/* ejected_owns - is @timer one of these? */
static inline bool ejected_owns(const struct ejected_all *ejected, const struct timer *timer)
{
	return (uintptr_t)timer - (uintptr_t)ejected->all < ejected->count * sizeof(struct ejected);
}

/* ejection_time_ms - how long a backend is out the @times th time: pure */
uint32_t ejection_time_ms(const struct config_ejection *config, uint32_t times);

/* ejection_most - how many of @backends may be out at once: pure */
uint32_t ejection_most(const struct config_ejection *config, size_t backends);

/* By the thread of the session: its backend failed with @result; answered; the session is over. */
void ejection_note_failure(struct worker *worker, const struct session *session, int result);
void ejection_note_answer(const struct worker *worker, const struct session *session);
void ejection_note_end(struct worker *worker, const struct session *session);

/* ejection_timer_fired - the time of one of this thread's is over */
void ejection_timer_fired(struct worker *worker, struct timer *timer);

#endif
