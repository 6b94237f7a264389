/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold between the parts of a topology. */
#include <string.h>

#include "tests/unit/app/topology_rig.h"

/* The texts below begin with these lines; their own begin at line 3. */
#define LINKS "namespaces: { a: {}, b: {}, x: { existing: true } }\nlinks:\n"

/* Lines 1 to 4: `a` with routes of its own, 10.0.1.1/24 and fd00:1::1/64 on v, 10.0.2.1/24 on w, down
 * with 10.0.3.1/24. */
#define ROUTES(routes)                                                                                       \
	"namespaces: { a: { routes: [ " routes " ] }, b: {} }\n"                                             \
	"links:\n"                                                                                           \
	"  a/v: { veth: b/v, addresses: [ 10.0.1.1/24, 'fd00:1::1/64' ] }\n"                                 \
	"  a/w: { veth: b/w, addresses: [ 10.0.2.1/24 ] }\n"                                                 \
	"  a/down: { veth: b/down, addresses: [ 10.0.3.1/24 ], up: false }\n"

#define NAT(entry) "namespaces: { a: { " entry " } }\n"

static void is_right(const char *text)
{
	struct topology topology = rig_accept(text);
	topology_fini(&topology);
}

static void ends_of_a_veth_that_disagree_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
	        {LINKS "  a/v: { veth: b/v }\n  a/w: { veth: b/v }\n", 4, 16, "b/v",
	         "'b/v' is the other end of 'a/v'; expected a link that is not"},
	        {LINKS "  a/v: { veth: b/v }\n  b/v: { veth: a/w }\n", 3, 16, "b/v",
	         "'b/v' is the other end of 'a/w'; expected a link that is not"},
	        {LINKS "  a/v: { veth: b/v }\n  b/v: {}\n  b/w: { veth: b/v }\n", 5, 16, "b/v",
	         "'b/v' is the other end of 'a/v'"},
	        {LINKS "  a/v: { veth: a/v }\n", 3, 16, "a/v",
	         "this is the link itself; expected the name of its other end"},
	        {LINKS "  a/v: { veth: b/br }\n  b/br: { bridge: [] }\n", 3, 16, "b/br",
	         "'b/br' is a bridge; expected the other end of a veth"},
	        {LINKS "  a/v: { veth: x/eth0 }\n  x/eth0: { existing: true }\n", 3, 16, "x/eth0",
	         "'x/eth0' is an existing link; expected the other end of a veth"},
	};
	RIG_REFUSE(cases);
}

static void ends_of_a_veth_may_name_each_other(void **state)
{
	(void)state;
	is_right(LINKS "  a/v: { veth: b/v }\n  b/v: { veth: a/v }\n  a/p: { veth: a/q }\n");
}

static void ports_that_cannot_be_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
	        {LINKS "  a/v: { veth: b/v }\n  a/br: { bridge: [ v ] }\n  a/br2: { bridge: [ v ] }\n", 5, 22,
	         "v", "'v' is a port of 'br' already; expected it in one list of ports"},
	        {LINKS "  a/v: { veth: b/v }\n  a/br: { bridge: [ v, v ] }\n", 4, 24, "v",
	         "'v' is a port of 'br' already"},
	        {LINKS "  a/br: { bridge: [ br ] }\n", 3, 21, "br",
	         "'br' is the bridge itself; expected a link that can be a port of a bridge"},
	        {LINKS "  a/br: { bridge: [ br2 ] }\n  a/br2: { bridge: [] }\n", 3, 21, "br2",
	         "'br2' is a bridge; expected"},
	        {LINKS "  a/br: { bridge: [ lo ] }\n  a/lo: {}\n", 3, 21, "lo",
	         "'lo' is the loopback; expected"},
	        {LINKS "  a/v: { veth: b/v }\n  a/iv: { ipvlan: b/v }\n  a/br: { bridge: [ iv ] }\n", 5, 21,
	         "iv", "'iv' is an ipvlan; expected"},
	        {LINKS "  a/v: { veth: b/v }\n  b/br: { bridge: [ w ] }\n", 4, 21, "w",
	         "there is no link 'b/w' in the file"},
	};
	RIG_REFUSE(cases);
}

