/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel tells of networks that ip(8) has made. */
#include "nsctl/netlink/netstate.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "tests/lib/crowd.h"
#include "tests/lib/testns.h"

enum { EVERYTHING = NETSTATE_LINKS | NETSTATE_ADDRESSES | NETSTATE_ALL_ROUTES | NETSTATE_RULES };

static struct nl *handle;
static struct netstate state;
static struct crowd crowd;

static void open_in(int ns_fd)
{
	struct err err = ERR_INIT;

	assert_success(nl_open(ns_fd, NETLINK_ROUTE, "box", &handle, &err), &err);
}

static int close_all(void **unused)
{
	nl_close(handle);
	handle = NULL;
	netstate_fini(&state);
	crowd_fini(&crowd);
	return testns_teardown(unused);
}

static void read_parts(unsigned parts)
{
	struct err err = ERR_INIT;

	assert_success(netstate_read(handle, parts, &state, &err), &err);
}

/* run - a script inside @ns_fd, which must succeed */
static void run(int ns_fd, const char *script)
{
	if (testns_run(ns_fd, TESTNS_ARGV("sh", "-ec", script)) != 0)
		fail_msg("failed: %s", script);
}

/* made - read @parts of a new namespace that @script has furnished */
static int made(const char *script, unsigned parts)
{
	int inside = testns_new();

	run(inside, script);
	open_in(inside);
	read_parts(parts);
	return inside;
}

static const struct netstate_link *link_named(const char *name)
{
	const struct netstate_link *link = netstate_link_by_name(&state, name);

	if (!link)
		fail_msg("there is no link %s", name);
	return link;
}

static const struct netstate_route *route_to(const char *to)
{
	struct prefix prefix = {0};

	assert_int_equal(prefix_parse(to, &prefix, NULL), 0);
	vec_each (route, &state.routes) {
		if (prefix_equal(&route->to, &prefix))
			return route;
	}
	return NULL;
}

static void assert_prefix(const struct prefix *prefix, const char *expected)
{
	char text[PREFIX_TEXT_MAX];

	assert_string_equal(prefix_format(prefix, text, sizeof(text)), expected);
}

/* ---- links ---- */

static void new_namespace_has_its_loopback_alone(void **unused)
{
	(void)unused;
	open_in(testns_bare());
	read_parts(EVERYTHING);
	assert_int_equal(state.links.count, 1);
	assert_string_equal(state.links.items[0].name, "lo");
	assert_int_equal(state.links.items[0].kind, LINK_LOOPBACK);
	assert_int_equal(state.links.items[0].numbers[LINK_MTU], 65536);
	assert_false(state.links.items[0].flags & IFF_UP);
	assert_int_equal(state.addresses.count, 0);
	assert_int_equal(state.routes.count, 0);
	assert_true(state.rules.count >= 3); /* local, main, default */
}

/* The kernel makes a table with its first route. */
static void table_that_is_not_there_yet_has_no_routes(void **unused)
{
	(void)unused;
	open_in(testns_bare());
	read_parts(NETSTATE_ROUTES);
	assert_int_equal(state.routes.count, 0);
}

static void properties_of_a_link_are_told(void **unused)
{
	const struct netstate_link *link;

	(void)unused;
	made("ip link add name br0 address 02:00:00:00:00:07 mtu 1400 type bridge\n"
	     "ip link set dev br0 alias nsctl-lab up\n"
	     "ip link set dev br0 gso_max_size 32768 gro_max_size 16384",
	     NETSTATE_LINKS);
	link = link_named("br0");
	assert_int_equal(link->kind, LINK_BRIDGE);
	assert_string_equal(link->kind_name, "bridge");
	assert_string_equal(link->alias, "nsctl-lab");
	assert_int_equal(link->mac.bytes[5], 7);
	assert_int_equal(link->numbers[LINK_MTU], 1400);
	assert_int_equal(link->numbers[LINK_GSO_MAX_SIZE], 32768);
	assert_int_equal(link->numbers[LINK_GRO_MAX_SIZE], 16384);
	assert_true(link->flags & IFF_UP);
}

static void ends_of_a_pair_know_each_other(void **unused)
{
	const struct netstate_link *a, *b;

	(void)unused;
	made("ip link add name va type veth peer name vb", NETSTATE_LINKS);
	a = link_named("va");
	b = link_named("vb");
	assert_int_equal(a->kind, LINK_VETH);
	assert_int_equal(a->below, b->index);
	assert_int_equal(b->below, a->index);
	assert_int_equal(a->below_nsid, NETSTATE_NO_NSID);
}

