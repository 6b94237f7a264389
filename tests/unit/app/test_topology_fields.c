/* SPDX-License-Identifier: Apache-2.0 */
/* Which part of a right file reaches which field of the topology. */
#include "tests/unit/app/topology_rig.h"

#include <string.h>

static void assert_prefix(const struct prefix *prefix, const char *expected)
{
	char text[PREFIX_TEXT_MAX];
	assert_string_equal(prefix_format(prefix, text, sizeof(text)), expected);
}

static uint32_t find_link(const struct topology *topology, const char *netns, const char *name)
{
	uint32_t index = topology_find_link(topology, topology_find_netns(topology, netns), name);
	assert_int_not_equal(index, TOPOLOGY_NONE);
	return index;
}

static const struct topology_link *link_of(const struct topology *topology, const char *netns,
                                           const char *name)
{
	return &topology->links.items[find_link(topology, netns, name)];
}

static const struct topology_netns *netns_of(const struct topology *topology, const char *name)
{
	uint32_t index = topology_find_netns(topology, name);
	assert_int_not_equal(index, TOPOLOGY_NONE);
	return &topology->netns.items[index];
}

static void loopback_and_existing_link_have_numbers(void **state)
{
	(void)state;
	struct topology topology = rig_accept(
	        "namespaces:\n"
	        "  made: { loopback: { mtu: 65536, gso_max_size: 262144, gro_ipv4_max_size: 131072 } }\n"
	        "  down: { loopback: { up: false, gso_ipv4_max_size: 321 } }\n"
	        "  there: { existing: true, loopback: { gro_max_size: 524280 } }\n"
	        "links: { there/eth0: { existing: true, mtu: 9000, gso_max_size: 100000 } }\n");
	const struct topology_netns *made = netns_of(&topology, "made"), *down = netns_of(&topology, "down");
	assert_true(made->loopback_up);
	assert_int_equal(made->loopback_numbers[LINK_MTU], 65536);
	assert_int_equal(made->loopback_numbers[LINK_GSO_MAX_SIZE], 262144);
	assert_int_equal(made->loopback_numbers[LINK_GSO_IPV4_MAX_SIZE], 0);
	assert_int_equal(made->loopback_numbers[LINK_GRO_IPV4_MAX_SIZE], 131072);
	assert_false(down->loopback_up);
	assert_int_equal(down->loopback_numbers[LINK_GSO_IPV4_MAX_SIZE], 321);
	assert_int_equal(netns_of(&topology, "there")->loopback_numbers[LINK_GRO_MAX_SIZE], 524280);
	assert_int_equal(topology.links.items[0].numbers[LINK_MTU], 9000);
	assert_int_equal(topology.links.items[0].numbers[LINK_GSO_MAX_SIZE], 100000);
	topology_fini(&topology);
}

static void every_way_to_name_a_namespace_is_understood(void **state)
{
	(void)state;
	struct topology topology = rig_accept(
	        "namespaces:\n"
	        "  host: {}\n  made:\n  down: { loopback: false }\n  there: { existing: true }\n"
	        "  pod: { pid: 42 }\n  file: { path: /proc/7/ns/net }\n");
	assert_int_equal(topology.netns.count, 6);
	assert_int_equal(netns_of(&topology, "host")->loopback_numbers[LINK_MTU], 0);
	assert_int_equal(netns_of(&topology, "host")->ref.kind, NETNS_SELF);
	assert_int_equal(netns_of(&topology, "host")->tenure, NETNS_EXISTING);
	assert_int_equal(netns_of(&topology, "made")->tenure, NETNS_MADE);
	assert_string_equal(netns_of(&topology, "made")->ref.text, "made");
	assert_true(netns_of(&topology, "made")->loopback_up);
	assert_false(netns_of(&topology, "down")->loopback_up);
	assert_int_equal(netns_of(&topology, "there")->tenure, NETNS_EXISTING);
	assert_int_equal(netns_of(&topology, "there")->ref.kind, NETNS_NAME);
	assert_int_equal(netns_of(&topology, "pod")->ref.pid, 42);
	assert_int_equal(netns_of(&topology, "pod")->tenure, NETNS_EXISTING);
	assert_string_equal(netns_of(&topology, "file")->ref.text, "/proc/7/ns/net");
	topology_fini(&topology);
}

static void host_needs_no_entry(void **state)
{
	(void)state;
	struct topology topology = rig_accept("links: { host/br0: { bridge: [] } }\n"
	                                      "expect: [ { from: host, cannot_reach: 10.0.0.1 } ]\n");
	assert_int_equal(topology.netns.count, 1);
	assert_int_equal(netns_of(&topology, "host")->tenure, NETNS_EXISTING);
	assert_int_equal(netns_of(&topology, "host")->ref.kind, NETNS_SELF);
	topology_fini(&topology);
}

