/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/topology_file.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "app/text/text_file.h"
#include "app/nsctl/topology_check.h"
#include "app/nsctl/topology_draft.h"

static const struct value_type name_type = {VALUE_NAME, .min = 1, .max = TOPOLOGY_NAME_MAX - 1};

/* parse_name - it becomes the name of a file and of a table, and so does not begin as an option or a hidden
 * file does */
static int parse_name(const char *text, char *ret, struct err *err)
{
	if (text[0] == '.' || text[0] == '-')
		return err_set(err, EINVAL, "'%.64s' begins with '%c'; expected a letter or digit", text,
		               text[0]);
	return value_parse(&name_type, text, ret, err);
}

static void read_name(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology *topology = target;
	struct err err = ERR_INIT;
	if (schema_check_kind(reader, node, YAML_SCALAR, "the name of the topology") &&
	    parse_name(node->text, topology->name, &err) < 0)
		report_add(&reader->report, node->at, "%s", err.text);
}

/* name_after_file - "lab/web.yaml" is the topology "web" */
static void name_after_file(struct topology_draft *draft)
{
	struct err err = ERR_INIT;
	char name[NAME_MAX + 1]; /* a path's last part is no longer, and what is cut is refused anyway */
	const char *slash = strrchr(draft->reader.report.name, '/');
	snprintf(name, sizeof(name), "%s", slash ? slash + 1 : draft->reader.report.name);
	char *dot = strrchr(name, '.');
	if (dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0))
		*dot = '\0';
	if (parse_name(name, draft->topology.name, &err) < 0)
		draft_complain(draft, (struct span){0},
		               "the file's name cannot be the topology's; expected 'name: NAME' (%s)",
		               err.text);
}

static const struct schema_field file_fields[] = {
        {"name", read_name, NULL, "NAME", "what its things are marked with; by default the file's name without .yaml",
         NULL},
        {"namespaces", topology_read_namespaces, NULL, "{ NAME: mapping }",
         "which there are: made, as /run/netns/NAME, unless an entry says otherwise; host is nsctl's own, and needs none",
         &topology_netns_schema},
        {"links", topology_read_links, NULL, "{ NAMESPACE/LINK: mapping }",
         "what is in them; NAMESPACE/lo takes addresses only, any other says by one key of which kind it is",
         &topology_link_schema},
        {"expect", topology_read_expects, NULL, "list", "what can be reached from where, tried by nsctl topology verify",
         &topology_expect_schema},
};
const struct schema topology_file_schema = SCHEMA("the file", file_fields, NULL);

static int read_root(struct topology_draft *draft, const struct yaml_node *root)
{
	if (root && root->kind != YAML_NULL)
		schema_read_mapping(&draft->reader, root, &topology_file_schema, &draft->topology);
	else
		draft_complain(draft, (struct span){0},
		               "the file is empty; expected 'namespaces:' and 'links:'");
	if (!yaml_get(root, "name"))
		name_after_file(draft);
	if (draft->reader.out_of_memory)
		return -ENOMEM;
	topology_check_links(draft);
	topology_check_twins(draft);
	topology_check_routes(draft);
	if (draft->reader.out_of_memory || topology_know_neighbours(&draft->topology) < 0)
		return -ENOMEM;
	return draft->reader.report.count ? -EINVAL : 0;
}

int topology_text_load(const char *text, size_t size, const char *name, struct topology *ret, FILE *report)
{
	struct topology_draft draft;
	struct yaml yaml;
	topology_draft_init(&draft, name, text, size);
	int r = yaml_init(&yaml, &draft.reader.report);
	if (r == 0) {
		r = read_root(&draft, yaml.root);
		yaml_fini(&yaml);
	}
	if (r == 0) {
		*ret = draft.topology;
		draft.topology = (struct topology){0};
	} else {
		report_print_failure(&draft.reader.report, r, report);
	}
	topology_draft_fini(&draft);
	return r;
}

int topology_file_load(const char *path, struct topology *ret, FILE *report)
{
	char *text;
	size_t size;
	int r = text_file_read(path, "a topology", &text, &size, report);
	if (r < 0)
		return r;
	r = topology_text_load(text, size, path, ret, report);
	free(text);
	return r;
}
