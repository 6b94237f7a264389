/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/app/topology_rig.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

/* The texts below begin with these lines; their own begin at line 4. */
#define NS "namespaces: { a: {}, b: {}, x: { existing: true } }\n"
#define LINKS                                                                                                \
	NS "links:\n"                                                                                        \
	   "  a/v: { veth: b/v, addresses: [ 10.0.1.1/24, fd00:1::1/64 ] }\n"

/* The namespace whose entry is under test, in line 1. */
#define IN_A(entry)                                                                                          \
	"namespaces: { a: { " entry " } }\nlinks: { a/v: { veth: host/v, addresses: [ 10.0.1.1/24 ] } }\n"

/* The expectation under test begins at line 2, column 3. */
#define EXPECT(entry)                                                                                        \
	"namespaces: { a: {}, b: {} }\n"                                                                     \
	"expect:\n- { " entry " }\n"

/* ---- what is refused ---- */

static void keys_that_nobody_knows_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
	        {"namespace: {}\n", 1, 1, "namespace",
	         "unknown key 'namespace' in the file; did you mean 'namespaces'?"},
	        {"namespaces: { a: { route: [] } }\n", 1, 20, "route",
	         "unknown key 'route' in a namespace; did you mean 'routes'?"},
	        {"namespaces: { a: { sysctls: { ip_forwrd: true } } }\n", 1, 31, "ip_forwrd",
	         "unknown key 'ip_forwrd' in sysctls; did you mean 'ip_forward'?"},
	        {"namespaces: { a: { routes: [ { to: default, dev: v } ] } }\n", 1, 45, "dev",
	         "unknown key 'dev' in a route; expected one of to, via, link"},
	        {"namespaces: { a: { masquerade: [ { form: 10.0.0.0/8 } ] } }\n", 1, 36, "form",
	         "unknown key 'form' in masquerade; did you mean 'from'?"},
	        {"namespaces: { a: { publish: [ { listen: 80, to: '10.0.0.1:80', udp: 1 } ] } }\n", 1, 64,
	         "udp", "unknown key 'udp' in publish; expected one of listen, to"},
	        {LINKS "  a/w: { veht: b/w }\n", 4, 10, "veht",
	         "unknown key 'veht' in a link; did you mean 'veth'?"},
	        {EXPECT("from: a, reach: 10.0.0.1"), 3, 14, "reach",
	         "unknown key 'reach' in an expectation; did you mean 'reaches'?"},
	};
	RIG_REFUSE(cases);
}

static void values_of_the_wrong_type_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
	        {"text\n", 1, 1, "text", "there is text; expected a mapping of KEY: VALUE"},
	        {"namespaces: [ a ]\n", 1, 13, "[", "there is a list; expected a mapping of NAME: {}"},
	        {"namespaces: { a: [] }\n", 1, 18, "[", "there is a list; expected a mapping of KEY: VALUE"},
	        {"namespaces: { a: { existing: yes } }\n", 1, 30, "yes",
	         "'yes' is neither true nor false; expected true or false"},
	        {"namespaces: { a: { loopback: [] } }\n", 1, 30, "[",
	         "there is a list; expected true, false or { gso_max_size: N }"},
	        {"namespaces: { a: { routes: { to: default } } }\n", 1, 28, "{",
	         "there is a mapping; expected a list of { to: NETWORK, via: ADDRESS }"},
	        {"namespaces: { a: { routes: [] } }\n", 1, 28, "[",
	         "the list is empty; expected at least one item"},
	        {"namespaces: { a: { masquerade: 10.0.0.0/8 } }\n", 1, 32, "10.0.0.0/8",
	         "there is text; expected a list of { from: NETWORK }"},
	        {"namespaces: { a: { publish: 80 } }\n", 1, 29, "80",
	         "there is text; expected a list of { listen: PORT"},
	        {"namespaces: { a: { sysctls: { ip_forward: [ 1 ] } } }\n", 1, 43, "[",
	         "there is a list; expected true or false"},
	        {"links: [ a/b ]\n", 1, 8, "[", "there is a list; expected a mapping of NS/LINK: {}"},
	        {LINKS "  a/w: { veth: [ b/w ] }\n", 4, 16, "[", "there is a list; expected a link NS/LINK"},
	        {LINKS "  a/w: { bridge: v }\n", 4, 18, "v", "there is text; expected a list of ports"},
	        {LINKS "  a/w: { bridge: [ { v: 1 } ] }\n", 4, 20, "{",
	         "there is a mapping; expected the name of a link"},
	        {LINKS "  a/w: { bridge: [], addresses: 10.0.0.1/24 }\n", 4, 33, "10.0.0.1/24",
	         "there is text; expected a list of ADDRESS/LENGTH"},
	        {LINKS "  a/w: { bridge: [], up: 1 }\n", 4, 26, "1",
	         "'1' is neither true nor false; expected true or false"},
	        {LINKS "  a/w: { bridge: [], mac: [] }\n", 4, 27, "[",
	         "there is a list; expected a MAC address"},
	        {LINKS "  a/w: { macvlan: a/v, mode: {} }\n", 4, 30, "{",
	         "there is a mapping; expected the name of a mode"},
	        {"expect: yes\n", 1, 9, "yes",
	         "there is text; expected a list of { from: NAMESPACE, reaches: ADDRESS }"},
	        {"expect: [ a ]\n", 1, 11, "a", "there is text; expected a mapping of KEY: VALUE"},
	        {EXPECT("from: [], reaches: 10.0.0.1"), 3, 11, "[",
	         "there is a list; expected the name of a namespace"},
	        {EXPECT("from: a, reaches: {}"), 3, 23, "{",
	         "there is a mapping; expected ADDRESS, or ADDRESS:PORT for TCP"},
	        {"name: [ x ]\n", 1, 7, "[", "there is a list; expected the name of the topology"},
	};
	RIG_REFUSE(cases);
}

