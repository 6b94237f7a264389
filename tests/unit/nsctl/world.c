/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/nsctl/world.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum { NSID_BASE = 100, IPV6_MTU_MIN = 1280, LEGACY_SIZE = 65536, METRIC6_USER = 1024, METRIC6_KERNEL = 256 };

/* remove_at - element @i of @vec */
#define remove_at(vec, i)                                                                                    \
	memmove(&(vec)->items[i], &(vec)->items[(i) + 1], (--(vec)->count - (i)) * sizeof(*(vec)->items))

#define copy_vec(to, from)                                                                                   \
	do {                                                                                                 \
		memset(to, 0, sizeof(*(to)));                                                                \
		vec_each (element, from)                                                                     \
			*(__typeof__((to)->items))vec_push(to) = *element;                                   \
	} while (0)

static struct world_netns *netns_at(const struct world *world, const char *name)
{
	vec_each (netns, &world->netns) {
		if (strcmp(netns->name, name) == 0)
			return netns;
	}
	return NULL;
}

static struct netstate_link *link_named(struct world_netns *netns, const char *name)
{
	vec_each (link, &netns->state.links) {
		if (strcmp(link->name, name) == 0)
			return link;
	}
	return NULL;
}

struct netstate_link *world_link_indexed(struct world_netns *netns, uint32_t index)
{
	vec_each (link, &netns->state.links) {
		if (link->index == index)
			return link;
	}
	return NULL;
}

struct netstate_link *world_link(const struct world *world, const char *netns, const char *name)
{
	struct world_netns *at = netns_at(world, netns);
	return at ? link_named(at, name) : NULL;
}

static uint32_t netns_index(const struct world *world, const struct world_netns *netns)
{
	return (uint32_t)(netns - world->netns.items);
}

/* netns_below - the namespace of what @link of @netns is on */
static struct world_netns *netns_below(const struct world *world, struct world_netns *netns,
                                       const struct netstate_link *link)
{
	return link->below_nsid == NETSTATE_NO_NSID ? netns
	                                            : &world->netns.items[link->below_nsid - NSID_BASE];
}

struct netstate_link *world_link_below(const struct world *world, struct world_netns *netns,
                                       const struct netstate_link *link)
{
	return link->below ? world_link_indexed(netns_below(world, netns, link), link->below) : NULL;
}

static int32_t nsid(const struct world *world, const struct world_netns *from, const struct world_netns *to)
{
	return from == to ? NETSTATE_NO_NSID : NSID_BASE + (int32_t)netns_index(world, to);
}

/* ---- making, copying ---- */

void world_init(struct world *world, const char *topology)
{
	*world = (struct world){0};
	snprintf(world->mark, sizeof(world->mark), "nsctl-%s", topology);
}

static void copy_state(struct netstate *ret, const struct netstate *state)
{
	memset(ret, 0, sizeof(*ret));
	copy_vec(&ret->links, &state->links);
	copy_vec(&ret->addresses, &state->addresses);
	copy_vec(&ret->routes, &state->routes);
}

void world_fini(struct world *world)
{
	vec_each (netns, &world->netns) {
		netstate_fini(&netns->state);
		free(netns->nat);
	}
	vec_clear(&world->netns);
}

void world_copy(struct world *ret, const struct world *world)
{
	*ret = *world;
	copy_vec(&ret->netns, &world->netns);
	vec_each (netns, &ret->netns) {
		struct netstate shared = netns->state;
		copy_state(&netns->state, &shared);
		netns->nat = strdup(netns->nat);
	}
}

static uint32_t default_mtu(enum link_kind kind)
{
	return kind == LINK_LOOPBACK ? 65536 : 1500;
}

static struct netstate_link *new_link(struct world *world, struct world_netns *netns, const char *name,
                                      enum link_kind kind)
{
	struct netstate_link *link = vec_push(&netns->state.links);
	link->index = ++netns->last_index;
	strcpy(link->name, name);
	link->kind = kind;
	link->below_nsid = NETSTATE_NO_NSID;
	if (!world->by_hand)
		strcpy(link->alias, world->mark);
	link->mac = (struct link_mac){.given = true, .bytes = {2}};
	uint32_t mac = ++world->last_mac;
	memcpy(&link->mac.bytes[2], &mac, sizeof(mac));
	for (enum link_number i = 0; i < LINK_NUMBER_COUNT; i++)
		link->numbers[i] = world->lacks[i] ? 0 : i == LINK_MTU ? default_mtu(kind) : LEGACY_SIZE;
	return link;
}

