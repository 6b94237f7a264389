/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/topology/picture.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

typedef int compare_fn(const void *a, const void *b);

/* ORDER - three-way comparison, as qsort(3) wants it */
#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

#define SORT(vec, compare)                                                                                   \
	do {                                                                                                 \
		if ((vec)->count > 1)                                                                        \
			qsort((vec)->items, (vec)->count, sizeof(*(vec)->items), (compare));                 \
	} while (0)

/* lower_bound - the first element of a sorted array that is not before @key; the array's count when all
 * are */
static size_t lower_bound(const void *key, const void *items, size_t count, size_t size, compare_fn *compare)
{
	size_t first = 0;
	while (count > 0) {
		size_t half = count / 2;
		if (compare((const char *)items + (first + half) * size, key) < 0) {
			first += half + 1;
			count -= half + 1;
		} else {
			count = half;
		}
	}
	return first;
}

#define LOWER_BOUND(key, vec, compare)                                                                       \
	lower_bound(key, (vec)->items, (vec)->count, sizeof(*(vec)->items), compare)

/* find - index of the element that equals @key, or PICTURE_NONE */
static uint32_t find(const void *key, const void *items, size_t count, size_t size, compare_fn *compare)
{
	size_t at = lower_bound(key, items, count, size, compare);
	if (at == count || compare((const char *)items + at * size, key) != 0)
		return PICTURE_NONE;
	return (uint32_t)at;
}

#define FIND(key, vec, compare) find(key, (vec)->items, (vec)->count, sizeof(*(vec)->items), compare)

int picture_compare_prefix(const struct prefix *a, const struct prefix *b)
{
	int order = ORDER(a->family, b->family);
	if (!order)
		order = ORDER(a->length, b->length);
	return order ? order : memcmp(a->address.in6.s6_addr, b->address.in6.s6_addr, sizeof(a->address.in6.s6_addr));
}

bool picture_is_made(const struct picture_link *link)
{
	return link->wanted && !link->wanted->existing;
}

static bool is_loopback(const struct picture_link *link)
{
	return strcmp(link->name, "lo") == 0;
}

bool picture_is_own_loopback(const struct picture *picture, const struct picture_link *link)
{
	const struct seen_netns *at = &picture->seen->netns.items[link->netns];
	return at->wanted != TOPOLOGY_NONE && at->tenure == NETNS_MADE && is_loopback(link);
}

bool picture_is_ours(const struct picture *picture, const struct picture_link *link)
{
	return picture_is_made(link) || picture_is_own_loopback(picture, link);
}

const uint32_t *picture_numbers(const struct picture *picture, const struct picture_link *link)
{
	uint32_t netns = picture->seen->netns.items[link->netns].wanted;
	if (is_loopback(link))
		return netns == TOPOLOGY_NONE ? NULL : picture->wanted->netns.items[netns].loopback_numbers;
	return link->wanted ? link->wanted->numbers : NULL;
}

bool picture_goes(const struct picture *picture, uint32_t netns)
{
	const struct seen_netns *at = &picture->seen->netns.items[netns];
	return at->wanted == TOPOLOGY_NONE && at->tenure == NETNS_MADE && at->exists && at->own;
}

bool picture_is_upper(enum link_kind kind)
{
	return kind == LINK_MACVLAN || kind == LINK_IPVLAN || kind == LINK_VXLAN;
}

static int index_ledger(struct picture *picture)
{
	for (size_t i = 0; i < picture->ledger->netns.count; i++) {
		uint32_t *netns = vec_push(&picture->of_ledger);
		if (!netns)
			return -ENOMEM;
		*netns = PICTURE_NONE;
	}
	for (uint32_t i = 0; i < picture->seen->netns.count; i++) {
		uint32_t known = picture->seen->netns.items[i].ledger;
		if (known != TOPOLOGY_NONE)
			picture->of_ledger.items[known] = i;
	}
	return 0;
}

/* ---- links ---- */

static int compare_links(const void *a, const void *b)
{
	const struct picture_link *x = a, *y = b;
	int order = ORDER(x->netns, y->netns);
	return order ? order : strcmp(x->name, y->name);
}

uint32_t picture_find_link(const struct picture *picture, uint32_t netns, const char *name)
{
	const struct picture_link key = {.netns = netns, .name = name};
	return FIND(&key, &picture->links, compare_links);
}