static void an_empty_file_is_refused(void **state)
{
	(void)state;
	static const char *const texts[] = {"", "\n", "# comment\n", "---\n", "null\n"};
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		struct topology topology;
		assert_int_equal(rig_load(texts[i], &topology), -EINVAL);
		assert_contains(rig_printed(),
		                "f:1:1: error: the file is empty; expected 'namespaces:' and 'links:'");
	}
}

static void what_is_given_twice_is_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
	        {"namespaces:\n  a: {}\n  a: {}\n", 3, 3, "a",
	         "the key 'a' is given twice; expected once, and line 2 has it"},
	        {LINKS "  a/v: {}\n", 4, 3, "a/v", "the key 'a/v' is given twice"},
	        {"namespaces: { a: {}, b: { path: /run/netns/a } }\n", 1, 22, "b",
	         "'b' is the same namespace as 'a'; expected one name for it"},
	        {"namespaces: { a: { pid: 7 }, b: { pid: 7 } }\n", 1, 30, "b",
	         "'b' is the same namespace as 'a'"},
	};
	RIG_REFUSE(cases);
}

static void names_that_cannot_be_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
	        {"name: my lab\n", 1, 7, "my lab",
	         "'my lab' holds a character a name may not; expected 1 to 31 letters"},
	        {"name: .lab\n", 1, 7, ".lab", "'.lab' begins with '.'; expected a letter or digit"},
	        {"name: '-lab'\n", 1, 7, "'-lab'", "'-lab' begins with '-'"},
	        {"name: a1234567890123456789012345678901\n", 1, 7, "a1234567890123456789012345678901",
	         "'a1234567890123456789012345678901' is too long; expected 1 to 31"},
	        {"namespaces: { a b: {} }\n", 1, 15, "a b", "'a b' is not the name of a namespace; expected"},
	        {"namespaces: { 'pid:7': {} }\n", 1, 15, "'pid:7'",
	         "'pid:7' has a meaning of its own; expected another name"},
	        {LINKS "  a/a234567890123456: { bridge: [] }\n", 4, 3, "a/a234567890123456",
	         "the name of the link 'a234567890123456' is too long; expected at most 15 characters"},
	        {LINKS "  'a/v%d': { bridge: [] }\n", 4, 3, "'a/v%d'",
	         "'v%d' cannot be the name of a link; expected 1 to 15"},
	        {LINKS "  a/all: { bridge: [] }\n", 4, 3, "a/all", "'all' cannot be the name of a link"},
	        {LINKS "  a/default: { bridge: [] }\n", 4, 3, "a/default",
	         "'default' cannot be the name of a link"},
	        {LINKS "  a/: { bridge: [] }\n", 4, 3, "a/", "'' cannot be the name of a link"},
	        {LINKS "  a/b/c: { bridge: [] }\n", 4, 3, "a/b/c", "'b/c' cannot be the name of a link"},
	        {LINKS "  w: { bridge: [] }\n", 4, 3, "w",
	         "'w' does not say in which namespace; expected NS/LINK"},
	        {LINKS "  a/w: { veth: w }\n", 4, 16, "w",
	         "'w' does not say in which namespace; expected NS/LINK"},
	        {IN_A("routes: [ { to: default, link: a/v } ]"), 1, 51, "a/v",
	         "'a/v' cannot be the name of a link; expected one of the same namespace"},
	};
	RIG_REFUSE(cases);
}

