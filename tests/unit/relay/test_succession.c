/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/succession.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tests/unit/unit.h"

/* Two configurations, one after the other, and what the succession made of them. */
static struct config before_config, after_config;
static struct plan before, after;
static struct usage usage;
static struct succession map;
static bool fresh[16];

static int open_both(void **state)
{
	(void)state;
	memset(fresh, 0, sizeof(fresh));
	config_init(&before_config);
	config_init(&after_config);
	return 0;
}

static int close_both(void **state)
{
	(void)state;
	succession_fini(&map);
	usage_fini(&usage);
	plan_fini(&before);
	plan_fini(&after);
	config_fini(&before_config);
	config_fini(&after_config);
	return 0;
}

#define succession_test(function) cmocka_unit_test_setup_teardown(function, open_both, close_both)

static struct endpoint endpoint_of(const char *text)
{
	struct endpoint endpoint;
	assert_int_equal(endpoint_parse(text, &endpoint, NULL), 0);
	return endpoint;
}

static size_t add_pool(struct config *config, const char *name, const char *const backends[])
{
	struct config_pool *pool = config_add_pool(config);
	snprintf(pool->name, sizeof(pool->name), "%s", name);
	for (; *backends; backends++) {
		struct endpoint backend = endpoint_of(*backends);
		assert_int_equal(config_pool_add_backend(pool, &backend), 0);
	}
	return config->pool_count - 1;
}

#define POOL(config, name, ...) add_pool(config, name, (const char *const[]){__VA_ARGS__, NULL})

static struct config_relay *add_relay(struct config *config, const char *name, const char *listener, size_t pool)
{
	struct config_relay *relay = config_add_relay(config);
	struct endpoint endpoint = endpoint_of(listener);
	snprintf(relay->name, sizeof(relay->name), "%s", name);
	relay->pool = pool;
	assert_int_equal(config_relay_add_listener(relay, &endpoint), 0);
	return relay;
}

static void plan_before(void)
{
	assert_int_equal(plan_init(&before, &before_config), 0);
	assert_int_equal(usage_init(&usage, &before), 0);
}

static void succeed(void)
{
	if (!before.config)
		plan_before();
	assert_int_equal(succession_init(&map, &before, &usage, &after_config, fresh, 77, &after), 0);
}

/* become_before - the new configuration is the old one of the next change; @in_use: everything, or nothing */
static void become_before(bool in_use)
{
	succession_fini(&map);
	usage_fini(&usage);
	plan_fini(&before);
	config_fini(&before_config);
	before_config = after_config;
	before = after;
	before.config = &before_config;
	after = (struct plan){0};
	config_init(&after_config);
	assert_int_equal(usage_init(&usage, &before), 0);
	memset(usage.listeners, in_use, before.listener_count);
	memset(usage.routes, in_use, before.route_count);
	for (size_t i = 0; i < before_config.pool_count; i++)
		memset(usage.backends[i], in_use, before_config.pools[i].backend_count);
}

static void what_is_in_both_is_found_wherever_it_stands(void **state)
{
	(void)state;
	size_t p = POOL(&before_config, "p", "a/127.0.0.1:1", "a/127.0.0.1:2"), q = POOL(&before_config, "q", "b/127.0.0.1:1");
	add_relay(&before_config, "one", "x/127.0.0.1:80", p);
	add_relay(&before_config, "two", "x/127.0.0.1:81", q);
	q = POOL(&after_config, "q", "b/127.0.0.1:1");
	p = POOL(&after_config, "p", "a/127.0.0.1:2", "a/127.0.0.1:3", "a/127.0.0.1:1");
	add_relay(&after_config, "two", "x/127.0.0.1:81", q);
	add_relay(&after_config, "one", "x/127.0.0.1:80", p);
	succeed();
	assert_int_equal(map.relays[0], 1);
	assert_int_equal(map.relays[1], 0);
	assert_int_equal(map.pools[0], 1);
	assert_int_equal(map.backends[0][0], 2);
	assert_int_equal(map.backends[0][1], 0);
	assert_int_equal(map.listeners[0], 1);
	assert_int_equal(map.routes[0], 1);
	assert_int_equal(after.listener_count, 2);
	assert_int_equal(after_config.relay_count, 2);
	assert_int_equal(after_config.pools[1].backend_count, 3);
	assert_int_equal(after.targets[map.targets[0]].number, before.targets[0].number);
}

