/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/nft/nft_put.h"

#include <arpa/inet.h>
#include <string.h>

#include <linux/netfilter/nfnetlink.h>

#include "base/check.h"

/* ---- messages ---- */

static void put_header(struct nlmsghdr *message, uint8_t family, uint16_t resource)
{
	struct nfgenmsg *header = nl_put_header(message, sizeof(*header));

	header->nfgen_family = family;
	header->version = NFNETLINK_V0;
	header->res_id = htons(resource);
}

void nft_put_begin(struct nl_batch *batch, uint32_t generation)
{
	struct nlmsghdr *message = nl_begin_quiet(batch, NFNL_MSG_BATCH_BEGIN, 0);

	put_header(message, NFPROTO_UNSPEC, NFNL_SUBSYS_NFTABLES);
	if (generation)
		nl_put_be32(message, NFNL_BATCH_GENID, generation);
}

void nft_put_end(struct nl_batch *batch)
{
	put_header(nl_begin_quiet(batch, NFNL_MSG_BATCH_END, 0), NFPROTO_UNSPEC, NFNL_SUBSYS_NFTABLES);
}

struct nlmsghdr *nft_put_request(struct nl_batch *batch, uint8_t kind, uint16_t flags, const char *table)
{
	struct nlmsghdr *message = nl_begin(batch, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | kind), flags);

	put_header(message, NFPROTO_INET, 0);
	nl_put_text(message, 1, table); /* NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE */
	return message;
}

void nft_put_hook(struct nlmsghdr *message, const char *type, uint32_t hook, int32_t priority)
{
	struct nlattr *nest = nl_nest(message, NFTA_CHAIN_HOOK);

	nl_put_be32(message, NFTA_HOOK_HOOKNUM, hook);
	nl_put_be32(message, NFTA_HOOK_PRIORITY, (uint32_t)priority);
	nl_nest_end(message, nest);
	nl_put_text(message, NFTA_CHAIN_TYPE, type);
	nl_put_be32(message, NFTA_CHAIN_POLICY, NF_ACCEPT);
}

void nft_put_comment(struct nlmsghdr *message, const char *comment)
{
	/* A type (0: a rule's comment), a length, and the text with its NUL: include/libnftnl/udata.h of
	 * libnftnl. */
	enum { COMMENT_MAX = 128 };
	uint8_t data[2 + COMMENT_MAX] = {0};
	size_t length = strnlen(comment, COMMENT_MAX - 1);

	data[1] = (uint8_t)(length + 1);
	memcpy(data + 2, comment, length);
	nl_put(message, NFTA_RULE_USERDATA, data, 2 + length + 1);
}

/* ---- expressions ---- */

struct expression {
	struct nlattr *element, *data;
};

static struct expression begin(struct nlmsghdr *message, const char *name)
{
	struct expression expression = {.element = nl_nest(message, NFTA_LIST_ELEM)};

	nl_put_text(message, NFTA_EXPR_NAME, name);
	expression.data = nl_nest(message, NFTA_EXPR_DATA);
	return expression;
}

static void end(struct nlmsghdr *message, const struct expression *expression)
{
	nl_nest_end(message, expression->data);
	nl_nest_end(message, expression->element);
}

static void put_data(struct nlmsghdr *message, uint16_t type, const void *data, uint32_t size)
{
	struct nlattr *nest = nl_nest(message, type);

	nl_put(message, NFTA_DATA_VALUE, data, size);
	nl_nest_end(message, nest);
}

void nft_put_load_meta(struct nlmsghdr *message, uint32_t key)
{
	const struct expression meta = begin(message, "meta");

	nl_put_be32(message, NFTA_META_DREG, NFT_REG_1);
	nl_put_be32(message, NFTA_META_KEY, key);
	end(message, &meta);
}

void nft_put_load_ct(struct nlmsghdr *message, uint32_t key)
{
	const struct expression ct = begin(message, "ct");

	nl_put_be32(message, NFTA_CT_DREG, NFT_REG_1);
	nl_put_be32(message, NFTA_CT_KEY, key);
	end(message, &ct);
}

void nft_put_load_payload(struct nlmsghdr *message, uint32_t base, uint32_t offset, uint32_t size)
{
	const struct expression payload = begin(message, "payload");

	nl_put_be32(message, NFTA_PAYLOAD_DREG, NFT_REG_1);
	nl_put_be32(message, NFTA_PAYLOAD_BASE, base);
	nl_put_be32(message, NFTA_PAYLOAD_OFFSET, offset);
	nl_put_be32(message, NFTA_PAYLOAD_LEN, size);
	end(message, &payload);
}