static int compare_indices(const void *a, const void *b)
{
	const struct picture_index *x = a, *y = b;
	int order = ORDER(x->netns, y->netns);
	return order ? order : ORDER(x->index, y->index);
}

uint32_t picture_link_at(const struct picture *picture, uint32_t netns, uint32_t index)
{
	const struct picture_index key = {.netns = netns, .index = index};
	uint32_t at = FIND(&key, &picture->by_index, compare_indices);
	return at == PICTURE_NONE ? PICTURE_NONE : picture->by_index.items[at].of;
}

static struct picture_link *add_link(struct picture *picture, uint32_t netns, const char *name)
{
	struct picture_link *link = vec_push(&picture->links);
	if (!link)
		return NULL;
	link->netns = netns;
	link->name = name;
	link->below = link->first_above = link->next_above = link->bridge = PICTURE_NONE;
	return link;
}

static int add_seen_links(struct picture *picture, uint32_t netns, const char *mark)
{
	const struct netstate *state = &picture->seen->netns.items[netns].state;
	vec_each (seen, &state->links) {
		struct picture_link *link = add_link(picture, netns, seen->name);
		if (!link)
			return -ENOMEM;
		link->seen = seen;
		link->own = seen->kind != LINK_LOOPBACK && strcmp(seen->alias, mark) == 0;
		link->present = true;
		link->up = seen->flags & IFF_UP;
	}
	return 0;
}

/* add_loopback - comes with a namespace that will be made */
static int add_loopback(struct picture *picture, uint32_t netns)
{
	const struct seen_netns *at = &picture->seen->netns.items[netns];
	if (at->exists || at->tenure != NETNS_MADE || at->wanted == TOPOLOGY_NONE)
		return 0;
	struct picture_link *link = add_link(picture, netns, "lo");
	if (!link)
		return -ENOMEM;
	link->present = true;
	return 0;
}

static int add_wanted_links(struct picture *picture)
{
	vec_each (wanted, &picture->wanted->links) {
		struct picture_link *link = add_link(picture, wanted->netns, wanted->name);
		if (!link)
			return -ENOMEM;
		link->wanted = wanted;
	}
	return 0;
}

/* merge_links - of each name one, which knows what is wanted and what is there */
static void merge_links(struct picture *picture)
{
	size_t kept = 0;
	SORT(&picture->links, compare_links);
	vec_each (link, &picture->links) {
		struct picture_link *last = kept ? &picture->links.items[kept - 1] : NULL;
		if (!last || compare_links(last, link) != 0) {
			picture->links.items[kept++] = *link;
			continue;
		}
		if (link->wanted) {
			last->wanted = link->wanted;
		} else {
			link->wanted = last->wanted;
			*last = *link;
		}
	}
	picture->links.count = kept;
}

static int index_links(struct picture *picture)
{
	for (size_t i = 0; i < picture->wanted->links.count; i++) {
		uint32_t *of_wanted = vec_push(&picture->of_wanted);
		if (!of_wanted)
			return -ENOMEM;
		*of_wanted = PICTURE_NONE;
	}
	for (uint32_t i = 0; i < picture->links.count; i++) {
		const struct picture_link *link = &picture->links.items[i];
		if (link->wanted)
			picture->of_wanted.items[link->wanted - picture->wanted->links.items] = i;
		if (!link->seen)
			continue;
		struct picture_index *index = vec_push(&picture->by_index);
		if (!index)
			return -ENOMEM;
		*index = (struct picture_index){link->netns, link->seen->index, i};
	}
	SORT(&picture->by_index, compare_indices);
	return 0;
}

static int take_links(struct picture *picture)
{
	char mark[TOPOLOGY_MARK_MAX];
	topology_mark(picture->wanted, mark, sizeof(mark));
	int rc = add_wanted_links(picture);
	for (uint32_t i = 0; rc == 0 && i < picture->seen->netns.count; i++) {
		rc = add_seen_links(picture, i, mark);
		if (rc == 0)
			rc = add_loopback(picture, i);
	}
	if (rc < 0)
		return rc;
	merge_links(picture);
	return index_links(picture);
}

/* ---- what is below a link ---- */