static void removed_backend_stays_and_nobody_is_sent_to_it(void **state)
{
	(void)state;
	add_relay(&before_config, "one", "x/127.0.0.1:80", POOL(&before_config, "p", "a/127.0.0.1:1", "a/127.0.0.1:2"));
	add_relay(&after_config, "one", "x/127.0.0.1:80", POOL(&after_config, "p", "a/127.0.0.1:2"));
	succeed();
	const struct config_backend *left = &after_config.pools[0].backends[map.backends[0][0]];
	assert_true(left->leftover);
	assert_int_equal(left->state, CONFIG_STATE_MAINTENANCE);
	assert_true(left->backup);
	assert_int_equal(map.backends[0][1], 0);
}

static void removed_relay_stays_without_listeners_and_with_its_pool(void **state)
{
	(void)state;
	add_relay(&before_config, "gone", "x/127.0.0.1:80", POOL(&before_config, "gone", "a/127.0.0.1:1"));
	add_relay(&before_config, "one", "x/127.0.0.1:81", POOL(&before_config, "p", "b/127.0.0.1:2"));
	add_relay(&after_config, "one", "x/127.0.0.1:81", POOL(&after_config, "p", "b/127.0.0.1:2"));
	succeed();
	const struct config_relay *left = &after_config.relays[map.relays[0]];
	assert_int_equal(left->leftover_until_ms, 77 + after_config.drain_ms);
	assert_int_equal(left->listener_count, 0);
	assert_int_equal(left->pool, map.pools[0]);
	const struct config_pool *pool = &after_config.pools[left->pool];
	assert_true(pool->leftover);
	assert_int_equal(pool->backend_count, 1);
	assert_int_equal(pool->backends[0].state, CONFIG_STATE_READY); /* for who is on the way */
	assert_true(after.listeners[map.listeners[0]].leftover);
	assert_int_equal(after.listeners[map.listeners[0]].relay, map.relays[0]);
	assert_true(endpoint_equal(after.listeners[map.listeners[0]].endpoint, before.listeners[0].endpoint));
	/* The file's own part has the same places as without leftovers. */
	assert_int_equal(map.listeners[1], 0);
	assert_int_equal(map.relays[1], 0);
	assert_int_equal(map.targets[1], 0);
}

static void relay_with_another_pool_keeps_the_way_to_the_first(void **state)
{
	(void)state;
	add_relay(&before_config, "one", "x/127.0.0.1:80", POOL(&before_config, "p", "a/127.0.0.1:1"));
	POOL(&before_config, "q", "a/127.0.0.1:2");
	POOL(&after_config, "p", "a/127.0.0.1:1");
	add_relay(&after_config, "one", "x/127.0.0.1:80", POOL(&after_config, "q", "a/127.0.0.1:2"));
	succeed();
	const struct plan_route *route = &after.routes[map.routes[0]];
	assert_true(route->leftover);
	assert_int_equal(route->relay, 0);
	assert_int_equal(route->pool, 0);
	assert_int_not_equal(map.routes[0], 0);
}

static void listener_with_a_new_socket_succeeds_nobody(void **state)
{
	(void)state;
	add_relay(&before_config, "one", "x/127.0.0.1:80", POOL(&before_config, "p", "a/127.0.0.1:1"));
	add_relay(&after_config, "one", "x/127.0.0.1:80", POOL(&after_config, "p", "a/127.0.0.1:1"));
	fresh[0] = true;
	succeed();
	assert_int_equal(after.listener_count, 2);
	assert_int_equal(map.listeners[0], 1);
	assert_true(after.listeners[1].leftover);
	assert_int_equal(after.listeners[1].relay, 0);
}

/* remove_all - of one relay to a pool of two backends, a relay, a pool and a backend are removed */
static void remove_all(void)
{
	add_relay(&before_config, "gone", "x/127.0.0.1:80", POOL(&before_config, "gone", "a/127.0.0.1:1"));
	add_relay(&before_config, "one", "x/127.0.0.1:81", POOL(&before_config, "p", "a/127.0.0.1:1", "a/127.0.0.1:2"));
	add_relay(&after_config, "one", "x/127.0.0.1:82", POOL(&after_config, "p", "a/127.0.0.1:1"));
	succeed();
	assert_int_equal(after_config.relay_count, 2);
	assert_int_equal(after_config.pool_count, 2);
	assert_int_equal(after_config.pools[0].backend_count, 2);
	assert_int_equal(after.listener_count, 3);
}

