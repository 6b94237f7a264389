/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/limits.h"

#include <errno.h>
#include <string.h>

#include "base/slab.h"
#include "relay/worker.h"
#include "tests/unit/unit.h"

static struct limits_input typical(void)
{
	return (struct limits_input){.nofile = 20000, .processors = 2, .listeners = 3};
}

static void connections_are_what_descriptors_permit(void **state)
{
	struct limits limits;
	(void)state;
	struct limits_input input = typical();
	assert_int_equal(limits_compute(&input, &limits, NULL), 0);
	assert_int_equal(limits.threads, 2);
	assert_in_range(limits.connections, 9000, 10000); /* two each, and something for everything else */
	assert_true(limits.spill_chunks >= 2 * limits.connections);
}

static void mirrors_take_their_descriptors(void **state)
{
	struct limits none, one, two;
	(void)state;
	struct limits_input input = typical();
	assert_int_equal(limits_compute(&input, &none, NULL), 0);
	assert_int_equal(none.mirrors, 0);
	input.mirror_sockets = 1;
	assert_int_equal(limits_compute(&input, &one, NULL), 0);
	input.mirror_sockets = 2;
	assert_int_equal(limits_compute(&input, &two, NULL), 0);
	assert_in_range(one.connections, none.connections * 64 / 100, none.connections * 67 / 100);
	assert_in_range(two.connections, none.connections * 48 / 100, none.connections * 50 / 100);
	assert_true(two.mirrors >= two.connections);
	assert_true(two.memory_per_connection > none.memory_per_connection);
	assert_true(two.memory_fixed > none.memory_fixed);
}

static void control_socket_has_its_descriptors_and_memory(void **state)
{
	struct limits without, with;
	(void)state;
	struct limits_input input = typical();
	assert_int_equal(limits_compute(&input, &without, NULL), 0);
	input.control = true;
	assert_int_equal(limits_compute(&input, &with, NULL), 0);
	assert_true(2 * (without.connections - with.connections) > LIMIT_CONTROL_CLIENTS);
	assert_true(with.memory_fixed - without.memory_fixed >
		    (size_t)LIMIT_CONTROL_CLIENTS * (LIMIT_CONTROL_MESSAGE + LIMIT_CONTROL_REPLY));
	assert_int_equal(with.memory_per_connection, without.memory_per_connection);
}

static void wanted_number_of_connections_is_kept(void **state)
{
	struct limits limits;
	(void)state;
	struct limits_input input = typical();
	input.max_connections = 100;
	assert_int_equal(limits_compute(&input, &limits, NULL), 0);
	assert_int_equal(limits.connections, 100);
}

static void too_many_connections_are_refused_with_the_limit_to_raise(void **state)
{
	struct limits limits = {.connections = 7};
	struct err err = ERR_INIT;
	(void)state;
	struct limits_input input = typical();
	input.max_connections = 10000;
	assert_int_equal(limits_compute(&input, &limits, &err), -EMFILE);
	assert_contains(err.text, "max_connections 10000");
	assert_contains(err.text, "ulimit -n");
	assert_int_equal(limits.connections, 7); /* untouched */
}

static void too_few_descriptors_for_one_connection_are_refused(void **state)
{
	struct limits limits;
	struct err err = ERR_INIT;
	(void)state;
	struct limits_input input = typical();
	input.nofile = 256;
	assert_int_equal(limits_compute(&input, &limits, &err), -EMFILE);
	assert_contains(err.text, "ulimit -n");
}

static void number_of_threads_has_a_limit(void **state)
{
	struct limits limits;
	struct err err = ERR_INIT;
	(void)state;
	struct limits_input input = typical();
	input.nofile = 1 << 20;
	input.processors = 1000; /* a large machine is no mistake */
	assert_int_equal(limits_compute(&input, &limits, NULL), 0);
	assert_int_equal(limits.threads, LIMIT_THREADS);
	input.threads = LIMIT_THREADS + 1;
	assert_int_equal(limits_compute(&input, &limits, &err), -EINVAL);
	input.threads = input.processors = 0;
	assert_int_equal(limits_compute(&input, &limits, &err), -EINVAL);
}

