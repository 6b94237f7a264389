/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions that load something into a register; the same ones write a register into the packet or its
 * connection. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "nsctl/nft/nft_decode.h"

#include <linux/netfilter/nf_conntrack_tuple_common.h>

struct key {
	const char *name;
	enum nft_type_id type;
	enum nft_tells tells;
	uint8_t size;          /* [bytes]; 0: the type's */
	bool is_network_order; /* a number without a type that is */
};

static const struct key *find_key(const struct key *keys, size_t count, const struct nlattr *attr)
{
	uint32_t number = nl_get_be32(attr);

	return attr && number < count && keys[number].name ? &keys[number] : NULL;
}

/* load_key - put it into the register that @attr names */
static bool load_key(struct nft_decoder *decoder, const struct nlattr *attr, const struct key *key,
                     const char *name)
{
	struct nft_operand *operand = nft_load_typed(decoder, attr, key->type, name);

	if (!operand)
		return false;
	operand->tells = key->tells;
	operand->is_network_order = key->is_network_order;
	if (key->size)
		operand->size = key->size;
	return true;
}

/* write_part - "NAME set SOURCE" */
static bool write_part(struct nft_decoder *decoder, const char *name, const struct nlattr *source,
                       enum nft_type_id type)
{
	struct text text = {0};

	text_add(&text, "%s set ", name);
	if (!nft_source_format(decoder, source, type, &text)) {
		text_fini(&text);
		return false;
	}
	*nft_part(decoder) = text;
	return true;
}

/* ---- meta ---- */

static const struct key meta_keys[] = {
        [NFT_META_LEN] = {"meta length", NFT_TYPE_INTEGER, 0, 0, false},
        [NFT_META_PROTOCOL] = {"meta protocol", NFT_TYPE_ETHERTYPE, NFT_TELLS_ETHERTYPE, 0, false},
        [NFT_META_PRIORITY] = {"meta priority", NFT_TYPE_CLASSID, 0, 0, false},
        [NFT_META_MARK] = {"meta mark", NFT_TYPE_MARK, 0, 0, false},
        [NFT_META_IIF] = {"iif", NFT_TYPE_IFINDEX, 0, 0, false},
        [NFT_META_OIF] = {"oif", NFT_TYPE_IFINDEX, 0, 0, false},
        [NFT_META_IIFNAME] = {"iifname", NFT_TYPE_IFNAME, 0, 0, false},
        [NFT_META_OIFNAME] = {"oifname", NFT_TYPE_IFNAME, 0, 0, false},
        [NFT_META_IIFTYPE] = {"meta iiftype", NFT_TYPE_ARPHRD, NFT_TELLS_LINK, 0, false},
        [NFT_META_OIFTYPE] = {"meta oiftype", NFT_TYPE_ARPHRD, 0, 0, false},
        [NFT_META_SKUID] = {"meta skuid", NFT_TYPE_UID, 0, 0, false},
        [NFT_META_SKGID] = {"meta skgid", NFT_TYPE_GID, 0, 0, false},
        [NFT_META_NFTRACE] = {"meta nftrace", NFT_TYPE_INTEGER, 0, 0, false},
        [NFT_META_RTCLASSID] = {"meta rtclassid", NFT_TYPE_REALM, 0, 0, false},
        [NFT_META_SECMARK] = {"meta secmark", NFT_TYPE_INTEGER, 0, 0, false},
        [NFT_META_NFPROTO] = {"meta nfproto", NFT_TYPE_NFPROTO, NFT_TELLS_FAMILY, 0, false},
        [NFT_META_L4PROTO] = {"meta l4proto", NFT_TYPE_INET_PROTOCOL, NFT_TELLS_TRANSPORT, 0, false},
        [NFT_META_BRI_IIFNAME] = {"meta ibrname", NFT_TYPE_IFNAME, 0, 0, false},
        [NFT_META_BRI_OIFNAME] = {"meta obrname", NFT_TYPE_IFNAME, 0, 0, false},
        [NFT_META_PKTTYPE] = {"meta pkttype", NFT_TYPE_PKTTYPE, 0, 0, false},
        [NFT_META_CPU] = {"meta cpu", NFT_TYPE_INTEGER, 0, 0, false},
        [NFT_META_IIFGROUP] = {"iifgroup", NFT_TYPE_DEVGROUP, 0, 0, false},
        [NFT_META_OIFGROUP] = {"oifgroup", NFT_TYPE_DEVGROUP, 0, 0, false},
        [NFT_META_CGROUP] = {"meta cgroup", NFT_TYPE_INTEGER, 0, 0, false},
        [NFT_META_PRANDOM] = {"meta random", NFT_TYPE_INTEGER, 0, 4, true},
        [NFT_META_SECPATH] = {"meta ipsec", NFT_TYPE_BOOLEAN, 0, 0, false},
        [NFT_META_IIFKIND] = {"meta iifkind", NFT_TYPE_IFNAME, 0, 0, false},
        [NFT_META_OIFKIND] = {"meta oifkind", NFT_TYPE_IFNAME, 0, 0, false},
        [NFT_META_BRI_IIFPVID] = {"meta ibrpvid", NFT_TYPE_INTEGER, 0, 0, false},
        [NFT_META_BRI_IIFVPROTO] = {"meta ibrvproto", NFT_TYPE_ETHERTYPE, 0, 0, false},
        [NFT_META_TIME_NS] = {"meta time", NFT_TYPE_TIME_DATE, 0, 0, false},
        [NFT_META_TIME_DAY] = {"meta day", NFT_TYPE_TIME_DAY, 0, 0, false},
        [NFT_META_TIME_HOUR] = {"meta hour", NFT_TYPE_TIME_HOUR, 0, 0, false},
        [NFT_META_SDIF] = {"meta sdif", NFT_TYPE_IFINDEX, 0, 0, false},
        [NFT_META_SDIFNAME] = {"meta sdifname", NFT_TYPE_IFNAME, 0, 0, false},
};

