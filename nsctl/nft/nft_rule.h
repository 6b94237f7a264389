/* SPDX-License-Identifier: Apache-2.0 */
/* What the rules of our own tables are made of, above the expressions of nft_put.h: tables, chains, addresses, ports. */
#ifndef NSRELAY_NSCTL_NFT_NFT_RULE_H
#define NSRELAY_NSCTL_NFT_NFT_RULE_H

#include "nsctl/netlink/prefix.h"
#include "nsctl/nft/nft.h"
#include "nsctl/nft/nft_put.h"

/* nft_rule_table - a request that makes or removes a table of family inet; @flags: NFT_TABLE_F_... of a new one */
void nft_rule_table(struct nl_batch *batch, uint8_t kind, const char *table, uint32_t flags);

/* nft_rule_chain - one that rules jump to; nft_rule_base_chain - one that the kernel calls, see nft_put_hook() */
void nft_rule_chain(struct nl_batch *batch, const char *table, const char *chain);
void nft_rule_base_chain(struct nl_batch *batch, const char *table, const char *chain, const char *type, uint32_t hook,
			 int32_t priority);

/* nft_rule_begin - a new rule at the end of @chain: expressions follow within nl_nest(message, NFTA_RULE_EXPRESSIONS) */
struct nlmsghdr *nft_rule_begin(struct nl_batch *batch, const char *table, const char *chain);

/* nft_rule_nfproto - NFPROTO_IPV4 or NFPROTO_IPV6; nft_rule_family - packets of @family, and no others */
uint32_t nft_rule_nfproto(sa_family_t family);
void nft_rule_family(struct nlmsghdr *message, sa_family_t family);

/* nft_rule_source, nft_rule_destination - compare the address with those of @prefix, whose length 0 is all of them */
void nft_rule_source(struct nlmsghdr *message, uint32_t op, const struct prefix *prefix);
void nft_rule_destination(struct nlmsghdr *message, uint32_t op, const struct prefix *prefix);

/* nft_rule_tcp - packets of TCP; after it: nft_rule_ports - to ports from @first to @last */
void nft_rule_tcp(struct nlmsghdr *message);
void nft_rule_ports(struct nlmsghdr *message, uint16_t first, uint16_t last);

/* nft_rule_link - compare the name of a link, by NFT_META_IIFNAME or NFT_META_OIFNAME */
void nft_rule_link(struct nlmsghdr *message, uint32_t key, const char *name);

/* nft_rule_text - the tables that the requests of @batch make, as nft_text() tells them; allocated; NULL: no memory */
char *nft_rule_text(const struct nl_batch *batch);

#endif
