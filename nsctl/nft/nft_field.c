/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/nft/nft_field.h"

#include <linux/if_ether.h>

#include "base/check.h"

#define ETHER NFT_HEADER_ETHER
#define VLAN  NFT_HEADER_VLAN
#define ARP   NFT_HEADER_ARP
#define IP    NFT_HEADER_IP
#define IP6   NFT_HEADER_IP6
#define TH    NFT_HEADER_TRANSPORT
#define TCP   NFT_HEADER_TCP
#define UDP   NFT_HEADER_UDP
#define LITE  NFT_HEADER_UDPLITE
#define SCTP  NFT_HEADER_SCTP
#define DCCP  NFT_HEADER_DCCP
#define AH    NFT_HEADER_AH
#define ESP   NFT_HEADER_ESP
#define COMP  NFT_HEADER_COMP
#define ICMP  NFT_HEADER_ICMP
#define ICMP6 NFT_HEADER_ICMP6
#define IGMP  NFT_HEADER_IGMP
#define OPTS  NFT_HEADER_IP6_OPTIONS
#define RT    NFT_HEADER_IP6_ROUTING
#define FRAG  NFT_HEADER_IP6_FRAGMENT
#define MH    NFT_HEADER_IP6_MOBILITY
#define IPOPT NFT_HEADER_IP_OPTION
#define TCPO  NFT_HEADER_TCP_OPTION
#define MSS   NFT_HEADER_TCP_MAXSEG
#define WSCL  NFT_HEADER_TCP_WINDOW
#define TS    NFT_HEADER_TCP_TIMESTAMP
#define CHUNK NFT_HEADER_SCTP_CHUNK

#define NUMBER  NFT_TYPE_INTEGER
#define HEX     NFT_TYPE_HEX
#define PORT    NFT_TYPE_INET_SERVICE
#define PROTO   NFT_TYPE_INET_PROTOCOL
#define ADDRESS NFT_TYPE_IPADDR
#define MAC     NFT_TYPE_ETHERADDR

/* Those of one header by place, the order in which they are looked for. What a packet's type decides upon
 * (identifier of an echo, MTU of a destination-unreachable) is not here. */
