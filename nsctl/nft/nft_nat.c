/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions that send a packet elsewhere. */

#include "base/check.h"
#include "nsctl/nft/nft_decode.h"

#include <linux/netfilter/nf_nat.h>

/* family_word - which family is meant, where the table has both */
static const char *family_word(const struct nft_decoder *decoder, uint32_t family)
{
	if (decoder->table->family == NFPROTO_IPV4 || decoder->table->family == NFPROTO_IPV6)
		return "";
	return family == NFPROTO_IPV4 ? " ip" : family == NFPROTO_IPV6 ? " ip6" : "";
}

static void add_nat_flags(struct text *out, uint32_t flags)
{
	const char *before = " ";
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = {{NF_NAT_RANGE_PROTO_RANDOM, "random"},
	             {NF_NAT_RANGE_PROTO_RANDOM_FULLY, "fully-random"},
	             {NF_NAT_RANGE_PERSISTENT, "persistent"}};

	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		if (!(flags & names[i].bit))
			continue;
		text_add(out, "%s%s", before, names[i].name);
		before = ",";
	}
}

/* An address and a port, each perhaps a range; of what is not there the attribute is NULL. */
struct destination {
	const struct nlattr *address, *address_last, *port, *port_last;
	uint32_t family, flags;
};

static const struct nft_data *constant_of(struct nft_decoder *decoder, const struct nlattr *attr)
{
	struct nft_operand *operand = attr ? nft_operand(decoder, attr) : NULL;

	if (!operand || operand->kind != NFT_OPERAND_CONSTANT)
		return NULL;
	operand->is_used = true;
	return &operand->constant;
}

/* add_range - @first, and when there is another @last, up to that */
static bool add_range(struct nft_decoder *decoder, const struct nlattr *first, const struct nlattr *last,
                      enum nft_type_id type, bool is_netmap, struct text *out)
{
	const struct nft_data *from = constant_of(decoder, first), *to = constant_of(decoder, last);
	struct nft_slots slots = nft_slots_of_type(type);

	if (!from || !to || is_netmap) {
		if (from && to) {
			nft_slots_format(out, &slots, from, to);
			return true;
		}
		return nft_source_format(decoder, first, type, out);
	}
	nft_slots_format(out, &slots, from, NULL);
	if (nl_get_be32(first) == nl_get_be32(last) || from->size != to->size)
		return true;
	text_add(out, "-");
	nft_slots_format(out, &slots, to, NULL);
	return true;
}

/* is_map - does a map give both address and port? */
static bool is_map(struct nft_decoder *decoder, const struct destination *destination)
{
	const struct nft_operand *operand = destination->address ? nft_operand(decoder, destination->address)
	                                                         : NULL;

	return operand && operand->kind == NFT_OPERAND_TEXT && operand->slots.count > 1;
}

static bool add_address(struct nft_decoder *decoder, const struct destination *destination, struct text *out)
{
	enum nft_type_id type = destination->family == NFPROTO_IPV6 ? NFT_TYPE_IP6ADDR : NFT_TYPE_IPADDR;
	bool has_bracket = type == NFT_TYPE_IP6ADDR && destination->port &&
	                   constant_of(decoder, destination->address);

	text_add(out, "%s", has_bracket ? "[" : "");
	if (!add_range(decoder, destination->address, destination->address_last, type,
	               destination->flags & NF_NAT_RANGE_NETMAP, out))
		return false;
	text_add(out, "%s", has_bracket ? "]" : "");
	return true;
}

/* finish_destination - " to ADDRESS:PORT flags" behind @text, as a part; takes @text */
static bool finish_destination(struct nft_decoder *decoder, const struct destination *destination,
                               struct text *text)
{
	bool is_good = true;

	if (is_map(decoder, destination)) {
		text_add(text, " to ");
		is_good = nft_source_format(decoder, destination->address, NFT_TYPE_HEX, text);
	} else if (destination->address || destination->port) {
		text_add(text, " to ");
		if (destination->address)
			is_good = add_address(decoder, destination, text);
		if (is_good && destination->port) {
			text_add(text, ":");
			is_good = add_range(decoder, destination->port, destination->port_last,
			                    NFT_TYPE_INET_SERVICE, false, text);
		}
	}
	add_nat_flags(text, destination->flags);
	if (is_good)
		*nft_part(decoder) = *text;
	else
		text_fini(text);
	return is_good;
}

