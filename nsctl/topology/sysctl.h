/* SPDX-License-Identifier: Apache-2.0 */
/* The settings under /proc/sys/net that a topology may choose, for each namespace. ip-sysctl.rst of Linux */
#ifndef NSRELAY_NSCTL_TOPOLOGY_SYSCTL_H
#define NSRELAY_NSCTL_TOPOLOGY_SYSCTL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum sysctl {
	SYSCTL_IP_FORWARD,
	SYSCTL_IPV6_FORWARDING,
	SYSCTL_RP_FILTER,
	SYSCTL_TCP_CONGESTION_CONTROL,
	SYSCTL_TCP_MIGRATE_REQ,
	SYSCTL_COUNT,
};

enum { SYSCTL_VALUE_MAX = 32 };

struct sysctl_info {
	const char *name;     /* in files and plans: "ip_forward" */
	const char *path;     /* below /proc/sys: "net/ipv4/ip_forward" */
	const char *expected; /* for errors: "true or false" */
};
extern const struct sysctl_info sysctls[SYSCTL_COUNT];

/* sysctl_normalize - what the kernel is told for @text of a file: "1" for "true". False: no value of @key. */
bool sysctl_normalize(enum sysctl key, const char *text, char *ret, size_t size);

/*
 * sysctl_read, sysctl_write - in namespace @ns_fd, which the calling thread visits
 * @ns_fd: borrowed; -1: that of the calling thread
 * @where: how errors name the namespace
 *
 * Errors: ENOENT (this kernel has no such setting, or not in this namespace; or it has no such congestion
 * control), EPERM (a congestion control that only the initial namespace may choose, see
 * net.ipv4.tcp_allowed_congestion_control), EACCES, EINVAL, EROFS, and those of netns_enter().
 */
int sysctl_read(int ns_fd, const char *where, enum sysctl key, char *ret, size_t size, struct err *err);
int sysctl_write(int ns_fd, const char *where, enum sysctl key, const char *value, struct err *err);

#endif