static bool decode_meta(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	const struct key *key = find_key(meta_keys, ARRAY_COUNT(meta_keys), attrs[NFTA_META_KEY]);

	if (!key)
		return false;
	if (attrs[NFTA_META_SREG])
		return write_part(decoder, key->name, attrs[NFTA_META_SREG], key->type);
	return load_key(decoder, attrs[NFTA_META_DREG], key, key->name);
}

/* ---- ct ---- */

static const struct key ct_keys[] = {
        [NFT_CT_STATE] = {"state", NFT_TYPE_CT_STATE, 0, 0, false},
        [NFT_CT_DIRECTION] = {"direction", NFT_TYPE_CT_DIR, 0, 0, false},
        [NFT_CT_STATUS] = {"status", NFT_TYPE_CT_STATUS, 0, 0, false},
        [NFT_CT_MARK] = {"mark", NFT_TYPE_MARK, 0, 0, false},
        [NFT_CT_SECMARK] = {"secmark", NFT_TYPE_INTEGER, 0, 0, false},
        [NFT_CT_EXPIRATION] = {"expiration", NFT_TYPE_TIME, 0, 0, false},
        [NFT_CT_HELPER] = {"helper", NFT_TYPE_STRING, 0, 0, false},
        [NFT_CT_L3PROTOCOL] = {"l3proto", NFT_TYPE_NFPROTO, 0, 0, false},
        [NFT_CT_SRC] = {"saddr", NFT_TYPE_HEX, 0, 0, false},
        [NFT_CT_DST] = {"daddr", NFT_TYPE_HEX, 0, 0, false},
        [NFT_CT_PROTOCOL] = {"protocol", NFT_TYPE_INET_PROTOCOL, 0, 0, false},
        [NFT_CT_PROTO_SRC] = {"proto-src", NFT_TYPE_INET_SERVICE, 0, 0, false},
        [NFT_CT_PROTO_DST] = {"proto-dst", NFT_TYPE_INET_SERVICE, 0, 0, false},
        [NFT_CT_LABELS] = {"label", NFT_TYPE_CT_LABEL, 0, 0, false},
        [NFT_CT_PKTS] = {"packets", NFT_TYPE_INTEGER, 0, 8, false},
        [NFT_CT_BYTES] = {"bytes", NFT_TYPE_INTEGER, 0, 8, false},
        [NFT_CT_AVGPKT] = {"avgpkt", NFT_TYPE_INTEGER, 0, 8, false},
        [NFT_CT_ZONE] = {"zone", NFT_TYPE_INTEGER, 0, 0, false},
        [NFT_CT_EVENTMASK] = {"event", NFT_TYPE_CT_EVENTBIT, 0, 0, false},
        [NFT_CT_SRC_IP] = {"ip saddr", NFT_TYPE_IPADDR, 0, 0, false},
        [NFT_CT_DST_IP] = {"ip daddr", NFT_TYPE_IPADDR, 0, 0, false},
        [NFT_CT_SRC_IP6] = {"ip6 saddr", NFT_TYPE_IP6ADDR, 0, 0, false},
        [NFT_CT_DST_IP6] = {"ip6 daddr", NFT_TYPE_IP6ADDR, 0, 0, false},
        [NFT_CT_ID] = {"id", NFT_TYPE_INTEGER, 0, 4, true},
};

