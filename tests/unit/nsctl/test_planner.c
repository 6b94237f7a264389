/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/topology/planner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/nsctl/fixture.h"

/* ---- order ---- */

static void everything_comes_after_what_it_needs(void **state)
{
	struct fixture *f = *state;
	struct topology *t = &f->first;
	uint32_t host = put_netns(t, "host", NETNS_EXISTING), a = put_netns(t, "a", NETNS_MADE);
	uint32_t upper = put_link(t, a, "m1", LINK_MACVLAN);
	uint32_t lower = put_veth(t, host, "v0", a, "eth0");
	t->links.items[upper].parent = lower;
	t->links.items[upper].mode = 4;
	uint32_t bridge = put_link(t, a, "br0", LINK_BRIDGE);
	t->links.items[lower + 1].bridge = bridge;
	t->links.items[lower].mac = (struct link_mac){true, {2, 0, 0, 0, 0, 1}};
	t->links.items[lower].numbers[LINK_MTU] = 1400;
	put_address(t, bridge, "10.0.0.2/24");
	put_route(t, a, "0.0.0.0/0", "10.9.0.1", "");
	put_route(t, a, "10.9.0.0/16", "", "br0");
	strcpy(t->netns.items[a].sysctls[SYSCTL_IP_FORWARD], "1");
	assert_string_equal(stage_plan(&f->stage, t), "+ a: namespace\n"
	                                              "+ a/br0: bridge\n"
	                                              "+ host/v0: veth, peer a/eth0\n"
	                                              "+ a/m1: macvlan, mode bridge, on host/v0\n"
	                                              "~ a/eth0: bridge br0\n"
	                                              "+ a/br0: address 10.0.0.2/24\n"
	                                              "~ host/v0: up\n"
	                                              "~ a/br0: up\n"
	                                              "~ a/eth0: up\n"
	                                              "~ a/lo: up\n"
	                                              "~ a/m1: up\n"
	                                              "+ a: route 10.9.0.0/16 link br0\n"
	                                              "+ a: route default via 10.9.0.1\n"
	                                              "~ a: ip_forward 1\n");
	assert_int_equal(stage_apply(&f->stage, t), 14);
	assert_has(f, "host/v0 veth `nsctl-lab` up mac 02:00:00:00:00:01 below eth0");
	assert_has(f, "numbers 1400");
}

static void loopback_stays_down_where_the_file_says_so(void **state)
{
	struct fixture *f = *state;
	uint32_t a = put_netns(&f->first, "a", NETNS_MADE);
	f->first.netns.items[a].loopback_up = false;
	assert_string_equal(stage_plan(&f->stage, &f->first), "+ a: namespace\n");
	stage_apply(&f->stage, &f->first);
	stage_hand(&f->stage, "a", (struct step){.kind = STEP_LINK_UP, .link = "lo"});
	assert_string_equal(stage_plan(&f->stage, &f->first), "~ a/lo: down\n");
}

static void loopback_of_an_existing_namespace_is_left_alone(void **state)
{
	struct fixture *f = *state;
	put_netns(&f->first, "host", NETNS_EXISTING);
	stage_hand(&f->stage, "host", (struct step){.kind = STEP_LINK_DOWN, .link = "lo"});
	assert_string_equal(stage_plan(&f->stage, &f->first), "");
}

static void loopback_of_a_namespace_to_be_made_can_be_furnished(void **state)
{
	struct fixture *f = *state;
	uint32_t a = put_netns(&f->first, "a", NETNS_MADE);
	put_address(&f->first, put_existing(&f->first, a, "lo"), "10.1.1.1/32");
	assert_string_equal(stage_plan(&f->stage, &f->first), "+ a: namespace\n"
	                                                      "+ a/lo: address 10.1.1.1/32\n"
	                                                      "~ a/lo: up\n");
	stage_apply(&f->stage, &f->first);
}

/* ---- conflicts ---- */

