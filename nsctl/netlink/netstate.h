/* SPDX-License-Identifier: Apache-2.0 */
/* The network stack of a namespace as the kernel tells it: links, addresses, routes, rules. rtnetlink(7) */
#ifndef NSRELAY_NSCTL_NETLINK_NETSTATE_H
#define NSRELAY_NSCTL_NETLINK_NETSTATE_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "nsctl/netlink/link.h"
#include "nsctl/netlink/nl.h"
#include "nsctl/netlink/prefix.h"

enum { NETSTATE_ALIAS_MAX = 64, NETSTATE_KIND_MAX = 16, NETSTATE_NO_NSID = -1 };

struct netstate_link {
	uint32_t index;
	char name[IFNAMSIZ];
	enum link_kind kind;
	char kind_name[NETSTATE_KIND_MAX]; /* IFLA_INFO_KIND; "" for a physical device */
	char alias[NETSTATE_ALIAS_MAX];    /* IFLA_IFALIAS, cut */
	uint32_t flags;                    /* IFF_UP ... of netdevice(7) */
	uint8_t operstate;                 /* RFC 2863; IF_OPER_UP ... of linux/if.h */
	uint32_t group;                    /* IFLA_GROUP, ip-link(8) */
	uint32_t master;                   /* index of the bridge it is a port of; 0: none */
	uint32_t below;                    /* index of a veth's peer, or of what a macvlan is on; 0: none */
	int32_t below_nsid;                /* the namespace that index is of; NETSTATE_NO_NSID: this one */
	uint32_t mode;                     /* of a macvlan or ipvlan */
	struct link_vxlan vxlan;
	struct link_mac mac;
	uint32_t numbers[LINK_NUMBER_COUNT];
	uint32_t tso_max_size; /* what its hardware takes at once, bytes (Linux 5.19); 0: not told */
	uint64_t rx_bytes, rx_packets, rx_dropped, tx_bytes, tx_packets, tx_dropped;
};

struct netstate_address {
	uint32_t link; /* index */
	struct prefix prefix;
	struct prefix peer;      /* of a point-to-point address; else AF_UNSPEC */
	uint8_t scope, protocol; /* RT_SCOPE_..., IFA_PROTO */
	uint32_t flags;          /* IFA_F_... */
};

enum { NETSTATE_NEXTHOPS_MAX = 8 };

struct netstate_route {
	struct prefix to;                /* of length 0: the default */
	struct prefix from, via, source; /* family AF_UNSPEC: not given */
	uint32_t link;                   /* index; 0: none */
	uint32_t table, metric;
	uint8_t type, protocol, scope; /* RTN_..., RTPROT_..., RT_SCOPE_... */
	struct {
		struct prefix via;
		uint32_t link, weight;
	} nexthops[NETSTATE_NEXTHOPS_MAX]; /* of a multipath route, cut */
	uint32_t nexthop_count;            /* all of them */
};

/* A policy rule, ip-rule(8). */
struct netstate_rule {
	sa_family_t family;
	uint32_t priority, table, mark, mark_mask;
	struct prefix from, to; /* AF_UNSPEC: all */
	char in[IFNAMSIZ], out[IFNAMSIZ];
	uint8_t action; /* FR_ACT_... */
	bool inverted;
};

struct netstate {
	VEC(struct netstate_link) links; /* by index */
	VEC(struct netstate_address) addresses;
	VEC(struct netstate_route) routes;
	VEC(struct netstate_rule) rules;
};

enum netstate_part {
	NETSTATE_LINKS = 1 << 0,
	NETSTATE_ADDRESSES = 1 << 1,
	NETSTATE_ROUTES = 1 << 2,     /* of the main table alone ... */
	NETSTATE_ALL_ROUTES = 1 << 3, /* ... or of all, as `ip route show table all` */
	NETSTATE_RULES = 1 << 4,
};

/*
 * netstate_read - replace @state by what is there now
 * @nl: of NETLINK_ROUTE; @parts: NETSTATE_... Each list is whole by itself; a change between two may show.
 * Errors: those of nl_dump(), ENOMEM. @state, zeroed or read before, is always fit for netstate_fini().
 */
int netstate_read(struct nl *nl, unsigned parts, struct netstate *state, struct err *err);
void netstate_fini(struct netstate *state);

/*
 * netstate_take - take over one message of the kernel: RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE, RTM_NEWRULE
 * Others, and malformed ones, are passed over. 0 or -ENOMEM. Separate from the reading for the fuzzer's sake.
 */
int netstate_take(struct netstate *state, const struct nlmsghdr *message);

/* netstate_link_by_index, netstate_link_by_name - NULL when there is none */
const struct netstate_link *netstate_link_by_index(const struct netstate *state, uint32_t index);
const struct netstate_link *netstate_link_by_name(const struct netstate *state, const char *name);

#endif