uint32_t world_add_netns(struct world *world, const char *name)
{
	struct world_netns *netns = netns_at(world, name);
	if (!netns)
		netns = vec_push(&world->netns);
	uint64_t cookie = netns->cookie + 1000;
	*netns = (struct world_netns){
	        .exists = true, .own = !world->by_hand, .cookie = cookie, .nat = strdup("")};
	strcpy(netns->name, name);
	for (enum sysctl key = 0; key < SYSCTL_COUNT; key++)
		strcpy(netns->sysctls[key], key == SYSCTL_TCP_CONGESTION_CONTROL ? "cubic" : "0");
	new_link(world, netns, "lo", LINK_LOOPBACK);
	return netns_index(world, netns);
}

/* ---- seeing ---- */

static void see_netns(const struct world *world, struct seen_netns *seen)
{
	const struct world_netns *netns = netns_at(world, seen->name);
	seen->exists = netns && netns->exists;
	seen->nat = strdup(seen->exists ? netns->nat : "");
	if (!seen->exists)
		return;
	seen->own = netns->own;
	seen->cookie = netns->cookie;
	memcpy(seen->sysctls, netns->sysctls, sizeof(seen->sysctls));
	copy_state(&seen->state, &netns->state);
}

/* tell_nsids - @seen's place in the world is found by its name */
static void tell_nsids(const struct world *world, struct seen *seen)
{
	vec_each (netns, &seen->netns) {
		for (uint32_t i = 0; i < seen->netns.count; i++) {
			const struct world_netns *other = netns_at(world, seen->netns.items[i].name);
			if (other)
				*(struct seen_nsid *)vec_push(&netns->nsids) = (struct seen_nsid){
				        NSID_BASE + (int32_t)netns_index(world, other), i};
		}
	}
}

static struct seen_netns *see_name(struct seen *seen, const char *name)
{
	vec_each (netns, &seen->netns) {
		if (strcmp(netns->name, name) == 0)
			return netns;
	}
	struct seen_netns *netns = vec_push(&seen->netns);
	netns->name = name;
	netns->wanted = netns->ledger = TOPOLOGY_NONE;
	return netns;
}

void world_see(const struct world *world, const struct topology *wanted, const struct ledger *ledger,
               struct seen *ret)
{
	*ret = (struct seen){0};
	memcpy(ret->lacks, world->lacks, sizeof(ret->lacks));
	for (uint32_t i = 0; i < wanted->netns.count; i++) {
		struct seen_netns *seen = see_name(ret, wanted->netns.items[i].name);
		seen->wanted = i;
		seen->tenure = wanted->netns.items[i].tenure;
		seen->ref = wanted->netns.items[i].ref;
	}
	for (uint32_t i = 0; i < ledger->netns.count; i++) {
		struct seen_netns *seen = see_name(ret, ledger->netns.items[i].name);
		seen->ledger = i;
		if (seen->wanted == TOPOLOGY_NONE) {
			seen->tenure = ledger->netns.items[i].tenure;
			seen->ref = ledger->netns.items[i].ref;
		}
	}
	vec_each (seen, &ret->netns)
		see_netns(world, seen);
	if (!world->hide_nsids)
		tell_nsids(world, ret);
}

/* ---- routes and addresses, as a kernel has them ---- */

static bool same_prefix(const struct prefix *a, const struct prefix *b)
{
	return a->family == b->family && (a->family == AF_UNSPEC || prefix_equal(a, b));
}

static void drop_routes(struct world_netns *netns, uint32_t link, sa_family_t family)
{
	for (size_t i = netns->state.routes.count; i-- > 0;) {
		const struct netstate_route *route = &netns->state.routes.items[i];
		if (route->link == link && (family == AF_UNSPEC || route->to.family == family))
			remove_at(&netns->state.routes, i);
	}
}

static void drop_addresses(struct world_netns *netns, uint32_t link, sa_family_t family)
{
	for (size_t i = netns->state.addresses.count; i-- > 0;) {
		const struct netstate_address *address = &netns->state.addresses.items[i];
		if (address->link == link && (family == AF_UNSPEC || address->prefix.family == family))
			remove_at(&netns->state.addresses, i);
	}
}