static const struct nft_field fields[] = {
        {ETHER, "daddr", 0, 48, MAC, 0},
        {ETHER, "saddr", 48, 48, MAC, 0},
        {ETHER, "type", 96, 16, NFT_TYPE_ETHERTYPE, NFT_TELLS_ETHERTYPE},

        /* IEEE 802.1Q, counted from the Ethernet header's start */
        {VLAN, "pcp", 112, 3, NUMBER, 0},
        {VLAN, "dei", 115, 1, NUMBER, 0},
        {VLAN, "id", 116, 12, NUMBER, 0},
        {VLAN, "type", 128, 16, NFT_TYPE_ETHERTYPE, NFT_TELLS_ETHERTYPE},

        /* RFC 826, of Ethernet and IPv4 */
        {ARP, "htype", 0, 16, NUMBER, 0},
        {ARP, "ptype", 16, 16, NFT_TYPE_ETHERTYPE, 0},
        {ARP, "hlen", 32, 8, NUMBER, 0},
        {ARP, "plen", 40, 8, NUMBER, 0},
        {ARP, "operation", 48, 16, NFT_TYPE_ARPOP, 0},
        {ARP, "saddr ether", 64, 48, MAC, 0},
        {ARP, "saddr ip", 112, 32, ADDRESS, 0},
        {ARP, "daddr ether", 144, 48, MAC, 0},
        {ARP, "daddr ip", 192, 32, ADDRESS, 0},

        /* RFC 791, 2474, 3168 */
        {IP, "version", 0, 4, NUMBER, 0},
        {IP, "hdrlength", 4, 4, NUMBER, 0},
        {IP, "dscp", 8, 6, NFT_TYPE_DSCP, 0},
        {IP, "ecn", 14, 2, NFT_TYPE_ECN, 0},
        {IP, "length", 16, 16, NUMBER, 0},
        {IP, "id", 32, 16, NUMBER, 0},
        {IP, "frag-off", 48, 16, NUMBER, 0},
        {IP, "ttl", 64, 8, NUMBER, 0},
        {IP, "protocol", 72, 8, PROTO, NFT_TELLS_TRANSPORT},
        {IP, "checksum", 80, 16, NUMBER, 0},
        {IP, "saddr", 96, 32, ADDRESS, 0},
        {IP, "daddr", 128, 32, ADDRESS, 0},

        /* RFC 8200 */
        {IP6, "version", 0, 4, NUMBER, 0},
        {IP6, "dscp", 4, 6, NFT_TYPE_DSCP, 0},
        {IP6, "ecn", 10, 2, NFT_TYPE_ECN, 0},
        {IP6, "flowlabel", 12, 20, NUMBER, 0},
        {IP6, "length", 32, 16, NUMBER, 0},
        {IP6, "nexthdr", 48, 8, PROTO, NFT_TELLS_TRANSPORT},
        {IP6, "hoplimit", 56, 8, NUMBER, 0},
        {IP6, "saddr", 64, 128, NFT_TYPE_IP6ADDR, 0},
        {IP6, "daddr", 192, 128, NFT_TYPE_IP6ADDR, 0},

        {TH, "sport", 0, 16, PORT, 0},
        {TH, "dport", 16, 16, PORT, 0},

        /* RFC 9293 */
        {TCP, "sport", 0, 16, PORT, 0},
        {TCP, "dport", 16, 16, PORT, 0},
        {TCP, "sequence", 32, 32, NUMBER, 0},
        {TCP, "ackseq", 64, 32, NUMBER, 0},
        {TCP, "doff", 96, 4, NUMBER, 0},
        {TCP, "reserved", 100, 4, NUMBER, 0},
        {TCP, "flags", 104, 8, NFT_TYPE_TCP_FLAG, 0},
        {TCP, "window", 112, 16, NUMBER, 0},
        {TCP, "checksum", 128, 16, NUMBER, 0},
        {TCP, "urgptr", 144, 16, NUMBER, 0},

        {UDP, "sport", 0, 16, PORT, 0},
        {UDP, "dport", 16, 16, PORT, 0},
        {UDP, "length", 32, 16, NUMBER, 0},
        {UDP, "checksum", 48, 16, NUMBER, 0},

        {LITE, "sport", 0, 16, PORT, 0},
        {LITE, "dport", 16, 16, PORT, 0},
        {LITE, "csumcov", 32, 16, NUMBER, 0},
        {LITE, "checksum", 48, 16, NUMBER, 0},

        {SCTP, "sport", 0, 16, PORT, 0},
        {SCTP, "dport", 16, 16, PORT, 0},
        {SCTP, "vtag", 32, 32, NUMBER, 0},
        {SCTP, "checksum", 64, 32, NUMBER, 0},

        {DCCP, "sport", 0, 16, PORT, 0},
        {DCCP, "dport", 16, 16, PORT, 0},
        {DCCP, "type", 67, 4, NFT_TYPE_DCCP_PKTTYPE, 0},

        {AH, "nexthdr", 0, 8, PROTO, 0},
        {AH, "hdrlength", 8, 8, NUMBER, 0},
        {AH, "reserved", 16, 16, NUMBER, 0},
        {AH, "spi", 32, 32, NUMBER, 0},
        {AH, "sequence", 64, 32, NUMBER, 0},

        {ESP, "spi", 0, 32, NUMBER, 0},
        {ESP, "sequence", 32, 32, NUMBER, 0},

        {COMP, "nexthdr", 0, 8, PROTO, 0},
        {COMP, "flags", 8, 8, HEX, 0},
        {COMP, "cpi", 16, 16, NUMBER, 0},

        {ICMP, "type", 0, 8, NFT_TYPE_ICMP_TYPE, 0},
        {ICMP, "code", 8, 8, NFT_TYPE_ICMP_CODE, 0},
        {ICMP, "checksum", 16, 16, NUMBER, 0},

        {ICMP6, "type", 0, 8, NFT_TYPE_ICMP6_TYPE, 0},
        {ICMP6, "code", 8, 8, NFT_TYPE_ICMPV6_CODE, 0},
        {ICMP6, "checksum", 16, 16, NUMBER, 0},

        {IGMP, "type", 0, 8, NFT_TYPE_IGMP_TYPE, 0},
        {IGMP, "mrt", 8, 8, NUMBER, 0},
        {IGMP, "checksum", 16, 16, NUMBER, 0},
        {IGMP, "group", 32, 32, ADDRESS, 0},

        {OPTS, "nexthdr", 0, 8, PROTO, 0},
        {OPTS, "hdrlength", 8, 8, NUMBER, 0},

        {RT, "nexthdr", 0, 8, PROTO, 0},
        {RT, "hdrlength", 8, 8, NUMBER, 0},
        {RT, "type", 16, 8, NUMBER, 0},
        {RT, "seg-left", 24, 8, NUMBER, 0},

        {FRAG, "nexthdr", 0, 8, PROTO, 0},
        {FRAG, "reserved", 8, 8, NUMBER, 0},
        {FRAG, "frag-off", 16, 13, NUMBER, 0},
        {FRAG, "reserved2", 29, 2, NUMBER, 0},
        {FRAG, "more-fragments", 31, 1, NUMBER, 0},
        {FRAG, "id", 32, 32, NUMBER, 0},

        {MH, "nexthdr", 0, 8, PROTO, 0},
        {MH, "hdrlength", 8, 8, NUMBER, 0},
        {MH, "type", 16, 8, NFT_TYPE_MH_TYPE, 0},
        {MH, "reserved", 24, 8, NUMBER, 0},
        {MH, "checksum", 32, 16, NUMBER, 0},

        {IPOPT, "type", 0, 8, NUMBER, 0},
        {IPOPT, "length", 8, 8, NUMBER, 0},
        {IPOPT, "ptr", 16, 8, NUMBER, 0},
        {IPOPT, "value", 16, 16, NUMBER, 0},
        {IPOPT, "addr", 24, 32, ADDRESS, 0},

        /* RFC 9293, 7323 */
        {TCPO, "kind", 0, 8, NUMBER, 0},
        {TCPO, "length", 8, 8, NUMBER, 0},
        {MSS, "kind", 0, 8, NUMBER, 0},
        {MSS, "length", 8, 8, NUMBER, 0},
        {MSS, "size", 16, 16, NUMBER, 0},
        {WSCL, "kind", 0, 8, NUMBER, 0},
        {WSCL, "length", 8, 8, NUMBER, 0},
        {WSCL, "count", 16, 8, NUMBER, 0},
        {TS, "kind", 0, 8, NUMBER, 0},
        {TS, "length", 8, 8, NUMBER, 0},
        {TS, "tsval", 16, 32, NUMBER, 0},
        {TS, "tsecr", 48, 32, NUMBER, 0},

        /* RFC 9260 */
        {CHUNK, "type", 0, 8, NUMBER, 0},
        {CHUNK, "flags", 8, 8, NUMBER, 0},
        {CHUNK, "length", 16, 16, NUMBER, 0},
};