static void parents_that_cannot_be_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
	        {LINKS "  a/mv: { macvlan: a/mv }\n", 3, 20, "a/mv",
	         "a macvlan cannot be on itself; expected"},
	        {LINKS "  a/vx: { vxlan: 1, over: a/vx }\n", 3, 27, "a/vx", "a vxlan cannot be over itself"},
	        {LINKS "  a/lo: {}\n  a/mv: { macvlan: a/lo }\n", 4, 20, "a/lo",
	         "a macvlan cannot be on the loopback"},
	        {LINKS "  a/v: { veth: b/v }\n  a/m1: { macvlan: a/v }\n  a/m2: { macvlan: a/m1 }\n", 5, 20,
	         "a/m1", "a macvlan cannot be on a macvlan; expected another kind of link"},
	        {LINKS "  a/v: { veth: b/v }\n  a/i1: { ipvlan: a/v }\n  a/i2: { ipvlan: a/i1 }\n", 5, 19,
	         "a/i1", "an ipvlan cannot be on an ipvlan"},
	        {LINKS "  a/v: { veth: b/v }\n  a/br: { bridge: [ v ] }\n  b/mv: { macvlan: a/v }\n", 5, 20,
	         "a/v", "'v' is a port of the bridge 'br'; expected a link that is none"},
	        {LINKS "  a/v: { veth: b/v }\n  a/mv: { macvlan: a/v }\n  b/iv: { ipvlan: a/v }\n", 5, 19,
	         "a/v", "'a/mv', a macvlan, is on that link already; expected one kind on it"},
	        {LINKS "  a/v: { veth: b/v }\n  a/iv: { ipvlan: a/v, mode: l3 }\n  b/iv: { ipvlan: a/v, "
	               "mode: l2 }\n",
	         5, 30, "l2", "'a/iv' is on the same link in mode l3; expected one mode for all of a link"},
	        {LINKS
	         "  a/v: { veth: b/v }\n  a/mv: { macvlan: a/v }\n  b/mv: { macvlan: a/v, mode: passthru }\n",
	         5, 20, "a/v",
	         "'a/mv' is on that link already; expected a passthru macvlan to be the only one"},
	        {LINKS
	         "  a/v: { veth: b/v }\n  a/mv: { macvlan: a/v, mode: passthru }\n  b/mv: { macvlan: a/v }\n",
	         5, 20, "a/v", "'a/mv' is on that link already"},
	        {LINKS "  a/v: { veth: b/v, mtu: 1400 }\n  a/mv: { macvlan: a/v, mtu: 1401 }\n", 4, 30,
	         "1401", "the link below has an mtu of 1400; expected at most that"},
	        {LINKS "  a/v: { veth: b/v }\n  a/mv: { macvlan: a/v, mtu: 9000 }\n", 4, 30, "9000",
	         "the link below has an mtu of 1500"},
	};
	RIG_REFUSE(cases);
}

static void links_that_stand_above_themselves_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
	        {LINKS "  a/br: { bridge: [ mv ] }\n  a/mv: { macvlan: a/br }\n", 3, 3, "a/br",
	         "'a/br' stands above itself, or above more than 7 others; expected a stack that ends"},
	        {LINKS "  a/mv: { macvlan: a/iv }\n  a/iv: { ipvlan: a/mv }\n", 3, 3, "a/mv",
	         "'a/mv' stands above itself"},
	        {LINKS "  a/v: { veth: b/v }\n  a/v1: { macvlan: a/v }\n  a/v2: { ipvlan: a/v1 }\n  a/v3: { "
	               "macvlan: a/v2 }\n"
	               "  a/v4: { ipvlan: a/v3 }\n  a/v5: { macvlan: a/v4 }\n  a/v6: { ipvlan: a/v5 }\n"
	               "  a/v7: { macvlan: a/v6 }\n  a/v8: { ipvlan: a/v7 }\n",
	         11, 3, "a/v8", "'a/v8' stands above itself, or above more than 7 others"},
	};
	RIG_REFUSE(cases);
	is_right(LINKS "  a/v7: { macvlan: a/v6 }\n  a/v: { veth: b/v }\n  a/v1: { macvlan: a/v }\n  a/v2: { "
	               "ipvlan: a/v1 }\n"
	               "  a/v3: { macvlan: a/v2 }\n  a/v4: { ipvlan: a/v3 }\n  a/v5: { macvlan: a/v4 }\n"
	               "  a/v6: { ipvlan: a/v5 }\n");
}

