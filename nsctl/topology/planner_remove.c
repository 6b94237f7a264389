/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: the kernel removes more than it is asked to. With a link go its addresses, routes, the
 * links on it and a veth's other end; with a link that is taken down, its routes and IPv6 addresses; with an
 * address, the secondary ones of its network; with a link's last IPv4 address, its IPv4 routes. Each of these
 * gets a step of its own before, so that undoing the steps gives all back, and what is wanted all the same is
 * added again behind.
 *
 * Nothing is removed by itself that goes with a namespace, unless that would make something outside wait: a
 * namespace is taken apart some time after its deletion.
 */
#include <linux/rtnetlink.h>
#include <string.h>

#include "nsctl/topology/planner_private.h"

static struct picture_link *link_of(struct planner *planner, uint32_t link)
{
	return &planner->picture.links.items[link];
}

/* ---- which links ---- */

static bool vxlan_is_same(const struct link_vxlan *wanted, const struct link_vxlan *seen)
{
	enum { VXLAN_PORT = 4789 }; /* RFC 7348, section 5 */
	return wanted->vni == seen->vni && (wanted->port ? wanted->port : VXLAN_PORT) == seen->port &&
	       picture_compare_prefix(&wanted->local, &seen->local) == 0 &&
	       picture_compare_prefix(&wanted->remote, &seen->remote) == 0;
}

static bool is_right(const struct picture *picture, const struct picture_link *link);

/* shares_parent - a macvlan that is made on a macvlan is in truth on what that one is on, and the same with
 * ipvlan */
static bool shares_parent(const struct picture *picture, const struct picture_link *link,
                          const struct picture_link *parent)
{
	return link->below != PICTURE_NONE && parent->below == link->below &&
	       parent->seen->kind == link->seen->kind &&
	       (parent->wanted->existing || is_right(picture, parent));
}

/* is_on_parent - is it on the link that the file says? */
static bool is_on_parent(const struct picture *picture, const struct picture_link *link)
{
	if (link->wanted->parent == TOPOLOGY_NONE)
		return !link->seen->below;
	uint32_t parent = picture->of_wanted.items[link->wanted->parent];
	return link->below == parent || shares_parent(picture, link, &picture->links.items[parent]);
}

/* is_right - is it what the file wants, but for what can be changed? */
static bool is_right(const struct picture *picture, const struct picture_link *link)
{
	const struct topology_link *wanted = link->wanted;
	if (wanted->kind != link->seen->kind)
		return false;
	switch (wanted->kind) {
	case LINK_VETH:
		return link->below == picture->of_wanted.items[wanted->peer];
	case LINK_MACVLAN:
	case LINK_IPVLAN:
		return wanted->mode == link->seen->mode && is_on_parent(picture, link);
	case LINK_VXLAN:
		return vxlan_is_same(&wanted->vxlan, &link->seen->vxlan) && is_on_parent(picture, link);
	default:
		return true;
	}
}

/* doom - @link has to go, and with it what the kernel removes with it */
static void doom(struct planner *planner, uint32_t link, enum removal when)
{
	struct picture_link *doomed = link_of(planner, link);
	if (doomed->removal >= when)
		return;
	doomed->removal = when;
	if (doomed->seen->kind == LINK_VETH && doomed->below != PICTURE_NONE)
		doom(planner, doomed->below, when);
	for (uint32_t i = doomed->first_above; i != PICTURE_NONE; i = link_of(planner, i)->next_above)
		doom(planner, i, when);
}

/* decide_doom - an unwanted link on top of another one goes early, for it may keep that busy for a wanted
 * one */
static enum removal decide_doom(const struct picture *picture, const struct picture_link *link)
{
	if (!link->own)
		return REMOVAL_NONE;
	bool is_upper = picture_is_upper(link->seen->kind);
	if (picture_goes(picture, link->netns))
		return is_upper && link->seen->below_nsid != NETSTATE_NO_NSID ? REMOVAL_EARLY : REMOVAL_NONE;
	if (!link->wanted)
		return is_upper ? REMOVAL_EARLY : REMOVAL_LATE;
	return link->wanted->existing || is_right(picture, link) ? REMOVAL_NONE : REMOVAL_EARLY;
}

static void decide_links(struct planner *planner)
{
	for (uint32_t i = 0; i < planner->picture.links.count; i++) {
		const struct picture_link *link = link_of(planner, i);
		enum removal when = link->seen ? decide_doom(&planner->picture, link) : REMOVAL_NONE;
		if (when != REMOVAL_NONE)
			doom(planner, i, when);
	}
}

