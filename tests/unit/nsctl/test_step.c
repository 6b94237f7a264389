/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/topology/step.h"

#include <string.h>

#include "tests/unit/unit.h"

static const char *const names[] = {"host", "ns1"};

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;
	assert_int_equal(prefix_parse(text, &prefix, NULL), 0);
	return prefix;
}

static void says(struct step step, const char *expected)
{
	char buf[STEP_TEXT_MAX];
	assert_string_equal(step_describe(&step, names, buf, sizeof(buf)), expected);
}

static void namespaces_are_described(void **state)
{
	(void)state;
	says((struct step){.kind = STEP_NETNS_ADD, .netns = 1}, "+ ns1: namespace");
	says((struct step){.kind = STEP_NETNS_DELETE, .netns = 1}, "- ns1: namespace");
}

static void links_are_described(void **state)
{
	(void)state;
	says((struct step){.kind = STEP_LINK_ADD,
	                   .link = "v1_r",
	                   .made = {.kind = LINK_VETH, .peer_netns = 1, .peer = "v1"}},
	     "+ host/v1_r: veth, peer ns1/v1");
	says((struct step){.kind = STEP_LINK_DELETE, .link = "br0", .made.kind = LINK_BRIDGE},
	     "- host/br0: bridge");
	says((struct step){.kind = STEP_LINK_ADD,
	                   .netns = 1,
	                   .link = "mv0",
	                   .made = {.kind = LINK_MACVLAN, .mode = 4, .parent = "eth9"}},
	     "+ ns1/mv0: macvlan, mode bridge, on host/eth9");
	says((struct step){.kind = STEP_LINK_ADD,
	                   .netns = 1,
	                   .link = "vx0",
	                   .made = {.kind = LINK_VXLAN,
	                            .parent_netns = 1,
	                            .parent = "v1",
	                            .vxlan = {.vni = 42,
	                                      .port = 4789,
	                                      .local = prefix_of("10.0.0.1"),
	                                      .remote = prefix_of("10.0.0.2")}}},
	     "+ ns1/vx0: vxlan 42, local 10.0.0.1, remote 10.0.0.2, port 4789, on ns1/v1");
}

static void changes_are_described(void **state)
{
	(void)state;
	const struct link_mac old = {true, {2, 0, 0, 0, 0, 1}}, new = {true, {2, 0, 0, 0, 0, 2}};
	says((struct step){.kind = STEP_LINK_UP, .link = "v"}, "~ host/v: up");
	says((struct step){.kind = STEP_LINK_DOWN, .link = "v"}, "~ host/v: down");
	says((struct step){.kind = STEP_LINK_NUMBER, .link = "v", .number = {LINK_MTU, 1500, 1400}},
	     "~ host/v: mtu 1500 -> 1400");
	says((struct step){.kind = STEP_LINK_MAC, .link = "v", .mac = {old, new}},
	     "~ host/v: mac 02:00:00:00:00:01 -> 02:00:00:00:00:02");
	says((struct step){.kind = STEP_LINK_BRIDGE, .link = "v", .bridge = {"", "br0"}},
	     "~ host/v: bridge br0");
	says((struct step){.kind = STEP_LINK_BRIDGE, .link = "v", .bridge = {"br0", ""}},
	     "~ host/v: bridge br0 -> none");
	says((struct step){.kind = STEP_SYSCTL, .sysctl = {SYSCTL_IP_FORWARD, "0", "1"}},
	     "~ host: ip_forward 0 -> 1");
	says((struct step){.kind = STEP_SYSCTL, .sysctl = {SYSCTL_IP_FORWARD, "", "1"}},
	     "~ host: ip_forward 1");
}

static void addresses_and_routes_are_described(void **state)
{
	(void)state;
	says((struct step){.kind = STEP_ADDRESS_ADD,
	                   .netns = 1,
	                   .link = "v1",
	                   .address = prefix_of("10.10.10.2/24")},
	     "+ ns1/v1: address 10.10.10.2/24");
	says((struct step){.kind = STEP_ROUTE_ADD,
	                   .netns = 1,
	                   .route = {.to = prefix_of("0.0.0.0/0"), .via = prefix_of("10.10.10.1")}},
	     "+ ns1: route default via 10.10.10.1");
	says((struct step){.kind = STEP_ROUTE_DELETE,
	                   .netns = 1,
	                   .link = "v1",
	                   .route = {.to = prefix_of("fd00::/8"), .link = "v1"}},
	     "- ns1: route fd00::/8 link v1");
}

