/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/config_file.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "app/nsrelay/config_check.h"
#include "app/nsrelay/config_enrolment.h"
#include "app/nsrelay/config_lists.h"
#include "app/nsrelay/config_loader.h"
#include "app/nsrelay/config_publish.h"
#include "app/text/schema.h"
#include "app/text/suggest.h"
#include "app/text/text_file.h"
#include "base/vec.h"

/* The pool of a relay whose `to:` is missing or wrong. */
static const size_t NO_POOL = SIZE_MAX;

void loader_remember(struct loader *loader, enum config_part part, const struct yaml_node *node)
{
	struct origin *origin = vec_push(&loader->origins[part]);
	if (schema_is_there(&loader->reader, origin))
		origin->node = node;
}

void loader_remember_backend(struct loader *loader, const struct config_pool *pool, const struct yaml_node *node)
{
	struct origin *origin = vec_push(&loader->origins[CONFIG_PART_BACKEND]);
	if (schema_is_there(&loader->reader, origin))
		*origin = (struct origin){node, (size_t)(pool - loader->config.pools), pool->backend_count - 1};
}

static const struct schema_field namespace_fields[] = {
        {"pid", schema_read_pid, NULL, "PID", "the namespace of this process", NULL},
        {"path", schema_read_path, NULL, "FILE", "the namespace that this file is", NULL},
};
static const struct schema namespace_schema = SCHEMA("a namespace", namespace_fields, NULL);

static void read_namespace(struct loader *loader, const struct yaml_node *node,
			   struct declaration *declaration)
{
	struct err err = ERR_INIT;
	const struct yaml_node *key = node->key;
	declaration->name = key->text;
	if (netns_ref_parse(key->text, &declaration->ref, &err) < 0)
		report_add(&loader->reader.report, key->at, "%s", err.text);
	else if (declaration->ref.kind != NETNS_NAME)
		report_add(&loader->reader.report, key->at,
		           "'%.64s' has a meaning of its own; expected another name", key->text);
	schema_read_mapping(&loader->reader, node, &namespace_schema, &declaration->ref);
	if (yaml_get(node, "pid") && yaml_get(node, "path"))
		report_add(&loader->reader.report, key->at,
		           "the namespace '%.64s' has both pid and path; expected one of them", key->text);
}

static void read_namespaces(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct loader *loader = loader_of(reader);
	(void)target;
	if (node->kind == YAML_NULL ||
	    !schema_check_kind(reader, node, YAML_MAPPING, "a mapping of NAME: {}"))
		return;
	loader->declarations = calloc(node->child_count + 1, sizeof(struct declaration));
	if (!schema_is_there(reader, loader->declarations))
		return;
	for (const struct yaml_node *child = node->first; child; child = child->next)
		read_namespace(loader, child, &loader->declarations[loader->declaration_count++]);
}

void loader_resolve(const struct loader *loader, struct netns_ref *ref)
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
	if (!schema_check_kind(&loader->reader, node, YAML_SCALAR, "an endpoint NETNS/ADDRESS:PORT"))
		return false;
	if (endpoint_parse(node->text, ret, &err) < 0) {
		report_add(&loader->reader.report, node->at, "%s", err.text);
		return false;
	}
	loader_resolve(loader, &ret->netns);
	return true;
}

/* is_original - wherever an intercepted client wanted to go */
static bool is_original(const struct yaml_node *node)
{
	return node->kind == YAML_SCALAR && strcmp(node->text, ENDPOINT_ORIGINAL) == 0;
}

/* A backend while it is read: it is one once its address is known. */
struct backend_draft {
	struct config_backend backend; /* first: its settings are read into the draft */
	const struct yaml_node *address; /* NULL: none, or one that was refused */
};

static void read_address(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct backend_draft *draft = target;
	/* The original destination is no endpoint: it stays empty. */
	if (is_original(node) || read_endpoint(loader_of(reader), node, &draft->backend.endpoint))
		draft->address = node;
}

static const struct schema_field backend_fields[] = {
        {"address", read_address, "address: NETNS/ADDRESS:PORT", "ENDPOINT", "where it listens; original: wherever an intercepted client wanted to go", NULL},
};
static const struct schema backend_schema = SCHEMA("a backend", backend_fields, &setting_backend);
static const struct schema health_schema = {.what = "health", .settings = &setting_health};
static const struct schema ejection_schema = {.what = "ejection", .settings = &setting_ejection};