/* with_family - the keys for an address of the table's family, whatever that is, are older than those that
 * name it */
static const struct key *with_family(const struct nft_decoder *decoder, const struct key *key)
{
	bool is_source = key == &ct_keys[NFT_CT_SRC];

	if (!is_source && key != &ct_keys[NFT_CT_DST])
		return key;
	if (decoder->table->family == NFPROTO_IPV4)
		return &ct_keys[is_source ? NFT_CT_SRC_IP : NFT_CT_DST_IP];
	if (decoder->table->family == NFPROTO_IPV6)
		return &ct_keys[is_source ? NFT_CT_SRC_IP6 : NFT_CT_DST_IP6];
	return key;
}

static bool decode_ct(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	static const char *const directions[] = {
	        [IP_CT_DIR_ORIGINAL] = "original ", [IP_CT_DIR_REPLY] = "reply "};
	const struct key *key = find_key(ct_keys, ARRAY_COUNT(ct_keys), attrs[NFTA_CT_KEY]);
	uint8_t direction = nl_get_u8(attrs[NFTA_CT_DIRECTION]);
	char name[64];

	if (!key || direction >= ARRAY_COUNT(directions))
		return false;
	key = with_family(decoder, key);
	snprintf(name, sizeof(name), "ct %s%s", attrs[NFTA_CT_DIRECTION] ? directions[direction] : "",
	         key->name);
	if (attrs[NFTA_CT_SREG])
		return write_part(decoder, name, attrs[NFTA_CT_SREG], key->type);
	return load_key(decoder, attrs[NFTA_CT_DREG], key, name);
}

/* ---- payload ---- */

/*
 * changed_field - the part of @place that @value changes, when that is the place's own bytes with some bits
 * exchanged
 * @ret_data: what they become, in network order
 */
static const struct nft_field *changed_field(const struct nft_decoder *decoder, const struct nft_place *place,
                                             const struct nft_operand *value, struct nft_data *ret_data)
{
	struct nft_data changed = value->mask, kept = value->turned;
	struct nft_slot slot = {.big_endian = true};
	const struct nft_field *field;

	if (value->kind != NFT_OPERAND_PLACE || memcmp(&value->place, place, sizeof(*place)) != 0 ||
	    !changed.size)
		return NULL;
	for (size_t i = 0; i < changed.size; i++) {
		changed.bytes[i] = (uint8_t)~value->mask.bytes[i];
		kept.bytes[i] = value->turned.bytes[i] & value->mask.bytes[i];
	}
	field = nft_field_masked(nft_header_of_place(decoder, place), place->bit, &changed, &slot.shift);
	if (!field || !nft_data_is_zero(&kept))
		return NULL;
	kept = value->turned;
	kept.size = changed.size;
	*ret_data = nft_data_network(&slot, &kept);
	return field;
}

