/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "app/nsctl/topology_check.h"

/* The networks that a complaint lists; what does not fit is left out. */
enum { LIST_MAX = 200 };

/* Where the gateway of a route could be. */
struct search {
	struct topology_draft *draft;
	const struct yaml_node *node; /* of the route */
	const struct topology_route *route;
	uint32_t netns;
	uint32_t link;     /* the route's; TOPOLOGY_NONE: it names none */
	size_t first, end; /* of the namespace's addresses among the draft's */
};

static const struct topology_link *link_of(const struct topology_draft *draft, size_t address)
{
	return &draft->topology.links.items[draft->addresses.all.items[address].owner];
}

static const struct prefix *prefix_of(const struct topology_draft *draft, size_t address)
{
	return &link_of(draft, address)->addresses.items[draft->addresses.all.items[address].index];
}

/* first_address - the index of the first of the sorted addresses that is of @netns or a later namespace */
static size_t first_address(const struct topology_draft *draft, uint32_t netns)
{
	size_t low = 0, high = draft->addresses.all.count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (link_of(draft, middle)->netns < netns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* leads - can a packet for the gateway leave by the link of @address? */
static bool leads(const struct search *search, size_t address)
{
	const struct topology_link *link = link_of(search->draft, address);
	if (!link->up && !link->existing)
		return false;
	return search->link == TOPOLOGY_NONE ? strcmp(link->name, "lo") != 0
	                                     : link == &search->draft->topology.links.items[search->link];
}

static bool is_connected(const struct search *search)
{
	for (size_t i = search->first; i < search->end; i++)
		if (leads(search, i) && prefix_covers(prefix_of(search->draft, i), &search->route->via))
			return true;
	return false;
}

/* is_routed - is there a route to the gateway that needs no gateway itself? */
static bool is_routed(const struct search *search)
{
	const struct topology_netns *netns = &search->draft->topology.netns.items[search->netns];
	vec_each (route, &netns->routes) {
		bool same_link = !search->route->link[0] || strcmp(search->route->link, route->link) == 0;
		if (route->via.family == AF_UNSPEC && same_link &&
		    prefix_covers(&route->to, &search->route->via))
			return true;
	}
	return false;
}

/* may_be_elsewhere - could the gateway be in a network that the file does not tell? */
static bool may_be_elsewhere(const struct search *search)
{
	const struct topology_draft *draft = search->draft;
	if (search->link != TOPOLOGY_NONE)
		return draft->topology.links.items[search->link].existing;
	return draft->topology.netns.items[search->netns].tenure == NETNS_EXISTING;
}

/* list_networks - "10.0.1.0/24 (v1), 10.0.2.0/24 (v2)"; "" when there is none of the gateway's family */
static const char *list_networks(const struct search *search, char *buf, size_t size)
{
	size_t length = 0;
	buf[0] = '\0';
	for (size_t i = search->first; i < search->end; i++) {
		char text[PREFIX_TEXT_MAX];
		struct prefix network = prefix_network(prefix_of(search->draft, i));
		if (!leads(search, i) || network.family != search->route->via.family)
			continue;
		int added = snprintf(buf + length, size - length, "%s%s (%s)", length ? ", " : "",
		                     prefix_format(&network, text, sizeof(text)),
		                     link_of(search->draft, i)->name);
		if ((size_t)added >= size - length) {
			buf[length] = '\0';
			break;
		}
		length += (size_t)added;
	}
	return buf;
}

static void refuse_gateway(const struct search *search)
{
	char via[PREFIX_TEXT_MAX], list[LIST_MAX];
	const char *netns = draft_netns_name(search->draft, search->netns);
	prefix_format_address(&search->route->via, via, sizeof(via));
	if (list_networks(search, list, sizeof(list))[0])
		draft_complain(search->draft, draft_place(search->node, "via"),
		               "%s is in no network of '%s'; expected an address in %s", via, netns, list);
	else
		draft_complain(
		        search->draft, draft_place(search->node, "via"),
		        "%s is in no network of '%s'; expected a link with an %s address to reach it from",
		        via, netns, draft_family_name(&search->route->via));
}

/* owns - is the gateway the namespace itself? */
static bool owns(const struct search *search)
{
	for (size_t i = search->first; i < search->end; i++) {
		struct prefix own = *prefix_of(search->draft, i);
		own.length = search->route->via.length;
		if (prefix_equal(&own, &search->route->via))
			return true;
	}
	return false;
}

static void check_gateway(const struct search *search)
{
	const struct prefix *via = &search->route->via;
	bool link_local = via->family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&via->address.in6);
	char text[PREFIX_TEXT_MAX];
	if (owns(search))
		draft_complain(search->draft, draft_place(search->node, "via"),
		               "%s is an address of '%s' itself; expected another one's",
		               prefix_format_address(via, text, sizeof(text)),
		               draft_netns_name(search->draft, search->netns));
	else if (link_local && search->link == TOPOLOGY_NONE)
		draft_complain(search->draft, draft_place(search->node, "via"),
		               "each link has link-local addresses of its own; expected link: NAME as well");
	else if (!link_local && !is_connected(search) && !is_routed(search) && !may_be_elsewhere(search))
		refuse_gateway(search);
}

/* check_connected - an address makes the route to its network, and the kernel takes no second one */
static void check_connected(const struct search *search)
{
	char text[PREFIX_TEXT_MAX];
	for (size_t i = search->first; i < search->end; i++) {
		const struct prefix *prefix = prefix_of(search->draft, i);
		struct prefix network = prefix_network(prefix);
		if (network.length == prefix_full_length(network.family) ||
		    !prefix_equal(&network, &search->route->to))
			continue;
		draft_complain(search->draft, draft_place(search->node, "to"),
		               "the address %s of '%s' makes this route; expected no other",
		               prefix_format(prefix, text, sizeof(text)), link_of(search->draft, i)->name);
		return;
	}
}

/* find_link - the link that the route names; false: it cannot be used, which is reported */
static bool find_link(struct topology_draft *draft, const struct draft_part *part,
                      const struct topology_route *route, uint32_t *ret)
{
	*ret = TOPOLOGY_NONE;
	if (!route->link[0] || strcmp(route->link, "lo") == 0)
		return true;
	*ret = draft_find_own_link(draft, yaml_get(part->node, "link"), part->owner);
	if (*ret == TOPOLOGY_NONE)
		return false;
	const struct topology_link *link = &draft->topology.links.items[*ret];
	if (link->up || link->existing)
		return true;
	draft_complain(draft, draft_place(part->node, "link"),
	               "'%s' is down, and has no routes so; expected no 'up: false' there", link->name);
	return false;
}

static void check_route(struct topology_draft *draft, const struct draft_part *part)
{
	const struct topology_route *route =
	        &draft->topology.netns.items[part->owner].routes.items[part->index];
	struct search search = {
	        .draft = draft,
	        .node = part->node,
	        .route = route,
	        .netns = part->owner,
	        .first = first_address(draft, part->owner),
	        .end = first_address(draft, part->owner + 1),
	};
	if (!find_link(draft, part, route, &search.link))
		return;
	check_connected(&search);
	if (route->via.family != AF_UNSPEC)
		check_gateway(&search);
}

/* check_masquerade - in a namespace that exists there may be links that the file does not tell */
static void check_masquerade(struct topology_draft *draft, const struct draft_part *part)
{
	const struct yaml_node *out = yaml_get(part->node, "out");
	if (out && draft->topology.netns.items[part->owner].tenure == NETNS_MADE)
		draft_find_own_link(draft, out, part->owner);
}

void topology_check_routes(struct topology_draft *draft)
{
	vec_each (route, &draft->routes.all)
		check_route(draft, route);
	vec_each (masquerade, &draft->masquerades.all)
		check_masquerade(draft, masquerade);
}
