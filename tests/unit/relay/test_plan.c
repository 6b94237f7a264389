/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/plan.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static struct config config;
static struct plan plan;

static int open_config(void **state)
{
	(void)state;
	config_init(&config);
	return 0;
}

static int close_plan(void **state)
{
	(void)state;
	plan_fini(&plan);
	config_fini(&config);
	return 0;
}

static struct endpoint endpoint_of(const char *text)
{
	struct endpoint endpoint;
	assert_int_equal(endpoint_parse(text, &endpoint, NULL), 0);
	return endpoint;
}

/* add_pool - backends as a list that ends with NULL; its number */
static size_t add_pool(const char *const backends[])
{
	struct config_pool *pool = config_add_pool(&config);
	for (; *backends; backends++) {
		struct endpoint backend = endpoint_of(*backends);
		assert_int_equal(config_pool_add_backend(pool, &backend), 0);
	}
	return config.pool_count - 1;
}

static struct config_relay *add_relay(size_t pool, const char *listener)
{
	struct config_relay *relay = config_add_relay(&config);
	struct endpoint endpoint = endpoint_of(listener);
	relay->pool = pool;
	assert_int_equal(config_relay_add_listener(relay, &endpoint), 0);
	return relay;
}

#define POOL(...) add_pool((const char *const[]){__VA_ARGS__, NULL})

static void each_listener_knows_its_relay(void **state)
{
	(void)state;
	size_t pool = POOL("b/127.0.0.1:1");
	struct endpoint second = endpoint_of("c/127.0.0.1:81");
	assert_int_equal(config_relay_add_listener(add_relay(pool, "a/127.0.0.1:80"), &second), 0);
	add_relay(pool, "d/127.0.0.1:80");
	assert_int_equal(plan_init(&plan, &config), 0);
	assert_int_equal(plan.listener_count, 3);
	assert_int_equal(plan.listeners[0].relay, 0);
	assert_int_equal(plan.listeners[1].relay, 0);
	assert_int_equal(plan.listeners[2].relay, 1);
	assert_ptr_equal(plan.listeners[1].endpoint, &config.relays[0].listeners[1]);
}

static void listeners_of_who_intercepts_have_targets_in_their_own_namespaces(void **state)
{
	(void)state;
	size_t pool = config.pool_count;
	const struct endpoint original = {0}, second = endpoint_of("b/0.0.0.0:80");
	assert_int_equal(config_pool_add_backend(config_add_pool(&config), &original), 0);
	struct config_relay *relay = add_relay(pool, "a/0.0.0.0:80");
	assert_int_equal(config_relay_add_listener(relay, &second), 0);
	relay->intercept = CONFIG_INTERCEPT_REDIRECT;
	relay->source = CONFIG_SOURCE_CLIENT;
	relay->mark = 7;
	add_relay(POOL("a/127.0.0.1:1"), "a/0.0.0.0:81");
	assert_int_equal(plan_init(&plan, &config), 0);
	assert_int_equal(plan.routes[0].targets[0], PLAN_NO_TARGET);
	assert_int_equal(plan.target_count, 5); /* two namespaces, two families; and one that has neither mark nor source */
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t target = plan_target_of(&plan, i / 2, 0, 0, i % 2 ? AF_INET6 : AF_INET);
		assert_string_equal(plan.targets[target].endpoint->netns.text, i / 2 ? "b" : "a");
		assert_int_equal(plan.targets[target].family, i % 2 ? AF_INET6 : AF_INET);
		assert_int_equal(plan.targets[target].mark, 7);
		assert_true(plan.targets[target].transparent);
	}
	assert_int_equal(plan_target_of(&plan, 2, 1, 0, AF_UNSPEC), plan.routes[1].targets[0]);
	assert_false(plan.targets[plan.routes[1].targets[0]].transparent);
}

static void add_destination(struct config_relay *relay, uint16_t port, size_t pool, bool refuse)
{
	struct config_destination *destination = config_relay_add_destination(relay);
	const struct config_port_range range = {port, port};
	*destination = (struct config_destination){.pool = pool, .refuse = refuse};
	assert_int_equal(config_ports_add(&destination->ports, &range), 0);
}

