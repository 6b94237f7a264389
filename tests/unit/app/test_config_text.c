/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/config_text.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "app/nsrelay/setting.h"
#include "tests/unit/app/config_random.h"
#include "tests/unit/app/config_rig.h"

static char *text_of(const struct config *config, bool all)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	assert_int_equal(config_text(config, all, out), 0);
	fclose(out);
	return text;
}

/* assert_comes_back - as the same configuration; frees @config */
static void assert_comes_back(struct config *config, bool all)
{
	char *text = text_of(config, all);
	struct config again = rig_accept(text);
	config_assert_same(config, &again);
	assert_true(config_equal(config, &again));
	config_fini(&again);
	free(text);
}

static void any_configuration_is_read_back(void **state)
{
	(void)state;
	for (uint32_t seed = 0; seed < 500; seed++) {
		struct config config = config_random(seed);
		assert_comes_back(&config, seed % 2);
		config_fini(&config);
	}
}

static void the_parts_are_the_whole(void **state)
{
	(void)state;
	for (uint32_t seed = 0; seed < 50; seed++) {
		struct config config = config_random(seed);
		char *whole = text_of(&config, seed % 2), *parts;
		size_t size;
		FILE *out = open_memstream(&parts, &size);
		assert_int_equal(config_text_daemon(&config, seed % 2, out), 0);
		for (size_t i = 0; i < config.pool_count; i++)
			assert_int_equal(config_text_pool(&config.pools[i], i == 0, seed % 2, out), 0);
		for (size_t i = 0; i < config.relay_count; i++)
			assert_int_equal(config_text_relay(&config, &config.relays[i], i == 0, seed % 2, out), 0);
		fclose(out);
		assert_string_equal(parts, whole);
		free(parts);
		free(whole);
		config_fini(&config);
	}
}