static struct netstate_route *find_route(struct world_netns *netns, const struct prefix *to,
                                         const struct prefix *via, uint32_t link)
{
	vec_each (route, &netns->state.routes) {
		if (same_prefix(&route->to, to) && same_prefix(&route->via, via) &&
		    (!link || route->link == link))
			return route;
	}
	return NULL;
}

static void new_route(struct world_netns *netns, const struct netstate_route *route)
{
	struct netstate_route *made = vec_push(&netns->state.routes);
	*made = *route;
	made->table = RT_TABLE_MAIN;
	made->type = RTN_UNICAST;
}

/* connect_network - the route that comes with an address of a link that is up */
static void connect_network(struct world_netns *netns, const struct netstate_link *link,
                            const struct prefix *address)
{
	static const struct prefix none;
	struct netstate_route route = {
	        .to = prefix_network(address), .link = link->index, .protocol = RTPROT_KERNEL};
	if (!(link->flags & IFF_UP) || address->length == prefix_full_length(address->family))
		return;
	route.metric = address->family == AF_INET6 ? METRIC6_KERNEL : 0;
	if (!find_route(netns, &route.to, &none, link->index))
		new_route(netns, &route);
}

static void disconnect_network(struct world_netns *netns, uint32_t link, const struct prefix *address)
{
	struct prefix network = prefix_network(address), none = {0};
	vec_each (other, &netns->state.addresses) {
		struct prefix of = prefix_network(&other->prefix);
		if (other->link == link && same_prefix(&of, &network))
			return;
	}
	struct netstate_route *route = find_route(netns, &network, &none, link);
	if (route && route->protocol == RTPROT_KERNEL)
		remove_at(&netns->state.routes, (size_t)(route - netns->state.routes.items));
}

/* find_onlink - by which link @via is reached; 0: by none */
static uint32_t find_onlink(struct world_netns *netns, const struct prefix *via, uint32_t link)
{
	const struct netstate_route *best = NULL;
	vec_each (route, &netns->state.routes) {
		if (route->via.family == AF_UNSPEC && route->to.family == via->family &&
		    prefix_covers(&route->to, via) && (!link || route->link == link) &&
		    (!best || best->to.length < route->to.length))
			best = route;
	}
	return best ? best->link : 0;
}

static int route_add(struct world *world, struct world_netns *netns, const struct topology_route *route)
{
	uint32_t metric = route->to.family == AF_INET6 ? METRIC6_USER : 0, link = 0;
	vec_each (other, &netns->state.routes) {
		if (same_prefix(&other->to, &route->to) && other->metric == metric)
			return -EEXIST;
	}
	if (route->link[0]) {
		const struct netstate_link *at = link_named(netns, route->link);
		if (!at)
			return -ENODEV;
		if (!(at->flags & IFF_UP))
			return -ENETDOWN;
		link = at->index;
	}
	if (route->via.family != AF_UNSPEC)
		link = find_onlink(netns, &route->via, link);
	if (!link)
		return -ENETUNREACH;
	new_route(netns,
	          &(struct netstate_route){.to = route->to,
	                                   .via = route->via,
	                                   .link = link,
	                                   .metric = metric,
	                                   .protocol = world->by_hand ? RTPROT_BOOT : TOPOLOGY_PROTOCOL});
	return 0;
}

static int route_delete(struct world_netns *netns, const struct topology_route *route)
{
	const struct netstate_link *link = route->link[0] ? link_named(netns, route->link) : NULL;
	struct netstate_route *found = find_route(netns, &route->to, &route->via, link ? link->index : 0);
	if (!found || (route->link[0] && !link))
		return -ESRCH;
	remove_at(&netns->state.routes, (size_t)(found - netns->state.routes.items));
	return 0;
}

static bool same_network(const struct netstate_address *a, const struct netstate_address *b)
{
	struct prefix x = prefix_network(&a->prefix), y = prefix_network(&b->prefix);
	return a->link == b->link && same_prefix(&x, &y);
}

static int address_add(struct world *world, struct world_netns *netns, const struct netstate_link *link,
                       const struct prefix *prefix)
{
	struct netstate_address made = {.link = link->index,
	                                .prefix = *prefix,
	                                .flags = IFA_F_PERMANENT,
	                                .protocol = world->by_hand ? IFAPROT_UNSPEC : TOPOLOGY_PROTOCOL};
	vec_each (other, &netns->state.addresses) {
		struct prefix as_long = other->prefix;
		if (prefix->family == AF_INET6)
			as_long.length =
			        prefix->length; /* IPv6 does not take an address twice, whatever its length */
		if (other->link == link->index && same_prefix(&as_long, prefix))
			return -EEXIST;
		if (prefix->family == AF_INET && same_network(other, &made))
			made.flags |= IFA_F_SECONDARY;
	}
	if (prefix->family == AF_INET6 && link->numbers[LINK_MTU] < IPV6_MTU_MIN)
		return -EINVAL;
	*(struct netstate_address *)vec_push(&netns->state.addresses) = made;
	connect_network(netns, link, prefix);
	return 0;
}