static void read_backend(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct config_pool *pool = target;
	struct backend_draft draft = {0};
	config_backend_init(&draft.backend);
	if (node->kind == YAML_MAPPING)
		schema_read_mapping(reader, node, &backend_schema, &draft);
	else
		read_address(reader, node, &draft);
	if (!draft.address)
		return;
	if (config_pool_add_backend(pool, &draft.backend.endpoint) < 0) {
		reader->out_of_memory = true;
		return;
	}
	pool->backends[pool->backend_count - 1] = draft.backend;
	loader_remember_backend(loader_of(reader), pool, draft.address);
}

static void read_backends(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	schema_read_items(reader, node, read_backend, target);
}

static void read_health(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct config_pool *pool = target;
	config_health_init(&pool->health);
	schema_read_mapping(reader, node, &health_schema, pool);
}

static void read_ejection(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct config_pool *pool = target;
	config_ejection_init(&pool->ejection);
	schema_read_mapping(reader, node, &ejection_schema, pool);
}

static const struct schema_field pool_fields[] = {
        {"ejection", read_ejection, NULL, "mapping", "backends that fail connections are left out for a while",
         &ejection_schema},
        {"health", read_health, NULL, "mapping", "backends are connected to now and then, to see whether they are well",
         &health_schema},
        {"backends", read_backends, "backends: [ NETNS/ADDRESS:PORT ]", "list",
         "where its connections go; an ENDPOINT alone is short for { address: ENDPOINT }", &backend_schema},
};
static const struct schema pool_schema = SCHEMA("a pool", pool_fields, &setting_pool);

/* find_pool - the index of the pool declared as @name, or NO_POOL */
static size_t find_pool(const struct loader *loader, const char *name)
{
	for (size_t i = 0; *name && i < loader->declared_pool_count; i++) /* a refused name was left empty */
		if (strcmp(loader->config.pools[i].name, name) == 0)
			return i;
	return NO_POOL;
}

static bool has_twice(const struct config_pool *pool, size_t position)
{
	for (size_t i = 0; i < position; i++)
		if (endpoint_equal(&pool->backends[i].endpoint, &pool->backends[position].endpoint))
			return true;
	return false;
}

/* refuse_known - those that @pool had already, of the ones from @first on */
static void refuse_known(struct loader *loader, const struct config_pool *pool, size_t first)
{
	const struct origin *origins = loader->origins[CONFIG_PART_BACKEND].items;
	size_t count = loader->origins[CONFIG_PART_BACKEND].count;
	for (size_t i = count - (pool->backend_count - first); i < count; i++)
		if (has_twice(pool, origins[i].position))
			report_add(&loader->reader.report, origins[i].node->at,
			           "the pool '%s' has this backend already; expected another one", pool->name);
}

/* add_backends - to a pool that there was before the fragment: nothing else of it is added to */
static void add_backends(struct loader *loader, const struct yaml_node *node, struct config_pool *pool)
{
	size_t first = pool->backend_count;
	if (!schema_check_kind(&loader->reader, node, YAML_MAPPING, "{ backends: [ ... ] }"))
		return;
	for (const struct yaml_node *child = node->first; child; child = child->next) {
		if (strcmp(child->key->text, "backends") == 0)
			read_backends(&loader->reader, child, pool);
		else
			report_add(&loader->reader.report, child->key->at,
			           "there is a pool '%s' already, which backends can be added to and nothing else; expected "
			           "'backends' alone, or another name",
			           pool->name);
	}
	if (!loader->reader.out_of_memory)
		refuse_known(loader, pool, first);
}

