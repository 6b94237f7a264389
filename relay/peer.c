/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/peer.h"

#include <netinet/in.h>
#include <string.h>

void peer_set(struct session_peer *peer, const struct sockaddr *addr)
{
	*peer = (struct session_peer){.family = addr->sa_family};
	if (addr->sa_family == AF_INET) {
		const struct sockaddr_in *in4 = (const struct sockaddr_in *)(const void *)addr;
		memcpy(peer->address, &in4->sin_addr, sizeof(in4->sin_addr));
		peer->port = in4->sin_port;
	} else if (addr->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)addr;
		memcpy(peer->address, &in6->sin6_addr, sizeof(in6->sin6_addr));
		peer->port = in6->sin6_port;
	}
}
