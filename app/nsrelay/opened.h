/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the broker holds open for a plan: listening sockets and the namespaces they are in, and rows in the
 * table of targets. All or nothing: the first thing that cannot be opened says so, and everything is closed
 * again.
 *
 * From one configuration to the next, what is in both stays: a listener at the same endpoint in the same
 * namespace keeps its very sockets, with what waits in their queues.
 */
#ifndef NSRELAY_APP_NSRELAY_OPENED_H
#define NSRELAY_APP_NSRELAY_OPENED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "app/nsrelay/socket_file.h"
#include "app/nsrelay/spaces.h"
#include "app/nsrelay/targets.h"
#include "base/err.h"
#include "relay/plan.h"

struct opened_listener {
	struct space *space;     /* NULL: a unix socket's */
	struct socket_file file; /* a unix socket's */
	uint32_t kept_from;      /* the same one's index in the opened before; OPENED_FRESH */
};

enum { OPENED_FRESH = UINT32_MAX };

struct opened {
	const struct plan *plan;
	uint32_t threads;
	struct targets *targets; /* borrowed */
	int *listener_fds;       /* [thread * plan.listener_count + listener]; -1 where not open */
	struct opened_listener *listeners;
	uint32_t *numbers;     /* [target] -> its number in @targets */
	uint32_t number_count; /* of those that are held */
};

/*
 * opened_init - open everything @plan asks for, but for what @before has already
 * @before: NULL: nothing is open yet. It stays as it is until opened_replace().
 * @targets: outlives what is opened; its uid owns the sockets, so that nobody inside a namespace can join a
 * group of listeners
 * Errors: those of netns_open(), nssock_listen() and nssock_upstream_batch(), with relay and endpoint in front.
 */
int opened_init(struct opened *opened, const struct opened *before, const struct plan *plan, uint32_t threads,
                struct targets *targets, struct err *err);

/*
 * opened_replace - @opened has what was kept from @before, with the settings of its own plan; the rest of
 * @before is closed as by opened_close_listeners(), and its targets are released
 * What could not be set is told in @err, and is as it was before; returns 0 or -errno of the last such.
 * *@ret_closes: has a listener been closed?
 */
int opened_replace(struct opened *opened, struct opened *before, uint64_t now_ms, bool *ret_closes,
                   struct err *err);

/* opened_fresh - write for each listener of the plan whether its sockets are new ones; returns how many
 * are */
uint32_t opened_fresh(const struct opened *opened, bool *ret);

/*
 * opened_close_listeners - the relay is told to stop: its own copies must be the last ones
 * New handshakes are refused first, which the relay could not do (nssock_refuse_handshakes() wants
 * CAP_NET_ADMIN), and the files of unix listeners are removed, so that nobody takes them for stale ones
 * meanwhile.
 */
void opened_close_listeners(struct opened *opened);

/* opened_fini - close all, but for what is still another one's (opened_replace()); takes a half-built one */
void opened_fini(struct opened *opened, uint64_t now_ms);

#endif
