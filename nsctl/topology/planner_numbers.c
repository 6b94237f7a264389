/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: first it is decided which numbers each link is to have. Those are the file's, and for
 * what was taken out of it again, which the ledger tells, those of before. Of a link that is not the
 * topology's own the ledger knows them; an own one may have been born with its number, so what the kernel
 * would have chosen is found out by its rules. Then the steps are written down.
 *
 * The kernel sets more than it is asked to. Each number that goes along gets a step of its own before, so
 * that undoing the steps gives all back.
 */
#include <string.h>

#include "nsctl/topology/planner_private.h"

static struct picture_link *link_of_wanted(const struct picture *picture, uint32_t wanted)
{
	return &picture->links.items[picture->of_wanted.items[wanted]];
}

/* ---- which numbers ---- */

/* number_in_file - 0: none; one that only follows from another is left out where the kernel does not know
 * it */
static uint32_t number_in_file(const struct picture *picture, const struct picture_link *link,
                               enum link_number number)
{
	const uint32_t *numbers = picture_numbers(picture, link);
	if (!numbers || picture->seen->lacks[number])
		return 0;
	return link_number_wanted(numbers, number);
}

/* default_size - the kernel's choice for all numbers but the MTU: netif_set_tso_max_size() of Linux lowers
 * it */
static uint32_t default_size(const struct picture_link *link)
{
	uint32_t most = link->seen->tso_max_size;
	return most && most < LINK_LEGACY_SIZE ? most : LINK_LEGACY_SIZE;
}

/* gives_back - is it to be as it was before @fact, for the file is silent and nobody has changed it since? */
static bool gives_back(const struct picture *picture, const struct picture_link *link,
                       const struct ledger_number *fact)
{
	if (!link->seen || link->removal != REMOVAL_NONE || picture_goes(picture, link->netns))
		return false;
	if (link->numbers[fact->number] || link->seen->numbers[fact->number] != fact->after)
		return false;
	return fact->before || picture_is_ours(picture, link);
}

static void give_back(const struct picture *picture, const struct ledger_number *fact)
{
	uint32_t netns = picture->of_ledger.items[fact->netns];
	uint32_t at = netns == PICTURE_NONE ? PICTURE_NONE : picture_find_link(picture, netns, fact->link);
	struct picture_link *link = at == PICTURE_NONE ? NULL : &picture->links.items[at];
	if (!link || !gives_back(picture, link, fact))
		return;
	if (fact->before)
		link->numbers[fact->number] = fact->before;
	else if (fact->number == LINK_MTU)
		link->mtu_goes_back = true;
	else
		link->numbers[fact->number] = default_size(link);
}

/* ---- the MTU that the kernel would choose ---- */

enum {
	MTU_DEFAULT = 1500,  /* ETH_DATA_LEN of linux/if_ether.h */
	MTU_MIN = 68,        /* ETH_MIN_MTU of linux/if_ether.h */
	VXLAN_HEADROOM = 50, /* VXLAN_HEADROOM and VXLAN6_HEADROOM of the kernel's include/net/vxlan.h */
	VXLAN6_HEADROOM = 70,
};

static uint32_t default_mtu(const struct picture *picture, const struct picture_link *link, uint32_t levels);

/* mtu_of - that the link will have; @levels: how much further to look */
static uint32_t mtu_of(const struct picture *picture, const struct picture_link *link, uint32_t levels)
{
	if (link->numbers[LINK_MTU])
		return link->numbers[LINK_MTU];
	if (link->seen && link->removal == REMOVAL_NONE && !link->mtu_goes_back)
		return link->seen->numbers[LINK_MTU];
	return levels ? default_mtu(picture, link, levels - 1) : MTU_DEFAULT;
}

/* vxlan_mtu - what is left in a packet of the link below: vxlan_config_apply() of Linux */
static uint32_t vxlan_mtu(const struct link_vxlan *vxlan, uint32_t below)
{
	bool is6 = vxlan->local.family == AF_INET6 || vxlan->remote.family == AF_INET6;
	uint32_t headroom = is6 ? VXLAN6_HEADROOM : VXLAN_HEADROOM;
	return below > headroom + MTU_MIN ? below - headroom : MTU_MIN;
}

/* bridge_mtu - that of its smallest port: br_mtu_auto_adjust() of Linux */
static uint32_t bridge_mtu(const struct picture *picture, const struct picture_link *bridge, uint32_t levels)
{
	uint32_t least = 0;
	vec_each (port, &picture->wanted->links) {
		if (port->bridge == TOPOLOGY_NONE || link_of_wanted(picture, port->bridge) != bridge)
			continue;
		uint32_t index = (uint32_t)(port - picture->wanted->links.items);
		uint32_t mtu = mtu_of(picture, link_of_wanted(picture, index), levels);
		least = !least || mtu < least ? mtu : least;
	}
	return least ? least : MTU_DEFAULT;
}

