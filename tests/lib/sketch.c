/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/sketch.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/testns.h"

static struct prefix parse_prefix(const char *text)
{
	struct err err = ERR_INIT;
	struct prefix prefix;

	assert_success(prefix_parse(text, &prefix, &err), &err);
	return prefix;
}

uint32_t sketch_netns(struct topology *topology, const char *name)
{
	struct topology_netns *netns = vec_push(&topology->netns);
	bool is_host = !strcmp(name, "host");

	assert_non_null(netns);
	snprintf(netns->name, sizeof(netns->name), "%s", name);
	netns->tenure = is_host ? NETNS_EXISTING : NETNS_MADE;
	netns->loopback_up = true;
	if (!is_host) {
		netns->ref.kind = NETNS_NAME;
		snprintf(netns->ref.text, sizeof(netns->ref.text), "%s", name);
	}
	return (uint32_t)topology->netns.count - 1;
}

/* split - "ns1/v1" */
static uint32_t split(const struct topology *topology, const char *name, const char **ret_link)
{
	char text[TOPOLOGY_NETNS_NAME_MAX];
	const char *slash = strchr(name, '/');
	uint32_t netns;

	assert_non_null(slash);
	snprintf(text, sizeof(text), "%.*s", (int)(slash - name), name);
	netns = topology_find_netns(topology, text);
	assert_true(netns != TOPOLOGY_NONE);
	*ret_link = slash + 1;
	return netns;
}

uint32_t sketch_find_link(const struct topology *topology, const char *name)
{
	const char *link_name;
	uint32_t netns = split(topology, name, &link_name);
	uint32_t link = topology_find_link(topology, netns, link_name);

	assert_true(link != TOPOLOGY_NONE);
	return link;
}

void sketch_address(struct topology *topology, const char *link, const char *address)
{
	struct prefix *prefix = vec_push(&topology->links.items[sketch_find_link(topology, link)].addresses);

	assert_non_null(prefix);
	*prefix = parse_prefix(address);
}

uint32_t sketch_link(struct topology *topology, const char *name, enum link_kind kind, const char *address)
{
	const char *link_name;
	uint32_t netns = split(topology, name, &link_name);
	struct topology_link *link = vec_push(&topology->links);

	assert_non_null(link);
	link->netns = netns;
	snprintf(link->name, sizeof(link->name), "%s", link_name);
	link->kind = kind;
	link->up = true;
	link->peer = link->parent = link->bridge = TOPOLOGY_NONE;
	if (address)
		sketch_address(topology, name, address);
	return (uint32_t)topology->links.count - 1;
}

void sketch_veth(struct topology *topology, const char *a, const char *address_a, const char *b,
                const char *address_b)
{
	uint32_t end_a = sketch_link(topology, a, LINK_VETH, address_a);
	uint32_t end_b = sketch_link(topology, b, LINK_VETH, address_b);

	topology->links.items[end_a].peer = end_b;
	topology->links.items[end_b].peer = end_a;
}

void sketch_route(struct topology *topology, const char *netns, const char *to, const char *via)
{
	uint32_t index = topology_find_netns(topology, netns);
	struct topology_route *route;

	assert_true(index != TOPOLOGY_NONE);
	route = vec_push(&topology->netns.items[index].routes);
	assert_non_null(route);
	route->to = parse_prefix(to);
	if (via)
		route->via = parse_prefix(via);
}

/* parse_address - "10.0.0.1:80", "[fd00::1]:80" or an address alone, which gives port 0 */
static struct prefix parse_address(const char *text, uint16_t *ret_port)
{
	struct endpoint endpoint;
	char whole[ENDPOINT_TEXT_MAX];
	struct prefix address = {.family = AF_INET, .length = 32};

	snprintf(whole, sizeof(whole), "/%s", text);
	*ret_port = 0;
	if (endpoint_parse(whole, &endpoint, NULL) < 0)
		return parse_prefix(text);
	if (endpoint.addr.family == AF_INET) {
		address.address.in4 = endpoint.addr.in4.sin_addr;
		*ret_port = ntohs(endpoint.addr.in4.sin_port);
		return address;
	}
	address = (struct prefix){
	        .family = AF_INET6, .length = 128, .address.in6 = endpoint.addr.in6.sin6_addr};
	*ret_port = ntohs(endpoint.addr.in6.sin6_port);
	return address;
}

struct topology_expect *sketch_expect(struct topology *topology, const char *from, const char *to,
                                     const char *server)
{
	struct topology_expect *expect = vec_push(&topology->expects);
	const char *address;

	assert_non_null(expect);
	expect->from = topology_find_netns(topology, from);
	assert_true(expect->from != TOPOLOGY_NONE);
	expect->to = parse_address(to, &expect->port);
	expect->reaches = true;
	expect->server_netns = TOPOLOGY_NONE;
	if (server) {
		expect->server_netns = split(topology, server, &address);
		expect->server_to = parse_address(address, &expect->server_port);
	}
	return expect;
}
