/* SPDX-License-Identifier: Apache-2.0 */
/* What planner_add.c and planner_remove.c do to links. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/nsctl/fixture.h"

/* ---- links that have to be made again ---- */

static void veth_with_another_peer_is_made_again(void **state)
{
	struct fixture *f = *state;
	put_pair(&f->first);
	stage_apply(&f->stage, &f->first);
	struct topology *t = &f->second;
	uint32_t host = put_netns(t, "host", NETNS_EXISTING), a = put_netns(t, "a", NETNS_MADE);
	put_veth(t, host, "v_a", a, "eth1");
	assert_string_equal(stage_plan(&f->stage, t), "- a: route default via 10.0.0.1 link eth0\n"
	                                              "- host/v_a: address 10.0.0.1/24\n"
	                                              "- a/eth0: address 10.0.0.2/24\n"
	                                              "~ host/v_a: down\n"
	                                              "~ a/eth0: down\n"
	                                              "- host/v_a: veth, peer a/eth0\n"
	                                              "+ host/v_a: veth, peer a/eth1\n"
	                                              "~ host/v_a: up\n"
	                                              "~ a/eth1: up\n");
	assert_true(stage_undo(&f->stage, t, SIZE_MAX));
	stage_apply(&f->stage, t);
}

/* put_pairs - a/x to b/x and c/x to d/x, or a/x to d/x and c/x to b/x; the kernel's indices are all the
 * same */
static void put_pairs(struct topology *topology, bool crossed)
{
	uint32_t a = put_netns(topology, "a", NETNS_MADE), b = put_netns(topology, "b", NETNS_MADE);
	uint32_t c = put_netns(topology, "c", NETNS_MADE), d = put_netns(topology, "d", NETNS_MADE);
	put_veth(topology, a, "x", crossed ? d : b, "x");
	put_veth(topology, c, "x", crossed ? b : d, "x");
}

static void peers_of_the_same_index_are_told_apart_by_namespace(void **state)
{
	struct fixture *f = *state;
	put_pairs(&f->first, false);
	put_pairs(&f->second, true);
	stage_apply(&f->stage, &f->first);
	assert_int_equal(link_at(f, "a", "x")->below, link_at(f, "c", "x")->below);
	assert_contains(stage_plan(&f->stage, &f->second), "+ a/x: veth, peer d/x\n");
	stage_apply(&f->stage, &f->second);
}

static void without_namespace_numbers_the_indices_have_to_do(void **state)
{
	struct fixture *f = *state;
	f->stage.world.hide_nsids = true;
	put_pair(&f->first);
	stage_apply(&f->stage, &f->first);
	put_netns(&f->second, "host", NETNS_EXISTING);
	put_netns(&f->second, "a", NETNS_MADE);
	assert_contains(stage_plan(&f->stage, &f->second), "- host/v_a: veth, peer a/eth0\n");
	stage_apply(&f->stage, &f->second);
}

/* assert_remade - the plan from first to second deletes link @name and adds it again */
static void assert_remade(struct fixture *f, const char *name)
{
	char removed[64], added[64];
	stage_apply(&f->stage, &f->first);
	snprintf(removed, sizeof(removed), "- %s: ", name);
	snprintf(added, sizeof(added), "+ %s: ", name);
	assert_contains(stage_plan(&f->stage, &f->second), removed);
	assert_contains(stage_plan(&f->stage, &f->second), added);
	assert_true(stage_undo(&f->stage, &f->second, SIZE_MAX));
	stage_apply(&f->stage, &f->second);
}

static void link_of_another_kind_is_made_again(void **state)
{
	struct fixture *f = *state;
	put_link(&f->first, put_netns(&f->first, "host", NETNS_EXISTING), "x", LINK_BRIDGE);
	uint32_t host = put_netns(&f->second, "host", NETNS_EXISTING);
	put_veth(&f->second, host, "x", host, "y");
	assert_remade(f, "host/x");
}

static void macvlan_of_another_mode_is_made_again(void **state)
{
	struct fixture *f = *state;
	for (int second = 0; second <= 1; second++) {
		struct topology *t = second ? &f->second : &f->first;
		uint32_t host = put_netns(t, "host", NETNS_EXISTING);
		uint32_t upper = put_upper(t, host, "x", LINK_MACVLAN, put_existing(t, host, "eth0"));
		t->links.items[upper].mode = second ? 4 : 1;
	}
	assert_remade(f, "host/x");
}