static void what_may_differ_is_accepted(void **state)
{
	(void)state;
	is_right(LINKS "  a/v: { veth: b/v, mtu: 9000 }\n  b/v: { mtu: 1500 }\n");
	is_right(LINKS "  a/v: { veth: b/v, mtu: 9000 }\n  a/br: { bridge: [ v ], mtu: 1500 }\n");
	is_right(LINKS "  x/eth0: { existing: true }\n  x/br: { bridge: [ eth0 ] }\n");
	is_right(LINKS "  x/eth0: { existing: true }\n  a/mv: { macvlan: x/eth0, mtu: 9000 }\n");
	is_right(LINKS "  a/br: { bridge: [], addresses: [ 10.0.0.1/24 ] }\n  b/br: { bridge: [], addresses: "
	               "[ 10.0.0.1/24 ] }\n");
	is_right(LINKS "  a/br: { bridge: [], addresses: [ 10.0.0.0/31, 10.0.0.7/32 ] }\n");
}

static void vxlans_that_clash_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
	        {LINKS "  a/x1: { vxlan: 7 }\n  a/x2: { vxlan: 7, port: 4789 }\n", 4, 18, "7",
	         "'a' has the vxlan 7 on port 4789 already; expected it once, and line 3 has it"},
	        {LINKS "  a/v: { veth: b/v }\n  a/x1: { vxlan: 7, over: b/v }\n  b/x1: { vxlan: 7 }\n", 5, 18,
	         "7", "'b' has the vxlan 7 on port 4789 already; expected it once, and line 4 has it"},
	        {LINKS "  a/x1: { vxlan: 7, local: 10.0.0.1, remote: 'fd00::1' }\n", 3, 46, "'fd00::1'",
	         "the local address is IPv4, the remote one is IPv6; expected both of one family"},
	        {LINKS "  a/x1: { vxlan: 7, remote: 239.0.0.1 }\n", 3, 29, "239.0.0.1",
	         "a multicast group is joined on a link; expected over: NS/LINK as well"},
	};
	RIG_REFUSE(cases);
	is_right(LINKS "  a/x1: { vxlan: 7 }\n  a/x2: { vxlan: 7, port: 4790 }\n  a/x3: { vxlan: 8 }\n  "
	               "b/x1: { vxlan: 7 }\n"
	               "  a/x4: { vxlan: 7, remote: 'fd00::1' }\n");
}

static void addresses_given_twice_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
	        {LINKS "  a/br: { bridge: [], addresses: [ 10.0.0.1/24, 10.0.0.1/24 ] }\n", 3, 49,
	         "10.0.0.1/24", "'a' has the address 10.0.0.1 already; expected it once, and line 3 has it"},
	        {LINKS "  a/br: { bridge: [], addresses: [ 10.0.0.1/24 ] }\n  a/br2: { bridge: [], "
	               "addresses: [ 10.0.0.1/16 ] }\n",
	         4, 37, "10.0.0.1/16",
	         "'a' has the address 10.0.0.1 already; expected it once, and line 3 has it"},
	        {LINKS "  a/br: { bridge: [], addresses: [ 'fd00::1/64', 'FD00:0::1/64' ] }\n", 3, 50,
	         "'FD00:0::1/64'", "'a' has the address fd00::1 already"},
	        {LINKS "  a/br: { bridge: [], mtu: 1279, addresses: [ 'fd00::1/64' ] }\n", 3, 47,
	         "'fd00::1/64'",
	         "IPv6 needs an mtu of 1280, this link has 1279; expected a larger one, or IPv4"},
	};
	RIG_REFUSE(cases);
}

static void routes_given_twice_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
	        {ROUTES("{ to: default, via: 10.0.1.9 }, { to: 0.0.0.0/0, via: 10.0.2.9 }"), 1, 62, "{",
	         "'a' has a default route for IPv4 already; expected it once, and line 1 has it"},
	        {ROUTES("{ to: 10.9.0.0/16, via: 10.0.1.9 }, { to: 10.9.0.0/16, link: w }"), 1, 66, "{",
	         "'a' has a route to 10.9.0.0/16 already"},
	        {ROUTES("{ to: 10.0.1.0/24, link: v }"), 1, 36, "10.0.1.0/24",
	         "the address 10.0.1.1/24 of 'v' makes this route; expected no other"},
	};
	RIG_REFUSE(cases);
	is_right(ROUTES("{ to: default, via: 10.0.1.9 }, { to: default, via: 'fd00:1::9' }"));
}

