/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links, addresses and routes of one namespace, by rtnetlink(7).
 *
 * Each function is one request that the kernel has carried out, or refused, by the time it returns. An error
 * names namespace, operation and object, and ends with the kernel's own explanation where it gives one
 * (extended ack). Errors that every request can have: EPERM (CAP_NET_ADMIN in the namespace is needed),
 * ENOBUFS.
 *
 * A handle keeps its namespace alive and belongs to one thread at a time.
 */
#ifndef NSRELAY_NSCTL_RTNL_H
#define NSRELAY_NSCTL_RTNL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct rtnl;

/* An address with its network's length: 10.0.0.1/24, fd00::1/64. Length 0 as a destination means everything.
 */
struct rtnl_prefix {
	sa_family_t family; /* AF_INET or AF_INET6 */
	uint8_t length;     /* [bits] */
	union {
		struct in_addr in4;
		struct in6_addr in6;
	} address;
};

/* One end of a veth pair. */
struct rtnl_veth_end {
	const char *name;
	int ns_fd; /* the namespace it appears in; -1: that of the handle. Borrowed */
};

struct rtnl_route {
	struct rtnl_prefix to;
	struct rtnl_prefix via; /* next hop; its length does not matter */
	const char *link;       /* NULL: as the next hop's address tells */
};

/*
 * rtnl_open - talk to the network stack of namespace @ns_fd
 * @ns_fd: borrowed; -1: that of the calling thread
 * @where: how errors name the namespace; copied
 *
 * The calling thread visits the namespace; see netns_enter() for the errors.
 */
int rtnl_open(int ns_fd, const char *where, struct rtnl **ret, struct err *err);
void rtnl_close(struct rtnl *rtnl);

/* rtnl_prefix_parse - read `ADDRESS/LENGTH` or `ADDRESS`, which is a prefix of full length. Errors: EINVAL.
 */
int rtnl_prefix_parse(const char *text, struct rtnl_prefix *ret, struct err *err);

/* rtnl_prefix_format - the text rtnl_prefix_parse() reads back. Returns @buf. */
const char *rtnl_prefix_format(const struct rtnl_prefix *prefix, char *buf, size_t size);

/* Longest text rtnl_prefix_format() writes, its NUL included. */
enum { RTNL_PREFIX_TEXT_MAX = INET6_ADDRSTRLEN + sizeof("/128") - 1 };

/* rtnl_link_index - the interface index of @name. Errors: ENODEV, EINVAL (not a name). */
int rtnl_link_index(struct rtnl *rtnl, const char *name, struct err *err);

/* rtnl_link_set_up - up or down. Errors: ENODEV. */
int rtnl_link_set_up(struct rtnl *rtnl, const char *name, bool is_up, struct err *err);

/* rtnl_link_delete - remove a link; with one end of a veth pair goes the other. Errors: ENODEV, EOPNOTSUPP
 * (loopback). */
int rtnl_link_delete(struct rtnl *rtnl, const char *name, struct err *err);

/* rtnl_veth_add - make a pair, both ends down, each in its own namespace at once. Errors: EEXIST, EINVAL (not
 * a name). */
int rtnl_veth_add(struct rtnl *rtnl, const struct rtnl_veth_end *a, const struct rtnl_veth_end *b,
                  struct err *err);

/*
 * rtnl_address_add - give @link an address; an IPv6 address is usable at once, without duplicate address
 * detection Errors: ENODEV, EEXIST.
 */
int rtnl_address_add(struct rtnl *rtnl, const char *link, const struct rtnl_prefix *address, struct err *err);

/*
 * rtnl_route_add - add a unicast route to the main table
 * Errors: EEXIST, ENETUNREACH (no link reaches the next hop), ENODEV, EINVAL (bits set beyond the prefix;
 * families differ).
 */
int rtnl_route_add(struct rtnl *rtnl, const struct rtnl_route *route, struct err *err);

#endif
