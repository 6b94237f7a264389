/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions that count, limit, log and refuse; those of xtables. */
#include <inttypes.h>
#include <linux/netfilter/nf_log.h>
#include <linux/netfilter/nf_synproxy.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <string.h>

#include "base/check.h"
#include "nsctl/nft/nft_decode.h"

/* ---- counting and limiting ---- */

static bool decode_counter(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	if (decoder->is_declaration) {
		text_add(nft_part(decoder), "counter");
		return true;
	}
	text_add(nft_part(decoder), "counter packets %" PRIu64 " bytes %" PRIu64,
	         nl_get_be64(attrs[NFTA_COUNTER_PACKETS]), nl_get_be64(attrs[NFTA_COUNTER_BYTES]));
	return true;
}

/* add_bytes - in the largest unit that leaves no fraction */
static void add_bytes(struct text *out, uint64_t bytes, const char *end)
{
	static const char *const units[] = {"bytes", "kbytes", "mbytes", "gbytes"};
	size_t unit = 0;

	while (unit + 1 < ARRAY_COUNT(units) && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	text_add(out, "%" PRIu64 " %s%s", bytes, units[unit], end);
}

static const char *name_unit(uint64_t seconds)
{
	static const struct {
		uint64_t seconds;
		const char *name;
	} units[] = {{1, "second"}, {60, "minute"}, {3600, "hour"}, {86400, "day"}, {604800, "week"}};

	for (size_t i = 0; i < ARRAY_COUNT(units); i++)
		if (units[i].seconds == seconds)
			return units[i].name;
	return NULL;
}

static bool decode_limit(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	enum { BURST_DEFAULT = 5 }; /* of nft(8), which does not say it then */
	bool is_bytes = nl_get_be32(attrs[NFTA_LIMIT_TYPE]) == NFT_LIMIT_PKT_BYTES;
	bool is_over = nl_get_be32(attrs[NFTA_LIMIT_FLAGS]) & NFT_LIMIT_F_INV;
	uint64_t rate = nl_get_be64(attrs[NFTA_LIMIT_RATE]);
	const char *unit = name_unit(nl_get_be64(attrs[NFTA_LIMIT_UNIT]));
	uint32_t burst = nl_get_be32(attrs[NFTA_LIMIT_BURST]);
	struct text *part;

	if (!unit)
		return false;
	part = nft_part(decoder);
	text_add(part, "limit rate %s", is_over ? "over " : "");
	if (is_bytes)
		add_bytes(part, rate, "/");
	else
		text_add(part, "%" PRIu64 "/", rate);
	text_add(part, "%s", unit);
	if (!is_bytes && burst != BURST_DEFAULT) {
		text_add(part, " burst %u packets", burst);
	} else if (is_bytes && burst) {
		text_add(part, " burst ");
		add_bytes(part, burst, "");
	}
	return true;
}

static bool decode_quota(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	bool is_over = nl_get_be32(attrs[NFTA_QUOTA_FLAGS]) & NFT_QUOTA_F_INV;
	uint64_t used = nl_get_be64(attrs[NFTA_QUOTA_CONSUMED]);
	struct text *part = nft_part(decoder);

	text_add(part, "quota %s", is_over ? "over " : "");
	add_bytes(part, nl_get_be64(attrs[NFTA_QUOTA_BYTES]), "");
	if (used) {
		text_add(part, " used ");
		add_bytes(part, used, "");
	}
	return true;
}

static bool decode_connlimit(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	bool is_over = nl_get_be32(attrs[NFTA_CONNLIMIT_FLAGS]) & NFT_CONNLIMIT_F_INV;

	text_add(nft_part(decoder), "ct count %s%u", is_over ? "over " : "",
	         nl_get_be32(attrs[NFTA_CONNLIMIT_COUNT]));
	return true;
}

static bool decode_last(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	struct text *part = nft_part(decoder);

	text_add(part, "last used ");
	if (nl_get_be32(attrs[NFTA_LAST_SET]))
		nft_duration_format(part, nl_get_be64(attrs[NFTA_LAST_MSECS]));
	else
		text_add(part, "never");
	return true;
}

/* ---- log, queue ---- */

struct flag {
	uint32_t bits;
	const char *name;
};

static void add_log_flags(struct text *out, uint32_t flags)
{
	static const struct flag names[] = {{NF_LOG_TCPSEQ | NF_LOG_TCPOPT, "tcp sequence,options"},
	                                    {NF_LOG_TCPSEQ, "tcp sequence"},
	                                    {NF_LOG_TCPOPT, "tcp options"},
	                                    {NF_LOG_IPOPT, "ip options"},
	                                    {NF_LOG_UID, "skuid"},
	                                    {NF_LOG_MACDECODE, "ether"}};

	if ((flags & NF_LOG_MASK) == NF_LOG_MASK) {
		text_add(out, " flags all");
		return;
	}
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		if ((flags & names[i].bits) != names[i].bits)
			continue;
		text_add(out, " flags %s", names[i].name);
		flags &= ~names[i].bits;
	}
}

