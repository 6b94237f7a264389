/* SPDX-License-Identifier: Apache-2.0 */
/* What a file says of routes by destination. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/nsrelay/config_check.h"
#include "tests/unit/app/config_rig.h"

#define POOLS "pools:\n  p: { backends: [ api/127.0.0.1:80 ] }\n  q: { backends: [ api/127.0.0.1:81 ] }\n"
/* The entries of a relay, on line 6, from column 20 on. */
#define RELAY(name, to, mode, entries)                                                                       \
	POOLS "relays:\n- { name: " name ", listen: web/0.0.0.0:80, to: " to ", intercept: { mode: " mode    \
	      " },\n"                                                                                        \
	      "  destinations: [ " entries " ] }\n"
#define ENTRY(entry) RELAY("a", "p", "redirect", entry)

static void entries_are_read_in_their_order(void **state)
{
	(void)state;
	struct config config = rig_accept(ENTRY("{ networks: [ 10.96.0.0/12, 'fd00::/8' ], ports: [ 443, "
	                                        "8000-8100 ], to: q }, { networks: 192.0.2.0/24, "
	                                        "refuse: true }, { ports: 25, to: p, refuse: false }"));
	const struct config_destinations *destinations = &config.relays[0].destinations;
	const struct config_destination *first = &destinations->items[0];
	assert_int_equal(destinations->count, 3);
	assert_int_equal(first->networks.count, 2);
	assert_int_equal(first->networks.items[1].prefix, 8);
	assert_int_equal(first->ports.items[0].last, 443);
	assert_int_equal(first->ports.items[1].first, 8000);
	assert_int_equal(first->ports.items[1].last, 8100);
	assert_string_equal(config.pools[first->pool].name, "q");
	assert_false(first->refuse);
	assert_true(destinations->items[1].refuse);
	assert_int_equal(destinations->items[2].networks.count, 0);
	assert_string_equal(config.pools[destinations->items[2].pool].name, "p");
	config_fini(&config);
}

static void original_is_a_pool_that_all_relays_share(void **state)
{
	(void)state;
	struct config config = rig_accept(ENTRY(
	        "{ ports: 1, to: original }, { ports: 2, to: original }") "- { name: b, listen: "
	                                                                  "web/0.0.0.0:81, to: original, "
	                                                                  "intercept: { mode: tproxy },\n"
	                                                                  "  destinations: [ { ports: 3, to: "
	                                                                  "original }, { ports: 4, to: q } ] "
	                                                                  "}\n");
	size_t pool = config.relays[0].destinations.items[0].pool;
	assert_string_equal(config.pools[pool].name, "original");
	assert_true(config_leads_to_original(&config.pools[pool]));
	assert_int_equal(config.relays[0].destinations.items[1].pool, pool);
	assert_int_equal(config.relays[1].destinations.items[0].pool, pool);
	assert_string_equal(config.pools[config.relays[1].pool].name, "b"); /* which has one of its own */
	assert_int_equal(config.pool_count, 4);
	config_fini(&config);
}

static void it_may_be_written_as_one(void **state)
{
	(void)state;
	struct config config = rig_accept(
	        "pools: { original: { backends: original, retries: 7 } }\n"
	        "relays: [ { name: a, listen: web/0.0.0.0:80, to: x/1.2.3.4:5, intercept: { mode: "
	        "redirect }, destinations: [ { ports: 1, to: original } ] } ]\n");
	assert_int_equal(config.relays[0].destinations.items[0].pool, 0);
	assert_int_equal(config.pools[0].retries, 7);
	config_fini(&config);
}

