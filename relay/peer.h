/* SPDX-License-Identifier: Apache-2.0 */
/* One end of a connection, without the padding of sockaddr_storage: for the log and for headers. */
#ifndef NSRELAY_RELAY_PEER_H
#define NSRELAY_RELAY_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct session_peer {
	uint8_t address[16]; /* network order; AF_INET: the first four */
	uint16_t port;       /* network order */
	uint16_t family;     /* AF_UNSPEC: not known; AF_UNIX has neither address nor port */
};

/* peer_set - take it from a socket's address */
void peer_set(struct session_peer *peer, const struct sockaddr *addr);

/* peer_get - as a socket's address, of IPv4 or IPv6; returns its length, 0: @peer has none */
socklen_t peer_get(const struct session_peer *peer, struct sockaddr_storage *ret);

/* peer_is_mapped - is it an IPv4 address that IPv6 maps (::ffff:0:0/96, RFC 4291)? peer_is_ipv4 - or one as it is? */
bool peer_is_mapped(const struct session_peer *peer);
bool peer_is_ipv4(const struct session_peer *peer);

/* peer_unmap - a mapped address becomes one of IPv4 */
void peer_unmap(struct session_peer *peer);

/* peer_format - "ADDRESS:PORT", "unix", or "unknown". Returns @buf. */
const char *peer_format(const struct session_peer *peer, char *buf, size_t size);

#endif
