/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One relay thread and all that it owns: ring, sessions, memory, timers, listening sockets, upstream sockets. Nothing here
 * is shared but what `shared` points to.
 */
#ifndef NSRELAY_RELAY_WORKER_H
#define NSRELAY_RELAY_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "base/slab.h"
#include "io/mailbox.h"
#include "io/ring.h"
#include "io/wheel.h"
#include "relay/admission/admission.h"
#include "relay/admission/gate.h"
#include "relay/balance/balance.h"
#include "relay/bandwidth.h"
#include "relay/client_hello.h"
#include "relay/counters.h"
#include "relay/health/ejection.h"
#include "relay/health/health.h"
#include "relay/limits.h"
#include "relay/mirror/mirror.h"
#include "relay/original.h"
#include "relay/plan.h"
#include "relay/record.h"
#include "relay/preread.h"
#include "relay/session.h"
#include "relay/sockets.h"
#include "relay/spill.h"
#include "relay/tally.h"

enum { WORKER_NO_LISTENER = UINT32_MAX };

/* How a thread is called by others. */
struct shared_thread {
	struct mailbox *mailbox;
	_Atomic bool called; /* to serve its lines: queue.h */
	_Atomic uint32_t echo; /* what it was last asked for a sign of life with */
};

/* What all threads see. */
struct shared {
	_Atomic uint32_t connections; /* sessions of all threads */
	struct balance balance;
	struct shared_thread threads[LIMIT_THREADS];
	struct bandwidth bandwidth;
	struct admission admission;
	struct ejection ejection;
	struct preread preread;
	struct tally tally;
};

struct listener {
	int fd;         /* owned; -1 once closed */
	uint32_t place; /* by which its accept names it, whatever its index becomes: worker.places */
	bool armed;     /* a multishot accept is in the kernel's hands */
	bool closing;   /* accept what is queued, then close */
};

struct worker {
	/* set by the creator before worker_open() */
	const struct plan *plan;
	const struct limits *limits;
	struct shared *shared;
	struct counters *counters;
	struct record_queue *records; /* where records of closed connections go; NULL: nowhere */
	struct record_queue *events;  /* where records of backends go; NULL: nowhere */
	uint32_t number;              /* of this thread, below limits.threads */
	struct mailbox *mailbox;      /* commands; NULL: none */
	struct listener *listeners;   /* plan.listener_count of them; owned */

	/* the thread's own */
	struct ring *ring;
	struct wheel wheel;
	struct slab sessions;
	struct client_hello *hellos; /* one for each slot of sessions; NULL: no relay has routes by name */
	struct preread_told *told; /* one for each slot of sessions; NULL: no relay accepts headers */
	struct session_peer *originals; /* one for each slot of sessions; NULL: no relay intercepts */
	struct spill_pool spill;
	struct socket_pools sockets;
	struct health health;
	struct ejected_all ejected;
	struct list work;    /* flows to look at in this turn */
	struct list want_spill;   /* flows that wait for spill memory before they read on */
	struct list want_buffers; /* flows whose receive found no buffer, the longest waiting first */
	uint32_t returned;        /* buffers that came back since one of those was let go on */
	struct mirrors mirrors;
	struct gate gate;
	const struct handover *pausing; /* to another configuration: the thread is about to stand still; NULL: it is not */
	struct list restless;           /* sessions that begin again when it goes on */
	uint32_t *places;    /* [listener.place] -> index of the listener; WORKER_NO_LISTENER: nobody's; owned */
	uint32_t place_count;
	struct list closing; /* sessions whose fds may be closed after the next submission */
	struct balance_cursor *cursors; /* one for each pool */
	struct list *lines; /* sessions that wait for room, the longest waiting first; one for each pool */
	uint16_t *buffer_links; /* next buffer of a chain */
	uint32_t *buffer_sizes; /* bytes in a buffer */
	struct iovec *iov;      /* of the sends of this turn; one for each receive buffer */
	uint32_t iov_used;
	uint16_t *sent; /* buffers to be returned after the next submission */
	uint32_t sent_count;
	uint32_t turn;
	uint64_t now_ns, now_ms;
	int pipe_fds[2]; /* empty between flows */
	struct timer accept_timer; /* accepting is paused until then; while draining: listeners close then */
	struct timer ask_timer;    /* armed while the socket source has refused a request */
	struct timer drain_timer;  /* armed while draining */
	struct timer leave_timer;  /* armed while listeners that are left over have not been closed */
	struct timer leftover_timer; /* armed while there are relays that are left over */
	struct timer quiet_timer;  /* armed while receive buffers may hold memory */
	uint64_t received_ms;      /* when a buffer was last filled */
	bool serves; /* there may be room for those in the lines */
	bool accept_paused;
	bool clock_set; /* in this turn */
	bool busy;      /* sessions can be closed after the next submission */
	bool draining, stopping;
};

