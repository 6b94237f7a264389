/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/config_enrolment.h"

#include <string.h>

#include "app/nsrelay/setting.h"
#include "relay/config.h"

/* What a pattern is added to. */
struct watch_draft {
	struct config *config;
	struct config_watch watch; /* with its policy */
};

static void read_pattern(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct watch_draft *draft = target;
	if (!schema_check_kind(reader, node, YAML_SCALAR, "a name in /run/netns, or a pattern such as web-*"))
		return;
	if (!*node->text || strchr(node->text, '/') || strlen(node->text) >= sizeof(draft->watch.pattern)) {
		report_add(&reader->report, node->at,
		           "'%.64s' fits no name; expected a name in /run/netns, or a pattern such as web-*", node->text);
		return;
	}
	memcpy(draft->watch.pattern, node->text, strlen(node->text) + 1);
	reader->out_of_memory |= config_add_watch(draft->config, &draft->watch) < 0;
}

static void read_watch(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct err err = ERR_INIT;
	if (node->kind == YAML_NULL || !schema_check_kind(reader, node, YAML_MAPPING, "a mapping of POLICY: PATTERN"))
		return;
	for (const struct yaml_node *child = node->first; child; child = child->next) {
		struct watch_draft draft = {.config = target};
		if (value_parse(&setting_name_type, child->key->text, draft.watch.policy, &err) < 0)
			report_add(&reader->report, child->key->at, "%s", err.text);
		else
			schema_read_items(reader, child, read_pattern, &draft);
	}
}

static const struct schema_field fields[] = {
        {"watch", read_watch, NULL, "{ POLICY: PATTERN, or a list }",
         "names in /run/netns that are enrolled under the policy as they appear, and withdrawn as they vanish", NULL},
};
const struct schema config_enrolment_schema = SCHEMA("enrolment", fields, &setting_enrolment);

void config_read_enrolment(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	schema_read_mapping(reader, node, &config_enrolment_schema, target);
}
