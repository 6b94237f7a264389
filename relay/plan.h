/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be opened for a configuration: the listening sockets, and the targets (kinds of upstream sockets) with the map
 * from the backends of each route to them. Pure: computed alike by the broker, which opens, and the relay, which uses.
 */
#ifndef NSRELAY_RELAY_PLAN_H
#define NSRELAY_RELAY_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash_index.h"
#include "relay/config.h"
#include "relay/destination.h"

struct plan_listener {
	uint32_t relay;                  /* index into config.relays */
	const struct endpoint *endpoint; /* borrowed from the configuration, or plan.kept */
	uint32_t alike;                  /* the first listener of the same relay in the same namespace */
	bool leftover;                   /* not asked for any more: who came by it is still here (relay/succession.h) */
	uint64_t until_ms;               /* CLOCK_MONOTONIC: of a namespace that is enrolled no more, when the connections
	                                    by it end; else 0 */
	uint32_t originals[2];           /* targets in its namespace, of IPv4 and IPv6, for whoever goes on to where it wanted
	                                    to go; PLAN_NO_TARGET: nobody does */
};

struct plan_target {
	const struct endpoint *endpoint; /* its namespace matters; for unix sockets its path too */
	sa_family_t family;
	bool transparent; /* its sockets may be bound to their clients' addresses */
	uint32_t mark;
	const struct config_tcp *tcp;
	uint32_t number; /* how the socket source calls it: its index here, unless somebody says otherwise; PLAN_NO_NUMBER: it
	                    has none of these any more */
	bool mirrors;    /* its sockets are for mirrors, and for nothing else */
};

/* A way that a relay's connections may take: to a pool, by sockets with that relay's settings. */
struct plan_route {
	uint32_t relay;    /* index into config.relays */
	uint32_t pool;     /* index into config.pools */
	uint32_t *targets; /* [backend of the pool] -> target; PLAN_NO_TARGET: that of the listener; owned */
	bool leftover;     /* taken by connections that are here already, and by no others */
};

enum {
	PLAN_NO_TARGET = UINT32_MAX,
	PLAN_NO_ROUTE = UINT32_MAX,
	PLAN_NO_NUMBER = UINT32_MAX,
	PLAN_REFUSED = UINT32_MAX - 1,
};

/* A relay's part of plan.names. */
struct plan_names {
	uint32_t first, count;
};

/* Where a relay's connections go by where they wanted to go. */
struct plan_destinations {
	struct destination_table table;
	uint32_t *routes; /* [entry] -> route; PLAN_REFUSED: none; owned */
};

struct plan {
	const struct config *config; /* borrowed; outlives the plan */
	struct plan_listener *listeners;
	uint32_t listener_count;
	struct plan_target *targets;
	uint32_t target_count;
	struct plan_route *routes; /* the first is that of relay 0 to its own pool, and so on, for each relay; then those by name and destination */
	uint32_t route_count;
	struct sni_name *names;      /* of all relays, sorted for each; they borrow from the configuration */
	struct plan_names *relay_names; /* [relay] */
	struct plan_destinations *destinations; /* [relay] */
	uint32_t *mirror_targets;   /* [relay] -> target; PLAN_NO_TARGET: its connections are not mirrored */
	struct endpoint *enrolled;  /* of listeners in enrolled namespaces; owned */
	struct hash_index listeners_by_place, targets_by_place;
	uint32_t own_target_count;  /* those behind are of leftovers alone */
	struct endpoint **kept;     /* of leftover listeners; owned */
	uint32_t kept_count;
};

/* plan_find_name - the route of a server's name, in lower case, in a relay; SNI_NONE */
uint32_t plan_find_name(const struct plan *plan, uint32_t relay, const char *name);

/* plan_find_destination - the route of who wanted to go to @original; PLAN_REFUSED, or PLAN_NO_ROUTE: no entry says anything */
uint32_t plan_find_destination(const struct plan *plan, uint32_t relay, const struct session_peer *original);

/* plan_first_route - that leads to @pool; PLAN_NO_ROUTE: none does */
uint32_t plan_first_route(const struct plan *plan, uint32_t pool);

/* plan_target_of - for connections by @listener to @backend of @route's pool; @family: where they wanted to go */
uint32_t plan_target_of(const struct plan *plan, uint32_t listener, uint32_t route, uint32_t backend, sa_family_t family);

/* plan_same_target - do sockets of @a serve @b as well? */
bool plan_same_target(const struct plan_target *a, const struct plan_target *b);

/* plan_count_listeners - that a plan of @config would have, leftovers aside */
size_t plan_count_listeners(const struct config *config);

/* plan_init - 0 or -ENOMEM */
int plan_init(struct plan *plan, const struct config *config);

/* plan_keep_listener, plan_keep_route - add a leftover, at the end; 0 or -ENOMEM, after which the plan can only be ended */
int plan_keep_listener(struct plan *plan, uint32_t relay, const struct endpoint *endpoint, uint64_t until_ms);
int plan_keep_route(struct plan *plan, uint32_t relay, uint32_t pool);

void plan_fini(struct plan *plan);

#endif
