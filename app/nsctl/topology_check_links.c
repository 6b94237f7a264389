/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "app/nsctl/topology_check.h"
#include "app/nsctl/topology_value.h"

enum {
	STACK_MAX = 8,       /* MAX_NEST_DEV of the kernel's include/linux/netdevice.h */
	MTU_DEFAULT = 1500,  /* ETH_DATA_LEN of linux/if_ether.h */
	MTU_MIN_IPV6 = 1280, /* RFC 8200, section 5 */
};

static struct topology_link *link_at(struct topology_draft *draft, uint32_t index)
{
	return &draft->topology.links.items[index];
}

/* ---- macvlan and ipvlan ---- */

/* mtu_of - 0: not known */
static uint32_t mtu_of(const struct topology_link *link)
{
	return link->existing ? 0 : link->numbers[LINK_MTU] ? link->numbers[LINK_MTU] : MTU_DEFAULT;
}

static bool is_passthru(const struct topology_link *link)
{
	const char *mode = link_mode_name(link->kind, link->mode);
	return mode && strcmp(mode, "passthru") == 0;
}

/* check_rider - can link @index be on its parent? @first: what is on it already, may be the link itself */
static void check_rider(struct topology_draft *draft, uint32_t index, uint32_t first)
{
	char text[DRAFT_LINK_TEXT_MAX];
	const struct yaml_node *node = draft->links.items[index].node;
	const struct topology_link *link = link_at(draft, index), *parent = link_at(draft, link->parent);
	const struct topology_link *other = first == index ? NULL : link_at(draft, first);
	struct span at = draft_place(node, link_kind_name(link->kind));
	if (parent->bridge != TOPOLOGY_NONE)
		draft_complain(draft, at, "'%s' is a port of the bridge '%s'; expected a link that is none",
		               parent->name, link_at(draft, parent->bridge)->name);
	if (other && other->kind != link->kind)
		draft_complain(draft, at, "'%s', %s, is on that link already; expected one kind on it",
		               draft_link_text(draft, first, text), draft_link_what(other));
	else if (other && link->kind == LINK_IPVLAN && other->mode != link->mode)
		draft_complain(draft, draft_place(node, "mode"),
		               "'%s' is on the same link in mode %s; expected one mode for all of a link",
		               draft_link_text(draft, first, text), link_mode_name(other->kind, other->mode));
	else if (other && (is_passthru(link) || is_passthru(other)))
		draft_complain(draft, at,
		               "'%s' is on that link already; expected a passthru macvlan to be the only one",
		               draft_link_text(draft, first, text));
	if (link->kind == LINK_MACVLAN && mtu_of(parent) && link->numbers[LINK_MTU] > mtu_of(parent))
		draft_complain(draft, draft_place(node, "mtu"),
		               "the link below has an mtu of %" PRIu32 "; expected at most that",
		               mtu_of(parent));
}

/* check_riders - what is on top of one link goes together */
static void check_riders(struct topology_draft *draft)
{
	uint32_t count = (uint32_t)draft->links.count;
	uint32_t *firsts = calloc(count + 1, sizeof(*firsts)); /* index + 1 of the first link on each */
	if (!firsts) {
		draft->reader.out_of_memory = true;
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		const struct topology_link *link = link_at(draft, i);
		if (link->kind == LINK_VXLAN || link->parent == TOPOLOGY_NONE)
			continue; /* a vxlan is not on its link, but sends by it */
		if (!firsts[link->parent])
			firsts[link->parent] = i + 1;
		check_rider(draft, i, firsts[link->parent] - 1);
	}
	free(firsts);
}

/* ---- what is above what ---- */

static void raise_above(uint32_t *heights, uint32_t upper, uint32_t lower)
{
	if (upper != TOPOLOGY_NONE && lower != TOPOLOGY_NONE && heights[upper] <= heights[lower])
		heights[upper] = heights[lower] + 1;
}

/*
 * check_heights - a link is above its parent, a bridge above its ports
 *
 * Each round lifts whatever is not higher than all it stands on. After as many rounds as a stack may have
 * links none is higher than that, unless the stack is too high or a circle, which goes on rising.
 */
static void check_heights(struct topology_draft *draft)
{
	char text[DRAFT_LINK_TEXT_MAX];
	uint32_t count = (uint32_t)draft->links.count;
	uint32_t *heights = calloc(count + 1, sizeof(*heights));
	if (!heights) {
		draft->reader.out_of_memory = true;
		return;
	}
	for (int round = 0; round < STACK_MAX; round++) {
		for (uint32_t i = 0; i < count; i++) {
			raise_above(heights, i, link_at(draft, i)->parent);
			raise_above(heights, link_at(draft, i)->bridge, i);
		}
	}
	for (uint32_t i = 0; i < count; i++) {
		if (heights[i] < STACK_MAX)
			continue;
		draft_complain(
		        draft, draft->links.items[i].at,
		        "'%s' stands above itself, or above more than %d others; expected a stack that ends",
		        draft_link_text(draft, i, text), STACK_MAX - 1);
		break;
	}
	free(heights);
}

/* ---- single links ---- */

static void check_vxlan(struct topology_draft *draft, const struct draft_part *part)
{
	const struct yaml_node *node = draft->links.items[part->owner].node;
	const struct topology_link *link = link_at(draft, part->owner);
	const struct prefix *local = &link->vxlan.local, *remote = &link->vxlan.remote;
	if (local->family != AF_UNSPEC && remote->family != AF_UNSPEC && local->family != remote->family)
		draft_complain(draft, draft_place(node, "remote"),
		               "the local address is %s, the remote one is %s; expected both of one family",
		               draft_family_name(local), draft_family_name(remote));
	if (topology_value_is_multicast(remote) && link->parent == TOPOLOGY_NONE)
		draft_complain(draft, draft_place(node, "remote"),
		               "a multicast group is joined on a link; expected over: NS/LINK as well");
}

static void check_address(struct topology_draft *draft, const struct draft_part *part)
{
	const struct topology_link *link = link_at(draft, part->owner);
	uint32_t mtu = mtu_of(link);
	if (link->addresses.items[part->index].family == AF_INET6 && mtu && mtu < MTU_MIN_IPV6)
		draft_complain(draft, part->node->at,
		               "IPv6 needs an mtu of %d, this link has %" PRIu32
		               "; expected a larger one, or IPv4",
		               MTU_MIN_IPV6, mtu);
}

void topology_check_links(struct topology_draft *draft)
{
	check_riders(draft);
	check_heights(draft);
	vec_each (vxlan, &draft->vxlans.all)
		check_vxlan(draft, vxlan);
	vec_each (address, &draft->addresses.all)
		check_address(draft, address);
}
