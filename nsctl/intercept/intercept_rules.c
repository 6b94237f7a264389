/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/intercept/intercept_private.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

#include "nsctl/nft/nft_rule.h"

/* NF_IP_PRI_MANGLE, NF_IP_PRI_NAT_DST of include/uapi/linux/netfilter_ipv4.h */
enum { PRIORITY_MANGLE = -150, PRIORITY_DSTNAT = -100 };

static const char OUTBOUND[] = "outbound", INBOUND[] = "inbound", REMEMBER[] = "remember", ANSWER[] = "answer";

/* A rule while it is written. */
struct rule {
	struct nlmsghdr *message;
	struct nlattr *expressions;
	const char *comment;
};

static struct rule begin(struct nl_batch *batch, const struct intercept *intercept, const char *chain, const char *comment)
{
	struct rule rule = {.message = nft_rule_begin(batch, intercept->table, chain), .comment = comment};

	rule.expressions = nl_nest(rule.message, NFTA_RULE_EXPRESSIONS);
	return rule;
}

static void end(const struct rule *rule)
{
	nl_nest_end(rule->message, rule->expressions);
	nft_put_comment(rule->message, rule->comment);
}

/* end_return - what the rule matches is not steered */
static void end_return(const struct rule *rule)
{
	nft_put_counter(rule->message);
	nft_put_return(rule->message);
	end(rule);
}

/* ---- matches ---- */

/* put_syn - the first packet of a connection */
static void put_syn(struct nlmsghdr *message)
{
	enum { FLAGS = 13, FIN = 0x01, SYN = 0x02, RST = 0x04, ACK = 0x10 }; /* [bytes] into the TCP header: RFC 9293 */
	uint8_t mask = FIN | SYN | RST | ACK, syn = SYN;

	nft_rule_tcp(message);
	nft_put_load_payload(message, NFT_PAYLOAD_TRANSPORT_HEADER, FLAGS, sizeof(syn));
	nft_put_mask(message, &mask, sizeof(mask));
	nft_put_compare(message, NFT_CMP_EQ, &syn, sizeof(syn));
}

/* put_marked - the value in the register, a mark, is @mark */
static void put_marked(struct nlmsghdr *message, const struct intercept *intercept, uint32_t mark)
{
	nft_put_mask(message, &intercept->mask, sizeof(intercept->mask));
	nft_put_compare(message, NFT_CMP_EQ, &mark, sizeof(mark));
}

static void put_prefix(struct nlmsghdr *message, const struct prefix *prefix)
{
	nft_rule_family(message, prefix->family);
	nft_rule_destination(message, NFT_CMP_EQ, prefix);
}

/* ---- rules ---- */

static void put_own(struct nl_batch *batch, const struct intercept *intercept, const char *chain)
{
	struct rule rule = begin(batch, intercept, chain, "connections of the relay");

	nft_put_load_meta(rule.message, NFT_META_MARK);
	put_marked(rule.message, intercept, intercept->mark);
	end_return(&rule);
}

static void put_loopback(struct nl_batch *batch, const struct intercept *intercept, const char *chain, uint32_t key)
{
	struct rule rule = begin(batch, intercept, chain, "within the namespace");

	nft_rule_link(rule.message, key, "lo");
	end_return(&rule);
}

static void put_forwarded(struct nl_batch *batch, const struct intercept *intercept)
{
	struct rule rule = begin(batch, intercept, INBOUND, "not to the namespace");
	uint32_t local = RTN_LOCAL;

	nft_put_load_address_type(rule.message);
	nft_put_compare(rule.message, NFT_CMP_NEQ, &local, sizeof(local));
	end_return(&rule);
}

static void put_exclusions(struct nl_batch *batch, const struct intercept *intercept, const char *chain,
			   const struct intercept_direction *direction)
{
	vec_each (prefix, &direction->except) {
		struct rule rule = begin(batch, intercept, chain, "excluded destination");
		put_prefix(rule.message, prefix);
		end_return(&rule);
	}
	vec_each (ports, &direction->except_ports) {
		struct rule rule = begin(batch, intercept, chain, "excluded port");
		nft_rule_tcp(rule.message);
		nft_rule_ports(rule.message, ports->first, ports->last);
		end_return(&rule);
	}
}

