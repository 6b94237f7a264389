/* SPDX-License-Identifier: Apache-2.0 */
#include "app/text/schema.h"

#include <string.h>

#include "app/text/suggest.h"
#include "base/endpoint.h"

bool schema_check_kind(struct schema_reader *reader, const struct yaml_node *node, enum yaml_kind kind,
                       const char *expected)
{
	if (node->kind != kind)
		report_add(&reader->report, node->at, "there is %s; expected %s", yaml_kind_name(node->kind),
		           expected);
	return node->kind == kind;
}

bool schema_is_there(struct schema_reader *reader, const void *allocated)
{
	reader->out_of_memory |= !allocated;
	return allocated;
}

bool schema_read_value(struct schema_reader *reader, const struct yaml_node *node,
                       const struct value_type *type, void *ret)
{
	struct err err = ERR_INIT;
	char expected[VALUE_TEXT_MAX];
	if (!schema_check_kind(reader, node, YAML_SCALAR, value_describe(type, expected, sizeof(expected))))
		return false;
	if (value_parse(type, node->text, ret, &err) == 0)
		return true;
	report_add(&reader->report, node->at, "%s", err.text);
	return false;
}

static bool has_field(const struct schema *schema, const char *key)
{
	for (size_t i = 0; i < schema->field_count; i++)
		if (strcmp(schema->fields[i].key, key) == 0)
			return true;
	return false;
}

/* check_key - refuse a key that the schema does not have */
static void check_key(struct schema_reader *reader, const struct yaml_node *key, const struct schema *schema)
{
	struct suggest suggest;
	suggest_init(&suggest, key->text);
	if (has_field(schema, key->text))
		return;
	for (size_t i = 0; i < schema->field_count; i++)
		suggest_add(&suggest, schema->fields[i].key);
	for (size_t i = 0; schema->settings && i < schema->settings->count; i++) {
		if (strcmp(schema->settings->settings[i].key, key->text) == 0)
			return;
		if (!has_field(schema, schema->settings->settings[i].key))
			suggest_add(&suggest, schema->settings->settings[i].key);
	}
	report_add(&reader->report, key->at, "unknown key '%.64s' in %s; %s", key->text, schema->what,
	           suggest_text(&suggest));
}

static void read_fields(struct schema_reader *reader, const struct yaml_node *node,
                        const struct schema *schema, void *target)
{
	for (size_t i = 0; i < schema->field_count; i++) {
		const struct schema_field *field = &schema->fields[i];
		const struct yaml_node *value = yaml_get(node, field->key);
		if (value)
			field->read(reader, value, target);
		else if (field->missing)
			report_add(&reader->report, node->at, "there is no '%s' in %s; expected %s",
			           field->key, schema->what, field->missing);
	}
}

/* read_settings - those that no field of the same name stands for */
static void read_settings(struct schema_reader *reader, const struct yaml_node *node, const struct schema *schema,
                          void *target)
{
	const struct setting_map *settings = schema->settings;
	for (size_t i = 0; i < settings->count; i++) {
		const struct setting *setting = &settings->settings[i];
		const struct schema inner = {.what = setting->key, .settings = setting->map};
		const struct yaml_node *value = has_field(schema, setting->key) ? NULL : yaml_get(node, setting->key);
		if (value && setting->map)
			schema_read_mapping(reader, value, &inner, target);
		else if (value)
			schema_read_value(reader, value, &setting->type, (char *)target + setting->offset);
	}
}

void schema_read_mapping(struct schema_reader *reader, const struct yaml_node *node,
                         const struct schema *schema, void *target)
{
	if (node->kind != YAML_NULL &&
	    !schema_check_kind(reader, node, YAML_MAPPING, "a mapping of KEY: VALUE"))
		return;
	for (const struct yaml_node *child = node->first; child; child = child->next)
		check_key(reader, child->key, schema);
	read_fields(reader, node, schema, target);
	if (schema->settings)
		read_settings(reader, node, schema, target);
}

void schema_read_items(struct schema_reader *reader, const struct yaml_node *node, schema_fn *read_item,
                       void *target)
{
	if (node->kind != YAML_SEQUENCE) {
		read_item(reader, node, target);
		return;
	}
	if (!node->first)
		report_add(&reader->report, node->at, "the list is empty; expected at least one item");
	for (const struct yaml_node *item = node->first; item; item = item->next)
		read_item(reader, item, target);
}

/* read_netns_ref - read @prefix and the text of @node as a reference to a namespace */
static void read_netns_ref(struct schema_reader *reader, const struct yaml_node *node, const char *prefix,
                           struct netns_ref *ret)
{
	char text[2 * NETNS_TEXT_MAX]; /* what is cut here is too long anyway */
	struct err err = ERR_INIT;
	if (!schema_check_kind(reader, node, YAML_SCALAR, "a pid, or the path of a namespace"))
		return;
	snprintf(text, sizeof(text), "%s%s", prefix, node->text);
	if (netns_ref_parse(text, ret, &err) < 0)
		report_add(&reader->report, node->at, "%s", err.text);
}

void schema_read_pid(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	read_netns_ref(reader, node, "pid:", target);
}

void schema_read_path(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	read_netns_ref(reader, node, "path:", target);
}