static void macvlan_on_another_link_is_made_again(void **state)
{
	struct fixture *f = *state;
	for (int second = 0; second <= 1; second++) {
		struct topology *t = second ? &f->second : &f->first;
		uint32_t host = put_netns(t, "host", NETNS_EXISTING), ex = put_netns(t, "ex", NETNS_EXISTING);
		put_upper(t, host, "x", LINK_MACVLAN, put_existing(t, second ? ex : host, "eth0"));
	}
	assert_remade(f, "host/x");
}

static void vxlan_of_another_address_is_made_again(void **state)
{
	struct fixture *f = *state;
	for (int second = 0; second <= 1; second++) {
		struct topology *t = second ? &f->second : &f->first;
		uint32_t link = put_link(t, put_netns(t, "host", NETNS_EXISTING), "x", LINK_VXLAN);
		t->links.items[link].vxlan = (struct link_vxlan){
		        .vni = 7,
		        .local = prefix_of("10.0.0.1"),
		        .remote = prefix_of(second ? "10.0.0.3" : "10.0.0.2")};
	}
	assert_remade(f, "host/x");
}

static void macvlan_on_a_link_of_the_same_index_elsewhere_is_made_again(void **state)
{
	struct fixture *f = *state;
	uint32_t host = put_netns(&f->first, "host", NETNS_EXISTING),
	         ex = put_netns(&f->first, "ex", NETNS_EXISTING);
	put_upper(&f->first, ex, "m0", LINK_MACVLAN, put_existing(&f->first, host, "eth0"));
	stage_apply(&f->stage, &f->first);
	ledger_fini(&f->stage.ledger); /* so that nobody looks at `host` */
	ex = put_netns(&f->second, "ex", NETNS_EXISTING);
	put_upper(&f->second, ex, "m0", LINK_MACVLAN, put_existing(&f->second, ex, "eth0"));
	assert_contains(stage_plan(&f->stage, &f->second), "+ ex/m0: macvlan");
}

static void links_on_one_that_is_made_again_are_made_again(void **state)
{
	struct fixture *f = *state;
	for (int second = 0; second <= 1; second++) {
		struct topology *t = second ? &f->second : &f->first;
		uint32_t host = put_netns(t, "host", NETNS_EXISTING), a = put_netns(t, "a", NETNS_MADE);
		uint32_t lower = put_veth(t, host, "v", a, second ? "other" : "eth0");
		put_address(t, put_upper(t, a, "x", LINK_IPVLAN, lower), "10.0.0.1/24");
	}
	assert_remade(f, "a/x");
}

static void macvlan_on_a_macvlan_is_right_on_what_that_is_on(void **state)
{
	struct fixture *f = *state;
	uint32_t host = put_netns(&f->first, "host", NETNS_EXISTING);
	uint32_t lower = put_upper(&f->first, host, "m0", LINK_MACVLAN,
	                           put_existing(&f->first, host, "eth0"));
	put_upper(&f->first, host, "m1", LINK_MACVLAN, lower);
	stage_apply(&f->stage, &f->first);
	assert_int_equal(link_at(f, "host", "m1")->below, link_at(f, "host", "eth0")->index);
}

static void macvlan_beside_what_it_should_be_on_is_made_again(void **state)
{
	struct fixture *f = *state;
	uint32_t host = put_netns(&f->first, "host", NETNS_EXISTING),
	         eth0 = put_existing(&f->first, host, "eth0");
	put_upper(&f->first, host, "m0", LINK_MACVLAN, eth0);
	put_upper(&f->first, host, "x", LINK_MACVLAN, eth0);
	host = put_netns(&f->second, "host", NETNS_EXISTING);
	put_upper(&f->second, host, "x", LINK_MACVLAN, put_link(&f->second, host, "m0", LINK_BRIDGE));
	assert_remade(f, "host/x");
}

static void unwanted_link_that_keeps_another_busy_goes_first(void **state)
{
	struct fixture *f = *state;
	uint32_t host = put_netns(&f->first, "host", NETNS_EXISTING);
	put_upper(&f->first, host, "m0", LINK_MACVLAN, put_existing(&f->first, host, "eth0"));
	host = put_netns(&f->second, "host", NETNS_EXISTING);
	put_upper(&f->second, host, "i0", LINK_IPVLAN, put_existing(&f->second, host, "eth0"));
	stage_apply(&f->stage, &f->first);
	assert_string_equal(stage_plan(&f->stage, &f->second), "~ host/m0: down\n"
	                                                       "- host/m0: macvlan, on host/eth0\n"
	                                                       "+ host/i0: ipvlan, mode l2, on host/eth0\n"
	                                                       "~ host/i0: up\n");
}