static void leftover_that_is_in_use_stays(void **state)
{
	(void)state;
	remove_all();
	become_before(true);
	add_relay(&after_config, "one", "x/127.0.0.1:82", POOL(&after_config, "p", "a/127.0.0.1:1"));
	succeed();
	assert_int_equal(after_config.relay_count, 2);
	assert_int_equal(after_config.pool_count, 2);
	assert_int_equal(after_config.pools[0].backend_count, 2);
	assert_int_equal(after.listener_count, 3);
	assert_int_equal(after_config.relays[1].leftover_until_ms, 77 + after_config.drain_ms);
}

static void leftover_that_is_not_in_use_goes(void **state)
{
	(void)state;
	remove_all();
	become_before(false);
	add_relay(&after_config, "one", "x/127.0.0.1:82", POOL(&after_config, "p", "a/127.0.0.1:1"));
	succeed();
	assert_int_equal(after_config.relay_count, 1);
	assert_int_equal(after_config.pool_count, 1);
	assert_int_equal(after_config.pools[0].backend_count, 1);
	assert_int_equal(after.listener_count, 1);
	assert_int_equal(map.relays[1], SUCCESSION_NONE);
	assert_int_equal(map.backends[0][1], SUCCESSION_NONE);
}

static void leftover_that_comes_back_is_itself_again(void **state)
{
	(void)state;
	remove_all();
	become_before(true);
	add_relay(&after_config, "gone", "x/127.0.0.1:80", POOL(&after_config, "gone", "a/127.0.0.1:1"));
	add_relay(&after_config, "one", "x/127.0.0.1:82", POOL(&after_config, "p", "a/127.0.0.1:1", "a/127.0.0.1:2"));
	fresh[0] = true;
	succeed();
	assert_int_equal(map.relays[1], 0);
	assert_int_equal(after_config.relays[0].leftover_until_ms, 0);
	assert_false(after_config.pools[1].backends[1].leftover);
	assert_int_equal(map.backends[0][1], 1);
	assert_int_equal(after_config.relay_count, 2);
}

static void enrol(struct config *config, const char *uid, uint32_t serial)
{
	struct config_enrolled enrolled = {.serial = serial, .policy = "pods"};
	snprintf(enrolled.uid, sizeof(enrolled.uid), "%s", uid);
	assert_int_equal(config_add_enrolled(config, &enrolled), 0);
}

static void who_is_enrolled_no_more_leaves_a_listener_with_an_end(void **state)
{
	(void)state;
	before_config.enrolled_drain_ms = after_config.enrolled_drain_ms = 5;
	add_relay(&before_config, "one", "@pods/[::]:1", POOL(&before_config, "p", "a/127.0.0.1:1"));
	add_relay(&after_config, "one", "@pods/[::]:1", POOL(&after_config, "p", "a/127.0.0.1:1"));
	enrol(&before_config, "stays", 1);
	enrol(&before_config, "goes", 2);
	enrol(&before_config, "becomes another", 3);
	enrol(&after_config, "stays", 1);
	enrol(&after_config, "becomes another", 4);
	fresh[1] = true;
	succeed();
	assert_int_equal(after.listener_count, 4);
	assert_int_equal(map.listeners[0], 0);
	assert_int_equal(map.listeners[1], 2);
	assert_int_equal(map.listeners[2], 3);
	assert_int_equal(after.listeners[0].until_ms, 0);
	assert_int_equal(after.listeners[2].until_ms, 77 + 5 + 1);
	assert_true(after.listeners[2].leftover && after.listeners[3].leftover);
	assert_int_equal(after.listeners[3].endpoint->netns.serial, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		succession_test(what_is_in_both_is_found_wherever_it_stands),
		succession_test(removed_backend_stays_and_nobody_is_sent_to_it),
		succession_test(removed_relay_stays_without_listeners_and_with_its_pool),
		succession_test(relay_with_another_pool_keeps_the_way_to_the_first),
		succession_test(listener_with_a_new_socket_succeeds_nobody),
		succession_test(leftover_that_is_in_use_stays),
		succession_test(leftover_that_is_not_in_use_goes),
		succession_test(who_is_enrolled_no_more_leaves_a_listener_with_an_end),
		succession_test(leftover_that_comes_back_is_itself_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
