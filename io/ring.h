/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One io_uring with its ring of receive buffers: the engine's half of the seam to the kernel (io/sys.h is the other). Tests
 * link tests/lib/fake_kernel.c in place of ring.c and sys.c: a seeded kernel that shortens, delays, reorders and fails.
 *
 * Time is cut into turns. Operations are queued; ring_turn() submits them, waits, and hands out completions until none is
 * left. The contract that the data path is built on:
 *
 * - A ring_send() is carried out by the ring_turn() that submits it and never waits. Success posts no completion. A send
 *   that was cut short or failed posts one, and it is handed out by that same ring_turn().
 * - So the memory a ring_send() reads from may be reused once that ring_turn() has handed out its last completion.
 * - An armed operation holds its file: close(2) has no effect on the connection before the operation's last completion.
 *
 * All functions belong to the thread that called ring_open().
 */
#ifndef NSRELAY_IO_RING_H
#define NSRELAY_IO_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"

struct io_features;
struct ring;

struct ring_config {
	const struct io_features *features;
	uint32_t sq_entries;   /* power of two */
	uint32_t cq_entries;   /* power of two */
	uint32_t buffer_count; /* power of two, at most 32768 */
	uint32_t buffer_size;  /* bytes */
};

enum {
	COMPLETION_MORE = 1 << 0,   /* the operation stays armed */
	COMPLETION_BUFFER = 1 << 1, /* `buffer` is on loan to the receiver of this completion */
};

enum { RING_NO_BUFFER = UINT16_MAX };

struct completion {
	uint64_t tag;
	int32_t result; /* >= 0, or -errno */
	uint16_t flags;
	uint16_t buffer; /* RING_NO_BUFFER without COMPLETION_BUFFER */
};

/*
 * ring_open - make a ring, restricted to the operations below, and give it its buffers
 * Errors: those of io_uring_setup(2) and io_uring_register(2), -ENOMEM.
 */
struct ring *ring_open(const struct ring_config *config, struct err *err);
void ring_close(struct ring *ring);

/* ring_accept - accept connections (non-blocking, close-on-exec) until cancelled; result is the new fd */
void ring_accept(struct ring *ring, int fd, uint64_t tag);

/* ring_recv - receive into buffers until cancelled, the end of the stream (result 0), an error, or -ENOBUFS */
void ring_recv(struct ring *ring, int fd, uint64_t tag);

/* ring_recv_once - receive into one buffer */
void ring_recv_once(struct ring *ring, int fd, uint64_t tag);

/* ring_poll - wait for @events (POLLERR and POLLHUP always count); one completion */
void ring_poll(struct ring *ring, int fd, uint32_t events, uint64_t tag);

/* ring_poll_edges - a completion each time one of @events happens, until cancelled */
void ring_poll_edges(struct ring *ring, int fd, uint32_t events, uint64_t tag);

/*
 * ring_send - send all of @iov now, or fail
 * @iov: must stay as it is until the end of the next ring_turn()
 * Completion only when not everything was sent: result is the bytes that were, or -errno (-EAGAIN: none).
 */
void ring_send(struct ring *ring, int fd, const struct iovec *iov, uint32_t iov_count, uint64_t tag);

/*
 * ring_cancel - end the operation armed with @tag
 * Its last completion (without COMPLETION_MORE) still comes: -ECANCELED, or whatever ended it first.
 */
void ring_cancel(struct ring *ring, uint64_t tag);

/*
 * ring_turn - submit, wait for a completion, hand out completions
 * @until_ns: CLOCK_MONOTONIC time to wake at the latest, 0: do not wait, UINT64_MAX: no limit
 * @complete: called for each completion, in order; may queue operations
 * Returns 0, or -errno of io_uring_enter(2) when it failed for good (never EINTR, ETIME, EAGAIN or EBUSY).
 */
typedef void ring_complete_fn(void *ctx, const struct completion *completion);
int ring_turn(struct ring *ring, uint64_t until_ns, ring_complete_fn *complete, void *ctx);

/* ring_buffer - the memory of buffer @buffer */
void *ring_buffer(const struct ring *ring, uint16_t buffer);

/* ring_buffer_return - end the loan of @buffer */
void ring_buffer_return(struct ring *ring, uint16_t buffer);

/* ring_buffers_loaned - how many buffers are with the caller now */
uint32_t ring_buffers_loaned(const struct ring *ring);

uint32_t ring_buffer_size(const struct ring *ring);

/*
 * ring_buffers_release - let the machine have the memory of the buffers until they are used again
 * Only while none is on loan: what is in them is lost. For a thread that has had nothing to receive for a while.
 */
void ring_buffers_release(struct ring *ring);

#endif
