/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay's side of the fence: takes what the supervisor has opened, gives its privileges up, relays. A process of its
 * own, or with --no-sandbox a thread of the program.
 */
#ifndef NSRELAY_APP_NSRELAY_RELAY_CHILD_H
#define NSRELAY_APP_NSRELAY_RELAY_CHILD_H

#include <stdbool.h>

#include "app/nsrelay/metrics.h"
#include "app/nsrelay/sandbox.h"
#include "base/err.h"
#include "io/probe.h"
#include "relay/limits.h"
#include "relay/plan.h"

struct relay_child {
	const struct plan *plan;
	const struct limits *limits;
	const struct io_features *features;
	const struct sandbox_user *user; /* NULL: no sandbox */
	const int *listener_fds;         /* as in struct relay_process; taken */
	const int *channel_fds;          /* the asking ends of the broker's channels, one a thread; taken */
	int control_fd;                  /* taken */
	int serve_fd;                    /* the control socket; taken; -1: none */
	int metrics_fds[METRICS_LISTENERS]; /* where metrics are asked for; taken; -1: none */
	uid_t supervisor_uid;            /* may ask there too */
	bool incomplete; /* CONTROL_COMPLETE is to come */
	pid_t supervisor_pid;
};

/* relay_child_run - returns when the relay was told to stop: 0, or -errno with what went wrong */
int relay_child_run(const struct relay_child *child, struct err *err);

#endif
