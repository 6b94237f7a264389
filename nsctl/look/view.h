/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The namespaces of a topology as they are now. Each is opened, and its links and addresses are read, when it
 * is first asked about, so that a question about two of a thousand costs two.
 */
#ifndef NSRELAY_NSCTL_LOOK_VIEW_H
#define NSRELAY_NSCTL_LOOK_VIEW_H

#include "nsctl/netlink/netstate.h"
#include "nsctl/topology/topology.h"

struct view_netns {
	int fd;        /* -1 until it is asked for */
	struct nl *nl; /* NULL until then */
	bool is_read;
	struct netstate state; /* links and addresses */
};

struct view {
	const struct topology *topology; /* borrowed */
	struct view_netns *netns;        /* in the topology's order */
};

/* view_init - look at the namespaces of @topology, which must outlive the view. Errors: ENOMEM. */
int view_init(struct view *view, const struct topology *topology, struct err *err);
void view_fini(struct view *view);

/* view_fd - a descriptor of namespace @netns, borrowed. Errors: those of netns_open(). */
int view_fd(struct view *view, uint32_t netns, struct err *err);

/*
 * view_state - links and addresses of namespace @netns as they were when first asked for, borrowed
 * Errors: those of view_fd(), nl_open() and netstate_read().
 */
int view_state(struct view *view, uint32_t netns, const struct netstate **ret, struct err *err);

/* view_name - what the topology calls it */
const char *view_name(const struct view *view, uint32_t netns);

/* A packet that a namespace would have to find a way for. */
struct view_packet {
	struct prefix to;   /* an address */
	struct prefix from; /* AF_UNSPEC: the namespace's own */
	uint32_t in;        /* index of the link it came by; 0: it is the namespace's own */
};

struct view_route {
	uint8_t type;         /* RTN_UNICAST, RTN_LOCAL: the namespace itself ... */
	uint32_t link;        /* index; 0: none */
	struct prefix via;    /* AF_UNSPEC: on the link itself */
	struct prefix source; /* the address it would be sent from; AF_UNSPEC: not told */
};

/*
 * view_route - ask the kernel which way @packet would go (RTM_GETROUTE)
 *
 * Errors: the kernel's verdict: ENETUNREACH, EHOSTUNREACH (an unreachable route; a packet from outside while
 * the namespace does not forward), EACCES (prohibit), EINVAL (blackhole; IPv4: its source is refused, as by
 * rp_filter, since Linux 6.14), EXDEV (the same before 6.14); and those of nl_open() and nl_send().
 */
int view_route(struct view *view, uint32_t netns, const struct view_packet *packet, struct view_route *ret,
               struct err *err);

#endif
