/* SPDX-License-Identifier: Apache-2.0 */
/* Relays that intercept, and backends that are wherever their clients wanted to go. */
#include "tests/unit/app/config_rig.h"

#define RELAY(to, more) "relays:\n- name: a\n  listen: web/0.0.0.0:80\n  to: " to "\n  intercept: { " more " }\n"

static void relay_that_intercepts_leads_to_the_original_destination(void **state)
{
	(void)state;
	struct config config = rig_accept(RELAY("original", "mode: redirect, source: client, mark: 1249"));
	const struct config_relay *relay = &config.relays[0];
	assert_int_equal(relay->intercept, CONFIG_INTERCEPT_REDIRECT);
	assert_int_equal(relay->source, CONFIG_SOURCE_CLIENT);
	assert_int_equal(relay->mark, 1249);
	assert_true(config_leads_to_original(&config.pools[relay->pool]));
	assert_true(config_intercepts(&config));
	config_fini(&config);
}

static void so_does_a_pool_and_a_list(void **state)
{
	(void)state;
	struct config config = rig_accept("pools: { p: { backends: [ original ] } }\n" RELAY("p", "mode: tproxy"));
	assert_int_equal(config.relays[0].intercept, CONFIG_INTERCEPT_TPROXY);
	assert_true(config_leads_to_original(&config.pools[0]));
	config_fini(&config);
	config = rig_accept(RELAY("[ { address: original } ]", "mode: tproxy"));
	assert_true(config_leads_to_original(&config.pools[0]));
	config_fini(&config);
}

static void relay_without_it_has_the_defaults(void **state)
{
	(void)state;
	struct config config = rig_accept(RELAY("api/127.0.0.1:1", ""));
	assert_int_equal(config.relays[0].intercept, CONFIG_INTERCEPT_OFF);
	assert_int_equal(config.relays[0].source, CONFIG_SOURCE_OWN);
	assert_int_equal(config.relays[0].mark, 0x4e1);
	assert_false(config_intercepts(&config));
	config_fini(&config);
}

static void mistakes_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
		{RELAY("original", ""), 4, 7, "original", "the relay 'a' leads to 'original', and intercepts nothing; expected"},
		{RELAY("original", "mode: divert"), 5, 22, "divert", "'divert' is not known; "},
		{RELAY("original", "source: server, mode: redirect"), 5, 24, "server", "'server' is not known; "},
		{RELAY("[ original, api/127.0.0.1:1 ]", "mode: redirect"), 4, 9, "original",
		 "the pool 'a' has 'original' beside other backends; expected it alone"},
		{"pools: { original: { backends: [ api/127.0.0.1:1 ] } }\n" RELAY("api/127.0.0.1:1", ""), 1, 10, "original",
		 "'original' is where intercepted clients wanted to go; expected another name"},
		{"pools: { p: { backends: [ original ], health: {} } }\n" RELAY("p", "mode: redirect"), 1, 27, "original",
		 "the pool 'p' leads to 'original', which is somewhere else for each connection; expected neither health"},
		{"relays: [ { name: a, listen: original, to: api/127.0.0.1:1 } ]\n", 1, 30, "original",
		 "'original' has no slash; expected"},
		{"relays: [ { name: a, listen: unix:/run/x, to: api/127.0.0.1:1, intercept: { mode: tproxy } } ]\n", 1, 19, "a",
		 "the relay 'a' intercepts, and listens on unix:/run/x; expected TCP listeners alone"},
	};
	RIG_REFUSE(cases);
}

#define STEER(listen, more) "relays:\n- { name: a, listen: " listen ", to: original, intercept: { mode: redirect, " more " } }\n"
#define SECOND(listen, more) "- { name: b, listen: " listen ", to: original, intercept: { mode: redirect, " more " } }\n"

static void connections_are_steered_by_the_relays_own_rules(void **state)
{
	(void)state;
	struct config config = rig_accept(STEER("[ x/0.0.0.0:1, 'y/[::]:2' ]", "steer: outbound, when_gone: refuse, only: [ 10.0.0.0/8 ], except: 10.1.0.0/16, "
											    "only_ports: [ 80, 8000-8010 ]")
					  SECOND("[ x/0.0.0.0:3 ]", "steer: inbound, when_gone: refuse, except_ports: 22"));
	const struct config_scope *scope = &config.relays[0].scope;
	assert_int_equal(scope->only.count, 1);
	assert_int_equal(scope->except.items[0].prefix, 16);
	assert_int_equal(scope->only_ports.items[0].last, 80);
	assert_int_equal(scope->only_ports.items[1].first, 8000);
	assert_int_equal(scope->only_ports.items[1].last, 8010);
	assert_int_equal(config.relays[1].scope.except_ports.items[0].first, 22);
	assert_int_equal(config.relays[0].steer, CONFIG_STEER_OUTBOUND);
	assert_int_equal(config.relays[0].when_gone, CONFIG_GONE_REFUSE);
	assert_int_equal(config.relays[1].steer, CONFIG_STEER_INBOUND);
	config_fini(&config);
}

