/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One change of the network, small enough that the kernel does it whole or not at all, and with all that undoing it takes.
 * A plain value that refers to namespaces by index.
 */
#ifndef NSRELAY_NSCTL_TOPOLOGY_STEP_H
#define NSRELAY_NSCTL_TOPOLOGY_STEP_H

#include <stdbool.h>
#include <stdio.h>

#include "nsctl/topology/topology.h"

enum step_kind {
	STEP_NETNS_ADD,
	STEP_NETNS_DELETE,
	STEP_LINK_ADD,      /* down, with mark, mac and numbers */
	STEP_LINK_DELETE,
	STEP_LINK_UP,
	STEP_LINK_DOWN,
	STEP_LINK_NUMBER,   /* number.before -> number.after */
	STEP_LINK_MAC,
	STEP_LINK_BRIDGE,   /* "" for none */
	STEP_ADDRESS_ADD,
	STEP_ADDRESS_DELETE,
	STEP_ROUTE_ADD,
	STEP_ROUTE_DELETE,
	STEP_SYSCTL,
	STEP_NAT,
	STEP_KIND_COUNT,
};

struct step {
	enum step_kind kind;
	uint32_t netns;       /* index into struct seen */
	char link[IFNAMSIZ];  /* of LINK, ADDRESS and ROUTE ("": none) steps */
	union {
		struct step_link { /* STEP_LINK_ADD, STEP_LINK_DELETE */
			enum link_kind kind;
			uint32_t peer_netns; /* LINK_VETH */
			char peer[IFNAMSIZ];
			uint32_t parent_netns; /* LINK_MACVLAN ... */
			char parent[IFNAMSIZ]; /* "": none */
			uint32_t mode;
			struct link_vxlan vxlan;
			struct link_mac mac, peer_mac;
			uint32_t numbers[LINK_NUMBER_COUNT], peer_numbers[LINK_NUMBER_COUNT];
		} made;
		struct {
			enum link_number number;
			uint32_t before, after;
		} number;
		struct {
			struct link_mac before, after;
		} mac;
		struct {
			char before[IFNAMSIZ], after[IFNAMSIZ];
		} bridge;
		struct prefix address;
		struct topology_route route;
		struct {
			enum sysctl key;
			char before[SYSCTL_VALUE_MAX], after[SYSCTL_VALUE_MAX];
		} sysctl;
		struct { /* borrowed: of struct seen and of the topology; NULL: no table */
			const char *before;
			const struct nat *after;
		} nat;
	};
};

/* step_undo - what takes @step back; false when nothing can (a namespace that is gone, a NAT table that was not ours) */
bool step_undo(const struct step *step, struct step *ret);

/*
 * step_describe - one line, as `nsctl topology plan` shows it: "+ ns1/v1: address 10.10.10.2/24"
 * @names: of the namespaces, by index. Returns @buf.
 */
enum { STEP_TEXT_MAX = 256 };
const char *step_describe(const struct step *step, const char *const names[], char *buf, size_t size);

#endif