/* Container engines set RLIMIT_NOFILE to as much as 2^30. */
static void unlimited_descriptors_stay_within_what_a_slab_holds(void **state)
{
	static const uint64_t nofiles[] = {1 << 20, 1 << 25, 1 << 30, UINT64_MAX};
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(nofiles); i++) {
		struct limits limits;
		struct limits_input input = typical();
		input.nofile = nofiles[i];
		assert_int_equal(limits_compute(&input, &limits, NULL), 0);
		assert_in_range(limits.spill_chunks, 1, SLAB_CAPACITY_MAX);
		assert_in_range(limits.connections + LIMIT_ACCEPT_SLACK, 1, SLAB_CAPACITY_MAX);
	}
}

static void memory_is_the_sum_of_its_parts(void **state)
{
	struct limits one, two;
	(void)state;
	struct limits_input input = typical();
	input.max_connections = 100;
	input.threads = 1;
	assert_int_equal(limits_compute(&input, &one, NULL), 0);
	input.threads = 2;
	assert_int_equal(limits_compute(&input, &two, NULL), 0);
	assert_int_equal(two.memory_fixed, 2 * one.memory_fixed);
	assert_int_equal(one.memory_total, one.memory_fixed + 100 * one.memory_per_connection);
}

static void tables_of_a_thread_are_counted_for_each(void **state)
{
	struct limits none, some;
	(void)state;
	struct limits_input input = typical();
	input.threads = 3;
	assert_int_equal(limits_compute(&input, &none, NULL), 0);
	input.tables_memory = 1000;
	assert_int_equal(limits_compute(&input, &some, NULL), 0);
	assert_int_equal(some.memory_fixed, none.memory_fixed + 3 * 1000);
}

/* memory_for - of a thread's tables, for so many relays, each with a pool of so many backends */
static size_t memory_for(size_t relay_count, size_t backend_count)
{
	struct config config;
	struct plan plan;
	struct endpoint endpoint;
	assert_int_equal(endpoint_parse("a/127.0.0.1:1", &endpoint, NULL), 0);
	config_init(&config);
	for (size_t i = 0; i < relay_count; i++) {
		struct config_pool *pool = config_add_pool(&config);
		for (size_t j = 0; j < backend_count; j++)
			assert_int_equal(config_pool_add_backend(pool, &endpoint), 0);
		struct config_relay *relay = config_add_relay(&config);
		relay->pool = i;
		relay->tcp.backlog = (uint32_t)i + 1; /* sockets of its own */
		assert_int_equal(config_relay_add_listener(relay, &endpoint), 0);
	}
	assert_int_equal(plan_init(&plan, &config), 0);
	size_t memory = worker_memory(&plan);
	plan_fini(&plan);
	config_fini(&config);
	return memory;
}

static void tables_of_a_thread_grow_with_the_configuration(void **state)
{
	(void)state;
	size_t row = sizeof(struct list) + sizeof(struct balance_cursor) + sizeof(struct gate_line);
	assert_true(memory_for(2, 1) >= memory_for(1, 1) + row);
	assert_true(memory_for(9, 1) - memory_for(8, 1) == memory_for(2, 1) - memory_for(1, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_are_what_descriptors_permit),
		cmocka_unit_test(mirrors_take_their_descriptors),
		cmocka_unit_test(control_socket_has_its_descriptors_and_memory),
		cmocka_unit_test(wanted_number_of_connections_is_kept),
		cmocka_unit_test(too_many_connections_are_refused_with_the_limit_to_raise),
		cmocka_unit_test(too_few_descriptors_for_one_connection_are_refused),
		cmocka_unit_test(number_of_threads_has_a_limit),
		cmocka_unit_test(unlimited_descriptors_stay_within_what_a_slab_holds),
		cmocka_unit_test(memory_is_the_sum_of_its_parts),
		cmocka_unit_test(tables_of_a_thread_are_counted_for_each),
		cmocka_unit_test(tables_of_a_thread_grow_with_the_configuration),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
