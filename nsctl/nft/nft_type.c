/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/nft/nft_type.h"

#include <arpa/inet.h>
#include <endian.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/utf8.h"

enum { MS_PER_S = 1000, S_PER_MIN = 60, S_PER_H = 3600, S_PER_D = 86400 };

/* ---- names ---- */

static const struct nft_symbol nfprotos[] = {{"ipv4", NFPROTO_IPV4}, {"ipv6", NFPROTO_IPV6}, {0}};

static const struct nft_symbol ethertypes[] = {{"ip", ETH_P_IP},         {"arp", ETH_P_ARP},
                                               {"ip6", ETH_P_IPV6},      {"8021q", ETH_P_8021Q},
                                               {"8021ad", ETH_P_8021AD}, {0}};

static const struct nft_symbol arp_operations[] = {
        {"request", 1},   {"reply", 2},   {"rrequest", 3}, {"rreply", 4},
        {"inrequest", 8}, {"inreply", 9}, {"nak", 10},     {0}};

/* As in /etc/protocols. */
static const struct nft_symbol protocols[] = {{"icmp", IPPROTO_ICMP},
                                              {"igmp", IPPROTO_IGMP},
                                              {"tcp", IPPROTO_TCP},
                                              {"udp", IPPROTO_UDP},
                                              {"dccp", IPPROTO_DCCP},
                                              {"gre", IPPROTO_GRE},
                                              {"esp", IPPROTO_ESP},
                                              {"ah", IPPROTO_AH},
                                              {"ipv6-icmp", IPPROTO_ICMPV6},
                                              {"ospf", 89},
                                              {"vrrp", 112},
                                              {"sctp", IPPROTO_SCTP},
                                              {"udplite", IPPROTO_UDPLITE},
                                              {"ipcomp", IPPROTO_COMP},
                                              {0}};

static const struct nft_symbol icmp_types[] = {{"echo-reply", 0},           {"destination-unreachable", 3},
                                               {"source-quench", 4},        {"redirect", 5},
                                               {"echo-request", 8},         {"router-advertisement", 9},
                                               {"router-solicitation", 10}, {"time-exceeded", 11},
                                               {"parameter-problem", 12},   {"timestamp-request", 13},
                                               {"timestamp-reply", 14},     {"info-request", 15},
                                               {"info-reply", 16},          {"address-mask-request", 17},
                                               {"address-mask-reply", 18},  {0}};

static const struct nft_symbol icmpv6_types[] = {{"destination-unreachable", 1},
                                                 {"packet-too-big", 2},
                                                 {"time-exceeded", 3},
                                                 {"parameter-problem", 4},
                                                 {"echo-request", 128},
                                                 {"echo-reply", 129},
                                                 {"mld-listener-query", 130},
                                                 {"mld-listener-report", 131},
                                                 {"mld-listener-done", 132},
                                                 {"nd-router-solicit", 133},
                                                 {"nd-router-advert", 134},
                                                 {"nd-neighbor-solicit", 135},
                                                 {"nd-neighbor-advert", 136},
                                                 {"nd-redirect", 137},
                                                 {"router-renumbering", 138},
                                                 {"ind-neighbor-solicit", 141},
                                                 {"ind-neighbor-advert", 142},
                                                 {"mld2-listener-report", 143},
                                                 {0}};

static const struct nft_symbol icmp_codes[] = {
        {"net-unreachable", 0},  {"host-unreachable", 1},  {"prot-unreachable", 2},
        {"port-unreachable", 3}, {"frag-needed", 4},       {"net-prohibited", 9},
        {"host-prohibited", 10}, {"admin-prohibited", 13}, {0}};

static const struct nft_symbol icmpv6_codes[] = {{"no-route", 0},
                                                 {"admin-prohibited", 1},
                                                 {"addr-unreachable", 3},
                                                 {"port-unreachable", 4},
                                                 {"policy-fail", 5},
                                                 {"reject-route", 6},
                                                 {0}};

