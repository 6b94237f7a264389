/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of Operation
 *
 * A walk stands in one namespace with a packet in hand. walk_step() asks that namespace where the packet
 * goes, looks at the link it would leave by, finds who has the next hop's address, looks at the link there,
 * and stands in that namespace. It ends where the packet is lost, where it arrives, or where the view ends.
 * There are two walks: to the destination, and from there back to the source.
 *
 * The kernel answers for itself: a packet that comes in is looked up as one that came by that link from that
 * source, so that rp_filter speaks too. What it cannot tell, since it sends no error, is looked up in the
 * settings.
 */
#include "nsctl/look/path.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* More routers than anybody has in one file; ends a routing loop. */
enum { HOPS_MAX = 32 };

struct walk {
	struct view *view;
	struct path_finding *finding;
	struct prefix from,
	        to; /* the packet's addresses; @from is known once the first namespace has chosen one */
	uint16_t port;
	bool is_back, is_masqueraded;

	uint32_t at;          /* the namespace it is in */
	uint32_t in;          /* index of the link it came by; 0: it starts here */
	struct prefix at_hop; /* the address by which it came here */
};

enum progress { LOST, ARRIVED, ON };

__attribute__((format(printf, 3, 4))) static enum progress lost(struct walk *walk, enum unreachable reason,
                                                                const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	walk->finding->reason = reason;
	vsnprintf(walk->finding->text, sizeof(walk->finding->text), fmt, args);
	va_end(args);
	return LOST;
}

/* ---- who has an address ---- */

static bool is_same_address(const struct prefix *a, const struct prefix *b)
{
	struct prefix whole = *a;

	whole.length = prefix_full_length(a->family);
	return a->family == b->family && prefix_covers(&whole, b);
}

static bool has_address(const struct topology_link *link, const struct prefix *address)
{
	vec_each (own, &link->addresses) {
		if (is_same_address(own, address))
			return true;
	}
	return false;
}

static struct path_owner owner_in_file(const struct topology *topology, const struct prefix *address,
                                       uint32_t not_in)
{
	struct path_owner owner = {.netns = TOPOLOGY_NONE};

	vec_each (link, &topology->links) {
		if (!has_address(link, address) || (owner.netns != TOPOLOGY_NONE && link->netns == not_in))
			continue;
		owner.netns = link->netns;
		snprintf(owner.link, sizeof(owner.link), "%s", link->name);
		if (owner.netns != not_in)
			break;
	}
	return owner;
}

static const struct netstate_link *link_with_address(const struct netstate *state,
                                                     const struct prefix *address)
{
	vec_each (own, &state->addresses) {
		if (is_same_address(&own->prefix, address))
			return netstate_link_by_index(state, own->link);
	}
	return NULL;
}

static struct path_owner owner_among_existing(struct view *view, const struct prefix *address,
                                              uint32_t not_in)
{
	struct path_owner owner = {.netns = TOPOLOGY_NONE};
	const struct netstate_link *link;
	const struct netstate *state;

	for (uint32_t i = 0; i < view->topology->netns.count; i++) {
		if (i == not_in || view->topology->netns.items[i].tenure != NETNS_EXISTING ||
		    view_state(view, i, &state, NULL) < 0)
			continue;
		link = link_with_address(state, address);
		if (!link)
			continue;
		owner.netns = i;
		memcpy(owner.link, link->name, sizeof(owner.link));
		break;
	}
	return owner;
}

struct path_owner path_find_owner(struct view *view, const struct prefix *address, uint32_t not_in)
{
	struct path_owner owner = owner_in_file(view->topology, address, not_in);

	return owner.netns == TOPOLOGY_NONE ? owner_among_existing(view, address, not_in) : owner;
}

const char *path_name_address(struct view *view, const struct prefix *address, char *buf, size_t size)
{
	struct path_owner owner = path_find_owner(view, address, TOPOLOGY_NONE);
	char text[PREFIX_TEXT_MAX];

	prefix_format_address(address, text, sizeof(text));
	if (owner.netns == TOPOLOGY_NONE)
		snprintf(buf, size, "%s", text);
	else
		snprintf(buf, size, "%s (%s in %s)", text, owner.link, view_name(view, owner.netns));
	return buf;
}