static void furniture_of_a_namespace_reaches_its_fields(void **state)
{
	(void)state;
	struct topology topology = rig_accept(
	        "namespaces:\n"
	        "  a:\n"
	        "    sysctls: { ip_forward: true, ipv6_forwarding: false, rp_filter: 2, "
	        "tcp_congestion_control: cubic,"
	        " tcp_migrate_req: true }\n"
	        "    routes: [ { to: default, via: 10.0.1.9 }, { to: 10.9.0.0/16, link: v },\n"
	        "              { to: default, via: 'fe80::9', link: v }, { to: 10.8.0.1, via: 10.0.1.8, "
	        "link: v } ]\n"
	        "    masquerade: [ { from: 10.0.0.0/8 }, { from: 10.0.0.0/8, out: v } ]\n"
	        "    publish: [ { listen: 80, to: '10.0.1.2:8080' }, { listen: '10.0.1.1:81', to: "
	        "'10.0.1.2:8081' },\n"
	        "               { listen: '[::]:82', to: '[fd00::2]:8082' } ]\n"
	        "links: { a/v: { veth: host/v, addresses: [ 10.0.1.1/24 ] } }\n");
	const struct topology_netns *a = netns_of(&topology, "a");
	assert_string_equal(a->sysctls[SYSCTL_IP_FORWARD], "1");
	assert_string_equal(a->sysctls[SYSCTL_IPV6_FORWARDING], "0");
	assert_string_equal(a->sysctls[SYSCTL_RP_FILTER], "2");
	assert_string_equal(a->sysctls[SYSCTL_TCP_CONGESTION_CONTROL], "cubic");
	assert_string_equal(a->sysctls[SYSCTL_TCP_MIGRATE_REQ], "1");
	assert_int_equal(a->routes.count, 4);
	assert_prefix(&a->routes.items[0].to, "0.0.0.0/0");
	assert_prefix(&a->routes.items[0].via, "10.0.1.9/32");
	assert_string_equal(a->routes.items[0].link, "");
	assert_prefix(&a->routes.items[1].to, "10.9.0.0/16");
	assert_int_equal(a->routes.items[1].via.family, AF_UNSPEC);
	assert_string_equal(a->routes.items[1].link, "v");
	assert_prefix(&a->routes.items[2].to, "::/0");
	assert_prefix(&a->routes.items[3].to, "10.8.0.1/32");
	assert_int_equal(a->nat.masquerades.count, 2);
	assert_prefix(&a->nat.masquerades.items[0].from, "10.0.0.0/8");
	assert_string_equal(a->nat.masquerades.items[0].out, "");
	assert_string_equal(a->nat.masquerades.items[1].out, "v");
	assert_int_equal(a->nat.publishes.count, 3);
	assert_int_equal(a->nat.publishes.items[0].listen.family, AF_UNSPEC);
	assert_int_equal(a->nat.publishes.items[0].port, 80);
	assert_prefix(&a->nat.publishes.items[0].to, "10.0.1.2/32");
	assert_int_equal(a->nat.publishes.items[0].to_port, 8080);
	assert_prefix(&a->nat.publishes.items[1].listen, "10.0.1.1/32");
	assert_int_equal(a->nat.publishes.items[2].listen.family, AF_UNSPEC);
	assert_int_equal(a->nat.publishes.items[2].port, 82);
	topology_fini(&topology);
}

