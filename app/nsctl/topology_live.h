/* SPDX-License-Identifier: Apache-2.0 */
/* The namespaces of a topology as they are at this moment, for those who only look: no lock is taken, nothing
 * is planned. */
#ifndef NSRELAY_APP_NSCTL_TOPOLOGY_LIVE_H
#define NSRELAY_APP_NSCTL_TOPOLOGY_LIVE_H

#include "app/text/json.h"
#include "nsctl/netlink/netstate.h"
#include "nsctl/topology/topology.h"

struct topology_live {
	const struct topology *topology; /* borrowed */
	struct live_netns {
		bool exists;
		struct netstate state; /* links, addresses, and routes of the main table */
		char sysctls[SYSCTL_COUNT]
		            [SYSCTL_VALUE_MAX]; /* those that the topology chooses; "": not there */
		enum live_nat {
			LIVE_MISSING,
			LIVE_DIFFERS,
			LIVE_THERE
		} nat; /* beside what the topology wants */
	} * netns;     /* in the topology's order */
};

/*
 * topology_live_read - a namespace that is not there is no error
 * Errors: those of netns_open(), nl_open(), netstate_read(), nat_read(); ENOMEM.
 */
int topology_live_read(const struct topology *topology, struct topology_live *ret, struct err *err);
void topology_live_fini(struct topology_live *live);

/* topology_live_link - NULL: it is not there */
const struct netstate_link *topology_live_link(const struct topology_live *live,
                                               const struct topology_link *link);
bool topology_live_has_address(const struct topology_live *live, const struct topology_link *link,
                               const struct prefix *address);
bool topology_live_has_route(const struct topology_live *live, uint32_t netns,
                             const struct topology_route *route);

/* A number of a link or loopback that the file chooses, or that goes along with one. */
struct live_number {
	const char *netns, *link; /* names, borrowed from the topology */
	enum link_number number;
	uint32_t wanted, is; /* 0: the link is not there, or the kernel does not know what the file chooses */
};

/* topology_live_numbers - call @each with every one of them, by namespace, then by link */
typedef void live_number_fn(void *ctx, const struct live_number *number);
void topology_live_numbers(const struct topology_live *live, live_number_fn *each, void *ctx);

/* topology_live_write_number - as an object of the array that @json is in */
void topology_live_write_number(struct json *json, const struct live_number *number);

#endif