static void link_that_lost_its_mark_is_a_conflict(void **state)
{
	struct fixture *f = *state;
	put_pair(&f->first);
	stage_apply(&f->stage, &f->first);
	link_at(f, "host", "v_a")->alias[0] = '\0';
	assert_contains(stage_refuses(&f->stage, &f->first, EEXIST), "host/v_a exists");
}

/* ---- what goes ---- */

static void nothing_is_removed_by_itself_that_goes_with_its_namespace(void **state)
{
	struct fixture *f = *state;
	uint32_t a = put_netns(&f->first, "a", NETNS_MADE), b = put_netns(&f->first, "b", NETNS_MADE);
	put_address(&f->first, put_veth(&f->first, a, "x", b, "y"), "10.0.0.1/24");
	put_masquerade(&f->first, a, "10.0.0.0/24");
	strcpy(f->first.netns.items[a].sysctls[SYSCTL_IP_FORWARD], "1");
	stage_apply(&f->stage, &f->first);
	assert_string_equal(stage_plan(&f->stage, &f->none), "- a: namespace\n- b: namespace\n");
}

static void other_end_in_a_namespace_that_stays_is_deleted_once(void **state)
{
	struct fixture *f = *state;
	put_pair(&f->first);
	stage_apply(&f->stage, &f->first);
	assert_string_equal(stage_plan(&f->stage, &f->none), "- a: route default via 10.0.0.1 link eth0\n"
	                                                     "- host/v_a: address 10.0.0.1/24\n"
	                                                     "- a/eth0: address 10.0.0.2/24\n"
	                                                     "~ host/v_a: down\n"
	                                                     "~ a/eth0: down\n"
	                                                     "- host/v_a: veth, peer a/eth0\n"
	                                                     "- a: namespace\n");
	stage_apply(&f->stage, &f->none);
	assert_int_equal(f->stage.ledger.netns.count, 0);
}

static void link_on_something_outside_does_not_wait_for_its_namespace(void **state)
{
	struct fixture *f = *state;
	uint32_t host = put_netns(&f->first, "host", NETNS_EXISTING),
	         a = put_netns(&f->first, "a", NETNS_MADE);
	put_upper(&f->first, a, "m0", LINK_MACVLAN, put_existing(&f->first, host, "eth0"));
	stage_apply(&f->stage, &f->first);
	assert_contains(stage_plan(&f->stage, &f->none), "- a/m0: macvlan");
}

static void namespace_that_somebody_made_again_is_not_deleted(void **state)
{
	struct fixture *f = *state;
	put_netns(&f->first, "a", NETNS_MADE);
	stage_apply(&f->stage, &f->first);
	stage_hand(&f->stage, "a", (struct step){.kind = STEP_NETNS_DELETE});
	stage_hand(&f->stage, "a", (struct step){.kind = STEP_NETNS_ADD});
	assert_string_equal(stage_plan(&f->stage, &f->none), "");
}

static void link_that_is_called_otherwise_takes_its_routes_along(void **state)
{
	struct fixture *f = *state;
	put_pair(&f->first);
	stage_apply(&f->stage, &f->first);
	struct topology *t = &f->second;
	uint32_t a = put_netns(t, "a", NETNS_MADE);
	put_address(t, put_link(t, a, "br0", LINK_BRIDGE), "10.0.0.2/24");
	put_route(t, a, "0.0.0.0/0", "10.0.0.1", "");
	stage_apply(&f->stage, t);
	assert_has(f, "a/br0 route 0.0.0.0/0 via 10.0.0.1/32 protocol 110");
}

/* ---- values ---- */

static void values_are_changed_where_they_are(void **state)
{
	struct fixture *f = *state;
	put_pair(&f->first);
	stage_apply(&f->stage, &f->first);
	struct topology_link *link = &f->first.links.items[0];
	link->numbers[LINK_MTU] = 1400;
	link->numbers[LINK_GSO_MAX_SIZE] = 100000;
	link->mac = (struct link_mac){true, {2, 0, 0, 0, 0, 9}};
	const char *plan = stage_plan(&f->stage, &f->first);
	assert_contains(
	        plan,
	        "~ host/v_a: mtu 1500 -> 1400\n~ host/v_a: gso_max_size 65536 -> 100000\n"
	        "~ host/v_a: gso_ipv4_max_size 65536 -> 100000\n~ host/v_a: mac ");
	assert_null(strstr(plan, "\n+"));
	assert_true(stage_undo(&f->stage, &f->first, SIZE_MAX));
	assert_int_equal(stage_apply(&f->stage, &f->first), 4);
}

