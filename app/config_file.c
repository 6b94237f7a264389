/* SPDX-License-Identifier: Apache-2.0 */
#include "app/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/config_check.h"
#include "app/report.h"
#include "app/setting.h"
#include "app/suggest.h"
#include "app/yaml.h"
#include "base/check.h"

/* In the order in which things were added to the configuration, so that a complaint finds its place. */
struct origins {
	const struct yaml_node **nodes;
	size_t count;
};

/* A name of `namespaces:` and what it stands for. */
struct declaration {
	const char *name;
	struct netns_ref ref;
};

struct loader {
	struct report report;
	struct config config;
	struct config_relay defaults;
	struct declaration *declarations;
	size_t declaration_count;
	size_t declared_pool_count; /* those after it belong to one relay each */
	struct origins origins[CONFIG_PART_BACKEND + 1];
	bool out_of_memory;
};

/* What a reader gets as @target depends on the table it stands in. */
typedef void field_fn(struct loader *loader, const struct yaml_node *node, void *target);

/* A key whose value has a shape of its own. Read in the table's order: what is referred to comes first. */
struct field {
	const char *key;
	field_fn *read;
	const char *missing; /* what to say when it is not there; NULL: it may be left out */
};

/* The keys of a mapping. */
struct schema {
	const char *what; /* "a relay" */
	const struct field *fields;
	size_t field_count;
	const struct setting_map *settings; /* legal keys as well; NULL: none */
};

#define SCHEMA(of, array, map)                                                                               \
	{                                                                                                    \
		.what = (of), .fields = (array), .field_count = ARRAY_COUNT(array), .settings = (map)        \
	}

/* The pool of a relay whose `to:` is missing or wrong. */
static const size_t NO_POOL = SIZE_MAX;

static bool check_kind(struct loader *loader, const struct yaml_node *node, enum yaml_kind kind,
		       const char *expected)
{
	if (node->kind != kind)
		report_add(&loader->report, node->at, "there is %s; expected %s", yaml_kind_name(node->kind),
			   expected);
	return node->kind == kind;
}

/* is_there - note that memory is out when @allocated is not there */
static bool is_there(struct loader *loader, const void *allocated)
{
	loader->out_of_memory |= !allocated;
	return allocated;
}

/* remember - the next @part of the configuration comes from @node */
static void remember(struct loader *loader, enum config_part part, const struct yaml_node *node)
{
	struct origins *origins = &loader->origins[part];
	if ((origins->count & (origins->count - 1)) == 0) { /* 0 or a power of two: full */
		size_t capacity = origins->count ? origins->count * 2 : 1;
		const struct yaml_node **nodes = reallocarray(origins->nodes, capacity,
							      sizeof(struct yaml_node *));
		if (!is_there(loader, nodes))
			return;
		origins->nodes = nodes;
	}
	origins->nodes[origins->count++] = node;
}

static void read_value(struct loader *loader, const struct yaml_node *node, const struct value_type *type,
		       void *ret)
{
	struct err err = ERR_INIT;
	char expected[VALUE_TEXT_MAX];
	if (!check_kind(loader, node, YAML_SCALAR, value_describe(type, expected, sizeof(expected))))
		return;
	if (value_parse(type, node->text, ret, &err) < 0)
		report_add(&loader->report, node->at, "%s", err.text);
}

/* check_key - refuse a key that the schema does not have */
static void check_key(struct loader *loader, const struct yaml_node *key, const struct schema *schema)
{
	struct suggest suggest;
	suggest_init(&suggest, key->text);
	for (size_t i = 0; i < schema->field_count; i++) {
		if (strcmp(schema->fields[i].key, key->text) == 0)
			return;
		suggest_add(&suggest, schema->fields[i].key);
	}
	for (size_t i = 0; schema->settings && i < schema->settings->count; i++) {
		if (strcmp(schema->settings->settings[i].key, key->text) == 0)
			return;
		suggest_add(&suggest, schema->settings->settings[i].key);
	}
	report_add(&loader->report, key->at, "unknown key '%.64s' in %s; %s", key->text, schema->what,
		   suggest_text(&suggest));
}

