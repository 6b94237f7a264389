/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces that are mounted somewhere, as `ip netns` does to keep them: proc_pid_mountinfo(5). */
#ifndef NSRELAY_NSCTL_LOOK_MOUNTS_H
#define NSRELAY_NSCTL_LOOK_MOUNTS_H

#include <stdint.h>
#include <sys/types.h>

/*
 * mounts_each_netns - those in the mount namespace of @pid; 0: in the caller's own
 * @look: @point is where, in that mount namespace; it returns 0, or -errno which ends the listing and is its result
 * Best effort: a process that has gone, or that may not be looked at, has none.
 */
int mounts_each_netns(pid_t pid, int (*look)(void *ctx, uint64_t inode, const char *point), void *ctx);

#endif