static void add_log_group(struct text *out, const struct nlattr *const attrs[])
{
	uint32_t size = nl_get_be32(attrs[NFTA_LOG_SNAPLEN]);
	uint16_t threshold = nl_get_be16(attrs[NFTA_LOG_QTHRESHOLD]);

	text_add(out, " group %u", nl_get_be16(attrs[NFTA_LOG_GROUP]));
	if (size)
		text_add(out, " snaplen %u", size);
	if (threshold)
		text_add(out, " queue-threshold %u", threshold);
}

static bool decode_log(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	static const char *const levels[] = {"emerg",  "alert", "crit",  "err",  "warn",
	                                     "notice", "info",  "debug", "audit"}; /* enum nft_log_level */
	uint32_t level = attrs[NFTA_LOG_LEVEL] ? nl_get_be32(attrs[NFTA_LOG_LEVEL]) : NFT_LOGLEVEL_WARNING;
	const char *prefix = nl_get_text(attrs[NFTA_LOG_PREFIX]);
	struct text *part;

	if (level >= ARRAY_COUNT(levels))
		return false;
	part = nft_part(decoder);
	text_add(part, "log");
	if (*prefix) {
		text_add(part, " prefix ");
		nft_quote(part, prefix, strlen(prefix));
	}
	if (attrs[NFTA_LOG_GROUP]) {
		add_log_group(part, attrs);
		return true;
	}
	if (level != NFT_LOGLEVEL_WARNING)
		text_add(part, " level %s", levels[level]);
	add_log_flags(part, nl_get_be32(attrs[NFTA_LOG_FLAGS]));
	return true;
}

static bool decode_queue(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	static const char *const flags[] = {"", "flags bypass ", "flags fanout ", "flags bypass,fanout "};
	uint16_t first = nl_get_be16(attrs[NFTA_QUEUE_NUM]), count = nl_get_be16(attrs[NFTA_QUEUE_TOTAL]);
	struct text text = {0};

	text_add(&text, "queue %sto ", flags[nl_get_be16(attrs[NFTA_QUEUE_FLAGS]) & NFT_QUEUE_FLAG_MASK]);
	if (!attrs[NFTA_QUEUE_SREG_QNUM]) {
		text_add(&text, "%u", first);
		if (count > 1)
			text_add(&text, "-%u", first + count - 1u);
	} else if (!nft_source_format(decoder, attrs[NFTA_QUEUE_SREG_QNUM], NFT_TYPE_INTEGER, &text)) {
		text_fini(&text);
		return false;
	}
	*nft_part(decoder) = text;
	return true;
}

/* ---- refusing ---- */

static bool decode_reject(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	enum { ICMP_PORT_UNREACHABLE = 3, ICMPV6_PORT_UNREACHABLE = 4 }; /* RFC 792, 4443 */
	uint32_t type = nl_get_be32(attrs[NFTA_REJECT_TYPE]);
	uint8_t code = nl_get_u8(attrs[NFTA_REJECT_ICMP_CODE]);
	bool is_ip6 = decoder->headers[NFT_LAYER_NETWORK] == NFT_HEADER_IP6;
	struct nft_data data = {.size = 1, .bytes = {code}};
	struct text *part;

	if (type > NFT_REJECT_ICMPX_UNREACH)
		return false;
	if (type == NFT_REJECT_ICMP_UNREACH)
		nft_imply(decoder, decoder->headers[NFT_LAYER_NETWORK]);
	part = nft_part(decoder);
	text_add(part, "reject");
	if (type == NFT_REJECT_TCP_RST) {
		text_add(part, " with tcp reset");
	} else if (type == NFT_REJECT_ICMPX_UNREACH && code != NFT_REJECT_ICMPX_PORT_UNREACH) {
		text_add(part, " with icmpx ");
		nft_value_format(part, nft_type(NFT_TYPE_ICMPX_CODE), &data, ",");
	} else if (type == NFT_REJECT_ICMP_UNREACH &&
	           code != (is_ip6 ? ICMPV6_PORT_UNREACHABLE : ICMP_PORT_UNREACHABLE)) {
		text_add(part, is_ip6 ? " with icmpv6 " : " with icmp ");
		nft_value_format(part, nft_type(is_ip6 ? NFT_TYPE_ICMPV6_CODE : NFT_TYPE_ICMP_CODE), &data,
		                 ",");
	}
	return true;
}