static void host_is_what_it_is(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
	        {"namespaces: { host: { existing: true } }\n", 1, 23, "existing",
	         "'host' is the namespace that nsctl runs in; expected no 'existing'"},
	        {"namespaces: { host: { pid: 1 } }\n", 1, 23, "pid",
	         "'host' is the namespace that nsctl runs in"},
	        {"namespaces: { host: { path: /x } }\n", 1, 23, "path",
	         "'host' is the namespace that nsctl runs in"},
	        {"namespaces: { host: { loopback: false } }\n", 1, 23, "loopback",
	         "the loopback of a namespace that exists stays up or down; expected no 'loopback'"},
	        {"namespaces: { a: { pid: 7, loopback: { mtu: 9000, up: true } } }\n", 1, 51, "up",
	         "the loopback of a namespace that exists stays up or down; expected no 'up'"},
	        {"namespaces: { a: { pid: 7, loopback: true } }\n", 1, 28, "loopback",
	         "the loopback of a namespace that exists stays up or down"},
	        {"namespaces: { a: { pid: 7, path: /x } }\n", 1, 15, "a",
	         "the namespace 'a' has both pid and path; expected one of them"},
	        {"namespaces: { a: { existing: false, pid: 7 } }\n", 1, 30, "false",
	         "a namespace that is found by pid or path exists; expected no 'existing: false'"},
	        {"namespaces: { a: { pid: 0 } }\n", 1, 25, "0", "'pid:0' is not a process; expected a pid"},
	        {"namespaces: { a: { path: x } }\n", 1, 26, "x",
	         "namespace 'path:x' is not an absolute path"},
	};
	RIG_REFUSE(cases);
}

static void namespaces_and_links_that_are_not_there_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
	        {"namespaces: { web: {} }\nlinks: { wbe/v: { bridge: [] } }\n", 2, 10, "wbe/v",
	         "there is no namespace 'wbe' in the file; did you mean 'web'?"},
	        {LINKS "  c/w: { bridge: [] }\n", 4, 3, "c/w",
	         "there is no namespace 'c' in the file; expected one of host, a, b, x"},
	        {"links: { ns/w: { bridge: [] } }\n", 1, 10, "ns/w",
	         "there is no namespace 'ns' in the file; expected host"},
	        {LINKS "  a/w: { veth: ns1/w }\n", 4, 16, "ns1/w", "there is no namespace 'ns1' in the file"},
	        {LINKS "  a/w: { macvlan: b/eth0 }\n", 4, 19, "b/eth0",
	         "there is no link 'b/eth0' in the file; expected an entry under 'links:'"},
	        {LINKS "  a/w: { macvlan: x/eth0 }\n", 4, 19, "x/eth0",
	         "there is no link 'x/eth0' in the file; expected an entry under 'links:', { existing: true "
	         "} for one that "
	         "is there already"},
	        {LINKS "  a/w: { ipvlan: a/eth0 }\n", 4, 18, "a/eth0",
	         "there is no link 'a/eth0' in the file"},
	        {LINKS "  a/w: { vxlan: 1, over: a/eth0 }\n", 4, 26, "a/eth0",
	         "there is no link 'a/eth0' in the file"},
	        {LINKS "  a/w: { bridge: [ eth0 ] }\n", 4, 20, "eth0",
	         "there is no link 'a/eth0' in the file"},
	        {LINKS "  a/up0: { veth: x/up0 }\n  a/w: { bridge: [ up1 ] }\n", 5, 20, "up1",
	         "there is no link 'a/up1' in the file; did you mean 'up0'?"},
	        {IN_A("routes: [ { to: default, via: 10.0.1.9, link: eth0 } ]"), 1, 66, "eth0",
	         "there is no link 'a/eth0' in the file"},
	        {IN_A("masquerade: [ { from: 10.0.0.0/8, out: eth0 } ]"), 1, 59, "eth0",
	         "there is no link 'a/eth0' in the file"},
	        {EXPECT("from: cc, reaches: 10.0.0.1"), 3, 11, "cc",
	         "there is no namespace 'cc' in the file"},
	        {EXPECT("from: a, reaches: '10.0.0.1:80', server: 'ns/10.0.0.1:80'"), 3, 46,
	         "'ns/10.0.0.1:80'", "there is no namespace 'ns' in the file"},
	};
	RIG_REFUSE(cases);
}

