/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/peer.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/endpoint.h"

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

socklen_t peer_get(const struct session_peer *peer, struct sockaddr_storage *ret)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = peer->port};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = peer->port};
	switch (peer->family) {
	case AF_INET:
		memcpy(&in4.sin_addr, peer->address, sizeof(in4.sin_addr));
		memcpy(ret, &in4, sizeof(in4));
		return sizeof(in4);
	case AF_INET6:
		memcpy(&in6.sin6_addr, peer->address, sizeof(in6.sin6_addr));
		memcpy(ret, &in6, sizeof(in6));
		return sizeof(in6);
	default:
		return 0;
	}
}

bool peer_is_mapped(const struct session_peer *peer)
{
	struct in6_addr in6;
	memcpy(&in6, peer->address, sizeof(in6));
	return peer->family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6);
}

bool peer_is_ipv4(const struct session_peer *peer)
{
	return peer->family == AF_INET || peer_is_mapped(peer);
}

void peer_unmap(struct session_peer *peer)
{
	if (!peer_is_mapped(peer))
		return;
	memmove(peer->address, peer->address + 12, 4);
	memset(peer->address + 4, 0, 12);
	peer->family = AF_INET;
}

const char *peer_format(const struct session_peer *peer, char *buf, size_t size)
{
	struct sockaddr_storage addr;
	if (peer_get(peer, &addr) > 0)
		return endpoint_format_address((const struct sockaddr *)&addr, buf, size);
	snprintf(buf, size, "%s", peer->family == AF_UNIX ? "unix" : "unknown");
	return buf;
}