static void read_pool(struct loader *loader, const struct yaml_node *node)
{
	struct err err = ERR_INIT;
	size_t there = find_pool(loader, node->key->text);
	if (there < loader->base_pool_count) {
		add_backends(loader, node, &loader->config.pools[there]);
		return;
	}
	if (there != NO_POOL)
		report_add(&loader->reader.report, node->key->at,
		           "there is a pool '%.64s' already; expected another name", node->key->text);
	struct config_pool *pool = config_add_pool(&loader->config);
	if (!schema_is_there(&loader->reader, pool))
		return;
	if (value_parse(&setting_name_type, node->key->text, pool->name, &err) < 0)
		report_add(&loader->reader.report, node->key->at, "%s", err.text);
	schema_read_mapping(&loader->reader, node, &pool_schema, pool);
	if (strcmp(pool->name, ENDPOINT_ORIGINAL) == 0 && !(pool->backend_count == 1 && config_leads_to_original(pool)))
		report_add(&loader->reader.report, node->key->at,
		           "'" ENDPOINT_ORIGINAL "' is where intercepted clients wanted to go; expected another name, or "
		           "backends: " ENDPOINT_ORIGINAL);
}

static void read_pools(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct loader *loader = loader_of(reader);
	(void)target;
	if (node->kind == YAML_NULL ||
	    !schema_check_kind(reader, node, YAML_MAPPING, "a mapping of NAME: { backends: [ ... ] }"))
		return;
	for (const struct yaml_node *child = node->first; child; child = child->next)
		read_pool(loader, child);
	loader->declared_pool_count = loader->config.pool_count;
}

static void read_defaults(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct loader *loader = loader_of(reader);
	static const struct schema schema = {.what = "defaults", .settings = &setting_relay};
	(void)target;
	schema_read_mapping(reader, node, &schema, &loader->defaults);
}

static void read_name(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct config_relay *relay = target;
	schema_read_value(reader, node, &setting_name_type, relay->name);
}

static void read_listener(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct loader *loader = loader_of(reader);
	struct endpoint endpoint;
	if (!read_endpoint(loader, node, &endpoint))
		return;
	reader->out_of_memory |= config_relay_add_listener(target, &endpoint) < 0;
	loader_remember(loader, CONFIG_PART_LISTENER, node);
}

static void read_listen(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	schema_read_items(reader, node, read_listener, target);
}

static void refuse_pool(struct loader *loader, const struct yaml_node *node, const char *expected)
{
	struct suggest suggest;
	suggest_init(&suggest, node->text);
	for (size_t i = 0; i < loader->declared_pool_count; i++)
		suggest_add(&suggest, loader->config.pools[i].name);
	report_add(&loader->reader.report, node->at, "there is no pool '%.64s'; %s", node->text,
	           suggest.best ? suggest_text(&suggest) : expected);
}

/* read_own_pool - the endpoints of `to:` make a pool with the relay's name */
static void read_own_pool(struct loader *loader, const struct yaml_node *node, struct config_relay *relay)
{
	if (find_pool(loader, relay->name) != NO_POOL || strcmp(relay->name, ENDPOINT_ORIGINAL) == 0)
		report_add(&loader->reader.report, node->at,
		           "these endpoints would make a second pool '%s'; expected the pool's or the "
		           "relay's name changed",
		           relay->name);
	struct config_pool *pool = config_add_pool(&loader->config);
	if (!schema_is_there(&loader->reader, pool))
		return;
	memcpy(pool->name, relay->name, sizeof(pool->name));
	relay->pool = loader->config.pool_count - 1;
	read_backends(&loader->reader, node, pool);
}

static void read_to(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct loader *loader = loader_of(reader);
	struct config_relay *relay = target;
	if (node->kind != YAML_SCALAR || strchr(node->text, '/') || is_original(node)) {
		read_own_pool(loader, node, relay);
		return;
	}
	relay->pool = find_pool(loader, node->text);
	if (relay->pool == NO_POOL)
		refuse_pool(loader, node, "expected the name of a pool, or an endpoint NETNS/ADDRESS:PORT");
}

static void read_mirror_to(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct config_mirror *mirror = target;
	read_endpoint(loader_of(reader), node, &mirror->to);
}

static void read_mirror_from(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	schema_read_items(reader, node, config_read_cidr, &((struct config_mirror *)target)->from);
}

static const struct schema_field mirror_fields[] = {
        {"to", read_mirror_to, "to: NETNS/ADDRESS:PORT", "ENDPOINT", "who gets the copies", NULL},
        {"from", read_mirror_from, NULL, "CIDR, or a list", "only connections of clients in these networks", NULL},
};
static const struct schema mirror_schema = SCHEMA("a mirror", mirror_fields, &setting_mirror);