static int index_nsids(struct picture *picture)
{
	for (uint32_t i = 0; i < picture->seen->netns.count; i++) {
		vec_each (known, &picture->seen->netns.items[i].nsids) {
			struct picture_index *index = vec_push(&picture->by_nsid);
			if (!index)
				return -ENOMEM;
			*index = (struct picture_index){i, (uint32_t)known->nsid, known->netns};
		}
	}
	SORT(&picture->by_nsid, compare_indices);
	return 0;
}

/* netns_below - the namespace of what is below @link; PICTURE_NONE: not known, or not one of those seen */
static uint32_t netns_below(const struct picture *picture, const struct picture_link *link)
{
	if (link->seen->below_nsid == NETSTATE_NO_NSID)
		return link->netns;
	const struct picture_index key = {.netns = link->netns, .index = (uint32_t)link->seen->below_nsid};
	uint32_t at = FIND(&key, &picture->by_nsid, compare_indices);
	return at == PICTURE_NONE ? PICTURE_NONE : picture->by_nsid.items[at].of;
}

/* are_ends - do both say that the other one is their other end? */
static bool are_ends(const struct picture_link *a, const struct picture_link *b)
{
	return a->seen && b->seen && a->seen->kind == LINK_VETH && b->seen->kind == LINK_VETH &&
	       a->seen->below == b->seen->index && b->seen->below == a->seen->index;
}

/* wanted_below - what the file wants below @link, as index in the picture */
static uint32_t wanted_below(const struct picture *picture, const struct picture_link *link)
{
	if (!link->wanted)
		return PICTURE_NONE;
	uint32_t below = link->wanted->kind == LINK_VETH ? link->wanted->peer : link->wanted->parent;
	return below == TOPOLOGY_NONE ? PICTURE_NONE : picture->of_wanted.items[below];
}

/* fits_below - can @below, in a namespace that is not known for sure, be what @link is on? */
static bool fits_below(const struct picture_link *link, const struct picture_link *below)
{
	if (link->seen->kind == LINK_VETH)
		return are_ends(link, below);
	return below->seen && below->seen->index == link->seen->below;
}

/* has_nsid - is the number known by which @netns calls @other? */
static bool has_nsid(const struct picture *picture, uint32_t netns, uint32_t other)
{
	const struct picture_index key = {.netns = netns};
	size_t i = LOWER_BOUND(&key, &picture->by_nsid, compare_indices);
	for (; i < picture->by_nsid.count && picture->by_nsid.items[i].netns == netns; i++) {
		if (picture->by_nsid.items[i].of == other)
			return true;
	}
	return false;
}

/* guess_below - what the file says, unless that is in the same namespace, or in one whose number would have
 * been known */
static uint32_t guess_below(const struct picture *picture, const struct picture_link *link)
{
	uint32_t below = wanted_below(picture, link);
	if (below == PICTURE_NONE)
		return PICTURE_NONE;
	uint32_t netns = picture->links.items[below].netns;
	return netns == link->netns || has_nsid(picture, link->netns, netns) ? PICTURE_NONE : below;
}

static uint32_t find_below(const struct picture *picture, const struct picture_link *link)
{
	uint32_t netns = netns_below(picture, link);
	uint32_t below = netns != PICTURE_NONE ? picture_link_at(picture, netns, link->seen->below)
	                                       : guess_below(picture, link);
	if (below == PICTURE_NONE || !fits_below(link, &picture->links.items[below]))
		return PICTURE_NONE;
	return below;
}

/*
 * Ends of veth pairs whose namespaces are not known for sure, by the two indices: where just two have the
 * same, they belong together.
 */
struct loose_end {
	uint32_t low, high; /* the smaller and the greater of its own index and the other's */
	uint32_t link;
};

struct loose_ends {
	VEC(struct loose_end) all;
};

static int compare_loose_ends(const void *a, const void *b)
{
	const struct loose_end *x = a, *y = b;
	int order = ORDER(x->low, y->low);
	return order ? order : ORDER(x->high, y->high);
}

