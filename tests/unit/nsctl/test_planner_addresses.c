/* SPDX-License-Identifier: Apache-2.0 */
/* What planner_add.c and planner_remove.c do to addresses and routes. */
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "tests/unit/nsctl/fixture.h"

/* ---- addresses ---- */

static struct step address_step(enum step_kind kind, const char *link, const char *address)
{
	struct step step = {.kind = kind, .address = prefix_of(address)};
	strcpy(step.link, link);
	return step;
}

static void address_on_the_link_of_somebody_else_is_taken_back(void **state)
{
	struct fixture *f = *state;
	put_furnished(&f->first, "10.0.0.1/24");
	stage_apply(&f->stage, &f->first);
	assert_int_equal(f->stage.ledger.addresses.count, 1);
	assert_string_equal(stage_plan(&f->stage, &f->none), "- host/eth0: address 10.0.0.1/24\n");
}

static void address_that_was_there_before_stays(void **state)
{
	struct fixture *f = *state;
	put_furnished(&f->first, "192.0.2.2/24");
	assert_string_equal(stage_plan(&f->stage, &f->first), "");
	stage_apply(&f->stage, &f->first);
	assert_int_equal(f->stage.ledger.addresses.count, 0);
	assert_string_equal(stage_plan(&f->stage, &f->none), "");
}

static void address_added_by_hand_to_an_own_link_goes(void **state)
{
	struct fixture *f = *state;
	put_pair(&f->first);
	stage_apply(&f->stage, &f->first);
	stage_hand(&f->stage, "a", address_step(STEP_ADDRESS_ADD, "eth0", "10.7.0.1/24"));
	assert_string_equal(stage_plan(&f->stage, &f->first), "- a/eth0: address 10.7.0.1/24\n");
}

static void address_that_the_kernel_or_dhcp_gave_stays(void **state)
{
	struct fixture *f = *state;
	put_pair(&f->first);
	stage_apply(&f->stage, &f->first);
	stage_hand(&f->stage, "a", address_step(STEP_ADDRESS_ADD, "eth0", "fe80::1/64"));
	stage_hand(&f->stage, "a", address_step(STEP_ADDRESS_ADD, "eth0", "10.7.0.1/24"));
	stage_hand(&f->stage, "a", address_step(STEP_ADDRESS_ADD, "eth0", "fd00:7::1/64"));
	struct netstate *state_a = &f->stage.world.netns.items[2].state;
	struct netstate_address *added = &state_a->addresses.items[state_a->addresses.count - 3];
	added[0].scope = RT_SCOPE_LINK; /* as an older kernel tells it; a younger one: */
	added[1].flags = 0;             /* has a lifetime */
	added[2].protocol = IFAPROT_KERNEL_RA;
	assert_string_equal(stage_plan(&f->stage, &f->first), "");
}

static void address_in_use_by_another_length_is_replaced_with_ipv6(void **state)
{
	struct fixture *f = *state;
	put_furnished(&f->first, "fd00::1/64");
	put_furnished(&f->second, "fd00::1/128");
	stage_apply(&f->stage, &f->first);
	assert_string_equal(stage_plan(&f->stage, &f->second),
	                    "- host/eth0: address fd00::1/64\n+ host/eth0: address fd00::1/128\n");
	stage_apply(&f->stage, &f->second);
}

static void link_is_never_without_an_address_when_another_one_comes(void **state)
{
	struct fixture *f = *state;
	put_furnished(&f->first, "10.0.0.1/24");
	put_furnished(&f->second, "10.1.0.1/24");
	stage_apply(&f->stage, &f->first);
	assert_string_equal(stage_plan(&f->stage, &f->second),
	                    "+ host/eth0: address 10.1.0.1/24\n- host/eth0: address 10.0.0.1/24\n");
}

static void secondary_address_outlives_the_primary_one(void **state)
{
	struct fixture *f = *state;
	put_furnished(&f->first, "10.0.0.1/24");
	put_address(&f->first, 0, "10.0.0.2/24");
	put_furnished(&f->second, "10.0.0.2/24");
	stage_apply(&f->stage, &f->first);
	assert_string_equal(stage_plan(&f->stage, &f->second), "- host/eth0: address 10.0.0.2/24\n"
	                                                       "- host/eth0: address 10.0.0.1/24\n"
	                                                       "+ host/eth0: address 10.0.0.2/24\n");
	stage_apply(&f->stage, &f->second);
	assert_has(f, "host/eth0 address 10.0.0.2/24");
}

static void new_address_outlives_the_one_that_it_replaces(void **state)
{
	struct fixture *f = *state;
	put_furnished(&f->first, "10.0.0.1/24");
	put_furnished(&f->second, "10.0.0.2/24");
	stage_apply(&f->stage, &f->first);
	stage_apply(&f->stage, &f->second);
	assert_has(f, "host/eth0 address 10.0.0.2/24");
}

/* ---- routes ---- */

static void route_by_another_next_hop_replaces_the_old_one(void **state)
{
	struct fixture *f = *state;
	put_pair(&f->first);
	stage_apply(&f->stage, &f->first);
	f->first.netns.items[1].routes.items[0].via = prefix_of("10.0.0.77");
	assert_string_equal(stage_plan(&f->stage, &f->first), "- a: route default via 10.0.0.1 link eth0\n"
	                                                      "+ a: route default via 10.0.0.77\n");
	assert_true(stage_undo(&f->stage, &f->first, SIZE_MAX));
}