static void gateways_out_of_reach_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
	        {ROUTES("{ to: default, via: 10.0.9.1 }"), 1, 50, "10.0.9.1",
	         "10.0.9.1 is in no network of 'a'; expected an address in 10.0.1.0/24 (v), 10.0.2.0/24 (w)"},
	        {ROUTES("{ to: default, via: 10.0.2.9, link: v }"), 1, 50, "10.0.2.9",
	         "10.0.2.9 is in no network of 'a'; expected an address in 10.0.1.0/24 (v)"},
	        {ROUTES("{ to: default, via: 10.0.3.9 }"), 1, 50, "10.0.3.9",
	         "10.0.3.9 is in no network of 'a'"},
	        {ROUTES("{ to: default, via: 'fd00:2::9', link: w }"), 1, 50, "'fd00:2::9'",
	         "fd00:2::9 is in no network of 'a'; expected a link with an IPv6 address to reach it from"},
	        {ROUTES("{ to: default, via: 10.0.1.1 }"), 1, 50, "10.0.1.1",
	         "10.0.1.1 is an address of 'a' itself; expected another one's"},
	        {ROUTES("{ to: default, via: 'fe80::1' }"), 1, 50, "'fe80::1'",
	         "each link has link-local addresses of its own; expected link: NAME as well"},
	        {ROUTES("{ to: default, link: down }"), 1, 51, "down",
	         "'down' is down, and has no routes so; expected no 'up: false' there"},
	        {ROUTES("{ to: default, via: 10.7.0.1, link: v }, { to: 10.7.0.0/16, link: w }"), 1, 50,
	         "10.7.0.1", "10.7.0.1 is in no network of 'a'; expected an address in 10.0.1.0/24 (v)"},
	};
	RIG_REFUSE(cases);
}

static void gateways_that_may_be_reached_are_accepted(void **state)
{
	(void)state;
	is_right(ROUTES("{ to: default, via: 10.0.2.254 }, { to: 'fd09::/64', via: 'fe80::1', link: w }"));
	/* by a route on the link itself */
	is_right(ROUTES("{ to: default, via: 10.7.0.1 }, { to: 10.7.0.1/32, link: w }"));
	/* in a network that a namespace had before */
	is_right("namespaces: { x: { existing: true, routes: [ { to: 10.9.0.0/16, via: 10.7.0.1 } ] } }\n");
	is_right("namespaces: { x: { existing: true, routes: [ { to: 10.9.0.0/16, via: 10.7.0.1, link: eth0 "
	         "} ] } }\n"
	         "links: { x/eth0: { existing: true } }\n");
	is_right("namespaces: { a: { routes: [ { to: 10.9.0.0/16, link: lo } ] } }\n");
}

static void translation_given_twice_is_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
	        {NAT("masquerade: [ { from: 10.0.0.0/8 }, { from: 10.0.0.0/8 } ]"), 1, 56, "{",
	         "'a' masquerades 10.0.0.0/8 already; expected it once, and line 1 has it"},
	        {NAT("publish: [ { listen: 80, to: '10.0.0.2:80' }, { listen: 80, to: '10.0.0.3:80' } ]"), 1,
	         66, "{", "'a' publishes port 80 for IPv4 already"},
	        {NAT("publish: [ { listen: '10.0.0.1:80', to: '10.0.0.2:80' }, { listen: 80, to: "
	             "'10.0.0.3:80' } ]"),
	         1, 77, "{", "'a' publishes port 80 for IPv4 already"},
	        {NAT("publish: [ { listen: '10.0.0.1:80', to: '10.0.0.2:80' }, { listen: '10.0.0.1:80', to: "
	             "'10.0.0.3:81' } ]"),
	         1, 77, "{", "'a' publishes port 80 for IPv4 already"},
	};
	RIG_REFUSE(cases);
	is_right(NAT("publish: [ { listen: '10.0.0.1:80', to: '10.0.0.2:80' }, { listen: '10.0.0.9:80', to: "
	             "'10.0.0.2:80' },"
	             " { listen: 80, to: '[fd00::1]:80' }, { listen: 81, to: '10.0.0.2:80' } ]"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(ends_of_a_veth_that_disagree_are_refused),
	        cmocka_unit_test(ends_of_a_veth_may_name_each_other),
	        cmocka_unit_test(ports_that_cannot_be_are_refused),
	        cmocka_unit_test(parents_that_cannot_be_are_refused),
	        cmocka_unit_test(links_that_stand_above_themselves_are_refused),
	        cmocka_unit_test(what_may_differ_is_accepted),
	        cmocka_unit_test(vxlans_that_clash_are_refused),
	        cmocka_unit_test(addresses_given_twice_are_refused),
	        cmocka_unit_test(routes_given_twice_are_refused),
	        cmocka_unit_test(gateways_out_of_reach_are_refused),
	        cmocka_unit_test(gateways_that_may_be_reached_are_accepted),
	        cmocka_unit_test(translation_given_twice_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, rig_teardown);
}
