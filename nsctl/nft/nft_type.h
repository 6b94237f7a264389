/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types of nf_tables values and how each is written. The kernel stores but does not know them: their numbers
 * are nft's (enum datatypes in include/datatype.h of nftables), as are the words.
 */
#ifndef NSRELAY_NSCTL_NFT_NFT_TYPE_H
#define NSRELAY_NSCTL_NFT_NFT_TYPE_H

/* linux/netfilter.h gives way to the C library's struct in_addr only when that comes first. */
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdbool.h>
#include <stdint.h>

#include "nsctl/netlink/nl.h"
#include "base/text.h"

/* A value as the kernel holds it. */
struct nft_data {
	uint8_t size; /* [bytes] */
	uint8_t bytes[NFT_DATA_VALUE_MAXLEN];
};

enum nft_type_id {
	NFT_TYPE_INVALID,
	NFT_TYPE_VERDICT,
	NFT_TYPE_NFPROTO,
	NFT_TYPE_BITMASK,
	NFT_TYPE_INTEGER,
	NFT_TYPE_STRING,
	NFT_TYPE_LLADDR,
	NFT_TYPE_IPADDR,
	NFT_TYPE_IP6ADDR,
	NFT_TYPE_ETHERADDR,
	NFT_TYPE_ETHERTYPE,
	NFT_TYPE_ARPOP,
	NFT_TYPE_INET_PROTOCOL,
	NFT_TYPE_INET_SERVICE,
	NFT_TYPE_ICMP_TYPE,
	NFT_TYPE_TCP_FLAG,
	NFT_TYPE_DCCP_PKTTYPE,
	NFT_TYPE_MH_TYPE,
	NFT_TYPE_TIME,
	NFT_TYPE_MARK,
	NFT_TYPE_IFINDEX,
	NFT_TYPE_ARPHRD,
	NFT_TYPE_REALM,
	NFT_TYPE_CLASSID,
	NFT_TYPE_UID,
	NFT_TYPE_GID,
	NFT_TYPE_CT_STATE,
	NFT_TYPE_CT_DIR,
	NFT_TYPE_CT_STATUS,
	NFT_TYPE_ICMP6_TYPE,
	NFT_TYPE_CT_LABEL,
	NFT_TYPE_PKTTYPE,
	NFT_TYPE_ICMP_CODE,
	NFT_TYPE_ICMPV6_CODE,
	NFT_TYPE_ICMPX_CODE,
	NFT_TYPE_DEVGROUP,
	NFT_TYPE_DSCP,
	NFT_TYPE_ECN,
	NFT_TYPE_FIB_ADDR,
	NFT_TYPE_BOOLEAN,
	NFT_TYPE_CT_EVENTBIT,
	NFT_TYPE_IFNAME,
	NFT_TYPE_IGMP_TYPE,
	NFT_TYPE_TIME_DATE,
	NFT_TYPE_TIME_HOUR,
	NFT_TYPE_TIME_DAY,
	NFT_TYPE_CGROUPV2,
	NFT_TYPE_HEX, /* not of nft's: a number without a name, such as that of a raw payload */
	NFT_TYPE_COUNT,
};

struct nft_symbol {
	const char *name;
	uint64_t value;
};

struct nft_type {
	const char *name;
	uint8_t size;                     /* [bytes]; 0: varies */
	bool big_endian;                  /* network order, or no number at all; else the machine's order */
	bool is_flags;                    /* a set of bits, each with a name */
	bool has_prefixes;                /* ADDRESS/LENGTH */
	const struct nft_symbol *symbols; /* the last has no name; NULL: none */
	void (*format)(struct text *out, const struct nft_data *data); /* NULL: a decimal number */
};

/* nft_type - type @id; an unknown one is NFT_TYPE_HEX */
const struct nft_type *nft_type(uint32_t id);

/* One value of those that are compared together, joined with " . " in text. */
struct nft_slot {
	const struct nft_type *type;
	uint8_t size;    /* [bytes]; 0: what remains */
	bool big_endian; /* of the bytes at hand; a byteorder expression or an interval set may have turned
	                    them */
	uint8_t shift;   /* [bits] that the value is moved up by: a field smaller than its bytes */
};

enum { NFT_SLOTS_MAX = NFT_REG32_COUNT };

struct nft_slots {
	struct nft_slot items[NFT_SLOTS_MAX];
	size_t count;
};

/* nft_slots_of_type - those of a set's type, which for a concatenation has 6 bits for each part */
struct nft_slots nft_slots_of_type(uint32_t id);

/* nft_data_get - the value in @attr (NFTA_DATA_VALUE inside a nest); size 0 when it is none */
struct nft_data nft_data_get(const struct nlattr *attr);

/* nft_data_network - @data in network order, with @slot's shift undone */
struct nft_data nft_data_network(const struct nft_slot *slot, const struct nft_data *data);

/* nft_data_number - of network order and up to 8 bytes; 0 when it is longer */
uint64_t nft_data_number(const struct nft_data *data);

bool nft_data_is_zero(const struct nft_data *data);

/* nft_data_prefix - how many bits are set, if these are the first ones; -1: they are not */
int nft_data_prefix(const struct nft_data *mask);

/* nft_value_format - write @data, which is in network order; @separator stands between flags */
void nft_value_format(struct text *out, const struct nft_type *type, const struct nft_data *data,
                      const char *separator);

/* nft_slots_format - write @data, as it is in the kernel; or everything from @data to @last, unless that is
 * NULL */
void nft_slots_format(struct text *out, const struct nft_slots *slots, const struct nft_data *data,
                      const struct nft_data *last);

/* nft_duration_format - 1d2h3m4s500ms */
void nft_duration_format(struct text *out, uint64_t duration_ms);

/* nft_quote - in quotes, up to a NUL; bytes that could confuse a terminal as \xNN */
void nft_quote(struct text *out, const char *bytes, size_t size);

#endif