static void route_that_somebody_else_added_stays(void **state)
{
	struct fixture *f = *state;
	put_pair(&f->first);
	stage_apply(&f->stage, &f->first);
	stage_hand(&f->stage, "a",
	           (struct step){.kind = STEP_ROUTE_ADD,
	                         .route = {.to = prefix_of("10.5.0.0/16"), .link = "eth0"}});
	assert_string_equal(stage_plan(&f->stage, &f->first), "");
}

static void route_by_the_link_of_somebody_else_is_taken_back(void **state)
{
	struct fixture *f = *state;
	put_route(&f->first, put_netns(&f->first, "host", NETNS_EXISTING), "10.5.0.0/16", "192.0.2.1", "");
	stage_apply(&f->stage, &f->first);
	assert_int_equal(f->stage.ledger.routes.count, 1);
	assert_string_equal(stage_plan(&f->stage, &f->none),
	                    "- host: route 10.5.0.0/16 via 192.0.2.1 link eth0\n");
}

static void route_of_another_topology_stays(void **state)
{
	struct fixture *f = *state;
	put_route(&f->first, put_netns(&f->first, "host", NETNS_EXISTING), "10.5.0.0/16", "192.0.2.1", "");
	stage_apply(&f->stage, &f->first);
	f->stage.ledger.routes.count = 0;
	assert_string_equal(stage_plan(&f->stage, &f->none), "");
}

static void route_that_comes_with_an_address_is_not_added(void **state)
{
	struct fixture *f = *state;
	put_pair(&f->first);
	put_route(&f->first, 1, "10.0.0.0/24", "", "eth0");
	assert_null(strstr(stage_plan(&f->stage, &f->first), "route 10.0.0.0/24"));
	stage_apply(&f->stage, &f->first);
}

static void route_follows_its_next_hop_to_another_link(void **state)
{
	struct fixture *f = *state;
	uint32_t a = put_netns(&f->first, "a", NETNS_MADE);
	put_address(&f->first, put_link(&f->first, a, "br0", LINK_BRIDGE), "10.0.0.2/24");
	put_address(&f->first, 0, "10.1.0.2/24");
	put_link(&f->first, a, "br1", LINK_BRIDGE);
	put_route(&f->first, a, "0.0.0.0/0", "10.0.0.1", "");
	stage_apply(&f->stage, &f->first);
	f->first.links.items[0].addresses.items[0] = prefix_of("10.2.0.2/24");
	put_address(&f->first, 1, "10.0.0.2/24");
	stage_apply(&f->stage, &f->first);
	assert_has(f, "a/br1 route 0.0.0.0/0 via 10.0.0.1/32");
}

static void routes_outlive_the_last_address_of_their_link(void **state)
{
	struct fixture *f = *state;
	put_pair(&f->first);
	put_route(&f->first, 1, "10.9.0.0/16", "", "eth0");
	stage_apply(&f->stage, &f->first);
	struct topology *t = &f->second;
	uint32_t host = put_netns(t, "host", NETNS_EXISTING), a = put_netns(t, "a", NETNS_MADE);
	put_veth(t, host, "v_a", a, "eth0");
	put_route(t, a, "10.9.0.0/16", "", "eth0");
	stage_apply(&f->stage, t);
	assert_has(f, "a/eth0 route 10.9.0.0/16");
}

static void route_that_the_kernel_made_is_never_removed(void **state)
{
	struct fixture *f = *state;
	put_furnished(&f->first, "10.0.0.1/24");
	put_address(&f->first, 0, "10.0.0.2/24");
	put_furnished(&f->second, "10.0.0.2/24");
	put_route(&f->second, 0, "192.0.2.0/24", "", "eth0");
	stage_apply(&f->stage, &f->first);
	assert_null(strstr(stage_plan(&f->stage, &f->second), "route"));
	stage_apply(&f->stage, &f->second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        fixture_test(address_on_the_link_of_somebody_else_is_taken_back),
	        fixture_test(address_that_was_there_before_stays),
	        fixture_test(address_added_by_hand_to_an_own_link_goes),
	        fixture_test(address_that_the_kernel_or_dhcp_gave_stays),
	        fixture_test(address_in_use_by_another_length_is_replaced_with_ipv6),
	        fixture_test(link_is_never_without_an_address_when_another_one_comes),
	        fixture_test(secondary_address_outlives_the_primary_one),
	        fixture_test(new_address_outlives_the_one_that_it_replaces),
	        fixture_test(route_by_another_next_hop_replaces_the_old_one),
	        fixture_test(route_that_somebody_else_added_stays),
	        fixture_test(route_by_the_link_of_somebody_else_is_taken_back),
	        fixture_test(route_of_another_topology_stays),
	        fixture_test(route_that_comes_with_an_address_is_not_added),
	        fixture_test(route_follows_its_next_hop_to_another_link),
	        fixture_test(routes_outlive_the_last_address_of_their_link),
	        fixture_test(route_that_the_kernel_made_is_never_removed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
