/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/config_diff.h"

#include <stdlib.h>
#include <string.h>

#include "app/nsrelay/config_text.h"
#include "app/nsrelay/setting.h"
#include "tests/unit/app/config_random.h"
#include "tests/unit/app/config_rig.h"

/* diff - what is printed of the two, to be freed */
static char *diff(const char *was, const char *is)
{
	struct config old = rig_accept(was), new = rig_accept(is);
	struct config_diff changes;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	assert_int_equal(config_diff_init(&changes, &old, &new), 0);
	config_diff_print(&changes, out);
	fclose(out);
	config_diff_fini(&changes);
	config_fini(&old);
	config_fini(&new);
	return text;
}

static void assert_diff(const char *was, const char *is, const char *expected)
{
	char *text = diff(was, is);
	assert_string_equal(text, expected);
	free(text);
}

#define RELAY "relays: [ { name: a, listen: web/127.0.0.1:80, to: p } ]\n"
#define POOL  "pools: { p: { backends: [ x/1.2.3.4:1 ] } }\n"

static void the_same_is_no_difference(void **state)
{
	(void)state;
	assert_diff(RELAY POOL, RELAY POOL, "");
	assert_diff(RELAY POOL, RELAY POOL "threads: 0\ndrain: 30s\ndefaults: { tcp: { nodelay: true } }\n", "");
}

static void the_order_of_things_is_no_difference(void **state)
{
	(void)state;
	assert_diff("relays:\n"
		    "- { name: a, listen: [ web/127.0.0.1:80, web/127.0.0.1:81 ], to: p }\n"
		    "- { name: b, listen: web/127.0.0.1:82, to: p }\n"
		    "pools: { p: { backends: [ x/1.2.3.4:1, y/1.2.3.4:1 ] }, q: { backends: z/1.2.3.4:1 } }\n",
		    "pools: { q: { backends: z/1.2.3.4:1 }, p: { backends: [ y/1.2.3.4:1, x/1.2.3.4:1 ] } }\n"
		    "relays:\n"
		    "- { name: b, listen: web/127.0.0.1:82, to: p }\n"
		    "- { name: a, listen: [ web/127.0.0.1:81, web/127.0.0.1:80 ], to: p }\n",
		    "");
}

static void relays_pools_and_backends_come_and_go_by_name(void **state)
{
	(void)state;
	assert_diff("relays:\n"
		    "- { name: a, listen: web/127.0.0.1:80, to: p }\n"
		    "- { name: b, listen: web/127.0.0.1:81, to: q }\n"
		    "pools: { p: { backends: [ x/1.2.3.4:1, y/1.2.3.4:1 ] }, q: { backends: z/1.2.3.4:1 } }\n",
		    "relays:\n"
		    "- { name: a, listen: web/127.0.0.1:80, to: p }\n"
		    "- { name: c, listen: web/127.0.0.1:81, to: p }\n"
		    "pools: { p: { backends: [ y/1.2.3.4:1, x/1.2.3.4:2 ] }, r: { backends: z/1.2.3.4:1 } }\n",
		    "pool p, backend x/1.2.3.4:1: removed\n"
		    "pool p, backend x/1.2.3.4:2: added\n"
		    "pool q: removed\n"
		    "pool r: added\n"
		    "relay b: removed\n"
		    "relay c: added\n");
}

static void a_setting_is_told_with_both_values(void **state)
{
	(void)state;
	assert_diff(RELAY POOL,
		    "relays:\n"
		    "- name: a\n"
		    "  listen: web/127.0.0.1:90\n"
		    "  to: p\n"
		    "  timeouts: { idle: 5m }\n"
		    "  limits: { source: { rate: 5/s } }\n"
		    "  tcp: { congestion: '' }\n"
		    "  deny: 10.0.0.0/8\n"
		    "  mirror: { to: web/1.2.3.4:5 }\n"
		    "pools: { p: { backends: [ { address: x/1.2.3.4:1, weight: 3 } ], health: {} } }\n",
		    "pool p, backend x/1.2.3.4:1: weight: 1 -> 3\n"
		    "pool p: health: added\n"
		    "relay a: deny: added\n"
		    "relay a: limits.source.rate: 0/s -> 5/s\n"
		    "relay a: listen: removed web/127.0.0.1:80\n"
		    "relay a: listen: added web/127.0.0.1:90\n"
		    "relay a: mirror: added\n"
		    "relay a: tcp.congestion: cubic -> none\n"
		    "relay a: timeouts.idle: 1h -> 5m\n");
}

