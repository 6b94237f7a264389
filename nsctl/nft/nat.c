/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of Operation
 *
 *	chain publish {			called for what comes in and for what the namespace itself sends
 *		ip daddr 192.0.2.1 tcp dport 8080 dnat ip to 10.0.0.2:80
 *		fib daddr type local ip daddr != 127.0.0.0/8 tcp dport 80 dnat ip to 10.0.0.2:80
 *	}
 *	chain postrouting {
 *		ct status dnat ip saddr 10.0.0.0/24 ip daddr 10.0.0.0/24 masquerade
 *		ip saddr 10.0.0.0/24 oifname "eth0" masquerade
 *	}
 *
 * A backend that connects to a published port, its own or a neighbour's, would be answered by that backend
 * directly, from an address that it never asked (RFC 4787, hairpinning): such connections are given this
 * namespace's address, so that the answer comes back here.
 *
 * The table is replaced as a whole in one transaction: there is no moment without it.
 *
 * Caveats: a port published on any address is not on the loopback ones, from which nothing can leave the
 * namespace (net.ipv4.conf.*.route_localnet of Linux, off by default). Where br_netfilter has bridges
 * translate (net.bridge.bridge-nf-call-iptables, on by default), a backend behind a bridge reaches itself only
 * if its port is in hairpin mode.
 */
#include "nsctl/nft/nat.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>

#include "base/check.h"
#include "nsctl/nft/nft.h"
#include "nsctl/nft/nft_rule.h"

/* NF_IP_PRI_NAT_DST, NF_IP_PRI_NAT_SRC of include/uapi/linux/netfilter_ipv4.h */
enum { PRIORITY_DSTNAT = -100, PRIORITY_SRCNAT = 100 };

static const char CHAIN_PUBLISH[] = "publish", CHAIN_POSTROUTING[] = "postrouting";

void nat_fini(struct nat *nat)
{
	vec_clear(&nat->masquerades);
	vec_clear(&nat->publishes);
	vec_clear(&nat->neighbourhoods);
}

bool nat_empty(const struct nat *nat)
{
	return nat->masquerades.count == 0 && nat->publishes.count == 0;
}

/* ---- published ports ---- */

/* put_own_address - to an address of the namespace, but not of its loopback */
static void put_own_address(struct nlmsghdr *message, sa_family_t family)
{
	struct prefix loopback = {.family = family, .length = family == AF_INET6 ? 128 : 8};
	uint32_t type = RTN_LOCAL;

	if (family == AF_INET6)
		loopback.address.in6 = in6addr_loopback;
	else
		loopback.address.in4.s_addr = htonl(INADDR_LOOPBACK);
	nft_put_load_address_type(message);
	nft_put_compare(message, NFT_CMP_EQ, &type, sizeof(type));
	nft_rule_destination(message, NFT_CMP_NEQ, &loopback);
}

/* put_comment - "publish 192.0.2.1:8080" */
static void put_comment(struct nlmsghdr *message, const struct nat_publish *publish)
{
	const struct prefix *listen = &publish->listen;
	char address[PREFIX_TEXT_MAX], comment[PREFIX_TEXT_MAX + 32];

	prefix_format_address(listen, address, sizeof(address));
	if (listen->family == AF_UNSPEC)
		snprintf(comment, sizeof(comment), "publish %u", publish->port);
	else
		snprintf(comment, sizeof(comment),
		         listen->family == AF_INET6 ? "publish [%s]:%u" : "publish %s:%u", address,
		         publish->port);
	nft_put_comment(message, comment);
}

static void put_publish(struct nl_batch *batch, const char *table, const struct nat_publish *publish)
{
	struct nlmsghdr *message = nft_rule_begin(batch, table, CHAIN_PUBLISH);
	struct nlattr *expressions = nl_nest(message, NFTA_RULE_EXPRESSIONS);
	const struct prefix *to = &publish->to;
	uint16_t port = htons(publish->to_port);

	nft_rule_family(message, to->family);
	if (publish->listen.family == AF_UNSPEC)
		put_own_address(message, to->family);
	else
		nft_rule_destination(message, NFT_CMP_EQ, &publish->listen);
	nft_rule_tcp(message);
	nft_rule_ports(message, publish->port, publish->port);
	nft_put_constant(message, NFT_REG_1, &to->address, (uint32_t)prefix_address_size(to->family));
	nft_put_constant(message, NFT_REG_2, &port, sizeof(port));
	nft_put_dnat(message, nft_rule_nfproto(to->family), NFT_REG_1, NFT_REG_2);
	nl_nest_end(message, expressions);
	put_comment(message, publish);
}

static void put_jump(struct nl_batch *batch, const char *table, const char *chain)
{
	struct nlmsghdr *message = nft_rule_begin(batch, table, chain);
	struct nlattr *expressions = nl_nest(message, NFTA_RULE_EXPRESSIONS);

	nft_put_jump(message, CHAIN_PUBLISH);
	nl_nest_end(message, expressions);
}

/* ---- masquerade ---- */

static void put_masquerade(struct nl_batch *batch, const char *table, const struct nat_masquerade *masquerade)
{
	struct nlmsghdr *message = nft_rule_begin(batch, table, CHAIN_POSTROUTING);
	struct nlattr *expressions = nl_nest(message, NFTA_RULE_EXPRESSIONS);

	nft_rule_family(message, masquerade->from.family);
	nft_rule_source(message, NFT_CMP_EQ, &masquerade->from);
	if (masquerade->out[0])
		nft_rule_link(message, NFT_META_OIFNAME, masquerade->out);
	else
		nft_rule_destination(message, NFT_CMP_NEQ, &masquerade->from);
	nft_put_masquerade(message);
	nl_nest_end(message, expressions);
}