/* ---- what the kernel drops by the way ---- */

static bool loses_ipv6_by_mtu(const struct picture_link *link)
{
	return link->numbers[LINK_MTU] && link->numbers[LINK_MTU] < LINK_IPV6_MTU_MIN &&
	       link->seen->numbers[LINK_MTU] >= LINK_IPV6_MTU_MIN;
}

/*
 * decide_drops - of links that stay
 * One that is raised counts as well, though only undoing that would drop its IPv6 addresses.
 */
static void decide_drops(struct planner *planner)
{
	vec_each (link, &planner->picture.links) {
		if (!link->seen || link->removal != REMOVAL_NONE ||
		    picture_goes(&planner->picture, link->netns))
			continue;
		bool wants_up = planner_wants_up(&planner->picture, link);
		link->drops_routes4 = link->up && !wants_up;
		link->drops_all6 = link->up != wants_up || loses_ipv6_by_mtu(link);
	}
}

/* ---- which addresses ---- */

static enum removal decide_address(const struct picture *picture, const struct picture_address *address)
{
	const struct picture_link *link = &picture->links.items[address->link];
	if (!address->own && !address->wanted)
		return REMOVAL_NONE;
	if (link->removal != REMOVAL_NONE || picture_goes(picture, link->netns))
		return link->removal;
	if (link->drops_all6 && address->prefix.family == AF_INET6)
		return REMOVAL_EARLY;
	return address->wanted ? REMOVAL_NONE : REMOVAL_LATE;
}

static bool stays_secondary(const struct picture_address *address)
{
	return address->secondary && address->removal == REMOVAL_NONE && (address->own || address->wanted);
}

/*
 * keep_secondaries - of the @count addresses of one IPv4 network on one link
 * When the primary goes and a secondary stays or comes, all that are known go early, and those that are
 * wanted come again.
 */
static void keep_secondaries(struct planner *planner, struct picture_address *addresses, size_t count)
{
	bool primary_goes = false, secondary_stays = addresses->joined;
	for (size_t i = 0; i < count; i++) {
		primary_goes |= !addresses[i].secondary && addresses[i].removal == REMOVAL_LATE;
		secondary_stays |= stays_secondary(&addresses[i]);
	}
	if (!primary_goes || !secondary_stays)
		return;
	for (size_t i = 0; i < count; i++) {
		if (addresses[i].own || addresses[i].wanted)
			addresses[i].removal = REMOVAL_EARLY;
	}
	link_of(planner, addresses->link)->drops_routes4 = true;
}

/* note_joins - of networks that are to have another address */
static void note_joins(struct planner *planner)
{
	const struct picture *picture = &planner->picture;
	vec_each (wanted, &picture->wanted_addresses) {
		uint32_t network = wanted->seen != PICTURE_NONE
		                           ? PICTURE_NONE
		                           : picture_find_network(picture, wanted->link, wanted->prefix);
		if (network != PICTURE_NONE)
			picture->addresses.items[network].joined = true;
	}
}

static void decide_secondaries(struct planner *planner)
{
	const struct picture *picture = &planner->picture;
	for (size_t i = 0, next; i < picture->addresses.count; i = next) {
		struct picture_address *first = &picture->addresses.items[i];
		for (next = i + 1; next < picture->addresses.count; next++) {
			if (!picture_is_same_network(first, &picture->addresses.items[next]))
				break;
		}
		if (first->prefix.family == AF_INET)
			keep_secondaries(planner, first, next - i);
	}
}

static bool wants_ipv4(const struct picture_link *link)
{
	if (!link->wanted)
		return false;
	vec_each (address, &link->wanted->addresses) {
		if (address->family == AF_INET)
			return true;
	}
	return false;
}

/* decide_last_addresses - a link that loses all its IPv4 addresses loses its routes, also those that are
 * wanted */
static void decide_last_addresses(struct planner *planner)
{
	const struct picture *picture = &planner->picture;
	for (size_t i = 0, next; i < picture->addresses.count; i = next) {
		const struct picture_address *first = &picture->addresses.items[i];
		bool goes = false, stays = false;
		for (next = i; next < picture->addresses.count; next++) {
			const struct picture_address *address = &picture->addresses.items[next];
			if (address->link != first->link)
				break;
			if (address->prefix.family == AF_INET)
				*(address->removal == REMOVAL_NONE ? &stays : &goes) = true;
		}
		struct picture_link *link = link_of(planner, first->link);
		if (goes && !stays && !wants_ipv4(link))
			link->drops_routes4 = true;
	}
}

