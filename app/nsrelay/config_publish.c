/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/config_publish.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/nsrelay/config_lists.h"
#include "app/nsrelay/config_loader.h"

/* One end of a range of ports. */
struct published {
	struct endpoint first;
	bool is_any; /* no address was given */
	uint32_t count;
};

/* parse - @place: what is in front of the ports, with the colon that ends it */
static int parse(const char *text, const char *place, size_t length, const char *ports, struct published *ret, struct err *err)
{
	char first[ENDPOINT_TEXT_MAX + sizeof(":65535")];
	struct published published = {0};
	struct config_port_range range;
	if (!config_parse_ports(ports, &range))
		return err_set(err, EINVAL, "'%.64s' ends with no port; expected 1 to 65535, or a range such as 8000-8010", text);
	published.count = range.last - range.first + 1U;
	if (length > ENDPOINT_TEXT_MAX)
		return err_set(err, EINVAL, "'%.64s...' is too long; expected an address and a port", text);
	snprintf(first, sizeof(first), "%.*s%u", (int)length, place, range.first);
	int r = endpoint_parse(first, &published.first, err);
	if (r == 0)
		*ret = published;
	return r;
}

/* published_parse_from - [ADDRESS:]PORT or [ADDRESS:]FIRST-LAST */
static int published_parse_from(const char *text, struct published *ret, struct err *err)
{
	char place[ENDPOINT_TEXT_MAX];
	const char *colon = strrchr(text, ':');
	if (strchr(text, '/'))
		return err_set(err, EINVAL,
		               "'%.64s' has a namespace; expected PORT or ADDRESS:PORT, which is the program's own", text);
	if (!colon) {
		int r = parse(text, "/[::]:", strlen("/[::]:"), text, ret, err);
		if (r == 0)
			ret->is_any = true;
		return r;
	}
	snprintf(place, sizeof(place), "/%.*s", (int)(colon - text + 1), text);
	return parse(text, place, strlen(place), colon + 1, ret, err);
}

/* published_parse_to - NETNS/ADDRESS:PORT or NETNS/ADDRESS:FIRST-LAST */
static int published_parse_to(const char *text, struct published *ret, struct err *err)
{
	const char *colon = strrchr(text, ':');
	if (!colon || !strchr(text, '/'))
		return err_set(err, EINVAL, "'%.64s' is no endpoint; expected NETNS/ADDRESS:PORT or NETNS/ADDRESS:FIRST-LAST", text);
	if (strncmp(text, "unix:", strlen("unix:")) == 0) /* its last digits are part of a path, and no port */
		return err_set(err, EINVAL,
		               "'%.64s' has no port; expected NETNS/ADDRESS:PORT, or a relay under 'relays' that leads there", text);
	return parse(text, text, (size_t)(colon - text + 1), colon + 1, ret, err);
}

/* published_at - the endpoint of number @index */
static struct endpoint published_at(const struct published *published, uint32_t index)
{
	struct endpoint endpoint = published->first;
	in_port_t *port = endpoint.addr.family == AF_INET ? &endpoint.addr.in4.sin_port : &endpoint.addr.in6.sin6_port;
	*port = htons((uint16_t)(ntohs(*port) + index));
	return endpoint;
}

/* published_name - of the relay of number @index; every name fits. Returns @buf. */
static const char *published_name(const struct published *from, uint32_t index, char buf[static CONFIG_NAME_MAX])
{
	const struct endpoint endpoint = published_at(from, index);
	char address[INET6_ADDRSTRLEN + 1] = "";
	uint16_t port = ntohs(endpoint.addr.family == AF_INET ? endpoint.addr.in4.sin_port : endpoint.addr.in6.sin6_port);
	if (endpoint.addr.family == AF_INET)
		inet_ntop(AF_INET, &endpoint.addr.in4.sin_addr, address, sizeof(address));
	else
		inet_ntop(AF_INET6, &endpoint.addr.in6.sin6_addr, address, sizeof(address));
	for (char *colon = address; (colon = strchr(colon, ':'));)
		*colon = '_'; /* no name has colons */
	if (from->is_any)
		snprintf(buf, CONFIG_NAME_MAX, "publish-%u", port);
	else
		snprintf(buf, CONFIG_NAME_MAX, "publish-%s-%u", address, port);
	return buf;
}

/* ---- reading ---- */

/* What servers learn of the client: all of it, whatever `defaults:` has. */
struct publish_client {
	const char *word;
	enum config_proxy proxy_send;
	enum config_source source;
};
static const struct publish_client clients[] = {
        {"hide", CONFIG_PROXY_OFF, CONFIG_SOURCE_OWN},
        {"announce", CONFIG_PROXY_V2, CONFIG_SOURCE_OWN},
        {"keep", CONFIG_PROXY_OFF, CONFIG_SOURCE_CLIENT},
};