static const struct nft_symbol icmpx_codes[] = {{"no-route", NFT_REJECT_ICMPX_NO_ROUTE},
                                                {"port-unreachable", NFT_REJECT_ICMPX_PORT_UNREACH},
                                                {"host-unreachable", NFT_REJECT_ICMPX_HOST_UNREACH},
                                                {"admin-prohibited", NFT_REJECT_ICMPX_ADMIN_PROHIBITED},
                                                {0}};

static const struct nft_symbol igmp_types[] = {{"membership-query", 0x11},     {"membership-report-v1", 0x12},
                                               {"membership-report-v2", 0x16}, {"leave-group", 0x17},
                                               {"membership-report-v3", 0x22}, {0}};

static const struct nft_symbol tcp_flags[] = {{"fin", 0x01}, {"syn", 0x02}, {"rst", 0x04},
                                              {"psh", 0x08}, {"ack", 0x10}, {"urg", 0x20},
                                              {"ecn", 0x40}, {"cwr", 0x80}, {0}};

static const struct nft_symbol dccp_types[] = {{"request", 0}, {"response", 1}, {"data", 2},  {"ack", 3},
                                               {"dataack", 4}, {"closereq", 5}, {"close", 6}, {"reset", 7},
                                               {"sync", 8},    {"syncack", 9},  {0}};

static const struct nft_symbol ct_states[] = {
        {"invalid", NF_CT_STATE_INVALID_BIT},        {"established", NF_CT_STATE_BIT(IP_CT_ESTABLISHED)},
        {"related", NF_CT_STATE_BIT(IP_CT_RELATED)}, {"new", NF_CT_STATE_BIT(IP_CT_NEW)},
        {"untracked", NF_CT_STATE_UNTRACKED_BIT},    {0}};

static const struct nft_symbol ct_directions[] = {{"original", 0}, {"reply", 1}, {0}};

static const struct nft_symbol ct_statuses[] = {{"expected", IPS_EXPECTED}, {"seen-reply", IPS_SEEN_REPLY},
                                                {"assured", IPS_ASSURED},   {"confirmed", IPS_CONFIRMED},
                                                {"snat", IPS_SRC_NAT},      {"dnat", IPS_DST_NAT},
                                                {"dying", IPS_DYING},       {0}};

static const struct nft_symbol ct_events[] = {
        {"new", 1 << IPCT_NEW},         {"related", 1 << IPCT_RELATED}, {"destroy", 1 << IPCT_DESTROY},
        {"reply", 1 << IPCT_REPLY},     {"assured", 1 << IPCT_ASSURED}, {"protoinfo", 1 << IPCT_PROTOINFO},
        {"helper", 1 << IPCT_HELPER},   {"mark", 1 << IPCT_MARK},       {"seqadj", 1 << IPCT_SEQADJ},
        {"secmark", 1 << IPCT_SECMARK}, {"label", 1 << IPCT_LABEL},     {0}};

static const struct nft_symbol packet_types[] = {
        {"host", 0}, {"broadcast", 1}, {"multicast", 2}, {"other", 3}, {0}};

static const struct nft_symbol address_types[] = {{"unspec", RTN_UNSPEC},
                                                  {"unicast", RTN_UNICAST},
                                                  {"local", RTN_LOCAL},
                                                  {"broadcast", RTN_BROADCAST},
                                                  {"anycast", RTN_ANYCAST},
                                                  {"multicast", RTN_MULTICAST},
                                                  {"blackhole", RTN_BLACKHOLE},
                                                  {"unreachable", RTN_UNREACHABLE},
                                                  {"prohibit", RTN_PROHIBIT},
                                                  {"throw", RTN_THROW},
                                                  {"nat", RTN_NAT},
                                                  {"xresolve", RTN_XRESOLVE},
                                                  {0}};