static bool decode_nat(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	const struct destination destination = {
	        .address = attrs[NFTA_NAT_REG_ADDR_MIN],
	        .address_last = attrs[NFTA_NAT_REG_ADDR_MAX],
	        .port = attrs[NFTA_NAT_REG_PROTO_MIN],
	        .port_last = attrs[NFTA_NAT_REG_PROTO_MAX],
	        .family = nl_get_be32(attrs[NFTA_NAT_FAMILY]),
	        .flags = nl_get_be32(attrs[NFTA_NAT_FLAGS]),
	};
	uint32_t type = nl_get_be32(attrs[NFTA_NAT_TYPE]);
	struct text text = {0};

	if (type > NFT_NAT_DNAT || (!destination.address && !destination.port))
		return false;
	text_add(&text, "%s%s%s", type == NFT_NAT_SNAT ? "snat" : "dnat",
	         destination.address ? family_word(decoder, destination.family) : "",
	         destination.flags & NF_NAT_RANGE_NETMAP ? " prefix" : "");
	return finish_destination(decoder, &destination, &text);
}

static bool decode_masq(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	const struct destination destination = {.port = attrs[NFTA_MASQ_REG_PROTO_MIN],
	                                        .port_last = attrs[NFTA_MASQ_REG_PROTO_MAX],
	                                        .flags = nl_get_be32(attrs[NFTA_MASQ_FLAGS])};
	struct text text = {0};

	text_add(&text, "masquerade");
	return finish_destination(decoder, &destination, &text);
}

static bool decode_redir(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	const struct destination destination = {.port = attrs[NFTA_REDIR_REG_PROTO_MIN],
	                                        .port_last = attrs[NFTA_REDIR_REG_PROTO_MAX],
	                                        .flags = nl_get_be32(attrs[NFTA_REDIR_FLAGS])};
	struct text text = {0};

	text_add(&text, "redirect");
	return finish_destination(decoder, &destination, &text);
}

static bool decode_tproxy(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	const struct destination destination = {.address = attrs[NFTA_TPROXY_REG_ADDR],
	                                        .port = attrs[NFTA_TPROXY_REG_PORT],
	                                        .family = nl_get_be32(attrs[NFTA_TPROXY_FAMILY])};
	struct text text = {0};

	text_add(&text, "tproxy%s", family_word(decoder, destination.family));
	return finish_destination(decoder, &destination, &text);
}

/* add_device - a link's index, by the word before it */
static bool add_device(struct nft_decoder *decoder, const char *word, const struct nlattr *attr,
                       struct text *out)
{
	text_add(out, "%s", word);
	return nft_source_format(decoder, attr, NFT_TYPE_IFINDEX, out);
}

static bool decode_dup(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	const struct nlattr *address = attrs[NFTA_DUP_SREG_ADDR], *device = attrs[NFTA_DUP_SREG_DEV];
	bool is_ip6 = decoder->headers[NFT_LAYER_NETWORK] == NFT_HEADER_IP6;
	struct text text = {0};
	bool is_good = true;

	text_add(&text, "dup to ");
	if (address)
		is_good = nft_source_format(decoder, address, is_ip6 ? NFT_TYPE_IP6ADDR : NFT_TYPE_IPADDR,
		                            &text);
	if (device)
		is_good = is_good && add_device(decoder, address ? " device " : "", device, &text);
	if (is_good)
		*nft_part(decoder) = text;
	else
		text_fini(&text);
	return is_good;
}

static bool decode_fwd(struct nft_decoder *decoder, const struct nlattr *const attrs[])
{
	const struct nlattr *address = attrs[NFTA_FWD_SREG_ADDR], *device = attrs[NFTA_FWD_SREG_DEV];
	uint32_t family = nl_get_be32(attrs[NFTA_FWD_NFPROTO]);
	struct text text = {0};
	bool is_good = true;

	text_add(&text, "fwd%s to ", address ? family_word(decoder, family) : "");
	if (address)
		is_good = nft_source_format(
		        decoder, address, family == NFPROTO_IPV6 ? NFT_TYPE_IP6ADDR : NFT_TYPE_IPADDR, &text);
	is_good = is_good && add_device(decoder, address ? " device " : "", device, &text);
	if (is_good)
		*nft_part(decoder) = text;
	else
		text_fini(&text);
	return is_good;
}

const struct nft_expression nft_nats[] = {{"nat", decode_nat},
                                          {"masq", decode_masq},
                                          {"redir", decode_redir},
                                          {"tproxy", decode_tproxy},
                                          {"dup", decode_dup},
                                          {"fwd", decode_fwd},
                                          {NULL, NULL}};