static bool has_ipv4(const struct world_netns *netns, uint32_t link)
{
	vec_each (address, &netns->state.addresses) {
		if (address->link == link && address->prefix.family == AF_INET)
			return true;
	}
	return false;
}

static void drop_secondaries(struct world_netns *netns, const struct netstate_address *primary)
{
	for (size_t i = netns->state.addresses.count; i-- > 0;) {
		if (same_network(&netns->state.addresses.items[i], primary))
			remove_at(&netns->state.addresses, i);
	}
}

static int address_delete(struct world_netns *netns, const struct netstate_link *link,
                          const struct prefix *prefix)
{
	for (size_t i = 0; i < netns->state.addresses.count; i++) {
		struct netstate_address gone = netns->state.addresses.items[i];
		if (gone.link != link->index || !same_prefix(&gone.prefix, prefix))
			continue;
		remove_at(&netns->state.addresses, i);
		if (prefix->family == AF_INET && !(gone.flags & IFA_F_SECONDARY))
			drop_secondaries(netns, &gone);
		disconnect_network(netns, link->index, prefix);
		if (prefix->family == AF_INET && !has_ipv4(netns, link->index))
			drop_routes(netns, link->index, AF_INET);
		return 0;
	}
	return -EADDRNOTAVAIL;
}

/* ---- links ---- */

static bool is_upper(enum link_kind kind)
{
	return kind == LINK_MACVLAN || kind == LINK_IPVLAN || kind == LINK_VXLAN;
}

static void link_gone(struct world *world, struct world_netns *netns, uint32_t index);

/* uppers_gone - those on @index of @netns, in whatever namespace */
static void uppers_gone(struct world *world, struct world_netns *netns, uint32_t index)
{
	vec_each (at, &world->netns) {
		for (size_t i = at->state.links.count; i-- > 0;) {
			const struct netstate_link *link = &at->state.links.items[i];
			if (is_upper(link->kind) && link->below == index &&
			    netns_below(world, at, link) == netns) {
				link_gone(world, at, link->index);
				i = at->state.links.count;
			}
		}
	}
}

static void link_gone(struct world *world, struct world_netns *netns, uint32_t index)
{
	struct netstate_link *link = world_link_indexed(netns, index);
	if (!link)
		return;
	struct netstate_link gone = *link;
	remove_at(&netns->state.links, (size_t)(link - netns->state.links.items));
	drop_addresses(netns, index, AF_UNSPEC);
	drop_routes(netns, index, AF_UNSPEC);
	vec_each (port, &netns->state.links) {
		if (port->master == index)
			port->master = 0;
	}
	uppers_gone(world, netns, index);
	if (gone.kind == LINK_VETH)
		link_gone(world, netns_below(world, netns, &gone), gone.below);
}

static int kernel_netns_delete(struct world *world, struct world_netns *netns)
{
	if (!netns || !netns->exists)
		return -ENOENT;
	while (netns->state.links.count > 0)
		link_gone(world, netns, netns->state.links.items[0].index);
	netstate_fini(&netns->state);
	netns->state = (struct netstate){0};
	netns->exists = netns->own = false;
	return 0;
}

static int kernel_netns_add(struct world *world, const char *name)
{
	struct world_netns *netns = netns_at(world, name);
	if (netns && netns->exists)
		return -EEXIST;
	if (netns)
		free(netns->nat);
	world_add_netns(world, name);
	return 0;
}

static void give_numbers(struct netstate_link *link, const struct link_mac *mac, const uint32_t *numbers)
{
	for (enum link_number i = 0; i < LINK_NUMBER_COUNT; i++) {
		CHECK(!numbers[i] || link->numbers[i]); /* Linux would pass over one that it does not know */
		if (numbers[i])
			link->numbers[i] = numbers[i];
	}
	if (mac->given)
		link->mac = *mac;
}

