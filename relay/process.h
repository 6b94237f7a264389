/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay as a whole: its threads, and the control thread (the one that calls relay_process_run()) that takes commands
 * and writes the log. Runs as a process of its own behind a sandbox, or as a thread of the program for debugging.
 */
#ifndef NSRELAY_RELAY_PROCESS_H
#define NSRELAY_RELAY_PROCESS_H

#include <stdint.h>

#include "base/err.h"
#include "io/ring.h"
#include "relay/limits.h"
#include "relay/plan.h"
#include "relay/socket_source.h"

/* Between the relay and whoever supervises it, one message a datagram (SOCK_SEQPACKET). */
enum control_type {
	CONTROL_DRAIN = 1, /* to the relay: stop accepting; value: ms until what is left is reset */
	CONTROL_STOP,	   /* to the relay: end everything now */
	CONTROL_COUNTERS,  /* to the relay: log every counter */
	CONTROL_READY,	   /* from the relay: accepting */
	CONTROL_CHANGE,    /* to the relay: another configuration (relay/change.h), as a file; value: sockets that follow */
	CONTROL_SOCKETS,   /* to the relay: some of these; value: how many */
	CONTROL_CHANGED,   /* from the relay: it works by that from now on, or not; value: 0, or the errno why not */
	CONTROL_REQUEST,   /* from the relay: a command follows as text (relay/request.h); value: its ticket */
	CONTROL_ANSWER,    /* to the relay: a reason follows as text; value: the ticket, 0: a signal's; reserved: positive errno */
	CONTROL_ENROLMENT, /* to the relay: the same to a command about enrolments, which changes nothing for others */
	CONTROL_COMPLETE,  /* to the relay: all namespaces that were enrolled before the daemon was started are served */
	CONTROL_RELEASE,   /* to the relay: close the listeners that are left over; nobody can begin to connect to them */
};

struct control_message {
	uint32_t type; /* enum control_type */
	uint32_t reserved;
	uint64_t value;
};

struct inspect;

struct relay_observer {
	void *ctx;
	int (*begin)(void *ctx, struct inspect *inspect, struct err *err);
	void (*end)(void *ctx);
};

struct relay_process {
	const struct plan *plan;
	const struct limits *limits;
	const struct io_features *features;
	struct socket_source *sources; /* one for each thread */
	const int *listener_fds;       /* [thread * plan.listener_count + listener]; the descriptors are taken */
	const int (*pipe_fds)[2];      /* an empty pipe for each thread; taken */
	const int (*mirror_pipe_fds)[2]; /* another one, for mirrors; NULL: there are none */
	/* Read a configuration that is known to be right; -errno. In this program's own words: the text may be of any length. */
	int (*load)(const char *text, size_t size, struct config *ret);
	bool incomplete;	       /* CONTROL_COMPLETE is to come */
	int control_fd;		       /* taken; its end of file means "stop now" */

	/* Called when every thread has its ring and before any of them accepts: the moment to give up what is left of
	 * privilege. NULL: nothing to do. */
	int (*seal)(struct err *err);

	/* Who are told what may be asked about the relay, before seal: the last moment at which one may make a thread. Its
	 * begin() may fail, which stops the relay; end() is called when all relay threads have ended and nothing of
	 * @inspect will be valid any more, unless begin() failed or was not called. */
	const struct relay_observer *observers;
	uint32_t observer_count;
};

/*
 * relay_process_run - relay until told to stop; takes every descriptor named above, also on failure
 * Returns 0 after a drain or stop, else -errno with what failed to start.
 */
int relay_process_run(const struct relay_process *process, struct err *err);

#endif
