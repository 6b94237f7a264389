/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of operation
 *
 * What may be asked about a running relay, by one thread beside the relay's own: the asker.
 *
 * Counters and counts are read where they are (relaxed). The connections of a relay thread only that thread may look at:
 * the asker lends it a slice through its mailbox (inspect_ask()), the thread copies those that fit the slice's filter (or
 * resets them), tells in the slice where to go on, and gives it back (inspect_answered()). A slice is bounded, in connections
 * and in slots looked at, so that those who send bytes meanwhile wait for one slice at the most; nothing is allocated, and who
 * is not asked does nothing. Sockets are asked only for connections that fit, and only for who wants to know.
 *
 * An id has the thread, the slot and the slot's generation: it never means another connection than it was given for.
 *
 * A connection that lives from the first slice of a listing to the last is in exactly one of them: slots do not move.
 * There is one slice under way at a time, so that the mailbox always has room for commands.
 */
#ifndef NSRELAY_RELAY_INSPECT_H
#define NSRELAY_RELAY_INSPECT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "io/mailbox.h"
#include "io/sys.h"
#include "relay/counters.h"
#include "relay/limits.h"
#include "relay/peer.h"
#include "relay/plan.h"
#include "relay/session.h"
#include "relay/session_filter.h"

struct events;
struct shared;
struct worker;

enum {
	INSPECT_ROWS = 64,    /* of a slice */
	INSPECT_DETAILED = 16, /* of these, when their sockets are asked: seven system calls each, 0.05 ms in all */
	INSPECT_SLOTS = 4096, /* looked at for a slice: most may be free after a peak */
	INSPECT_NO_BACKEND = UINT32_MAX,
};

/* One side of a connection, as the relay's socket there sees it. */
struct inspect_side {
	struct session_peer local;  /* with details; AF_UNSPEC: no socket yet, or it is gone */
	struct session_peer remote;
	uint64_t bytes;                    /* read from this side */
	uint64_t spliced;                  /* of these, without a copy */
	uint8_t lane;                      /* enum flow_state of what is read from this side */
	bool has_tcp;                      /* with details, but of unix sockets */
	struct sys_tcp tcp;
};

struct inspect_connection {
	uint64_t id; /* of this process' life; never given twice but after 2^24 connections in one slot */
	uint32_t listener; /* index into plan.listeners */
	uint32_t route;    /* index into plan.routes */
	uint32_t backend;  /* index into that route's pool, or INSPECT_NO_BACKEND */
	uint8_t state;     /* enum session_state */
	uint64_t age_ms, idle_ms;
	uint32_t connect_us; /* 0: not connected yet */
	struct session_peer via; /* the proxy that named the client; AF_UNSPEC: none did */
	struct session_peer original; /* where the client wanted to go; AF_UNSPEC: to its listener */
	struct inspect_side sides[SIDE_COUNT];
};

/* What is done with the connections that fit. */
enum inspect_wish {
	INSPECT_LIST,    /* rows are filled */
	INSPECT_DETAILS, /* and their sockets are asked */
	INSPECT_KILL,    /* they are reset, for CAUSE_KILLED */
};

enum { INSPECT_KILLS = 64 }; /* of a slice */

struct inspect_slice {
	uint8_t wish;      /* enum inspect_wish */
	bool is_one;       /* nothing but the connection @id, if it fits */
	uint64_t id;
	struct session_filter filter;
	uint32_t cursor;   /* slot to begin at; then, to go on from */
	bool last;         /* by the thread: there are no more */
	uint32_t count;    /* of those that fitted: of rows that were filled, or of connections that were reset */
	uint32_t thread;   /* who was asked */
	_Atomic bool full; /* given back */
	int doorbell_fd;
	struct inspect_connection rows[INSPECT_ROWS];
};

struct inspect_thread {
	struct mailbox *mailbox;
	struct inspect_slice *lent; /* the last one that it was asked to fill; NULL: none */
	_Atomic bool ended;         /* it answers no more */
};

struct inspect {
	const struct plan *plan;
	const struct limits *limits;
	struct shared *shared;
	const struct counters *counters; /* one for each thread */
	struct inspect_thread *threads;  /* limits.threads of them; owned */
	struct requests *requests;       /* NULL: there is no supervisor to ask */
	struct events *events;           /* NULL: nobody asks for them */
	pthread_mutex_t lock;            /* inspect_lock() */
	_Atomic bool ending;             /* told to drain or to stop */
	_Atomic bool incomplete;         /* namespaces that were enrolled before are yet to be served */
	uint64_t changes;                /* how often the plan has become another */
	int doorbell_fd;                 /* eventfd, the asker's: rung when a slice is given back or a thread ends */
};

/* inspect_init - 0, -ENOMEM or -errno of eventfd(2); the rest is the creator's to set */
int inspect_init(struct inspect *inspect, const struct plan *plan, const struct limits *limits);
void inspect_fini(struct inspect *inspect);

/*
 * inspect_lock, inspect_unlock - between them the configuration and everything that has a row for a part of it stay as they
 * are; without them, plan, limits and what they lead to may change or go (relay/handover.h). For who reads, of whichever
 * thread but the relay's own; not to be held while waiting.
 */
void inspect_lock(struct inspect *inspect);
void inspect_unlock(struct inspect *inspect);

/* ---- the asker's ---- */

/* inspect_thread_of, inspect_slot_of - where to ask for the connection @id: a thread that there may not be, and its cursor */
uint32_t inspect_thread_of(uint64_t id);
uint32_t inspect_slot_of(uint64_t id);

/*
 * inspect_ask - lend @slice to relay thread @thread, for what fits from its cursor on
 * False when the thread cannot take it now; its doorbell will not ring then.
 */
bool inspect_ask(struct inspect *inspect, uint32_t thread, struct inspect_slice *slice);

/* inspect_answered - has @slice come back? So it has, empty and as the last one, when its thread has ended. */
bool inspect_answered(struct inspect *inspect, struct inspect_slice *slice);

/* inspect_counter - the sum over all threads */
uint64_t inspect_counter(const struct inspect *inspect, unsigned counter);

/* inspect_connections - of all threads */
uint32_t inspect_connections(const struct inspect *inspect);

/* inspect_backend_connections - of one backend; -1: its pool does not count them */
int64_t inspect_backend_connections(const struct inspect *inspect, size_t pool, uint32_t backend);

/* inspect_backend_reasons - enum standing_reason, those against new connections to it */
unsigned inspect_backend_reasons(const struct inspect *inspect, size_t pool, uint32_t backend);

/* ---- the relay threads' ---- */

/* inspect_fill - do what @slice asks for and give it back */
void inspect_fill(struct worker *worker, struct inspect_slice *slice);

/* inspect_translate - what was listed and has not been taken yet is told by the indices of the new plan. Relay threads stand. */
struct handover;
void inspect_translate(struct inspect *inspect, const struct handover *handover);

/* inspect_thread_ended - the last word of relay thread @thread */
void inspect_thread_ended(struct inspect *inspect, uint32_t thread);

#endif
