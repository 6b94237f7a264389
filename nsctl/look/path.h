/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why does nothing come back? The way of a packet is followed from namespace to namespace, asking each one's
 * own routing tables and settings, there and back again, until something is found that stops it.
 *
 * Seen are namespaces of the topology alone, and the reasons that routing, links and forwarding give; a
 * firewall is not.
 */
#ifndef NSRELAY_NSCTL_LOOK_PATH_H
#define NSRELAY_NSCTL_LOOK_PATH_H

#include "nsctl/topology/topology.h"
#include "nsctl/look/view.h"

enum { PATH_TEXT_MAX = 256 };

struct path_finding {
	enum unreachable reason; /* UNREACHABLE_NO_ANSWER: nothing found; never UNREACHABLE_ANY */
	char text[PATH_TEXT_MAX];
};

/*
 * path_explain - what keeps namespace @from from reaching @to
 * @port: of TCP, for published ports; 0: echo
 */
void path_explain(struct view *view, uint32_t from, const struct prefix *to, uint16_t port,
                  struct path_finding *ret);

/*
 * path_find_owner - who has @address: a link of the topology, or one that an existing namespace has
 * @not_in: looked at last, since the next hop is rarely at home; TOPOLOGY_NONE
 */
struct path_owner {
	uint32_t netns; /* TOPOLOGY_NONE: nobody */
	char link[IFNAMSIZ];
};
struct path_owner path_find_owner(struct view *view, const struct prefix *address, uint32_t not_in);

/* path_name_address - "10.10.10.1 (v1_r in host)", or the address alone when nobody has it. Returns @buf. */
const char *path_name_address(struct view *view, const struct prefix *address, char *buf, size_t size);
enum { PATH_ADDRESS_TEXT_MAX = PREFIX_TEXT_MAX + IFNAMSIZ + TOPOLOGY_NETNS_NAME_MAX + sizeof(" ( in )") };

#endif