static void translation_is_described(void **state)
{
	(void)state;
	struct nat_masquerade masquerade = {.out = ""};
	const struct nat nat = {.masquerades = {.items = &masquerade, .count = 1}};
	says((struct step){.kind = STEP_NAT, .nat = {NULL, &nat}},
	     "+ host: address translation, 1 masquerades, 0 published ports");
	says((struct step){.kind = STEP_NAT, .nat = {"text", &nat}},
	     "~ host: address translation, 1 masquerades, 0 published ports");
	says((struct step){.kind = STEP_NAT, .nat = {"text", NULL}}, "- host: address translation");
}

static void text_that_does_not_fit_is_cut(void **state)
{
	(void)state;
	const struct step step = {.kind = STEP_LINK_UP, .netns = 1, .link = "v1"};
	char buf[8];
	assert_string_equal(step_describe(&step, names, buf, sizeof(buf)), "~ ns1/v");
}

static struct step undone(struct step step)
{
	struct step undo;
	assert_true(step_undo(&step, &undo));
	return undo;
}

static void not_undone(struct step step)
{
	struct step undo = {.netns = 77};
	assert_false(step_undo(&step, &undo));
	assert_int_equal(undo.netns, 77);
}

static void what_is_added_is_removed_and_the_other_way(void **state)
{
	(void)state;
	static const enum step_kind pairs[][2] = {
	        {STEP_LINK_ADD, STEP_LINK_DELETE},
	        {STEP_LINK_UP, STEP_LINK_DOWN},
	        {STEP_ADDRESS_ADD, STEP_ADDRESS_DELETE},
	        {STEP_ROUTE_ADD, STEP_ROUTE_DELETE},
	};
	for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
		struct step step = {.kind = pairs[i][0], .netns = 1, .link = "br0"};
		step.made.kind = LINK_BRIDGE;
		struct step undo = undone(step);
		assert_int_equal(undo.kind, pairs[i][1]);
		assert_string_equal(undo.link, "br0");
		undo.made.kind = LINK_BRIDGE;
		assert_int_equal(undone(undo).kind, pairs[i][0]);
	}
	assert_int_equal(undone((struct step){.kind = STEP_NETNS_ADD}).kind, STEP_NETNS_DELETE);
}

static void changed_values_are_set_back(void **state)
{
	(void)state;
	struct step undo = undone((struct step){.kind = STEP_LINK_NUMBER, .number = {LINK_MTU, 1500, 1400}});
	assert_int_equal(undo.number.before, 1400);
	assert_int_equal(undo.number.after, 1500);
	undo = undone((struct step){.kind = STEP_LINK_MAC, .mac.after = {true, {2}}});
	assert_true(undo.mac.before.given);
	assert_false(undo.mac.after.given);
	undo = undone((struct step){.kind = STEP_LINK_BRIDGE, .bridge = {"a", "b"}});
	assert_string_equal(undo.bridge.before, "b");
	assert_string_equal(undo.bridge.after, "a");
	undo = undone((struct step){.kind = STEP_SYSCTL, .sysctl = {SYSCTL_RP_FILTER, "0", "2"}});
	assert_string_equal(undo.sysctl.before, "2");
	assert_string_equal(undo.sysctl.after, "0");
}

static void what_is_not_known_is_not_undone(void **state)
{
	(void)state;
	const struct nat nat = {0};
	not_undone((struct step){.kind = STEP_NETNS_DELETE});
	not_undone((struct step){.kind = STEP_LINK_DELETE, .made.kind = LINK_OTHER});
	not_undone((struct step){.kind = STEP_LINK_DELETE, .made.kind = LINK_VETH});
	not_undone((struct step){.kind = STEP_LINK_DELETE, .made.kind = LINK_MACVLAN});
	not_undone((struct step){.kind = STEP_SYSCTL, .sysctl = {SYSCTL_RP_FILTER, "", "2"}});
	not_undone((struct step){.kind = STEP_NAT, .nat = {"text", &nat}});
}

static void new_translation_is_removed(void **state)
{
	(void)state;
	const struct nat nat = {0};
	assert_null(undone((struct step){.kind = STEP_NAT, .nat = {NULL, &nat}}).nat.after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(namespaces_are_described),
	        cmocka_unit_test(links_are_described),
	        cmocka_unit_test(changes_are_described),
	        cmocka_unit_test(addresses_and_routes_are_described),
	        cmocka_unit_test(translation_is_described),
	        cmocka_unit_test(text_that_does_not_fit_is_cut),
	        cmocka_unit_test(what_is_added_is_removed_and_the_other_way),
	        cmocka_unit_test(changed_values_are_set_back),
	        cmocka_unit_test(what_is_not_known_is_not_undone),
	        cmocka_unit_test(new_translation_is_removed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
