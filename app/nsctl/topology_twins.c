/* SPDX-License-Identifier: Apache-2.0 */
/* What a topology may have only once: found by sorting, so that it takes little time in a large one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/nsctl/topology_check.h"

enum { VXLAN_PORT = 4789 }; /* RFC 7348, section 8.1 */
enum { TWIN_TEXT_MAX = 160 };

/* One kind of part. Twins are neighbours in @order that @clash; NULL: that are equal in it. */
struct twins {
	int (*order)(const struct topology_draft *draft, const struct draft_part *a,
	             const struct draft_part *b);
	bool (*clash)(const struct topology_draft *draft, const struct draft_part *a,
	              const struct draft_part *b);
	void (*describe)(const struct topology_draft *draft, const struct draft_part *part, char *buf,
	                 size_t size);
};

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* compare_prefixes - by address, then length; "none" comes first */
static int compare_prefixes(const struct prefix *a, const struct prefix *b)
{
	int order = compare(a->family, b->family);
	if (order == 0)
		order = memcmp(&a->address.in6, &b->address.in6, sizeof(a->address.in6));
	return order ? order : compare(a->length, b->length);
}

static const struct topology_netns *netns_of(const struct topology_draft *draft,
                                             const struct draft_part *part)
{
	return &draft->topology.netns.items[part->owner];
}

static const struct topology_link *link_of(const struct topology_draft *draft, const struct draft_part *part)
{
	return &draft->topology.links.items[part->owner];
}

/* ---- addresses: one in a namespace, whatever the length ---- */

static struct prefix address_of(const struct topology_draft *draft, const struct draft_part *part)
{
	struct prefix address = link_of(draft, part)->addresses.items[part->index];
	address.length = 0;
	return address;
}

static int order_addresses(const struct topology_draft *draft, const struct draft_part *a,
                           const struct draft_part *b)
{
	struct prefix x = address_of(draft, a), y = address_of(draft, b);
	int order = compare(link_of(draft, a)->netns, link_of(draft, b)->netns);
	return order ? order : compare_prefixes(&x, &y);
}

static void describe_address(const struct topology_draft *draft, const struct draft_part *part, char *buf,
                             size_t size)
{
	char text[PREFIX_TEXT_MAX];
	struct prefix address = address_of(draft, part);
	snprintf(buf, size, "'%s' has the address %s", draft_netns_name(draft, link_of(draft, part)->netns),
	         prefix_format_address(&address, text, sizeof(text)));
}

/* ---- routes ---- */

static const struct prefix *route_to(const struct topology_draft *draft, const struct draft_part *part)
{
	return &netns_of(draft, part)->routes.items[part->index].to;
}

static int order_routes(const struct topology_draft *draft, const struct draft_part *a,
                        const struct draft_part *b)
{
	int order = compare(a->owner, b->owner);
	return order ? order : compare_prefixes(route_to(draft, a), route_to(draft, b));
}

static void describe_route(const struct topology_draft *draft, const struct draft_part *part, char *buf,
                           size_t size)
{
	char text[PREFIX_TEXT_MAX];
	const struct prefix *to = route_to(draft, part);
	if (to->length == 0)
		snprintf(buf, size, "'%s' has a default route for %s", draft_netns_name(draft, part->owner),
		         draft_family_name(to));
	else
		snprintf(buf, size, "'%s' has a route to %s", draft_netns_name(draft, part->owner),
		         prefix_format(to, text, sizeof(text)));
}

/* ---- masquerade ---- */

static const struct nat_masquerade *masquerade_of(const struct topology_draft *draft,
                                                  const struct draft_part *part)
{
	return &netns_of(draft, part)->nat.masquerades.items[part->index];
}

static int order_masquerades(const struct topology_draft *draft, const struct draft_part *a,
                             const struct draft_part *b)
{
	const struct nat_masquerade *x = masquerade_of(draft, a), *y = masquerade_of(draft, b);
	int order = compare(a->owner, b->owner);
	if (order == 0)
		order = compare_prefixes(&x->from, &y->from);
	return order ? order : strcmp(x->out, y->out);
}

static void describe_masquerade(const struct topology_draft *draft, const struct draft_part *part, char *buf,
                                size_t size)
{
	char text[PREFIX_TEXT_MAX];
	snprintf(buf, size, "'%s' masquerades %s", draft_netns_name(draft, part->owner),
	         prefix_format(&masquerade_of(draft, part)->from, text, sizeof(text)));
}

/* ---- publish: all addresses, which come first, clash with each ---- */

static const struct nat_publish *publish_of(const struct topology_draft *draft, const struct draft_part *part)
{
	return &netns_of(draft, part)->nat.publishes.items[part->index];
}

static int order_ports(const struct topology_draft *draft, const struct draft_part *a,
                       const struct draft_part *b)
{
	const struct nat_publish *x = publish_of(draft, a), *y = publish_of(draft, b);
	int order = compare(a->owner, b->owner);
	if (order == 0)
		order = compare(x->to.family, y->to.family);
	return order ? order : compare(x->port, y->port);
}