static int collect_loose_ends(const struct picture *picture, struct loose_ends *ends)
{
	for (uint32_t i = 0; i < picture->links.count; i++) {
		const struct picture_link *link = &picture->links.items[i];
		if (!link->seen || link->seen->kind != LINK_VETH || link->below != PICTURE_NONE ||
		    netns_below(picture, link) != PICTURE_NONE)
			continue;
		struct loose_end *end = vec_push(&ends->all);
		if (!end)
			return -ENOMEM;
		uint32_t own = link->seen->index, other = link->seen->below;
		*end = (struct loose_end){own < other ? own : other, own < other ? other : own, i};
	}
	return 0;
}

/* join_loose_ends - @ends: two of the same indices, if @count is 2 */
static void join_loose_ends(struct picture *picture, const struct loose_end *ends, size_t count)
{
	if (count != 2)
		return;
	struct picture_link *a = &picture->links.items[ends[0].link],
	                    *b = &picture->links.items[ends[1].link];
	if (a->netns == b->netns || has_nsid(picture, a->netns, b->netns) || !are_ends(a, b))
		return;
	a->below = ends[1].link;
	b->below = ends[0].link;
}

static int tie_loose_ends(struct picture *picture)
{
	struct loose_ends ends = {0};
	int rc = collect_loose_ends(picture, &ends);
	SORT(&ends.all, compare_loose_ends);
	for (size_t i = 0, next; rc == 0 && i < ends.all.count; i = next) {
		for (next = i + 1; next < ends.all.count; next++) {
			if (compare_loose_ends(&ends.all.items[i], &ends.all.items[next]) != 0)
				break;
		}
		join_loose_ends(picture, &ends.all.items[i], next - i);
	}
	vec_clear(&ends.all);
	return rc;
}

/* put_above - note with what is below that @link is on it */
static void put_above(struct picture *picture, uint32_t link)
{
	struct picture_link *upper = &picture->links.items[link];
	struct picture_link *below = &picture->links.items[upper->below];
	upper->next_above = below->first_above;
	below->first_above = link;
}

static int tie_links(struct picture *picture)
{
	if (index_nsids(picture) < 0)
		return -ENOMEM;
	vec_each (link, &picture->links) {
		if (!link->seen)
			continue;
		if (link->seen->below)
			link->below = find_below(picture, link);
		if (link->seen->master)
			link->bridge = picture_link_at(picture, link->netns, link->seen->master);
	}
	int rc = tie_loose_ends(picture);
	for (uint32_t i = 0; rc == 0 && i < picture->links.count; i++) {
		const struct picture_link *link = &picture->links.items[i];
		if (link->below != PICTURE_NONE && link->seen->kind != LINK_VETH)
			put_above(picture, i);
	}
	return rc;
}

/* ---- addresses ---- */

static int compare_addresses(const void *a, const void *b)
{
	const struct picture_address *x = a, *y = b;
	int order = ORDER(x->link, y->link);
	return order ? order : picture_compare_prefix(&x->prefix, &y->prefix);
}

uint32_t picture_find_address(const struct picture *picture, uint32_t link, const struct prefix *prefix)
{
	const struct picture_address key = {.link = link, .prefix = *prefix};
	return FIND(&key, &picture->addresses, compare_addresses);
}

bool picture_is_same_network(const struct picture_address *a, const struct picture_address *b)
{
	struct prefix x = prefix_network(&a->prefix), y = prefix_network(&b->prefix);
	return a->link == b->link && picture_compare_prefix(&x, &y) == 0;
}

/* picture_find_network - those of one network and length stand side by side */
uint32_t picture_find_network(const struct picture *picture, uint32_t link, const struct prefix *prefix)
{
	const struct picture_address key = {.link = link, .prefix = prefix_network(prefix)};
	size_t at = LOWER_BOUND(&key, &picture->addresses, compare_addresses);
	if (at == picture->addresses.count || !picture_is_same_network(&picture->addresses.items[at], &key))
		return PICTURE_NONE;
	return (uint32_t)at;
}

/*
 * is_own_address - on an own link: all that people give, for the whole link is the topology's. Not what the
 * kernel made, or what has a lifetime (DHCP).
 */
static bool is_own_address(const struct picture_link *link, const struct netstate_address *address)
{
	if (!link->own || address->peer.family != AF_UNSPEC)
		return false;
	return address->protocol == TOPOLOGY_PROTOCOL ||
	       (address->protocol == IFAPROT_UNSPEC && (address->flags & IFA_F_PERMANENT) &&
	        address->scope != RT_SCOPE_LINK);
}

