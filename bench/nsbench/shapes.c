/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/shapes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

/* IFLA_GSO_IPV4_MAX_SIZE: four times what a segment may have without BIG TCP */
enum { BIG_SIZE = 256 << 10 };

/* A topology that is being drawn. Once something failed, nothing is added any more. */
struct drawing {
	struct topology *topology;
	const struct place_order *order;
	struct place *place;
	int failure; /* -errno */
};

static void set_big(uint32_t numbers[LINK_NUMBER_COUNT])
{
	for (enum link_number number = LINK_GSO_MAX_SIZE; number < LINK_NUMBER_COUNT; number++)
		numbers[number] = BIG_SIZE;
}

/* ---- strokes: what they return is an index, or TOPOLOGY_NONE after a failure ---- */

static uint32_t add_netns(struct drawing *drawing, const char *suffix)
{
	const struct place_order *order = drawing->order;
	struct topology_netns *netns = drawing->failure ? NULL : vec_push(&drawing->topology->netns);
	if (!netns) {
		drawing->failure = -ENOMEM;
		return TOPOLOGY_NONE;
	}
	snprintf(netns->name, sizeof(netns->name), "%s-%s", order->name, suffix);
	netns->ref.kind = NETNS_NAME;
	snprintf(netns->ref.text, sizeof(netns->ref.text), "%s", netns->name);
	netns->tenure = NETNS_MADE;
	netns->loopback_up = true;
	if (order->shape == SHAPE_LOOPBACK_BIG)
		set_big(netns->loopback_numbers);
	snprintf(netns->sysctls[SYSCTL_TCP_CONGESTION_CONTROL], SYSCTL_VALUE_MAX, "%s", order->congestion);
	return (uint32_t)drawing->topology->netns.count - 1;
}

static uint32_t add_link(struct drawing *drawing, enum link_kind kind, uint32_t netns, const char *name)
{
	struct topology_link *link = drawing->failure ? NULL : vec_push(&drawing->topology->links);
	if (!link) {
		drawing->failure = -ENOMEM;
		return TOPOLOGY_NONE;
	}
	link->netns = netns;
	link->kind = kind;
	link->up = true;
	link->peer = link->parent = link->bridge = TOPOLOGY_NONE;
	snprintf(link->name, sizeof(link->name), "%s", name);
	return (uint32_t)drawing->topology->links.count - 1;
}

/* add_veth - a pair; the index is that of the first end, and the other's is one more */
static uint32_t add_veth(struct drawing *drawing, uint32_t netns_a, const char *name_a, uint32_t netns_b,
                         const char *name_b)
{
	uint32_t a = add_link(drawing, LINK_VETH, netns_a, name_a);
	uint32_t b = add_link(drawing, LINK_VETH, netns_b, name_b);
	if (drawing->failure)
		return TOPOLOGY_NONE;
	drawing->topology->links.items[a].peer = b;
	drawing->topology->links.items[b].peer = a;
	return a;
}

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;
	int rc = prefix_parse(text, &prefix, NULL);
	CHECK(rc == 0); /* they are written below */
	return prefix;
}

static void add_address(struct drawing *drawing, uint32_t link, const char *text)
{
	struct prefix *address = drawing->failure ? NULL
	                                          : vec_push(&drawing->topology->links.items[link].addresses);
	if (address)
		*address = prefix_of(text);
	else
		drawing->failure = -ENOMEM;
}

static void add_default_route(struct drawing *drawing, uint32_t netns, const char *via)
{
	struct topology_route *route = drawing->failure
	                                       ? NULL
	                                       : vec_push(&drawing->topology->netns.items[netns].routes);
	if (!route) {
		drawing->failure = -ENOMEM;
		return;
	}
	route->to = prefix_of("0.0.0.0/0");
	route->via = prefix_of(via);
}

static void set_way(struct drawing *drawing, const char *link, const char *address)
{
	snprintf(drawing->place->link, sizeof(drawing->place->link), "%s", link);
	snprintf(drawing->place->address, sizeof(drawing->place->address), "%s", address);
}

/* add_ends - the namespaces of client and server */
static void add_ends(struct drawing *drawing, uint32_t *ret_client, uint32_t *ret_server)
{
	*ret_client = add_netns(drawing, "c");
	*ret_server = add_netns(drawing, "s");
}

/* ---- shapes ---- */

