/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/config_tree.h"

#include <errno.h>
#include <string.h>

#include "app/nsrelay/setting.h"

/* add - once memory is out nothing is added any more, and parents are NULL */
static struct yaml_node *add(struct config_tree *tree, struct yaml_node *parent, const char *key,
			     enum yaml_kind kind, const char *text)
{
	struct yaml_node *node = parent ? yaml_add(&tree->yaml, parent, key, kind, text) : NULL;
	tree->out_of_memory |= !node;
	return node;
}

static struct yaml_node *add_mapping(struct config_tree *tree, struct yaml_node *parent, const char *key)
{
	return add(tree, parent, key, YAML_MAPPING, NULL);
}

/* add_text - @key NULL: to a list */
static void add_text(struct config_tree *tree, struct yaml_node *parent, const char *key, const char *text)
{
	add(tree, parent, key, YAML_SCALAR, text);
}

static void add_endpoint(struct config_tree *tree, struct yaml_node *parent, const char *key,
			 const struct endpoint *endpoint)
{
	char text[ENDPOINT_TEXT_MAX];
	add_text(tree, parent, key, endpoint_format(endpoint, text, sizeof(text)));
}

/* ---- settings ---- */

/* Whose settings are written, and the same with every default. */
struct owner {
	const void *has;
	const void *defaults;
};

static const char *format(const struct setting *setting, const void *owner, char buf[VALUE_TEXT_MAX])
{
	return value_format(&setting->type, (const char *)owner + setting->offset, buf, VALUE_TEXT_MAX);
}

static bool map_differs(const struct setting_map *map, struct owner owner);

static bool setting_differs(const struct setting *setting, struct owner owner)
{
	char has[VALUE_TEXT_MAX], by_default[VALUE_TEXT_MAX];
	if (setting->map)
		return map_differs(setting->map, owner);
	return strcmp(format(setting, owner.has, has), format(setting, owner.defaults, by_default)) != 0;
}

static bool map_differs(const struct setting_map *map, struct owner owner)
{
	for (size_t i = 0; i < map->count; i++)
		if (setting_differs(&map->settings[i], owner))
			return true;
	return false;
}

static void add_settings(struct config_tree *tree, struct yaml_node *parent, const struct setting_map *map,
			 struct owner owner)
{
	char text[VALUE_TEXT_MAX];
	for (size_t i = 0; i < map->count; i++) {
		const struct setting *setting = &map->settings[i];
		if (!tree->all && !setting_differs(setting, owner))
			continue;
		if (setting->map)
			add_settings(tree, add_mapping(tree, parent, setting->key), setting->map, owner);
		else
			add_text(tree, parent, setting->key, format(setting, owner.has, text));
	}
}

/* ---- pools ---- */

static void add_backend(struct config_tree *tree, struct yaml_node *list, const struct config_backend *backend)
{
	struct config_backend defaults;
	config_backend_init(&defaults);
	const struct owner owner = {backend, &defaults};
	if (backend->leftover)
		return;
	if (!tree->all && !map_differs(&setting_backend, owner)) {
		add_endpoint(tree, list, NULL, &backend->endpoint);
		return;
	}
	struct yaml_node *node = add_mapping(tree, list, NULL);
	add_endpoint(tree, node, "address", &backend->endpoint);
	add_settings(tree, node, &setting_backend, owner);
}

static void add_pool(struct config_tree *tree, struct yaml_node *pools, const struct config_pool *pool)
{
	struct config_pool defaults;
	config_pool_init(&defaults);
	if (pool->leftover)
		return;
	struct yaml_node *node = add_mapping(tree, pools, pool->name);
	struct yaml_node *backends = add(tree, node, "backends", YAML_SEQUENCE, NULL);
	for (size_t i = 0; i < pool->backend_count; i++)
		add_backend(tree, backends, &pool->backends[i]);
	const struct owner owner = {pool, &defaults};
	add_settings(tree, node, &setting_pool, owner);
	if (pool->health.interval_ms) { /* there are checks: it is never 0 then */
		config_health_init(&defaults.health);
		add_settings(tree, add_mapping(tree, node, "health"), &setting_health, owner);
	}
	if (pool->ejection.time_ms) { /* the same */
		config_ejection_init(&defaults.ejection);
		add_settings(tree, add_mapping(tree, node, "ejection"), &setting_ejection, owner);
	}
}

/* ---- relays ---- */

static void add_cidrs(struct config_tree *tree, struct yaml_node *parent, const char *key,
		      const struct config_cidrs *cidrs)
{
	char text[CIDR_TEXT_MAX];
	if (cidrs->count == 0)
		return;
	struct yaml_node *list = add(tree, parent, key, YAML_SEQUENCE, NULL);
	for (size_t i = 0; i < cidrs->count; i++)
		add_text(tree, list, NULL, cidr_format(&cidrs->items[i], text, sizeof(text)));
}