static uint32_t default_mtu(const struct picture *picture, const struct picture_link *link, uint32_t levels)
{
	if (picture_is_own_loopback(picture, link))
		return LINK_LOOPBACK_MTU;
	if (!picture_is_made(link))
		return MTU_DEFAULT;
	if (link->wanted->kind == LINK_BRIDGE)
		return bridge_mtu(picture, link, levels);
	if (link->wanted->parent == TOPOLOGY_NONE)
		return MTU_DEFAULT;
	uint32_t below = mtu_of(picture, link_of_wanted(picture, link->wanted->parent), levels);
	return link->wanted->kind == LINK_VXLAN ? vxlan_mtu(&link->wanted->vxlan, below) : below;
}

void planner_decide_numbers(struct planner *planner)
{
	const struct picture *picture = &planner->picture;
	vec_each (link, &picture->links) {
		for (enum link_number i = 0; i < LINK_NUMBER_COUNT; i++)
			link->numbers[i] = number_in_file(picture, link, i);
	}
	vec_each (fact, &picture->ledger->numbers)
		give_back(picture, fact);
	vec_each (link, &picture->links) {
		if (link->mtu_goes_back)
			link->numbers[LINK_MTU] = default_mtu(picture, link, DEPTH_MAX);
	}
}

/* ---- the steps ---- */

/* is_changed - is it there already, and stays? Other links are made with their numbers. */
static bool is_changed(const struct picture *picture, const struct picture_link *link)
{
	return link->seen ? link->removal == REMOVAL_NONE : picture_is_own_loopback(picture, link);
}

/* number_now - a loopback that will come with its namespace has what the kernel gives it */
static uint32_t number_now(const struct picture_link *link, enum link_number number)
{
	if (link->seen)
		return link->seen->numbers[number];
	return number == LINK_MTU ? LINK_LOOPBACK_MTU : LINK_LEGACY_SIZE;
}

static void set_number(struct planner *planner, const struct picture_link *link, enum link_number number,
                       uint32_t *now, uint32_t value)
{
	struct step *step = planner_link_step(planner, STEP_LINK_NUMBER, link);
	step->number.number = number;
	step->number.before = now[number];
	step->number.after = value;
	now[number] = value;
}

/*
 * set_follower - say before what @number will drag along when it becomes @value, or when that is undone
 * The kernel does when that is within what hardware knows: netif_set_gso_max_size() and
 * netif_set_gro_max_size() of Linux 6.3.
 */
static void set_follower(struct planner *planner, const struct picture_link *link, enum link_number number,
                         uint32_t *now, uint32_t value)
{
	enum link_number other = link_number_follower(number);
	if (other == LINK_NUMBER_COUNT || !now[other])
		return;
	bool drags = value <= LINK_LEGACY_SIZE && now[other] != value;
	bool undo_drags = now[number] <= LINK_LEGACY_SIZE && now[other] != now[number];
	if (drags || undo_drags)
		set_number(planner, link, other, now, drags ? value : now[other]);
}

/* change_sizes - all numbers but the MTU */
static void change_sizes(struct planner *planner, const struct picture_link *link)
{
	uint32_t now[LINK_NUMBER_COUNT];
	for (enum link_number i = 0; i < LINK_NUMBER_COUNT; i++)
		now[i] = number_now(link, i);
	for (enum link_number i = LINK_GSO_MAX_SIZE; i < LINK_NUMBER_COUNT; i++) {
		uint32_t value = link->numbers[i];
		if (!value || value == now[i])
			continue;
		set_follower(planner, link, i, now, value);
		set_number(planner, link, i, now, value);
	}
}

/* depth - how many links are below it */
static uint32_t depth(const struct topology *topology, const struct topology_link *link)
{
	uint32_t count = 0;
	for (; link && link->parent != TOPOLOGY_NONE && count < DEPTH_MAX; count++)
		link = &topology->links.items[link->parent];
	return count;
}

/* change_mtus_at - of the links with @level others below them, either those that grow or those that shrink */
static void change_mtus_at(struct planner *planner, uint32_t level, bool grow)
{
	const struct picture *picture = &planner->picture;
	vec_each (link, &picture->links) {
		if (!is_changed(picture, link) || depth(picture->wanted, link->wanted) != level)
			continue;
		uint32_t now[LINK_NUMBER_COUNT] = {[LINK_MTU] = number_now(link, LINK_MTU)};
		uint32_t value = link->numbers[LINK_MTU];
		if (value && (grow ? value > now[LINK_MTU] : value < now[LINK_MTU]))
			set_number(planner, link, LINK_MTU, now, value);
	}
}

/* change_mtus - no link may have a greater one than that which it is on: shrink from above, grow from
 * below */
static void change_mtus(struct planner *planner)
{
	for (uint32_t level = 0; level <= DEPTH_MAX; level++)
		change_mtus_at(planner, DEPTH_MAX - level, false);
	for (uint32_t level = 0; level <= DEPTH_MAX; level++)
		change_mtus_at(planner, level, true);
}

void planner_change_numbers(struct planner *planner)
{
	change_mtus(planner);
	vec_each (link, &planner->picture.links) {
		if (is_changed(&planner->picture, link))
			change_sizes(planner, link);
	}
}