const struct nft_field *nft_field_find(enum nft_header header, uint32_t bit, uint32_t bit_count)
{
	for (size_t i = 0; i < ARRAY_COUNT(fields); i++)
		if (fields[i].header == header && fields[i].bit == bit && fields[i].bit_count == bit_count)
			return &fields[i];
	return NULL;
}

static bool has_bit(const struct nft_data *data, uint32_t bit)
{
	return data->bytes[bit / 8] >> (7 - bit % 8) & 1;
}

const struct nft_field *nft_field_masked(enum nft_header header, uint32_t bit, const struct nft_data *mask,
                                         uint8_t *ret_shift)
{
	uint32_t bit_count = mask->size * 8u, first = 0, last = bit_count;

	while (first < bit_count && !has_bit(mask, first))
		first++;
	while (last > first && !has_bit(mask, last - 1))
		last--;
	for (uint32_t i = first; i < last; i++)
		if (!has_bit(mask, i))
			return NULL;
	*ret_shift = (uint8_t)(bit_count - last);
	return nft_field_find(header, bit + first, last - first);
}

const struct nft_field *nft_field_at(enum nft_header header, uint32_t bit, uint32_t bit_count_max)
{
	for (size_t i = 0; i < ARRAY_COUNT(fields); i++)
		if (fields[i].header == header && fields[i].bit == bit &&
		    fields[i].bit_count <= bit_count_max && fields[i].bit_count % 8 == 0)
			return &fields[i];
	return NULL;
}