static bool decode_notrack(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	(void)attrs;
	text_add(nft_part(decoder), "notrack");
	return true;
}

static bool decode_synproxy(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	uint32_t flags = nl_get_be32(attrs[NFTA_SYNPROXY_FLAGS]);
	const char *end = decoder->is_object ? ";" : "";
	struct text *part = nft_part(decoder);

	text_add(part, "synproxy");
	if (flags & NF_SYNPROXY_OPT_MSS)
		text_add(part, " mss %u%s", nl_get_be16(attrs[NFTA_SYNPROXY_MSS]), end);
	if (flags & NF_SYNPROXY_OPT_WSCALE)
		text_add(part, " wscale %u%s", nl_get_u8(attrs[NFTA_SYNPROXY_WSCALE]), end);
	text_add(part, "%s%s", flags & NF_SYNPROXY_OPT_TIMESTAMP ? " timestamp" : "",
	         flags & NF_SYNPROXY_OPT_SACK_PERM ? " sack-perm" : "");
	return true;
}

static bool decode_flow_offload(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	text_add(nft_part(decoder), "flow add @%s", nl_get_text(attrs[NFTA_FLOW_TABLE_NAME]));
	return true;
}

/* ---- what only objects are: data for conntrack ---- */

static const char *name_family(uint16_t family)
{
	return family == NFPROTO_IPV4 ? "ip" : family == NFPROTO_IPV6 ? "ip6" : "inet";
}

static void add_protocol(struct text *out, const struct nlattr *attr)
{
	struct nft_data protocol = {.size = 1, .bytes = {nl_get_u8(attr)}};

	text_add(out, "protocol ");
	nft_value_format(out, nft_type(NFT_TYPE_INET_PROTOCOL), &protocol, ",");
}

static bool decode_ct_helper(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	const char *name = nl_get_text(attrs[NFTA_CT_HELPER_NAME]);
	struct text *part = nft_part(decoder);

	text_add(part, "ct helper type ");
	nft_quote(part, name, strlen(name));
	text_add(part, " ");
	add_protocol(part, attrs[NFTA_CT_HELPER_L4PROTO]);
	text_add(part, "; l3proto %s", name_family(nl_get_be16(attrs[NFTA_CT_HELPER_L3PROTO])));
	return true;
}

static bool decode_ct_expectation(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	struct text *part = nft_part(decoder);

	text_add(part, "ct expectation ");
	add_protocol(part, attrs[NFTA_CT_EXPECT_L4PROTO]);
	text_add(part, "; dport %u; timeout ", nl_get_be16(attrs[NFTA_CT_EXPECT_DPORT]));
	nft_duration_format(part, nl_get_u32(attrs[NFTA_CT_EXPECT_TIMEOUT])); /* in the machine's order */
	text_add(part, "; size %u; l3proto %s", nl_get_u8(attrs[NFTA_CT_EXPECT_SIZE]),
	         name_family(nl_get_be16(attrs[NFTA_CT_EXPECT_L3PROTO])));
	return true;
}

/* ---- xtables: by name, for what an extension's bytes say only that extension knows ---- */

static bool decode_match(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	text_add(nft_part(decoder), "[xt match %s]", nl_get_text(attrs[NFTA_MATCH_NAME]));
	return true;
}

static bool decode_target(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	text_add(nft_part(decoder), "[xt target %s]", nl_get_text(attrs[NFTA_TARGET_NAME]));
	return true;
}

const struct nft_expression nft_statements[] = {{"counter", decode_counter},
                                                {"limit", decode_limit},
                                                {"quota", decode_quota},
                                                {"connlimit", decode_connlimit},
                                                {"last", decode_last},
                                                {"log", decode_log},
                                                {"queue", decode_queue},
                                                {"reject", decode_reject},
                                                {"notrack", decode_notrack},
                                                {"synproxy", decode_synproxy},
                                                {"flow_offload", decode_flow_offload},
                                                {"ct helper", decode_ct_helper},
                                                {"ct expectation", decode_ct_expectation},
                                                {"match", decode_match},
                                                {"target", decode_target},
                                                {NULL, NULL}};