static void links_are_of_one_kind(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
	        {LINKS "  a/w: {}\n", 4, 3, "a/w",
	         "nothing says what 'a/w' is; expected veth, bridge, macvlan, ipvlan, vxlan or existing, or "
	         "another link "
	         "with veth: a/w"},
	        {LINKS "  x/w: { existing: false }\n", 4, 3, "x/w", "nothing says what 'x/w' is"},
	        {LINKS "  a/w: { veth: b/w, bridge: [] }\n", 4, 21, "bridge",
	         "the link has 'veth' already; expected one of the two"},
	        {LINKS "  x/w: { existing: true, vxlan: 7 }\n", 4, 26, "vxlan",
	         "the link has 'existing' already"},
	        {LINKS "  a/w: { existing: true }\n", 4, 20, "true",
	         "nothing exists in 'a', which this topology makes; expected a kind of link"},
	        {LINKS "  x/w: { existing: true, mac: '02:00:00:00:00:01' }\n", 4, 26, "mac",
	         "an existing link has no 'mac' to choose; expected none"},
	        {LINKS "  x/w: { existing: true, up: false }\n", 4, 26, "up",
	         "an existing link has no 'up' to choose"},
	        {LINKS "  a/lo: { veth: b/w }\n", 4, 11, "veth",
	         "'lo' comes with its namespace; expected nothing but addresses"},
	        {LINKS "  a/lo: { mtu: 1500 }\n", 4, 11, "mtu",
	         "'mtu' of the loopback is a setting of its namespace; expected loopback: { mtu: N } there"},
	        {LINKS "  a/w: { veth: b/lo }\n", 4, 16, "b/lo",
	         "'lo' comes with its namespace; expected another name"},
	        {LINKS "  a/w: { bridge: [], mode: l2 }\n", 4, 22, "mode",
	         "a bridge has no 'mode' to choose"},
	        {LINKS "  a/w: { veth: b/w, over: a/v }\n", 4, 21, "over", "a veth has no 'over' to choose"},
	        {LINKS "  b/v: { port: 1 }\n", 4, 10, "port", "a veth has no 'port' to choose"},
	        {LINKS "  a/w: { ipvlan: a/v, mac: '02:00:00:00:00:01' }\n", 4, 23, "mac",
	         "an ipvlan has no 'mac' to choose"},
	};
	RIG_REFUSE(cases);
}

static void values_out_of_range_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
	        {LINKS "  a/w: { bridge: [], mtu: 67 }\n", 4, 27, "67",
	         "'67' is out of range; expected a whole number from 68 to 65535"},
	        {LINKS "  a/w: { bridge: [], gso_max_size: 9999999 }\n", 4, 36, "9999999",
	         "'9999999' is out of range"},
	        {"namespaces: { a: { loopback: { mtu: 65537 } } }\n", 1, 37, "65537",
	         "'65537' is out of range; expected a whole number from 1280 to 65536"},
	        {"namespaces: { a: { loopback: { gso_max_size: 524281 } } }\n", 1, 46, "524281",
	         "'524281' is out of range; expected a whole number from 321 to 524280"},
	        {LINKS "  x/w: { existing: true, mtu: 1279 }\n", 4, 31, "1279",
	         "'1279' is out of range; expected a whole number from 1280 to 65535"},
	        {LINKS "  a/w: { bridge: [], mtu: 1k }\n", 4, 27, "1k", "'1k' is not a number"},
	        {LINKS "  a/w: { vxlan: 0 }\n", 4, 17, "0",
	         "'0' is out of range; expected a whole number from 1 to 16777215"},
	        {LINKS "  a/w: { vxlan: 16777216 }\n", 4, 17, "16777216", "'16777216' is out of range"},
	        {LINKS "  a/w: { vxlan: 1, port: 0 }\n", 4, 26, "0",
	         "'0' is out of range; expected a whole number from 1 to 65535"},
	        {LINKS "  a/w: { bridge: [], mac: '02:00:00:00:00' }\n", 4, 27, "'02:00:00:00:00'",
	         "'02:00:00:00:00' is not the MAC address of a link; expected one such as"},
	        {LINKS "  a/w: { bridge: [], mac: '03:00:00:00:00:01' }\n", 4, 27, "'03:00:00:00:00:01'",
	         "'03:00:00:00:00:01' is not the MAC address of a link"},
	        {LINKS "  a/w: { macvlan: a/v, mode: bridg }\n", 4, 30, "bridg",
	         "'bridg' is no mode of a macvlan; did you mean 'bridge'?"},
	        {LINKS "  a/w: { ipvlan: a/v, mode: bridge }\n", 4, 29, "bridge",
	         "'bridge' is no mode of an ipvlan; expected one of l2, l3, l3s"},
	        {"namespaces: { a: { sysctls: { rp_filter: 3 } } }\n", 1, 42, "3",
	         "'3' is no value of rp_filter; expected"},
	        {"namespaces: { a: { sysctls: { ip_forward: 2 } } }\n", 1, 43, "2",
	         "'2' is no value of ip_forward; expected"},
	        {EXPECT("from: a, reaches: 10.0.0.1, ttl: 0"), 3, 38, "0",
	         "'0' is out of range; expected a whole number from 1 to 255"},
	        {EXPECT("from: a, reaches: 10.0.0.1, ttl: 256"), 3, 38, "256", "'256' is out of range"},
	        {EXPECT("from: a, cannot_reach: 10.0.0.1, because: noroute"), 3, 47, "noroute",
	         "'noroute' is not known; did you mean 'no_route'?"},
	        {EXPECT("from: a, cannot_reach: 10.0.0.1, because: any"), 3, 47, "any",
	         "'any' is not known; expected one of no_route, forwarding_off, link_down, refused, "
	         "no_answer"},
	};
	RIG_REFUSE(cases);
}