static void size_that_the_kernel_drags_along_is_set_right(void **state)
{
	struct fixture *f = *state;
	put_pair(&f->first);
	f->first.links.items[0].numbers[LINK_GSO_IPV4_MAX_SIZE] = 65536;
	stage_apply(&f->stage, &f->first);
	f->first.links.items[0].numbers[LINK_GSO_MAX_SIZE] = 60000;
	assert_string_equal(stage_plan(&f->stage, &f->first),
	                    "~ host/v_a: gso_ipv4_max_size 65536 -> 60000\n"
	                    "~ host/v_a: gso_max_size 65536 -> 60000\n"
	                    "~ host/v_a: gso_ipv4_max_size 60000 -> 65536\n");
	assert_true(stage_undo(&f->stage, &f->first, SIZE_MAX));
	stage_apply(&f->stage, &f->first);
}

static void size_that_undoing_drags_along_is_set_back(void **state)
{
	struct fixture *f = *state;
	put_pair(&f->first);
	stage_apply(&f->stage, &f->first);
	link_at(f, "host", "v_a")->numbers[LINK_GSO_MAX_SIZE] = 60000;
	f->first.links.items[0].numbers[LINK_GSO_MAX_SIZE] = 100000;
	assert_true(stage_undo(&f->stage, &f->first, SIZE_MAX));
}

static void greater_mtu_is_given_to_what_is_below_first(void **state)
{
	struct fixture *f = *state;
	uint32_t host = put_netns(&f->first, "host", NETNS_EXISTING);
	uint32_t lower = put_link(&f->first, host, "z", LINK_BRIDGE);
	uint32_t upper = put_upper(&f->first, host, "a", LINK_MACVLAN, lower);
	stage_apply(&f->stage, &f->first);
	f->first.links.items[lower].numbers[LINK_MTU] = f->first.links.items[upper].numbers[LINK_MTU] = 9000;
	assert_string_equal(stage_plan(&f->stage, &f->first),
	                    "~ host/z: mtu 1500 -> 9000\n~ host/a: mtu 1500 -> 9000\n");
	f->first.links.items[lower].numbers[LINK_MTU] = f->first.links.items[upper].numbers[LINK_MTU] = 1400;
	assert_string_equal(stage_plan(&f->stage, &f->first),
	                    "~ host/a: mtu 1500 -> 1400\n~ host/z: mtu 1500 -> 1400\n");
}

static void ipv6_goes_before_an_mtu_too_small_for_it(void **state)
{
	struct fixture *f = *state;
	put_pair(&f->first);
	put_address(&f->first, 0, "fd00::1/64");
	stage_apply(&f->stage, &f->first);
	put_pair(&f->second);
	f->second.links.items[0].numbers[LINK_MTU] = 1000;
	assert_string_equal(stage_plan(&f->stage, &f->second),
	                    "- host/v_a: address fd00::1/64\n~ host/v_a: mtu 1500 -> 1000\n");
	assert_true(stage_undo(&f->stage, &f->second, SIZE_MAX));
}

static void link_that_goes_down_keeps_its_ipv6_addresses(void **state)
{
	struct fixture *f = *state;
	put_pair(&f->first);
	put_address(&f->first, 0, "fd00::1/64");
	put_route(&f->first, 0, "10.8.0.0/16", "10.0.0.2", "");
	stage_apply(&f->stage, &f->first);
	put_pair(&f->second);
	put_address(&f->second, 0, "fd00::1/64");
	f->second.links.items[0].up = false;
	assert_string_equal(stage_plan(&f->stage, &f->second),
	                    "- host: route 10.8.0.0/16 via 10.0.0.2 link v_a\n"
	                    "- host/v_a: address fd00::1/64\n"
	                    "~ host/v_a: down\n"
	                    "+ host/v_a: address fd00::1/64\n");
	assert_true(stage_undo(&f->stage, &f->second, SIZE_MAX));
	stage_apply(&f->stage, &f->second);
}