static int add_peer(struct world *world, struct world_netns *netns, const char *name, struct world_netns *at,
                    const struct step_link *made)
{
	if (!at || !at->exists)
		return -EINVAL;
	if (link_named(at, made->peer))
		return -EEXIST;
	struct netstate_link *peer = new_link(world, at, made->peer, LINK_VETH);
	give_numbers(peer, &made->peer_mac, made->peer_numbers);
	peer->below_nsid = nsid(world, at, netns);
	struct netstate_link *link = link_named(netns, name);
	peer = link_named(at, made->peer);
	peer->below = link->index;
	link->below = peer->index;
	link->below_nsid = nsid(world, netns, at);
	return 0;
}

/* check_busy - a link can be a bridge's port, or have macvlans, or ipvlans on it, but one only */
static int check_busy(struct world *world, struct world_netns *netns, const struct netstate_link *link,
                      enum link_kind kind)
{
	if (link->master)
		return -EBUSY;
	vec_each (at, &world->netns) {
		vec_each (upper, &at->state.links) {
			if ((upper->kind == LINK_MACVLAN || upper->kind == LINK_IPVLAN) &&
			    upper->kind != kind && world_link_below(world, at, upper) == link &&
			    netns_below(world, at, upper) == netns)
				return -EBUSY;
		}
	}
	return 0;
}

static int put_on(struct world *world, struct world_netns *netns, struct netstate_link *link,
                  struct world_netns *at, const char *parent, bool chosen_mtu)
{
	struct netstate_link *below = at && at->exists ? link_named(at, parent) : NULL;
	if (!below)
		return -ENODEV;
	if (below->kind == link->kind && link->kind != LINK_VXLAN) {
		struct world_netns *root = netns_below(world, at, below);
		below = world_link_below(world, at, below);
		at = root;
	}
	int rc = link->kind == LINK_VXLAN ? 0 : check_busy(world, at, below, link->kind);
	link->below = below->index;
	link->below_nsid = nsid(world, netns, at);
	if (!chosen_mtu)
		link->numbers[LINK_MTU] = below->numbers[LINK_MTU] - (link->kind == LINK_VXLAN ? 50 : 0);
	return rc;
}

static int check_vni(struct world_netns *netns, uint32_t vni)
{
	vec_each (link, &netns->state.links) {
		if (link->kind == LINK_VXLAN && link->vxlan.vni == vni)
			return -EEXIST;
	}
	return 0;
}

static int link_add(struct world *world, const struct seen *seen, struct world_netns *netns,
                    const struct step *step)
{
	const struct step_link *made = &step->made;
	if (link_named(netns, step->link))
		return -EEXIST;
	if (made->kind == LINK_VXLAN && check_vni(netns, made->vxlan.vni) < 0)
		return -EEXIST;
	struct netstate_link *link = new_link(world, netns, step->link, made->kind);
	uint32_t index = link->index;
	give_numbers(link, &made->mac, made->numbers);
	link->mode = made->mode;
	link->vxlan = made->vxlan;
	if (made->kind == LINK_VXLAN && !made->vxlan.port)
		link->vxlan.port = 4789;
	int rc = 0;
	if (made->kind == LINK_VETH)
		rc = add_peer(world, netns, step->link,
		              netns_at(world, seen->netns.items[made->peer_netns].name), made);
	if (made->parent[0])
		rc = put_on(world, netns, link, netns_at(world, seen->netns.items[made->parent_netns].name),
		            made->parent, made->numbers[LINK_MTU]);
	if (rc < 0)
		link_gone(world, netns, index);
	return rc;
}

static int link_up(struct world_netns *netns, struct netstate_link *link)
{
	link->flags |= IFF_UP;
	vec_each (address, &netns->state.addresses) {
		if (address->link == link->index)
			connect_network(netns, link, &address->prefix);
	}
	return 0;
}

static int link_down(struct world_netns *netns, struct netstate_link *link)
{
	link->flags &= ~(uint32_t)IFF_UP;
	drop_routes(netns, link->index, AF_UNSPEC);
	drop_addresses(netns, link->index, AF_INET6);
	return 0;
}