static void end_elsewhere_is_told_with_its_namespace(void **unused)
{
	int a = testns_new(), b = testns_new();

	(void)unused;
	testns_join(a, b);
	open_in(a);
	read_parts(NETSTATE_LINKS);
	assert_int_not_equal(link_named("veth0")->below, 0);
	assert_int_not_equal(link_named("veth0")->below_nsid, NETSTATE_NO_NSID);
}

static void port_knows_its_bridge(void **unused)
{
	(void)unused;
	made("ip link add name br0 type bridge; ip link add name va type veth peer name vb; ip link set dev "
	     "va master br0",
	     NETSTATE_LINKS);
	assert_int_equal(link_named("va")->master, link_named("br0")->index);
	assert_int_equal(link_named("vb")->master, 0);
}

static void macvlan_is_told_with_its_mode_and_parent(void **unused)
{
	const struct netstate_link *link;

	(void)unused;
	made("ip link add name va type veth peer name vb; ip link add name mv0 link va type macvlan mode "
	     "vepa",
	     NETSTATE_LINKS);
	link = link_named("mv0");
	assert_int_equal(link->kind, LINK_MACVLAN);
	assert_int_equal(link->mode, MACVLAN_MODE_VEPA);
	assert_int_equal(link->below, link_named("va")->index);
}

static void vxlan_is_told_with_what_it_is_made_of(void **unused)
{
	const struct netstate_link *in4, *in6;

	(void)unused;
	made("ip link add name vx4 type vxlan id 42 local 10.0.0.1 remote 10.0.0.2 dstport 4789\n"
	     "ip link add name vx6 type vxlan id 43 local fd00::1 remote fd00::2 dstport 4790",
	     NETSTATE_LINKS);
	in4 = link_named("vx4");
	in6 = link_named("vx6");
	assert_int_equal(in4->kind, LINK_VXLAN);
	assert_int_equal(in4->vxlan.vni, 42);
	assert_int_equal(in4->vxlan.port, 4789);
	assert_prefix(&in4->vxlan.local, "10.0.0.1/32");
	assert_prefix(&in4->vxlan.remote, "10.0.0.2/32");
	assert_int_equal(in6->vxlan.port, 4790);
	assert_prefix(&in6->vxlan.local, "fd00::1/128");
	assert_prefix(&in6->vxlan.remote, "fd00::2/128");
}

static void traffic_is_counted(void **unused)
{
	int inside = testns_new();
	int listener = testns_listen(inside, "127.0.0.1:80");

	(void)unused;
	testns_connect(inside, "127.0.0.1:80");
	testns_accept(listener);
	open_in(inside);
	read_parts(NETSTATE_LINKS);
	assert_true(link_named("lo")->tx_packets >= 3); /* a TCP handshake */
	assert_int_equal(link_named("lo")->rx_bytes, link_named("lo")->tx_bytes);
}

/* ---- addresses ---- */

static const struct netstate_address *address_on(const char *link, sa_family_t family)
{
	uint32_t index = link_named(link)->index;

	vec_each (address, &state.addresses) {
		if (address->link == index && address->prefix.family == family)
			return address;
	}
	fail_msg("%s has no such address", link);
	return NULL;
}

static void addresses_of_both_families_are_told(void **unused)
{
	(void)unused;
	made("ip link add name br0 type bridge\n"
	     "ip address add 10.0.0.1/24 dev br0; ip address add fd00::1/64 dev br0 nodad",
	     NETSTATE_LINKS | NETSTATE_ADDRESSES);
	assert_prefix(&address_on("br0", AF_INET)->prefix, "10.0.0.1/24");
	assert_prefix(&address_on("br0", AF_INET6)->prefix, "fd00::1/64");
	assert_int_equal(address_on("br0", AF_INET)->peer.family, AF_UNSPEC);
	assert_true(address_on("br0", AF_INET6)->flags & IFA_F_NODAD);
	assert_prefix(&address_on("lo", AF_INET6)->prefix, "::1/128");
	assert_int_equal(address_on("lo", AF_INET)->scope, RT_SCOPE_HOST);
}

