/* SPDX-License-Identifier: Apache-2.0 */
/* What is wanted and not there is added, what is there and not as wanted is changed. */
#include <string.h>

#include "nsctl/topology/planner_private.h"

static struct picture_link *link_of(struct planner *planner, uint32_t link)
{
	return &planner->picture.links.items[link];
}

static struct picture_link *link_of_wanted(struct planner *planner, uint32_t wanted)
{
	return link_of(planner, planner->picture.of_wanted.items[wanted]);
}

/* ---- links ---- */

/* describe_wanted - the mac and numbers of a veth's other end go along, for both ends are made at once */
static void describe_wanted(struct planner *planner, const struct picture_link *new, struct step_link *made)
{
	const struct topology *topology = planner->picture.wanted;
	const struct topology_link *link = new->wanted;
	made->kind = link->kind;
	made->mode = link->mode;
	made->vxlan = link->vxlan;
	made->mac = link->mac;
	memcpy(made->numbers, new->numbers, sizeof(made->numbers));
	if (link->parent != TOPOLOGY_NONE) {
		const struct topology_link *parent = &topology->links.items[link->parent];
		made->parent_netns = parent->netns;
		strcpy(made->parent, parent->name);
	}
	if (link->kind == LINK_VETH) {
		const struct picture_link *peer = link_of_wanted(planner, link->peer);
		made->peer_netns = peer->netns;
		strcpy(made->peer, peer->name);
		made->peer_mac = peer->wanted->mac;
		memcpy(made->peer_numbers, peer->numbers, sizeof(made->peer_numbers));
	}
}

static void appear(struct picture_link *link)
{
	link->present = true;
	link->up = false;
	link->bridge = PICTURE_NONE;
}

/* add_link - what it is on first */
static void add_link(struct planner *planner, uint32_t wanted)
{
	struct picture_link *link = link_of_wanted(planner, wanted);
	if (link->present || link->wanted->existing)
		return;
	appear(link);
	if (link->wanted->parent != TOPOLOGY_NONE)
		add_link(planner, link->wanted->parent);
	if (link->wanted->kind == LINK_VETH)
		appear(link_of_wanted(planner, link->wanted->peer));
	describe_wanted(planner, link, &planner_link_step(planner, STEP_LINK_ADD, link)->made);
}

void planner_add_links(struct planner *planner)
{
	const struct topology *topology = planner->picture.wanted;
	for (uint32_t i = 0; i < topology->links.count; i++) {
		if (topology->links.items[i].kind == LINK_BRIDGE)
			add_link(planner, i);
	}
	for (uint32_t i = 0; i < topology->links.count; i++)
		add_link(planner, i);
}

/* ---- what can be changed of a link ---- */

/* is_kept - is it as it was seen, but for what can be changed? */
static bool is_kept(const struct picture_link *link)
{
	return picture_is_made(link) && link->seen && link->removal == REMOVAL_NONE;
}

static void change_mac(struct planner *planner, const struct picture_link *link)
{
	if (!link->wanted->mac.given || link_mac_equal(&link->wanted->mac, &link->seen->mac))
		return;
	struct step *step = planner_link_step(planner, STEP_LINK_MAC, link);
	step->mac.before = link->seen->mac;
	step->mac.after = link->wanted->mac;
}

static void join_bridge(struct planner *planner, struct picture_link *link)
{
	uint32_t bridge = planner->picture.of_wanted.items[link->wanted->bridge];
	if (link->bridge == bridge)
		return;
	struct step *step = planner_link_step(planner, STEP_LINK_BRIDGE, link);
	if (link->bridge != PICTURE_NONE)
		strcpy(step->bridge.before, link_of(planner, link->bridge)->name);
	strcpy(step->bridge.after, link_of(planner, bridge)->name);
	link->bridge = bridge;
}

void planner_change_links(struct planner *planner)
{
	planner_change_numbers(planner);
	vec_each (link, &planner->picture.links) {
		if (is_kept(link))
			change_mac(planner, link);
		if (link->wanted && link->wanted->bridge != TOPOLOGY_NONE)
			join_bridge(planner, link);
	}
}

/* ---- addresses, up, routes ---- */

void planner_add_addresses(struct planner *planner)
{
	const struct picture *picture = &planner->picture;
	vec_each (wanted, &picture->wanted_addresses) {
		if (wanted->seen == PICTURE_NONE ||
		    picture->addresses.items[wanted->seen].removal != REMOVAL_NONE)
			planner_link_step(planner, STEP_ADDRESS_ADD, link_of(planner, wanted->link))
			        ->address = *wanted->prefix;
	}
}

bool planner_wants_up(const struct picture *picture, const struct picture_link *link)
{
	if (picture_is_own_loopback(picture, link))
		return picture->wanted->netns.items[link->netns].loopback_up;
	return picture_is_made(link) ? link->wanted->up : link->up;
}

void planner_raise_links(struct planner *planner)
{
	vec_each (link, &planner->picture.links) {
		if (!link->present || link->up || !planner_wants_up(&planner->picture, link))
			continue;
		planner_link_step(planner, STEP_LINK_UP, link);
		link->up = true;
	}
}

static void add_route(struct planner *planner, const struct picture_wanted_route *wanted)
{
	struct step *step = planner_step(planner, STEP_ROUTE_ADD, wanted->netns, wanted->route->link);
	step->route = *wanted->route;
}

/* planner_add_routes - a next hop can only be reached by a route that has none itself (fib_check_nh() of
 * Linux) */
void planner_add_routes(struct planner *planner)
{
	const struct picture *picture = &planner->picture;
	for (int has_via = 0; has_via <= 1; has_via++) {
		vec_each (wanted, &picture->wanted_routes) {
			bool is_there = wanted->seen != PICTURE_NONE &&
			                !picture->routes.items[wanted->seen].removed;
			if (!is_there && (wanted->route->via.family != AF_UNSPEC) == has_via)
				add_route(planner, wanted);
		}
	}
}
