/* SPDX-License-Identifier: Apache-2.0 */
/* The TCP and UDP sockets of one namespace as the kernel tells them: sock_diag(7). */
#ifndef NSRELAY_NSCTL_NETLINK_SOCKDIAG_H
#define NSRELAY_NSCTL_NETLINK_SOCKDIAG_H

#include <netinet/in.h>
#include <stdint.h>

#include "base/vec.h"
#include "nsctl/netlink/nl.h"

union sockdiag_address {
	struct sockaddr any; /* AF_INET or AF_INET6 */
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
};

struct sockdiag_socket {
	uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP */
	uint8_t state;    /* TCP_LISTEN ... of netinet/tcp.h; UDP: TCP_ESTABLISHED when it is connected, else
	                     TCP_CLOSE */
	union sockdiag_address local, remote;
	uint32_t interface; /* index of the one it is bound to; 0: none */
	uint32_t receive_queue,
	        send_queue; /* bytes; of a listener: connections that wait, and how many may */
	uint32_t uid;
	uint32_t inode; /* 0: of no file, as TIME_WAIT */
	uint64_t cookie;
};

struct sockdiag {
	VEC(struct sockdiag_socket) all;
};

enum sockdiag_part {
	SOCKDIAG_LISTENING = 1 << 0, /* and UDP sockets that are not connected */
	SOCKDIAG_CONNECTED = 1 << 1, /* all others, those that are about to begin or end included */
};

/*
 * sockdiag_read - replace @sockets by what is there now
 * @nl: of NETLINK_SOCK_DIAG; @parts: SOCKDIAG_...
 *
 * Errors: those of nl_dump(), ENOMEM; EPROTONOSUPPORT (a kernel without inet_diag, tcp_diag or udp_diag).
 * @sockets is always fit for vec_clear().
 */
int sockdiag_read(struct nl *nl, unsigned parts, struct sockdiag *sockets, struct err *err);

/*
 * sockdiag_take - take over one message of the kernel, about a socket of @protocol
 * Malformed ones are passed over. 0 or -ENOMEM. Separate from the reading for the fuzzer's sake.
 */
int sockdiag_take(struct sockdiag *sockets, uint8_t protocol, const struct nlmsghdr *message);

/* sockdiag_is_listening - is it one of SOCKDIAG_LISTENING? */
bool sockdiag_is_listening(const struct sockdiag_socket *socket);

/* sockdiag_state_name - as ss(8) calls it: "LISTEN", "ESTAB"; "UNCONN" for TCP_CLOSE; "?" for a number that
 * is none */
const char *sockdiag_state_name(uint8_t state);

#endif
