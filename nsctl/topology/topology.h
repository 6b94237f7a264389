/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a network is to be: the plain data of a topology file, checked and complete. Nothing here talks to the kernel.
 *
 * Everything is owned by the topology; namespaces and links refer to each other by index.
 */
#ifndef NSRELAY_NSCTL_TOPOLOGY_TOPOLOGY_H
#define NSRELAY_NSCTL_TOPOLOGY_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/endpoint.h"
#include "base/vec.h"
#include "nsctl/netlink/link.h"
#include "nsctl/nft/nat.h"
#include "nsctl/netlink/prefix.h"
#include "nsctl/topology/sysctl.h"

enum { TOPOLOGY_NAME_MAX = 32, TOPOLOGY_NETNS_NAME_MAX = 64 };

/* Index of a namespace or link that is not there. */
#define TOPOLOGY_NONE UINT32_MAX

enum netns_tenure {
	NETNS_MADE,     /* by the topology, as /run/netns/NAME, and removed with it */
	NETNS_EXISTING, /* somebody else's, only furnished */
};

struct topology_route {
	struct prefix to;            /* length 0: default */
	struct prefix via;           /* AF_UNSPEC: on the link itself */
	char link[IFNAMSIZ];         /* "": as the next hop's address tells */
};

struct topology_netns {
	char name[TOPOLOGY_NETNS_NAME_MAX]; /* as the file calls it; "host": the one that the program runs in */
	struct netns_ref ref;
	enum netns_tenure tenure;
	bool loopback_up; /* NETNS_MADE */
	uint32_t loopback_numbers[LINK_NUMBER_COUNT]; /* 0: left alone */
	char sysctls[SYSCTL_COUNT][SYSCTL_VALUE_MAX]; /* as sysctl_normalize() gives it; "": left alone */
	VEC(struct topology_route) routes;
	struct nat nat;
};

struct topology_link {
	uint32_t netns;
	char name[IFNAMSIZ];
	bool existing;        /* somebody else's: only given addresses, numbers, a bridge, or links on top of it */
	enum link_kind kind;  /* LINK_OTHER when existing */
	uint32_t peer;        /* LINK_VETH: the other end, a link that names this one as its peer; else TOPOLOGY_NONE */
	uint32_t parent;      /* LINK_MACVLAN, LINK_IPVLAN, LINK_VXLAN: the link it is on; vxlan: may be TOPOLOGY_NONE */
	uint32_t bridge;      /* the bridge it is a port of; TOPOLOGY_NONE */
	uint32_t mode;        /* LINK_MACVLAN, LINK_IPVLAN */
	struct link_vxlan vxlan;
	bool up;
	struct link_mac mac;
	uint32_t numbers[LINK_NUMBER_COUNT]; /* 0: the kernel's choice */
	VEC(struct prefix) addresses;
};

/* Why something is not reached, as `because:` names it and verify finds it out. */
enum unreachable {
	UNREACHABLE_ANY,        /* expected: for whatever reason */
	UNREACHABLE_NO_ROUTE,   /* "no_route": the routing lookup says so, here or at a router that told */
	UNREACHABLE_FORWARDING, /* "forwarding_off": in a namespace on the way */
	UNREACHABLE_LINK_DOWN,  /* "link_down" */
	UNREACHABLE_REFUSED,    /* "refused": RST, nobody listens */
	UNREACHABLE_NO_ANSWER,  /* "no_answer" */
	UNREACHABLE_COUNT,
};
const char *unreachable_name(enum unreachable reason); /* as in files; "any" for UNREACHABLE_ANY */

struct topology_expect {
	uint32_t from;           /* namespace */
	struct prefix to;        /* an address, of full length */
	uint16_t port;           /* 0: ICMP echo; else a TCP connect */
	bool reaches;            /* false: must not */
	enum unreachable because; /* !reaches */
	uint8_t ttl;             /* of the echo's answer; 0: does not matter */
	uint32_t server_netns;   /* TCP: verify listens for the time on server_to:server_port here; TOPOLOGY_NONE: it does not */
	struct prefix server_to;
	uint16_t server_port;
	uint32_t line; /* in the file */
};

struct topology {
	char name[TOPOLOGY_NAME_MAX];
	VEC(struct topology_netns) netns;
	VEC(struct topology_link) links;
	VEC(struct topology_expect) expects;
};

void topology_fini(struct topology *topology);

/* topology_know_neighbours - fill nat.neighbourhoods from the addresses of the links. Errors: ENOMEM. */
int topology_know_neighbours(struct topology *topology);

/* topology_find_netns, topology_find_link - index, or TOPOLOGY_NONE */
uint32_t topology_find_netns(const struct topology *topology, const char *name);
uint32_t topology_find_link(const struct topology *topology, uint32_t netns, const char *name);

/* How nsctl marks what it makes. */

/*
 * topology_mark - "nsctl-NAME": the alias (IFLA_IFALIAS) of its links and of the loopback of its namespaces, and the name of
 * its nf_tables tables. Returns @buf.
 */
const char *topology_mark(const struct topology *topology, char *buf, size_t size);
enum { TOPOLOGY_MARK_MAX = TOPOLOGY_NAME_MAX + sizeof("nsctl-") };

/* rtm_protocol of its routes and IFA_PROTO (Linux 5.18) of its addresses; no other is registered for this number
 * (/etc/iproute2/rt_protos). */
enum { TOPOLOGY_PROTOCOL = 110 };

#endif
