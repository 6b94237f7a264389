/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/shapes.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/unit.h"

static struct place_order order_of(enum shape shape, unsigned client_count)
{
	return (struct place_order){
	        .name = "t", .shape = shape, .client_count = client_count, .congestion = "reno"};
}

/* draw - @ret_topology is the caller's */
static struct place draw(enum shape shape, unsigned client_count, struct topology *ret_topology)
{
	struct place_order order = order_of(shape, client_count);
	struct err err = ERR_INIT;
	struct place place;
	*ret_topology = (struct topology){0};
	if (shape_draw(&order, ret_topology, &place, &err) < 0)
		fail_msg("%s", err.text);
	return place;
}

static void every_link_is_in_a_namespace_of_the_topology(void **state)
{
	(void)state;
	for (enum shape shape = 0; shape < SHAPE_COUNT; shape++) {
		struct topology topology;
		draw(shape, 1, &topology);
		vec_each (link, &topology.links)
			assert_true(link->netns < topology.netns.count);
		topology_fini(&topology);
	}
}

static void the_ends_are_namespaces_of_the_topology(void **state)
{
	(void)state;
	for (enum shape shape = 0; shape < SHAPE_STAR; shape++) {
		struct topology topology;
		struct place place = draw(shape, 1, &topology);
		assert_true(topology_find_netns(&topology, place.client) != TOPOLOGY_NONE);
		assert_true(topology_find_netns(&topology, place.server) != TOPOLOGY_NONE);
		topology_fini(&topology);
	}
}

static void the_ends_of_a_pair_name_each_other(void **state)
{
	(void)state;
	struct topology topology;
	draw(SHAPE_STAR, 3, &topology);
	vec_each (link, &topology.links) {
		if (link->kind == LINK_VETH)
			assert_ptr_equal(&topology.links.items[topology.links.items[link->peer].peer], link);
	}
	topology_fini(&topology);
}

static void a_star_has_a_port_and_an_address_of_its_own_for_each_client(void **state)
{
	(void)state;
	struct topology topology;
	draw(SHAPE_STAR, PLACE_CLIENTS_MAX, &topology);
	size_t ports = 0;
	vec_each (link, &topology.links)
		ports += link->bridge != TOPOLOGY_NONE;
	assert_int_equal(ports, PLACE_CLIENTS_MAX);
	assert_int_equal(topology.netns.count, PLACE_CLIENTS_MAX + 1);
	const struct prefix *first = topology.links.items[1].addresses.items;
	const struct prefix *last = topology.links.items[topology.links.count - 2].addresses.items;
	assert_false(prefix_equal(first, last));
	topology_fini(&topology);
}

static void big_tcp_is_on_both_ends_of_its_pair_only(void **state)
{
	(void)state;
	struct topology plain, big;
	draw(SHAPE_VETH, 1, &plain);
	draw(SHAPE_VETH_BIG, 1, &big);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(plain.links.items[i].numbers[LINK_GSO_IPV4_MAX_SIZE], 0);
		assert_int_equal(big.links.items[i].numbers[LINK_GSO_IPV4_MAX_SIZE], 256 << 10);
		assert_int_equal(big.links.items[i].numbers[LINK_MTU], 0);
	}
	topology_fini(&plain);
	topology_fini(&big);
}

static void big_tcp_is_on_the_loopbacks_of_its_pair_only(void **state)
{
	(void)state;
	struct topology plain, big;
	draw(SHAPE_VETH_BIG, 1, &plain);
	draw(SHAPE_LOOPBACK_BIG, 1, &big);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(plain.netns.items[i].loopback_numbers[LINK_GSO_IPV4_MAX_SIZE], 0);
		assert_int_equal(big.netns.items[i].loopback_numbers[LINK_GSO_IPV4_MAX_SIZE], 256 << 10);
		assert_int_equal(big.netns.items[i].loopback_numbers[LINK_MTU], 0);
		assert_int_equal(big.links.items[i].numbers[LINK_GSO_IPV4_MAX_SIZE], 0);
	}
	topology_fini(&plain);
	topology_fini(&big);
}

static void more_clients_than_a_bridge_has_ports_are_refused(void **state)
{
	(void)state;
	struct place_order order = order_of(SHAPE_STAR, PLACE_CLIENTS_MAX + 1);
	struct topology topology = {0};
	struct err err = ERR_INIT;
	struct place place;
	assert_int_equal(shape_draw(&order, &topology, &place, &err), -EINVAL);
	assert_contains(err.text, "expected 1 to");
	topology_fini(&topology);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_link_is_in_a_namespace_of_the_topology),
	        cmocka_unit_test(the_ends_are_namespaces_of_the_topology),
	        cmocka_unit_test(the_ends_of_a_pair_name_each_other),
	        cmocka_unit_test(a_star_has_a_port_and_an_address_of_its_own_for_each_client),
	        cmocka_unit_test(big_tcp_is_on_both_ends_of_its_pair_only),
	        cmocka_unit_test(big_tcp_is_on_the_loopbacks_of_its_pair_only),
	        cmocka_unit_test(more_clients_than_a_bridge_has_ports_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
