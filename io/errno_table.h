/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each errno means, per operation of the data path: one table instead of conditions strewn over the code.
 * Sources: the man pages named in errno_table.c, and the TCP and io_uring sources of Linux 6.18.
 */
#ifndef NSRELAY_IO_ERRNO_TABLE_H
#define NSRELAY_IO_ERRNO_TABLE_H

enum io_op {
	IO_OP_ACCEPT,
	IO_OP_RECV, /* recv(2), ring_recv() and splice from a socket */
	IO_OP_SEND, /* send(2), ring_send() and splice to a socket */
	IO_OP_CONNECT,
	IO_OP_COUNT,
};

enum io_outcome {
	IO_RETRY,     /* not now: wait for readiness */
	IO_RESET,     /* the peer ended the connection, or it is no more; an outcome, not an error */
	IO_FAILED,    /* this operation cannot succeed; the story is in the errno */
	IO_EXHAUSTED, /* descriptors or memory ran out: back off, then go on */
	IO_CANCELLED, /* ended by ring_cancel() */
	IO_TIMED_OUT, /* TCP_USER_TIMEOUT, keepalive or handshake */
	IO_BUG,       /* only a mistake of ours explains it */
};

/* io_outcome - meaning of @result (a negative errno) for @op */
enum io_outcome io_outcome(enum io_op op, int result);

const char *io_outcome_name(enum io_outcome outcome);

#endif