/* An item of `publish:` while it is read. */
struct publish_draft {
	struct published from, to;
	const struct yaml_node *from_node, *to_node;
	const struct yaml_node *client_node;
	const struct publish_client *client; /* NULL: as in `defaults:` */
};

static void read_from(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct publish_draft *draft = target;
	struct err err = ERR_INIT;
	if (!schema_check_kind(reader, node, YAML_SCALAR, "PORT or ADDRESS:PORT"))
		return;
	if (published_parse_from(node->text, &draft->from, &err) < 0)
		report_add(&reader->report, node->at, "%s", err.text);
	else
		draft->from_node = node;
}

static void read_published_to(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct publish_draft *draft = target;
	struct err err = ERR_INIT;
	if (!schema_check_kind(reader, node, YAML_SCALAR, "NETNS/ADDRESS:PORT"))
		return;
	if (published_parse_to(node->text, &draft->to, &err) < 0) {
		report_add(&reader->report, node->at, "%s", err.text);
		return;
	}
	loader_resolve(loader_of(reader), &draft->to.first.netns);
	draft->to_node = node;
}

static void read_client(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct publish_draft *draft = target;
	if (!schema_check_kind(reader, node, YAML_SCALAR, "hide, announce or keep"))
		return;
	draft->client_node = node;
	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++)
		if (strcmp(node->text, clients[i].word) == 0)
			draft->client = &clients[i];
	if (!draft->client)
		report_add(&reader->report, node->at, "'%.64s' is not known; expected hide, announce or keep", node->text);
}

static const struct schema_field fields[] = {
        {"from", read_from, "from: PORT or from: ADDRESS:PORT", "[ADDRESS:]PORT or [ADDRESS:]FIRST-LAST",
         "ports of the program's own namespace, by which it is reached", NULL},
        {"to", read_published_to, "to: NETNS/ADDRESS:PORT", "ENDPOINT, or with as many ports: NETNS/ADDRESS:FIRST-LAST",
         "where they lead", NULL},
        {"client", read_client, NULL, "hide, announce or keep",
         "announce: servers are told the client's address, by PROXY protocol v2; keep: they see it", NULL},
};
const struct schema config_publish_schema = SCHEMA("publish", fields, NULL);

/* publish_port - number @index of the draft, as a relay with a pool of its own */
static void publish_port(struct loader *loader, const struct yaml_node *node, const struct publish_draft *draft, uint32_t index)
{
	struct endpoint from = published_at(&draft->from, index), to = published_at(&draft->to, index);
	struct config_pool *pool = config_add_pool(&loader->config);
	struct config_relay *relay = config_add_relay(&loader->config);
	if (!schema_is_there(&loader->reader, pool) || !schema_is_there(&loader->reader, relay))
		return;
	*relay = loader->defaults;
	published_name(&draft->from, index, relay->name);
	memcpy(pool->name, relay->name, sizeof(pool->name));
	relay->pool = loader->config.pool_count - 1;
	if (draft->client) {
		relay->proxy_send = draft->client->proxy_send;
		relay->source = draft->client->source;
	}
	loader->reader.out_of_memory |= config_relay_add_listener(relay, &from) < 0 || config_pool_add_backend(pool, &to) < 0;
	loader_remember(loader, CONFIG_PART_RELAY, node);
	loader_remember(loader, CONFIG_PART_LISTENER, draft->from_node);
	if (!loader->reader.out_of_memory)
		loader_remember_backend(loader, pool, draft->to_node);
}

static void read_published(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct publish_draft draft = {0};
	(void)target;
	schema_read_mapping(reader, node, &config_publish_schema, &draft);
	if (!draft.from_node || !draft.to_node)
		return;
	if (draft.from.count != draft.to.count) {
		report_add(&reader->report, draft.to_node->at, "%u ports lead to %u; expected as many", draft.from.count,
		           draft.to.count);
		return;
	}
	/* No rules are made in the program's own namespace (steering.c), so that answers would go past the relay. */
	if (draft.client && draft.client->source == CONFIG_SOURCE_CLIENT && draft.to.first.netns.kind == NETNS_SELF) {
		report_add(&reader->report, draft.client_node->at,
		           "servers in the program's own namespace cannot see their clients' addresses; expected hide or announce");
		return;
	}
	for (uint32_t i = 0; i < draft.from.count && !reader->out_of_memory; i++)
		publish_port(loader_of(reader), node, &draft, i);
}

void config_read_publish(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	schema_read_items(reader, node, read_published, target);
}
