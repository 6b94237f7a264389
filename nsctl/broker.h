/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker makes sockets inside namespaces and hands them to a process that may do neither. It never reads
 * a relayed byte, has no thread of its own and never waits: the caller polls the channels and calls
 * broker_serve().
 *
 * The asking process may have been taken over. It can only name targets out of a table that it cannot change;
 * whatever else it says ends its channel. A reply it does not read holds up its own channel alone: one waits
 * here, a few in the kernel's buffer, and no further request is read meanwhile.
 */
#ifndef NSRELAY_NSCTL_BROKER_H
#define NSRELAY_NSCTL_BROKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/err.h"
#include "nsctl/broker_wire.h"
#include "nsctl/nssock.h"

/* One kind of socket that may be asked for. */
struct broker_target {
	int ns_fd;          /* borrowed; -1: the namespace is gone (ESTALE). Unused with AF_UNIX */
	sa_family_t family; /* AF_INET, AF_INET6: unconnected sockets; AF_UNIX: connected to unix_path */
	struct nssock_tcp_options options;
	char unix_path[108]; /* sizeof sun_path, unix(7) */
};

/* Caller-owned, and so is the table, which may change between calls. Who asks for an index beyond it gets
 * ENOENT. */
struct broker {
	const struct broker_target *targets;
	uint32_t target_count;
	uid_t uid; /* who the sockets belong to, as for nssock_listen() */
};

/* The broker's end of one channel. Caller-owned; poll @fd for what broker_serve() returned. */
struct broker_channel {
	int fd;
	bool is_pending; /* the reply below has not been sent */
	struct broker_reply reply;
	int fds[BROKER_BATCH_MAX]; /* reply.count of them, owned while pending */
};

#define BROKER_CHANNEL_INIT                                                                                  \
	{                                                                                                    \
		.fd = -1                                                                                     \
	}

enum broker_wait {
	BROKER_WAITS_FOR_REQUEST, /* call again at POLLIN */
	BROKER_WAITS_FOR_ROOM,    /* the asker does not read its replies: call again at POLLOUT */
};

/*
 * broker_channel_open - make a channel
 * @ret_worker_fd: the asking end, non-blocking and CLOEXEC, owned by the caller; see broker_client.h
 *
 * Errors: EMFILE, ENFILE.
 */
int broker_channel_open(struct broker_channel *channel, int *ret_worker_fd, struct err *err);

/* broker_channel_close - close the channel and every socket that waits in it. Takes a closed one too. */
void broker_channel_close(struct broker_channel *channel);

/*
 * broker_serve - answer requests that wait on one channel
 *
 * Never blocks, and answers a few requests at most, so that no channel starves the others. The broker's copy
 * of a socket is closed as soon as it has been sent. A request that cannot be met is answered with the
 * reason; no error here.
 *
 * Returns enum broker_wait, or -errno, after which the caller closes the channel: EPIPE (the asker is gone,
 * the ordinary end), EPROTO (not a request; the asker cannot be trusted), or what sendmsg(2) or recvmsg(2)
 * said.
 */
int broker_serve(const struct broker *broker, struct broker_channel *channel, struct err *err);

#endif