static void bad_addresses_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
	        {LINKS "  a/w: { bridge: [], addresses: [ 10.0.0.256/24 ] }\n", 4, 35, "10.0.0.256/24",
	         "'10.0.0.256/24' is not an address with a length; expected"},
	        {LINKS "  a/w: { bridge: [], addresses: [ 10.0.0.1/33 ] }\n", 4, 35, "10.0.0.1/33",
	         "'10.0.0.1/33' is not an address with a length"},
	        {LINKS "  a/w: { bridge: [], addresses: [ 10.0.0.1 ] }\n", 4, 35, "10.0.0.1",
	         "'10.0.0.1' has no length; expected an address with its network's length, such as "
	         "10.0.0.1/24"},
	        {LINKS "  a/w: { bridge: [], addresses: [ 10.0.0.0/24 ] }\n", 4, 35, "10.0.0.0/24",
	         "'10.0.0.0/24' is the network, not an address in it"},
	        {LINKS "  a/w: { bridge: [], addresses: [ 10.0.0.255/24 ] }\n", 4, 35, "10.0.0.255/24",
	         "'10.0.0.255/24' is its network's broadcast address"},
	        {LINKS "  a/w: { bridge: [], addresses: [ 224.0.0.1/24 ] }\n", 4, 35, "224.0.0.1/24",
	         "'224.0.0.1/24' is a multicast address"},
	        {LINKS "  a/w: { bridge: [], addresses: [ 'ff02::1/64' ] }\n", 4, 35, "'ff02::1/64'",
	         "'ff02::1/64' is a multicast address"},
	        {LINKS "  a/w: { bridge: [], addresses: [ 10.0.0.1/0 ] }\n", 4, 35, "10.0.0.1/0",
	         "'10.0.0.1/0' stands for all addresses"},
	        {LINKS "  a/w: { bridge: [], addresses: [ '::/64' ] }\n", 4, 35, "'::/64'",
	         "'::/64' is no host's address"},
	        {IN_A("routes: [ { to: 10.9.0.1/16, via: 10.0.1.9 } ]"), 1, 36, "10.9.0.1/16",
	         "'10.9.0.1/16' has bits behind its length; expected 10.9.0.0/16"},
	        {IN_A("routes: [ { to: everywhere, via: 10.0.1.9 } ]"), 1, 36, "everywhere",
	         "'everywhere' is not a network; expected a network such as 10.0.0.0/24"},
	        {IN_A("routes: [ { to: 0.0.0.0, via: 10.0.1.9 } ]"), 1, 36, "0.0.0.0",
	         "'0.0.0.0' has no length; expected"},
	        {IN_A("routes: [ { to: default, via: 10.0.1.9/24 } ]"), 1, 50, "10.0.1.9/24",
	         "'10.0.1.9/24' is not an address; expected an address such as 10.0.0.1"},
	        {IN_A("routes: [ { to: default, via: gw } ]"), 1, 50, "gw", "'gw' is not an address"},
	        {IN_A("routes: [ { to: default, via: 0.0.0.0 } ]"), 1, 50, "0.0.0.0",
	         "'0.0.0.0' is no host's address"},
	        {IN_A("routes: [ { to: default, via: 255.255.255.255 } ]"), 1, 50, "255.255.255.255",
	         "'255.255.255.255' is the broadcast address"},
	        {IN_A("masquerade: [ { from: 10.0.1.1/24 } ]"), 1, 42, "10.0.1.1/24",
	         "'10.0.1.1/24' has bits behind its length; expected 10.0.1.0/24"},
	        {LINKS "  a/w: { vxlan: 1, local: 239.0.0.1 }\n", 4, 27, "239.0.0.1",
	         "'239.0.0.1' is a multicast address"},
	        {LINKS "  a/w: { vxlan: 1, remote: 0.0.0.0 }\n", 4, 28, "0.0.0.0",
	         "'0.0.0.0' is no host's address"},
	        {EXPECT("from: a, reaches: b"), 3, 23, "b", "'b' is not an address; expected"},
	        {EXPECT("from: a, reaches: 10.0.0.1/24"), 3, 23, "10.0.0.1/24",
	         "'10.0.0.1/24' is not an address"},
	        {EXPECT("from: a, reaches: '10.0.0.1:0'"), 3, 23, "'10.0.0.1:0'",
	         "the port '0' is out of range; expected a whole number from 1 to 65535"},
	        {EXPECT("from: a, reaches: '10.0.0.1:http'"), 3, 23, "'10.0.0.1:http'",
	         "the port 'http' is not a number"},
	        {EXPECT("from: a, reaches: '[fd00::1]'"), 3, 23, "'[fd00::1]'",
	         "'[fd00::1]' is not an address and a port; expected ADDRESS:PORT, such as 10.0.0.1:80 or "
	         "[fd00::1]:80"},
	        {EXPECT("from: a, reaches: '[10.0.0.1]:80'"), 3, 23, "'[10.0.0.1]:80'",
	         "'[10.0.0.1]:80' is not an address and a port"},
	        {EXPECT("from: a, reaches: '10.0.0.1:80', server: '10.0.0.1:80'"), 3, 46, "'10.0.0.1:80'",
	         "'10.0.0.1:80' does not say in which namespace; expected NS/ADDRESS:PORT"},
	        {EXPECT("from: a, reaches: '10.0.0.1:80', server: 'b/10.0.0.1'"), 3, 46, "'b/10.0.0.1'",
	         "'b/10.0.0.1' has no port"},
	};
	RIG_REFUSE(cases);
}

