/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of operation
 *
 * A mirrored session has a *tap* for each direction that is copied: a connection of its own to the mirror's
 * receiver, so that the receiver sees two clean streams and not a mixture. Bytes are offered to a tap once, as
 * they are read; what the tap's socket does not take at once is skipped and counted. So a copy never waits,
 * never holds a buffer beyond the turn in which the session's own send has it, and never makes the session
 * wait. The one thing that is held is what comes before the tap is connected, since the first bytes are what
 * an onlooker wants most: TAP_HOLD_BYTES, from memory of the mirrors' own.
 *
 * The session's bytes always go first. In the interactive lane both sends are submitted together, the taps'
 * behind those of all sessions (mirrors_turn()); in the bulk lane the pipe's pages are shared with the
 * thread's second pipe by tee(2) before they leave, and sent from there after.
 *
 * A tap lives as long as its flow, and at most TAP_PATIENCE_MS longer, to get rid of what it holds. Its
 * receiver is not listened to; what it says is thrown away when there is no room to send, and at the end, so
 * that the end is a FIN.
 *
 *	tap:  none                               this direction is not copied
 *	      waiting ──► connecting ──► open ──► closing ──► gone
 *	         └────────────┴────────────────────┘           what comes now is skipped
 */
#ifndef NSRELAY_RELAY_MIRROR_MIRROR_H
#define NSRELAY_RELAY_MIRROR_MIRROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/list.h"
#include "base/slab.h"
#include "io/ring.h"
#include "io/sys.h"
#include "io/tag.h"
#include "io/wheel.h"
#include "relay/admission/cidr.h"
#include "relay/session.h"
#include "relay/spill.h"

struct config;
struct limits;
struct plan;
struct worker;

enum {
	TAP_HOLD_BYTES = 2 * SPILL_CHUNK_SIZE,
	/* How long a tap may take to be connected, and to send what it holds when its flow is over. */
	TAP_PATIENCE_MS = 1000,
	/* After a failure to connect none of the relay's sessions tries again for so long. */
	MIRROR_RETRY_MS = 1000,
};

enum tap_state {
	TAP_NONE,
	TAP_WAITING,    /* for a socket */
	TAP_CONNECTING, /* connect(2) is under way */
	TAP_OPEN,
	TAP_CLOSING, /* over; the kernel may still hold an operation */
	TAP_GONE,
	TAP_STATE_COUNT,
};

/* The copy of one direction. */
struct tap {
	struct list link;  /* in a target's queue (WAITING), or in mirrors.queued or .submitted */
	struct list due;   /* in mirrors.waiting while due_ms counts, or in mirrors.closing */
	struct spill held; /* goes before all else */
	uint32_t held_size;
	uint32_t header_size;       /* of these, bytes of the header that have not gone yet */
	uint64_t mirrored, skipped; /* bytes of the flow */
	uint64_t due_ms;            /* when patience is over */
	const struct iovec *iov;    /* queued or submitted */
	uint32_t iov_count;
	uint32_t size;        /* bytes in it */
	uint32_t sent;        /* submitted: of these, as far as is known */
	uint32_t queued_turn; /* the turn in which an operation was last submitted */
	int fd;
	uint8_t state;   /* enum tap_state */
	uint8_t side;    /* enum side that the bytes come from: its index in mirror.taps */
	bool polling;    /* a poll is in the kernel's hands */
	bool flow_ended; /* nothing more comes */
	bool reset;      /* close with RST: the copy is not whole */
};

struct mirror {
	struct tap taps[SIDE_COUNT]; /* first: mirror_of() counts on it */
	uint32_t relay;              /* index into config.relays */
	bool orphaned;               /* its session has gone */
};

/* share.c: how much of what could be copied is, so that copies yield first. */
struct mirror_share {
	int load_fd;          /* sys_load(); < 0: the kernel does not tell */
	struct sys_load load; /* at looked_ms */
	uint64_t looked_ms;
	uint32_t share;  /* 0 .. MIRROR_SHARE_ALL */
	uint32_t credit; /* towards the next one */
};

enum { MIRROR_SHARE_ALL = 256 };

/* What a thread knows of a relay's mirror. */
struct mirror_relay {
	uint64_t retry_ms;    /* until then no copy is tried: the receiver could not be reached */
	struct cidr_set from; /* of whose connections there are copies; empty: of all */
};

/* What a thread has for its mirrors. */
struct mirrors {
	struct slab slab; /* of struct mirror; without slots when no relay has a mirror */
	struct spill_pool held;
	struct list queued;    /* taps to be sent to at the end of this turn */
	struct list submitted; /* taps sent to in the last one */
	struct list waiting;   /* taps by due_ms */
	struct list closing;
	struct timer timer;          /* for the first of `waiting` */
	struct mirror_relay *relays; /* [relay] */
	size_t relay_count;
	struct mirror_share share;
	uint32_t told_turn; /* in which a failure was last told of */
	bool possible;   /* set by the creator: there are pipes, so that relays may have mirrors */
	int pipe_fds[2]; /* set by the creator; empty between moves */
	int null_fd;
};

