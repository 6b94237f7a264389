/* SPDX-License-Identifier: Apache-2.0 */
/* What planner_numbers.c does to the numbers of links and loopbacks, and what the ledger knows of them. */
#include <errno.h>
#include <string.h>

#include "tests/unit/nsctl/fixture.h"

static uint32_t *loopback_of(struct topology *topology, uint32_t netns)
{
	return topology->netns.items[netns].loopback_numbers;
}

static void set_by_hand(struct fixture *f, const char *netns, const char *link, enum link_number number,
                        uint32_t value)
{
	struct step step = {.kind = STEP_LINK_NUMBER, .number = {.number = number, .after = value}};
	strcpy(step.link, link);
	step.number.before = link_at(f, netns, link)->numbers[number];
	stage_hand(&f->stage, netns, step);
}

/* ---- loopbacks ---- */

static void put_big_loopback(struct topology *topology, enum netns_tenure tenure)
{
	uint32_t netns = put_netns(topology, tenure == NETNS_MADE ? "a" : "ex", tenure);
	loopback_of(topology, netns)[LINK_GSO_MAX_SIZE] = 262144;
}

static void loopback_gets_its_numbers_with_its_namespace(void **state)
{
	struct fixture *f = *state;
	put_big_loopback(&f->first, NETNS_MADE);
	assert_string_equal(stage_plan(&f->stage, &f->first), "+ a: namespace\n"
	                                                      "~ a/lo: gso_max_size 65536 -> 262144\n"
	                                                      "~ a/lo: gso_ipv4_max_size 65536 -> 262144\n"
	                                                      "~ a/lo: up\n");
	assert_true(stage_undo(&f->stage, &f->first, SIZE_MAX));
	stage_apply(&f->stage, &f->first);
	assert_has(f, "numbers 65536 262144 65536 262144 65536");
}

static void number_for_ipv4_follows_unless_it_is_chosen(void **state)
{
	struct fixture *f = *state;
	uint32_t a = put_netns(&f->first, "a", NETNS_MADE);
	loopback_of(&f->first, a)[LINK_GSO_MAX_SIZE] = 262144;
	loopback_of(&f->first, a)[LINK_GRO_MAX_SIZE] = 131072;
	loopback_of(&f->first, a)[LINK_GRO_IPV4_MAX_SIZE] = 65536;
	stage_apply(&f->stage, &f->first);
	assert_has(f, "numbers 65536 262144 131072 262144 65536");
}

static void kernel_without_a_number_for_ipv4_does_without(void **state)
{
	struct fixture *f = *state;
	f->stage.world.lacks[LINK_GSO_IPV4_MAX_SIZE] = f->stage.world.lacks[LINK_GRO_IPV4_MAX_SIZE] = true;
	put_big_loopback(&f->first, NETNS_MADE);
	uint32_t host = put_netns(&f->first, "host", NETNS_EXISTING);
	uint32_t link = put_link(&f->first, host, "br0", LINK_BRIDGE);
	f->first.links.items[link].numbers[LINK_GRO_MAX_SIZE] = 131072;
	stage_apply(&f->stage, &f->first);
	assert_has(f, "numbers 65536 262144 65536 0 0");
	assert_has(f, "numbers 1500 65536 131072 0 0");
}

static void number_of_a_loopback_that_the_kernel_lacks_is_said(void **state)
{
	struct fixture *f = *state;
	f->stage.world.lacks[LINK_GRO_MAX_SIZE] = true;
	uint32_t a = put_netns(&f->first, "a", NETNS_MADE);
	loopback_of(&f->first, a)[LINK_GRO_MAX_SIZE] = 131072;
	assert_string_equal(stage_refuses(&f->stage, &f->first, EOPNOTSUPP),
	                    "a/lo: this kernel does not know gro_max_size; Linux 5.17 does");
}

static void loopback_changed_by_hand_is_mended(void **state)
{
	struct fixture *f = *state;
	put_big_loopback(&f->first, NETNS_MADE);
	stage_apply(&f->stage, &f->first);
	set_by_hand(f, "a", "lo", LINK_GSO_IPV4_MAX_SIZE, 70000);
	assert_string_equal(stage_plan(&f->stage, &f->first), "~ a/lo: gso_ipv4_max_size 70000 -> 262144\n");
}