/* write_field - "ip dscp set cs1"; false: it is no field that is written */
static bool write_field(struct nft_decoder *decoder, struct nft_operand *value, const struct nft_place *place)
{
	struct nft_data data;
	const struct nft_field *field = changed_field(decoder, place, value, &data);
	struct text *part;

	if (!field)
		return false;
	value->is_used = true;
	nft_imply(decoder, field->header);
	part = nft_part(decoder);
	text_add(part, "%s %s set ", nft_header_name(field->header), field->name);
	nft_value_format(part, nft_type(field->type), &data, ",");
	return true;
}

static bool decode_payload_write(struct nft_decoder *decoder, const struct nlattr *source,
                                 const struct nft_place *place)
{
	struct nft_operand operand = {
	        .kind = NFT_OPERAND_PLACE, .place = *place, .size = place->bit_count / 8};
	struct nft_operand *value = nft_operand(decoder, source);
	struct nft_subject subject;
	struct text text = {0};
	bool is_written = true;

	if (!value)
		return false;
	if (write_field(decoder, value, place))
		return true;
	if (!nft_subject_of_operand(decoder, &operand, &subject))
		return false;
	text_add(&text, "%s set ", text_get(&subject.text));
	if (value->kind == NFT_OPERAND_CONSTANT)
		nft_slots_format(&text, &subject.slots, &value->constant, NULL);
	else
		is_written = nft_source_format(decoder, source, NFT_TYPE_HEX, &text);
	value->is_used = true;
	nft_subject_fini(&subject);
	if (is_written)
		*nft_part(decoder) = text;
	else
		text_fini(&text);
	return is_written;
}

static bool decode_payload(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	enum { SIZE_MAX_BYTES = NFT_DATA_VALUE_MAXLEN, OFFSET_MAX = UINT16_MAX };
	uint32_t offset = nl_get_be32(attrs[NFTA_PAYLOAD_OFFSET]),
	         size = nl_get_be32(attrs[NFTA_PAYLOAD_LEN]);
	struct nft_place place = {
	        .base = nl_get_be32(attrs[NFTA_PAYLOAD_BASE]), .bit = offset * 8, .bit_count = size * 8};
	struct nft_operand *operand;

	if (size == 0 || size > SIZE_MAX_BYTES || offset > OFFSET_MAX ||
	    place.base > NFT_PAYLOAD_INNER_HEADER)
		return false;
	if (attrs[NFTA_PAYLOAD_SREG])
		return decode_payload_write(decoder, attrs[NFTA_PAYLOAD_SREG], &place);
	operand = nft_load(decoder, attrs[NFTA_PAYLOAD_DREG], size);
	if (!operand)
		return false;
	operand->kind = NFT_OPERAND_PLACE;
	operand->place = place;
	return true;
}

/* ---- exthdr ---- */

struct extension {
	uint32_t op; /* NFT_EXTHDR_OP_... */
	uint8_t type;
	const char *name;
	enum nft_header header;
};

