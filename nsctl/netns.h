/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network namespaces as kernel objects: opened from the way a user refers to them, told apart, entered by one
 * thread and left again, made and removed in the way `ip netns` understands.
 *
 * A file descriptor of a namespace keeps the namespace alive: whoever holds one closes it when its owner
 * goes.
 */
#ifndef NSRELAY_NSCTL_NETNS_H
#define NSRELAY_NSCTL_NETNS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/endpoint.h"
#include "base/err.h"

/* Where `ip netns` keeps its names, ip-netns(8). */
#define NETNS_RUN_DIR "/run/netns"

/* What two descriptors of the same namespace have in common. The kernel may use an inode again once the
 * namespace is gone; netns_cookie() is never used again until the machine restarts. */
struct netns_id {
	dev_t dev;
	ino_t ino;
};

/*
 * netns_open - open the namespace that @ref means
 *
 * A process is held by a pidfd while its namespace is opened, so that a pid in use again is never taken for
 * the old one.
 *
 * Returns a descriptor, owned by the caller, or -errno: ENOENT (no such name or path), ESRCH (no such
 * process, or it ended meanwhile), EINVAL (not a network namespace), EACCES (a process of another user
 * needs CAP_SYS_PTRACE), EMFILE.
 */
int netns_open(const struct netns_ref *ref, struct err *err);

/*
 * netns_open_fd - the namespace that @fd is, or that of the process that it is a pidfd of
 * @fd: of unknown origin; borrowed. *@ret_pid: of that process; 0: it is a namespace
 *
 * Returns a descriptor, owned by the caller, or -errno: EINVAL (it is neither), ESRCH (the process has ended, or is in
 * another pid namespace), EACCES, EMFILE.
 */
int netns_open_fd(int fd, pid_t *ret_pid, struct err *err);

/* netns_identify - which namespace is it? Needs no privilege. Errors: EBADF. */
int netns_identify(int fd, struct netns_id *ret, struct err *err);

bool netns_id_equal(const struct netns_id *a, const struct netns_id *b);

/*
 * netns_cookie - the namespace's number, unique until the machine restarts
 *
 * Read from a socket inside (SO_NETNS_COOKIE, Linux 5.14), hence with the errors of netns_enter() and
 * socket(2); ENOPROTOOPT on an older kernel.
 */
int netns_cookie(int fd, uint64_t *ret, struct err *err);

/*
 * netns_enter - move the calling thread into namespace @fd
 * @ret_home: what to hand to netns_leave()
 *
 * Entering the namespace the thread is already in does nothing and needs no privilege. Visits may be nested.
 * Errors: EPERM (CAP_SYS_ADMIN is needed), EINVAL (not a network namespace), EBADF, EMFILE.
 */
int netns_enter(int fd, int *ret_home, struct err *err);

/*
 * netns_leave - go back; takes @home
 *
 * A thread that cannot go back would work in the wrong namespace from then on: the program aborts. Keeps
 * errno.
 */
void netns_leave(int home);

/*
 * netns_create - make a namespace that lasts, as `ip netns add NAME` does
 *
 * Its loopback is down. /run/netns is made, and made a shared mount, when it is not yet, so that mount
 * namespaces started before see the removal of a name and do not keep the namespace alive.
 *
 * Errors: EEXIST, EINVAL (bad name), EPERM (CAP_SYS_ADMIN is needed), ENOSPC (user.max_net_namespaces).
 */
int netns_create(const char *name, struct err *err);

/*
 * netns_delete - remove a name, as `ip netns delete NAME` does
 *
 * The namespace itself ends with the last process, socket and descriptor in it.
 * Errors: ENOENT, EINVAL (bad name), EPERM.
 */
int netns_delete(const char *name, struct err *err);

/* netns_create_anonymous - make a namespace without a name, which ends with its last user. Returns a
 * descriptor, owned by the caller, or an error as netns_create(). */
int netns_create_anonymous(struct err *err);

/*
 * netns_prepare, netns_pin - what netns_create() does beside netns_create_anonymous(): make /run/netns fit
 * for names, once for any number of them, and give the namespace @fd (borrowed) a name that lasts
 *
 * A leftover of that name is taken over. Errors: those of netns_create().
 */
int netns_prepare(struct err *err);
int netns_pin(int fd, const char *name, struct err *err);

/*
 * netns_is_leftover - is there a name without a namespace, a file on which nothing is mounted?
 * What a kill within netns_pin() or netns_delete() leaves behind.
 */
bool netns_is_leftover(const char *name);

#endif