static void what_a_running_daemon_keeps_to_is_marked(void **state)
{
	(void)state;
	assert_diff(RELAY POOL, RELAY POOL "threads: 2\nuser: me\ncontrol: { path: /run/x }\ndrain: 1s\nlog: { level: debug }\n",
		    "control.path: none -> /run/x (needs a restart)\n"
		    "drain: 30s -> 1s\n"
		    "log.level: info -> debug\n"
		    "threads: 0 -> 2 (needs a restart)\n"
		    "user: none -> me (needs a restart)\n");
}

static void routes_are_told_by_the_server_s_name(void **state)
{
	(void)state;
	assert_diff("relays: [ { name: a, listen: web/127.0.0.1:80, to: p, sni: { routes: { a.b: p, c.d: p } } } ]\n"
		    "pools: { p: { backends: x/1.2.3.4:1 }, q: { backends: x/1.2.3.4:1 } }\n",
		    "relays: [ { name: a, listen: web/127.0.0.1:80, to: p, sni: { routes: { a.b: q, '*.e.f': q } } } ]\n"
		    "pools: { p: { backends: x/1.2.3.4:1 }, q: { backends: x/1.2.3.4:1 } }\n",
		    "relay a: sni.routes.*.e.f: added q\n"
		    "relay a: sni.routes.a.b: p -> q\n"
		    "relay a: sni.routes.c.d: removed p\n");
}

#define DESTINATIONS(entries)                                                                                \
	"relays: [ { name: a, listen: web/127.0.0.1:80, to: p, intercept: { mode: redirect }, destinations: [ " entries " ] } ]\n" \
	"pools: { p: { backends: x/1.2.3.4:1 }, q: { backends: x/1.2.3.4:1 } }\n"

/* The order of the others is none, that of these decides. */
static void destinations_are_told_by_their_place(void **state)
{
	(void)state;
	assert_diff(DESTINATIONS("{ ports: 1, to: p }, { ports: [ 2, 3 ], to: p }"),
		    DESTINATIONS("{ ports: 1, to: q }, { ports: 2, networks: 10.0.0.0/8, to: p }, { ports: 4, refuse: true }"),
		    "relay a: destinations.1.to: p -> q\n"
		    "relay a: destinations.2.networks: added\n"
		    "relay a: destinations.2.ports: removed 3\n"
		    "relay a: destinations.3: added\n");
	assert_diff(DESTINATIONS("{ ports: 1, to: p }, { ports: 1, to: q }"), DESTINATIONS("{ ports: 1, to: q }, { ports: 1, to: p }"),
		    "relay a: destinations.1.to: p -> q\n"
		    "relay a: destinations.2.to: q -> p\n");
	assert_diff(DESTINATIONS("{ ports: 1, to: p }"), DESTINATIONS("{ ports: 1, refuse: true }"),
		    "relay a: destinations.1.refuse: false -> true\n"
		    "relay a: destinations.1.to: removed p\n");
}

static void the_second_of_two_like_backends_is_the_second(void **state)
{
	(void)state;
	assert_diff(RELAY "pools: { p: { backends: [ x/1.2.3.4:1, { address: x/1.2.3.4:1, weight: 2 } ] } }\n",
		    RELAY "pools: { p: { backends: [ x/1.2.3.4:1, { address: x/1.2.3.4:1, weight: 3 } ] } }\n",
		    "pool p, backend x/1.2.3.4:1: weight: 2 -> 3\n");
}