/* route_of - of who wanted to go to @port, in the relay at @relay */
static uint32_t route_of(uint32_t relay, uint16_t port)
{
	const struct session_peer original = {.family = AF_INET, .port = htons(port)};
	return plan_find_destination(&plan, relay, &original);
}

static void names_and_destinations_of_a_relay_share_their_routes(void **state)
{
	(void)state;
	size_t own = POOL("a/127.0.0.1:1"), other = POOL("b/127.0.0.1:1");
	struct config_relay *relay = add_relay(own, "x/0.0.0.0:80");
	const struct config_sni_route named = {"a.b", other};
	assert_int_equal(config_relay_add_sni(relay, &named), 0);
	add_destination(relay, 1, other, false);
	add_destination(relay, 2, own, false);
	add_destination(relay, 3, 0, true);
	add_destination(add_relay(own, "x/0.0.0.0:81"), 1, other, false);
	assert_int_equal(plan_init(&plan, &config), 0);
	assert_int_equal(plan.route_count, 4);
	assert_int_equal(route_of(0, 1), plan_find_name(&plan, 0, "a.b"));
	assert_int_equal(plan.routes[route_of(0, 1)].pool, other);
	assert_int_equal(route_of(0, 2), 0);
	assert_int_equal(route_of(0, 3), PLAN_REFUSED);
	assert_int_equal(route_of(0, 4), PLAN_NO_ROUTE);
	assert_int_equal(plan.routes[route_of(1, 1)].relay, 1);
}

static void backends_of_one_namespace_and_family_share_a_target(void **state)
{
	(void)state;
	add_relay(POOL("a/127.0.0.1:1", "a/10.0.0.1:2", "b/127.0.0.1:1", "a/[::1]:1"), "x/127.0.0.1:80");
	add_relay(POOL("b/127.0.0.1:9", "a/127.0.0.1:1"), "x/127.0.0.1:81");
	assert_int_equal(plan_init(&plan, &config), 0);
	assert_int_equal(plan.target_count, 3);
	static const uint32_t first[] = {0, 0, 1, 2}, second[] = {1, 0};
	assert_memory_equal(plan.routes[0].targets, first, sizeof(first));
	assert_memory_equal(plan.routes[1].targets, second, sizeof(second));
}

static void other_tcp_settings_make_another_target(void **state)
{
	(void)state;
	size_t pool = POOL("a/127.0.0.1:1");
	add_relay(pool, "x/127.0.0.1:80");
	add_relay(pool, "x/127.0.0.1:81");
	config.relays[1].tcp.user_timeout_ms++;
	assert_int_equal(plan_init(&plan, &config), 0);
	assert_int_equal(plan.target_count, 2);
	assert_int_equal(plan.routes[0].targets[0], 0);
	assert_int_equal(plan.routes[1].targets[0], 1);
}

static void each_unix_path_is_a_target_whatever_the_settings(void **state)
{
	(void)state;
	size_t pool = POOL("unix:/run/a", "unix:/run/b");
	add_relay(pool, "x/127.0.0.1:80");
	add_relay(pool, "x/127.0.0.1:81");
	config.relays[1].tcp.nodelay = false;
	assert_int_equal(plan_init(&plan, &config), 0);
	assert_int_equal(plan.target_count, 2);
	assert_int_equal(plan.routes[1].targets[1], 1);
}

static void mirrors_share_targets_with_each_other_and_with_no_backend(void **state)
{
	(void)state;
	size_t pool = POOL("a/127.0.0.1:1");
	for (int i = 0; i < 3; i++)
		add_relay(pool, "x/127.0.0.1:80");
	config.relays[0].mirror.to = endpoint_of("a/127.0.0.1:2");
	config.relays[2].mirror.to = endpoint_of("a/127.0.0.1:3");
	assert_int_equal(plan_init(&plan, &config), 0);
	assert_int_equal(plan.target_count, 2);
	assert_int_equal(plan.mirror_targets[0], plan.mirror_targets[2]);
	assert_int_not_equal(plan.mirror_targets[0], plan.routes[0].targets[0]);
	assert_true(plan.targets[plan.mirror_targets[0]].mirrors);
	assert_int_equal(plan.mirror_targets[1], PLAN_NO_TARGET);
}