static void link_of_somebody_else_is_a_conflict(void **state)
{
	struct fixture *f = *state;
	put_link(&f->first, put_netns(&f->first, "host", NETNS_EXISTING), "eth0", LINK_BRIDGE);
	assert_string_equal(
	        stage_refuses(&f->stage, &f->first, EEXIST),
	        "host/eth0 exists and was not made by nsctl topology lab; remove or rename it, or write "
	        "`existing: true`");
}

static void namespace_of_somebody_else_is_a_conflict(void **state)
{
	struct fixture *f = *state;
	put_netns(&f->first, "ex", NETNS_MADE);
	assert_contains(stage_refuses(&f->stage, &f->first, EEXIST),
	                "namespace ex exists and was not made by nsctl topology lab");
}

static void missing_namespace_is_said(void **state)
{
	struct fixture *f = *state;
	put_netns(&f->first, "elsewhere", NETNS_EXISTING);
	assert_contains(stage_refuses(&f->stage, &f->first, ENOENT), "namespace elsewhere is not there");
}

static void missing_link_is_said(void **state)
{
	struct fixture *f = *state;
	put_existing(&f->first, put_netns(&f->first, "host", NETNS_EXISTING), "eth7");
	assert_contains(stage_refuses(&f->stage, &f->first, ENODEV), "host/eth7 is not there");
}

static void missing_link_of_a_route_is_said(void **state)
{
	struct fixture *f = *state;
	put_route(&f->first, put_netns(&f->first, "host", NETNS_EXISTING), "10.0.0.0/8", "", "eth7");
	assert_contains(stage_refuses(&f->stage, &f->first, ENODEV), "host/eth7 is not there");
}

static void other_route_to_the_same_place_is_a_conflict(void **state)
{
	struct fixture *f = *state;
	put_route(&f->first, put_netns(&f->first, "host", NETNS_EXISTING), "0.0.0.0/0", "192.0.2.77", "");
	assert_contains(stage_refuses(&f->stage, &f->first, EEXIST),
	                "host: there is a route to default already, by eth0");
}

static void route_that_is_there_is_as_it_should_be(void **state)
{
	struct fixture *f = *state;
	put_route(&f->first, put_netns(&f->first, "host", NETNS_EXISTING), "0.0.0.0/0", "192.0.2.1", "");
	assert_string_equal(stage_plan(&f->stage, &f->first), "");
	stage_apply(&f->stage, &f->first);
	assert_string_equal(stage_plan(&f->stage, &f->none), "");
}

static void port_of_another_bridge_is_a_conflict(void **state)
{
	struct fixture *f = *state;
	uint32_t host = put_netns(&f->first, "host", NETNS_EXISTING);
	stage_hand(&f->stage, "host",
	           (struct step){.kind = STEP_LINK_ADD, .link = "br7", .made.kind = LINK_BRIDGE});
	stage_hand(&f->stage, "host",
	           (struct step){.kind = STEP_LINK_BRIDGE, .link = "eth0", .bridge.after = "br7"});
	uint32_t port = put_existing(&f->first, host, "eth0");
	f->first.links.items[port].bridge = put_link(&f->first, host, "br0", LINK_BRIDGE);
	assert_contains(stage_refuses(&f->stage, &f->first, EEXIST), "host/eth0 is a port of br7");
}

static void number_that_the_kernel_does_not_know_is_said(void **state)
{
	struct fixture *f = *state;
	put_pair(&f->first);
	f->stage.world.lacks[LINK_GSO_IPV4_MAX_SIZE] = true;
	f->first.links.items[0].numbers[LINK_GSO_IPV4_MAX_SIZE] = 65536;
	assert_contains(stage_refuses(&f->stage, &f->first, EOPNOTSUPP), "does not know gso_ipv4_max_size; Linux 6.3 does");
}

/* ---- settings ---- */

static void put_sysctl(struct topology *topology, const char *value)
{
	uint32_t host = put_netns(topology, "host", NETNS_EXISTING);
	strcpy(topology->netns.items[host].sysctls[SYSCTL_RP_FILTER], value);
}