static void draw_loopback(struct drawing *drawing)
{
	add_netns(drawing, "c");
	snprintf(drawing->place->server, sizeof(drawing->place->server), "%s-c", drawing->order->name);
	set_way(drawing, "lo", "127.0.0.1");
}

static void draw_veth(struct drawing *drawing)
{
	uint32_t client, server;
	add_ends(drawing, &client, &server);
	uint32_t pair = add_veth(drawing, client, "veth0", server, "veth0");
	add_address(drawing, pair, "10.9.0.1/24");
	add_address(drawing, pair + 1, "10.9.0.2/24");
	add_default_route(drawing, client, "10.9.0.2"); /* pasta looks for one */
	set_way(drawing, "veth0", "10.9.0.2");
	if (drawing->failure || drawing->order->shape != SHAPE_VETH_BIG)
		return;
	set_big(drawing->topology->links.items[pair].numbers);
	set_big(drawing->topology->links.items[pair + 1].numbers);
}

static void draw_bridge(struct drawing *drawing)
{
	uint32_t client, server;
	add_ends(drawing, &client, &server);
	uint32_t middle = add_netns(drawing, "b");
	uint32_t bridge = add_link(drawing, LINK_BRIDGE, middle, "br0");
	uint32_t near = add_veth(drawing, client, "veth0", middle, "port0");
	uint32_t far = add_veth(drawing, server, "veth0", middle, "port1");
	add_address(drawing, near, "10.9.0.1/24");
	add_address(drawing, far, "10.9.0.2/24");
	set_way(drawing, "veth0", "10.9.0.2");
	if (drawing->failure)
		return;
	drawing->topology->links.items[near + 1].bridge = bridge;
	drawing->topology->links.items[far + 1].bridge = bridge;
}

/* draw_routed - returns the router's namespace */
static uint32_t draw_router(struct drawing *drawing)
{
	uint32_t client, server;
	add_ends(drawing, &client, &server);
	uint32_t router = add_netns(drawing, "r");
	uint32_t near = add_veth(drawing, client, "veth0", router, "near0");
	uint32_t far = add_veth(drawing, server, "veth0", router, "far0");
	add_address(drawing, near, "10.9.1.2/24");
	add_address(drawing, near + 1, "10.9.1.1/24");
	add_address(drawing, far, "10.9.2.2/24");
	add_address(drawing, far + 1, "10.9.2.1/24");
	add_default_route(drawing, client, "10.9.1.1");
	add_default_route(drawing, server, "10.9.2.1");
	if (!drawing->failure)
		strcpy(drawing->topology->netns.items[router].sysctls[SYSCTL_IP_FORWARD], "1");
	set_way(drawing, "veth0", "10.9.2.2");
	return router;
}

static void draw_routed(struct drawing *drawing)
{
	draw_router(drawing);
}

static void draw_dnat(struct drawing *drawing)
{
	uint32_t router = draw_router(drawing);
	struct topology_netns *netns = drawing->failure ? NULL : &drawing->topology->netns.items[router];
	struct nat_publish *publish = netns ? vec_push(&netns->nat.publishes) : NULL;
	if (!publish) {
		drawing->failure = -ENOMEM;
		return;
	}
	publish->listen = prefix_of("10.9.1.1");
	publish->to = prefix_of("10.9.2.2");
	publish->port = publish->to_port = PLACE_SERVER_PORT;
	set_way(drawing, "veth0", "10.9.1.1");
	if (drawing->order->shape != SHAPE_DNAT_MASQUERADE)
		return;
	struct nat_masquerade *masquerade = vec_push(&netns->nat.masquerades);
	if (!masquerade) {
		drawing->failure = -ENOMEM;
		return;
	}
	masquerade->from = prefix_of("10.9.1.0/24");
	strcpy(masquerade->out, "far0");
}

/* draw_lower - two links on one lower link, which is an end of a pair whose other end leads nowhere */
static void draw_lower(struct drawing *drawing)
{
	bool is_macvlan = drawing->order->shape == SHAPE_MACVLAN;
	enum link_kind kind = is_macvlan ? LINK_MACVLAN : LINK_IPVLAN;
	int mode = link_mode_find(kind, is_macvlan ? "bridge" : "l2");
	uint32_t ends[2];
	add_ends(drawing, &ends[0], &ends[1]);
	uint32_t middle = add_netns(drawing, "m");
	uint32_t lower = add_veth(drawing, middle, "lower0", middle, "lower1");
	for (unsigned i = 0; i < ARRAY_COUNT(ends); i++) {
		uint32_t link = add_link(drawing, kind, ends[i], "mac0");
		add_address(drawing, link, i == 0 ? "10.9.0.1/24" : "10.9.0.2/24");
		if (drawing->failure)
			return;
		drawing->topology->links.items[link].parent = lower;
		drawing->topology->links.items[link].mode = (uint32_t)mode;
	}
	set_way(drawing, "mac0", "10.9.0.2");
}

