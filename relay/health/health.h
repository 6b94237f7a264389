/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of Operation
 *
 * Active checks. Each backend of a pool with `health:` is checked by one relay thread, on that thread's ring and from the
 * very namespace that its connections come from: with a socket of the same target (relay/sockets.h), connect(2), and where
 * the pool asks for it some bytes sent and an answer that begins as expected. What the checks say goes to the backend's
 * standing (relay/balance/standing.h), which all threads see, and each turn of it to the log.
 *
 *	idle ──► waiting ──► connecting ──► listening ──► ending ──► idle
 *	 pause    for a        handshake      answer        an operation is
 *	          socket                                    being cancelled
 *
 * A check ends with a FIN: a backend sees a client that comes and goes, not one that resets what was just accepted.
 *
 * Checks lie in one array of their thread, made at start. So a timer or a link in a list of waiters is known to be a
 * check's by its address, and sessions pay nothing for there being any.
 *
 * All functions belong to the worker's thread but for health_memory() and health_count().
 */
#ifndef NSRELAY_RELAY_HEALTH_HEALTH_H
#define NSRELAY_RELAY_HEALTH_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "io/ring.h"
#include "io/wheel.h"
#include "relay/health/verdict.h"
#include "relay/record.h"

struct worker;
struct plan;

enum check_state {
	CHECK_IDLE,       /* the timer starts the next one */
	CHECK_WAITING,    /* for a socket */
	CHECK_CONNECTING, /* a poll waits for the end of the handshake */
	CHECK_LISTENING,  /* a poll waits for the answer */
	CHECK_ENDING,     /* it has failed for lack of time; the poll is being cancelled */
	CHECK_STATE_COUNT,
};

/* The checks of one backend. */
struct check {
	struct timer timer; /* IDLE: of the next one; else the deadline of this one */
	struct list link;   /* among those that wait for a socket */
	struct verdict verdict;
	uint32_t route;   /* index into plan.routes: of the pool */
	uint16_t backend; /* index into that pool */
	uint8_t state;    /* enum check_state */
	uint8_t failure;  /* enum check_failure, of the last one */
	uint16_t matched; /* LISTENING: bytes of the answer that are as expected */
	int fd;           /* owned; -1: none */
	int error;        /* of the last one, where the failure is an errno */
	uint64_t due_ms;  /* when health_start() begins it; 0: at a moment of its own choice */
};

struct health {
	struct check *checks; /* owned */
	uint32_t count;
	bool paused; /* none begins, and what ends says nothing */
};

/* health_count - backends that are checked, by all threads together: so many sockets may be open for checks */
uint32_t health_count(const struct plan *plan);

/* health_memory - bytes that health_init() takes in all threads together */
size_t health_memory(const struct plan *plan);

/* health_init - the share of thread @number of @threads; 0 or -ENOMEM */
int health_init(struct health *health, const struct plan *plan, uint32_t number, uint32_t threads);
void health_fini(struct health *health);

/* health_start - begin to check, each backend when it is due, or at a moment of its own within one fast interval */
void health_start(struct worker *worker);

/* health_pause - end what is under way; health_is_quiet - it has ended, and nothing names a check any more */
void health_pause(struct worker *worker);
bool health_is_quiet(const struct health *health);

/* health_inherit - @heir, which has not begun, goes on where @old, which is paused, is */
void health_inherit(struct check *heir, const struct check *old);

/* health_owns - is @part, a timer or a link, a check's? */
static inline bool health_owns(const struct health *health, const void *part)
{
	return (uintptr_t)part - (uintptr_t)health->checks < health->count * sizeof(struct check);
}

/* What a check waits for has happened: its timer is due; a socket (@fd < 0: -errno); a completion of its poll. */
void health_timer_fired(struct worker *worker, struct timer *timer);
void health_socket_ready(struct worker *worker, struct list *link, int fd);
void health_completed(struct worker *worker, uint32_t index, const struct completion *completion);

#endif