static void read_mirror(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct config_relay *relay = target;
	schema_read_mapping(reader, node, &mirror_schema, &relay->mirror);
}

/* read_proxy_client - a block of addresses, or `unix` for the clients of unix sockets */
static void read_proxy_client(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct config_accept *accept = target;
	if (node->kind == YAML_SCALAR && strcmp(node->text, "unix") == 0)
		accept->from_unix = true;
	else
		config_read_cidr(reader, node, &accept->from);
}

static void read_accept_from(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	schema_read_items(reader, node, read_proxy_client, &((struct config_relay *)target)->accept);
}

static const struct schema_field proxy_fields[] = {
        {"accept_from", read_accept_from, NULL, "CIDR or unix, or a list",
         "clients in these networks, or of unix sockets, begin with a PROXY protocol header", NULL},
};
static const struct schema proxy_schema = SCHEMA("proxy_protocol", proxy_fields, &setting_proxy);

static void read_proxy(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	schema_read_mapping(reader, node, &proxy_schema, target);
}

static void read_only(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	schema_read_items(reader, node, config_read_cidr, &((struct config_relay *)target)->scope.only);
}

static void read_except(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	schema_read_items(reader, node, config_read_cidr, &((struct config_relay *)target)->scope.except);
}

static void read_only_ports(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	schema_read_items(reader, node, config_read_port, &((struct config_relay *)target)->scope.only_ports);
}

static void read_except_ports(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	schema_read_items(reader, node, config_read_port, &((struct config_relay *)target)->scope.except_ports);
}

static const struct schema_field intercept_fields[] = {
        {"only", read_only, NULL, "CIDR, or a list", "steer outbound connections to these networks alone", NULL},
        {"except", read_except, NULL, "CIDR, or a list", "outbound connections to these networks are not steered", NULL},
        {"only_ports", read_only_ports, NULL, "PORT or FIRST-LAST, or a list", "steer connections to these ports alone", NULL},
        {"except_ports", read_except_ports, NULL, "PORT or FIRST-LAST, or a list",
         "connections to these ports are not steered", NULL},
};
static const struct schema intercept_schema = SCHEMA("intercept", intercept_fields, &setting_intercept);

static void read_intercept(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	schema_read_mapping(reader, node, &intercept_schema, target);
}

/* original_pool - leads to wherever intercepted clients wanted to go: the one of that name, made when it is wanted first */
static size_t original_pool(struct loader *loader, const struct yaml_node *node)
{
	const struct endpoint original = {0};
	for (size_t i = 0; i < loader->config.pool_count; i++)
		if (strcmp(loader->config.pools[i].name, ENDPOINT_ORIGINAL) == 0)
			return i;
	struct config_pool *pool = config_add_pool(&loader->config);
	if (!schema_is_there(&loader->reader, pool))
		return 0;
	memcpy(pool->name, ENDPOINT_ORIGINAL, sizeof(ENDPOINT_ORIGINAL));
	if (config_pool_add_backend(pool, &original) < 0)
		loader->reader.out_of_memory = true;
	else
		loader_remember_backend(loader, pool, node);
	return loader->config.pool_count - 1;
}

static void read_destination_to(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct loader *loader = loader_of(reader);
	struct config_destination *destination = target;
	if (!schema_check_kind(reader, node, YAML_SCALAR, "the name of a pool, or " ENDPOINT_ORIGINAL))
		return;
	destination->pool = is_original(node) ? original_pool(loader, node) : find_pool(loader, node->text);
	if (destination->pool == NO_POOL)
		refuse_pool(loader, node, "expected the name of a pool, or " ENDPOINT_ORIGINAL);
}

static void read_networks(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	schema_read_items(reader, node, config_read_cidr, &((struct config_destination *)target)->networks);
}

static void read_ports(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	schema_read_items(reader, node, config_read_port, &((struct config_destination *)target)->ports);
}

static const struct schema_field destination_fields[] = {
        {"networks", read_networks, NULL, "CIDR, or a list", "only what was to go to these networks; without them to any", NULL},
        {"ports", read_ports, NULL, "PORT or FIRST-LAST, or a list", "only what was to go to these ports; without them to any",
         NULL},
        {"to", read_destination_to, NULL, "POOL or original", "where it goes; original: on to where it was to go", NULL},
};
static const struct schema destination_schema = SCHEMA("a destination", destination_fields, &setting_destination);