/* change_each - one setting after the other has another value than in @was; each is one change, and back is none */
static void change_each(const struct setting_map *map, const struct config *was, const struct config *is, void *owner)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct setting *setting = &map->settings[i];
		char *field = (char *)owner + setting->offset, before[VALUE_TEXT_MAX], after[VALUE_TEXT_MAX];
		struct config_diff changes;
		if (setting->map) {
			change_each(setting->map, was, is, owner);
			continue;
		}
		value_format(&setting->type, field, before, sizeof(before));
		do
			config_random_value(&setting->type, field);
		while (strcmp(value_format(&setting->type, field, after, sizeof(after)), before) == 0);
		assert_int_equal(config_diff_init(&changes, was, is), 0);
		assert_int_equal(changes.changes.count, 1);
		const struct config_change *change = &changes.changes.items[0];
		assert_int_equal(change->kind, CONFIG_CHANGED);
		assert_string_equal(change->was, before);
		assert_string_equal(change->is, after);
		assert_contains(change->what, setting->key);
		assert_int_equal(change->needs_restart, setting->needs_restart);
		assert_false(config_equal(was, is));
		config_diff_fini(&changes);
		assert_int_equal(value_parse(&setting->type, before, field, NULL), 0);
	}
}

#define EVERYTHING                                                                                           \
	"relays: [ { name: a, listen: web/127.0.0.1:80, to: p, mirror: { to: x/1.2.3.4:1 }, sni: { routes: { a.b: p } } } ]\n" \
	"pools: { p: { backends: x/1.2.3.4:1, health: {}, ejection: {} } }\n"

static void each_setting_is_one_change(void **state)
{
	(void)state;
	struct config was = rig_accept(EVERYTHING), is = rig_accept(EVERYTHING);
	struct config_pool *pool = &is.pools[0];
	struct config_relay *relay = &is.relays[0];
	change_each(&setting_daemon, &was, &is, &is);
	change_each(&setting_relay, &was, &is, relay);
	change_each(&setting_sni, &was, &is, relay);
	change_each(&setting_mirror, &was, &is, &relay->mirror);
	change_each(&setting_pool, &was, &is, pool);
	change_each(&setting_health, &was, &is, pool);
	change_each(&setting_ejection, &was, &is, pool);
	change_each(&setting_backend, &was, &is, &pool->backends[0]);
	assert_true(config_equal(&was, &is));
	config_fini(&was);
	config_fini(&is);
}

static char told[128];

static void tell(const char *what)
{
	strcat(strcat(told, what), " ");
}

static void what_needs_a_restart_stays_and_is_told(void **state)
{
	(void)state;
	struct config was = rig_accept(RELAY POOL "threads: 2\n"),
		      is = rig_accept(RELAY POOL "user: me\ncontrol: { path: /run/x }\ndrain: 1s\n");
	config_keep_fixed(&was, &is, tell);
	assert_string_equal(told, "threads user control.path ");
	assert_int_equal(is.threads, 2);
	assert_string_equal(is.user, "");
	assert_string_equal(is.control_path, "");
	assert_int_equal(is.drain_ms, 1000);
	config_fini(&was);
	config_fini(&is);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_same_is_no_difference, rig_teardown),
		cmocka_unit_test_teardown(the_order_of_things_is_no_difference, rig_teardown),
		cmocka_unit_test_teardown(relays_pools_and_backends_come_and_go_by_name, rig_teardown),
		cmocka_unit_test_teardown(a_setting_is_told_with_both_values, rig_teardown),
		cmocka_unit_test_teardown(what_a_running_daemon_keeps_to_is_marked, rig_teardown),
		cmocka_unit_test_teardown(what_needs_a_restart_stays_and_is_told, rig_teardown),
		cmocka_unit_test_teardown(routes_are_told_by_the_server_s_name, rig_teardown),
		cmocka_unit_test_teardown(destinations_are_told_by_their_place, rig_teardown),
		cmocka_unit_test_teardown(the_second_of_two_like_backends_is_the_second, rig_teardown),
		cmocka_unit_test_teardown(each_setting_is_one_change, rig_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