/* put_return - published connections that stay within @network take the way back through this namespace */
static void put_return(struct nl_batch *batch, const char *table, const struct prefix *network)
{
	struct nlmsghdr *message = nft_rule_begin(batch, table, CHAIN_POSTROUTING);
	struct nlattr *expressions = nl_nest(message, NFTA_RULE_EXPRESSIONS);
	uint32_t mask = IPS_DST_NAT, nothing = 0;

	nft_put_load_ct(message, NFT_CT_STATUS);
	nft_put_mask(message, &mask, sizeof(mask));
	nft_put_compare(message, NFT_CMP_NEQ, &nothing, sizeof(nothing));
	nft_rule_family(message, network->family);
	nft_rule_source(message, NFT_CMP_EQ, network);
	nft_rule_destination(message, NFT_CMP_EQ, network);
	nft_put_masquerade(message);
	nl_nest_end(message, expressions);
}

/* neighbourhood_of - the network that a backend shares with others; without one, the backend is alone */
static struct prefix neighbourhood_of(const struct nat *nat, const struct nat_publish *publish)
{
	vec_each (network, &nat->neighbourhoods)
		if (network->length > 0 && prefix_covers(network, &publish->to))
			return prefix_network(network);
	return publish->to;
}

/* has_return - is the same neighbourhood that of an earlier publish? */
static bool has_return(const struct nat *nat, size_t index, const struct prefix *network)
{
	for (size_t i = 0; i < index; i++) {
		struct prefix other = neighbourhood_of(nat, &nat->publishes.items[i]);

		if (prefix_equal(&other, network))
			return true;
	}
	return false;
}

static void put_returns(struct nl_batch *batch, const char *table, const struct nat *nat)
{
	for (size_t i = 0; i < nat->publishes.count; i++) {
		struct prefix network = neighbourhood_of(nat, &nat->publishes.items[i]);

		if (!has_return(nat, i, &network))
			put_return(batch, table, &network);
	}
}

/* ---- the table ---- */

static void put_publishes(struct nl_batch *batch, const char *table, const struct nat *nat)
{
	if (nat->publishes.count == 0)
		return;
	nft_rule_chain(batch, table, CHAIN_PUBLISH);
	nft_rule_base_chain(batch, table, "prerouting", "nat", NF_INET_PRE_ROUTING, PRIORITY_DSTNAT);
	nft_rule_base_chain(batch, table, "output", "nat", NF_INET_LOCAL_OUT, PRIORITY_DSTNAT);
	vec_each (publish, &nat->publishes)
		put_publish(batch, table, publish);
	put_jump(batch, table, "prerouting");
	put_jump(batch, table, "output");
}

static void put_contents(struct nl_batch *batch, const char *table, const struct nat *nat)
{
	nft_rule_table(batch, NFT_MSG_NEWTABLE, table, 0);
	put_publishes(batch, table, nat);
	nft_rule_base_chain(batch, table, CHAIN_POSTROUTING, "nat", NF_INET_POST_ROUTING, PRIORITY_SRCNAT);
	put_returns(batch, table, nat);
	vec_each (masquerade, &nat->masquerades)
		put_masquerade(batch, table, masquerade);
}

static int init_batch(struct nl_batch *batch, const struct nat *nat, struct err *err)
{
	/* The ends, the table made, removed and made again, the chains and the jumps. */
	enum { REQUESTS_ALWAYS = 2 + 3 + 4 + 2, RULE_SIZE_MAX = 1024 };
	size_t rules = nat ? nat->publishes.count * 2 + nat->masquerades.count : 0;

	return nl_batch_init(batch, NL_BATCH_SIZE + rules * RULE_SIZE_MAX, (uint32_t)rules + REQUESTS_ALWAYS,
	                     err);
}

/* ---- for others ---- */

int nat_apply(struct nl *nl, const char *table, const struct nat *nat, struct err *err)
{
	struct nl_batch batch;
	int rc = init_batch(&batch, nat, err);

	if (rc < 0)
		return rc;
	nft_put_begin(&batch, 0);
	/* Removing what is not there is an error: made first, it is there. */
	nft_rule_table(&batch, NFT_MSG_NEWTABLE, table, 0);
	nft_rule_table(&batch, NFT_MSG_DELTABLE, table, 0);
	if (nat && !nat_empty(nat))
		put_contents(&batch, table, nat);
	nft_put_end(&batch);
	rc = nl_send(nl, &batch, NULL, NULL, err);
	if (rc == 0 && batch.failed < batch.count)
		rc = nl_explain(nl, &batch, batch.failed, "replace the address translation", err);
	nl_batch_fini(&batch);
	return rc;
}

char *nat_text(const char *table, const struct nat *nat)
{
	struct nl_batch batch;
	char *text;

	if (nat_empty(nat))
		return strdup("");
	if (init_batch(&batch, nat, NULL) < 0)
		return NULL;
	put_contents(&batch, table, nat);
	text = nft_rule_text(&batch);
	nl_batch_fini(&batch);
	return text;
}

int nat_read(struct nl *nl, const char *table, char **ret, struct err *err)
{
	struct nft_ruleset ruleset = {0};
	char *text;
	int rc = nft_read(nl, table, &ruleset, err);

	if (rc < 0 && rc != -EOPNOTSUPP) /* without nf_tables there is no table */
		return rc;
	text = nft_text(&ruleset, 0);
	nft_fini(&ruleset);
	if (!text)
		return err_set(err, ENOMEM, "namespace %s: out of memory", nl_where(nl));
	*ret = text;
	return 0;
}