const struct nft_field *nft_field_around(enum nft_header header, uint32_t bit, uint32_t bit_count)
{
	for (size_t i = 0; i < ARRAY_COUNT(fields); i++)
		if (fields[i].header == header && fields[i].bit == bit && fields[i].bit_count > bit_count)
			return &fields[i];
	return NULL;
}

const char *nft_header_name(enum nft_header header)
{
	static const char *const names[] = {
	        [NFT_HEADER_NONE] = "",           [NFT_HEADER_ETHER] = "ether",  [NFT_HEADER_VLAN] = "vlan",
	        [NFT_HEADER_ARP] = "arp",         [NFT_HEADER_IP] = "ip",        [NFT_HEADER_IP6] = "ip6",
	        [NFT_HEADER_TRANSPORT] = "th",    [NFT_HEADER_TCP] = "tcp",      [NFT_HEADER_UDP] = "udp",
	        [NFT_HEADER_UDPLITE] = "udplite", [NFT_HEADER_SCTP] = "sctp",    [NFT_HEADER_DCCP] = "dccp",
	        [NFT_HEADER_AH] = "ah",           [NFT_HEADER_ESP] = "esp",      [NFT_HEADER_COMP] = "comp",
	        [NFT_HEADER_ICMP] = "icmp",       [NFT_HEADER_ICMP6] = "icmpv6", [NFT_HEADER_IGMP] = "igmp",
	};

	return (size_t)header < ARRAY_COUNT(names) ? names[header] : "";
}

struct header_number {
	uint64_t number;
	enum nft_header header;
};

static enum nft_header find_header(const struct header_number *list, size_t count, uint64_t number)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].number == number)
			return list[i].header;
	return NFT_HEADER_NONE;
}

enum nft_header nft_header_of_family(uint64_t nfproto)
{
	static const struct header_number list[] = {
	        {NFPROTO_IPV4, IP}, {NFPROTO_IPV6, IP6}, {NFPROTO_ARP, ARP}};

	return find_header(list, ARRAY_COUNT(list), nfproto);
}

enum nft_header nft_header_of_ethertype(uint64_t ethertype)
{
	static const struct header_number list[] = {{ETH_P_IP, IP},
	                                            {ETH_P_IPV6, IP6},
	                                            {ETH_P_ARP, ARP},
	                                            {ETH_P_8021Q, VLAN},
	                                            {ETH_P_8021AD, VLAN}};

	return find_header(list, ARRAY_COUNT(list), ethertype);
}

enum nft_header nft_header_of_protocol(uint64_t protocol)
{
	static const struct header_number list[] = {
	        {IPPROTO_TCP, TCP},   {IPPROTO_UDP, UDP},      {IPPROTO_UDPLITE, LITE}, {IPPROTO_SCTP, SCTP},
	        {IPPROTO_DCCP, DCCP}, {IPPROTO_AH, AH},        {IPPROTO_ESP, ESP},      {IPPROTO_COMP, COMP},
	        {IPPROTO_ICMP, ICMP}, {IPPROTO_ICMPV6, ICMP6}, {IPPROTO_IGMP, IGMP}};

	return find_header(list, ARRAY_COUNT(list), protocol);
}