static void every_kind_of_link_reaches_its_fields(void **state)
{
	(void)state;
	struct topology topology = rig_accept(
	        "namespaces: { a: {}, b: {}, x: { existing: true } }\n"
	        "links:\n"
	        "  a/v: { veth: b/v, addresses: [ 10.0.1.1/24, 'fd00::1/64' ], mtu: 9000, mac: "
	        "'02:00:00:00:00:AB',\n"
	        "         up: false, gso_max_size: 131072, gro_max_size: 131073, gso_ipv4_max_size: 131074,\n"
	        "         gro_ipv4_max_size: 131075 }\n"
	        "  b/v: { mtu: 1400 }\n"
	        "  a/far: { veth: b/implied }\n"
	        "  x/eth0: { existing: true, addresses: [ 10.7.0.1/24 ] }\n"
	        "  a/lo: { addresses: [ 10.255.0.1/32 ] }\n"
	        "  a/mv: { macvlan: x/eth0, mode: private }\n"
	        "  b/mv: { macvlan: x/eth0 }\n"
	        "  a/iv: { ipvlan: b/v, mode: l3s }\n"
	        "  b/iv: { ipvlan: a/v }\n"
	        "  a/vx: { vxlan: 42, over: b/v, local: 10.0.0.1, remote: 10.0.0.2, port: 9999 }\n"
	        "  a/br: { bridge: [ far, vx ] }\n");
	const struct topology_link *v = link_of(&topology, "a", "v");
	assert_int_equal(v->kind, LINK_VETH);
	assert_int_equal(v->peer, find_link(&topology, "b", "v"));
	assert_false(v->up);
	assert_int_equal(v->mac.bytes[5], 0xab);
	assert_int_equal(v->numbers[LINK_MTU], 9000);
	for (enum link_number number = LINK_GSO_MAX_SIZE; number < LINK_NUMBER_COUNT; number++)
		assert_int_equal(v->numbers[number], 131071 + number);
	assert_int_equal(v->addresses.count, 2);
	assert_prefix(&v->addresses.items[1], "fd00::1/64");
	const struct topology_link *far_end = link_of(&topology, "b", "v");
	assert_int_equal(far_end->kind, LINK_VETH);
	assert_int_equal(far_end->peer, find_link(&topology, "a", "v"));
	assert_int_equal(far_end->numbers[LINK_MTU], 1400);
	const struct topology_link *implied = link_of(&topology, "b", "implied");
	assert_int_equal(implied->kind, LINK_VETH);
	assert_int_equal(implied->peer, find_link(&topology, "a", "far"));
	assert_true(implied->up);
	const struct topology_link *eth0 = link_of(&topology, "x", "eth0");
	assert_true(eth0->existing);
	assert_int_equal(eth0->kind, LINK_OTHER);
	assert_false(eth0->up); /* not the topology's to choose */
	assert_int_equal(eth0->addresses.count, 1);
	assert_true(link_of(&topology, "a", "lo")->existing);
	assert_int_equal(link_of(&topology, "a", "mv")->parent, find_link(&topology, "x", "eth0"));
	assert_string_equal(link_mode_name(LINK_MACVLAN, link_of(&topology, "a", "mv")->mode), "private");
	assert_string_equal(link_mode_name(LINK_MACVLAN, link_of(&topology, "b", "mv")->mode), "bridge");
	assert_string_equal(link_mode_name(LINK_IPVLAN, link_of(&topology, "a", "iv")->mode), "l3s");
	assert_string_equal(link_mode_name(LINK_IPVLAN, link_of(&topology, "b", "iv")->mode), "l2");
	const struct topology_link *vx = link_of(&topology, "a", "vx");
	assert_int_equal(vx->vxlan.vni, 42);
	assert_int_equal(vx->vxlan.port, 9999);
	assert_prefix(&vx->vxlan.local, "10.0.0.1/32");
	assert_prefix(&vx->vxlan.remote, "10.0.0.2/32");
	assert_int_equal(vx->parent, find_link(&topology, "b", "v"));
	assert_int_equal(vx->bridge, find_link(&topology, "a", "br"));
	assert_int_equal(link_of(&topology, "a", "br")->bridge, TOPOLOGY_NONE);
	topology_fini(&topology);
}

static void expectations_reach_their_fields(void **state)
{
	(void)state;
	struct topology topology = rig_accept(
	        "namespaces: { a: {}, b: {} }\n"
	        "expect:\n"
	        "- { from: a, reaches: 10.0.0.1, ttl: 63 }\n"
	        "- { from: b, reaches: 'fd00::1' }\n"
	        "\n"
	        "- { from: a, reaches: '[fd00::1]:80', server: 'b/[::]:8080' }\n"
	        "- { from: a, cannot_reach: '10.0.0.1:81', because: refused }\n"
	        "- { from: a, cannot_reach: 8.8.8.8 }\n");
	const struct topology_expect *e = topology.expects.items;
	assert_int_equal(topology.expects.count, 5);
	assert_true(e[0].reaches);
	assert_int_equal(e[0].from, 0);
	assert_prefix(&e[0].to, "10.0.0.1/32");
	assert_int_equal(e[0].port, 0);
	assert_int_equal(e[0].ttl, 63);
	assert_int_equal(e[0].line, 3);
	assert_int_equal(e[0].server_netns, TOPOLOGY_NONE);
	assert_int_equal(e[1].from, 1);
	assert_prefix(&e[1].to, "fd00::1/128");
	assert_int_equal(e[2].line, 6);
	assert_int_equal(e[2].port, 80);
	assert_int_equal(e[2].server_netns, 1);
	assert_prefix(&e[2].server_to, "::/128");
	assert_int_equal(e[2].server_port, 8080);
	assert_false(e[3].reaches);
	assert_int_equal(e[3].because, UNREACHABLE_REFUSED);
	assert_int_equal(e[4].because, UNREACHABLE_ANY);
	topology_fini(&topology);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(loopback_and_existing_link_have_numbers),
	        cmocka_unit_test(every_way_to_name_a_namespace_is_understood),
	        cmocka_unit_test(host_needs_no_entry),
	        cmocka_unit_test(furniture_of_a_namespace_reaches_its_fields),
	        cmocka_unit_test(every_kind_of_link_reaches_its_fields),
	        cmocka_unit_test(expectations_reach_their_fields),
	};
	return cmocka_run_group_tests(tests, NULL, rig_teardown);
}