/* RFC 8200, 791, 9293, 7323, 2018, 9260 */
static const struct extension extensions[] = {
        {NFT_EXTHDR_OP_IPV6, 0, "hbh", NFT_HEADER_IP6_OPTIONS},
        {NFT_EXTHDR_OP_IPV6, 43, "rt", NFT_HEADER_IP6_ROUTING},
        {NFT_EXTHDR_OP_IPV6, 44, "frag", NFT_HEADER_IP6_FRAGMENT},
        {NFT_EXTHDR_OP_IPV6, 60, "dst", NFT_HEADER_IP6_OPTIONS},
        {NFT_EXTHDR_OP_IPV6, 135, "mh", NFT_HEADER_IP6_MOBILITY},
        {NFT_EXTHDR_OP_IPV4, 7, "rr", NFT_HEADER_IP_OPTION},
        {NFT_EXTHDR_OP_IPV4, 131, "lsrr", NFT_HEADER_IP_OPTION},
        {NFT_EXTHDR_OP_IPV4, 137, "ssrr", NFT_HEADER_IP_OPTION},
        {NFT_EXTHDR_OP_IPV4, 148, "ra", NFT_HEADER_IP_OPTION},
        {NFT_EXTHDR_OP_TCPOPT, 0, "eol", NFT_HEADER_TCP_OPTION},
        {NFT_EXTHDR_OP_TCPOPT, 1, "nop", NFT_HEADER_TCP_OPTION},
        {NFT_EXTHDR_OP_TCPOPT, 2, "maxseg", NFT_HEADER_TCP_MAXSEG},
        {NFT_EXTHDR_OP_TCPOPT, 3, "window", NFT_HEADER_TCP_WINDOW},
        {NFT_EXTHDR_OP_TCPOPT, 4, "sack-perm", NFT_HEADER_TCP_OPTION},
        {NFT_EXTHDR_OP_TCPOPT, 5, "sack", NFT_HEADER_TCP_OPTION},
        {NFT_EXTHDR_OP_TCPOPT, 8, "timestamp", NFT_HEADER_TCP_TIMESTAMP},
        {NFT_EXTHDR_OP_SCTP, 0, "data", NFT_HEADER_SCTP_CHUNK},
        {NFT_EXTHDR_OP_SCTP, 1, "init", NFT_HEADER_SCTP_CHUNK},
        {NFT_EXTHDR_OP_SCTP, 2, "init-ack", NFT_HEADER_SCTP_CHUNK},
        {NFT_EXTHDR_OP_SCTP, 3, "sack", NFT_HEADER_SCTP_CHUNK},
        {NFT_EXTHDR_OP_SCTP, 4, "heartbeat", NFT_HEADER_SCTP_CHUNK},
        {NFT_EXTHDR_OP_SCTP, 5, "heartbeat-ack", NFT_HEADER_SCTP_CHUNK},
        {NFT_EXTHDR_OP_SCTP, 6, "abort", NFT_HEADER_SCTP_CHUNK},
        {NFT_EXTHDR_OP_SCTP, 7, "shutdown", NFT_HEADER_SCTP_CHUNK},
        {NFT_EXTHDR_OP_SCTP, 8, "shutdown-ack", NFT_HEADER_SCTP_CHUNK},
        {NFT_EXTHDR_OP_SCTP, 9, "error", NFT_HEADER_SCTP_CHUNK},
        {NFT_EXTHDR_OP_SCTP, 10, "cookie-echo", NFT_HEADER_SCTP_CHUNK},
        {NFT_EXTHDR_OP_SCTP, 11, "cookie-ack", NFT_HEADER_SCTP_CHUNK},
        {NFT_EXTHDR_OP_SCTP, 14, "shutdown-complete", NFT_HEADER_SCTP_CHUNK},
};

static const char *const extension_words[] = {[NFT_EXTHDR_OP_IPV6] = "",
                                              [NFT_EXTHDR_OP_TCPOPT] = "tcp option ",
                                              [NFT_EXTHDR_OP_IPV4] = "ip option ",
                                              [NFT_EXTHDR_OP_SCTP] = "sctp chunk ",
                                              [NFT_EXTHDR_OP_DCCP] = "dccp option "};

static const struct extension *find_extension(uint32_t op, uint8_t type)
{
	for (size_t i = 0; i < ARRAY_COUNT(extensions); i++)
		if (extensions[i].op == op && extensions[i].type == type)
			return &extensions[i];
	return NULL;
}

