/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a path is measured: a client's and a server's namespace and what is between them, made and removed by
 * nsctl's library. Readable by C and C++. All names are the program's own; nothing of the machine's own
 * network is touched.
 */
#ifndef NSRELAY_BENCH_NSBENCH_PLACE_H
#define NSRELAY_BENCH_NSBENCH_PLACE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What lies between client and server. */
enum shape {
	SHAPE_LOOPBACK,        /* nothing: both are in one namespace */
	SHAPE_VETH,            /* one pair */
	SHAPE_VETH_BIG,        /* the same with BIG TCP */
	SHAPE_BRIDGE,          /* a pair each to a bridge in a third namespace */
	SHAPE_ROUTED,          /* a pair each to a third namespace, which forwards */
	SHAPE_DNAT,            /* the same; the client calls the router's address */
	SHAPE_DNAT_MASQUERADE, /* the same, and the server sees the router's address */
	SHAPE_MACVLAN,         /* one each on one lower link, bridge mode */
	SHAPE_IPVLAN,          /* one each on one lower link, l2 mode */
	SHAPE_VXLAN,           /* a tunnel over a pair */
	SHAPE_LOOPBACK_BIG,    /* for relays: a pair as in SHAPE_VETH, BIG TCP on both loopbacks */
	SHAPE_STAR,            /* many clients, a pair each to a bridge in the server's namespace */
	SHAPE_FLEET,           /* for relays: many clients, and a server that they have no link to */
	SHAPE_COUNT,
};

enum {
	PLACE_NAME_MAX = 32, /* of a topology */
	PLACE_NETNS_MAX = 64,
	PLACE_ADDRESS_MAX = 48,
	PLACE_SERVER_PORT = 9001, /* also that which DNAT publishes */
	PLACE_CLIENTS_MAX =
	        1000, /* a bridge has 1,023 ports at most, BR_MAX_PORTS of net/bridge/br_private.h */
};

struct place_order {
	const char *name; /* of the topology, and the beginning of its namespaces' names */
	enum shape shape;
	unsigned client_count;  /* SHAPE_STAR, SHAPE_FLEET; else 1 */
	const char *congestion; /* tcp_congestion_control of its namespaces */
	const char *ledger_dir;
};

struct place {
	char client[PLACE_NETNS_MAX]; /* SHAPE_STAR, SHAPE_FLEET: what precedes the number */
	char server[PLACE_NETNS_MAX];
	char link[16];                   /* by which the client reaches the server: "lo", "veth0" ... */
	char address[PLACE_ADDRESS_MAX]; /* at which it does; "" in a fleet */
};

/*
 * place_make - all or nothing
 * Errors: those of lab_open() and lab_apply(); EOPNOTSUPP where the kernel lacks a kind of link.
 */
int place_make(const struct place_order *order, struct place *ret, struct err *err);

/* place_remove - whatever a topology of that name has made; nothing is no error */
int place_remove(const char *name, const char *ledger_dir, struct err *err);

/* place_listens - does somebody listen on TCP port @port there? 1, 0 or -errno */
int place_listens(const char *netns, uint16_t port);

/*
 * place_link_features - offloads and numbers of a link: "tso on, gso on, gro off, tx checksum on, mtu 1500,
 * gso_max_size 65536 ...". 0 or -errno
 */
int place_link_features(const char *netns, const char *link, char *ret, size_t size);

/*
 * place_congestion - what new namespaces here may have as their congestion control: "cubic", or else "reno"
 * A namespace other than the first one may only choose from net.ipv4.tcp_allowed_congestion_control.
 */
int place_congestion(const char **ret, struct err *err);

/* place_enter - move the calling thread there for good. 0 or -errno */
int place_enter(const char *netns, struct err *err);

#ifdef __cplusplus
}
#endif

#endif