static void mistakes_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
	        {ENTRY("{ network: 10.0.0.0/8, to: q }"), 6, 21, "network",
	         "unknown key 'network' in a destination; did you mean 'networks'?"},
	        {ENTRY("{ networks: 10.0.0.0/33, to: q }"), 6, 31, "10.0.0.0/33",
	         "'10.0.0.0/33' has no valid number of bits"},
	        {ENTRY("{ networks: [ 10.0.0.1/8 ], to: q }"), 6, 33, "10.0.0.1/8",
	         "'10.0.0.1/8' has bits set behind its prefix"},
	        {ENTRY("{ networks: [], ports: 1, to: q }"), 6, 31, "[",
	         "the list is empty; expected at least one item"},
	        {ENTRY("{ networks: , ports: 1, to: q }"), 6, 21, "networks", ""},
	        {ENTRY("{ ports: 0, to: q }"), 6, 28, "0",
	         "'0' is no port; expected 1 to 65535, or a range such as 8000-8010"},
	        {ENTRY("{ ports: [ 90-80 ], to: q }"), 6, 30, "90-80", "'90-80' is no port"},
	        {ENTRY("{ ports: 65536, to: q }"), 6, 28, "65536", "'65536' is no port"},
	        {ENTRY("{ ports: https, to: q }"), 6, 28, "https", "'https' is no port"},
	        {ENTRY("{ ports: 1, to: qq }"), 6, 35, "qq",
	         "there is no pool 'qq'; expected the name of a pool, or original"},
	        {ENTRY("{ ports: 1, to: api/127.0.0.1:81 }"), 6, 35, "api/127.0.0.1:81",
	         "there is no pool 'api/127.0.0.1:81'; expected the name of a pool, or original"},
	        {ENTRY("{ ports: 1, to: [ q ] }"), 6, 35, "[",
	         "there is a list; expected the name of a pool, or original"},
	        {ENTRY("{ to: q }"), 6, 19, "{",
	         "a destination has neither networks nor ports; expected one of them"},
	        {ENTRY("{ ports: 1 }"), 6, 19, "{",
	         "a destination has neither 'to' nor 'refuse'; expected to: POOL, to: original"},
	        {ENTRY("{ ports: 1, refuse: false }"), 6, 19, "{",
	         "a destination has neither 'to' nor 'refuse'"},
	        {ENTRY("{ ports: 1, to: q, refuse: true }"), 6, 19, "{",
	         "a destination has both 'to' and 'refuse'"},
	        {ENTRY("{ ports: 1, refuse: maybe }"), 6, 39, "maybe", "'maybe' is neither true nor false"},
	        {ENTRY("q"), 6, 19, "q", "there is text; expected a mapping"},
	        {ENTRY(""), 6, 17, "[", "the list is empty"},
	        {POOLS "relays: [ { name: a, listen: web/0.0.0.0:80, to: p, destinations: { ports: 1, to: q "
	               "} } ]\n",
	         4, 67, "{", "there is a mapping; expected a list of { networks, ports, to }"},
	        {RELAY("a", "p", "off", "{ ports: 1, to: q }"), 5, 11, "a",
	         "the relay 'a' has destinations, and intercepts nothing; expected"},
	        {RELAY("a", "p", "off", "{ ports: 1, to: original }"), 6, 35, "original",
	         "the relay 'a' leads to 'original', and intercepts nothing"},
	        {RELAY("original", "x/1.2.3.4:5", "redirect", "{ ports: 1, to: original }"), 5, 49,
	         "x/1.2.3.4:5",
	         "these endpoints would make a second pool 'original'; expected the pool's or the relay's "
	         "name changed"},
	        {"pools: { original: { backends: [ original, x/1.2.3.4:5 ] } }\n"
	         "relays: [ { name: a, listen: web/0.0.0.0:80, to: x/1.2.3.4:5 } ]\n",
	         1, 10, "original",
	         "'original' is where intercepted clients wanted to go; expected another name, or backends: "
	         "original"},
	};
	RIG_REFUSE(cases);
}

static void destination_that_leads_back_is_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
	        {"pools: { p: { backends: api/127.0.0.1:80 }, q: { backends: web/127.0.0.1:80 } }\n"
	         "relays: [ { name: a, listen: web/0.0.0.0:80, to: p, intercept: { mode: redirect },\n"
	         "  destinations: [ { ports: 1, to: q }, { ports: 2, refuse: true } ] } ]\n",
	         1, 60, "web/127.0.0.1:80",
	         "backend web/127.0.0.1:80 is reached by listener web/0.0.0.0:80 of the relay 'a' itself"},
	};
	RIG_REFUSE(cases);
}

/* assert_many - are so many entries, each with so many networks, taken? */
static void assert_many(size_t entries, size_t networks, bool accepted)
{
	char *text;
	size_t size;
	struct config config;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	fputs(POOLS "relays:\n- name: a\n  listen: web/0.0.0.0:80\n  to: p\n  intercept: { mode: redirect "
	            "}\n  destinations:\n",
	      out);
	for (size_t i = 0; i < entries; i++) {
		fprintf(out, "  - { to: q, ports: %zu, networks: [ 10.0.0.0/8", 1 + i);
		for (size_t j = 1; j < networks; j++)
			fprintf(out, ", 10.%zu.%zu.0/24", j / 256, j % 256);
		fputs(" ] }\n", out);
	}
	fclose(out);
	assert_int_equal(rig_load(text, &config), accepted ? 0 : -EINVAL);
	if (accepted)
		config_fini(&config);
	else
		assert_contains(rig_printed(), "expected at most 1024, 4096 and 4096");
	free(text);
}

static void there_may_be_many_and_not_more(void **state)
{
	(void)state;
	assert_many(CONFIG_DESTINATIONS_MAX, 4, true);
	assert_many(CONFIG_DESTINATIONS_MAX + 1, 1, false);
	assert_many(2, CONFIG_DESTINATION_NETWORKS_MAX / 2 + 1, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_teardown(entries_are_read_in_their_order, rig_teardown),
	        cmocka_unit_test_teardown(original_is_a_pool_that_all_relays_share, rig_teardown),
	        cmocka_unit_test_teardown(it_may_be_written_as_one, rig_teardown),
	        cmocka_unit_test_teardown(mistakes_are_refused, rig_teardown),
	        cmocka_unit_test_teardown(destination_that_leads_back_is_refused, rig_teardown),
	        cmocka_unit_test_teardown(there_may_be_many_and_not_more, rig_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