static void loopback_of_somebody_else_is_given_back(void **state)
{
	struct fixture *f = *state;
	put_big_loopback(&f->first, NETNS_EXISTING);
	set_by_hand(f, "ex", "lo", LINK_GSO_MAX_SIZE, 70000);
	stage_apply(&f->stage, &f->first);
	loopback_of(&f->first, 0)[LINK_GSO_MAX_SIZE] = 131072;
	stage_apply_until(&f->stage, &f->first, SIZE_MAX); /* killed before the ledger was tidied */
	assert_string_equal(stage_plan(&f->stage, &f->none), "~ ex/lo: gso_max_size 131072 -> 70000\n"
	                                                     "~ ex/lo: gso_ipv4_max_size 131072 -> 65536\n");
	assert_true(stage_undo(&f->stage, &f->none, SIZE_MAX));
	stage_apply(&f->stage, &f->none);
	assert_int_equal(f->stage.ledger.numbers.count, 0);
}

static void value_that_somebody_else_had_set_before_is_not_ours_to_take(void **state)
{
	struct fixture *f = *state;
	put_big_loopback(&f->first, NETNS_EXISTING);
	set_by_hand(f, "ex", "lo", LINK_GSO_MAX_SIZE, 262144);
	set_by_hand(f, "ex", "lo", LINK_GSO_IPV4_MAX_SIZE, 262144);
	assert_int_equal(stage_apply(&f->stage, &f->first), 0);
	assert_string_equal(stage_plan(&f->stage, &f->none), "");
}

/* ---- numbers that are taken out of the file ---- */

static void number_taken_out_of_the_file_goes_back_to_the_default(void **state)
{
	struct fixture *f = *state;
	uint32_t a = put_netns(&f->first, "a", NETNS_MADE), b = put_netns(&f->second, "a", NETNS_MADE);
	uint32_t veth = put_veth(&f->first, a, "x", a, "y");
	struct topology_link *link = &f->first.links.items[veth];
	loopback_of(&f->first, a)[LINK_GSO_MAX_SIZE] = 262144;
	loopback_of(&f->first, a)[LINK_MTU] = 16384;
	link->numbers[LINK_MTU] = 9000;
	link->numbers[LINK_GRO_MAX_SIZE] = 131072;
	put_veth(&f->second, b, "x", b, "y");
	stage_apply(&f->stage, &f->first);
	assert_string_equal(stage_plan(&f->stage, &f->second), "~ a/x: mtu 9000 -> 1500\n"
	                                                       "~ a/lo: mtu 16384 -> 65536\n"
	                                                       "~ a/lo: gso_ipv4_max_size 262144 -> 65536\n"
	                                                       "~ a/lo: gso_max_size 262144 -> 65536\n"
	                                                       "~ a/x: gro_ipv4_max_size 131072 -> 65536\n"
	                                                       "~ a/x: gro_max_size 131072 -> 65536\n");
	assert_true(stage_undo(&f->stage, &f->second, SIZE_MAX));
	stage_apply(&f->stage, &f->second);
	assert_int_equal(f->stage.ledger.numbers.count, 0);
}

static void number_of_the_peer_goes_back_too(void **state)
{
	struct fixture *f = *state;
	put_pair(&f->first);
	put_pair(&f->second);
	f->first.links.items[1].numbers[LINK_MTU] = 1400;
	stage_apply_until(&f->stage, &f->first, SIZE_MAX); /* killed before the ledger was tidied */
	assert_contains(stage_plan(&f->stage, &f->second), "~ a/eth0: mtu 1400 -> 1500\n");
}

static void number_that_somebody_has_changed_since_stays(void **state)
{
	struct fixture *f = *state;
	put_pair(&f->first);
	put_pair(&f->second);
	f->first.links.items[0].numbers[LINK_MTU] = 1400;
	stage_apply(&f->stage, &f->first);
	set_by_hand(f, "host", "v_a", LINK_MTU, 1300);
	assert_string_equal(stage_plan(&f->stage, &f->second), "");
}