/* ---- links ---- */

static const struct netstate_link *live_link(struct view *view, uint32_t netns, const char *name)
{
	const struct netstate *state;

	return view_state(view, netns, &state, NULL) < 0 ? NULL : netstate_link_by_name(state, name);
}

static bool is_down(const struct netstate_link *link)
{
	return !(link->flags & IFF_UP);
}

/* find_silent_peer - the veth end that is down and so takes the carrier from link @name, or NULL */
static const struct topology_link *find_silent_peer(const struct walk *walk, uint32_t netns, const char *name)
{
	const struct topology *topology = walk->view->topology;
	uint32_t index = topology_find_link(topology, netns, name);
	const struct netstate_link *live;
	const struct topology_link *peer;

	if (index == TOPOLOGY_NONE || topology->links.items[index].peer == TOPOLOGY_NONE)
		return NULL;
	peer = &topology->links.items[topology->links.items[index].peer];
	live = live_link(walk->view, peer->netns, peer->name);
	return live && is_down(live) ? peer : NULL;
}

/* cross_link - does the packet get over @link of namespace @netns? */
static enum progress cross_link(struct walk *walk, uint32_t netns, const struct netstate_link *link)
{
	const char *where = view_name(walk->view, netns);
	const struct topology_link *peer;

	if (is_down(link))
		return lost(walk, UNREACHABLE_LINK_DOWN, "link %s in %s is down", link->name, where);
	/* Not IFF_RUNNING, which follows up to a second later (linkwatch). */
	if (link->flags & IFF_LOWER_UP)
		return ON;
	peer = find_silent_peer(walk, netns, link->name);
	if (peer)
		return lost(walk, UNREACHABLE_LINK_DOWN, "link %s in %s is down", peer->name,
		            view_name(walk->view, peer->netns));
	return lost(walk, UNREACHABLE_LINK_DOWN, "link %s in %s has no carrier", link->name, where);
}

/* ---- no route ---- */

static bool is_loopback(const struct prefix *address)
{
	if (address->family == AF_INET)
		return ntohl(address->address.in4.s_addr) >> 24 == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&address->address.in6);
}

static bool link_covers(const struct topology_link *link, const struct prefix *address)
{
	vec_each (own, &link->addresses) {
		if (prefix_covers(own, address))
			return true;
	}
	return false;
}

/* leads_to - would @link, were it up, lead to @address by its networks or by a route of the file? */
static bool leads_to(const struct topology *topology, const struct topology_link *link,
                     const struct prefix *address)
{
	if (link_covers(link, address))
		return true;
	vec_each (route, &topology->netns.items[link->netns].routes) {
		bool is_by_it = *route->link ? !strcmp(route->link, link->name)
		                             : link_covers(link, &route->via);

		if (is_by_it && prefix_covers(&route->to, address))
			return true;
	}
	return false;
}

/* find_dead_link - the link whose being down has taken the route to @address along, or NULL */
static const char *find_dead_link(const struct walk *walk, uint32_t netns, const struct prefix *address)
{
	const struct topology *topology = walk->view->topology;
	const struct netstate_link *live;

	vec_each (link, &topology->links) {
		if (link->netns != netns || !leads_to(topology, link, address))
			continue;
		live = live_link(walk->view, netns, link->name);
		if (live && is_down(live))
			return link->name;
	}
	live = is_loopback(address) ? live_link(walk->view, netns, "lo") : NULL;
	return live && is_down(live) ? "lo" : NULL;
}

static enum progress no_route(struct walk *walk)
{
	const char *link = find_dead_link(walk, walk->at, &walk->to);
	const char *where = view_name(walk->view, walk->at);
	char to[PREFIX_TEXT_MAX], hop[PATH_ADDRESS_TEXT_MAX];

	if (link)
		return lost(walk, UNREACHABLE_LINK_DOWN, "link %s in %s is down", link, where);
	prefix_format_address(&walk->to, to, sizeof(to));
	if (walk->is_back)
		return lost(walk, UNREACHABLE_NO_ROUTE, "%s has no route back to %s", where, to);
	if (walk->in == 0)
		return lost(walk, UNREACHABLE_NO_ROUTE, "no route to %s in %s", to, where);
	path_name_address(walk->view, &walk->at_hop, hop, sizeof(hop));
	return lost(walk, UNREACHABLE_NO_ROUTE, "%s has no route to %s", hop, to);
}

