/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/topology/topology.h"

#include <string.h>

#include "tests/unit/unit.h"

static uint32_t add_netns(struct topology *topology, const char *name)
{
	struct topology_netns *netns = vec_push(&topology->netns);
	assert_non_null(netns);
	strcpy(netns->name, name);
	return (uint32_t)topology->netns.count - 1;
}

static uint32_t add_link(struct topology *topology, uint32_t netns, const char *name)
{
	struct topology_link *link = vec_push(&topology->links);
	assert_non_null(link);
	link->netns = netns;
	strcpy(link->name, name);
	return (uint32_t)topology->links.count - 1;
}

static void what_is_there_is_found_by_its_name(void **state)
{
	(void)state;
	struct topology topology = {0};
	uint32_t a = add_netns(&topology, "a"), b = add_netns(&topology, "b");
	uint32_t a_eth0 = add_link(&topology, a, "eth0"), b_eth0 = add_link(&topology, b, "eth0");
	assert_int_equal(topology_find_netns(&topology, "a"), a);
	assert_int_equal(topology_find_netns(&topology, "b"), b);
	assert_int_equal(topology_find_netns(&topology, "c"), TOPOLOGY_NONE);
	assert_int_equal(topology_find_link(&topology, a, "eth0"), a_eth0);
	assert_int_equal(topology_find_link(&topology, b, "eth0"), b_eth0);
	assert_int_equal(topology_find_link(&topology, b, "eth1"), TOPOLOGY_NONE);
	topology_fini(&topology);
}

static void all_that_a_topology_owns_is_freed(void **state)
{
	(void)state;
	struct topology topology = {0};
	uint32_t a = add_netns(&topology, "a"), eth0 = add_link(&topology, a, "eth0");
	assert_non_null(vec_push(&topology.netns.items[a].routes));
	assert_non_null(vec_push(&topology.netns.items[a].nat.masquerades));
	assert_non_null(vec_push(&topology.netns.items[a].nat.publishes));
	assert_non_null(vec_push(&topology.links.items[eth0].addresses));
	assert_non_null(vec_push(&topology.expects));
	topology_fini(&topology); /* the leak sanitizer looks */
	assert_int_equal(topology.netns.count + topology.links.count + topology.expects.count, 0);
	topology_fini(&topology);
}

static void the_longest_name_fits_its_mark(void **state)
{
	(void)state;
	struct topology topology = {.name = "lab"};
	char mark[TOPOLOGY_MARK_MAX];
	assert_string_equal(topology_mark(&topology, mark, sizeof(mark)), "nsctl-lab");
	memset(topology.name, 'x', sizeof(topology.name) - 1);
	assert_int_equal(strlen(topology_mark(&topology, mark, sizeof(mark))),
	                 strlen("nsctl-") + TOPOLOGY_NAME_MAX - 1);
}

static void each_reason_has_its_own_word(void **state)
{
	(void)state;
	for (enum unreachable a = 0; a < UNREACHABLE_COUNT; a++) {
		assert_non_null(unreachable_name(a));
		for (enum unreachable b = 0; b < a; b++)
			assert_string_not_equal(unreachable_name(a), unreachable_name(b));
	}
	assert_string_equal(unreachable_name(UNREACHABLE_FORWARDING), "forwarding_off");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_there_is_found_by_its_name),
	        cmocka_unit_test(all_that_a_topology_owns_is_freed),
	        cmocka_unit_test(the_longest_name_fits_its_mark),
	        cmocka_unit_test(each_reason_has_its_own_word),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
