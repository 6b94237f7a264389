/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the relay gets upstream sockets from. It cannot make them itself: it has neither the privilege to enter a
 * namespace nor, behind its seccomp filter, socket(2). The program wires this to the broker; a test to whatever it likes.
 *
 * A *target* is a number that both sides know: one (namespace, address family, TCP settings), or one unix socket's path.
 * A TCP target's sockets come unconnected and configured; a unix target's come connected, one for each asked for.
 * One source belongs to one thread.
 */
#ifndef NSRELAY_RELAY_SOCKET_SOURCE_H
#define NSRELAY_RELAY_SOCKET_SOURCE_H

#include <stdint.h>

/* At most this many in one reply: below SCM_MAX_FD (253, include/net/scm.h). */
enum { SOCKET_BATCH_MAX = 64 };

struct socket_reply {
	uint32_t target;
	int error;            /* 0, or the positive errno that stopped the batch; sockets made before it are there */
	uint32_t asked;       /* how many the request had asked for */
	uint32_t count;       /* how many came */
	int fds[SOCKET_BATCH_MAX]; /* owned by the receiver; non-blocking, CLOEXEC */
};

struct socket_source {
	void *ctx;
	int fd; /* readable when a reply waits; never closed by the relay */

	/* Ask for @count sockets (1 .. SOCKET_BATCH_MAX). Never blocks. 0, -EAGAIN (ask again later), -EPIPE (source gone). */
	int (*request)(void *ctx, uint32_t target, uint32_t count);

	/* Take one reply. Never blocks. 1 with *ret filled, 0 when none waits, -EPIPE when the source is gone. */
	int (*receive)(void *ctx, struct socket_reply *ret);
};

#endif
