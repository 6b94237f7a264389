/* SPDX-License-Identifier: Apache-2.0 */
/* All that `nsctl inspect` shows of a namespace, and the two ways in which it does. */
#ifndef NSRELAY_APP_NSCTL_INSPECTION_H
#define NSRELAY_APP_NSCTL_INSPECTION_H

#include <stdio.h>

#include "nsctl/look/holders.h"
#include "nsctl/netns.h"
#include "nsctl/netlink/netstate.h"
#include "nsctl/netlink/sockdiag.h"
#include "nsctl/topology/sysctl.h"

struct inspection {
	char name[NETNS_TEXT_MAX + sizeof("path:")]; /* as netns_ref_format() has it */
	uint64_t inode;
	uint64_t cookie; /* 0: unknown */
	struct netstate state;

	char *ruleset; /* as `nft list ruleset`; "" when there is none; NULL: see the error */
	struct err ruleset_err;
	bool has_legacy_iptables;
	struct err legacy_err;

	char sysctls[SYSCTL_COUNT][SYSCTL_VALUE_MAX]; /* "": this kernel has it not, or not here */

	struct sockdiag sockets;
	struct err sockets_err; /* why not all of them are here; code 0: they are */
	struct holders holders;
};

/*
 * inspection_read - look at namespace @ref, which the calling thread visits
 * What this kernel lacks or the caller may not see, apart from links and routes, is noted in the inspection's
 * own errors. Errors: those of netns_open(), nl_open() and netstate_read(); ENOMEM.
 */
int inspection_read(const struct netns_ref *ref, struct inspection *ret, struct err *err);
void inspection_fini(struct inspection *inspection);

/* inspection_print - sections of tables, for people. Errors: ENOMEM. */
int inspection_print(const struct inspection *inspection, FILE *out);
void inspection_write_json(const struct inspection *inspection, FILE *out);

/* ---- what both have in common ---- */

/* inspection_link_name - the name of link @index, or "#@index". Returns @buf, or a text of the inspection. */
const char *inspection_link_name(const struct inspection *inspection, uint32_t index, char *buf, size_t size);

/* inspection_each_route - those of the main table first, those of the local table last */
void inspection_each_route(const struct inspection *inspection,
                           void (*tell)(void *ctx, const struct netstate_route *route), void *ctx);

/* inspection_link_kind - "device" for a physical one */
const char *inspection_link_kind(const struct netstate_link *link);

/* inspection_link_state - "up", "down", or what keeps a link that was set up from being so */
const char *inspection_link_state(const struct netstate_link *link);

#endif