static void read_destination(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct config_destination *added = config_relay_add_destination(target);
	size_t mistakes = reader->report.count;
	if (!schema_is_there(reader, added))
		return;
	schema_read_mapping(reader, node, &destination_schema, added);
	if (reader->report.count > mistakes)
		return; /* of what they leave nothing can be said */
	bool leads = yaml_get(node, "to");
	if (!yaml_get(node, "networks") && !yaml_get(node, "ports"))
		report_add(&reader->report, node->at,
		           "a destination has neither networks nor ports; expected one of them, as all others have the relay's own "
		           "'to'");
	if (leads == added->refuse)
		report_add(&reader->report, node->at, "a destination has %s; expected to: POOL, to: " ENDPOINT_ORIGINAL ", or refuse: true",
		           leads ? "both 'to' and 'refuse'" : "neither 'to' nor 'refuse'");
}

static void read_destinations(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	if (schema_check_kind(reader, node, YAML_SEQUENCE, "a list of { networks, ports, to }"))
		schema_read_items(reader, node, read_destination, target);
}

/* read_sni_route - NAME: POOL */
static void read_sni_route(struct loader *loader, const struct yaml_node *node, struct config_relay *relay)
{
	struct err err = ERR_INIT;
	struct config_sni_route route;
	if (sni_parse(node->key->text, route.name, &err) < 0) {
		report_add(&loader->reader.report, node->key->at, "%s", err.text);
		return;
	}
	if (!schema_check_kind(&loader->reader, node, YAML_SCALAR, "the name of a pool"))
		return;
	route.pool = find_pool(loader, node->text);
	if (route.pool == NO_POOL)
		refuse_pool(loader, node, "expected the name of a pool");
	else
		loader->reader.out_of_memory |= config_relay_add_sni(relay, &route) < 0;
}

static void read_sni_routes(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	if (!schema_check_kind(reader, node, YAML_MAPPING, "a mapping of NAME: POOL"))
		return;
	for (const struct yaml_node *child = node->first; child; child = child->next)
		read_sni_route(loader_of(reader), child, target);
}

static const struct schema_field sni_fields[] = {
        {"routes", read_sni_routes, "routes: { NAME: POOL }", "{ NAME: POOL }",
         "clients that ask for the server NAME go to this pool; *.NAME is all names below it", NULL},
};
static const struct schema sni_schema = SCHEMA("sni", sni_fields, &setting_sni);

static void read_sni(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	schema_read_mapping(reader, node, &sni_schema, target);
}

static void read_allow(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	schema_read_items(reader, node, config_read_cidr, &((struct config_relay *)target)->access.allow);
}

static void read_deny(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	schema_read_items(reader, node, config_read_cidr, &((struct config_relay *)target)->access.deny);
}

static void read_listed_namespace(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct err err = ERR_INIT;
	struct netns_ref netns;
	if (!schema_check_kind(reader, node, YAML_SCALAR, "the name of a namespace"))
		return;
	if (netns_ref_parse(node->text, &netns, &err) < 0) {
		report_add(&reader->report, node->at, "%s", err.text);
		return;
	}
	loader_resolve(loader_of(reader), &netns);
	reader->out_of_memory |= config_namespaces_add(target, &netns) < 0;
}

static void read_allow_namespaces(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct config_relay *relay = target;
	schema_read_items(reader, node, read_listed_namespace, &relay->access.allow_namespaces);
}

static void read_deny_namespaces(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct config_relay *relay = target;
	schema_read_items(reader, node, read_listed_namespace, &relay->access.deny_namespaces);
}

