/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the programs of this folder share: a network namespace of their own, connected TCP sockets on its
 * loopback, a ring whose completions are waited for with a limit. Everything belongs to the process and ends
 * with it.
 *
 * Nothing here measures time: a thing that must happen is waited for up to RIG_LIMIT_S and then fails the
 * test; a thing that must not happen is looked for after something that was started later has been seen to
 * arrive.
 */
#ifndef NSRELAY_TESTS_ASSUMPTIONS_RIG_H
#define NSRELAY_TESTS_ASSUMPTIONS_RIG_H

#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>
#include <liburing.h>

enum { RIG_LIMIT_S = 10 };

/* The flags of the relay's own rings, and those it falls back to. */
enum {
	RIG_DEFER = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
	RIG_COOP = IORING_SETUP_COOP_TASKRUN,
};

/* A connected pair: near is the relay's socket, far its peer's. Both non-blocking, reno, NODELAY. */
struct rig_tcp {
	int near;
	int far;
};

struct rig_completion {
	uint64_t user_data;
	int res;
	unsigned flags;
};

/* A buffer ring (group 0) and its memory. */
struct rig_buffers {
	struct io_uring_buf_ring *ring;
	char *memory;
	unsigned count;
	unsigned size;
};

/*
 * rig_need_netns - first line of every test: enter a fresh namespace with loopback up, once; skip() without
 * privilege
 */
void rig_need_netns(void);

/* rig_netns_enter_fresh - leave for another fresh namespace, loopback down */
void rig_netns_enter_fresh(void);

/* rig_listen - a non-blocking listener on 127.0.0.1; its address goes to *ret */
int rig_listen(struct sockaddr_in *ret);

/* rig_socket - a non-blocking TCP socket that is not connected */
int rig_socket(void);

/* rig_connect - a non-blocking socket connected to @addr */
int rig_connect(const struct sockaddr_in *addr);

void rig_tcp_open(struct rig_tcp *ret);
void rig_tcp_close(struct rig_tcp *tcp);

/* rig_reset - close @fd so that its peer receives a RST */
void rig_reset(int fd);

/* rig_await - wait until poll(2) reports one of @events on @fd; returns what it reported */
short rig_await(int fd, short events);

/*
 * rig_await_acked - wait until the peer's kernel has acknowledged all that was sent (and the FIN, if there
 * was one)
 */
void rig_await_acked(int fd);

/* rig_await_state - wait until @fd is in a state of TCP (TCP_ESTABLISHED ... of netinet/tcp.h) */
void rig_await_state(int fd, int state);
int rig_state(int fd);

/* rig_send - send all of @text */
void rig_send(int fd, const char *text);

/* rig_fill - send zeros until the socket takes no more and the kernel has settled; returns how many bytes */
size_t rig_fill(int fd);

/* rig_drain - read and throw away @count bytes, waiting for them */
void rig_drain(int fd, size_t count);

/* rig_drain_to_end - read and throw away everything up to EOF; returns how many bytes */
size_t rig_drain_to_end(int fd);

/* rig_pipe - a non-blocking pipe of @size bytes */
void rig_pipe(int ret[2], int size);

/* rig_ring_open - skip() where the kernel offers no io_uring; @cq_entries 0 for twice @entries */
void rig_ring_open(struct io_uring *ret, unsigned entries, unsigned cq_entries, unsigned flags);

struct io_uring_sqe *rig_sqe(struct io_uring *ring, uint64_t user_data);

/* rig_ring_submit - hand over what is queued without waiting or running any other work */
void rig_ring_submit(struct io_uring *ring);

/* rig_ring_wait - the next completion */
struct rig_completion rig_ring_wait(struct io_uring *ring);

/* rig_ring_is_quiet - run what is due; true when no completion is there */
bool rig_ring_is_quiet(struct io_uring *ring);

/*
 * rig_ring_cancel - cancel by user_data; returns the final completion of the cancelled operation
 *
 * The cancellation's own completion must be 0.
 */
struct rig_completion rig_ring_cancel(struct io_uring *ring, uint64_t user_data);

void rig_buffers_open(struct rig_buffers *ret, struct io_uring *ring, unsigned count, unsigned size);

/* rig_buffers_close - @ring is NULL when it has gone before */
void rig_buffers_close(struct rig_buffers *buffers, struct io_uring *ring);

/* rig_buffers_of - the memory that a receive completion filled */
const char *rig_buffers_of(const struct rig_buffers *buffers, struct rig_completion completion);

/* rig_recv_multishot - queue a multishot receive into buffer group 0 */
void rig_recv_multishot(struct io_uring *ring, int fd, uint64_t user_data);

#endif