static void address_with_a_peer_is_told_with_it(void **unused)
{
	(void)unused;
	made("ip link add name br0 type bridge\n"
	     "ip address add 10.0.0.1 peer 10.0.0.2/32 dev br0; ip address add fd00::1 peer fd00::2/128 dev "
	     "br0",
	     NETSTATE_LINKS | NETSTATE_ADDRESSES);
	assert_prefix(&address_on("br0", AF_INET)->prefix, "10.0.0.1/32");
	assert_prefix(&address_on("br0", AF_INET)->peer, "10.0.0.2/32");
	assert_prefix(&address_on("br0", AF_INET6)->prefix, "fd00::1/128");
	assert_prefix(&address_on("br0", AF_INET6)->peer, "fd00::2/128");
}

/* ---- routes and rules ---- */

#define ROUTES                                                                                               \
	"ip link add name br0 up type bridge; ip link add name va up type veth peer name vb; ip link set "   \
	"dev vb up\n"                                                                                        \
	"ip address add 10.0.0.1/24 dev va; ip address add fd00::1/64 dev va nodad\n"

static void main_table_is_told_alone_unless_all_are_asked_for(void **unused)
{
	(void)unused;
	made(ROUTES
	     "ip route add 10.8.0.0/16 via 10.0.0.9; ip route add 10.9.0.0/16 via 10.0.0.9 table 1000\n"
	     "ip route add fd08::/16 via fd00::9; ip route add fd09::/16 via fd00::9 table 1000",
	     NETSTATE_ROUTES);
	assert_non_null(route_to("10.8.0.0/16"));
	assert_non_null(route_to("fd08::/16"));
	vec_each (route, &state.routes)
		assert_int_equal(route->table, RT_TABLE_MAIN);
	read_parts(NETSTATE_ALL_ROUTES);
	assert_int_equal(route_to("10.8.0.0/16")->table, RT_TABLE_MAIN);
	assert_int_equal(route_to("10.9.0.0/16")->table, 1000);
	assert_int_equal(route_to("fd09::/16")->table, 1000);
	assert_int_equal(route_to("127.0.0.0/8")->table, RT_TABLE_LOCAL);
}

static void properties_of_a_route_are_told(void **unused)
{
	const struct netstate_route *route;

	(void)unused;
	made(ROUTES "ip route add default via 10.0.0.9 dev va proto 110 metric 7 src 10.0.0.1\n"
	            "ip route add blackhole 10.7.0.0/16",
	     NETSTATE_LINKS | NETSTATE_ROUTES);
	route = route_to("0.0.0.0/0");
	assert_prefix(&route->via, "10.0.0.9/32");
	assert_prefix(&route->source, "10.0.0.1/32");
	assert_int_equal(route->link, link_named("va")->index);
	assert_int_equal(route->protocol, 110);
	assert_int_equal(route->metric, 7);
	assert_int_equal(route->type, RTN_UNICAST);
	assert_int_equal(route_to("10.7.0.0/16")->type, RTN_BLACKHOLE);
	assert_int_equal(route_to("10.0.0.0/24")->scope, RT_SCOPE_LINK);
	assert_int_equal(route_to("10.0.0.0/24")->via.family, AF_UNSPEC);
}

static void route_by_many_ways_is_told_with_all(void **unused)
{
	const struct netstate_route *in4, *in6;

	(void)unused;
	made(ROUTES "ip route add default nexthop via 10.0.0.8 weight 3 nexthop via 10.0.0.9\n"
	            "ip route add default nexthop via fd00::8 nexthop via fd00::9 weight 2",
	     NETSTATE_LINKS | NETSTATE_ROUTES);
	in4 = route_to("0.0.0.0/0");
	in6 = route_to("::/0");
	assert_int_equal(in4->nexthop_count, 2);
	assert_prefix(&in4->nexthops[0].via, "10.0.0.8/32");
	assert_int_equal(in4->nexthops[0].weight, 3);
	assert_int_equal(in4->nexthops[1].link, link_named("va")->index);
	assert_int_equal(in6->nexthop_count, 2);
	assert_prefix(&in6->nexthops[1].via, "fd00::9/128");
	assert_int_equal(in6->nexthops[1].weight, 2);
}

static void route_by_the_other_family_is_told(void **unused)
{
	(void)unused;
	made(ROUTES "ip route add 10.6.0.0/16 via inet6 fd00::9 dev va", NETSTATE_ROUTES);
	assert_prefix(&route_to("10.6.0.0/16")->via, "fd00::9/128");
}