static int link_number(const struct world *world, struct world_netns *netns, struct netstate_link *link,
                       const struct step *step)
{
	enum link_number number = step->number.number;
	uint32_t value = step->number.after;
	CHECK(world->undoing || link->numbers[number] == step->number.before);
	CHECK(link->numbers[number]);
	link->numbers[number] = value;
	if (number == LINK_GSO_MAX_SIZE && value <= LEGACY_SIZE && link->numbers[LINK_GSO_IPV4_MAX_SIZE])
		link->numbers[LINK_GSO_IPV4_MAX_SIZE] = value;
	if (number == LINK_GRO_MAX_SIZE && value <= LEGACY_SIZE && link->numbers[LINK_GRO_IPV4_MAX_SIZE])
		link->numbers[LINK_GRO_IPV4_MAX_SIZE] = value;
	if (number == LINK_MTU && value < IPV6_MTU_MIN) {
		drop_addresses(netns, link->index, AF_INET6);
		drop_routes(netns, link->index, AF_INET6);
	}
	return 0;
}

static int link_bridge(struct world *world, struct world_netns *netns, struct netstate_link *link,
                       const struct step *step)
{
	const struct netstate_link *before = world_link_indexed(netns, link->master);
	CHECK(strcmp(before ? before->name : "", step->bridge.before) == 0);
	link->master = 0;
	if (!step->bridge.after[0])
		return 0;
	const struct netstate_link *bridge = link_named(netns, step->bridge.after);
	if (!bridge || bridge->kind != LINK_BRIDGE)
		return -EINVAL;
	if (link->kind == LINK_BRIDGE)
		return -ELOOP;
	int rc = check_busy(world, netns, link, LINK_BRIDGE);
	if (rc == 0)
		link->master = bridge->index;
	return rc;
}

/* ---- steps ---- */

static int do_link(struct world *world, struct world_netns *netns, const struct step *step)
{
	struct netstate_link *link = link_named(netns, step->link);
	if (!link)
		return -ENODEV;
	switch (step->kind) {
	case STEP_LINK_DELETE:
		link_gone(world, netns, link->index);
		return 0;
	case STEP_LINK_UP:
		return link_up(netns, link);
	case STEP_LINK_DOWN:
		return link_down(netns, link);
	case STEP_LINK_NUMBER:
		return link_number(world, netns, link, step);
	case STEP_LINK_MAC:
		CHECK(link_mac_equal(&link->mac, &step->mac.before));
		link->mac = step->mac.after;
		return 0;
	case STEP_LINK_BRIDGE:
		return link_bridge(world, netns, link, step);
	case STEP_ADDRESS_ADD:
		return address_add(world, netns, link, &step->address);
	case STEP_ADDRESS_DELETE:
		return address_delete(netns, link, &step->address);
	default:
		CHECK(!"step of a link");
	}
}

static int do_sysctl(struct world_netns *netns, const struct step *step)
{
	char *now = netns->sysctls[step->sysctl.key];
	CHECK(!step->sysctl.before[0] || strcmp(now, step->sysctl.before) == 0);
	strcpy(now, step->sysctl.after);
	return 0;
}

static int do_nat(const struct world *world, struct world_netns *netns, const struct step *step)
{
	free(netns->nat);
	netns->nat = step->nat.after ? nat_text(world->mark, step->nat.after) : strdup("");
	return 0;
}

static int do_step(struct world *world, const struct seen *seen, const struct step *step)
{
	const char *name = seen->netns.items[step->netns].name;
	struct world_netns *netns = netns_at(world, name);
	if (step->kind == STEP_NETNS_ADD)
		return kernel_netns_add(world, name);
	if (step->kind == STEP_NETNS_DELETE)
		return kernel_netns_delete(world, netns);
	if (!netns || !netns->exists)
		return -ENOENT;
	switch (step->kind) {
	case STEP_LINK_ADD:
		return link_add(world, seen, netns, step);
	case STEP_ROUTE_ADD:
		return route_add(world, netns, &step->route);
	case STEP_ROUTE_DELETE:
		return route_delete(netns, &step->route);
	case STEP_SYSCTL:
		return do_sysctl(netns, step);
	case STEP_NAT:
		return do_nat(world, netns, step);
	default:
		return do_link(world, netns, step);
	}
}

static bool is_deletion(enum step_kind kind)
{
	return kind == STEP_LINK_DELETE || kind == STEP_ADDRESS_DELETE || kind == STEP_ROUTE_DELETE;
}

int world_do(struct world *world, const struct seen *seen, const struct step *step, bool undoing,
             struct err *err)
{
	world->undoing = undoing;
	int rc = do_step(world, seen, step);
	if (rc == 0 || (undoing && is_deletion(step->kind)))
		return 0;
	return err_set(err, -rc, "%s", strerror(-rc));
}
