/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/config.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static void defaults_are_safe_ones(void **state)
{
	struct config config;
	(void)state;
	config_init(&config);
	struct config_relay *relay = config_add_relay(&config);
	assert_int_equal(config.threads, 0);
	assert_int_equal(config.max_connections, 0);
	assert_true(config.drain_ms > 0);
	assert_true(config.log_rate > 0);
	assert_true(relay->timeouts.connect_ms > 0);
	assert_true(relay->timeouts.idle_ms > relay->timeouts.half_close_ms);
	assert_true(relay->timeouts.half_close_ms < 60000); /* conntrack forgets it then */
	assert_true(relay->tcp.nodelay);
	assert_true(relay->tcp.user_timeout_ms > 0);
	assert_true(relay->tcp.keepalive_idle_s > 0);
	assert_int_equal(relay->lane, CONFIG_LANE_AUTO);
	config_fini(&config);
}

static struct endpoint numbered_endpoint(int port)
{
	char text[64];
	struct endpoint endpoint;
	snprintf(text, sizeof(text), "a/127.0.0.1:%d", port);
	assert_int_equal(endpoint_parse(text, &endpoint, NULL), 0);
	return endpoint;
}

static void lists_grow_and_keep_their_order(void **state)
{
	enum { COUNT = 100 };
	struct config config;
	(void)state;
	config_init(&config);
	for (int i = 0; i < COUNT; i++) {
		assert_non_null(config_add_pool(&config));
		config_add_relay(&config)->pool = (size_t)i;
	}
	for (int i = 0; i < COUNT; i++) {
		struct endpoint endpoint = numbered_endpoint(i + 1);
		assert_int_equal(config_pool_add_backend(&config.pools[7], &endpoint), 0);
		assert_int_equal(config_relay_add_listener(&config.relays[9], &endpoint), 0);
	}
	assert_int_equal(config.pool_count, COUNT);
	assert_int_equal(config.relay_count, COUNT);
	assert_int_equal(config.pools[7].backend_count, COUNT);
	for (int i = 0; i < COUNT; i++) {
		struct endpoint endpoint = numbered_endpoint(i + 1);
		assert_int_equal(config.relays[i].pool, i);
		assert_true(endpoint_equal(&config.pools[7].backends[i].endpoint, &endpoint));
		assert_true(endpoint_equal(&config.relays[9].listeners[i], &endpoint));
	}
	config_fini(&config);
}

static void ending_twice_or_nothing_is_allowed(void **state)
{
	struct config config;
	(void)state;
	config_fini(NULL);
	config_init(&config);
	config_fini(&config);
	config_add_relay(&config);
	config_fini(&config);
	config_fini(&config);
	assert_int_equal(config.relay_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_safe_ones),
		cmocka_unit_test(lists_grow_and_keep_their_order),
		cmocka_unit_test(ending_twice_or_nothing_is_allowed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
