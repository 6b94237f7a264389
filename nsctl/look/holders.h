/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which processes have a socket: descriptors are looked through, /proc/PID/fd. Best effort, as nsctl/look/proc.h
 * has it; and a socket that nobody has a descriptor of (one in io_uring's own table, one that waits to be
 * accepted) has no holder.
 */
#ifndef NSRELAY_NSCTL_LOOK_HOLDERS_H
#define NSRELAY_NSCTL_LOOK_HOLDERS_H

#include "base/vec.h"
#include "nsctl/look/proc.h"

struct holder {
	uint64_t inode; /* of the socket */
	pid_t pid;
	char name[PROC_NAME_MAX];
};

struct holders {
	VEC(struct holder) all; /* by inode, then by pid; each pair once */
};

/* holders_read - of all sockets of all processes. Errors: ENOMEM, those of proc_each_process(). Free with
 * vec_clear(). */
int holders_read(struct holders *ret, struct err *err);

/* holders_find - the first of those that have socket @inode, of @ret_count in a row; NULL when nobody has */
const struct holder *holders_find(const struct holders *holders, uint64_t inode, size_t *ret_count);

#endif
