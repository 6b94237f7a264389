/* SPDX-License-Identifier: Apache-2.0 */
/* One end of a connection, without the padding of sockaddr_storage: for the log and for headers. */
#ifndef NSRELAY_RELAY_PEER_H
#define NSRELAY_RELAY_PEER_H

#include <stdint.h>
#include <sys/socket.h>

struct session_peer {
	uint8_t address[16]; /* network order; AF_INET: the first four */
	uint16_t port;       /* network order */
	uint16_t family;     /* AF_UNSPEC: not known; AF_UNIX has neither address nor port */
};

/* peer_set - take it from a socket's address */
void peer_set(struct session_peer *peer, const struct sockaddr *addr);

#endif