/* What the log says of a session's copies, in bytes. */
struct mirror_sums {
	bool wanted;
	uint64_t mirrored; /* those that a tap still holds included */
	uint64_t skipped;
};

/* mirrors_open - 0 or -errno; takes mirrors.pipe_fds. Without memory for mirrors when @limits has none. Thread: the
 * one that uses it, before it is shut in. */
int mirrors_open(struct mirrors *mirrors, const struct limits *limits, const struct plan *plan);
void mirrors_close(struct mirrors *mirrors);

/*
 * mirrors_prepare - for @config: the relays of @ret, and memory for mirrors where @old has none yet
 * mirrors_inherit - @mirrors goes on with what @heir was prepared with, which gets what is old; @relays: [old] -> new
 * mirrors_forget - frees what mirrors_prepare() made, or mirrors_inherit() left
 * mirrors_end - all copies of @relay's connections end now
 */
int mirrors_prepare(struct mirrors *ret, const struct mirrors *old, const struct config *config,
                    const struct limits *limits);
void mirrors_inherit(struct mirrors *mirrors, struct mirrors *heir, const uint32_t *relays);
void mirrors_forget(struct mirrors *heir);
void mirrors_end(struct worker *worker, uint32_t relay);

/* mirrors_memory - bytes that mirrors_open() takes for @config's relays, beside what relay/limits.h has */
size_t mirrors_memory(const struct config *config);

/* mirrors_turn - at the end of a turn, behind the sessions: submit what is queued, close what is over */
void mirrors_turn(struct worker *worker);

/* mirrors_fired - the timer */
void mirrors_fired(struct worker *worker);

/* mirror_wants_peer - does it take the client's address to mirror @session? */
bool mirror_wants_peer(const struct worker *worker, const struct session *session);

/* mirror_begin - @session, of a relay with a mirror, is open: copy it, if it is one of those that are to
 * be */
void mirror_begin(struct worker *worker, struct session *session);

/* mirror_flow_ended - the stream from @source has ended well: so does its copy */
void mirror_flow_ended(struct worker *worker, struct session *session, enum side source);

/* mirror_end - @session goes; its mirror, which may live on for a moment, is not its any more */
struct mirror_sums mirror_end(struct worker *worker, struct session *session);

/* mirror_socket_ready - for the tap whose `link` is @waiter: a socket, or (@fd < 0) -errno. Takes @fd. */
void mirror_socket_ready(struct worker *worker, struct list *waiter, int fd);

/* mirror_completed - a completion of an operation of a tap */
void mirror_completed(struct worker *worker, struct tag tag, const struct completion *completion);

/*
 * mirror_queue, mirror_send - copy bytes from @source, at the end of this turn or now
 * @iov: for mirror_queue(): stays as it is until the end of the next ring_turn()
 */
void mirror_queue(struct worker *worker, struct session *session, enum side source, const struct iovec *iov,
                  uint32_t iov_count, size_t size);
void mirror_send(struct worker *worker, struct session *session, enum side source, const struct iovec *iov,
                 uint32_t iov_count, size_t size);

/*
 * mirror_tee, mirror_push - copy the @size bytes of the thread's pipe, before they leave it and after
 * mirror_tee() returns how many mirror_push() has to deal with.
 */
size_t mirror_tee(struct worker *worker, struct session *session, enum side source, size_t size);
void mirror_push(struct worker *worker, struct session *session, enum side source, size_t size);

/* ---- between the files of this folder ---- */

static inline struct mirror *mirror_of(struct tap *tap)
{
	return (struct mirror *)(tap - tap->side);
}

/* tap_config - the settings of its relay's mirror */
const struct config_mirror *tap_config(const struct worker *worker, struct tap *tap);

/* tap_flush - send what is held; true when the tap is open and holds nothing */
bool tap_flush(struct worker *worker, struct tap *tap);

/* tap_settle - account for what was submitted to it, once that turn is over */
void tap_settle(struct worker *worker, struct tap *tap);

/* tap_count - @size bytes have been mirrored */
void tap_count(struct worker *worker, struct tap *tap, size_t size);

/* tap_skip - @size bytes are not copied, which is the end of a tap that is not to have gaps */
void tap_skip(struct worker *worker, struct tap *tap, size_t size);

/* tap_broken - the receiver has gone */
void tap_broken(struct worker *worker, struct tap *tap);

/* tap_drain - throw away what the receiver has said, lest it waits for us as we wait for it */
void tap_drain(const struct tap *tap);

void share_open(struct mirror_share *share);
void share_close(struct mirror_share *share);

/* share_admits - may the next piece be copied? Every one, while the machine has time for it. */
bool share_admits(struct worker *worker);

#endif