/* What a rule steers: @prefix and @ports are NULL for all. */
struct steer {
	const char *chain;
	uint16_t port;
	const struct prefix *prefix;
	const struct intercept_ports *ports;
};

static struct rule begin_steer(struct nl_batch *batch, const struct intercept *intercept, const struct steer *steer,
			       const char *comment)
{
	struct rule rule = begin(batch, intercept, steer->chain, comment);

	if (steer->prefix)
		put_prefix(rule.message, steer->prefix);
	put_syn(rule.message);
	if (steer->ports)
		nft_rule_ports(rule.message, steer->ports->first, steer->ports->last);
	nft_put_counter(rule.message);
	return rule;
}

/* put_refusal - a SYN that nobody listens for goes on to the next rule, and would come to the server itself */
static void put_refusal(struct nl_batch *batch, const struct intercept *intercept, const struct steer *steer)
{
	struct rule rule = begin_steer(batch, intercept, steer, "no relay is there");

	nft_put_reset(rule.message);
	end(&rule);
}

static void put_tproxy(struct nl_batch *batch, const struct intercept *intercept, const struct steer *steer)
{
	struct rule rule = begin_steer(batch, intercept, steer, "steered to the relay");
	uint16_t port = htons(steer->port);

	nft_put_constant(rule.message, NFT_REG_1, &port, sizeof(port));
	nft_put_tproxy(rule.message, NFT_REG_1);
	nft_put_accept(rule.message);
	end(&rule);
	if (!intercept->owned)
		put_refusal(batch, intercept, steer);
}

static void put_redirect(struct nl_batch *batch, const struct intercept *intercept, const struct steer *steer)
{
	struct rule rule = begin_steer(batch, intercept, steer, "steered to the relay");
	uint16_t port = htons(steer->port);

	nft_put_constant(rule.message, NFT_REG_1, &port, sizeof(port));
	nft_put_redirect(rule.message, NFT_REG_1);
	end(&rule);
}

static void put_steer(struct nl_batch *batch, const struct intercept *intercept, const char *chain, uint16_t port,
		      const struct prefix *prefix, const struct intercept_ports *ports)
{
	const struct steer steer = {chain, port, prefix, ports};

	if (chain == INBOUND && intercept->tproxy)
		put_tproxy(batch, intercept, &steer);
	else
		put_redirect(batch, intercept, &steer);
}

static void put_steer_ports(struct nl_batch *batch, const struct intercept *intercept, const char *chain,
			    const struct intercept_direction *direction, const struct prefix *prefix)
{
	vec_each (ports, &direction->only_ports)
		put_steer(batch, intercept, chain, direction->port, prefix, ports);
	if (direction->only_ports.count == 0)
		put_steer(batch, intercept, chain, direction->port, prefix, NULL);
}

static void put_steers(struct nl_batch *batch, const struct intercept *intercept, const char *chain,
		       const struct intercept_direction *direction)
{
	vec_each (prefix, &direction->only)
		put_steer_ports(batch, intercept, chain, direction, prefix);
	if (direction->only.count == 0)
		put_steer_ports(batch, intercept, chain, direction, NULL);
}

/*
 * put_remember - servers in the namespace answer to the clients' addresses: their connections are known by the mark. It is the
 * answers' from here on: a socket that is accepted takes it over (intercept_accept_marks()), and so is routed by it at once.
 */