static int order_publishes(const struct topology_draft *draft, const struct draft_part *a,
                           const struct draft_part *b)
{
	int order = order_ports(draft, a, b);
	return order ? order : compare_prefixes(&publish_of(draft, a)->listen, &publish_of(draft, b)->listen);
}

static bool publishes_clash(const struct topology_draft *draft, const struct draft_part *a,
                            const struct draft_part *b)
{
	bool all = publish_of(draft, a)->listen.family == AF_UNSPEC;
	return all ? order_ports(draft, a, b) == 0 : order_publishes(draft, a, b) == 0;
}

static void describe_publish(const struct topology_draft *draft, const struct draft_part *part, char *buf,
                             size_t size)
{
	const struct nat_publish *publish = publish_of(draft, part);
	snprintf(buf, size, "'%s' publishes port %" PRIu16 " for %s", draft_netns_name(draft, part->owner),
	         publish->port, draft_family_name(&publish->to));
}

/* ---- vxlan: one of a number, port and family where its UDP packets are; drivers/net/vxlan of Linux ---- */

static uint32_t underlay(const struct topology_draft *draft, const struct topology_link *link)
{
	return link->parent == TOPOLOGY_NONE ? link->netns : draft->topology.links.items[link->parent].netns;
}

static uint16_t vxlan_port(const struct topology_link *link)
{
	return link->vxlan.port ? link->vxlan.port : VXLAN_PORT;
}

static bool is_ipv6(const struct link_vxlan *vxlan)
{
	return vxlan->local.family == AF_INET6 || vxlan->remote.family == AF_INET6;
}

static int order_vxlans(const struct topology_draft *draft, const struct draft_part *a,
                        const struct draft_part *b)
{
	const struct topology_link *x = link_of(draft, a), *y = link_of(draft, b);
	int order = compare(underlay(draft, x), underlay(draft, y));
	if (order == 0)
		order = compare(x->vxlan.vni, y->vxlan.vni);
	if (order == 0)
		order = compare(vxlan_port(x), vxlan_port(y));
	return order ? order : compare(is_ipv6(&x->vxlan), is_ipv6(&y->vxlan));
}

static void describe_vxlan(const struct topology_draft *draft, const struct draft_part *part, char *buf,
                           size_t size)
{
	const struct topology_link *link = link_of(draft, part);
	snprintf(buf, size, "'%s' has the vxlan %" PRIu32 " on port %" PRIu16,
	         draft_netns_name(draft, underlay(draft, link)), link->vxlan.vni, vxlan_port(link));
}

/* ---- all of them ---- */

static const struct twins address_twins = {order_addresses, NULL, describe_address};
static const struct twins route_twins = {order_routes, NULL, describe_route};
static const struct twins masquerade_twins = {order_masquerades, NULL, describe_masquerade};
static const struct twins publish_twins = {order_publishes, publishes_clash, describe_publish};
static const struct twins vxlan_twins = {order_vxlans, NULL, describe_vxlan};

struct sorting {
	const struct topology_draft *draft;
	const struct twins *twins;
};

static int by_order_and_place(const void *a, const void *b, void *context)
{
	const struct draft_part *x = a, *y = b;
	const struct sorting *sorting = context;
	int order = sorting->twins->order(sorting->draft, x, y);
	return order ? order : compare(x->node->at.offset, y->node->at.offset);
}

/* complain - about the later one of the two */
static void complain(struct topology_draft *draft, const struct twins *twins, const struct draft_part *a,
                     const struct draft_part *b)
{
	char text[TWIN_TEXT_MAX];
	const struct draft_part *later = a->node->at.offset > b->node->at.offset ? a : b;
	const struct draft_part *earlier = later == a ? b : a;
	twins->describe(draft, later, text, sizeof(text));
	draft_complain(draft, later->node->at, "%s already; expected it once, and line %zu has it", text,
	               report_line(&draft->reader.report, earlier->node->at.offset));
}

static bool clash(const struct topology_draft *draft, const struct twins *twins, const struct draft_part *a,
                  const struct draft_part *b)
{
	return twins->clash ? twins->clash(draft, a, b) : twins->order(draft, a, b) == 0;
}

static void check_parts(struct topology_draft *draft, struct draft_parts *parts, const struct twins *twins)
{
	struct sorting sorting = {draft, twins};
	if (parts->all.count < 2)
		return;
	qsort_r(parts->all.items, parts->all.count, sizeof(*parts->all.items), by_order_and_place, &sorting);
	const struct draft_part *first = &parts->all.items[0];
	for (size_t i = 1; i < parts->all.count; i++) {
		const struct draft_part *part = &parts->all.items[i];
		if (clash(draft, twins, first, part))
			complain(draft, twins, first, part);
		else
			first = part;
	}
}

void topology_check_twins(struct topology_draft *draft)
{
	check_parts(draft, &draft->addresses, &address_twins);
	check_parts(draft, &draft->routes, &route_twins);
	check_parts(draft, &draft->masquerades, &masquerade_twins);
	check_parts(draft, &draft->publishes, &publish_twins);
	check_parts(draft, &draft->vxlans, &vxlan_twins);
}