static void pool_without_backends_needs_nothing(void **state)
{
	(void)state;
	config_add_pool(&config);
	add_relay(0, "x/127.0.0.1:80");
	assert_int_equal(plan_init(&plan, &config), 0);
	assert_int_equal(plan.target_count, 0);
	assert_int_equal(plan.listener_count, 1);
}

static void empty_configuration_is_an_empty_plan(void **state)
{
	(void)state;
	assert_int_equal(plan_init(&plan, &config), 0);
	assert_int_equal(plan.listener_count + plan.target_count, 0);
	plan_fini(NULL);
}

#define PLAN_TEST(name) cmocka_unit_test_setup_teardown(name, open_config, close_plan)

static void enrol(const char *uid, uint32_t serial, const char *policy)
{
	struct config_enrolled enrolled = {.serial = serial};
	snprintf(enrolled.uid, sizeof(enrolled.uid), "%s", uid);
	snprintf(enrolled.policy, sizeof(enrolled.policy), "%s", policy);
	assert_int_equal(config_add_enrolled(&config, &enrolled), 0);
}

static void a_policys_listener_is_in_each_namespace_enrolled_under_it(void **state)
{
	char text[ENDPOINT_TEXT_MAX];
	(void)state;
	size_t pool = add_pool((const char *const[]){NULL});
	struct endpoint original = {.addr.family = AF_UNSPEC}, second = endpoint_of("@pods/[::]:2");
	assert_int_equal(config_pool_add_backend(&config.pools[pool], &original), 0);
	struct config_relay *relay = add_relay(pool, "@pods/[::]:1");
	relay->intercept = CONFIG_INTERCEPT_REDIRECT;
	assert_int_equal(config_relay_add_listener(relay, &second), 0);
	add_relay(POOL("b/127.0.0.1:1"), "@others/[::]:1");
	enrol("one", 1, "pods");
	enrol("else", 2, "others");
	enrol("two", 3, "pods");
	assert_int_equal(plan_init(&plan, &config), 0);
	assert_int_equal(plan.listener_count, 5);
	assert_int_equal(plan_count_listeners(&config), 5);
	static const char *const expected[] = {"@one/[::]:1", "@two/[::]:1", "@one/[::]:2", "@two/[::]:2", "@else/[::]:1"};
	static const uint32_t alike[] = {0, 1, 0, 1, 4};
	for (uint32_t i = 0; i < 5; i++) {
		assert_string_equal(endpoint_format(plan.listeners[i].endpoint, text, sizeof(text)), expected[i]);
		assert_int_equal(plan.listeners[i].alike, alike[i]);
	}
	assert_int_equal(plan.listeners[1].endpoint->netns.serial, 3);
	assert_int_equal(plan.target_count, 5); /* two namespaces, two families; and a backend's */
	assert_int_equal(plan.listeners[0].originals[0], plan.listeners[2].originals[0]);
	assert_true(plan.listeners[0].originals[0] != plan.listeners[1].originals[0]);
}

static void a_policy_without_namespaces_has_no_listener(void **state)
{
	(void)state;
	add_relay(POOL("b/127.0.0.1:1"), "@pods/[::]:1");
	assert_int_equal(plan_init(&plan, &config), 0);
	assert_int_equal(plan.listener_count, 0);
	assert_int_equal(plan_count_listeners(&config), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAN_TEST(each_listener_knows_its_relay),
		PLAN_TEST(listeners_of_who_intercepts_have_targets_in_their_own_namespaces),
		PLAN_TEST(names_and_destinations_of_a_relay_share_their_routes),
		PLAN_TEST(backends_of_one_namespace_and_family_share_a_target),
		PLAN_TEST(other_tcp_settings_make_another_target),
		PLAN_TEST(each_unix_path_is_a_target_whatever_the_settings),
		PLAN_TEST(mirrors_share_targets_with_each_other_and_with_no_backend),
		PLAN_TEST(pool_without_backends_needs_nothing),
		PLAN_TEST(a_policys_listener_is_in_each_namespace_enrolled_under_it),
		PLAN_TEST(a_policy_without_namespaces_has_no_listener),
		PLAN_TEST(empty_configuration_is_an_empty_plan),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