void nft_put_load_address_type(struct nlmsghdr *message)
{
	const struct expression fib = begin(message, "fib");

	nl_put_be32(message, NFTA_FIB_DREG, NFT_REG_1);
	nl_put_be32(message, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nl_put_be32(message, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	end(message, &fib);
}

static void put_bitwise(struct nlmsghdr *message, const void *mask, const void *turned, uint32_t size)
{
	const struct expression bitwise = begin(message, "bitwise");

	nl_put_be32(message, NFTA_BITWISE_SREG, NFT_REG_1);
	nl_put_be32(message, NFTA_BITWISE_DREG, NFT_REG_1);
	nl_put_be32(message, NFTA_BITWISE_LEN, size);
	put_data(message, NFTA_BITWISE_MASK, mask, size);
	put_data(message, NFTA_BITWISE_XOR, turned, size);
	end(message, &bitwise);
}

void nft_put_mask(struct nlmsghdr *message, const void *mask, uint32_t size)
{
	static const uint8_t nothing[NFT_DATA_VALUE_MAXLEN];

	CHECK(size <= sizeof(nothing));
	put_bitwise(message, mask, nothing, size);
}

void nft_put_bits(struct nlmsghdr *message, uint32_t mask, uint32_t turned)
{
	put_bitwise(message, &mask, &turned, sizeof(mask));
}

void nft_put_compare(struct nlmsghdr *message, uint32_t op, const void *data, uint32_t size)
{
	const struct expression cmp = begin(message, "cmp");

	nl_put_be32(message, NFTA_CMP_SREG, NFT_REG_1);
	nl_put_be32(message, NFTA_CMP_OP, op);
	put_data(message, NFTA_CMP_DATA, data, size);
	end(message, &cmp);
}

void nft_put_constant(struct nlmsghdr *message, uint32_t reg, const void *data, uint32_t size)
{
	const struct expression immediate = begin(message, "immediate");

	nl_put_be32(message, NFTA_IMMEDIATE_DREG, reg);
	put_data(message, NFTA_IMMEDIATE_DATA, data, size);
	end(message, &immediate);
}

/* put_verdict - @chain: NULL where the verdict has none */
static void put_verdict(struct nlmsghdr *message, int32_t code, const char *chain)
{
	const struct expression immediate = begin(message, "immediate");
	struct nlattr *data, *verdict;

	nl_put_be32(message, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = nl_nest(message, NFTA_IMMEDIATE_DATA);
	verdict = nl_nest(message, NFTA_DATA_VERDICT);
	nl_put_be32(message, NFTA_VERDICT_CODE, (uint32_t)code);
	if (chain)
		nl_put_text(message, NFTA_VERDICT_CHAIN, chain);
	nl_nest_end(message, verdict);
	nl_nest_end(message, data);
	end(message, &immediate);
}

void nft_put_jump(struct nlmsghdr *message, const char *chain)
{
	put_verdict(message, NFT_JUMP, chain);
}

void nft_put_return(struct nlmsghdr *message)
{
	put_verdict(message, NFT_RETURN, NULL);
}

void nft_put_accept(struct nlmsghdr *message)
{
	put_verdict(message, NF_ACCEPT, NULL);
}

void nft_put_reset(struct nlmsghdr *message)
{
	const struct expression reject = begin(message, "reject");

	nl_put_be32(message, NFTA_REJECT_TYPE, NFT_REJECT_TCP_RST);
	nl_put_u8(message, NFTA_REJECT_ICMP_CODE, 0);
	end(message, &reject);
}

void nft_put_counter(struct nlmsghdr *message)
{
	const struct expression counter = begin(message, "counter");

	end(message, &counter);
}

void nft_put_set_meta(struct nlmsghdr *message, uint32_t key)
{
	const struct expression meta = begin(message, "meta");

	nl_put_be32(message, NFTA_META_KEY, key);
	nl_put_be32(message, NFTA_META_SREG, NFT_REG_1);
	end(message, &meta);
}

void nft_put_set_ct(struct nlmsghdr *message, uint32_t key)
{
	const struct expression ct = begin(message, "ct");

	nl_put_be32(message, NFTA_CT_KEY, key);
	nl_put_be32(message, NFTA_CT_SREG, NFT_REG_1);
	end(message, &ct);
}

void nft_put_redirect(struct nlmsghdr *message, uint32_t port_reg)
{
	const struct expression redirect = begin(message, "redir");

	nl_put_be32(message, NFTA_REDIR_REG_PROTO_MIN, port_reg);
	end(message, &redirect);
}

void nft_put_tproxy(struct nlmsghdr *message, uint32_t port_reg)
{
	const struct expression tproxy = begin(message, "tproxy");

	nl_put_be32(message, NFTA_TPROXY_FAMILY, NFPROTO_UNSPEC);
	nl_put_be32(message, NFTA_TPROXY_REG_PORT, port_reg);
	end(message, &tproxy);
}

void nft_put_dnat(struct nlmsghdr *message, uint32_t nfproto, uint32_t address_reg, uint32_t port_reg)
{
	const struct expression nat = begin(message, "nat");

	nl_put_be32(message, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	nl_put_be32(message, NFTA_NAT_FAMILY, nfproto);
	nl_put_be32(message, NFTA_NAT_REG_ADDR_MIN, address_reg);
	nl_put_be32(message, NFTA_NAT_REG_PROTO_MIN, port_reg);
	end(message, &nat);
}

void nft_put_masquerade(struct nlmsghdr *message)
{
	const struct expression masquerade = begin(message, "masq");

	end(message, &masquerade);
}