static void read_fields(struct loader *loader, const struct yaml_node *node, const struct schema *schema,
			void *target)
{
	for (size_t i = 0; i < schema->field_count; i++) {
		const struct field *field = &schema->fields[i];
		const struct yaml_node *value = yaml_get(node, field->key);
		if (value)
			field->read(loader, value, target);
		else if (field->missing)
			report_add(&loader->report, node->at, "there is no '%s' in %s; expected %s",
				   field->key, schema->what, field->missing);
	}
}

/* read_mapping - read what @schema names into @target; nothing at all is an empty mapping */
static void read_mapping(struct loader *loader, const struct yaml_node *node, const struct schema *schema,
			 void *target)
{
	if (node->kind != YAML_NULL && !check_kind(loader, node, YAML_MAPPING, "a mapping of KEY: VALUE"))
		return;
	for (const struct yaml_node *child = node->first; child; child = child->next)
		check_key(loader, child->key, schema);
	read_fields(loader, node, schema, target);
	for (size_t i = 0; schema->settings && i < schema->settings->count; i++) {
		const struct setting *setting = &schema->settings->settings[i];
		const struct schema inner = {.what = setting->key, .settings = setting->map};
		const struct yaml_node *value = yaml_get(node, setting->key);
		if (value && setting->map)
			read_mapping(loader, value, &inner, target);
		else if (value)
			read_value(loader, value, &setting->type, (char *)target + setting->offset);
	}
}

/* read_items - read each item of a list, or the one value that stands for a list of one */
static void read_items(struct loader *loader, const struct yaml_node *node, field_fn *read_item, void *target)
{
	if (node->kind != YAML_SEQUENCE)
		read_item(loader, node, target);
	else if (!node->first)
		report_add(&loader->report, node->at, "the list is empty; expected at least one item");
	for (const struct yaml_node *item = node->kind == YAML_SEQUENCE ? node->first : NULL; item;
	     item = item->next)
		read_item(loader, item, target);
}

/* read_netns_ref - read @prefix and the text of @node as a reference to a namespace */
static void read_netns_ref(struct loader *loader, const struct yaml_node *node, const char *prefix,
			   struct netns_ref *ret)
{
	char text[2 * NETNS_TEXT_MAX]; /* what is cut here is too long anyway */
	struct err err = ERR_INIT;
	if (!check_kind(loader, node, YAML_SCALAR, "a pid, or the path of a namespace"))
		return;
	snprintf(text, sizeof(text), "%s%s", prefix, node->text);
	if (netns_ref_parse(text, ret, &err) < 0)
		report_add(&loader->report, node->at, "%s", err.text);
}

static void read_pid(struct loader *loader, const struct yaml_node *node, void *target)
{
	read_netns_ref(loader, node, "pid:", target);
}

static void read_path(struct loader *loader, const struct yaml_node *node, void *target)
{
	read_netns_ref(loader, node, "path:", target);
}

static const struct field namespace_fields[] = {{"pid", read_pid, NULL}, {"path", read_path, NULL}};
static const struct schema namespace_schema = SCHEMA("a namespace", namespace_fields, NULL);

static void read_namespace(struct loader *loader, const struct yaml_node *node,
			   struct declaration *declaration)
{
	struct err err = ERR_INIT;
	const struct yaml_node *key = node->key;
	declaration->name = key->text;
	if (netns_ref_parse(key->text, &declaration->ref, &err) < 0)
		report_add(&loader->report, key->at, "%s", err.text);
	else if (declaration->ref.kind != NETNS_NAME)
		report_add(&loader->report, key->at,
			   "'%.64s' has a meaning of its own; expected another name", key->text);
	read_mapping(loader, node, &namespace_schema, &declaration->ref);
	if (yaml_get(node, "pid") && yaml_get(node, "path"))
		report_add(&loader->report, key->at,
			   "the namespace '%.64s' has both pid and path; expected one of them", key->text);
}