static void setting_is_set_back_to_what_it_was(void **state)
{
	struct fixture *f = *state;
	put_sysctl(&f->first, "1");
	put_sysctl(&f->second, "2");
	assert_string_equal(stage_plan(&f->stage, &f->first), "~ host: rp_filter 0 -> 1\n");
	stage_apply(&f->stage, &f->first);
	stage_apply(&f->stage, &f->second);
	assert_string_equal(stage_plan(&f->stage, &f->none), "~ host: rp_filter 2 -> 0\n");
}

static void setting_that_somebody_else_changed_is_left_alone(void **state)
{
	struct fixture *f = *state;
	put_sysctl(&f->first, "1");
	stage_apply(&f->stage, &f->first);
	strcpy(f->stage.world.netns.items[0].sysctls[SYSCTL_RP_FILTER], "2");
	assert_string_equal(stage_plan(&f->stage, &f->none), "");
	assert_string_equal(stage_plan(&f->stage, &f->first), "~ host: rp_filter 2 -> 1\n");
}

static void setting_that_was_right_before_is_not_remembered(void **state)
{
	struct fixture *f = *state;
	put_sysctl(&f->first, "0");
	stage_apply(&f->stage, &f->first);
	assert_int_equal(f->stage.ledger.sysctls.count, 0);
}

static void setting_is_set_back_after_a_kill_as_well(void **state)
{
	struct fixture *f = *state;
	put_sysctl(&f->first, "1");
	put_sysctl(&f->second, "2");
	stage_apply(&f->stage, &f->first);
	stage_apply_until(&f->stage, &f->second, 0);
	assert_string_equal(stage_plan(&f->stage, &f->none), "~ host: rp_filter 1 -> 0\n");
	stage_apply_until(&f->stage, &f->second, 1);
	assert_string_equal(stage_plan(&f->stage, &f->none), "~ host: rp_filter 2 -> 0\n");
}

static void translation_is_replaced_as_a_whole_and_removed(void **state)
{
	struct fixture *f = *state;
	put_masquerade(&f->first, put_netns(&f->first, "host", NETNS_EXISTING), "10.0.0.0/24");
	put_masquerade(&f->second, put_netns(&f->second, "host", NETNS_EXISTING), "10.1.0.0/24");
	assert_contains(stage_plan(&f->stage, &f->first), "+ host: address translation, 1 masquerades");
	stage_apply(&f->stage, &f->first);
	assert_contains(stage_plan(&f->stage, &f->second), "~ host: address translation, 1 masquerades");
	assert_string_equal(stage_plan(&f->stage, &f->none), "- host: address translation\n");
}

/* ---- the ledger ---- */

static void ledger_knows_of_a_thing_before_it_is_made(void **state)
{
	struct fixture *f = *state;
	put_furnished(&f->first, "10.0.0.1/24");
	put_netns(&f->first, "a", NETNS_MADE);
	put_route(&f->first, 0, "10.5.0.0/16", "192.0.2.1", "");
	put_sysctl(&f->second, "1");
	stage_apply_until(&f->stage, &f->first, 0);
	assert_int_equal(f->stage.ledger.netns.count, 2);
	assert_int_equal(f->stage.ledger.addresses.count, 1);
	assert_int_equal(f->stage.ledger.routes.count, 1);
	assert_int_equal(f->stage.ledger.netns.items[0].cookie, 1000);
	stage_apply_until(&f->stage, &f->second, 0);
	assert_int_equal(f->stage.ledger.sysctls.count, 1);
	assert_int_equal(f->stage.ledger.addresses.count, 1);
}

static void existing_namespace_to_be_made_is_remembered_as_made(void **state)
{
	struct fixture *f = *state;
	put_netns(&f->first, "ex", NETNS_EXISTING);
	put_netns(&f->second, "ex", NETNS_MADE);
	stage_apply(&f->stage, &f->first);
	stage_hand(&f->stage, "ex", (struct step){.kind = STEP_NETNS_DELETE});
	stage_apply_until(&f->stage, &f->second, 1);
	assert_string_equal(stage_plan(&f->stage, &f->none), "- ex: namespace\n");
}