static void put_remember(struct nl_batch *batch, const struct intercept *intercept)
{
	struct rule rule = begin(batch, intercept, REMEMBER, "connections of the relay to servers here");

	nft_put_load_meta(rule.message, NFT_META_MARK);
	put_marked(rule.message, intercept, intercept->mark);
	nft_put_load_ct(rule.message, NFT_CT_MARK);
	nft_put_bits(rule.message, ~intercept->mask, intercept->answer_mark);
	nft_put_set_ct(rule.message, NFT_CT_MARK);
	nft_put_load_meta(rule.message, NFT_META_MARK);
	nft_put_bits(rule.message, ~intercept->mask, intercept->answer_mark);
	nft_put_set_meta(rule.message, NFT_META_MARK);
	end(&rule);
}

static void put_answer(struct nl_batch *batch, const struct intercept *intercept)
{
	struct rule rule = begin(batch, intercept, ANSWER, "their answers");

	nft_put_load_ct(rule.message, NFT_CT_MARK);
	put_marked(rule.message, intercept, intercept->answer_mark);
	nft_put_load_meta(rule.message, NFT_META_MARK);
	nft_put_bits(rule.message, ~intercept->mask, intercept->answer_mark);
	nft_put_set_meta(rule.message, NFT_META_MARK);
	end(&rule);
}

/* ---- the table ---- */

static void put_outbound(struct nl_batch *batch, const struct intercept *intercept)
{
	nft_rule_base_chain(batch, intercept->table, OUTBOUND, "nat", NF_INET_LOCAL_OUT, PRIORITY_DSTNAT);
	if (intercept->outbound.port == 0)
		return;
	put_own(batch, intercept, OUTBOUND);
	put_loopback(batch, intercept, OUTBOUND, NFT_META_OIFNAME);
	put_exclusions(batch, intercept, OUTBOUND, &intercept->outbound);
	put_steers(batch, intercept, OUTBOUND, &intercept->outbound);
}

static void put_inbound(struct nl_batch *batch, const struct intercept *intercept)
{
	if (intercept->tproxy)
		nft_rule_base_chain(batch, intercept->table, INBOUND, "filter", NF_INET_PRE_ROUTING, PRIORITY_MANGLE);
	else
		nft_rule_base_chain(batch, intercept->table, INBOUND, "nat", NF_INET_PRE_ROUTING, PRIORITY_DSTNAT);
	if (intercept->inbound.port == 0)
		return;
	put_own(batch, intercept, INBOUND);
	put_loopback(batch, intercept, INBOUND, NFT_META_IIFNAME);
	put_forwarded(batch, intercept);
	put_exclusions(batch, intercept, INBOUND, &intercept->inbound);
	put_steers(batch, intercept, INBOUND, &intercept->inbound);
}

static size_t count_rules(const struct intercept_direction *direction)
{
	size_t steers = (direction->only.count + 1) * (direction->only_ports.count + 1);

	return 3 + direction->except.count + direction->except_ports.count + 2 * steers;
}

int intercept_rules_init(struct nl_batch *batch, const struct intercept *intercept, struct err *err)
{
	/* The ends, the table made, removed and made again, four chains and the rules of two of them. */
	enum { REQUESTS_ALWAYS = 2 + 3 + 4 + 2, RULE_SIZE_MAX = 1024 };
	size_t rules = count_rules(&intercept->outbound) + count_rules(&intercept->inbound);

	return nl_batch_init(batch, NL_BATCH_SIZE + rules * RULE_SIZE_MAX, (uint32_t)rules + REQUESTS_ALWAYS, err);
}

void intercept_rules_put(struct nl_batch *batch, const struct intercept *intercept)
{
	const char *table = intercept->table;

	nft_rule_table(batch, NFT_MSG_NEWTABLE, table, intercept->owned ? NFT_TABLE_F_OWNER : 0);
	put_outbound(batch, intercept);
	put_inbound(batch, intercept);
	nft_rule_base_chain(batch, table, REMEMBER, "filter", NF_INET_PRE_ROUTING, PRIORITY_MANGLE);
	put_remember(batch, intercept);
	nft_rule_base_chain(batch, table, ANSWER, "route", NF_INET_LOCAL_OUT, PRIORITY_MANGLE);
	put_answer(batch, intercept);
}
