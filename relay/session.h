/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session is one relayed connection: two sockets and two flows, one for each direction. It belongs to the thread that
 * accepted it, from accept to close.
 */
#ifndef NSRELAY_RELAY_SESSION_H
#define NSRELAY_RELAY_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "io/ring.h"
#include "io/tag.h"
#include "io/wheel.h"
#include "relay/cause.h"
#include "relay/peer.h"
#include "relay/spill.h"

struct mirror;
struct worker;

/* The two ends. A flow carries the number of the side it reads from: flow CLIENT goes up, flow SERVER goes down. */
enum side { SIDE_CLIENT, SIDE_SERVER, SIDE_COUNT };

static inline enum side side_other(enum side side)
{
	return side == SIDE_CLIENT ? SIDE_SERVER : SIDE_CLIENT;
}

enum flow_state {
	FLOW_NEW,      /* the session is not open yet */
	FLOW_PARKED,   /* quiet: a poll waits for bytes */
	FLOW_RECV,     /* interactive lane: a multishot recv delivers into shared buffers */
	FLOW_STOPPING, /* that recv is being cancelled; what it still delivers is passed on */
	FLOW_BULK,     /* bulk lane: splice(2) whenever a poll says that bytes wait */
	FLOW_HELD,     /* not read from, until the receiver took what is spilled and what was read is paid for */
	FLOW_ENDED,    /* the end of the stream was passed on, or nothing more can be */
	FLOW_STATE_COUNT,
};

/* A queue of receive buffers, linked through worker.buffer_links. */
struct buffer_chain {
	uint16_t head, tail; /* RING_NO_BUFFER when empty */
};

struct flow {
	struct list work;            /* in worker.work while there is something to look at, or in a worker.want_*
				      * list */
	uint64_t bytes;              /* taken from the source */
	uint64_t spliced;            /* of these, without a copy */
	struct spill residue;        /* read, and not taken by the receiver yet */
	uint64_t resume_ms;          /* over its bandwidth: not read from until then; 0: it may be */
	struct buffer_chain arrived; /* read in this turn */
	struct buffer_chain sending; /* submitted in the last turn */
	uint8_t side;                /* enum side that it reads from: its index in session.flows */
	uint8_t state;               /* enum flow_state */
	uint8_t armed;               /* FLOW_OP_* in the kernel's hands */
	uint8_t cancelling;          /* of these, those whose cancellation was asked for */
	uint8_t goal;                /* enum flow_state that a STOPPING flow goes to */
	uint8_t streak;              /* steps towards a change of lane */
	uint8_t careful;             /* bulk: ask the receiver how much it takes, for so many moves more */
	uint8_t light_pumps;         /* bulk: pumps in a row that found little */
	uint8_t limits;              /* BANDWIDTH_*: how its bandwidth is limited */
	uint8_t quick_acks;          /* interactive: acknowledge at once, for so many turns more */
	bool readable;               /* bulk: the source may hold bytes */
	bool starved;                /* the last receive found no buffer */
	bool blocked;                /* the receiver's socket is full: wait until it is writable */
	bool sink_ended;             /* the receiver's own stream has ended, which polls report at once, whatever they ask */
	bool ended;                  /* the source's end of stream was seen */
	bool fin_sent;               /* and passed on by shutdown(2) */
};

enum {
	FLOW_OP_RECV = 1 << 0,     /* multishot recv on the source */
	FLOW_OP_POLL_IN = 1 << 1,  /* poll for reading on the source: once when parked, at edges in the bulk lane */
	FLOW_OP_POLL_OUT = 1 << 2, /* poll for writing on the receiver; while connecting: on the upstream socket */
	FLOW_OP_WATCH = 1 << 3,    /* poll for errors alone, at edges, on a source that is not read from */
};

enum session_state {
	SESSION_WAITING,    /* for an upstream socket */
	SESSION_HELLO,      /* for the server's name in its client's first message: hello.h */
	SESSION_PREREAD,    /* for what its client has to send first: preread.h */
	SESSION_PENDING,    /* to be let in: admission/gate.h */
	SESSION_QUEUED,     /* for room at a backend: queue.h */
	SESSION_CONNECTING, /* connect(2) is under way */
	SESSION_OPEN,       /* bytes flow */
	SESSION_RESETTING,  /* one side is gone: its RST is passed on when the other has everything that came before */
	SESSION_CLOSING,    /* over; the kernel still holds operations */
	SESSION_STATE_COUNT,
};

/* How a side ended before its time. */
enum breakage { INTACT, BROKEN_RESET, BROKEN_LOST };