/* load_extension - is it there, or what does it say? */
static bool load_extension(struct nft_decoder *decoder, const struct nlattr *const attrs[], uint32_t op,
                           const struct extension *extension, const char *name)
{
	bool is_question = nl_get_be32(attrs[NFTA_EXTHDR_FLAGS]) & NFT_EXTHDR_F_PRESENT;
	uint32_t offset = nl_get_be32(attrs[NFTA_EXTHDR_OFFSET]), size = nl_get_be32(attrs[NFTA_EXTHDR_LEN]);
	struct nft_operand *operand;
	char text[64];

	if (op == NFT_EXTHDR_OP_IPV6 || op == NFT_EXTHDR_OP_IPV4)
		nft_imply(decoder, op == NFT_EXTHDR_OP_IPV6 ? NFT_HEADER_IP6 : NFT_HEADER_IP);
	if (is_question) {
		snprintf(text, sizeof(text), "%s%s%s", op == NFT_EXTHDR_OP_IPV6 ? "exthdr " : "",
		         extension_words[op], name);
		return nft_load_typed(decoder, attrs[NFTA_EXTHDR_DREG], NFT_TYPE_BOOLEAN, text) != NULL;
	}
	if (!extension || size == 0 || size > NFT_DATA_VALUE_MAXLEN || offset > UINT16_MAX)
		return false;
	operand = nft_load(decoder, attrs[NFTA_EXTHDR_DREG], size);
	if (!operand)
		return false;
	operand->kind = NFT_OPERAND_PLACE;
	operand->place = (struct nft_place){
	        .header = extension->header, .bit = offset * 8, .bit_count = size * 8};
	text_add(&operand->text, "%s%s ", extension_words[op], name);
	return true;
}

/* write_extension - change a field of an option, or without a source blank the whole option */
static bool write_extension(struct nft_decoder *decoder, const struct nlattr *const attrs[], uint32_t op,
                            const struct extension *extension, const char *name)
{
	uint32_t offset = nl_get_be32(attrs[NFTA_EXTHDR_OFFSET]), size = nl_get_be32(attrs[NFTA_EXTHDR_LEN]);
	const struct nft_field *field = NULL;
	char text[64];

	if (!attrs[NFTA_EXTHDR_SREG]) {
		text_add(nft_part(decoder), "reset %s%s", extension_words[op], name);
		return true;
	}
	if (extension && offset <= UINT16_MAX && size <= NFT_DATA_VALUE_MAXLEN)
		field = nft_field_find(extension->header, offset * 8, size * 8);
	if (!field)
		return false;
	snprintf(text, sizeof(text), "%s%s %s", extension_words[op], name, field->name);
	/* A constant is in network order here. */
	return write_part(decoder, text, attrs[NFTA_EXTHDR_SREG],
	                  size == sizeof(uint16_t) ? NFT_TYPE_INET_SERVICE : NFT_TYPE_HEX);
}

static bool decode_exthdr(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	uint32_t op = nl_get_be32(attrs[NFTA_EXTHDR_OP]);
	uint8_t type = nl_get_u8(attrs[NFTA_EXTHDR_TYPE]);
	const struct extension *extension = find_extension(op, type);
	char number[8];

	if (op >= ARRAY_COUNT(extension_words) || !attrs[NFTA_EXTHDR_TYPE])
		return false;
	snprintf(number, sizeof(number), "%u", type);
	if (attrs[NFTA_EXTHDR_DREG])
		return load_extension(decoder, attrs, op, extension, extension ? extension->name : number);
	return write_extension(decoder, attrs, op, extension, extension ? extension->name : number);
}

/* ---- fib, rt, socket ---- */