static const struct nft_symbol link_types[] = {{"ether", ARPHRD_ETHER},       {"ppp", ARPHRD_PPP},
                                               {"ipip", ARPHRD_TUNNEL},       {"ipip6", ARPHRD_TUNNEL6},
                                               {"loopback", ARPHRD_LOOPBACK}, {"sit", ARPHRD_SIT},
                                               {"ipgre", ARPHRD_IPGRE},       {0}};

/* RFC 2474, 2597, 3246, 5865, 8622 */
static const struct nft_symbol dscps[] = {
        {"cs0", 0x00},  {"cs1", 0x08},  {"cs2", 0x10},   {"cs3", 0x18},  {"cs4", 0x20},  {"cs5", 0x28},
        {"cs6", 0x30},  {"cs7", 0x38},  {"lephb", 0x01}, {"af11", 0x0a}, {"af12", 0x0c}, {"af13", 0x0e},
        {"af21", 0x12}, {"af22", 0x14}, {"af23", 0x16},  {"af31", 0x1a}, {"af32", 0x1c}, {"af33", 0x1e},
        {"af41", 0x22}, {"af42", 0x24}, {"af43", 0x26},  {"va", 0x2c},   {"ef", 0x2e},   {0}};

static const struct nft_symbol ecns[] = {{"not-ect", 0}, {"ect1", 1}, {"ect0", 2}, {"ce", 3}, {0}};
static const struct nft_symbol booleans[] = {{"exists", 1}, {"missing", 0}, {0}};
static const struct nft_symbol groups[] = {{"\"default\"", 0}, {0}};
static const struct nft_symbol no_class[] = {{"none", 0}, {"root", UINT32_MAX}, {0}};

/* The index of the loopback is the same in every namespace (LOOPBACK_IFINDEX, include/net/flow.h of
 * Linux). */
static const struct nft_symbol links[] = {{"\"lo\"", 1}, {0}};

static const struct nft_symbol days[] = {
        {"\"Sunday\"", 0},   {"\"Monday\"", 1}, {"\"Tuesday\"", 2},  {"\"Wednesday\"", 3},
        {"\"Thursday\"", 4}, {"\"Friday\"", 5}, {"\"Saturday\"", 6}, {0}};

/* ---- ways to write ---- */

static void format_hex(struct text *out, const struct nft_data *data)
{
	size_t i = 0;

	while (i + 1 < data->size && data->bytes[i] == 0)
		i++;
	text_add(out, "0x%x", data->bytes[i++]);
	for (; i < data->size; i++)
		text_add(out, "%02x", data->bytes[i]);
}

static void format_mark(struct text *out, const struct nft_data *data)
{
	text_add(out, "0x%08" PRIx64, nft_data_number(data));
}

static void format_class(struct text *out, const struct nft_data *data)
{
	uint64_t number = nft_data_number(data);

	text_add(out, "%" PRIx64 ":%" PRIx64, number >> 16, number & UINT16_MAX);
}

static void format_string(struct text *out, const struct nft_data *data)
{
	nft_quote(out, (const char *)data->bytes, data->size);
}

static void format_address(struct text *out, const struct nft_data *data)
{
	char buf[INET6_ADDRSTRLEN];
	int family = data->size == sizeof(struct in_addr) ? AF_INET : AF_INET6;

	if (data->size == sizeof(struct in_addr) || data->size == sizeof(struct in6_addr))
		text_add(out, "%s", inet_ntop(family, data->bytes, buf, sizeof(buf)));
	else
		format_hex(out, data);
}

static void format_hardware_address(struct text *out, const struct nft_data *data)
{
	for (size_t i = 0; i < data->size; i++)
		text_add(out, "%s%02x", i ? ":" : "", data->bytes[i]);
}

/* format_bits - the numbers of those that are set, from the last one */
static void format_bits(struct text *out, const struct nft_data *data)
{
	const char *between = "";

	for (int i = 0; i < data->size * 8; i++) {
		if (!(data->bytes[data->size - 1 - i / 8] >> i % 8 & 1))
			continue;
		text_add(out, "%s%d", between, i);
		between = ",";
	}
}

