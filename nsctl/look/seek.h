/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces of which nothing is known but their inodes: where is a mount that the caller sees, or a process, that has one?
 * Best effort, as nsctl/look/proc.h has it.
 */
#ifndef NSRELAY_NSCTL_LOOK_SEEK_H
#define NSRELAY_NSCTL_LOOK_SEEK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sought {
	uint64_t inode; /* which may be another namespace's by now: netns_cookie() tells */
	int fd;         /* -1: not found yet; else the caller's */
};

/* seek_netns - all at once. Errors: those of proc_each_process(). */
int seek_netns(struct sought *sought, size_t count, struct err *err);

#endif
