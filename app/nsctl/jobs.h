/* SPDX-License-Identifier: Apache-2.0 */
/* Several child processes that are run, and ended, together. */
#ifndef NSRELAY_APP_NSCTL_JOBS_H
#define NSRELAY_APP_NSCTL_JOBS_H

#include <stddef.h>

#include "base/err.h"

/* Called in child @index, with the signal mask of the caller of jobs_run(); returns only when it could not
 * exec. */
typedef int jobs_start_fn(void *ctx, size_t index, struct err *err);

/*
 * jobs_run - start @count processes and wait for all of them
 *
 * Each is passed on what another process sends the caller: SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1 and
 * SIGUSR2; what comes from a terminal reaches it anyway. Each gets SIGTERM should the caller be killed. Who
 * fails is told on standard error.
 *
 * For the main thread of a program with one thread, which leaves SIGCHLD and the signals above alone. Returns
 * the exit status of the first that failed (128 + N: by signal N), else 0. Errors: EAGAIN and ENOMEM of
 * fork(2); those started are ended then.
 */
int jobs_run(size_t count, jobs_start_fn *start, void *ctx, struct err *err);

#endif