static void add_ports(struct config_tree *tree, struct yaml_node *parent, const char *key, const struct config_ports *ports)
{
	char text[sizeof("65535-65535")];
	if (ports->count == 0)
		return;
	struct yaml_node *list = add(tree, parent, key, YAML_SEQUENCE, NULL);
	for (size_t i = 0; i < ports->count; i++) {
		const struct config_port_range *range = &ports->items[i];
		if (range->first == range->last)
			snprintf(text, sizeof(text), "%hu", range->first);
		else
			snprintf(text, sizeof(text), "%hu-%hu", range->first, range->last);
		add_text(tree, list, NULL, text);
	}
}

static void add_namespaces(struct config_tree *tree, struct yaml_node *parent, const char *key,
			   const struct config_namespaces *namespaces)
{
	char text[ENDPOINT_TEXT_MAX];
	if (namespaces->count == 0)
		return;
	struct yaml_node *list = add(tree, parent, key, YAML_SEQUENCE, NULL);
	for (size_t i = 0; i < namespaces->count; i++)
		add_text(tree, list, NULL, netns_ref_format(&namespaces->items[i], text, sizeof(text)));
}

static void add_sni(struct config_tree *tree, struct yaml_node *parent, const struct config *config,
		    const struct config_relay *relay, struct owner owner)
{
	char name[SNI_NAME_MAX + 2];
	if (relay->sni.count == 0)
		return;
	struct yaml_node *node = add_mapping(tree, parent, "sni");
	struct yaml_node *routes = add_mapping(tree, node, "routes");
	for (size_t i = 0; i < relay->sni.count; i++) {
		const struct config_sni_route *route = &relay->sni.routes[i];
		snprintf(name, sizeof(name), "%s%s", route->name[0] == '.' ? "*" : "", route->name);
		add_text(tree, routes, name, config->pools[route->pool].name);
	}
	add_settings(tree, node, &setting_sni, owner);
}

static void add_destination(struct config_tree *tree, struct yaml_node *list, const struct config *config,
			    const struct config_destination *destination)
{
	const struct config_destination defaults = {0};
	struct yaml_node *node = add_mapping(tree, list, NULL);
	add_cidrs(tree, node, "networks", &destination->networks);
	add_ports(tree, node, "ports", &destination->ports);
	if (!destination->refuse)
		add_text(tree, node, "to", config->pools[destination->pool].name);
	add_settings(tree, node, &setting_destination, (struct owner){destination, &defaults});
}

static void add_destinations(struct config_tree *tree, struct yaml_node *parent, const struct config *config,
			     const struct config_relay *relay)
{
	if (relay->destinations.count == 0)
		return;
	struct yaml_node *list = add(tree, parent, "destinations", YAML_SEQUENCE, NULL);
	for (size_t i = 0; i < relay->destinations.count; i++)
		add_destination(tree, list, config, &relay->destinations.items[i]);
}

static void add_mirror(struct config_tree *tree, struct yaml_node *parent, const struct config_relay *relay,
		       const struct config_relay *defaults)
{
	if (!config_relay_mirrors(relay))
		return;
	struct yaml_node *node = add_mapping(tree, parent, "mirror");
	add_endpoint(tree, node, "to", &relay->mirror.to);
	add_cidrs(tree, node, "from", &relay->mirror.from);
	add_settings(tree, node, &setting_mirror, (struct owner){&relay->mirror, &defaults->mirror});
}

/* find_mapping - the one that @parent has under @key, which the settings may have made already */
static struct yaml_node *find_mapping(struct config_tree *tree, struct yaml_node *parent, const char *key)
{
	struct yaml_node *node = parent ? parent->first : NULL;
	while (node && strcmp(node->key->text, key) != 0)
		node = node->next;
	return node ? node : add_mapping(tree, parent, key);
}

static void add_scope(struct config_tree *tree, struct yaml_node *parent, const struct config_scope *scope)
{
	if (scope->only.count + scope->except.count + scope->only_ports.count + scope->except_ports.count == 0)
		return;
	struct yaml_node *node = find_mapping(tree, parent, "intercept");
	add_cidrs(tree, node, "only", &scope->only);
	add_cidrs(tree, node, "except", &scope->except);
	add_ports(tree, node, "only_ports", &scope->only_ports);
	add_ports(tree, node, "except_ports", &scope->except_ports);
}

/* add_accept - to what the settings of proxy_protocol have made already */
static void add_accept(struct config_tree *tree, struct yaml_node *parent, const struct config_accept *accept)
{
	char text[CIDR_TEXT_MAX];
	if (!accept->from_unix && accept->from.count == 0)
		return;
	struct yaml_node *node = find_mapping(tree, parent, "proxy_protocol");
	struct yaml_node *list = add(tree, node, "accept_from", YAML_SEQUENCE, NULL);
	if (accept->from_unix)
		add_text(tree, list, NULL, "unix");
	for (size_t i = 0; i < accept->from.count; i++)
		add_text(tree, list, NULL, cidr_format(&accept->from.items[i], text, sizeof(text)));
}

