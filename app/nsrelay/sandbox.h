/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the relay process gives up. In this order: privileges (before its threads exist), then, when every thread has its
 * ring, all system calls but those that move bytes. A taken-over relay process can use the sockets it has and ask the
 * broker for more of the kinds in the plan; it can open, execute and create nothing.
 */
#ifndef NSRELAY_APP_NSRELAY_SANDBOX_H
#define NSRELAY_APP_NSRELAY_SANDBOX_H

#include <sys/types.h>

#include "base/err.h"

struct sandbox_user {
	uid_t uid;
	gid_t gid;
};

/*
 * sandbox_find_user - whom to become
 * @name: as configured; "": nsrelay if there is such a user, else nobody
 * A program that may not change its user (no CAP_SETUID) stays who it is. Errors: ENOENT (no such user).
 */
int sandbox_find_user(const char *name, struct sandbox_user *ret, struct err *err);

/*
 * sandbox_close_inherited - close what the program was started with, standard streams aside
 * Its own descriptors are those that would not survive execve(2). Best effort: without /proc nothing is closed.
 */
void sandbox_close_inherited(void);

/*
 * sandbox_drop - become @user, without capabilities, groups and the way back (no_new_privs, bounding set)
 * Call it while the process has one thread. Errors: EPERM.
 */
int sandbox_drop(const struct sandbox_user *user, struct err *err);

/*
 * sandbox_seal - forbid, for all threads and for good, every system call that relaying does not need
 * What is forbidden fails with EPERM. Does nothing in a build with sanitizers, whose runtime needs more.
 * Errors: those of seccomp(2).
 */
int sandbox_seal(struct err *err);

#endif