static const struct schema_field relay_fields[] = {
        {"name", read_name, "name: NAME", "NAME", "what it is called in logs, metrics and by nsctl", NULL},
        {"listen", read_listen, "listen: NETNS/ADDRESS:PORT", "ENDPOINT, or a list", "where it accepts connections", NULL},
        {"to", read_to, "to: POOL or to: NETNS/ADDRESS:PORT", "POOL, or backends as those of a pool",
         "where they go", NULL},
        {"mirror", read_mirror, NULL, "mapping", "send a copy of the bytes somewhere else as well", &mirror_schema},
        {"proxy_protocol", read_proxy, NULL, "mapping", "who the client is, told to backends and told by clients",
         &proxy_schema},
        {"intercept", read_intercept, NULL, "mapping", "connections that nf_tables brings here, and where they wanted to go",
         &intercept_schema},
        {"destinations", read_destinations, NULL, "list",
         "choose the pool by where intercepted connections were to go: the first of these that fits, before any name in sni",
         &destination_schema},
        {"sni", read_sni, NULL, "mapping", "choose the pool by the name that clients of TLS ask for", &sni_schema},
        {"allow", read_allow, NULL, "CIDR, or a list", "clients in these networks, and no others, may come", NULL},
        {"deny", read_deny, NULL, "CIDR, or a list", "clients in these networks may not", NULL},
        {"allow_namespaces", read_allow_namespaces, NULL, "NETNS, or a list",
         "only who comes by a listener in these namespaces may", NULL},
        {"deny_namespaces", read_deny_namespaces, NULL, "NETNS, or a list",
         "who comes by a listener in these namespaces may not", NULL},
};
static const struct schema relay_schema = SCHEMA("a relay", relay_fields, &setting_relay);

static void read_relay(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct loader *loader = loader_of(reader);
	(void)target;
	struct config_relay *relay = config_add_relay(&loader->config);
	if (!schema_is_there(reader, relay))
		return;
	*relay = loader->defaults;
	const struct yaml_node *name = yaml_get(node, "name");
	loader_remember(loader, CONFIG_PART_RELAY, name ? name : node);
	schema_read_mapping(reader, node, &relay_schema, relay);
}

static void read_relays(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	if (schema_check_kind(reader, node, YAML_SEQUENCE, "a list of relays"))
		schema_read_items(reader, node, read_relay, target);
}

static const struct schema_field file_fields[] = {
        {"enrolment", config_read_enrolment, NULL, "mapping", "namespaces that come and go while the daemon runs",
         &config_enrolment_schema},
        {"namespaces", read_namespaces, NULL, "{ NAME: mapping }",
         "names for namespaces that are not in /run/netns, or under another name", &namespace_schema},
        {"pools", read_pools, NULL, "{ NAME: mapping }", "backends that relays share by name", &pool_schema},
        {"defaults", read_defaults, NULL, "mapping",
         "settings of all relays: any of those below that are not of a kind of their own, as timeouts", NULL},
        {"relays", read_relays, NULL, "list", "what is relayed: at least one, unless ports are published", &relay_schema},
        {"publish", config_read_publish, NULL, "list", "ports of the program's own namespace that lead into others",
         &config_publish_schema},
};
const struct schema config_file_schema = SCHEMA("the file", file_fields, &setting_daemon);

const struct schema *const config_file_schemas[CONFIG_SCHEMA_COUNT] = {
        &relay_schema, &pool_schema, &backend_schema, &mirror_schema, &proxy_schema, &intercept_schema, &sni_schema,
        &config_enrolment_schema, &destination_schema,
};

static const struct schema_field fragment_fields[] = {
        {"namespaces", read_namespaces, NULL, "", "", NULL},
        {"pools", read_pools, NULL, "", "", NULL},
        {"defaults", read_defaults, NULL, "", "", NULL},
        {"relays", read_relays, NULL, "", "", NULL},
        {"publish", config_read_publish, NULL, "", "", NULL},
};
static const struct schema fragment_schema = SCHEMA("a fragment", fragment_fields, NULL);

/* origin_of_backend - of the one at @index, over all pools; NULL: it was there before a fragment */
static const struct origin *origin_of_backend(const struct loader *loader, size_t index)
{
	const struct config *config = &loader->config;
	size_t pool = 0;
	while (pool < config->pool_count && index >= config->pools[pool].backend_count)
		index -= config->pools[pool++].backend_count;
	CHECK(pool < config->pool_count);
	for (size_t i = 0; i < loader->origins[CONFIG_PART_BACKEND].count; i++) {
		const struct origin *origin = &loader->origins[CONFIG_PART_BACKEND].items[i];
		if (origin->pool == pool && origin->position == index)
			return origin;
	}
	return NULL;
}

