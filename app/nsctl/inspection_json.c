/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/inspection.h"

#include "app/text/json.h"
#include "app/text/words.h"

/* Where members go; what is not there is left out. */
struct writer {
	const struct inspection *inspection;
	struct json *json;
};

static void write_prefix(struct json *json, const char *key, const struct prefix *prefix)
{
	char text[PREFIX_TEXT_MAX];
	if (prefix->family != AF_UNSPEC)
		json_text(json, key, prefix_format(prefix, text, sizeof(text)));
}

static void write_address(struct json *json, const char *key, const struct prefix *address)
{
	char text[PREFIX_TEXT_MAX];
	if (address->family != AF_UNSPEC)
		json_text(json, key, prefix_format_address(address, text, sizeof(text)));
}

static void write_word(struct json *json, const char *key, enum words kind, uint32_t value)
{
	char text[WORDS_TEXT_MAX];
	json_text(json, key, words_name(kind, value, text, sizeof(text)));
}

static void write_flag(void *ctx, const char *word)
{
	json_text(ctx, NULL, word);
}

static void write_flags(struct json *json, enum words kind, uint32_t flags)
{
	json_begin_array(json, "flags");
	words_each(kind, flags, write_flag, json);
	json_end(json);
}

static void write_link_name(const struct writer *writer, const char *key, uint32_t index)
{
	char text[IFNAMSIZ];
	if (index)
		json_text(writer->json, key,
		          inspection_link_name(writer->inspection, index, text, sizeof(text)));
}

/* ---- links and addresses ---- */

static void write_below(const struct writer *writer, const struct netstate_link *link)
{
	if (link->below == 0)
		return;
	json_number(writer->json, "other_end_index", link->below);
	if (link->below_nsid == NETSTATE_NO_NSID)
		write_link_name(writer, "other_end", link->below);
	else if (link->below_nsid >= 0)
		json_number(writer->json, "other_end_nsid", (uint64_t)link->below_nsid);
}

static void write_vxlan(struct json *json, const struct link_vxlan *vxlan)
{
	json_begin_object(json, "vxlan");
	json_number(json, "vni", vxlan->vni);
	json_number(json, "port", vxlan->port);
	write_address(json, "local", &vxlan->local);
	write_address(json, "remote", &vxlan->remote);
	json_end(json);
}

static void write_statistics(struct json *json, const struct netstate_link *link)
{
	json_begin_object(json, "received");
	json_number(json, "bytes", link->rx_bytes);
	json_number(json, "packets", link->rx_packets);
	json_number(json, "dropped", link->rx_dropped);
	json_end(json);
	json_begin_object(json, "sent");
	json_number(json, "bytes", link->tx_bytes);
	json_number(json, "packets", link->tx_packets);
	json_number(json, "dropped", link->tx_dropped);
	json_end(json);
}

static void write_properties(struct json *json, const struct netstate_link *link)
{
	char mac[LINK_MAC_TEXT_MAX];
	const char *mode = link_mode_name(link->kind, link->mode);
	if (mode)
		json_text(json, "mode", mode);
	if (link->kind == LINK_VXLAN)
		write_vxlan(json, &link->vxlan);
	if (link->mac.given)
		json_text(json, "mac", link_mac_format(&link->mac, mac, sizeof(mac)));
	if (*link->alias)
		json_text(json, "alias", link->alias);
	for (size_t i = 0; i < LINK_NUMBER_COUNT; i++)
		if (link->numbers[i])
			json_number(json, link_numbers[i].name, link->numbers[i]);
}

static void write_link(const struct writer *writer, const struct netstate_link *link)
{
	struct json *json = writer->json;
	json_begin_object(json, NULL);
	json_number(json, "index", link->index);
	json_text(json, "name", link->name);
	json_text(json, "kind", inspection_link_kind(link));
	json_text(json, "state", inspection_link_state(link));
	write_flags(json, WORDS_LINK_FLAG, link->flags);
	write_below(writer, link);
	write_link_name(writer, "bridge", link->master);
	write_properties(json, link);
	write_statistics(json, link);
	json_end(json);
}

static void write_link_address(const struct writer *writer, const struct netstate_address *address)
{
	json_begin_object(writer->json, NULL);
	write_link_name(writer, "link", address->link);
	write_prefix(writer->json, "address", &address->prefix);
	write_prefix(writer->json, "peer", &address->peer);
	write_word(writer->json, "scope", WORDS_SCOPE, address->scope);
	write_flags(writer->json, WORDS_ADDRESS_FLAG, address->flags);
	if (address->protocol)
		write_word(writer->json, "protocol", WORDS_ADDRESS_PROTOCOL, address->protocol);
	json_end(writer->json);
}

/* ---- routes and rules ---- */

static void write_next_hops(const struct writer *writer, const struct netstate_route *route)
{
	json_begin_array(writer->json, "next_hops");
	for (uint32_t i = 0; i < route->nexthop_count && i < NETSTATE_NEXTHOPS_MAX; i++) {
		json_begin_object(writer->json, NULL);
		write_address(writer->json, "via", &route->nexthops[i].via);
		write_link_name(writer, "link", route->nexthops[i].link);
		json_number(writer->json, "weight", route->nexthops[i].weight);
		json_end(writer->json);
	}
	json_end(writer->json);
}