static void routes_that_lead_nowhere_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
	        {IN_A("routes: [ { via: 10.0.1.9 } ]"), 1, 30, "{",
	         "there is no 'to' in a route; expected to: NETWORK or to: default"},
	        {IN_A("routes: [ { to: default } ]"), 1, 30, "{",
	         "the route leads nowhere; expected via: ADDRESS or link: NAME"},
	        {IN_A("routes: [ { to: 10.9.0.0/16, via: 'fd00::1' } ]"), 1, 54, "'fd00::1'",
	         "the route is for IPv4, its gateway's address is IPv6; expected both of one family"},
	        {IN_A("routes: [ { to: 'fd09::/64', via: 10.0.1.9 } ]"), 1, 54, "10.0.1.9",
	         "the route is for IPv6, its gateway's address is IPv4"},
	};
	RIG_REFUSE(cases);
}

static void translation_that_cannot_be_is_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
	        {IN_A("masquerade: [ { out: v } ]"), 1, 34, "{",
	         "there is no 'from' in masquerade; expected from: NETWORK"},
	        {IN_A("masquerade: [ { from: 0.0.0.0/0 } ]"), 1, 34, "{",
	         "nothing ever leaves the network of all addresses; expected out: LINK as well"},
	        {IN_A("publish: [ { to: '10.0.1.2:80' } ]"), 1, 31, "{",
	         "there is no 'listen' in publish; expected listen: "},
	        {IN_A("publish: [ { listen: 80 } ]"), 1, 31, "{",
	         "there is no 'to' in publish; expected to: ADDRESS:PORT"},
	        {IN_A("publish: [ { listen: 0, to: '10.0.1.2:80' } ]"), 1, 41, "0", "'0' is out of range"},
	        {IN_A("publish: [ { listen: 80, to: 10.0.1.2 } ]"), 1, 49, "10.0.1.2",
	         "'10.0.1.2' has no port; expected"},
	        {IN_A("publish: [ { listen: 80, to: '0.0.0.0:80' } ]"), 1, 49, "'0.0.0.0:80'",
	         "'0.0.0.0:80' is no host's address"},
	        {IN_A("publish: [ { listen: 80, to: '127.0.0.1:80' } ]"), 1, 49, "'127.0.0.1:80'",
	         "nothing from outside is let in to a loopback address; expected"},
	        {IN_A("publish: [ { listen: '10.0.1.1:80', to: '[fd00::2]:80' } ]"), 1, 60, "'[fd00::2]:80'",
	         "IPv4 cannot be translated to IPv6, nor back; expected both addresses of one family"},
	        {IN_A("publish: [ { listen: '0.0.0.0:80', to: '[fd00::2]:80' } ]"), 1, 59, "'[fd00::2]:80'",
	         "IPv4 cannot be translated to IPv6"},
	};
	RIG_REFUSE(cases);
}