/* format_hour - seconds since midnight, UTC as in the kernel */
static void format_hour(struct text *out, const struct nft_data *data)
{
	uint64_t number = nft_data_number(data);

	text_add(out, "\"%02" PRIu64 ":%02" PRIu64, number / S_PER_H, number % S_PER_H / S_PER_MIN);
	if (number % S_PER_MIN)
		text_add(out, ":%02" PRIu64, number % S_PER_MIN);
	text_add(out, "\"");
}

/* format_date - nanoseconds since 1970, UTC */
static void format_date(struct text *out, const struct nft_data *data)
{
	time_t seconds = (time_t)(nft_data_number(data) / 1000000000);
	char buf[64];
	struct tm tm;

	strftime(buf, sizeof(buf), "\"%Y-%m-%d %H:%M:%S\"", gmtime_r(&seconds, &tm));
	text_add(out, "%s", buf);
}

static void format_time(struct text *out, const struct nft_data *data)
{
	nft_duration_format(out, nft_data_number(data));
}

void nft_duration_format(struct text *out, uint64_t duration_ms)
{
	const struct {
		const char *unit;
		uint64_t amount;
	} parts[] = {{"d", duration_ms / MS_PER_S / S_PER_D},
	             {"h", duration_ms / MS_PER_S % S_PER_D / S_PER_H},
	             {"m", duration_ms / MS_PER_S % S_PER_H / S_PER_MIN},
	             {"s", duration_ms / MS_PER_S % S_PER_MIN},
	             {"ms", duration_ms % MS_PER_S}};

	if (duration_ms == 0)
		text_add(out, "0s");
	for (size_t i = 0; i < ARRAY_COUNT(parts); i++)
		if (parts[i].amount)
			text_add(out, "%" PRIu64 "%s", parts[i].amount, parts[i].unit);
}

void nft_quote(struct text *out, const char *bytes, size_t size)
{
	text_add(out, "\"");
	for (size_t i = 0, length; i < size && bytes[i]; i += length) {
		uint32_t character;

		length = utf8_decode(bytes + i, size - i, &character);
		if (length > 0 && !utf8_is_control(character)) {
			text_add(out, "%.*s", (int)length, bytes + i);
			continue;
		}
		length = 1;
		text_add(out, "\\x%02x", (unsigned char)bytes[i]);
	}
	text_add(out, "\"");
}

/* ---- the types ---- */

#define SYMBOLS(list) .symbols = (list)

