/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "app/manual/page.h"
#include "app/nsrelay/setting.h"
#include "relay/config.h"

/* The owners of settings, as they are when a file says nothing. */
struct defaults {
	struct config config;
	struct config_relay relay;
	struct config_pool pool;
	struct config_backend backend;
	struct config_destination destination;
};

static void defaults_init(struct defaults *defaults)
{
	config_init(&defaults->config);
	config_relay_init(&defaults->relay);
	config_backend_init(&defaults->backend);
	struct config_pool *pool = config_add_pool(&defaults->config);
	CHECK(pool);
	config_health_init(&pool->health);
	config_ejection_init(&pool->ejection);
	defaults->pool = *pool;
}

/* owner_of - whose fields the settings of @map are; NULL: not known here */
static const void *owner_of(const struct defaults *defaults, const struct setting_map *map)
{
	const struct {
		const struct setting_map *map;
		const void *owner;
	} owners[] = {
	        {&setting_daemon, &defaults->config},       {&setting_relay, &defaults->relay},
	        {&setting_enrolment, &defaults->config},
	        {&setting_sni, &defaults->relay},           {&setting_proxy, &defaults->relay},
	        {&setting_mirror, &defaults->relay.mirror}, {&setting_pool, &defaults->pool},
	        {&setting_health, &defaults->pool},         {&setting_ejection, &defaults->pool},
	        {&setting_backend, &defaults->backend},    {&setting_intercept, &defaults->relay},
	        {&setting_destination, &defaults->destination},
	};
	for (size_t i = 0; i < ARRAY_COUNT(owners); i++)
		if (owners[i].map == map)
			return owners[i].owner;
	return NULL;
}

static void put_key(FILE *out, const char *prefix, const char *key, const char *value)
{
	fputs("\n*", out);
	page_put(out, prefix);
	page_put(out, key);
	fputs("*: ", out);
	page_put(out, value);
	fputs("\n\t", out);
}

static void put_setting(FILE *out, const char *prefix, const struct setting *setting, const char *owner)
{
	char text[VALUE_TEXT_MAX];
	put_key(out, prefix, setting->key, value_placeholder(&setting->type, text, sizeof(text)));
	page_put(out, setting->help);
	if (!strchr(text, '|')) { /* which tells all */
		fputs(". Takes ", out);
		page_put(out, value_describe(&setting->type, text, sizeof(text)));
	}
	value_format(&setting->type, owner + setting->offset, text, sizeof(text));
	fputs("; by default ", out);
	page_put(out, *text ? text : "none");
	fputs(".\n", out);
}

static bool has_field(const struct schema *schema, const char *key)
{
	for (size_t i = 0; i < schema->field_count; i++)
		if (strcmp(schema->fields[i].key, key) == 0)
			return true;
	return false;
}

enum { PREFIX_MAX = 64 };

/* put_settings - those of @map; within it, keys are written behind a dot */
static void put_settings(FILE *out, const char *prefix, const struct setting_map *map, const char *owner)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct setting *setting = &map->settings[i];
		if (!setting->map) {
			put_setting(out, prefix, setting, owner);
			continue;
		}
		char inner[PREFIX_MAX];
		snprintf(inner, sizeof(inner), "%s%s.", prefix, setting->key);
		put_settings(out, inner, setting->map, owner);
	}
}

/* put_own_settings - those that no field of the same name stands for, as schema_read_mapping() has it */
static int put_own_settings(FILE *out, const struct schema *schema, const struct defaults *defaults,
                            struct err *err)
{
	const struct setting_map *map = schema->settings;
	const char *owner = map ? owner_of(defaults, map) : NULL;
	if (map && !owner)
		return err_set(err, EINVAL, "the defaults of %s are not known to app/manual/page_keys.c",
		               schema->what);
	for (size_t i = 0; map && i < map->count; i++) {
		const struct setting_map one = {&map->settings[i], 1};
		if (!has_field(schema, map->settings[i].key))
			put_settings(out, "", &one, owner);
	}
	return 0;
}

static int put_schema(FILE *out, const struct schema *schema, const struct defaults *defaults,
                      struct err *err)
{
	fprintf(out, "\n## Keys of %s\n", schema->what);
	for (size_t i = 0; i < schema->field_count; i++) {
		const struct schema_field *field = &schema->fields[i];
		put_key(out, "", field->key, field->value);
		page_put(out, field->help);
		fputs(field->missing ? ". Must be there.\n" : ".\n", out);
	}
	int r = put_own_settings(out, schema, defaults, err);
	for (size_t i = 0; r == 0 && i < schema->field_count; i++)
		if (schema->fields[i].inner)
			r = put_schema(out, schema->fields[i].inner, defaults, err);
	return r;
}

int page_print_keys(const struct schema *schema, FILE *out, struct err *err)
{
	struct defaults defaults;
	defaults_init(&defaults);
	int r = put_schema(out, schema, &defaults, err);
	config_fini(&defaults.config);
	return r;
}
