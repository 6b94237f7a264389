/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket of a running relay: a varlink service in a thread of the relay's own, beside the one
 * that writes the log and may have to wait for who reads it. Both functions are a struct relay_observer's.
 */
#ifndef NSRELAY_APP_NSRELAY_CONTROL_H
#define NSRELAY_APP_NSRELAY_CONTROL_H

#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <sys/types.h>

#include "app/varlink/service.h"
#include "base/err.h"
#include "relay/inspect.h"

struct control {
	/* set by the creator */
	int listen_fd; /* borrowed */
	uid_t supervisor_uid;
	pid_t supervisor_pid;

	/* its own, from control_begin() on */
	struct inspect *inspect;
	struct varlink_service service;
	pthread_t thread;
	int stop_fd;
	sem_t started; /* posted by the thread, when it needs nothing any more that the sandbox forbids */
	uint64_t started_ms;
	uint64_t lent_to;           /* the call that @slice was lent for; 0: it is here; LENT_FOR_NOBODY */
	struct inspect_slice slice; /* one for all calls, as one is under way at a time */
};

/* The call has gone meanwhile. */
#define LENT_FOR_NOBODY UINT64_MAX

/* control_begin - serve; call it where a thread may still be made. @ctx: struct control. Errors: those of
 * eventfd(2) and pthread_create(3). */
int control_begin(void *ctx, struct inspect *inspect, struct err *err);
void control_end(void *ctx);

#endif