static const struct origin *origin_of(const struct loader *loader, enum config_part part, size_t index)
{
	if (part == CONFIG_PART_BACKEND)
		return origin_of_backend(loader, index);
	CHECK(index < loader->base_counts[part] + loader->origins[part].count);
	return index < loader->base_counts[part] ? NULL : &loader->origins[part].items[index - loader->base_counts[part]];
}

static void complain(void *context, enum config_part part, size_t index, const char *text)
{
	struct loader *loader = context;
	const struct origin *origin = origin_of(loader, part, index);
	report_add(&loader->reader.report, origin ? origin->node->at : (struct span){0}, "%s", text);
}

static int read_root(struct loader *loader, const struct yaml_node *root)
{
	const struct schema *schema = loader->is_fragment ? &fragment_schema : &config_file_schema;
	if (root && root->kind != YAML_NULL)
		schema_read_mapping(&loader->reader, root, schema, &loader->config);
	else
		report_add(&loader->reader.report, (struct span){0}, "%s is empty; expected %s", schema->what,
		           loader->is_fragment ? "'pools:' or 'relays:'"
		                               : "a list of at least one relay under 'relays:'");
	if (loader->reader.out_of_memory)
		return -ENOMEM;
	if (root && root->kind == YAML_MAPPING && !loader->is_fragment && !yaml_get(root, "relays") && !yaml_get(root, "publish"))
		report_add(&loader->reader.report, root->at,
		           "there is no 'relays' in the file; expected a list of at least one relay, or of ports to 'publish'");
	config_check(&loader->config, complain, loader);
	return loader->reader.report.count ? -EINVAL : 0;
}

static void loader_init(struct loader *loader, const char *name, const char *text, size_t size)
{
	*loader = (struct loader){0};
	report_init(&loader->reader.report, name, text, size);
	config_init(&loader->config);
	config_relay_init(&loader->defaults);
	loader->defaults.pool = NO_POOL;
}

static void loader_fini(struct loader *loader)
{
	config_fini(&loader->config);
	free(loader->declarations);
	for (size_t i = 0; i < ARRAY_COUNT(loader->origins); i++)
		vec_clear(&loader->origins[i]);
}

/* load - what @loader was prepared for, and end it */
static int load(struct loader *loader, struct config *ret, FILE *report)
{
	struct yaml yaml;
	int r = yaml_init(&yaml, &loader->reader.report);
	if (r == 0) {
		r = read_root(loader, yaml.root);
		yaml_fini(&yaml);
	}
	if (r == 0) {
		*ret = loader->config;
		loader->config = (struct config){0};
	} else {
		report_print_failure(&loader->reader.report, r, report);
	}
	loader_fini(loader);
	return r;
}

int config_text_load(const char *text, size_t size, const char *name, struct config *ret, FILE *report)
{
	struct loader loader;
	loader_init(&loader, name, text, size);
	return load(&loader, ret, report);
}

/* begin_with - what is read is added to a copy of @base */
static int begin_with(struct loader *loader, const struct config *base)
{
	int r = config_copy(base, &loader->config);
	if (r < 0)
		return r;
	loader->is_fragment = true;
	loader->declared_pool_count = base->pool_count;
	loader->base_counts[CONFIG_PART_RELAY] = base->relay_count;
	for (size_t i = 0; i < base->relay_count; i++)
		loader->base_counts[CONFIG_PART_LISTENER] += base->relays[i].listener_count;
	loader->base_pool_count = base->pool_count;
	return 0;
}

int config_text_add(const struct config *base, const char *text, size_t size, const char *name, struct config *ret,
		    FILE *report)
{
	struct loader loader;
	loader_init(&loader, name, text, size);
	int r = begin_with(&loader, base);
	if (r == 0)
		return load(&loader, ret, report);
	report_print_failure(&loader.reader.report, r, report);
	loader_fini(&loader);
	return r;
}

int config_file_load(const char *path, struct config *ret, FILE *report)
{
	char *text;
	size_t size;
	int r = text_file_read(path, "a configuration", &text, &size, report);
	if (r < 0)
		return r;
	r = config_text_load(text, size, path, ret, report);
	free(text);
	return r;
}
