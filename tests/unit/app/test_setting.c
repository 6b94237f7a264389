/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/setting.h"

#include <stdbool.h>
#include <string.h>

#include "relay/config.h"
#include "tests/unit/unit.h"

typedef void visit_fn(const struct setting *setting, void *owner);

static void for_each(const struct setting_map *map, visit_fn *visit, void *owner)
{
	for (size_t i = 0; i < map->count; i++) {
		if (map->settings[i].map)
			for_each(map->settings[i].map, visit, owner);
		else
			visit(&map->settings[i], owner);
	}
}

/* default_is_valid - what config_init() chose is something a user may write */
static void default_is_valid(const struct setting *setting, void *owner)
{
	char text[VALUE_TEXT_MAX], copy[CONFIG_SOCKET_PATH_MAX] = "";
	struct err err = ERR_INIT;
	value_format(&setting->type, (char *)owner + setting->offset, text, sizeof(text));
	if (value_parse(&setting->type, text, copy, &err) < 0)
		fail_msg("default of %s: %s", setting->key, err.text);
}

static void every_default_is_within_its_range(void **state)
{
	(void)state;
	struct config config;
	struct config_relay relay;
	struct config_backend backend;
	config_init(&config);
	config_relay_init(&relay);
	for_each(&setting_daemon, default_is_valid, &config);
	for_each(&setting_relay, default_is_valid, &relay);
	config_backend_init(&backend);
	for_each(&setting_backend, default_is_valid, &backend);
	for_each(&setting_mirror, default_is_valid, &relay.mirror);
	for_each(&setting_pool, default_is_valid, config_add_pool(&config));
	config_fini(&config);
}

static void has_help(const struct setting *setting, void *owner)
{
	(void)owner;
	if (!setting->help || !*setting->help)
		fail_msg("%s has no help", setting->key);
}

static void every_setting_is_explained(void **state)
{
	(void)state;
	for_each(&setting_daemon, has_help, NULL);
	for_each(&setting_relay, has_help, NULL);
	for_each(&setting_pool, has_help, NULL);
	for_each(&setting_mirror, has_help, NULL);
	for_each(&setting_backend, has_help, NULL);
}

/* fill_last - write the longest name the type takes */
static void fill_last(const struct setting *setting, void *owner)
{
	char text[CONFIG_NAME_MAX];
	if (setting->type.kind != VALUE_NAME)
		return;
	memset(text, 'x', setting->type.max);
	text[setting->type.max] = '\0';
	assert_int_equal(value_parse(&setting->type, text, (char *)owner + setting->offset, NULL), 0);
}

static void the_longest_name_fits_its_field(void **state)
{
	(void)state;
	struct config config;
	struct config_relay relay;
	config_init(&config);
	config_relay_init(&relay);
	for_each(&setting_daemon, fill_last, &config);
	for_each(&setting_relay, fill_last, &relay);
	assert_int_equal(strlen(config.user), sizeof(config.user) - 1);
	assert_int_equal(config.log_level, CONFIG_LOG_INFO); /* its neighbour */
	assert_int_equal(strlen(relay.tcp.congestion), sizeof(relay.tcp.congestion) - 1);
	assert_int_equal(relay.tcp.backlog, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_default_is_within_its_range),
		cmocka_unit_test(every_setting_is_explained),
		cmocka_unit_test(the_longest_name_fits_its_field),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
