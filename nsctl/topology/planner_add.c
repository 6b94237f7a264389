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
static void describe_wanted(const struct topology *topology, const struct topology_link *link,
                            struct step_link *made)
{
	made->kind = link->kind;
	made->mode = link->mode;
	made->vxlan = link->vxlan;
	made->mac = link->mac;
	memcpy(made->numbers, link->numbers, sizeof(made->numbers));
	if (link->parent != TOPOLOGY_NONE) {
		const struct topology_link *parent = &topology->links.items[link->parent];
		made->parent_netns = parent->netns;
		strcpy(made->parent, parent->name);
	}
	if (link->kind == LINK_VETH) {
		const struct topology_link *peer = &topology->links.items[link->peer];
		made->peer_netns = peer->netns;
		strcpy(made->peer, peer->name);
		made->peer_mac = peer->mac;
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
	const struct topology *topology = planner->picture.wanted;
	struct picture_link *link = link_of_wanted(planner, wanted);
	if (link->present || link->wanted->existing)
		return;
	appear(link);
	if (link->wanted->parent != TOPOLOGY_NONE)
		add_link(planner, link->wanted->parent);
	if (link->wanted->kind == LINK_VETH)
		appear(link_of_wanted(planner, link->wanted->peer));
	describe_wanted(topology, link->wanted, &planner_link_step(planner, STEP_LINK_ADD, link)->made);
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

/* How many links can be below one another: MAX_NEST_DEV of Linux, which refuses more. */
enum { DEPTH_MAX = 8 };

/* is_kept - is it as it was seen, but for what can be changed? */
static bool is_kept(const struct picture_link *link)
{
	return picture_is_made(link) && link->seen && link->removal == REMOVAL_NONE;
}

/*
 * What the kernel sets along with a number, when that is within what hardware knows: netif_set_gso_max_size()
 * and netif_set_gro_max_size() of Linux 6.3, GSO_LEGACY_MAX_SIZE.
 */
enum { LEGACY_MAX_SIZE = 65536 };
static const enum link_number dragged[LINK_NUMBER_COUNT] = {
        [LINK_MTU] = LINK_NUMBER_COUNT,
        [LINK_GSO_MAX_SIZE] = LINK_GSO_IPV4_MAX_SIZE,
        [LINK_GRO_MAX_SIZE] = LINK_GRO_IPV4_MAX_SIZE,
        [LINK_GSO_IPV4_MAX_SIZE] = LINK_NUMBER_COUNT,
        [LINK_GRO_IPV4_MAX_SIZE] = LINK_NUMBER_COUNT,
};

static void set_number(struct planner *planner, const struct picture_link *link, enum link_number number,
                       uint32_t *now, uint32_t value)
{
	struct step *step = planner_link_step(planner, STEP_LINK_NUMBER, link);
	step->number.number = number;
	step->number.before = now[number];
	step->number.after = value;
	now[number] = value;
}

/* set_dragged - say before what @number will drag along when it becomes @value, or when that is undone */
static void set_dragged(struct planner *planner, const struct picture_link *link, enum link_number number,
                        uint32_t *now, uint32_t value)
{
	enum link_number other = dragged[number];
	if (other == LINK_NUMBER_COUNT || !now[other])
		return;
	bool drags = value <= LEGACY_MAX_SIZE && now[other] != value;
	bool undo_drags = now[number] <= LEGACY_MAX_SIZE && now[other] != now[number];
	if (drags || undo_drags)
		set_number(planner, link, other, now, drags ? value : now[other]);
}

/* change_sizes - all numbers but the MTU */
static void change_sizes(struct planner *planner, const struct picture_link *link)
{
	uint32_t now[LINK_NUMBER_COUNT];
	memcpy(now, link->seen->numbers, sizeof(now));
	for (enum link_number i = LINK_GSO_MAX_SIZE; i < LINK_NUMBER_COUNT; i++) {
		uint32_t value = link->wanted->numbers[i];
		if (!value || value == now[i])
			continue;
		set_dragged(planner, link, i, now, value);
		set_number(planner, link, i, now, value);
	}
}

/* depth - how many links are below it */
static uint32_t depth(const struct topology *topology, const struct topology_link *link)
{
	uint32_t count = 0;
	for (; link->parent != TOPOLOGY_NONE && count < DEPTH_MAX; count++)
		link = &topology->links.items[link->parent];
	return count;
}

/* change_mtus_at - of the links with @level others below them, either those that grow or those that shrink */
static void change_mtus_at(struct planner *planner, uint32_t level, bool grow)
{
	vec_each (link, &planner->picture.links) {
		if (!is_kept(link) || depth(planner->picture.wanted, link->wanted) != level)
			continue;
		uint32_t now[LINK_NUMBER_COUNT] = {[LINK_MTU] = link->seen->numbers[LINK_MTU]};
		uint32_t value = link->wanted->numbers[LINK_MTU];
		if (value && (grow ? value > now[LINK_MTU] : value < now[LINK_MTU]))
			set_number(planner, link, LINK_MTU, now, value);
	}
}

/* change_mtus - no link may have a greater one than that which it is on: shrink from above, grow from below
 */
static void change_mtus(struct planner *planner)
{
	for (uint32_t level = 0; level <= DEPTH_MAX; level++)
		change_mtus_at(planner, DEPTH_MAX - level, false);
	for (uint32_t level = 0; level <= DEPTH_MAX; level++)
		change_mtus_at(planner, level, true);
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
	change_mtus(planner);
	vec_each (link, &planner->picture.links) {
		if (is_kept(link)) {
			change_sizes(planner, link);
			change_mac(planner, link);
		}
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

/* is_loopback - that of a namespace that the topology makes */
static bool is_loopback(const struct picture *picture, const struct picture_link *link)
{
	const struct seen_netns *at = &picture->seen->netns.items[link->netns];
	return at->wanted != TOPOLOGY_NONE && at->tenure == NETNS_MADE && strcmp(link->name, "lo") == 0;
}

bool planner_wants_up(const struct picture *picture, const struct picture_link *link)
{
	if (is_loopback(picture, link))
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