static void add_listeners(struct config_tree *tree, struct yaml_node *parent, const struct config_relay *relay)
{
	struct yaml_node *list = add(tree, parent, "listen", YAML_SEQUENCE, NULL);
	for (size_t i = 0; i < relay->listener_count; i++)
		add_endpoint(tree, list, NULL, &relay->listeners[i]);
}

static void add_relay(struct config_tree *tree, struct yaml_node *relays, const struct config *config,
		      const struct config_relay *relay)
{
	struct config_relay defaults;
	config_relay_init(&defaults);
	const struct owner owner = {relay, &defaults};
	if (relay->leftover_until_ms)
		return;
	struct yaml_node *node = add_mapping(tree, relays, NULL);
	add_text(tree, node, "name", relay->name);
	add_listeners(tree, node, relay);
	add_text(tree, node, "to", config->pools[relay->pool].name);
	add_destinations(tree, node, config, relay);
	add_sni(tree, node, config, relay, owner);
	add_cidrs(tree, node, "allow", &relay->access.allow);
	add_cidrs(tree, node, "deny", &relay->access.deny);
	add_namespaces(tree, node, "allow_namespaces", &relay->access.allow_namespaces);
	add_namespaces(tree, node, "deny_namespaces", &relay->access.deny_namespaces);
	add_settings(tree, node, &setting_relay, owner);
	add_accept(tree, node, &relay->accept);
	add_scope(tree, node, &relay->scope);
	add_mirror(tree, node, relay, &defaults);
}

/* ---- all ---- */

static struct yaml_node *begin(struct config_tree *tree, bool all)
{
	*tree = (struct config_tree){.all = all};
	struct yaml_node *root = yaml_add(&tree->yaml, NULL, NULL, YAML_MAPPING, NULL);
	tree->out_of_memory = !root;
	return root;
}

static int end(const struct config_tree *tree)
{
	return tree->out_of_memory ? -ENOMEM : 0;
}

static bool is_first_of_policy(const struct config *config, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (strcmp(config->watch[i].policy, config->watch[index].policy) == 0)
			return false;
	return true;
}

/* add_watch - to what the settings of enrolment have made already. Patterns of one policy are together: which of several
 * policies a name fits first is by their order, which stays. */
static void add_watch(struct config_tree *tree, struct yaml_node *root, const struct config *config)
{
	if (config->watch_count == 0)
		return;
	struct yaml_node *watch = add_mapping(tree, find_mapping(tree, root, "enrolment"), "watch");
	for (size_t i = 0; i < config->watch_count; i++) {
		if (!is_first_of_policy(config, i))
			continue;
		struct yaml_node *list = add(tree, watch, config->watch[i].policy, YAML_SEQUENCE, NULL);
		for (size_t j = i; j < config->watch_count; j++)
			if (strcmp(config->watch[j].policy, config->watch[i].policy) == 0)
				add_text(tree, list, NULL, config->watch[j].pattern);
	}
}

static void add_daemon(struct config_tree *tree, struct yaml_node *root, const struct config *config)
{
	struct config defaults;
	config_init(&defaults);
	add_settings(tree, root, &setting_daemon, (struct owner){config, &defaults});
	add_watch(tree, root, config);
}

int config_tree_init(struct config_tree *tree, const struct config *config, bool all)
{
	struct yaml_node *root = begin(tree, all);
	add_daemon(tree, root, config);
	struct yaml_node *pools = add_mapping(tree, root, "pools");
	for (size_t i = 0; i < config->pool_count; i++)
		add_pool(tree, pools, &config->pools[i]);
	struct yaml_node *relays = add(tree, root, "relays", YAML_SEQUENCE, NULL);
	for (size_t i = 0; i < config->relay_count; i++)
		add_relay(tree, relays, config, &config->relays[i]);
	return end(tree);
}

int config_tree_init_daemon(struct config_tree *tree, const struct config *config, bool all)
{
	add_daemon(tree, begin(tree, all), config);
	return end(tree);
}

int config_tree_init_pool(struct config_tree *tree, const struct config_pool *pool, bool all)
{
	add_pool(tree, add_mapping(tree, begin(tree, all), "pools"), pool);
	return end(tree);
}

int config_tree_init_relay(struct config_tree *tree, const struct config *config, const struct config_relay *relay,
			   bool all)
{
	add_relay(tree, add(tree, begin(tree, all), "relays", YAML_SEQUENCE, NULL), config, relay);
	return end(tree);
}

void config_tree_fini(struct config_tree *tree)
{
	yaml_fini(&tree->yaml);
}