static void read_namespaces(struct loader *loader, const struct yaml_node *node, void *target)
{
	(void)target;
	if (node->kind == YAML_NULL || !check_kind(loader, node, YAML_MAPPING, "a mapping of NAME: {}"))
		return;
	loader->declarations = calloc(node->child_count + 1, sizeof(struct declaration));
	if (!is_there(loader, loader->declarations))
		return;
	for (const struct yaml_node *child = node->first; child; child = child->next)
		read_namespace(loader, child, &loader->declarations[loader->declaration_count++]);
}

/* resolve - put what was declared under a name in the name's place */
static void resolve(const struct loader *loader, struct netns_ref *ref)
{
	for (size_t i = 0; ref->kind == NETNS_NAME && i < loader->declaration_count; i++) {
		if (strcmp(loader->declarations[i].name, ref->text) == 0) {
			*ref = loader->declarations[i].ref;
			return;
		}
	}
}

static bool read_endpoint(struct loader *loader, const struct yaml_node *node, struct endpoint *ret)
{
	struct err err = ERR_INIT;
	if (!check_kind(loader, node, YAML_SCALAR, "an endpoint NETNS/ADDRESS:PORT"))
		return false;
	if (endpoint_parse(node->text, ret, &err) < 0) {
		report_add(&loader->report, node->at, "%s", err.text);
		return false;
	}
	resolve(loader, &ret->netns);
	return true;
}

static void read_address(struct loader *loader, const struct yaml_node *node, void *target)
{
	struct endpoint endpoint;
	if (!read_endpoint(loader, node, &endpoint))
		return;
	loader->out_of_memory |= config_pool_add_backend(target, &endpoint) < 0;
	remember(loader, CONFIG_PART_BACKEND, node);
}

static const struct field backend_fields[] = {{"address", read_address, "address: NETNS/ADDRESS:PORT"}};
static const struct schema backend_schema = SCHEMA("a backend", backend_fields, NULL);

static void read_backend(struct loader *loader, const struct yaml_node *node, void *target)
{
	if (node->kind == YAML_MAPPING)
		read_mapping(loader, node, &backend_schema, target);
	else
		read_address(loader, node, target);
}

static void read_backends(struct loader *loader, const struct yaml_node *node, void *target)
{
	read_items(loader, node, read_backend, target);
}

static void read_balance(struct loader *loader, const struct yaml_node *node, void *target)
{
	uint32_t choice; /* there is only one so far */
	(void)target;
	read_value(loader, node, &setting_balance_type, &choice);
}

static const struct field pool_fields[] = {
	{"balance", read_balance, NULL},
	{"backends", read_backends, "backends: [ NETNS/ADDRESS:PORT ]"},
};
static const struct schema pool_schema = SCHEMA("a pool", pool_fields, NULL);

static void read_pool(struct loader *loader, const struct yaml_node *node)
{
	struct err err = ERR_INIT;
	struct config_pool *pool = config_add_pool(&loader->config);
	if (!is_there(loader, pool))
		return;
	if (value_parse(&setting_name_type, node->key->text, pool->name, &err) < 0)
		report_add(&loader->report, node->key->at, "%s", err.text);
	read_mapping(loader, node, &pool_schema, pool);
}

static void read_pools(struct loader *loader, const struct yaml_node *node, void *target)
{
	(void)target;
	if (node->kind == YAML_NULL ||
	    !check_kind(loader, node, YAML_MAPPING, "a mapping of NAME: { backends: [ ... ] }"))
		return;
	for (const struct yaml_node *child = node->first; child; child = child->next)
		read_pool(loader, child);
	loader->declared_pool_count = loader->config.pool_count;
}

