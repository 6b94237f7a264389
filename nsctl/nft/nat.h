/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address translation of one namespace, in an nf_tables table of the project's own: masquerade for what
 * leaves by a link, and published ports. Wanted and seen are compared as text, which is made from netlink
 * messages by the one decoder (nsctl/nft/nft.h): from those that would be sent, and from those that the kernel
 * dumps.
 */
#ifndef NSRELAY_NSCTL_NFT_NAT_H
#define NSRELAY_NSCTL_NFT_NAT_H

#include <net/if.h>
#include <stdint.h>

#include "base/vec.h"
#include "nsctl/netlink/nl.h"
#include "nsctl/netlink/prefix.h"

/* What comes from @from and leaves by @out gets that link's address. */
struct nat_masquerade {
	struct prefix from;
	char out[IFNAMSIZ]; /* "": by any link, unless it stays within @from */
};

/* TCP to @listen:@port, from outside or from the namespace itself, goes to @to:@to_port instead. */
struct nat_publish {
	struct prefix
	        listen; /* of full length; AF_UNSPEC: any address of the namespace, in the family of @to */
	uint16_t port;
	struct prefix to; /* of full length */
	uint16_t to_port;
};

struct nat {
	VEC(struct nat_masquerade) masquerades;
	VEC(struct nat_publish) publishes;
	/*
	 * Networks that the namespace has a link into. A connection from one of them to a published port
	 * whose backend is in it as well comes from the namespace's own address, or the backend would answer
	 * past the namespace. Backends elsewhere are so treated for connections to themselves. Nothing by
	 * themselves: see nat_empty().
	 */
	VEC(struct prefix) neighbourhoods;
};

void nat_fini(struct nat *nat);
bool nat_empty(const struct nat *nat);

/*
 * nat_apply - replace the table called @table by what @nat says, or remove it when @nat is NULL or empty; at
 * once
 * @nl: of NETLINK_NETFILTER. Errors: EOPNOTSUPP and ENOENT where the kernel lacks nf_tables NAT; EPERM;
 * ENOBUFS.
 */
int nat_apply(struct nl *nl, const char *table, const struct nat *nat, struct err *err);

/* nat_text - what nat_read() would give once @nat is applied; allocated, "" when empty, NULL: no memory */
char *nat_text(const char *table, const struct nat *nat);

/* nat_read - the table as it is, as text; allocated; "" when there is none. Errors: those of nl_dump(). */
int nat_read(struct nl *nl, const char *table, char **ret, struct err *err);

#endif