static void draw_vxlan(struct drawing *drawing)
{
	static const char *const addresses[2] = {"10.8.0.1", "10.8.0.2"};
	uint32_t ends[2];
	add_ends(drawing, &ends[0], &ends[1]);
	uint32_t pair = add_veth(drawing, ends[0], "veth0", ends[1], "veth0");
	add_address(drawing, pair, "10.8.0.1/24");
	add_address(drawing, pair + 1, "10.8.0.2/24");
	for (unsigned i = 0; i < ARRAY_COUNT(ends); i++) {
		uint32_t link = add_link(drawing, LINK_VXLAN, ends[i], "vxlan0");
		add_address(drawing, link, i == 0 ? "10.9.0.1/24" : "10.9.0.2/24");
		if (drawing->failure)
			return;
		drawing->topology->links.items[link].parent = pair + i;
		drawing->topology->links.items[link].vxlan = (struct link_vxlan){
		        .vni = 1, .local = prefix_of(addresses[i]), .remote = prefix_of(addresses[1 - i])};
	}
	set_way(drawing, "vxlan0", "10.9.0.2");
}

static void draw_fleet(struct drawing *drawing)
{
	char suffix[16];
	add_netns(drawing, "s");
	for (unsigned i = 0; i < drawing->order->client_count; i++) {
		snprintf(suffix, sizeof(suffix), "c%u", i);
		add_netns(drawing, suffix);
	}
}

static void draw_star(struct drawing *drawing)
{
	char text[24];
	draw_fleet(drawing); /* namespace 0 is the server's, i + 1 that of client i */
	uint32_t bridge = add_link(drawing, LINK_BRIDGE, 0, "br0");
	add_address(drawing, bridge, "10.9.255.254/16");
	for (unsigned i = 0; i < drawing->order->client_count; i++) {
		snprintf(text, sizeof(text), "port%u", i);
		uint32_t pair = add_veth(drawing, i + 1, "veth0", 0, text);
		snprintf(text, sizeof(text), "10.9.%u.%u/16", i / 250, i % 250 + 1);
		add_address(drawing, pair, text);
		if (!drawing->failure)
			drawing->topology->links.items[pair + 1].bridge = bridge;
	}
	set_way(drawing, "veth0", "10.9.255.254");
}

static void (*const draw[SHAPE_COUNT])(struct drawing *) = {
        [SHAPE_LOOPBACK] = draw_loopback,    [SHAPE_VETH] = draw_veth,         [SHAPE_VETH_BIG] = draw_veth,
        [SHAPE_BRIDGE] = draw_bridge,        [SHAPE_ROUTED] = draw_routed,     [SHAPE_DNAT] = draw_dnat,
        [SHAPE_DNAT_MASQUERADE] = draw_dnat, [SHAPE_MACVLAN] = draw_lower,     [SHAPE_IPVLAN] = draw_lower,
        [SHAPE_VXLAN] = draw_vxlan,          [SHAPE_LOOPBACK_BIG] = draw_veth, [SHAPE_STAR] = draw_star,
        [SHAPE_FLEET] = draw_fleet,
};

int shape_draw(const struct place_order *order, struct topology *topology, struct place *ret, struct err *err)
{
	struct drawing drawing = {.topology = topology, .order = order, .place = ret};
	*ret = (struct place){0};
	if (order->client_count < 1 || order->client_count > PLACE_CLIENTS_MAX)
		return err_set(err, EINVAL, "%u clients: expected 1 to %d", order->client_count,
		               PLACE_CLIENTS_MAX);
	snprintf(topology->name, sizeof(topology->name), "%s", order->name);
	snprintf(ret->client, sizeof(ret->client), "%s-c", order->name);
	snprintf(ret->server, sizeof(ret->server), "%s-s", order->name);
	draw[order->shape](&drawing);
	return drawing.failure ? err_set(err, -drawing.failure, "out of memory") : 0;
}
