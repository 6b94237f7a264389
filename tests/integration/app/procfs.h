/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc tells of a running program: who its threads are and what it has open. */
#ifndef NSRELAY_TESTS_INTEGRATION_APP_PROCFS_H
#define NSRELAY_TESTS_INTEGRATION_APP_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* procfs_count_threads - how many threads @pid has; 0 when it is gone */
size_t procfs_count_threads(pid_t pid);

/* procfs_await_stopped - wait until SIGSTOP, which was sent to @pid, has stopped all its threads; false: in
 * vain */
bool procfs_await_stopped(pid_t pid);

/*
 * procfs_find_privilege - look for a thread of @pid that could do more than user nobody without any
 * capability
 * @sealed: it must also have a seccomp filter, and no way back by execve(2), which a thread of its own that a
 * sanitizer started before main() keeps. Returns what was found, in static memory, or NULL.
 */
const char *procfs_find_privilege(pid_t pid, bool sealed);

/*
 * procfs_each_fd - call @look for each descriptor of @pid with what it leads to: "socket:[123]", "/dev/null"
 * Returns how many there are.
 */
size_t procfs_each_fd(pid_t pid, void (*look)(void *ctx, int fd, const char *target), void *ctx);

#endif
