/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to nf_tables: the messages of a batch and the expressions of a rule. Registers are enum
 * nft_registers. */
#ifndef NSRELAY_NSCTL_NFT_NFT_PUT_H
#define NSRELAY_NSCTL_NFT_NFT_PUT_H

#include "nsctl/nft/nft_type.h"

/*
 * nft_put_begin, nft_put_end - the ends of a batch that the kernel carries out wholly or not at all
 * @generation: refused with ERESTART when it is another by then; 0: whatever it is
 */
void nft_put_begin(struct nl_batch *batch, uint32_t generation);
void nft_put_end(struct nl_batch *batch);

/* nft_put_request - begin a request about table @table, of family inet; @kind: NFT_MSG_NEWCHAIN ... */
struct nlmsghdr *nft_put_request(struct nl_batch *batch, uint8_t kind, uint16_t flags, const char *table);

/* nft_put_hook - make the chain of this request one that the kernel calls; @type: "nat", "filter" or "route". Policy accept. */
void nft_put_hook(struct nlmsghdr *message, const char *type, uint32_t hook, int32_t priority);

/* nft_put_comment - of a rule; cut at 127 bytes as nft does */
void nft_put_comment(struct nlmsghdr *message, const char *comment);

/*
 * Expressions, between nl_nest(message, NFTA_RULE_EXPRESSIONS) and nl_nest_end(). A load goes to register
 * NFT_REG_1, from which a comparison takes it.
 */
void nft_put_load_meta(struct nlmsghdr *message, uint32_t key);
void nft_put_load_ct(struct nlmsghdr *message, uint32_t key);
void nft_put_load_payload(struct nlmsghdr *message, uint32_t base, uint32_t offset, uint32_t size);
void nft_put_load_address_type(
        struct nlmsghdr *message); /* of the destination, as the routing tables have it: RTN_... */
void nft_put_mask(struct nlmsghdr *message, const void *mask, uint32_t size);
void nft_put_bits(struct nlmsghdr *message, uint32_t mask, uint32_t turned); /* of a mark: (x & mask) ^ turned */
void nft_put_compare(struct nlmsghdr *message, uint32_t op, const void *data, uint32_t size);
void nft_put_constant(struct nlmsghdr *message, uint32_t reg, const void *data, uint32_t size);
void nft_put_jump(struct nlmsghdr *message, const char *chain);
void nft_put_return(struct nlmsghdr *message);
void nft_put_accept(struct nlmsghdr *message);
void nft_put_reset(struct nlmsghdr *message); /* reject with tcp reset */
void nft_put_counter(struct nlmsghdr *message);
void nft_put_set_meta(struct nlmsghdr *message, uint32_t key); /* from NFT_REG_1, as is the next */
void nft_put_set_ct(struct nlmsghdr *message, uint32_t key);
void nft_put_redirect(struct nlmsghdr *message, uint32_t port_reg);
void nft_put_tproxy(struct nlmsghdr *message, uint32_t port_reg);
void nft_put_dnat(struct nlmsghdr *message, uint32_t nfproto, uint32_t address_reg, uint32_t port_reg);
void nft_put_masquerade(struct nlmsghdr *message);

#endif
