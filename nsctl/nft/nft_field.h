/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of protocol headers by their place, as nft calls them. */
#ifndef NSRELAY_NSCTL_NFT_NFT_FIELD_H
#define NSRELAY_NSCTL_NFT_NFT_FIELD_H

#include "nsctl/nft/nft_type.h"

enum nft_header {
	NFT_HEADER_NONE,
	NFT_HEADER_ETHER,
	NFT_HEADER_VLAN,
	NFT_HEADER_ARP,
	NFT_HEADER_IP,
	NFT_HEADER_IP6,
	NFT_HEADER_TRANSPORT, /* a protocol that is not known, or one of several */
	NFT_HEADER_TCP,
	NFT_HEADER_UDP,
	NFT_HEADER_UDPLITE,
	NFT_HEADER_SCTP,
	NFT_HEADER_DCCP,
	NFT_HEADER_AH,
	NFT_HEADER_ESP,
	NFT_HEADER_COMP,
	NFT_HEADER_ICMP,
	NFT_HEADER_ICMP6,
	NFT_HEADER_IGMP,
	/* What an exthdr expression finds; those of the same name stand in a row. */
	NFT_HEADER_IP6_OPTIONS, /* hop-by-hop and destination options */
	NFT_HEADER_IP6_ROUTING,
	NFT_HEADER_IP6_FRAGMENT,
	NFT_HEADER_IP6_MOBILITY,
	NFT_HEADER_IP_OPTION,
	NFT_HEADER_TCP_OPTION,
	NFT_HEADER_TCP_MAXSEG,
	NFT_HEADER_TCP_WINDOW,
	NFT_HEADER_TCP_TIMESTAMP,
	NFT_HEADER_SCTP_CHUNK,
};

/* What follows from a field's having a certain value. */
enum nft_tells {
	NFT_TELLS_NOTHING,
	NFT_TELLS_LINK,      /* the ARPHRD_ type of the link */
	NFT_TELLS_FAMILY,    /* the network header, by NFPROTO_ */
	NFT_TELLS_ETHERTYPE, /* the network header, by ETH_P_ */
	NFT_TELLS_TRANSPORT, /* the transport header, by IPPROTO_ */
};

struct nft_field {
	enum nft_header header;
	const char *name;
	uint16_t bit, bit_count; /* from the header's start */
	enum nft_type_id type;
	enum nft_tells tells;
};

/* nft_field_find - the field of @header that is exactly these bits, or NULL */
const struct nft_field *nft_field_find(enum nft_header header, uint32_t bit, uint32_t bit_count);

/* nft_field_masked - the one that is exactly the set bits of @mask, which begins at @bit; and how far it is
 * moved up */
const struct nft_field *nft_field_masked(enum nft_header header, uint32_t bit, const struct nft_data *mask,
                                         uint8_t *ret_shift);

/* nft_field_at - the one of whole bytes that begins at @bit and is at most @bit_count_max long, or NULL */
const struct nft_field *nft_field_at(enum nft_header header, uint32_t bit, uint32_t bit_count_max);

/* nft_field_around - the one that begins at @bit and is longer than @bit_count, or NULL */
const struct nft_field *nft_field_around(enum nft_header header, uint32_t bit, uint32_t bit_count);

/* nft_header_name - "tcp"; "" for what an exthdr expression finds */
const char *nft_header_name(enum nft_header header);

/* nft_header_of_... - which header it is, or NFT_HEADER_NONE */
enum nft_header nft_header_of_family(uint64_t nfproto);
enum nft_header nft_header_of_ethertype(uint64_t ethertype);
enum nft_header nft_header_of_protocol(uint64_t protocol);

#endif
