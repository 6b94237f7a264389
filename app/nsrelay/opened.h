/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the broker holds open for a plan: namespaces, listening sockets, and the table of targets it makes upstream sockets
 * for. All or nothing: the first thing that cannot be opened says so, and everything is closed again.
 */
#ifndef NSRELAY_APP_NSRELAY_OPENED_H
#define NSRELAY_APP_NSRELAY_OPENED_H

#include <stdint.h>
#include <sys/types.h>

#include "app/nsrelay/socket_file.h"
#include "base/err.h"
#include "nsctl/broker.h"
#include "relay/plan.h"

struct opened_netns {
	const struct netns_ref *ref; /* borrowed from the configuration */
	int fd;
};

struct opened {
	const struct plan *plan;
	uint32_t threads;
	struct opened_netns *netns;
	uint32_t netns_count;
	int *listener_fds; /* [thread * plan.listener_count + listener]; -1 where not open */
	struct socket_file *files; /* [listener] */
	struct broker_target *targets; /* plan.target_count of them */
};

/*
 * opened_init - open everything @plan asks for, and try to make one socket of each target
 * @uid: owns the sockets, so that nobody inside a namespace can join a group of listeners
 * Errors: those of netns_open(), nssock_listen() and nssock_upstream_batch(), with relay and endpoint in front.
 */
int opened_init(struct opened *opened, const struct plan *plan, uint32_t threads, uid_t uid, struct err *err);

/*
 * opened_close_listeners - the relay is told to stop: its own copies must be the last ones
 * New handshakes are refused first, which the relay could not do (nssock_refuse_handshakes() wants CAP_NET_ADMIN), and the
 * files of unix listeners are removed, so that nobody takes them for stale ones meanwhile.
 */
void opened_close_listeners(struct opened *opened);

/* opened_fini - close all; takes a half-built one */
void opened_fini(struct opened *opened);

/* opened_keep_listeners - in the relay process: close the namespaces, which only the broker may use */
void opened_keep_listeners(struct opened *opened);

#endif