static void made_namespace_stays_one_until_all_steps_are_done(void **state)
{
	struct fixture *f = *state;
	put_netns(&f->first, "a", NETNS_MADE);
	put_netns(&f->second, "a", NETNS_EXISTING);
	stage_apply(&f->stage, &f->first);
	stage_apply_until(&f->stage, &f->second, 0);
	assert_string_equal(stage_plan(&f->stage, &f->none), "- a: namespace\n");
	stage_apply(&f->stage, &f->second);
	assert_string_equal(stage_plan(&f->stage, &f->none), "");
}

static void things_on_own_links_need_no_ledger(void **state)
{
	struct fixture *f = *state;
	put_pair(&f->first);
	put_route(&f->first, 1, "10.9.0.0/16", "", "eth0");
	stage_apply(&f->stage, &f->first);
	assert_int_equal(f->stage.ledger.addresses.count, 0);
	assert_int_equal(f->stage.ledger.routes.count, 1); /* that which does not name its link */
}

/* ---- size ---- */

/* Quadratic work would take minutes here, and the test's own time limit ends it. */
static void ten_thousand_links_are_planned(void **state)
{
	enum { COUNT = 5000 };
	struct fixture *f = *state;
	struct topology *t = &f->first;
	uint32_t host = put_netns(t, "host", NETNS_EXISTING);
	for (uint32_t i = 0; i < COUNT; i++) {
		char name[IFNAMSIZ], address[PREFIX_TEXT_MAX];
		snprintf(name, sizeof(name), "ns%u", i);
		uint32_t link = put_veth(t, host, name, put_netns(t, name, NETNS_MADE), "eth0");
		snprintf(address, sizeof(address), "10.%u.%u.1/30", i >> 8, i & 255);
		put_address(t, link, address);
	}
	struct seen seen = {0};
	vec_each (netns, &t->netns) {
		struct seen_netns *at = vec_push(&seen.netns);
		*at = (struct seen_netns){
		        .name = netns->name, .ledger = TOPOLOGY_NONE, .tenure = netns->tenure};
		at->wanted = (uint32_t)(netns - t->netns.items);
		at->exists = at->wanted == host;
	}
	struct plan_steps steps = {0};
	struct err err = ERR_INIT;
	assert_int_equal(planner_plan(t, &seen, &f->stage.ledger, &steps, &err), 0);
	assert_int_equal(steps.all.count, 6 * COUNT);
	vec_clear(&steps.all);
	seen_fini(&seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        fixture_test(everything_comes_after_what_it_needs),
	        fixture_test(loopback_stays_down_where_the_file_says_so),
	        fixture_test(loopback_of_an_existing_namespace_is_left_alone),
	        fixture_test(loopback_of_a_namespace_to_be_made_can_be_furnished),
	        fixture_test(link_of_somebody_else_is_a_conflict),
	        fixture_test(namespace_of_somebody_else_is_a_conflict),
	        fixture_test(missing_namespace_is_said),
	        fixture_test(missing_link_is_said),
	        fixture_test(missing_link_of_a_route_is_said),
	        fixture_test(other_route_to_the_same_place_is_a_conflict),
	        fixture_test(route_that_is_there_is_as_it_should_be),
	        fixture_test(port_of_another_bridge_is_a_conflict),
	        fixture_test(number_that_the_kernel_does_not_know_is_said),
	        fixture_test(setting_is_set_back_to_what_it_was),
	        fixture_test(setting_that_somebody_else_changed_is_left_alone),
	        fixture_test(setting_that_was_right_before_is_not_remembered),
	        fixture_test(setting_is_set_back_after_a_kill_as_well),
	        fixture_test(translation_is_replaced_as_a_whole_and_removed),
	        fixture_test(ledger_knows_of_a_thing_before_it_is_made),
	        fixture_test(existing_namespace_to_be_made_is_remembered_as_made),
	        fixture_test(things_on_own_links_need_no_ledger),
	        fixture_test(ten_thousand_links_are_planned),
	        fixture_test(made_namespace_stays_one_until_all_steps_are_done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