static void read_defaults(struct loader *loader, const struct yaml_node *node, void *target)
{
	static const struct schema schema = {.what = "defaults", .settings = &setting_relay};
	(void)target;
	read_mapping(loader, node, &schema, &loader->defaults);
}

static void read_name(struct loader *loader, const struct yaml_node *node, void *target)
{
	struct config_relay *relay = target;
	read_value(loader, node, &setting_name_type, relay->name);
}

static void read_listener(struct loader *loader, const struct yaml_node *node, void *target)
{
	struct endpoint endpoint;
	if (!read_endpoint(loader, node, &endpoint))
		return;
	loader->out_of_memory |= config_relay_add_listener(target, &endpoint) < 0;
	remember(loader, CONFIG_PART_LISTENER, node);
}

static void read_listen(struct loader *loader, const struct yaml_node *node, void *target)
{
	read_items(loader, node, read_listener, target);
}

/* find_pool - the index of the pool declared as @name, or NO_POOL */
static size_t find_pool(const struct loader *loader, const char *name)
{
	for (size_t i = 0; *name && i < loader->declared_pool_count; i++) /* a refused name was left empty */
		if (strcmp(loader->config.pools[i].name, name) == 0)
			return i;
	return NO_POOL;
}

static void refuse_pool(struct loader *loader, const struct yaml_node *node)
{
	struct suggest suggest;
	suggest_init(&suggest, node->text);
	for (size_t i = 0; i < loader->declared_pool_count; i++)
		suggest_add(&suggest, loader->config.pools[i].name);
	report_add(&loader->report, node->at, "there is no pool '%.64s'; %s", node->text,
		   suggest.best ? suggest_text(&suggest)
				: "expected the name of a pool, or an endpoint NETNS/ADDRESS:PORT");
}

/* read_own_pool - the endpoints of `to:` make a pool with the relay's name */
static void read_own_pool(struct loader *loader, const struct yaml_node *node, struct config_relay *relay)
{
	if (find_pool(loader, relay->name) != NO_POOL)
		report_add(&loader->report, node->at,
			   "these endpoints would make a second pool '%s'; expected the pool's or the "
			   "relay's name changed",
			   relay->name);
	struct config_pool *pool = config_add_pool(&loader->config);
	if (!is_there(loader, pool))
		return;
	memcpy(pool->name, relay->name, sizeof(pool->name));
	relay->pool = loader->config.pool_count - 1;
	read_backends(loader, node, pool);
}

static void read_to(struct loader *loader, const struct yaml_node *node, void *target)
{
	struct config_relay *relay = target;
	if (node->kind != YAML_SCALAR || strchr(node->text, '/')) {
		read_own_pool(loader, node, relay);
		return;
	}
	relay->pool = find_pool(loader, node->text);
	if (relay->pool == NO_POOL)
		refuse_pool(loader, node);
}

static const struct field relay_fields[] = {
	{"name", read_name, "name: NAME"},
	{"listen", read_listen, "listen: NETNS/ADDRESS:PORT"},
	{"to", read_to, "to: POOL or to: NETNS/ADDRESS:PORT"},
};
static const struct schema relay_schema = SCHEMA("a relay", relay_fields, &setting_relay);

static void read_relay(struct loader *loader, const struct yaml_node *node, void *target)
{
	(void)target;
	struct config_relay *relay = config_add_relay(&loader->config);
	if (!is_there(loader, relay))
		return;
	*relay = loader->defaults;
	const struct yaml_node *name = yaml_get(node, "name");
	remember(loader, CONFIG_PART_RELAY, name ? name : node);
	read_mapping(loader, node, &relay_schema, relay);
}

static void read_relays(struct loader *loader, const struct yaml_node *node, void *target)
{
	if (check_kind(loader, node, YAML_SEQUENCE, "a list of relays"))
		read_items(loader, node, read_relay, target);
}