static void mistakes_in_steering_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
		{RELAY("api/127.0.0.1:1", "steer: inbound"), 2, 9, "a",
		 "the relay 'a' steers connections, and intercepts nothing; expected intercept: { mode: redirect }"},
		{RELAY("original", "steer: outbound, mode: tproxy"), 2, 9, "a",
		 "the relay 'a' steers connections, and has mode: tproxy; expected redirect for outbound connections"},
		{STEER("x/0.0.0.0:1", "steer: inbound, mark: 0"), 2, 11, "a", "the relay 'a' steers connections, and has no two marks"},
		{STEER("x/0.0.0.0:1", "steer: inbound, answer_mark: 1249"), 2, 11, "a",
		 "the relay 'a' steers connections, and has no two marks"},
		{STEER("x/0.0.0.0:1", "steer: inbound, mark_mask: 1"), 2, 11, "a",
		 "the relay 'a' steers connections, and has marks with bits that are not in mark_mask"},
		{STEER("x/0.0.0.0:1", "steer: inbound, except: 10.0.0.0/8"), 2, 11, "a",
		 "the relay 'a' steers connections, and steers inbound ones, which all have one destination; expected no networks"},
		{STEER("x/0.0.0.0:1", "only_ports: [ 80, 90-80 ]"), 2, 96, "90-80", "'90-80' is no port; expected 1 to 65535"},
		{STEER("x/0.0.0.0:1", "only_ports: 65536"), 2, 90, "65536", "'65536' is no port; expected 1 to 65535"},
		{STEER("x/0.0.0.0:1", "only_ports: ssh"), 2, 90, "ssh", "'ssh' is no port; expected 1 to 65535"},
		{STEER("x/10.0.0.1:1", "steer: inbound"), 2, 11, "a",
		 "the relay 'a' steers connections to x/10.0.0.1:1, which has one address alone; expected NETNS/[::]:PORT"},
		{STEER("[ x/0.0.0.0:1, x/0.0.0.0:2 ]", "steer: inbound"), 2, 11, "a",
		 "the namespace of x/0.0.0.0:2 is steered to x/0.0.0.0:1 of the relay 'a' with another port"},
		{STEER("x/0.0.0.0:1", "steer: inbound") SECOND("x/0.0.0.0:2", "steer: outbound, mark: 7"), 3, 11, "b",
		 "the namespace of x/0.0.0.0:2 is steered to x/0.0.0.0:1 of the relay 'a' with other marks"},
		{STEER("x/0.0.0.0:1", "steer: inbound") SECOND("x/0.0.0.0:2", "steer: outbound, when_gone: refuse"), 3, 11, "b",
		 "the namespace of x/0.0.0.0:2 is steered to x/0.0.0.0:1 of the relay 'a' with another when_gone"},
	};
	RIG_REFUSE(cases);
}

static void listeners_may_be_in_every_namespace_of_a_policy(void **state)
{
	(void)state;
	struct config config = rig_accept("enrolment: { drain: 3s }\nrelays: [ { name: a, listen: [ '@pods/[::]:1', '@more/[::]:1' ], "
					  "to: api/127.0.0.1:1 } ]\n");
	assert_true(config_is_everywhere(&config.relays[0].listeners[0]));
	assert_true(config_has_policy(&config, "pods") && config_has_policy(&config, "more"));
	assert_false(config_has_policy(&config, "pod"));
	assert_int_equal(config.enrolled_drain_ms, 3000);
	assert_int_equal(config.enrolled_count, 0);
	config_fini(&config);
}

static void nothing_else_may(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
		{"relays: [ { name: a, listen: '/[::]:1', to: '@pods/127.0.0.1:1' } ]\n", 1, 45, "'@pods/127.0.0.1:1'",
		 "backend @pods/127.0.0.1:1 is in every namespace of a policy; expected one namespace, or 'original'"},
		{"relays: [ { name: a, listen: '/[::]:1', to: api/127.0.0.1:1, mirror: { to: '@pods/127.0.0.1:1' } } ]\n", 1, 19, "a",
		 "the mirror of the relay 'a' is in every namespace of a policy"},
		{"relays: [ { name: a, listen: '@pods/[::]:1', to: api/127.0.0.1:1, deny_namespaces: '@pods' } ]\n", 1, 19, "a",
		 "the relay 'a' allows or denies '@pods', which is every namespace of a policy"},
		{"relays: [ { name: a, listen: '@cni/net/[::]:1', to: api/127.0.0.1:1 } ]\n", 1, 30, "'@cni/net/[::]:1'",
		 "'cni/net' is no policy's name; expected one of letters"},
		{"relays: [ { name: a, listen: [ '@pods/[::]:1', '@pods/0.0.0.0:1' ], to: api/127.0.0.1:1 } ]\n", 1, 48,
		 "'@pods/0.0.0.0:1'", "@pods/0.0.0.0:1 overlaps @pods/[::]:1 of relay 'a'"},
	};
	RIG_REFUSE(cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(relay_that_intercepts_leads_to_the_original_destination, rig_teardown),
		cmocka_unit_test_teardown(so_does_a_pool_and_a_list, rig_teardown),
		cmocka_unit_test_teardown(relay_without_it_has_the_defaults, rig_teardown),
		cmocka_unit_test_teardown(mistakes_are_refused, rig_teardown),
		cmocka_unit_test_teardown(connections_are_steered_by_the_relays_own_rules, rig_teardown),
		cmocka_unit_test_teardown(listeners_may_be_in_every_namespace_of_a_policy, rig_teardown),
		cmocka_unit_test_teardown(nothing_else_may, rig_teardown),
		cmocka_unit_test_teardown(mistakes_in_steering_are_refused, rig_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