static void link_taken_down_by_hand_gets_all_back(void **state)
{
	struct fixture *f = *state;
	put_pair(&f->first);
	put_address(&f->first, 1, "fd00::2/64");
	stage_apply(&f->stage, &f->first);
	stage_hand(&f->stage, "a", (struct step){.kind = STEP_LINK_DOWN, .link = "eth0"});
	assert_string_equal(stage_plan(&f->stage, &f->first), "+ a/eth0: address fd00::2/64\n"
	                                                      "~ a/eth0: up\n"
	                                                      "+ a: route default via 10.0.0.1\n");
	stage_apply(&f->stage, &f->first);
}

/* ---- bridges ---- */

/* put_port - host/eth0 in bridge host/br0, or not */
static void put_port(struct topology *topology, bool in)
{
	uint32_t host = put_netns(topology, "host", NETNS_EXISTING);
	uint32_t bridge = put_link(topology, host, "br0", LINK_BRIDGE);
	if (in)
		topology->links.items[put_existing(topology, host, "eth0")].bridge = bridge;
}

static void port_that_is_no_longer_in_the_file_leaves(void **state)
{
	struct fixture *f = *state;
	put_port(&f->first, true);
	put_port(&f->second, false);
	stage_apply(&f->stage, &f->first);
	assert_int_equal(f->stage.ledger.ports.count, 1);
	assert_string_equal(stage_plan(&f->stage, &f->second), "~ host/eth0: bridge br0 -> none\n");
	stage_apply(&f->stage, &f->second);
	assert_int_equal(f->stage.ledger.ports.count, 0);
}

static void port_that_somebody_else_added_stays(void **state)
{
	struct fixture *f = *state;
	put_port(&f->second, false);
	stage_apply(&f->stage, &f->second);
	stage_hand(&f->stage, "host",
	           (struct step){.kind = STEP_LINK_BRIDGE, .link = "eth0", .bridge.after = "br0"});
	assert_string_equal(stage_plan(&f->stage, &f->second), "");
}

static void port_is_given_back_before_its_bridge_goes(void **state)
{
	struct fixture *f = *state;
	put_port(&f->first, true);
	stage_apply(&f->stage, &f->first);
	assert_string_equal(stage_plan(&f->stage, &f->none), "~ host/eth0: bridge br0 -> none\n"
	                                                     "~ host/br0: down\n"
	                                                     "- host/br0: bridge\n");
	assert_true(stage_undo(&f->stage, &f->none, SIZE_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        fixture_test(veth_with_another_peer_is_made_again),
	        fixture_test(peers_of_the_same_index_are_told_apart_by_namespace),
	        fixture_test(without_namespace_numbers_the_indices_have_to_do),
	        fixture_test(link_of_another_kind_is_made_again),
	        fixture_test(macvlan_of_another_mode_is_made_again),
	        fixture_test(macvlan_on_another_link_is_made_again),
	        fixture_test(vxlan_of_another_address_is_made_again),
	        fixture_test(links_on_one_that_is_made_again_are_made_again),
	        fixture_test(macvlan_on_a_macvlan_is_right_on_what_that_is_on),
	        fixture_test(macvlan_beside_what_it_should_be_on_is_made_again),
	        fixture_test(unwanted_link_that_keeps_another_busy_goes_first),
	        fixture_test(link_that_lost_its_mark_is_a_conflict),
	        fixture_test(nothing_is_removed_by_itself_that_goes_with_its_namespace),
	        fixture_test(other_end_in_a_namespace_that_stays_is_deleted_once),
	        fixture_test(link_on_something_outside_does_not_wait_for_its_namespace),
	        fixture_test(namespace_that_somebody_made_again_is_not_deleted),
	        fixture_test(link_that_is_called_otherwise_takes_its_routes_along),
	        fixture_test(values_are_changed_where_they_are),
	        fixture_test(size_that_the_kernel_drags_along_is_set_right),
	        fixture_test(greater_mtu_is_given_to_what_is_below_first),
	        fixture_test(ipv6_goes_before_an_mtu_too_small_for_it),
	        fixture_test(link_that_goes_down_keeps_its_ipv6_addresses),
	        fixture_test(link_taken_down_by_hand_gets_all_back),
	        fixture_test(port_that_is_no_longer_in_the_file_leaves),
	        fixture_test(port_that_somebody_else_added_stays),
	        fixture_test(port_is_given_back_before_its_bridge_goes),
	        fixture_test(size_that_undoing_drags_along_is_set_back),
	        fixture_test(macvlan_on_a_link_of_the_same_index_elsewhere_is_made_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
