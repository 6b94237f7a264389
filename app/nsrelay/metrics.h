/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of operation
 *
 * /metrics, /healthz and /readyz of a running relay, by HTTP over TCP or a unix socket: libmicrohttpd in a thread of the
 * relay's own, made before the sandbox is shut. The supervisor has opened the listening sockets. The library polls by epoll,
 * as descriptors may be above what select(2) can have, and accepts nothing itself: when LIMIT_METRICS_CLIENTS are being
 * served, others wait in the sockets' queues.
 *
 * /metrics is written at once into memory of its own (at the most LIMIT_METRICS_PAGES at the same time, others are told to come
 * again), under inspect_lock(), which relay threads never take; then it is sent as fast as the client reads.
 *
 * /healthz asks each relay thread for a sign of life (WORKER_ECHO), and tells whether the last one came in time: a thread that
 * has not answered for HEALTH_PATIENCE_MS is stuck. /readyz tells whether new connections are accepted.
 *
 * metrics_begin() and metrics_end() are a struct relay_observer's.
 */
#ifndef NSRELAY_APP_NSRELAY_METRICS_H
#define NSRELAY_APP_NSRELAY_METRICS_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include "app/nsrelay/metrics_text.h"
#include "base/err.h"

enum { METRICS_LISTENERS = 2 };

struct MHD_Daemon;

struct metrics {
	/* set by the creator */
	int listen_fds[METRICS_LISTENERS]; /* borrowed; -1: none */

	/* its own, from metrics_begin() on */
	struct inspect *inspect;
	struct MHD_Daemon *daemon;
	struct metrics_process process;
	pthread_t thread;
	sem_t started; /* posted by the thread, when it needs nothing any more that the sandbox forbids */
	int stop_fd, statm_fd;
	uint32_t pages; /* that are being sent */
	uint32_t asked; /* number of the last sign of life that threads were asked for; 0: none yet */
	uint64_t asked_ms;
};

/* metrics_are_built_in - was libmicrohttpd there? Without it metrics_begin() fails with ENOTSUP. */
bool metrics_are_built_in(void);

/* metrics_memory - bytes that all this takes at the most */
size_t metrics_memory(const struct plan *plan);

/* metrics_begin - serve; call it where a thread may still be made. @ctx: struct metrics. */
int metrics_begin(void *ctx, struct inspect *inspect, struct err *err);
void metrics_end(void *ctx);

#endif
