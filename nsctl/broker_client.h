/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The asking side of the broker, for use behind a seccomp filter: nothing but sendmsg(2), recvmsg(2) and
 * close(2), never blocking. One channel belongs to one thread.
 */
#ifndef NSRELAY_NSCTL_BROKER_CLIENT_H
#define NSRELAY_NSCTL_BROKER_CLIENT_H

#include <stdint.h>

#include "nsctl/broker_wire.h"

/*
 * broker_client_request - ask for @count sockets (1 .. BROKER_BATCH_MAX) of @target
 * Returns 0, -EAGAIN (too many requests unanswered, or memory is short: ask again later) or -EPIPE (the
 * broker is gone).
 */
int broker_client_request(int fd, uint32_t target, uint32_t count);

/*
 * broker_client_receive - take one reply
 * @fds: the first ret->count are filled, owned by the caller; CLOEXEC
 *
 * When this process may have no more descriptors, those that fitted are there, ret->count says how many, and
 * ret->error is EMFILE.
 *
 * Returns 1 with *@ret filled, 0 when no reply waits, -EPIPE (the broker is gone) or -EPROTO (not a reply;
 * whatever came with it has been closed).
 */
int broker_client_receive(int fd, struct broker_reply *ret, int fds[static BROKER_BATCH_MAX]);

#endif
