/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nf_tables of a namespace: read as a whole, and written in the language of nft(8). Its rules are not
 * text in the kernel but small programs over registers; nft_decode.h turns them back.
 *
 * What this does not know is shown as `[name ...]`, never left out. The tables of legacy iptables are not
 * nf_tables and are not here: nft_legacy_present() tells that there are some. Those of iptables-nft are here,
 * their extensions as `[xt match NAME]`.
 */
#ifndef NSRELAY_NSCTL_NFT_NFT_H
#define NSRELAY_NSCTL_NFT_NFT_H

#include <net/if.h>

#include "base/vec.h"
#include "nsctl/nft/nft_type.h"

enum { NFT_NAME_MAX = NFT_NAME_MAXLEN };

struct nft_rule {
	uint64_t handle;
	char *text;
	char *comment; /* NULL: none */
};

struct nft_device {
	char name[IFNAMSIZ];
};

/* Where a base chain or a flowtable is called from. */
struct nft_hook {
	uint32_t number; /* enum nf_inet_hooks, or nf_dev_hooks in a table of family netdev */
	int32_t priority;
	VEC(struct nft_device) devices;
};

struct nft_chain {
	char name[NFT_NAME_MAX];
	uint64_t handle;
	bool is_base; /* has what follows */
	char type[IFNAMSIZ];
	struct nft_hook hook;
	uint32_t policy; /* NF_ACCEPT, NF_DROP */
	bool has_counter;
	uint64_t packets, bytes;
	VEC(struct nft_rule) rules;
};

struct nft_element {
	struct nft_data key;
	struct nft_data last; /* of a range of concatenations; size 0: a single key */
	struct nft_data data;
	uint32_t flags; /* NFT_SET_ELEM_... */
	char *target;   /* verdict or name of an object instead of @data; NULL: none */
	char *extra;    /* " timeout 1h counter packets 0 bytes 0", or "" */
};

struct nft_set {
	char name[NFT_NAME_MAX];
	uint64_t handle;
	uint32_t flags;               /* NFT_SET_... */
	uint32_t key_type;            /* for nft_slots_of_type() */
	uint32_t data_type;           /* the same, or NFT_DATA_VERDICT */
	uint32_t key_size, data_size; /* [bytes] */
	uint32_t object_type;
	uint32_t count_max; /* 0: no limit */
	bool has_policy_memory;
	uint64_t timeout_ms; /* 0: none */
	char *statements;    /* that each element gets: "counter" */
	char *comment;       /* NULL: none */
	VEC(struct nft_element) elements;
};

struct nft_object {
	char name[NFT_NAME_MAX];
	uint64_t handle;
	uint32_t type; /* NFT_OBJECT_... */
	char *text;    /* "packets 0 bytes 0", "mss 1460; wscale 7" */
};

struct nft_flowtable {
	char name[NFT_NAME_MAX];
	uint64_t handle;
	uint32_t flags;
	struct nft_hook hook;
};

struct nft_table {
	uint8_t family; /* NFPROTO_... */
	char name[NFT_NAME_MAX];
	uint64_t handle;
	uint32_t flags; /* NFT_TABLE_F_... */
	uint32_t owner; /* netlink port; 0: nobody's */
	VEC(struct nft_object) objects;
	VEC(struct nft_set) sets;
	VEC(struct nft_flowtable) flowtables;
	VEC(struct nft_chain) chains;
	size_t last_chain; /* where the last rule went: the next one mostly goes there too */
};

struct nft_ruleset {
	VEC(struct nft_table) tables;
};

void nft_fini(struct nft_ruleset *ruleset);

/*
 * nft_read - all of it at one moment
 * @nl:    of NETLINK_NETFILTER
 * @table: only tables of that name; NULL: all
 *
 * Errors: EOPNOTSUPP (a kernel without nf_tables), EPERM (CAP_NET_ADMIN is needed), EAGAIN (it changed
 * NL_DUMP_TRIES times meanwhile), ENOMEM.
 */
int nft_read(struct nl *nl, const char *table, struct nft_ruleset *ret, struct err *err);

/*
 * nft_take - add what a message says, of a dump or of a request that makes something (NFT_MSG_NEWTABLE ...)
 * A thing must come after what it is in, and a rule after the sets it names. What is malformed, of another
 * subsystem, or in nothing that is here is passed over. Errors: ENOMEM.
 */
int nft_take(struct nft_ruleset *ruleset, const struct nlmsghdr *message);

enum { NFT_TEXT_HANDLES = 1 << 0 };

/* nft_text - much as `nft list ruleset` has it; allocated; NULL: no memory */
char *nft_text(const struct nft_ruleset *ruleset, unsigned flags);

/*
 * nft_legacy_present - has namespace @ns_fd (borrowed; -1: that of the calling thread) tables of legacy
 * iptables? 1 or 0. Errors: those of netns_enter(); EACCES.
 */
int nft_legacy_present(int ns_fd, struct err *err);

/* ---- for nft_decode.h and the text ---- */

const struct nft_set *nft_find_set(const struct nft_table *table, const char *name);

/*
 * nft_elements_format - "{ 80, 443 }"
 * @key: how to read keys; NULL: as the set's type says
 */
void nft_elements_format(struct text *out, const struct nft_set *set, const struct nft_slots *key);

/* nft_object_name - what kind it is: "counter"; "object" when it is not known */
const char *nft_object_name(uint32_t type);

#endif