struct session {
	struct flow flows[SIDE_COUNT]; /* first: session_of() counts on it */
	int fds[SIDE_COUNT];
	uint8_t state;               /* enum session_state */
	uint8_t broken[SIDE_COUNT];  /* enum breakage */
	uint8_t cause;               /* enum cause, from SESSION_CLOSING on, or since a side broke */
	bool reset[SIDE_COUNT];      /* close this side with RST */
	bool timed_out;              /* CONNECTING, HELLO: the deadline passed, the poll is being cancelled */
	uint8_t first_ended;         /* enum side + 1 of the side whose stream ended first; 0: none yet */
	uint8_t last_mover;          /* enum side that the bytes came from which last moved */
	uint8_t backends_tried;
	uint16_t retry_ms;           /* SESSION_RESETTING: how long until the next look at the receiver's queue */
	uint32_t listener;           /* index into plan.listeners */
	uint32_t route;              /* index into plan.routes: which pool it goes to */
	uint16_t backend;            /* index into that pool */
	uint16_t first_backend;      /* that the connection tried first */
	uint32_t draw;               /* relay/balance: by which it was chosen, and the others are */
	uint32_t connect_us;         /* from accept to the backend's answer; 0 until then */
	uint32_t queued_turn;        /* the turn in which an operation was last queued: its fds must not be closed in it */
	uint64_t accepted_ns;
	uint64_t active_ms;          /* when a byte last moved */
	uint64_t give_up_ms;         /* connect deadline; SESSION_RESETTING: when the RST is sent in any case */
	struct timer timer;
	struct list link;            /* in a target's queue (WAITING), in a line (PENDING, QUEUED) or worker.closing (CLOSING) */
	struct session_peer peer;
	struct mirror *mirror;       /* relay/mirror/; NULL: it is not copied */
	bool entered;                /* its backend counts it: upstream_leave() */
	bool told;                   /* peer is the one that a header named: preread_told() */
	bool stale;                  /* its server's socket has the settings of another configuration */
	bool greeted;                /* what backends get first is in front of its bytes already */
	uint8_t admission;           /* ADMISSION_*: what it has of its limits */
	uint32_t source;             /* index of its client in the relay's table of sources; SOURCES_NONE */
};

/* session_accept - take over the accepted socket @fd of @listener. Owns @fd from here on, whatever happens. */
void session_accept(struct worker *worker, uint32_t listener, int fd);

/* session_admitted - its client may come in: on to a backend */
void session_admitted(struct worker *worker, struct session *session);

/* session_set_state - the one setter; aborts on a move that the table does not have */
void session_set_state(struct session *session, enum session_state state);

/* session_socket_ready - a socket for the target it waits for, or (@fd < 0) -errno that none can be had. Takes @fd. */
void session_socket_ready(struct worker *worker, struct session *session, int fd);

/* session_completed - a completion of one of its operations */
void session_completed(struct worker *worker, struct session *session, struct tag tag,
		       const struct completion *completion);

/* session_moved - bytes from @source were passed on just now */
void session_moved(const struct worker *worker, struct session *session, enum side source);

/* session_arm_timer - for whatever its state has to do next without being asked */
void session_arm_timer(struct worker *worker, struct session *session);

/* session_timer_fired - its timer is due */
void session_timer_fired(struct worker *worker, struct session *session);

/* session_open - the upstream socket is connected: let the flows run */
void session_open(struct worker *worker, struct session *session);

/* session_flow_ended - a flow has passed on its end; close when both have */
void session_flow_ended(struct worker *worker, struct session *session, enum side source);

/* session_broken - @side was reset or lost: no more bytes go to it, and what came from it is still passed on */
void session_broken(struct worker *worker, struct session *session, enum side side, int result);

/* session_lost_client - the client's socket failed with @error before there was a backend: end it for that */
void session_lost_client(struct worker *worker, struct session *session, int error);

/* session_abort - end it now for @cause, with RST to both sides */
void session_abort(struct worker *worker, struct session *session, enum cause cause);

/* session_of - the session a flow is part of */
static inline struct session *session_of(struct flow *flow)
{
	return (struct session *)(flow - flow->side);
}

/*
 * sessions_finish - close and free what can be of worker.closing: sessions without an operation in the kernel's hands or
 * waiting for submission. The one place where a session ends. True when another turn will end more, whatever happens.
 */
bool sessions_finish(struct worker *worker);

/* session_tag - the user_data of an operation of @session */
uint64_t session_tag(const struct worker *worker, const struct session *session, uint8_t kind, enum side side);

/* Kinds of operations of a thread's ring (io/tag.h). */
enum tag_kind {
	TAG_KIND_RECV = 1,
	TAG_KIND_SEND,
	TAG_KIND_POLL_IN,
	TAG_KIND_POLL_OUT,
	TAG_KIND_WATCH,
	TAG_KIND_ACCEPT,
	TAG_KIND_SOCKETS, /* the socket source has a reply */
	TAG_KIND_MAILBOX,
	TAG_KIND_MIRROR_POLL,
	TAG_KIND_MIRROR_SEND,
	TAG_KIND_HEALTH, /* index: of the check */
};

#endif