static void expectations_that_mean_nothing_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
	        {EXPECT("reaches: 10.0.0.1"), 3, 3, "{",
	         "there is no 'from' in an expectation; expected from: NAMESPACE"},
	        {EXPECT("from: a"), 3, 3, "{",
	         "the expectation has no target; expected reaches: ADDRESS or cannot_reach: ADDRESS"},
	        {EXPECT("from: a, reaches: 10.0.0.1, cannot_reach: 10.0.0.1"), 3, 33, "cannot_reach",
	         "the expectation has 'reaches' already; expected one of the two"},
	        {EXPECT("from: a, reaches: 10.0.0.1, because: no_route"), 3, 33, "because",
	         "'because' means nothing here; expected it with 'cannot_reach'"},
	        {EXPECT("from: a, cannot_reach: 10.0.0.1, ttl: 3"), 3, 38, "ttl",
	         "'ttl' means nothing here; expected it with 'reaches: ADDRESS', without a port"},
	        {EXPECT("from: a, reaches: '10.0.0.1:80', ttl: 3"), 3, 38, "ttl", "'ttl' means nothing here"},
	        {EXPECT("from: a, reaches: 10.0.0.1, server: 'b/10.0.0.1:80'"), 3, 33, "server",
	         "'server' means nothing here; expected it with 'ADDRESS:PORT' to be reached or not"},
	        {EXPECT("from: a, cannot_reach: 10.0.0.1, because: refused"), 3, 47, "refused",
	         "only a TCP connection is refused; expected"},
	        {EXPECT("from: a, cannot_reach: '10.0.0.1:80', because: refused, server: 'b/10.0.0.1:80'"), 3,
	         69, "'b/10.0.0.1:80'", "nobody refuses where a server listens; expected"},
	        {EXPECT("from: a, reaches: '[fd00::1]:80', server: 'b/10.0.0.1:80'"), 3, 47,
	         "'b/10.0.0.1:80'",
	         "the target's address is IPv6, the server's is IPv4; expected both of one family"},
	};
	RIG_REFUSE(cases);
}

static void all_mistakes_are_reported_in_order(void **state)
{
	(void)state;
	struct topology topology;
	assert_int_equal(
	        rig_load("name: a b\n"
	                 "namespaces: { a: { routes: [ { to: default, via: 10.0.1.9 } ] }, 'b c': {} }\n"
	                 "links: { a/w: {}, c/w: { bridge: [] }, a/v: { bridge: [ v ], addresses: [ 10.0.0.1 "
	                 "] } }\n"
	                 "expect: [ { from: d, reaches: x } ]\n",
	                 &topology),
	        -EINVAL);
	static const char *const heads[] = {"f:1:7: ",  "f:2:50: ", "f:2:66: ", "f:3:10: ", "f:3:19: ",
	                                    "f:3:57: ", "f:3:75: ", "f:4:19: ", "f:4:31: "};
	const char *at = rig_printed();
	for (size_t i = 0; i < ARRAY_COUNT(heads); i++) {
		at = strstr(at, heads[i]);
		if (!at)
			fail_msg("%s is not in order in\n%s", heads[i], rig_printed());
	}
	assert_null(strstr(at + 1, "f:"));
}

static void a_mistake_is_reported_once(void **state)
{
	(void)state;
	static const char *const texts[] = {
	        IN_A("routes: [ { to: default, via: 10.0.1.300 } ]"),
	        IN_A("routes: [ { to: nowhere, via: 10.0.1.9 }, { to: nowhere2, via: 10.0.1.9 } ]"),
	        IN_A("publish: [ { listen: x, to: '10.0.1.2:80' }, { listen: 0, to: '10.0.1.2:80' } ]"),
	        LINKS "  a/w: { macvlan: nowhere/v }\n",
	        LINKS "  a/w: { veth: nowhere/v }\n",
	        EXPECT("from: nowhere, reaches: 10.0.0.1, ttl: 7"),
	        EXPECT("from: a, reaches: '10.0.0.1:x', server: 'b/10.0.0.1:80'"),
	};
	static const size_t mistake_counts[] = {1, 2, 2, 1, 1, 1, 1};
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		struct topology topology;
		size_t count = 0;
		assert_int_equal(rig_load(texts[i], &topology), -EINVAL);
		for (const char *at = rig_printed(); (at = strstr(at, "error: ")); at++)
			count++;
		if (count != mistake_counts[i])
			fail_msg("%s", rig_printed());
	}
}