static const struct nft_type types[NFT_TYPE_COUNT] = {
        [NFT_TYPE_VERDICT] = {"verdict", .size = 4},
        [NFT_TYPE_NFPROTO] = {"nf_proto", .size = 1, SYMBOLS(nfprotos)},
        [NFT_TYPE_BITMASK] = {"bitmask", .format = format_hex},
        [NFT_TYPE_INTEGER] = {"integer", .size = 0},
        [NFT_TYPE_STRING] = {"string", .big_endian = true, .format = format_string},
        [NFT_TYPE_LLADDR] = {"ll_addr", .big_endian = true, .format = format_hardware_address},
        [NFT_TYPE_IPADDR] = {"ipv4_addr", .size = 4, .big_endian = true, .has_prefixes = true,
                             .format = format_address},
        [NFT_TYPE_IP6ADDR] = {"ipv6_addr", .size = 16, .big_endian = true, .has_prefixes = true,
                              .format = format_address},
        [NFT_TYPE_ETHERADDR] = {"ether_addr", .size = 6, .big_endian = true,
                                .format = format_hardware_address},
        [NFT_TYPE_ETHERTYPE] = {"ether_type", .size = 2, .big_endian = true, SYMBOLS(ethertypes),
                                .format = format_hex},
        [NFT_TYPE_ARPOP] = {"arp_op", .size = 2, .big_endian = true, SYMBOLS(arp_operations)},
        [NFT_TYPE_INET_PROTOCOL] = {"inet_proto", .size = 1, .big_endian = true, SYMBOLS(protocols)},
        [NFT_TYPE_INET_SERVICE] = {"inet_service", .size = 2, .big_endian = true},
        [NFT_TYPE_ICMP_TYPE] = {"icmp_type", .size = 1, .big_endian = true, SYMBOLS(icmp_types)},
        [NFT_TYPE_TCP_FLAG] = {"tcp_flag", .size = 1, .is_flags = true, SYMBOLS(tcp_flags)},
        [NFT_TYPE_DCCP_PKTTYPE] = {"dccp_pkttype", .size = 1, .big_endian = true, SYMBOLS(dccp_types)},
        [NFT_TYPE_MH_TYPE] = {"mh_type", .size = 1, .big_endian = true},
        [NFT_TYPE_TIME] = {"time", .size = 4, .format = format_time},
        [NFT_TYPE_MARK] = {"mark", .size = 4, .format = format_mark},
        [NFT_TYPE_IFINDEX] = {"iface_index", .size = 4, SYMBOLS(links)},
        [NFT_TYPE_ARPHRD] = {"iface_type", .size = 2, SYMBOLS(link_types)},
        [NFT_TYPE_REALM] = {"realm", .size = 4},
        [NFT_TYPE_CLASSID] = {"classid", .size = 4, SYMBOLS(no_class), .format = format_class},
        [NFT_TYPE_UID] = {"uid", .size = 4},
        [NFT_TYPE_GID] = {"gid", .size = 4},
        [NFT_TYPE_CT_STATE] = {"ct_state", .size = 4, .is_flags = true, SYMBOLS(ct_states)},
        [NFT_TYPE_CT_DIR] = {"ct_dir", .size = 1, SYMBOLS(ct_directions)},
        [NFT_TYPE_CT_STATUS] = {"ct_status", .size = 4, .is_flags = true, SYMBOLS(ct_statuses)},
        [NFT_TYPE_ICMP6_TYPE] = {"icmpv6_type", .size = 1, .big_endian = true, SYMBOLS(icmpv6_types)},
        [NFT_TYPE_CT_LABEL] = {"ct_label", .size = 16, .is_flags = true, .format = format_bits},
        [NFT_TYPE_PKTTYPE] = {"pkt_type", .size = 1, SYMBOLS(packet_types)},
        [NFT_TYPE_ICMP_CODE] = {"icmp_code", .size = 1, .big_endian = true, SYMBOLS(icmp_codes)},
        [NFT_TYPE_ICMPV6_CODE] = {"icmpv6_code", .size = 1, .big_endian = true, SYMBOLS(icmpv6_codes)},
        [NFT_TYPE_ICMPX_CODE] = {"icmpx_code", .size = 1, .big_endian = true, SYMBOLS(icmpx_codes)},
        [NFT_TYPE_DEVGROUP] = {"devgroup", .size = 4, SYMBOLS(groups)},
        [NFT_TYPE_DSCP] = {"dscp", .size = 1, .big_endian = true, SYMBOLS(dscps), .format = format_hex},
        [NFT_TYPE_ECN] = {"ecn", .size = 1, .big_endian = true, SYMBOLS(ecns)},
        [NFT_TYPE_FIB_ADDR] = {"fib_addrtype", .size = 4, SYMBOLS(address_types)},
        [NFT_TYPE_BOOLEAN] = {"boolean", .size = 1, SYMBOLS(booleans)},
        [NFT_TYPE_CT_EVENTBIT] = {"ct_event", .size = 4, .is_flags = true, SYMBOLS(ct_events)},
        [NFT_TYPE_IFNAME] = {"ifname", .size = 16, .big_endian = true, .format = format_string},
        [NFT_TYPE_IGMP_TYPE] = {"igmp_type", .size = 1, .big_endian = true, SYMBOLS(igmp_types)},
        [NFT_TYPE_TIME_DATE] = {"time", .size = 8, .format = format_date},
        [NFT_TYPE_TIME_HOUR] = {"hour", .size = 4, .format = format_hour},
        [NFT_TYPE_TIME_DAY] = {"day", .size = 1, SYMBOLS(days)},
        [NFT_TYPE_CGROUPV2] = {"cgroupsv2", .size = 8},
        [NFT_TYPE_HEX] = {"integer", .big_endian = true, .format = format_hex},
};

