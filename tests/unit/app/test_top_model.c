/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/top_model.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static struct top_model model;

static int teardown(void **state)
{
	(void)state;
	top_model_fini(&model);
	return 0;
}

static struct top_connection connection(uint64_t id, const char *relay, uint64_t up, uint64_t down)
{
	return (struct top_connection){
	        .id = id,
	        .relay = relay,
	        .pool = "pool",
	        .listener = "web/127.0.0.1:80",
	        .backend = "api/10.0.0.1:80",
	        .client = "127.0.0.1:4000",
	        .state = "open",
	        .bytes = {up, down},
	};
}

static void add(uint64_t id, const char *relay, uint64_t up, uint64_t down)
{
	struct top_connection added = connection(id, relay, up, down);
	top_model_add(&model, &added);
}

static const struct top_row *row(const char *name)
{
	vec_each (it, &model.rows)
		if (strcmp(it->name, name) == 0)
			return it;
	fail_msg("no row %s", name);
	return NULL;
}

static void rates_are_what_moved_between_two_samples(void **state)
{
	(void)state;
	top_model_begin(&model, 1000);
	add(7, "a", 100, 1000);
	top_model_end(&model);
	top_model_view(&model, TOP_RELAYS, TOP_BY_RATE);
	assert_int_equal(row("a")->rate[TOP_UP], 0); /* one sample tells none */
	top_model_begin(&model, 3000);
	add(7, "a", 300, 5000);
	top_model_end(&model);
	top_model_view(&model, TOP_RELAYS, TOP_BY_RATE);
	assert_int_equal(row("a")->rate[TOP_UP], 100);
	assert_int_equal(row("a")->rate[TOP_DOWN], 2000);
	assert_int_equal(row("a")->bytes[TOP_DOWN], 5000);
	top_model_view(&model, TOP_CONNECTIONS, TOP_BY_RATE);
	assert_int_equal(model.rows.items[0].id, 7);
	assert_int_equal(model.rows.items[0].rate[TOP_DOWN], 2000);
}

static void connections_come_and_go(void **state)
{
	(void)state;
	top_model_begin(&model, 1000);
	add(9, "a", 1000000, 0);
	top_model_end(&model);
	top_model_begin(&model, 2000);
	add(3, "a", 50, 0); /* new: all it has was moved since */
	top_model_end(&model);
	top_model_view(&model, TOP_RELAYS, TOP_BY_RATE);
	assert_int_equal(row("a")->connections, 1);
	assert_int_equal(row("a")->rate[TOP_UP], 50);
}

static void rows_are_by_relay_backend_and_namespace(void **state)
{
	(void)state;
	top_model_begin(&model, 1000);
	top_model_name(&model, TOP_RELAYS, "z", "");
	top_model_name(&model, TOP_RELAYS, "a", "");
	top_model_name(&model, TOP_BACKENDS, "pool/api/10.0.0.1:80", "drain");
	top_model_name(&model, TOP_BACKENDS, "pool/api/10.0.0.2:80", "");
	add(1, "a", 1, 0);
	add(2, "a", 2, 0);
	add(3, "b", 4, 0); /* a relay that was not named, as while a configuration changes */
	struct top_connection waiting = connection(4, "a", 8, 0);
	waiting.backend = "";
	waiting.listener = "unix:/run/x/y.sock";
	top_model_add(&model, &waiting);
	top_model_end(&model);
	top_model_view(&model, TOP_RELAYS, TOP_BY_NAME);
	assert_int_equal(model.rows.count, 3);
	assert_string_equal(model.rows.items[2].name, "z");
	assert_int_equal(row("a")->connections, 3);
	assert_int_equal(row("a")->bytes[TOP_UP], 11);
	assert_int_equal(row("z")->connections, 0);
	top_model_view(&model, TOP_BACKENDS, TOP_BY_CONNECTIONS);
	assert_int_equal(model.rows.count, 2);
	assert_string_equal(model.rows.items[0].note, "drain");
	assert_int_equal(model.rows.items[0].connections, 3);
	top_model_view(&model, TOP_NAMESPACES, TOP_BY_BYTES);
	assert_int_equal(row("web")->connections, 3);
	assert_int_equal(row("host")->connections, 1);
	assert_string_equal(model.rows.items[0].name, "host"); /* 8 bytes, and 7 */
	top_model_view(&model, TOP_CONNECTIONS, TOP_BY_BYTES);
	assert_int_equal(model.rows.items[0].id, 4);
	assert_string_equal(model.rows.items[0].name, "127.0.0.1:4000 > pool");
}

static void what_does_nothing_stays_where_it_is(void **state)
{
	char name[16];
	(void)state;
	top_model_begin(&model, 1000);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "r%02d", 19 - i);
		top_model_name(&model, TOP_RELAYS, name, "");
	}
	top_model_end(&model);
	for (int order = 0; order < TOP_ORDER_COUNT; order++) {
		top_model_view(&model, TOP_RELAYS, (enum top_order)order);
		assert_string_equal(model.rows.items[0].name, "r00");
		assert_string_equal(model.rows.items[19].name, "r19");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_teardown(rates_are_what_moved_between_two_samples, teardown),
	        cmocka_unit_test_teardown(connections_come_and_go, teardown),
	        cmocka_unit_test_teardown(rows_are_by_relay_backend_and_namespace, teardown),
	        cmocka_unit_test_teardown(what_does_nothing_stays_where_it_is, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