static void write_route(void *ctx, const struct netstate_route *route)
{
	const struct writer *writer = ctx;
	struct json *json = writer->json;
	json_begin_object(json, NULL);
	write_word(json, "table", WORDS_TABLE, route->table);
	write_word(json, "type", WORDS_ROUTE_TYPE, route->type);
	write_prefix(json, "to", &route->to);
	write_address(json, "via", &route->via);
	write_link_name(writer, "link", route->link);
	write_prefix(json, "from", &route->from);
	write_address(json, "source", &route->source);
	if (route->nexthop_count > 0)
		write_next_hops(writer, route);
	json_number(json, "metric", route->metric);
	write_word(json, "scope", WORDS_SCOPE, route->scope);
	write_word(json, "protocol", WORDS_PROTOCOL, route->protocol);
	json_end(json);
}

static void write_rule(struct json *json, const struct netstate_rule *rule)
{
	json_begin_object(json, NULL);
	json_text(json, "family", rule->family == AF_INET6 ? "inet6" : "inet");
	json_number(json, "priority", rule->priority);
	if (rule->inverted)
		json_bool(json, "not", true);
	write_prefix(json, "from", &rule->from);
	write_prefix(json, "to", &rule->to);
	if (*rule->in)
		json_text(json, "in", rule->in);
	if (*rule->out)
		json_text(json, "out", rule->out);
	if (rule->mark || rule->mark_mask) {
		json_number(json, "mark", rule->mark);
		json_number(json, "mark_mask", rule->mark_mask);
	}
	write_word(json, "action", WORDS_RULE, rule->action);
	if (rule->table)
		write_word(json, "table", WORDS_TABLE, rule->table);
	json_end(json);
}

/* ---- sockets ---- */

static void write_holders(const struct writer *writer, const struct sockdiag_socket *socket)
{
	size_t count;
	const struct holder *holder = holders_find(&writer->inspection->holders, socket->inode, &count);
	json_begin_array(writer->json, "processes");
	for (size_t i = 0; i < count; i++) {
		json_begin_object(writer->json, NULL);
		json_number(writer->json, "pid", (uint64_t)holder[i].pid);
		json_text(writer->json, "name", holder[i].name);
		json_end(writer->json);
	}
	json_end(writer->json);
}

static void write_socket(const struct writer *writer, const struct sockdiag_socket *socket)
{
	struct json *json = writer->json;
	char text[ENDPOINT_TEXT_MAX];
	json_begin_object(json, NULL);
	json_text(json, "protocol", socket->protocol == IPPROTO_TCP ? "tcp" : "udp");
	json_text(json, "state", sockdiag_state_name(socket->state));
	json_text(json, "local", endpoint_format_address(&socket->local.any, text, sizeof(text)));
	json_text(json, "remote", endpoint_format_address(&socket->remote.any, text, sizeof(text)));
	write_link_name(writer, "link", socket->interface);
	json_number(json, "receive_queue", socket->receive_queue);
	json_number(json, "send_queue", socket->send_queue);
	json_number(json, "uid", socket->uid);
	json_number(json, "inode", socket->inode);
	json_number(json, "cookie", socket->cookie);
	write_holders(writer, socket);
	json_end(json);
}

static void write_sockets(const struct writer *writer, const char *key, bool listening)
{
	json_begin_array(writer->json, key);
	vec_each (socket, &writer->inspection->sockets.all)
		if (sockdiag_is_listening(socket) == listening)
			write_socket(writer, socket);
	json_end(writer->json);
}

/* ---- all of it ---- */

static void write_network(const struct writer *writer)
{
	const struct netstate *state = &writer->inspection->state;
	json_begin_array(writer->json, "links");
	vec_each (link, &state->links)
		write_link(writer, link);
	json_end(writer->json);
	json_begin_array(writer->json, "addresses");
	vec_each (address, &state->addresses)
		write_link_address(writer, address);
	json_end(writer->json);
	json_begin_array(writer->json, "routes");
	inspection_each_route(writer->inspection, write_route, (void *)(uintptr_t)writer);
	json_end(writer->json);
	json_begin_array(writer->json, "rules");
	vec_each (rule, &state->rules)
		write_rule(writer->json, rule);
	json_end(writer->json);
}

static void write_sysctls(const struct writer *writer)
{
	json_begin_object(writer->json, "sysctls");
	for (size_t i = 0; i < SYSCTL_COUNT; i++)
		if (*writer->inspection->sysctls[i])
			json_text(writer->json, sysctls[i].name, writer->inspection->sysctls[i]);
	json_end(writer->json);
}

/* write_errors - what could not be looked at, and why */
static void write_errors(const struct writer *writer)
{
	const struct inspection *inspection = writer->inspection;
	json_begin_object(writer->json, "errors");
	if (inspection->ruleset_err.code)
		json_text(writer->json, "nf_tables", inspection->ruleset_err.text);
	if (inspection->legacy_err.code)
		json_text(writer->json, "legacy_iptables", inspection->legacy_err.text);
	if (inspection->sockets_err.code)
		json_text(writer->json, "sockets", inspection->sockets_err.text);
	json_end(writer->json);
}

void inspection_write_json(const struct inspection *inspection, FILE *out)
{
	struct json json = JSON_INIT(out);
	const struct writer writer = {inspection, &json};
	json_begin_object(&json, NULL);
	json_text(&json, "namespace", inspection->name);
	json_number(&json, "inode", inspection->inode);
	if (inspection->cookie)
		json_number(&json, "cookie", inspection->cookie);
	write_network(&writer);
	json_text(&json, "nf_tables", inspection->ruleset);
	json_bool(&json, "legacy_iptables", inspection->has_legacy_iptables);
	write_sysctls(&writer);
	write_sockets(&writer, "listening", true);
	write_sockets(&writer, "connections", false);
	write_errors(&writer);
	json_end(&json);
}