static int take_address(struct picture *picture, uint32_t netns, const struct netstate_address *seen)
{
	uint32_t link = picture_link_at(picture, netns, seen->link);
	if (link == PICTURE_NONE)
		return 0; /* the link came between the two lists */
	struct picture_address *address = vec_push(&picture->addresses);
	if (!address)
		return -ENOMEM;
	address->link = link;
	address->prefix = seen->prefix;
	address->own = is_own_address(&picture->links.items[link], seen);
	address->secondary = seen->prefix.family == AF_INET && (seen->flags & IFA_F_SECONDARY);
	return 0;
}

static int take_wanted_addresses(struct picture *picture, uint32_t link, const struct topology_link *wanted)
{
	vec_each (prefix, &wanted->addresses) {
		struct picture_wanted_address *address = vec_push(&picture->wanted_addresses);
		if (!address)
			return -ENOMEM;
		uint32_t seen = picture_find_address(picture, link, prefix);
		*address = (struct picture_wanted_address){link, prefix, seen};
		if (seen != PICTURE_NONE)
			picture->addresses.items[seen].wanted = true;
	}
	return 0;
}

static int take_addresses(struct picture *picture)
{
	for (uint32_t i = 0; i < picture->seen->netns.count; i++) {
		vec_each (seen, &picture->seen->netns.items[i].state.addresses) {
			if (take_address(picture, i, seen) < 0)
				return -ENOMEM;
		}
	}
	SORT(&picture->addresses, compare_addresses);
	for (size_t i = 0; i < picture->wanted->links.count; i++) {
		if (take_wanted_addresses(picture, picture->of_wanted.items[i],
		                          &picture->wanted->links.items[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* ---- routes ---- */

/* compare_paths - by all but the link */
static int compare_paths(const void *a, const void *b)
{
	const struct picture_route *x = a, *y = b;
	int order = ORDER(x->netns, y->netns);
	if (!order)
		order = picture_compare_prefix(&x->to, &y->to);
	return order ? order : picture_compare_prefix(&x->via, &y->via);
}

static int compare_routes(const void *a, const void *b)
{
	const struct picture_route *x = a, *y = b;
	int order = compare_paths(a, b);
	return order ? order : ORDER(x->link, y->link);
}

size_t picture_first_route(const struct picture *picture, uint32_t netns, const struct prefix *to)
{
	const struct picture_route key = {.netns = netns, .to = *to};
	return LOWER_BOUND(&key, &picture->routes, compare_paths);
}

static int take_route(struct picture *picture, uint32_t netns, const struct netstate_route *seen)
{
	if (seen->table != RT_TABLE_MAIN || seen->type != RTN_UNICAST || seen->nexthop_count > 1 ||
	    !seen->link)
		return 0;
	uint32_t link = picture_link_at(picture, netns, seen->link);
	if (link == PICTURE_NONE)
		return 0;
	struct picture_route *route = vec_push(&picture->routes);
	if (!route)
		return -ENOMEM;
	*route = (struct picture_route){
	        .netns = netns,
	        .link = link,
	        .to = seen->to,
	        .via = seen->via,
	        .protocol = seen->protocol,
	        .metric = seen->metric,
	        .own = seen->protocol == TOPOLOGY_PROTOCOL && picture->links.items[link].own,
	};
	return 0;
}

/* find_route - that goes to, via and by what @route says; any link will do where it says none */
static uint32_t find_route(const struct picture *picture, uint32_t netns, const struct topology_route *route,
                           uint32_t link)
{
	const struct picture_route key = {.netns = netns, .to = route->to, .via = route->via};
	size_t i = LOWER_BOUND(&key, &picture->routes, compare_paths);
	for (; i < picture->routes.count && compare_paths(&picture->routes.items[i], &key) == 0; i++) {
		if (link == PICTURE_NONE || picture->routes.items[i].link == link)
			return (uint32_t)i;
	}
	return PICTURE_NONE;
}

/* is_connected - does the kernel make the route by itself, for an address that the link is to have? */
static bool is_connected(const struct picture *picture, uint32_t link, const struct topology_route *route)
{
	if (route->via.family != AF_UNSPEC || link == PICTURE_NONE || !picture->links.items[link].wanted)
		return false;
	vec_each (address, &picture->links.items[link].wanted->addresses) {
		struct prefix network = prefix_network(address);
		if (picture_compare_prefix(&network, &route->to) == 0)
			return true;
	}
	return false;
}

static int take_wanted_route(struct picture *picture, uint32_t netns, const struct topology_route *route,
                             struct err *err)
{
	uint32_t link = route->link[0] ? picture_find_link(picture, netns, route->link) : PICTURE_NONE;
	if (route->link[0] && link == PICTURE_NONE)
		return err_set(err, ENODEV, "%s/%s is not there, but a route goes by it",
		               picture->seen->netns.items[netns].name, route->link);
	if (is_connected(picture, link, route))
		return 0;
	struct picture_wanted_route *wanted = vec_push(&picture->wanted_routes);
	if (!wanted)
		return err_set(err, ENOMEM, "out of memory");
	uint32_t seen = find_route(picture, netns, route, link);
	*wanted = (struct picture_wanted_route){netns, link, route, seen};
	if (seen != PICTURE_NONE)
		picture->routes.items[seen].wanted = true;
	return 0;
}

static int take_wanted_routes(struct picture *picture, struct err *err)
{
	for (uint32_t i = 0; i < picture->wanted->netns.count; i++) {
		vec_each (route, &picture->wanted->netns.items[i].routes) {
			int rc = take_wanted_route(picture, i, route, err);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

static int take_routes(struct picture *picture)
{
	for (uint32_t i = 0; i < picture->seen->netns.count; i++) {
		vec_each (seen, &picture->seen->netns.items[i].state.routes) {
			if (take_route(picture, i, seen) < 0)
				return -ENOMEM;
		}
	}
	SORT(&picture->routes, compare_routes);
	return 0;
}

/* ---- what the ledger says is the topology's own ---- */

static void claim_address(struct picture *picture, uint32_t netns, const struct ledger_address *fact)
{
	uint32_t link = picture_find_link(picture, netns, fact->link);
	uint32_t address = link == PICTURE_NONE ? PICTURE_NONE
	                                        : picture_find_address(picture, link, &fact->prefix);
	if (address != PICTURE_NONE)
		picture->addresses.items[address].own = true;
}

static void claim_route(struct picture *picture, uint32_t netns, const struct topology_route *fact)
{
	uint32_t link = fact->link[0] ? picture_find_link(picture, netns, fact->link) : PICTURE_NONE;
	if (fact->link[0] && link == PICTURE_NONE)
		return;
	uint32_t route = find_route(picture, netns, fact, link);
	if (route != PICTURE_NONE && picture->routes.items[route].protocol == TOPOLOGY_PROTOCOL)
		picture->routes.items[route].own = true;
}

static void claim_ledger(struct picture *picture)
{
	const struct ledger *ledger = picture->ledger;
	vec_each (fact, &ledger->addresses) {
		uint32_t netns = picture->of_ledger.items[fact->netns];
		if (netns != PICTURE_NONE)
			claim_address(picture, netns, fact);
	}
	vec_each (fact, &ledger->routes) {
		uint32_t netns = picture->of_ledger.items[fact->netns];
		if (netns != PICTURE_NONE)
			claim_route(picture, netns, &fact->route);
	}
}

/* ---- all of it ---- */

int picture_init(struct picture *picture, const struct topology *wanted, const struct seen *seen,
                 const struct ledger *ledger, struct err *err)
{
	*picture = (struct picture){.wanted = wanted, .seen = seen, .ledger = ledger};
	int rc = index_ledger(picture);
	if (rc == 0)
		rc = take_links(picture);
	if (rc == 0)
		rc = tie_links(picture);
	if (rc == 0)
		rc = take_addresses(picture);
	if (rc == 0)
		rc = take_routes(picture);
	if (rc < 0)
		return err_set(err, -rc, "out of memory");
	claim_ledger(picture);
	return take_wanted_routes(picture, err);
}

void picture_fini(struct picture *picture)
{
	vec_clear(&picture->of_ledger);
	vec_clear(&picture->links);
	vec_clear(&picture->by_index);
	vec_clear(&picture->by_nsid);
	vec_clear(&picture->of_wanted);
	vec_clear(&picture->addresses);
	vec_clear(&picture->wanted_addresses);
	vec_clear(&picture->routes);
	vec_clear(&picture->wanted_routes);
}