const struct nft_type *nft_type(uint32_t id)
{
	return &types[id < NFT_TYPE_COUNT && types[id].name ? id : NFT_TYPE_HEX];
}

struct nft_slots nft_slots_of_type(uint32_t id)
{
	enum {
		PART_BITS = 6,
		PART_MASK = (1 << PART_BITS) - 1,
		PARTS_MAX = 5
	}; /* TYPE_BITS of nft's datatype.h */
	struct nft_slots slots = {0};

	for (int i = PARTS_MAX - 1; i >= 0; i--) {
		uint32_t part = id >> (i * PART_BITS) & PART_MASK;
		const struct nft_type *type = nft_type(part);

		if (part == 0 && slots.count == 0 && i > 0)
			continue;
		slots.items[slots.count++] = (struct nft_slot){
		        .type = type, .size = type->size, .big_endian = type->big_endian};
	}
	return slots;
}

/* ---- data ---- */

struct nft_data nft_data_get(const struct nlattr *attr)
{
	const struct nlattr *parts[NFTA_DATA_MAX + 1];
	struct nft_data data = {0};
	size_t size;

	nl_parse_nested(attr, parts, NFTA_DATA_MAX + 1);
	if (!parts[NFTA_DATA_VALUE])
		return data;
	size = mnl_attr_get_payload_len(parts[NFTA_DATA_VALUE]);
	if (size > sizeof(data.bytes))
		return data;
	data.size = (uint8_t)size;
	memcpy(data.bytes, mnl_attr_get_payload(parts[NFTA_DATA_VALUE]), size);
	return data;
}

static void reverse(struct nft_data *data)
{
	for (size_t i = 0, j = data->size; i + 1 < j; i++) {
		uint8_t byte = data->bytes[i];

		data->bytes[i] = data->bytes[--j];
		data->bytes[j] = byte;
	}
}

/* shift_down - by less than a byte's bits at a time */
static void shift_down(struct nft_data *data, unsigned bits)
{
	for (; bits > 0; bits--)
		for (size_t i = data->size; i-- > 0;)
			data->bytes[i] = (uint8_t)(data->bytes[i] >> 1 |
			                           (i > 0 ? (data->bytes[i - 1] & 1) << 7 : 0));
}

struct nft_data nft_data_network(const struct nft_slot *slot, const struct nft_data *data)
{
	struct nft_data result = *data;

	if (!slot->big_endian && BYTE_ORDER == LITTLE_ENDIAN)
		reverse(&result);
	shift_down(&result, slot->shift);
	return result;
}

uint64_t nft_data_number(const struct nft_data *data)
{
	uint64_t number = 0;

	for (size_t i = 0; i < data->size && data->size <= sizeof(number); i++)
		number = number << 8 | data->bytes[i];
	return number;
}

bool nft_data_is_zero(const struct nft_data *data)
{
	for (size_t i = 0; i < data->size; i++)
		if (data->bytes[i])
			return false;
	return true;
}

int nft_data_prefix(const struct nft_data *mask)
{
	int length = 0, size = mask->size * 8;

	while (length < size && mask->bytes[length / 8] >> (7 - length % 8) & 1)
		length++;
	for (int i = length; i < size; i++)
		if (mask->bytes[i / 8] >> (7 - i % 8) & 1)
			return -1;
	return length;
}

/* ---- values ---- */