static void every_example_is_read_back(void **state)
{
	(void)state;
	glob_t files;
	assert_int_equal(glob(EXAMPLES "/*.yaml", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		struct config config;
		assert_int_equal(config_file_load(files.gl_pathv[i], &config, stderr), 0);
		assert_comes_back(&config, false);
		assert_comes_back(&config, true);
		config_fini(&config);
	}
	assert_true(files.gl_pathc > 0);
	globfree(&files);
}

static void what_has_its_default_is_left_out(void **state)
{
	(void)state;
	struct config config = rig_accept("relays:\n"
					  "- name: a\n"
					  "  listen: web/127.0.0.1:80\n"
					  "  to: api/127.0.0.1:80\n"
					  "  timeouts: { connect: 5000ms, idle: 10m }\n"
					  "drain: 30s\n");
	char *text = text_of(&config, false);
	assert_string_equal(text, "pools:\n"
				  "  a:\n"
				  "    backends:\n"
				  "      - api/127.0.0.1:80\n"
				  "relays:\n"
				  "  - name: a\n"
				  "    listen:\n"
				  "      - web/127.0.0.1:80\n"
				  "    to: a\n"
				  "    timeouts:\n"
				  "      idle: 10m\n");
	free(text);
	config_fini(&config);
}

static void checks_with_every_default_are_still_checks(void **state)
{
	(void)state;
	struct config config = rig_accept("relays: [ { name: a, listen: web/127.0.0.1:80, to: p } ]\n"
					  "pools: { p: { backends: /1.2.3.4:1, health: {}, ejection: {} } }\n");
	char *text = text_of(&config, false);
	assert_contains(text, "    health: {}\n    ejection: {}\n");
	free(text);
	config_fini(&config);
}

static void what_a_name_stood_for_is_written(void **state)
{
	(void)state;
	struct config config = rig_accept("namespaces: { x: { path: '/run/a b' } }\n"
					  "relays: [ { name: a, listen: x/127.0.0.1:80, to: /1.2.3.4:1 } ]\n");
	char *text = text_of(&config, false);
	assert_contains(text, "- 'path:/run/a b/127.0.0.1:80'\n");
	free(text);
	config_fini(&config);
}

/* EVERYTHING - each key of a file that is no setting; when one is missing here, the test below says so */
#define EVERYTHING                                                                                           \
	"relays:\n"                                                                                          \
	"- name: a\n"                                                                                        \
	"  listen: web/127.0.0.1:80\n"                                                                       \
	"  to: p\n"                                                                                          \
	"  mirror: { to: web/127.0.0.1:81, from: 10.0.0.0/8 }\n"                                             \
	"  proxy_protocol: { accept_from: [ unix, 10.0.0.0/8 ] }\n"                                          \
	"  intercept: { mode: redirect, only: 10.0.0.0/8, except: 10.1.0.0/16, only_ports: 80, except_ports: 1-2 }\n"       \
	"  destinations: [ { networks: 10.0.0.0/8, ports: [ 1, 3-4 ], to: p }, { ports: 25, refuse: true } ]\n"       \
	"  sni: { routes: { a.example: p } }\n"                                                              \
	"  allow: 10.0.0.0/8\n"                                                                              \
	"  deny: 10.1.0.0/16\n"                                                                              \
	"  allow_namespaces: web\n"                                                                          \
	"  deny_namespaces: web\n"                                                                           \
	"- { name: b, listen: '@pods/[::]:1', to: p }\n"                                                       \
	"enrolment: { watch: { pods: [ 'web-*', db ] } }\n"                                                   \
	"pools: { p: { backends: [ { address: /1.2.3.4:1 } ], health: {}, ejection: {} } }\n"

static void count_settings(const char *text, const struct setting_map *map)
{
	char key[64];
	for (size_t i = 0; i < map->count; i++) {
		snprintf(key, sizeof(key), "%s:", map->settings[i].key);
		assert_contains(text, key);
		if (map->settings[i].map)
			count_settings(text, map->settings[i].map);
	}
}

static void no_key_of_a_file_is_forgotten(void **state)
{
	(void)state;
	char key[64];
	struct config config = rig_accept(EVERYTHING);
	char *text = text_of(&config, true);
	for (size_t i = 0; i < CONFIG_SCHEMA_COUNT; i++) {
		const struct schema *schema = config_file_schemas[i];
		for (size_t j = 0; j < schema->field_count; j++) {
			snprintf(key, sizeof(key), "%s:", schema->fields[j].key);
			assert_contains(text, key);
		}
		count_settings(text, schema->settings);
	}
	free(text);
	config_fini(&config);
}

static void what_differs_is_not_equal(void **state)
{
	(void)state;
	struct config a = rig_accept(EVERYTHING), b = rig_accept(EVERYTHING);
	assert_true(config_equal(&a, &b));
	b.pools[0].backends[0].weight = 2;
	assert_false(config_equal(&a, &b));
	assert_false(config_pool_equal(&a.pools[0], &b.pools[0]));
	assert_true(config_relay_equal(&a, &a.relays[0], &b, &b.relays[0]));
	b.relays[0].destinations.items[0].networks.items[0].prefix = 9;
	assert_false(config_relay_equal(&a, &a.relays[0], &b, &b.relays[0]));
	b.relays[0].destinations.items[0].networks.items[0].prefix = 8;
	assert_true(config_relay_equal(&a, &a.relays[0], &b, &b.relays[0]));
	b.relays[0].mirror.from.items[0].prefix = 9;
	assert_false(config_relay_equal(&a, &a.relays[0], &b, &b.relays[0]));
	config_fini(&a);
	config_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(any_configuration_is_read_back, rig_teardown),
		cmocka_unit_test_teardown(the_parts_are_the_whole, rig_teardown),
		cmocka_unit_test_teardown(every_example_is_read_back, rig_teardown),
		cmocka_unit_test_teardown(what_has_its_default_is_left_out, rig_teardown),
		cmocka_unit_test_teardown(checks_with_every_default_are_still_checks, rig_teardown),
		cmocka_unit_test_teardown(what_a_name_stood_for_is_written, rig_teardown),
		cmocka_unit_test_teardown(no_key_of_a_file_is_forgotten, rig_teardown),
		cmocka_unit_test_teardown(what_differs_is_not_equal, rig_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
