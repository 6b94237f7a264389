/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of rtnetlink(7) that change links, addresses and routes. Each function appends one to a batch
 * (nsctl/netlink/nl.h), which must not be full; nothing here talks to the kernel. Links are named, unless the kernel
 * insists on an index: see rtnl_link_index().
 *
 * What the kernel answers most often: EPERM (CAP_NET_ADMIN in the namespace is needed), ENODEV (no such
 * link), EEXIST (there is one of that name, or such an address or route), EOPNOTSUPP (a kind of link that
 * this kernel lacks).
 */
#ifndef NSRELAY_NSCTL_NETLINK_RTNL_H
#define NSRELAY_NSCTL_NETLINK_RTNL_H

#include <stdbool.h>
#include <stdint.h>

#include "nsctl/netlink/link.h"
#include "nsctl/netlink/nl.h"
#include "nsctl/netlink/prefix.h"

/* ---- links that are made, down ---- */

/* A new link, or one end of a veth pair. It cannot be given an alias at once, but a group. */
struct rtnl_new {
	const char *name;
	int ns_fd; /* the namespace that it appears in, borrowed; -1: that of the socket */
	uint32_t group;
	struct link_mac mac;
	const uint32_t *numbers; /* by enum link_number, 0: the kernel's choice; NULL: all of them are */
};

/* What the kinds differ in: @mode is of a macvlan and an ipvlan, @vxlan of a vxlan, and a bridge has nothing
 * of its own. */
struct rtnl_made {
	enum link_kind kind;
	uint32_t parent; /* index of the link that it is on top of, which is in the socket's namespace; 0:
	                    none */
	uint32_t mode;
	const struct link_vxlan *vxlan;
};

void rtnl_veth_add(struct nl_batch *batch, const struct rtnl_new *a, const struct rtnl_new *b);
void rtnl_link_add(struct nl_batch *batch, const struct rtnl_new *link, const struct rtnl_made *made);

/* ---- links that are there ---- */

void rtnl_link_delete(struct nl_batch *batch, const char *name);
void rtnl_link_set_up(struct nl_batch *batch, const char *name, bool up);
void rtnl_link_set_alias(struct nl_batch *batch, const char *name, const char *alias, uint32_t group);
void rtnl_link_set_number(struct nl_batch *batch, const char *name, enum link_number number, uint32_t value);
void rtnl_link_set_mac(struct nl_batch *batch, const char *name, const struct link_mac *mac);
void rtnl_link_set_bridge(struct nl_batch *batch, const char *name, uint32_t bridge); /* index; 0: none */

/*
 * rtnl_group_delete - delete every link of the namespace that rtnl_link_set_group() has put into @group
 * All at once, which for many of them takes the kernel a fraction of the time: it waits for its readers only
 * once.
 */
void rtnl_link_set_group(struct nl_batch *batch, const char *name, uint32_t group);
void rtnl_group_delete(struct nl_batch *batch, uint32_t group);

/* rtnl_link_index - ask @nl for the index of link @name. Errors: ENODEV, those of nl_send(). */
int rtnl_link_index(struct nl *nl, const char *name, struct err *err);

/*
 * rtnl_link_numbers - ask @nl for those of link @name; 0: this kernel does not know the number, and would pass over
 * its attribute without a word. Errors: ENODEV, those of nl_send().
 */
int rtnl_link_numbers(struct nl *nl, const char *name, uint32_t ret[LINK_NUMBER_COUNT], struct err *err);

/*
 * rtnl_nsid - the number by which the namespace of @nl knows the namespace @ns_fd (borrowed), ip-netns(8)
 * RTNL_NO_NSID: by none. Errors: those of nl_send().
 */
int rtnl_nsid(struct nl *nl, int ns_fd, int32_t *ret, struct err *err);
enum { RTNL_NO_NSID = -1 };

/* ---- addresses and routes ---- */

/* rtnl_address_add - an IPv6 address is usable at once, without duplicate address detection */
void rtnl_address_add(struct nl_batch *batch, uint32_t link, const struct prefix *address);
void rtnl_address_delete(struct nl_batch *batch, uint32_t link, const struct prefix *address);

/* A unicast route of the main table. Deleting takes away one of nsctl's own (TOPOLOGY_PROTOCOL), no other. */
struct rtnl_route {
	struct prefix to;
	struct prefix via; /* AF_UNSPEC: on the link itself */
	uint32_t link;     /* index; 0: as the next hop's address tells */
};

void rtnl_route_add(struct nl_batch *batch, const struct rtnl_route *route);
void rtnl_route_delete(struct nl_batch *batch, const struct rtnl_route *route);

#endif