/* ---- what a namespace says to the packet ---- */

static bool forwards(struct walk *walk)
{
	enum sysctl key = walk->to.family == AF_INET ? SYSCTL_IP_FORWARD : SYSCTL_IPV6_FORWARDING;
	int fd = view_fd(walk->view, walk->at, NULL);
	char value[SYSCTL_VALUE_MAX];

	return fd < 0 ||
	       sysctl_read(fd, view_name(walk->view, walk->at), key, value, sizeof(value), NULL) < 0 ||
	       strcmp(value, "0") != 0;
}

static const char *name_link(const struct walk *walk, uint32_t index)
{
	const struct netstate *state;
	const struct netstate_link *link = NULL;

	if (view_state(walk->view, walk->at, &state, NULL) == 0)
		link = netstate_link_by_index(state, index);
	return link ? link->name : "?";
}

static enum progress refused_source(struct walk *walk)
{
	char from[PREFIX_TEXT_MAX];

	prefix_format_address(&walk->from, from, sizeof(from));
	return lost(
	        walk, UNREACHABLE_NO_ANSWER,
	        "rp_filter in %s drops packets from %s: its own way there is not by %s, where they come in",
	        view_name(walk->view, walk->at), from, name_link(walk, walk->in));
}

static enum progress forwarding_off(struct walk *walk)
{
	return lost(walk, UNREACHABLE_FORWARDING, "forwarding is off in %s", view_name(walk->view, walk->at));
}

/* is_source_refused - there is a way for the packet if it did not come by this link. Before Linux 6.14:
 * EXDEV. */
static bool is_source_refused(struct walk *walk, int rc)
{
	const struct view_packet own = {.to = walk->to};
	struct view_route route;

	return walk->in &&
	       (rc == -EXDEV || (rc == -EINVAL && view_route(walk->view, walk->at, &own, &route, NULL) == 0));
}

/* ask_way - the way out of the namespace where the packet is. IPv6 knows no source validation, nor says it
 * here. */
static enum progress ask_way(struct walk *walk, struct view_route *ret)
{
	struct view_packet packet = {.to = walk->to};
	struct err err = ERR_INIT;
	int rc;

	if (walk->in && walk->to.family == AF_INET && !walk->is_masqueraded) {
		packet.in = walk->in;
		packet.from = walk->from;
	}
	rc = view_route(walk->view, walk->at, &packet, ret, &err);
	if (rc == 0)
		return ON;
	if (is_source_refused(walk, rc))
		return refused_source(walk);
	if (walk->in && !forwards(walk))
		return forwarding_off(walk);
	if (rc == -ENETUNREACH || rc == -EHOSTUNREACH || rc == -EACCES || rc == -EINVAL)
		return no_route(walk);
	return lost(walk, UNREACHABLE_NO_ANSWER, "no answer; %s", err.text);
}

/* ---- address translation, as the file has it ---- */

static bool is_published(const struct walk *walk, const struct nat_publish *publish)
{
	return publish->port == walk->port && publish->to.family == walk->to.family &&
	       (publish->listen.family == AF_UNSPEC || prefix_equal(&publish->listen, &walk->to));
}

/* redirect - does the namespace, at which the packet has arrived, publish the port of another? */
static bool redirect(struct walk *walk)
{
	if (walk->port == 0)
		return false;
	vec_each (publish, &walk->view->topology->netns.items[walk->at].nat.publishes) {
		if (!is_published(walk, publish))
			continue;
		walk->to = publish->to;
		walk->port = 0; /* once: it may go to the same port of this namespace */
		walk->is_masqueraded = true;
		return true;
	}
	return false;
}

static bool masquerades(const struct walk *walk)
{
	vec_each (masquerade, &walk->view->topology->netns.items[walk->at].nat.masquerades) {
		if (prefix_covers(&masquerade->from, &walk->from))
			return true;
	}
	return false;
}

/* ---- the walk ---- */