static void format_flags(struct text *out, const struct nft_type *type, uint64_t number,
                         const char *separator)
{
	const char *between = "";

	for (const struct nft_symbol *symbol = type->symbols; symbol->name; symbol++) {
		if (!(number & symbol->value))
			continue;
		text_add(out, "%s%s", between, symbol->name);
		between = separator;
		number &= ~symbol->value;
	}
	if (number || !*between)
		text_add(out, "%s0x%" PRIx64, between, number);
}

static const char *find_symbol(const struct nft_type *type, uint64_t number)
{
	for (const struct nft_symbol *symbol = type->symbols; symbol && symbol->name; symbol++)
		if (symbol->value == number)
			return symbol->name;
	return NULL;
}

void nft_value_format(struct text *out, const struct nft_type *type, const struct nft_data *data,
                      const char *separator)
{
	bool is_number = data->size <= sizeof(uint64_t);
	uint64_t number = nft_data_number(data);
	const char *name = is_number ? find_symbol(type, number) : NULL;

	if (is_number && type->symbols && type->is_flags)
		format_flags(out, type, number, separator);
	else if (name)
		text_add(out, "%s", name);
	else if (type->format)
		type->format(out, data);
	else if (is_number)
		text_add(out, "%" PRIu64, number);
	else
		format_hex(out, data);
}

/* format_beginning - of names: "eth*" */
static void format_beginning(struct text *out, const struct nft_data *name)
{
	char text[NFT_DATA_VALUE_MAXLEN + 2];

	snprintf(text, sizeof(text), "%.*s*", name->size, (const char *)name->bytes);
	nft_quote(out, text, sizeof(text));
}

/* format_span - the values from @first to @last of one slot */
static void format_span(struct text *out, const struct nft_type *type, const struct nft_data *first,
                        const struct nft_data *last)
{
	bool is_name = type == nft_type(NFT_TYPE_IFNAME);
	bool is_prefix = type->has_prefixes || is_name;
	struct nft_data same = *first;

	/* A prefix: the bits by which they differ are the last ones, 0 in the first and 1 in the last. */
	for (size_t i = 0; i < same.size; i++) {
		same.bytes[i] = (uint8_t) ~(first->bytes[i] ^ last->bytes[i]);
		is_prefix = is_prefix && (first->bytes[i] & last->bytes[i]) == first->bytes[i];
	}
	if (is_name && is_prefix && nft_data_prefix(&same) < same.size * 8) {
		format_beginning(out, first);
		return;
	}
	nft_value_format(out, type, first, " | ");
	if (nft_data_prefix(&same) == same.size * 8)
		return;
	if (is_prefix && nft_data_prefix(&same) >= 0) {
		text_add(out, "/%d", nft_data_prefix(&same));
		return;
	}
	text_add(out, "-");
	nft_value_format(out, type, last, ",");
}

/* take_piece - the bytes of one slot of a value of several, which begins at @at */
static struct nft_data take_piece(const struct nft_slot *slot, const struct nft_data *data, size_t at)
{
	struct nft_data piece = {.size = (uint8_t)(data->size - at)};

	if (slot->size && slot->size < piece.size)
		piece.size = slot->size;
	memcpy(piece.bytes, data->bytes + at, piece.size);
	return nft_data_network(slot, &piece);
}

void nft_slots_format(struct text *out, const struct nft_slots *slots, const struct nft_data *data,
                      const struct nft_data *last)
{
	size_t at = 0;

	for (size_t i = 0; i < slots->count && at < data->size; i++) {
		struct nft_data first = take_piece(&slots->items[i], data, at), end = first;

		if (last && last->size == data->size)
			end = take_piece(&slots->items[i], last, at);
		text_add(out, "%s", i ? " . " : "");
		format_span(out, slots->items[i].type, &first, &end);
		at += (first.size + NFT_REG32_SIZE - 1u) / NFT_REG32_SIZE * NFT_REG32_SIZE;
	}
	for (; at < data->size; at++) /* what no slot stands for */
		text_add(out, " [%02x]", data->bytes[at]);
}