/* ---- what is accepted: see test_topology_fields.c, and here ---- */

static void assert_named(const char *file, const char *expected)
{
	struct topology topology;
	assert_int_equal(topology_text_load("namespaces: { a: }", 18, file, &topology, stderr), 0);
	assert_string_equal(topology.name, expected);
	topology_fini(&topology);
}

static void a_topology_is_named_after_its_file(void **state)
{
	(void)state;
	struct topology topology;
	assert_named("lab.yaml", "lab");
	assert_named("/etc/x.d/web-1.2.yaml", "web-1.2");
	assert_named("./lab.yml", "lab");
	assert_named("lab", "lab");
	assert_int_equal(topology_text_load("namespaces: { a: }", 18, "my lab.yaml", &topology, NULL),
	                 -EINVAL);
	assert_int_equal(topology_text_load("namespaces: { a: }", 18, "/dev/fd/.yaml", &topology, NULL),
	                 -EINVAL);
	topology = rig_accept("name: own\n");
	assert_string_equal(topology.name, "own");
	topology_fini(&topology);
}

static void thousands_of_namespaces_are_read(void **state)
{
	(void)state;
	struct topology topology;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	fprintf(out, "namespaces:\n");
	for (int i = 0; i < 3000; i++)
		fprintf(out, "  n%d: { routes: [ { to: default, via: 10.%d.%d.1 } ] }\n", i, i / 256,
		        i % 256);
	fprintf(out, "links:\n");
	for (int i = 0; i < 3000; i++)
		fprintf(out, "  n%d/eth0: { veth: host/v%d, addresses: [ 10.%d.%d.2/24 ] }\n", i, i, i / 256,
		        i % 256);
	fclose(out);
	assert_int_equal(topology_text_load(text, size, "many", &topology, stderr), 0);
	free(text);
	assert_int_equal(topology.netns.count, 3001);
	assert_int_equal(topology.links.count, 6000);
	topology_fini(&topology);
}

static void the_examples_are_right(void **state)
{
	(void)state;
	glob_t files;
	assert_int_equal(glob(EXAMPLES "/topology/*.yaml", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		struct topology topology;
		assert_int_equal(topology_file_load(files.gl_pathv[i], &topology, stderr), 0);
		assert_true(topology.expects.count > 0);
		topology_fini(&topology);
	}
	globfree(&files);
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
	(void)state;
	struct topology topology;
	char *printed;
	size_t size;
	FILE *report = open_memstream(&printed, &size);
	assert_non_null(report);
	assert_int_equal(topology_file_load("/nonexistent/x.yaml", &topology, report), -ENOENT);
	fclose(report);
	assert_string_equal(
	        printed, "/nonexistent/x.yaml: error: the file cannot be opened: No such file or directory; "
	                 "expected a readable file\n");
	free(printed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(keys_that_nobody_knows_are_refused),
	        cmocka_unit_test(values_of_the_wrong_type_are_refused),
	        cmocka_unit_test(an_empty_file_is_refused),
	        cmocka_unit_test(what_is_given_twice_is_refused),
	        cmocka_unit_test(names_that_cannot_be_are_refused),
	        cmocka_unit_test(host_is_what_it_is),
	        cmocka_unit_test(namespaces_and_links_that_are_not_there_are_refused),
	        cmocka_unit_test(links_are_of_one_kind),
	        cmocka_unit_test(values_out_of_range_are_refused),
	        cmocka_unit_test(bad_addresses_are_refused),
	        cmocka_unit_test(routes_that_lead_nowhere_are_refused),
	        cmocka_unit_test(translation_that_cannot_be_is_refused),
	        cmocka_unit_test(expectations_that_mean_nothing_are_refused),
	        cmocka_unit_test(all_mistakes_are_reported_in_order),
	        cmocka_unit_test(a_mistake_is_reported_once),
	        cmocka_unit_test(a_topology_is_named_after_its_file),
	        cmocka_unit_test(thousands_of_namespaces_are_read),
	        cmocka_unit_test(the_examples_are_right),
	        cmocka_unit_test(a_file_that_cannot_be_read_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, rig_teardown);
}