/* clear_way - an own address that differs from the wanted one in its length alone is in the way, with IPv6 */
static void clear_way(struct planner *planner, const struct picture_wanted_address *wanted)
{
	struct prefix other = *wanted->prefix;
	for (other.length = 0; other.length <= prefix_full_length(AF_INET6); other.length++) {
		uint32_t at = picture_find_address(&planner->picture, wanted->link, &other);
		struct picture_address *address = at == PICTURE_NONE ? NULL
		                                                     : &planner->picture.addresses.items[at];
		if (address && address->removal == REMOVAL_LATE)
			address->removal = REMOVAL_EARLY;
	}
}

static void decide_addresses(struct planner *planner)
{
	vec_each (address, &planner->picture.addresses) {
		address->removal = decide_address(&planner->picture, address);
		link_of(planner, address->link)->loses_address |= address->removal != REMOVAL_NONE &&
		                                                  !address->wanted;
	}
	note_joins(planner);
	decide_secondaries(planner);
	decide_last_addresses(planner);
	vec_each (wanted, &planner->picture.wanted_addresses) {
		if (wanted->seen == PICTURE_NONE && wanted->prefix->family == AF_INET6 &&
		    link_of(planner, wanted->link)->seen)
			clear_way(planner, wanted);
	}
}

/* ---- which routes ---- */

/* has_leaving - among the addresses of one network, from @first on */
static bool has_leaving(const struct picture *picture, uint32_t first)
{
	for (uint32_t i = first; i < picture->addresses.count; i++) {
		const struct picture_address *address = &picture->addresses.items[i];
		if (!picture_is_same_network(&picture->addresses.items[first], address))
			break;
		if (address->removal != REMOVAL_NONE && !address->wanted)
			return true;
	}
	return false;
}

/* is_cut_off - does an address go by which the next hop is reached? The kernel has to find out anew how it
 * is. */
static bool is_cut_off(const struct picture *picture, const struct picture_route *route)
{
	if (route->via.family == AF_UNSPEC || !picture->links.items[route->link].loses_address)
		return false;
	struct prefix network = route->via;
	for (network.length = prefix_full_length(network.family); network.length > 0; network.length--) {
		uint32_t first = picture_find_network(picture, route->link, &network);
		if (first != PICTURE_NONE && has_leaving(picture, first))
			return true;
	}
	return false;
}

static bool has_to_go(const struct picture *picture, const struct picture_route *route)
{
	const struct picture_link *link = &picture->links.items[route->link];
	if (route->protocol == RTPROT_KERNEL || (!route->own && !route->wanted))
		return false;
	if (link->removal != REMOVAL_NONE)
		return true;
	if (picture_goes(picture, route->netns))
		return false;
	return !route->wanted || (route->to.family == AF_INET ? link->drops_routes4 : link->drops_all6) ||
	       is_cut_off(picture, route);
}

void planner_decide_removals(struct planner *planner)
{
	decide_links(planner);
	planner_decide_numbers(planner);
	decide_drops(planner);
	decide_addresses(planner);
	vec_each (route, &planner->picture.routes)
		route->removed = has_to_go(&planner->picture, route);
}

/* ---- the steps ---- */

static void remove_route(struct planner *planner, const struct picture_route *route)
{
	const struct picture_link *link = link_of(planner, route->link);
	struct step *step = planner_link_step(planner, STEP_ROUTE_DELETE, link);
	step->route.to = route->to;
	step->route.via = route->via;
	strcpy(step->route.link, link->name);
}

/* planner_remove_routes - those by a next hop before those by which it is reached */
void planner_remove_routes(struct planner *planner)
{
	for (int has_via = 1; has_via >= 0; has_via--) {
		vec_each (route, &planner->picture.routes) {
			if (route->removed && (route->via.family != AF_UNSPEC) == has_via)
				remove_route(planner, route);
		}
	}
}