static void rules_of_both_families_are_told(void **unused)
{
	const struct netstate_rule *in4 = NULL, *in6 = NULL;

	(void)unused;
	made("ip rule add not from 10.0.0.0/8 to 10.1.0.0/16 fwmark 0x10/0xff iif lo priority 100 table "
	     "1000\n"
	     "ip -6 rule add from fd00::/8 oif lo priority 101 blackhole",
	     NETSTATE_RULES);
	vec_each (rule, &state.rules) {
		in4 = rule->priority == 100 ? rule : in4;
		in6 = rule->priority == 101 ? rule : in6;
	}
	assert_non_null(in4);
	assert_non_null(in6);
	assert_prefix(&in4->from, "10.0.0.0/8");
	assert_prefix(&in4->to, "10.1.0.0/16");
	assert_int_equal(in4->mark, 0x10);
	assert_int_equal(in4->mark_mask, 0xff);
	assert_int_equal(in4->table, 1000);
	assert_string_equal(in4->in, "lo");
	assert_true(in4->inverted);
	assert_int_equal(in4->action, FR_ACT_TO_TBL);
	assert_prefix(&in6->from, "fd00::/8");
	assert_int_equal(in6->to.family, AF_UNSPEC);
	assert_string_equal(in6->out, "lo");
	assert_int_equal(in6->action, FR_ACT_BLACKHOLE);
}

/* ---- lists ---- */

static void what_was_read_before_is_replaced(void **unused)
{
	int inside = made("ip link add name br0 type bridge; ip address add 10.0.0.1/24 dev br0", EVERYTHING);
	size_t links = state.links.count;

	(void)unused;
	run(inside, "ip link delete dev br0");
	read_parts(NETSTATE_LINKS);
	assert_int_equal(state.links.count, links - 1);
	assert_int_equal(state.addresses.count, 0); /* not asked for */
}

static size_t count_tokens(void)
{
	return (netstate_link_by_name(&state, "first") ? 1 : 0) +
	       (netstate_link_by_name(&state, "last") ? 1 : 0);
}

static atomic_bool enough;

static void *keep_moving(void *ctx)
{
	struct crowd *moving = ctx;
	bool moved = true;

	while (moved && !atomic_load(&enough))
		moved = crowd_move_token(moving);
	return moved ? NULL : moving;
}

static void check_crowd(void)
{
	struct err err = ERR_INIT;
	int rc = netstate_read(handle, NETSTATE_LINKS, &state, &err);

	if (rc == -EAGAIN) /* it never stood still: said, not guessed */
		return;
	assert_success(rc, &err);
	assert_true(count_tokens() >= 1);
	assert_int_equal(state.links.count, 1 + CROWD_LINKS + count_tokens());
}

static void links_are_whole_while_others_come_and_go(void **unused)
{
	enum { READINGS = 50 };
	pthread_t mover;
	void *failed;

	(void)unused;
	crowd_init(&crowd);
	open_in(crowd.ns_fd);
	atomic_store(&enough, false);
	assert_int_equal(pthread_create(&mover, NULL, keep_moving, &crowd), 0);
	for (int i = 0; i < READINGS; i++)
		check_crowd();
	atomic_store(&enough, true);
	pthread_join(mover, &failed);
	assert_null(failed);
	read_parts(NETSTATE_LINKS);
	assert_int_equal(count_tokens(), 1);
}

#define claim(function) cmocka_unit_test_teardown(function, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        claim(new_namespace_has_its_loopback_alone),
	        claim(table_that_is_not_there_yet_has_no_routes),
	        claim(properties_of_a_link_are_told),
	        claim(ends_of_a_pair_know_each_other),
	        claim(end_elsewhere_is_told_with_its_namespace),
	        claim(port_knows_its_bridge),
	        claim(macvlan_is_told_with_its_mode_and_parent),
	        claim(vxlan_is_told_with_what_it_is_made_of),
	        claim(traffic_is_counted),
	        claim(addresses_of_both_families_are_told),
	        claim(address_with_a_peer_is_told_with_it),
	        claim(main_table_is_told_alone_unless_all_are_asked_for),
	        claim(properties_of_a_route_are_told),
	        claim(route_by_many_ways_is_told_with_all),
	        claim(route_by_the_other_family_is_told),
	        claim(rules_of_both_families_are_told),
	        claim(what_was_read_before_is_replaced),
	        claim(links_are_whole_while_others_come_and_go),
	};
	return testns_result(cmocka_run_group_tests(tests, testns_hide_net, NULL));
}
