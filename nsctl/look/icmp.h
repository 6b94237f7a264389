/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ICMP and ICMPv6 for one who looks whether something can be reached: echo (RFC 792, RFC 4443), and the
 * errors that routers send about any socket's packets.
 *
 * Echo goes by raw sockets (CAP_NET_RAW): a ping socket is refused even to root where
 * net.ipv4.ping_group_range is as the kernel sets it in a fresh namespace, and that is not ours to change.
 */
#ifndef NSRELAY_NSCTL_LOOK_ICMP_H
#define NSRELAY_NSCTL_LOOK_ICMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "nsctl/netlink/prefix.h"

/*
 * icmp_open - a non-blocking socket in namespace @ns_fd (borrowed) for echo with @to alone; it watches errors
 * Returns a descriptor, owned by the caller. Errors: EPERM, those of netns_enter(), and connect(2)'s:
 * ENETUNREACH when there is no route.
 */
int icmp_open(int ns_fd, const struct prefix *to, struct err *err);

/* icmp_send - ask for an echo; @token comes back with it. 0 or -errno. */
int icmp_send(int fd, sa_family_t family, uint64_t token, uint16_t sequence);

struct icmp_answer {
	uint16_t sequence;
	uint8_t ttl; /* as it came; 0: not told */
};

/* icmp_receive - 1: an answer to @token; 0: something else, which is gone now; -EAGAIN: nothing; -errno: of
 * an error */
int icmp_receive(int fd, sa_family_t family, uint64_t token, struct icmp_answer *ret);

/* icmp_watch_errors - have the kernel keep what routers say about the packets of @fd (IP_RECVERR). 0 or
 * -errno. */
int icmp_watch_errors(int fd, sa_family_t family);

/* What a router, or the destination, said. */
struct icmp_error {
	struct prefix by; /* who; AF_UNSPEC: not told */
	uint8_t type, code;
	int errnum;  /* what the kernel makes of it: ENETUNREACH (no route), EHOSTUNREACH (no answer there),
	                ... */
	uint16_t id; /* of the echo it is about, the lower half of its token: raw sockets hear of each
	                other's. TCP: nothing */
};

/* icmp_read_error - the next one that was kept for @fd; false: none. What the own namespace says is passed
 * over. */
bool icmp_read_error(int fd, struct icmp_error *ret);

#endif