static const struct field file_fields[] = {
	{"namespaces", read_namespaces, NULL},
	{"pools", read_pools, NULL},
	{"defaults", read_defaults, NULL},
	{"relays", read_relays, "a list of at least one relay"},
};
static const struct schema file_schema = SCHEMA("the file", file_fields, &setting_daemon);

static void complain(void *context, enum config_part part, size_t index, const char *text)
{
	struct loader *loader = context;
	CHECK(index < loader->origins[part].count);
	report_add(&loader->report, loader->origins[part].nodes[index]->at, "%s", text);
}

static int read_root(struct loader *loader, const struct yaml_node *root)
{
	if (root && root->kind != YAML_NULL)
		read_mapping(loader, root, &file_schema, &loader->config);
	else
		report_add(&loader->report, (struct span){0},
			   "the file is empty; expected a list of at least one relay "
			   "under 'relays:'");
	if (loader->out_of_memory)
		return -ENOMEM;
	config_check(&loader->config, complain, loader);
	return loader->report.count ? -EINVAL : 0;
}

static void loader_init(struct loader *loader, const char *name, const char *text, size_t size)
{
	*loader = (struct loader){0};
	report_init(&loader->report, name, text, size);
	config_init(&loader->config);
	config_relay_init(&loader->defaults);
	loader->defaults.pool = NO_POOL;
}

static void loader_fini(struct loader *loader)
{
	config_fini(&loader->config);
	free(loader->declarations);
	for (size_t i = 0; i < ARRAY_COUNT(loader->origins); i++)
		free(loader->origins[i].nodes);
}

static void print_failure(const struct loader *loader, int r, FILE *out)
{
	if (r == -ENOMEM && out)
		fprintf(out, "%s: error: out of memory\n", loader->report.name);
	else
		report_print(&loader->report, out);
}

int config_text_load(const char *text, size_t size, const char *name, struct config *ret, FILE *report)
{
	struct loader loader;
	struct yaml yaml;
	loader_init(&loader, name, text, size);
	int r = yaml_init(&yaml, &loader.report);
	if (r == 0) {
		r = read_root(&loader, yaml.root);
		yaml_fini(&yaml);
	}
	if (r == 0) {
		*ret = loader.config;
		loader.config = (struct config){0};
	} else {
		print_failure(&loader, r, report);
	}
	loader_fini(&loader);
	return r;
}

/* read_all - read to the end of @fd; @size bytes at most, and -EFBIG when there are more */
static ssize_t read_all(int fd, char *buf, size_t size)
{
	char beyond;
	size_t length = 0;
	for (;;) {
		bool full = length == size;
		ssize_t n = read(fd, full ? &beyond : buf + length, full ? 1 : size - length);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return (ssize_t)length;
		if (n > 0 && full)
			return -EFBIG;
		length += n > 0 ? (size_t)n : 0;
	}
}

static int refuse_file(const char *path, const char *what, int r, FILE *report)
{
	errno = -r;
	if (report && r == -EFBIG)
		fprintf(report,
			"%s: error: the file is too large; expected a configuration of at most %d MiB\n",
			path, CONFIG_FILE_SIZE_MAX >> 20);
	else if (report)
		fprintf(report, "%s: error: the file cannot be %s: %m; expected a readable file\n", path,
			what);
	return r;
}

int config_file_load(const char *path, struct config *ret, FILE *report)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return refuse_file(path, "opened", -errno, report);
	char *text = malloc(CONFIG_FILE_SIZE_MAX);
	ssize_t size = text ? read_all(fd, text, CONFIG_FILE_SIZE_MAX) : -ENOMEM;
	close(fd);
	int r = size < 0 ? refuse_file(path, "read", (int)size, report)
			 : config_text_load(text, (size_t)size, path, ret, report);
	free(text);
	return r;
}