/* enter - come into the namespace that has address @hop */
static enum progress enter(struct walk *walk, const struct prefix *hop)
{
	struct path_owner owner = path_find_owner(walk->view, hop, walk->at);
	const struct netstate_link *link;
	const struct netstate *state;
	char text[PREFIX_TEXT_MAX];
	enum progress progress;

	prefix_format_address(hop, text, sizeof(text));
	if (owner.netns == TOPOLOGY_NONE)
		return lost(walk, UNREACHABLE_NO_ANSWER,
		            "no answer; nobody in this topology has %s, to which %s sends", text,
		            view_name(walk->view, walk->at));
	link = live_link(walk->view, owner.netns, owner.link);
	if (!link)
		return lost(walk, UNREACHABLE_NO_ANSWER,
		            "no answer; link %s, which is to have %s, is not there in %s", owner.link, text,
		            view_name(walk->view, owner.netns));
	progress = cross_link(walk, owner.netns, link);
	if (progress == LOST)
		return LOST;
	if (view_state(walk->view, owner.netns, &state, NULL) == 0 && !link_with_address(state, hop))
		return lost(walk, UNREACHABLE_NO_ANSWER, "no answer; %s in %s does not have %s", owner.link,
		            view_name(walk->view, owner.netns), text);
	walk->at = owner.netns;
	walk->at_hop = *hop;
	walk->in = link->index;
	return ON;
}

/* leave - over the link that @route names */
static enum progress leave(struct walk *walk, const struct view_route *route)
{
	const struct netstate *state;
	const struct netstate_link *link;
	struct err err = ERR_INIT;

	if (view_state(walk->view, walk->at, &state, &err) < 0)
		return lost(walk, UNREACHABLE_NO_ANSWER, "no answer; %s", err.text);
	link = netstate_link_by_index(state, route->link);
	return link ? cross_link(walk, walk->at, link) : ON;
}

static enum progress arrive(struct walk *walk)
{
	const struct netstate_link *lo = walk->in ? NULL : live_link(walk->view, walk->at, "lo");

	if (redirect(walk))
		return ON;
	/* What a namespace sends to itself goes by its loopback, whichever link has the address. */
	return lo ? cross_link(walk, walk->at, lo) == LOST ? LOST : ARRIVED : ARRIVED;
}

static enum progress walk_step(struct walk *walk)
{
	struct view_route route;
	enum progress progress = ask_way(walk, &route);

	if (progress == LOST)
		return LOST;
	if (walk->from.family == AF_UNSPEC)
		walk->from = route.source;
	if (route.type == RTN_LOCAL)
		return arrive(walk);
	if (walk->in && !forwards(walk))
		return forwarding_off(walk);
	walk->is_masqueraded |= masquerades(walk);
	if (leave(walk, &route) == LOST)
		return LOST;
	return enter(walk, route.via.family == AF_UNSPEC ? &walk->to : &route.via);
}

static enum progress walk_all(struct walk *walk)
{
	for (unsigned hop = 0; hop < HOPS_MAX; hop++) {
		enum progress progress = walk_step(walk);

		if (progress != ON)
			return progress;
	}
	return lost(walk, UNREACHABLE_NO_ANSWER, "no answer; the routes go round in a circle, through %s",
	            view_name(walk->view, walk->at));
}

/* turn_round - the way back; with translated addresses it is not the packet's own, and is left alone */
static enum progress walk_back(const struct walk *there)
{
	struct walk back = {
	        .view = there->view,
	        .finding = there->finding,
	        .from = there->to,
	        .to = there->from,
	        .is_back = true,
	        .at = there->at,
	};

	if (there->is_masqueraded || back.to.family == AF_UNSPEC)
		return ARRIVED;
	return walk_all(&back);
}

void path_explain(struct view *view, uint32_t from, const struct prefix *to, uint16_t port,
                  struct path_finding *ret)
{
	struct walk walk = {.view = view, .finding = ret, .to = *to, .port = port, .at = from};
	char text[PREFIX_TEXT_MAX];

	if (walk_all(&walk) == LOST || walk_back(&walk) == LOST)
		return;
	lost(&walk, UNREACHABLE_NO_ANSWER,
	     "no answer from %s, though routes lead there and back: a firewall?",
	     prefix_format_address(to, text, sizeof(text)));
}
