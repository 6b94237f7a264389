/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every network namespace of the machine that something visible keeps alive: a process, or a thread of one,
 * that lives in it, a descriptor, a mount (in whatever mount namespace). Best effort, as nsctl/look/proc.h has it.
 * Not found is one that only a socket keeps, or a descriptor that waits in a unix socket.
 */
#ifndef NSRELAY_NSCTL_LOOK_CENSUS_H
#define NSRELAY_NSCTL_LOOK_CENSUS_H

#include "nsctl/look/proc.h"
#include "nsctl/netlink/sockdiag.h"

struct census_process {
	pid_t pid;
	char name[PROC_NAME_MAX];
};

struct census_netns {
	uint64_t inode;
	uint64_t cookie; /* netns_cookie(); 0: could not be asked for */
	bool is_own;     /* the calling thread is in it */

	/* NAME of /run/netns/NAME, or the path of another mount. Only when there is none that the caller
	 * sees, the first of those that others see, as /proc/PID/root/PATH. */
	VEC(char *) names;
	VEC(struct census_process) processes; /* that are in it, by pid */
	VEC(struct census_process) holders;   /* others that have a descriptor of it, by pid */

	/* What processes called nsrelay have in it. */
	VEC(struct sockdiag_socket) relay_listeners;
	size_t relay_connections;
};

struct census {
	VEC(struct census_netns) all; /* the own one first, the others by inode */
};

/* census_read - the calling thread visits them. Errors: ENOMEM, those of proc_each_process(). */
int census_read(struct census *ret, struct err *err);
void census_fini(struct census *census);

/* One of the namespaces that a process has. */
struct membership {
	const char *entry; /* of /proc/PID/ns: "net", "pid_for_children"; the first ends before '_' */
	uint64_t inode;
	uint64_t owner; /* inode of the user namespace that it belongs to; 0: that is above the caller's, or
	                   unknown */
	VEC(struct census_process) processes; /* that are in it, this one included, by pid */
};

struct memberships {
	VEC(struct membership) all; /* by name */
};

/*
 * memberships_read - the namespaces of all kinds that process @pid is in, or its children will be
 * Errors: ESRCH, EACCES (CAP_SYS_PTRACE is needed), ENOMEM, those of proc_each_process().
 */
int memberships_read(pid_t pid, struct memberships *ret, struct err *err);
void memberships_fini(struct memberships *memberships);

#endif
