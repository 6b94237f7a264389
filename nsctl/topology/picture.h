/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wanted and what was seen, side by side: the planner's picture of the network, in which things are
 * found fast. Only the planner's own files use it.
 */
#ifndef NSRELAY_NSCTL_TOPOLOGY_PICTURE_H
#define NSRELAY_NSCTL_TOPOLOGY_PICTURE_H

#include "nsctl/topology/planner.h"

/* Index of something that is not in the picture. */
#define PICTURE_NONE UINT32_MAX

/* When something that is there has to go. */
enum removal {
	REMOVAL_NONE,
	REMOVAL_LATE,  /* nobody wants it any more */
	REMOVAL_EARLY, /* it is in the way of something wanted */
};

/* A link that is wanted, or there, or both; and loopback. */
struct picture_link {
	uint32_t netns; /* index into struct seen */
	const char *name;
	const struct topology_link *wanted; /* NULL: it is not in the file */
	const struct netstate_link *seen;   /* NULL: it is not there */
	bool own;                           /* it bears the topology's mark, and is no loopback */
	uint32_t below;                     /* as seen: a veth's other end, or what the link is on */
	uint32_t first_above,
	        next_above; /* as seen: the links on it, and the next of those on the same one */

	/* What the steps so far have made of it. */
	bool deleted; /* the one that was seen */
	bool present, up;
	uint32_t bridge; /* that it is a port of */

	uint32_t numbers[LINK_NUMBER_COUNT]; /* that it is to have; 0: as it is, or as the kernel chooses */
	bool mtu_goes_back;                  /* to what the kernel would choose */

	enum removal removal;
	/* A step makes the kernel drop what is by this link, in IPv4 or IPv6: it is removed and added
	 * again. */
	bool drops_routes4, drops_all6;
	bool loses_address; /* one that is not wanted any more */
};

/* An address that was seen. */
struct picture_address {
	uint32_t link;
	struct prefix prefix;
	bool own, wanted;
	bool secondary; /* IPv4: the kernel may drop it together with another one of the same network */
	bool joined;    /* the first of a network: another one of it is to be added */
	enum removal removal;
};

struct picture_wanted_address {
	uint32_t link;
	const struct prefix *prefix;
	uint32_t seen; /* index into picture.addresses, or PICTURE_NONE */
};

/* A route of the main table that was seen. */
struct picture_route {
	uint32_t netns, link;
	struct prefix to, via;
	uint8_t protocol;
	uint32_t metric;
	bool own, wanted, removed;
};

struct picture_wanted_route {
	uint32_t netns, link; /* PICTURE_NONE: as the next hop's address tells */
	const struct topology_route *route;
	uint32_t seen; /* index into picture.routes, or PICTURE_NONE */
};

/* What a number of the kernel's, which is good in one namespace, stands for. */
struct picture_index {
	uint32_t netns, index, of;
};

struct picture {
	const struct topology *wanted;
	const struct seen *seen;
	const struct ledger *ledger;
	VEC(uint32_t) of_ledger;            /* by the ledger's index of a namespace, that of the one seen */
	VEC(struct picture_link) links;     /* by namespace and name */
	VEC(struct picture_index) by_index; /* links that were seen, by namespace and the kernel's index */
	VEC(struct picture_index) by_nsid;  /* namespaces, by namespace and the number that it has there */
	VEC(uint32_t) of_wanted;            /* by the topology's index of a link, its index in the picture */
	VEC(struct picture_address) addresses;               /* by link and prefix */
	VEC(struct picture_wanted_address) wanted_addresses; /* in the file's order */
	VEC(struct picture_route) routes;               /* by namespace, destination, next hop and link */
	VEC(struct picture_wanted_route) wanted_routes; /* in the file's order */
};

/*
 * picture_init - @wanted, @seen and @ledger are borrowed
 * Errors: ENODEV (a route by a link that is not there), ENOMEM. The picture is fit for picture_fini() all the
 * same.
 */
int picture_init(struct picture *picture, const struct topology *wanted, const struct seen *seen,
                 const struct ledger *ledger, struct err *err);
void picture_fini(struct picture *picture);

/* picture_find_link - by name; picture_link_at - by the kernel's index. PICTURE_NONE: there is none */
uint32_t picture_find_link(const struct picture *picture, uint32_t netns, const char *name);
uint32_t picture_link_at(const struct picture *picture, uint32_t netns, uint32_t index);

/* picture_find_address, picture_find_network - the address, or the first of the network that it is of, among
 * those seen */
uint32_t picture_find_address(const struct picture *picture, uint32_t link, const struct prefix *prefix);
uint32_t picture_find_network(const struct picture *picture, uint32_t link, const struct prefix *prefix);

/* picture_is_same_network - are both of the same link and network? */
bool picture_is_same_network(const struct picture_address *a, const struct picture_address *b);

/* picture_first_route - where those to @to, or after it, begin */
size_t picture_first_route(const struct picture *picture, uint32_t netns, const struct prefix *to);

/* picture_is_made - is it a link that the topology makes, not somebody else's that it furnishes? */
bool picture_is_made(const struct picture_link *link);

/* picture_is_own_loopback - is it that of a namespace that the topology makes? */
bool picture_is_own_loopback(const struct picture *picture, const struct picture_link *link);

/* picture_is_ours - is it such a loopback, or a link that the topology makes? */
bool picture_is_ours(const struct picture *picture, const struct picture_link *link);

/* picture_numbers - those that the file gives the link; NULL: it does not name it */
const uint32_t *picture_numbers(const struct picture *picture, const struct picture_link *link);

/* picture_goes - is the namespace going to be deleted, and everything in it? */
bool picture_goes(const struct picture *picture, uint32_t netns);

/* picture_is_upper - is @kind one of those made on another link? */
bool picture_is_upper(enum link_kind kind);

/* picture_compare_prefix - for sorting: by family, length, address */
int picture_compare_prefix(const struct prefix *a, const struct prefix *b);

#endif