/* Commands (struct message.type). */
enum worker_command {
	WORKER_DRAIN, /* close listeners; value: CLOCK_MONOTONIC ms at which what is left is reset */
	WORKER_STOP,  /* end every session now */
	WORKER_INSPECT, /* value: the struct inspect_slice to fill (relay/inspect.h) */
	WORKER_SERVE, /* look at shared_thread.called */
	WORKER_PAUSE, /* value: the struct handover to stand still for (relay/handover.h) */
	WORKER_ECHO,    /* value: what to put into shared_thread.echo */
	WORKER_RELEASE, /* nobody can begin to connect to listeners that are left over: close them in a while */
};

/*
 * worker_open - make ring and memory, with no listener armed. Thread: the one that will call the other functions.
 * @pipe_fds: an empty pipe, made while that was permitted; taken, also on failure
 */
int worker_open(struct worker *worker, const struct ring_config *config, struct socket_source *source,
		const int pipe_fds[2], struct err *err);
void worker_close(struct worker *worker);

/* worker_memory - bytes of a thread's own tables that have a row for each pool, listener, relay or target of @plan */
size_t worker_memory(const struct plan *plan);

/* worker_listen - begin to accept */
void worker_listen(struct worker *worker);

/* worker_turn - one turn: submit, wait, act. 0, or -errno of a ring that is beyond use. */
int worker_turn(struct worker *worker);

/* worker_done - was told to stop or drain, and no session is left */
bool worker_done(const struct worker *worker);

/* worker_drain, worker_stop - what the commands of those names do */
void worker_drain(struct worker *worker, uint64_t deadline_ms);
void worker_stop(struct worker *worker);

/* worker_return_buffer - a buffer that is not part of a submitted send */
void worker_return_buffer(struct worker *worker, uint16_t buffer);

/* worker_want_spill, worker_want_buffer - look at @flow again when there is memory of that kind */
void worker_want_spill(struct worker *worker, struct flow *flow);
void worker_want_buffer(struct worker *worker, struct flow *flow);

/* worker_tell - have an event that is no connection's end logged; lost, and counted, when the log is behind */
void worker_tell(struct worker *worker, const struct record *record);

/* worker_relay - the relay a session belongs to */
const struct config_relay *worker_relay(const struct worker *worker, const struct session *session);

/* worker_backend - the backend that a session has chosen */
const struct endpoint *worker_backend(const struct worker *worker, const struct session *session);

/* listener.c: accepting */
void listener_arm_all(struct worker *worker);
void listener_completed(struct worker *worker, uint32_t index, const struct completion *completion);
void listener_retry(struct worker *worker);
void listener_drain_all(struct worker *worker, uint64_t deadline_ms);
void listener_close_all(struct worker *worker);
void listener_go_on_all(struct worker *worker);
void listener_release_leftovers(struct worker *worker);
void listener_close_leftovers(struct worker *worker);

/* worker_leftovers_fired - the time of relays that are left over is up: standstill.c */
void worker_leftovers_fired(struct worker *worker);

/*
 * upstream.c: choosing a backend and connecting to it
 * upstream_wants_peer() tells whether that takes the client's address; upstream_leave() that the backend has one connection
 * less, which may be said twice. A session that waits for room (queue.h) leaves its line in two steps: upstream_choose()
 * finds a backend for it, if there is room, and upstream_go_on() connects to that. upstream_dial() returns 0 when connected, or as sys_connect() does.
 */
int upstream_dial(int fd, const struct sockaddr *to, socklen_t size);
bool upstream_wants_peer(const struct worker *worker, const struct session *session);
void upstream_begin(struct worker *worker, struct session *session);
void upstream_connect(struct worker *worker, struct session *session, int fd);
void upstream_completed(struct worker *worker, struct session *session, int result);
void upstream_timed_out(struct worker *worker, struct session *session);
void upstream_without_socket(struct worker *worker, struct session *session, int error);
void upstream_forget(struct worker *worker, struct session *session);
void upstream_leave(struct worker *worker, struct session *session);
bool upstream_choose(const struct worker *worker, struct session *session);
void upstream_go_on(struct worker *worker, struct session *session);
bool upstream_recycle(struct worker *worker, struct session *session);

#endif