static bool decode_fib(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	static const char *const inputs[] = {"saddr", "daddr", "mark", "iif",
	                                     "oif"}; /* enum nft_fib_flags, by bit */
	static const struct key results[] = {
	        [NFT_FIB_RESULT_OIF] = {"oif", NFT_TYPE_IFINDEX, 0, 0, false},
	        [NFT_FIB_RESULT_OIFNAME] = {"oifname", NFT_TYPE_IFNAME, 0, 0, false},
	        [NFT_FIB_RESULT_ADDRTYPE] = {"type", NFT_TYPE_FIB_ADDR, 0, 0, false}};
	const struct key *result = find_key(results, ARRAY_COUNT(results), attrs[NFTA_FIB_RESULT]);
	uint32_t flags = nl_get_be32(attrs[NFTA_FIB_FLAGS]);
	char text[64] = "fib";

	if (!result || flags == 0)
		return false;
	for (size_t i = 0, count = 0; i < ARRAY_COUNT(inputs); i++) {
		if (!(flags >> i & 1))
			continue;
		strcat(strcat(text, count++ ? " . " : " "),
		       inputs[i]); /* NOLINT(bugprone-not-null-terminated-result) */
	}
	strcat(strcat(text, " "), result->name);
	return nft_load_typed(decoder, attrs[NFTA_FIB_DREG],
	                      flags & NFTA_FIB_F_PRESENT ? NFT_TYPE_BOOLEAN : result->type, text) != NULL;
}

static bool decode_rt(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	static const struct key keys[] = {
	        [NFT_RT_CLASSID] = {"rt classid", NFT_TYPE_REALM, 0, 0, false},
	        [NFT_RT_NEXTHOP4] = {"rt ip nexthop", NFT_TYPE_IPADDR, 0, 0, false},
	        [NFT_RT_NEXTHOP6] = {"rt ip6 nexthop", NFT_TYPE_IP6ADDR, 0, 0, false},
	        [NFT_RT_TCPMSS] = {"rt mtu", NFT_TYPE_INTEGER, 0, 0, false},
	        [NFT_RT_XFRM] = {"rt ipsec", NFT_TYPE_BOOLEAN, 0, 0, false}};
	const struct key *key = find_key(keys, ARRAY_COUNT(keys), attrs[NFTA_RT_KEY]);

	return key && load_key(decoder, attrs[NFTA_RT_DREG], key, key->name);
}

static bool decode_socket(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	static const struct key keys[] = {
	        [NFT_SOCKET_TRANSPARENT] = {"socket transparent", NFT_TYPE_INTEGER, 0, 0, false},
	        [NFT_SOCKET_MARK] = {"socket mark", NFT_TYPE_MARK, 0, 0, false},
	        [NFT_SOCKET_WILDCARD] = {"socket wildcard", NFT_TYPE_INTEGER, 0, 0, false},
	        [NFT_SOCKET_CGROUPV2] = {"socket cgroupv2", NFT_TYPE_CGROUPV2, 0, 0, false}};
	const struct key *key = find_key(keys, ARRAY_COUNT(keys), attrs[NFTA_SOCKET_KEY]);
	char text[64];

	if (!key)
		return false;
	if (key->type == NFT_TYPE_CGROUPV2)
		snprintf(text, sizeof(text), "%s level %u", key->name, nl_get_be32(attrs[NFTA_SOCKET_LEVEL]));
	else
		snprintf(text, sizeof(text), "%s", key->name);
	return load_key(decoder, attrs[NFTA_SOCKET_DREG], key, text);
}

/* ---- numbers made up or computed ---- */

static bool decode_numgen(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	static const char *const kinds[] = {[NFT_NG_INCREMENTAL] = "inc", [NFT_NG_RANDOM] = "random"};
	uint32_t kind = nl_get_be32(attrs[NFTA_NG_TYPE]), offset = nl_get_be32(attrs[NFTA_NG_OFFSET]);
	struct nft_operand *operand;

	if (kind >= ARRAY_COUNT(kinds))
		return false;
	operand = nft_load_typed(decoder, attrs[NFTA_NG_DREG], NFT_TYPE_INTEGER, "numgen ");
	if (!operand)
		return false;
	text_add(&operand->text, "%s mod %u", kinds[kind], nl_get_be32(attrs[NFTA_NG_MODULUS]));
	if (offset)
		text_add(&operand->text, " offset %u", offset);
	return true;
}

