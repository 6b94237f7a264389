/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/nft/nft_rule.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* ---- tables and chains ---- */

void nft_rule_table(struct nl_batch *batch, uint8_t kind, const char *table, uint32_t flags)
{
	struct nlmsghdr *message =
		nft_put_request(batch, kind, kind == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0, table);

	if (flags)
		nl_put_be32(message, NFTA_TABLE_FLAGS, flags);
}

static struct nlmsghdr *begin_chain(struct nl_batch *batch, const char *table, const char *chain)
{
	struct nlmsghdr *message = nft_put_request(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, table);

	nl_put_text(message, NFTA_CHAIN_NAME, chain);
	return message;
}

void nft_rule_chain(struct nl_batch *batch, const char *table, const char *chain)
{
	begin_chain(batch, table, chain);
}

void nft_rule_base_chain(struct nl_batch *batch, const char *table, const char *chain, const char *type, uint32_t hook,
			 int32_t priority)
{
	nft_put_hook(begin_chain(batch, table, chain), type, hook, priority);
}

struct nlmsghdr *nft_rule_begin(struct nl_batch *batch, const char *table, const char *chain)
{
	struct nlmsghdr *message = nft_put_request(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, table);

	nl_put_text(message, NFTA_RULE_CHAIN, chain);
	return message;
}

/* ---- addresses and ports ---- */

struct address_place {
	uint32_t nfproto, source, destination; /* [bytes] into the network header */
};

static const struct address_place *place_of(sa_family_t family)
{
	/* RFC 791, 8200 */
	static const struct address_place ip = {NFPROTO_IPV4, 12, 16}, ip6 = {NFPROTO_IPV6, 8, 24};

	return family == AF_INET6 ? &ip6 : &ip;
}

uint32_t nft_rule_nfproto(sa_family_t family)
{
	return place_of(family)->nfproto;
}

void nft_rule_family(struct nlmsghdr *message, sa_family_t family)
{
	uint8_t nfproto = (uint8_t)place_of(family)->nfproto;

	nft_put_load_meta(message, NFT_META_NFPROTO);
	nft_put_compare(message, NFT_CMP_EQ, &nfproto, sizeof(nfproto));
}

/* put_address - compare the packet's address at @offset with those of @prefix */
static void put_address(struct nlmsghdr *message, uint32_t offset, uint32_t op, const struct prefix *prefix)
{
	uint32_t size = (uint32_t)prefix_address_size(prefix->family);
	struct prefix network = prefix_network(prefix),
	              mask = {.family = prefix->family, .length = prefix->length};

	memset(&mask.address, UINT8_MAX, size);
	mask = prefix_network(&mask);
	nft_put_load_payload(message, NFT_PAYLOAD_NETWORK_HEADER, offset, size);
	if (prefix->length < prefix_full_length(prefix->family))
		nft_put_mask(message, &mask.address, size);
	nft_put_compare(message, op, &network.address, size);
}

void nft_rule_source(struct nlmsghdr *message, uint32_t op, const struct prefix *prefix)
{
	if (prefix->length > 0)
		put_address(message, place_of(prefix->family)->source, op, prefix);
}

void nft_rule_destination(struct nlmsghdr *message, uint32_t op, const struct prefix *prefix)
{
	if (prefix->length > 0)
		put_address(message, place_of(prefix->family)->destination, op, prefix);
}

void nft_rule_tcp(struct nlmsghdr *message)
{
	uint8_t protocol = IPPROTO_TCP;

	nft_put_load_meta(message, NFT_META_L4PROTO);
	nft_put_compare(message, NFT_CMP_EQ, &protocol, sizeof(protocol));
}

void nft_rule_ports(struct nlmsghdr *message, uint16_t first, uint16_t last)
{
	enum { DESTINATION_PORT = 2 }; /* [bytes] into the TCP header: RFC 9293 */
	uint16_t from = htons(first), to = htons(last);

	nft_put_load_payload(message, NFT_PAYLOAD_TRANSPORT_HEADER, DESTINATION_PORT, sizeof(from));
	nft_put_compare(message, first == last ? NFT_CMP_EQ : NFT_CMP_GTE, &from, sizeof(from));
	if (first != last)
		nft_put_compare(message, NFT_CMP_LTE, &to, sizeof(to));
}

void nft_rule_link(struct nlmsghdr *message, uint32_t key, const char *name)
{
	char padded[IFNAMSIZ] = {0}; /* compared with all of its bytes */

	snprintf(padded, sizeof(padded), "%s", name);
	nft_put_load_meta(message, key);
	nft_put_compare(message, NFT_CMP_EQ, padded, sizeof(padded));
}

/* ---- as text ---- */

static int take_contents(struct nft_ruleset *ruleset, const struct nl_batch *batch)
{
	const struct nlmsghdr *message = (const void *)batch->bytes;
	int rc = 0;

	for (uint32_t i = 0; i < batch->count && rc == 0; i++) {
		rc = nft_take(ruleset, message);
		message = (const void *)((const unsigned char *)message + MNL_ALIGN(message->nlmsg_len));
	}
	return rc;
}

char *nft_rule_text(const struct nl_batch *batch)
{
	struct nft_ruleset ruleset = {0};
	char *text = take_contents(&ruleset, batch) == 0 ? nft_text(&ruleset, 0) : NULL;

	nft_fini(&ruleset);
	return text;
}
