/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PROXY protocol, versions 1 and 2: what a proxy says of a client before the client's first byte. Facts from "The PROXY
 * protocol, Versions 1 & 2", doc/proxy-protocol.txt of HAProxy. A pure codec: no socket, no allocation.
 *
 * Version 1 is one line of text, version 2 is binary and may carry more in type-length-value entries (TLVs), which are
 * kept as bytes. Only TCP over IPv4 and IPv6 has addresses here; of everything else a header may tell (LOCAL, UNKNOWN,
 * datagrams, unix sockets) the one thing that is known is that the addresses are not.
 */
#ifndef NSRELAY_RELAY_PROXY_PROTOCOL_H
#define NSRELAY_RELAY_PROXY_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/endpoint.h"
#include "relay/peer.h"

enum {
	PROXY_V1_MAX = 107, /* section 2.1, its CR LF included */
	PROXY_V2_FIXED = 16,
	/* Ours: sixteen bits allow 64 KiB, and the entries that are in use need a few hundred bytes. */
	PROXY_V2_MAX = 4096,
	PROXY_TLV_FIXED = 3,
	PROXY_NETNS_MAX = ENDPOINT_TEXT_MAX,
	/* What proxy_encode_v2() writes at the most of a header that was decoded here. */
	PROXY_ENCODED_MAX = PROXY_V2_MAX + PROXY_TLV_FIXED + PROXY_NETNS_MAX,
};

/* Types of TLVs, section 2.2. */
enum {
	PROXY_TLV_CRC32C = 0x03,
	PROXY_TLV_NETNS = 0x30, /* PP2_TYPE_NETNS: the name of the client's network namespace */
};

struct proxy_header {
	/* Both AF_INET, or both AF_INET6; both AF_UNSPEC: LOCAL or UNKNOWN, the connection speaks for itself. */
	struct session_peer source, destination;
	const uint8_t *tlvs; /* borrowed from what was decoded; only with addresses */
	size_t tlv_size;
};

enum proxy_result {
	PROXY_COMPLETE,
	PROXY_MORE,      /* so far it is one */
	PROXY_NO_HEADER, /* other bytes */
	PROXY_MALFORMED, /* begins as one */
};

/*
 * proxy_decode - look for a header at the beginning of @data
 * @ret_size: PROXY_COMPLETE: of the header, in bytes; never more than PROXY_V2_MAX
 * @ret_why:  PROXY_MALFORMED: what is wrong with it, static memory
 * Never says PROXY_MORE of PROXY_V2_MAX bytes. A CRC32C entry has to be right (the first, if
 * there are several); of LOCAL headers nothing but the size is looked at.
 */
enum proxy_result proxy_decode(const uint8_t *data, size_t size, struct proxy_header *ret, size_t *ret_size,
			       const char **ret_why);

/*
 * proxy_encode_v1, proxy_encode_v2 - write a header to @buf; its size in bytes
 * Ends of different families are not told: LOCAL or UNKNOWN. IPv4 mapped into IPv6 (RFC 4291, 2.5.5.2) is told as IPv4.
 * Version 2 has the entries of @header but its checksum, which would be wrong now, and one with @netns (at most
 * PROXY_NETNS_MAX bytes; NULL: none) unless there is such an entry already; LOCAL has none.
 */
size_t proxy_encode_v1(const struct proxy_header *header, uint8_t buf[PROXY_V1_MAX]);
size_t proxy_encode_v2(const struct proxy_header *header, const char *netns, uint8_t buf[PROXY_ENCODED_MAX]);

#endif