static bool decode_hash(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	bool is_symmetric = nl_get_be32(attrs[NFTA_HASH_TYPE]) == NFT_HASH_SYM;
	uint32_t seed = nl_get_be32(attrs[NFTA_HASH_SEED]), offset = nl_get_be32(attrs[NFTA_HASH_OFFSET]);
	struct nft_subject subject = {0};
	struct nft_operand *operand;

	if (!is_symmetric &&
	    !nft_subject_init(decoder, attrs[NFTA_HASH_SREG], nl_get_be32(attrs[NFTA_HASH_LEN]), &subject))
		return false;
	operand = nft_load_typed(decoder, attrs[NFTA_HASH_DREG], NFT_TYPE_INTEGER,
	                         is_symmetric ? "symhash" : "jhash ");
	if (operand) {
		text_add(&operand->text, "%s mod %u", text_get(&subject.text),
		         nl_get_be32(attrs[NFTA_HASH_MODULUS]));
		if (attrs[NFTA_HASH_SEED] && !is_symmetric)
			text_add(&operand->text, " seed 0x%x", seed);
		if (offset)
			text_add(&operand->text, " offset %u", offset);
	}
	nft_subject_fini(&subject);
	return operand != NULL;
}

static bool decode_osf(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	static const char *const ttls[] = {"", "ttl loose ", "ttl skip "}; /* NF_OSF_TTL_... */
	bool has_version = nl_get_be32(attrs[NFTA_OSF_FLAGS]) & NFT_OSF_F_VERSION;
	uint8_t ttl = nl_get_u8(attrs[NFTA_OSF_TTL]);
	char text[64];
	struct nft_operand *operand;

	if (ttl >= ARRAY_COUNT(ttls))
		return false;
	snprintf(text, sizeof(text), "osf %s%s", ttls[ttl], has_version ? "version" : "name");
	operand = nft_load_typed(decoder, attrs[NFTA_OSF_DREG], NFT_TYPE_STRING, text);
	if (operand)
		operand->size = NFT_OSF_MAXGENRELEN;
	return operand != NULL;
}

static bool decode_xfrm(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	static const struct key keys[] = {
	        [NFT_XFRM_KEY_DADDR_IP4] = {"ip daddr", NFT_TYPE_IPADDR, 0, 0, false},
	        [NFT_XFRM_KEY_DADDR_IP6] = {"ip6 daddr", NFT_TYPE_IP6ADDR, 0, 0, false},
	        [NFT_XFRM_KEY_SADDR_IP4] = {"ip saddr", NFT_TYPE_IPADDR, 0, 0, false},
	        [NFT_XFRM_KEY_SADDR_IP6] = {"ip6 saddr", NFT_TYPE_IP6ADDR, 0, 0, false},
	        [NFT_XFRM_KEY_REQID] = {"reqid", NFT_TYPE_INTEGER, 0, 0, false},
	        [NFT_XFRM_KEY_SPI] = {"spi", NFT_TYPE_INTEGER, 0, 4, true}};
	static const char *const directions[] = {"in", "out"}; /* XFRM_POLICY_IN, _OUT */
	const struct key *key = find_key(keys, ARRAY_COUNT(keys), attrs[NFTA_XFRM_KEY]);
	uint8_t direction = nl_get_u8(attrs[NFTA_XFRM_DIR]);
	uint32_t number = nl_get_be32(attrs[NFTA_XFRM_SPNUM]);
	char text[64], which[32] = "";

	if (!key || direction >= ARRAY_COUNT(directions))
		return false;
	if (number)
		snprintf(which, sizeof(which), "spnum %u ", number);
	snprintf(text, sizeof(text), "ipsec %s %s%s", directions[direction], which, key->name);
	return load_key(decoder, attrs[NFTA_XFRM_DREG], key, text);
}

const struct nft_expression nft_loads[] = {
        {"meta", decode_meta}, {"ct", decode_ct},   {"payload", decode_payload}, {"exthdr", decode_exthdr},
        {"fib", decode_fib},   {"rt", decode_rt},   {"socket", decode_socket},   {"numgen", decode_numgen},
        {"hash", decode_hash}, {"osf", decode_osf}, {"xfrm", decode_xfrm},       {NULL, NULL}};