/* remove_addresses - secondary ones before those that they depend on */
static void remove_addresses(struct planner *planner, enum removal when)
{
	for (int secondary = 1; secondary >= 0; secondary--) {
		vec_each (address, &planner->picture.addresses) {
			if (address->removal == when && address->secondary == secondary)
				planner_link_step(planner, STEP_ADDRESS_DELETE,
				                  link_of(planner, address->link))
				        ->address = address->prefix;
		}
	}
}

/* is_guest - somebody else's link, not in the file, that the topology has made a port */
static bool is_guest(const struct picture *picture, const struct picture_link *link)
{
	uint32_t netns = picture->seen->netns.items[link->netns].ledger;
	vec_each (port, &picture->ledger->ports) {
		if (port->netns == netns && strcmp(port->link, link->name) == 0)
			return true;
	}
	return false;
}

/*
 * leaves_bridge - does it have to, at @when?
 * A port that somebody else has given to a bridge of the topology's may stay.
 */
static bool leaves_bridge(const struct picture *picture, const struct picture_link *link, enum removal when)
{
	const struct picture_link *bridge = &picture->links.items[link->bridge];
	if (link->removal == when || bridge->removal == when)
		return true;
	if (when != REMOVAL_EARLY || link->removal != REMOVAL_NONE || picture_goes(picture, link->netns))
		return false;
	if (link->wanted && link->wanted->bridge != TOPOLOGY_NONE)
		return false; /* planner_change_links() moves it */
	return picture_is_made(link) || (bridge->own && (link->wanted || is_guest(picture, link)));
}

static void leave_bridges(struct planner *planner, enum removal when)
{
	vec_each (link, &planner->picture.links) {
		if (link->bridge == PICTURE_NONE || !leaves_bridge(&planner->picture, link, when))
			continue;
		struct step *step = planner_link_step(planner, STEP_LINK_BRIDGE, link);
		strcpy(step->bridge.before, link_of(planner, link->bridge)->name);
		link->bridge = PICTURE_NONE;
	}
}

static bool goes_down(const struct picture *picture, const struct picture_link *link, enum removal when)
{
	if (!link->up)
		return false;
	return link->removal == when ||
	       (when == REMOVAL_EARLY && link->removal == REMOVAL_NONE && !planner_wants_up(picture, link));
}

static void take_down(struct planner *planner, enum removal when)
{
	vec_each (link, &planner->picture.links) {
		if (!goes_down(&planner->picture, link, when))
			continue;
		planner_link_step(planner, STEP_LINK_DOWN, link);
		link->up = false;
	}
}

/* describe_seen - all that it takes to make it again */
static void describe_seen(const struct picture *picture, const struct picture_link *link,
                          struct step_link *made)
{
	const struct netstate_link *seen = link->seen;
	made->kind = seen->kind;
	made->mode = seen->mode;
	made->vxlan = seen->vxlan;
	if (seen->kind != LINK_IPVLAN) /* which has that of its parent */
		made->mac = seen->mac;
	memcpy(made->numbers, seen->numbers, sizeof(made->numbers));
	if (link->below == PICTURE_NONE)
		return;
	const struct picture_link *below = &picture->links.items[link->below];
	if (seen->kind != LINK_VETH) {
		made->parent_netns = below->netns;
		strcpy(made->parent, below->name);
		return;
	}
	made->peer_netns = below->netns;
	strcpy(made->peer, below->name);
	made->peer_mac = below->seen->mac;
	memcpy(made->peer_numbers, below->seen->numbers, sizeof(made->peer_numbers));
}

static void delete_link(struct planner *planner, struct picture_link *link);

/* vanish - it is about to go; those on it go first */
static void vanish(struct planner *planner, struct picture_link *link)
{
	link->deleted = true;
	link->present = false;
	for (uint32_t i = link->first_above; i != PICTURE_NONE; i = link_of(planner, i)->next_above)
		delete_link(planner, link_of(planner, i));
}

static void delete_link(struct planner *planner, struct picture_link *link)
{
	if (link->deleted)
		return;
	vanish(planner, link);
	if (link->seen->kind == LINK_VETH && link->below != PICTURE_NONE)
		vanish(planner, link_of(planner, link->below));
	describe_seen(&planner->picture, link, &planner_link_step(planner, STEP_LINK_DELETE, link)->made);
}

void planner_remove(struct planner *planner, enum removal when)
{
	remove_addresses(planner, when);
	leave_bridges(planner, when);
	take_down(planner, when);
	vec_each (link, &planner->picture.links) {
		if (link->removal == when)
			delete_link(planner, link);
	}
}
