/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is there, and what do they have open: /proc, proc_pid_fd(5), proc_pid_ns(5). Best effort: a process
 * that ends meanwhile, or that the caller may not look at (CAP_SYS_PTRACE), is passed over.
 */
#ifndef NSRELAY_NSCTL_LOOK_PROC_H
#define NSRELAY_NSCTL_LOOK_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum {
	PROC_NAME_MAX = 16, /* TASK_COMM_LEN of linux/sched.h */
	PROC_TARGET_MAX =
	        64, /* of a descriptor: enough for "pipe:[...]" and the like; a longer path is cut */
};

/* Functions that are told return 0, or -errno which ends the listing and is its result. */

/* proc_each_process - in the order of their pids. Errors: those of opendir(3) on /proc. */
int proc_each_process(int (*look)(void *ctx, pid_t pid), void *ctx, struct err *err);
int proc_each_thread(pid_t pid, int (*look)(void *ctx, pid_t pid, pid_t tid), void *ctx);

/* proc_each_fd - @target: what it leads to, as "socket:[123]" */
int proc_each_fd(pid_t pid, int (*look)(void *ctx, pid_t pid, int fd, const char *target), void *ctx);

/* proc_name - the process's own, "?" when it is gone. Returns @buf. */
const char *proc_name(pid_t pid, char *buf, size_t size);

/* proc_inode - the number in a text like "socket:[123]" or "net:[4026531840]"; false when @kind is another */
bool proc_inode(const char *target, const char *kind, uint64_t *ret);

/*
 * proc_namespace - inode of the namespace /proc/PID/task/TID/ns/@entry, of kind @kind
 * @entry is @kind, but for "pid_for_children" and "time_for_children". False: gone, forbidden, or not known
 * to this kernel.
 */
bool proc_namespace(pid_t pid, pid_t tid, const char *entry, const char *kind, uint64_t *ret);

#endif
