/* SPDX-License-Identifier: Apache-2.0 */
/* What a file says of routes by server's names, of checks of backends and of their ejection. */
#include "tests/unit/app/config_rig.h"

#define POOLS "pools:\n  p: { backends: [ api/127.0.0.1:80 ] }\n  q: { backends: [ api/127.0.0.1:81 ] }\n"
/* The sni: of a relay, from line 4, column 8 on; the keys of a pool, from line 4, column 3 on. */
#define SNI(keys)  POOLS "relays:\n- { name: a, listen: web/127.0.0.1:80, to: p,\n  sni: " keys " }\n"
#define POOL(keys) "relays: [ { name: a, listen: web/127.0.0.1:80, to: p } ]\npools: { p: {\n  backends: [ api/127.0.0.1:80 ],\n  " keys " } }\n"

static void routes_by_name_are_read(void **state)
{
	(void)state;
	struct config config = rig_accept(SNI("{ routes: { A.example: q, \"*.example\": p }, unmatched: refuse, timeout: 1s }"));
	const struct config_sni *sni = &config.relays[0].sni;
	assert_int_equal(sni->count, 2);
	assert_string_equal(sni->routes[0].name, "a.example");
	assert_string_equal(config.pools[sni->routes[0].pool].name, "q");
	assert_string_equal(sni->routes[1].name, ".example");
	assert_int_equal(sni->unmatched, CONFIG_UNMATCHED_REFUSE);
	assert_int_equal(sni->timeout_ms, 1000);
	config_fini(&config);
}

static void relay_without_routes_has_their_defaults(void **state)
{
	(void)state;
	struct config config = rig_accept(SNI("{ routes: {} }"));
	assert_int_equal(config.relays[0].sni.count, 0);
	assert_int_equal(config.relays[0].sni.unmatched, CONFIG_UNMATCHED_DEFAULT);
	assert_int_equal(config.relays[0].sni.timeout_ms, 5000);
	config_fini(&config);
}

static void mistakes_in_routes_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
		{SNI("{ routes: { a: pp } }"), 6, 23, "pp", "there is no pool 'pp'; expected the name of a pool"},
		{SNI("{ routes: { a: api/127.0.0.1:1 } }"), 6, 23, "api/127.0.0.1:1",
		 "there is no pool 'api/127.0.0.1:1'; expected the name of a pool"},
		{SNI("{ routes: { a.*: p } }"), 6, 20, "a.*", "'a.*' is not the name of a server; expected a name as example.com"},
		{SNI("{ unmatched: refuse }"), 6, 8, "{",
		 "there is no 'routes' in sni; expected routes: { NAME: POOL }"},
		{SNI("{ routes: { a: p }, unmatched: drop }"), 6, 39, "drop", "'drop' is not known; "},
		{SNI("{ routes: { a: p, A: q } }"), 5, 11, "a", "the relay 'a' has two routes for a; expected one"},
		{SNI("{ routes: { \"*.a\": p, \"*.A\": q } }"), 5, 11, "a", "the relay 'a' has two routes for *.a; expected one"},
	};
	RIG_REFUSE(cases);
}

static void route_that_leads_back_is_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
		{"pools:\n  p: { backends: [ api/127.0.0.1:80 ] }\n  q: { backends: [ web/127.0.0.1:80 ] }\n"
		 "relays: [ { name: a, listen: web/127.0.0.1:80, to: p, sni: { routes: { a: q } } } ]\n",
		 3, 20, "web/127.0.0.1:80", "backend web/127.0.0.1:80 is reached by listener web/127.0.0.1:80 of the relay 'a' itself"},
	};
	RIG_REFUSE(cases);
}

static void checks_are_off_unless_they_are_asked_for(void **state)
{
	(void)state;
	struct config config = rig_accept(POOL("retries: 1"));
	assert_int_equal(config.pools[0].health.interval_ms, 0);
	assert_int_equal(config.pools[0].ejection.failures + config.pools[0].ejection.resets, 0);
	config_fini(&config);
}

static void checks_have_their_defaults_and_what_is_written(void **state)
{
	(void)state;
	struct config config = rig_accept(POOL("health: {}, ejection: {}"));
	assert_int_equal(config.pools[0].health.interval_ms, 2000);
	assert_int_equal(config.pools[0].health.fall, 3);
	assert_int_equal(config.pools[0].ejection.failures, 5);
	assert_int_equal(config.pools[0].ejection.share_max, 5000);
	config_fini(&config);
	config = rig_accept(POOL("health: { interval: 1s, jitter: 12.5%, rise: 7, send: \"PING\\r\\n\", expect: '\\x2bPONG' },\n"
			       "  ejection: { failures: 0, time: 3s, share_max: 10% }"));
	const struct config_health *health = &config.pools[0].health;
	assert_int_equal(health->interval_ms, 1000);
	assert_int_equal(health->jitter, 1250);
	assert_int_equal(health->rise, 7);
	assert_int_equal(health->send.size, 6);
	assert_memory_equal(health->send.data, "PING\r\n", 6);
	assert_int_equal(health->expect.size, 5);
	assert_memory_equal(health->expect.data, "+PONG", 5);
	assert_int_equal(config.pools[0].ejection.failures, 0);
	assert_int_equal(config.pools[0].ejection.time_ms, 3000);
	assert_int_equal(config.pools[0].ejection.share_max, 1000);
	config_fini(&config);
}

static void mistakes_in_checks_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
		{POOL("health: { interval: 1ms }"), 4, 23, "1ms", "'1ms' is out of range; expected a duration from 10ms"},
		{POOL("health: { jitter: 101% }"), 4, 21, "101%", "'101%' is out of range"},
		{POOL("health: { rise: 0 }"), 4, 19, "0", "'0' is out of range; expected a whole number from 1"},
		{POOL("health: { expect: '\\q' }"), 4, 21, "'\\q'", "'\\q' is no escape; expected \\r, \\n"},
		{POOL("health: { falls: 2 }"), 4, 13, "falls", "unknown key 'falls' in health; did you mean 'fall'?"},
		{POOL("ejection: { time: 0s }"), 4, 21, "0s", "'0s' is out of range"},
		{POOL("ejection: 5"), 4, 13, "5", "there is text; expected a mapping"},
	};
	RIG_REFUSE(cases);
}

#define ROUTES_TEST(name) cmocka_unit_test_teardown(name, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROUTES_TEST(routes_by_name_are_read),
		ROUTES_TEST(relay_without_routes_has_their_defaults),
		ROUTES_TEST(mistakes_in_routes_are_refused),
		ROUTES_TEST(route_that_leads_back_is_refused),
		ROUTES_TEST(checks_are_off_unless_they_are_asked_for),
		ROUTES_TEST(checks_have_their_defaults_and_what_is_written),
		ROUTES_TEST(mistakes_in_checks_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