static void number_that_an_old_ledger_does_not_know_stays_once(void **state)
{
	struct fixture *f = *state;
	put_pair(&f->first);
	put_pair(&f->second);
	f->first.links.items[0].numbers[LINK_MTU] = 1400;
	stage_apply(&f->stage, &f->first);
	f->stage.ledger.numbers.count = 0;
	assert_string_equal(stage_plan(&f->stage, &f->second), "");
	assert_int_equal(stage_apply(&f->stage, &f->first), 0); /* from now on it is known */
	assert_string_equal(stage_plan(&f->stage, &f->second), "~ host/v_a: mtu 1400 -> 1500\n");
}

static void mtu_goes_back_to_what_the_links_around_it_give(void **state)
{
	struct fixture *f = *state;
	for (int second = 0; second <= 1; second++) {
		struct topology *t = second ? &f->second : &f->first;
		uint32_t host = put_netns(t, "host", NETNS_EXISTING), a = put_netns(t, "a", NETNS_MADE);
		uint32_t lower = put_veth(t, host, "v", a, "eth0"), port = put_veth(t, host, "p", a, "q");
		uint32_t links[] = {put_upper(t, a, "m0", LINK_MACVLAN, lower + 1),
		                    put_upper(t, host, "x0", LINK_VXLAN, lower),
		                    put_link(t, host, "br0", LINK_BRIDGE)};
		t->links.items[links[1]].vxlan.vni = 7;
		t->links.items[port].bridge = links[2];
		t->links.items[lower].numbers[LINK_MTU] = t->links.items[lower + 1].numbers[LINK_MTU] = 9000;
		t->links.items[port].numbers[LINK_MTU] = 4000;
		for (size_t i = 0; !second && i < ARRAY_COUNT(links); i++)
			t->links.items[links[i]].numbers[LINK_MTU] = 1300;
	}
	stage_apply(&f->stage, &f->first);
	assert_string_equal(stage_plan(&f->stage, &f->second), "~ host/br0: mtu 1300 -> 4000\n"
	                                                       "~ host/x0: mtu 1300 -> 8950\n"
	                                                       "~ a/m0: mtu 1300 -> 9000\n");
}

static void size_goes_back_no_further_than_the_hardware_takes(void **state)
{
	struct fixture *f = *state;
	put_pair(&f->first);
	put_pair(&f->second);
	f->first.links.items[0].numbers[LINK_GSO_MAX_SIZE] = 32768;
	stage_apply(&f->stage, &f->first);
	link_at(f, "host", "v_a")->tso_max_size = 64000;
	assert_contains(stage_plan(&f->stage, &f->second), "~ host/v_a: gso_max_size 32768 -> 64000\n");
}

static void number_of_an_existing_link_goes_back_to_what_it_was(void **state)
{
	struct fixture *f = *state;
	put_furnished(&f->first, NULL);
	put_netns(&f->second, "host", NETNS_EXISTING);
	f->first.links.items[0].numbers[LINK_MTU] = 9000;
	set_by_hand(f, "host", "eth0", LINK_MTU, 1450);
	stage_apply(&f->stage, &f->first);
	assert_string_equal(stage_plan(&f->stage, &f->second), "~ host/eth0: mtu 9000 -> 1450\n");
	stage_apply(&f->stage, &f->second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        fixture_test(loopback_gets_its_numbers_with_its_namespace),
	        fixture_test(number_for_ipv4_follows_unless_it_is_chosen),
	        fixture_test(kernel_without_a_number_for_ipv4_does_without),
	        fixture_test(number_of_a_loopback_that_the_kernel_lacks_is_said),
	        fixture_test(loopback_changed_by_hand_is_mended),
	        fixture_test(loopback_of_somebody_else_is_given_back),
	        fixture_test(value_that_somebody_else_had_set_before_is_not_ours_to_take),
	        fixture_test(number_taken_out_of_the_file_goes_back_to_the_default),
	        fixture_test(number_of_the_peer_goes_back_too),
	        fixture_test(number_that_somebody_has_changed_since_stays),
	        fixture_test(number_that_an_old_ledger_does_not_know_stays_once),
	        fixture_test(mtu_goes_back_to_what_the_links_around_it_give),
	        fixture_test(size_goes_back_no_further_than_the_hardware_takes),
	        fixture_test(number_of_an_existing_link_goes_back_to_what_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
