/* SPDX-License-Identifier: Apache-2.0 */
/* `namespaces:` of a topology file: which there are, their settings, routes and address translation. */
#include <stdio.h>
#include <string.h>

#include "app/nsctl/topology_draft.h"
#include "app/nsctl/topology_value.h"
#include "nsctl/netns.h"

static const struct value_type bool_type = {.kind = VALUE_BOOL};

static struct topology_netns *netns_at(struct topology_draft *draft, uint32_t index)
{
	return &draft->topology.netns.items[index];
}

static uint32_t index_of(const struct topology_draft *draft, const struct topology_netns *netns)
{
	return (uint32_t)(netns - draft->topology.netns.items);
}

/* ---- sysctls ---- */

static void read_sysctl(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_netns *netns = target;
	enum sysctl key = 0;
	while (strcmp(sysctls[key].name, node->key->text) != 0)
		key++;
	if (schema_check_kind(reader, node, YAML_SCALAR, sysctls[key].expected) &&
	    !sysctl_normalize(key, node->text, netns->sysctls[key], sizeof(netns->sysctls[key])))
		report_add(&reader->report, node->at, "'%.64s' is no value of %s; expected %s", node->text,
		           sysctls[key].name, sysctls[key].expected);
}

static const struct schema_field sysctl_fields[SYSCTL_COUNT] = {
        [SYSCTL_IP_FORWARD] = {"ip_forward", read_sysctl, NULL, "true|false", "pass IPv4 on", NULL},
        [SYSCTL_IPV6_FORWARDING] = {"ipv6_forwarding", read_sysctl, NULL, "true|false", "pass IPv6 on", NULL},
        [SYSCTL_RP_FILTER] = {"rp_filter", read_sysctl, NULL, "0|1|2",
                              "conf.all of reverse path filtering; the kernel uses the larger of it and a link's own", NULL},
        [SYSCTL_TCP_CONGESTION_CONTROL] = {"tcp_congestion_control", read_sysctl, NULL, "NAME", "such as cubic", NULL},
        [SYSCTL_TCP_MIGRATE_REQ] = {"tcp_migrate_req", read_sysctl, NULL, "true|false",
                                    "connections that wait at a listener that is closed go to another", NULL},
};
static const struct schema sysctl_schema = SCHEMA("sysctls", sysctl_fields, NULL);

static void read_sysctls(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	schema_read_mapping(reader, node, &sysctl_schema, target);
}

/* ---- routes ---- */

/* `default` is told by length 0; the family comes from the gateway, and without one it is IPv4. */
static void read_route_to(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_route *route = target;
	if (node->kind != YAML_SCALAR || strcmp(node->text, "default") != 0)
		topology_value_network(reader, node, &route->to);
}

static void read_route_via(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_route *route = target;
	topology_value_address(reader, node, &route->via);
}

static void read_link_name(struct schema_reader *reader, const struct yaml_node *node,
                           char ret[static IFNAMSIZ])
{
	if (!schema_check_kind(reader, node, YAML_SCALAR, "the name of a link"))
		return;
	if (link_name_ok(node->text))
		snprintf(ret, IFNAMSIZ, "%s", node->text);
	else
		report_add(&reader->report, node->at,
		           "'%.64s' cannot be the name of a link; expected one of the same namespace",
		           node->text);
}

static void read_route_link(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_route *route = target;
	read_link_name(reader, node, route->link);
}

static const struct schema_field route_fields[] = {
        {"to", read_route_to, "to: NETWORK or to: default", "NETWORK or default", "where it leads", NULL},
        {"via", read_route_via, NULL, "ADDRESS", "the gateway", NULL},
        {"link", read_route_link, NULL, "LINK", "by this link; needed where there is no gateway", NULL},
};
static const struct schema route_schema = SCHEMA("a route", route_fields, NULL);

/* check_route - @route is read without a mistake: do its parts go together? */
static bool check_route(struct topology_draft *draft, const struct yaml_node *node,
                        const struct topology_route *route)
{
	if (route->via.family == AF_UNSPEC && !route->link[0])
		draft_complain(draft, node->at,
		               "the route leads nowhere; expected via: ADDRESS or link: NAME");
	else if (route->via.family != AF_UNSPEC && route->via.family != route->to.family)
		draft_complain(
		        draft, draft_place(node, "via"),
		        "the route is for %s, its gateway's address is %s; expected both of one family",
		        draft_family_name(&route->to), draft_family_name(&route->via));
	else
		return true;
	return false;
}

static void read_route(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_draft *draft = topology_draft_of(reader);
	struct topology_netns *netns = target;
	struct topology_route route = {0};
	size_t mistakes = reader->report.count;
	schema_read_mapping(reader, node, &route_schema, &route);
	if (route.to.family == AF_UNSPEC)
		route.to.family = route.via.family != AF_UNSPEC ? route.via.family : AF_INET;
	if (reader->report.count > mistakes || !check_route(draft, node, &route))
		return;
	struct topology_route *added = vec_push(&netns->routes);
	if (!schema_is_there(reader, added))
		return;
	*added = route;
	draft_note(draft, &draft->routes, node, index_of(draft, netns), netns->routes.count - 1);
}

static void read_routes(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	if (schema_check_kind(reader, node, YAML_SEQUENCE, "a list of { to: NETWORK, via: ADDRESS }"))
		schema_read_items(reader, node, read_route, target);
}

/* ---- masquerade ---- */

static void read_masquerade_from(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct nat_masquerade *masquerade = target;
	topology_value_network(reader, node, &masquerade->from);
}

static void read_masquerade_out(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct nat_masquerade *masquerade = target;
	read_link_name(reader, node, masquerade->out);
}

static const struct schema_field masquerade_fields[] = {
        {"from", read_masquerade_from, "from: NETWORK", "NETWORK",
         "what leaves from there gets the address of the link it leaves by", NULL},
        {"out", read_masquerade_out, NULL, "LINK", "only by this link", NULL},
};
static const struct schema masquerade_schema = SCHEMA("masquerade", masquerade_fields, NULL);

static void read_masquerade(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_draft *draft = topology_draft_of(reader);
	struct topology_netns *netns = target;
	struct nat_masquerade masquerade = {0};
	size_t mistakes = reader->report.count;
	schema_read_mapping(reader, node, &masquerade_schema, &masquerade);
	if (reader->report.count > mistakes)
		return;
	if (masquerade.from.length == 0 && !masquerade.out[0]) {
		draft_complain(
		        draft, node->at,
		        "nothing ever leaves the network of all addresses; expected out: LINK as well");
		return;
	}
	struct nat_masquerade *added = vec_push(&netns->nat.masquerades);
	if (!schema_is_there(reader, added))
		return;
	*added = masquerade;
	draft_note(draft, &draft->masquerades, node, index_of(draft, netns),
	           netns->nat.masquerades.count - 1);
}

static void read_masquerades(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	if (schema_check_kind(reader, node, YAML_SEQUENCE, "a list of { from: NETWORK }"))
		schema_read_items(reader, node, read_masquerade, target);
}

/* ---- publish ---- */

/* read_publish_listen - ADDRESS:PORT, or PORT alone for all addresses */
static void read_publish_listen(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct nat_publish *publish = target;
	uint32_t port;
	if (!schema_check_kind(reader, node, YAML_SCALAR, "ADDRESS:PORT or PORT"))
		return;
	if (strchr(node->text, ':'))
		topology_value_socket(reader, node, node->text, true, &publish->listen, &publish->port);
	else if (schema_read_value(reader, node, &topology_value_port, &port))
		publish->port = (uint16_t)port;
}

static void read_publish_to(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct nat_publish *publish = target;
	if (schema_check_kind(reader, node, YAML_SCALAR, "ADDRESS:PORT"))
		topology_value_socket(reader, node, node->text, false, &publish->to, &publish->to_port);
}

static const struct schema_field publish_fields[] = {
        {"listen", read_publish_listen, "listen: ADDRESS:PORT or listen: PORT", "ADDRESS:PORT or PORT",
         "TCP connections to it, from outside and from the namespace itself", NULL},
        {"to", read_publish_to, "to: ADDRESS:PORT", "ADDRESS:PORT", "go there", NULL},
};
static const struct schema publish_schema = SCHEMA("publish", publish_fields, NULL);

static bool is_loopback(const struct prefix *address)
{
	return address->family == AF_INET ? ntohl(address->address.in4.s_addr) >> 24 == IN_LOOPBACKNET
	                                  : IN6_IS_ADDR_LOOPBACK(&address->address.in6);
}

static bool check_publish(struct topology_draft *draft, const struct yaml_node *node,
                          const struct nat_publish *publish)
{
	if (publish->listen.family != AF_UNSPEC && publish->listen.family != publish->to.family)
		draft_complain(
		        draft, draft_place(node, "to"),
		        "IPv4 cannot be translated to IPv6, nor back; expected both addresses of one family");
	else if (is_loopback(&publish->to))
		draft_complain(draft, draft_place(node, "to"),
		               "nothing from outside is let in to a loopback address; expected another one");
	else
		return true;
	return false;
}

static void read_publish(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_draft *draft = topology_draft_of(reader);
	struct topology_netns *netns = target;
	struct nat_publish publish = {0};
	size_t mistakes = reader->report.count;
	schema_read_mapping(reader, node, &publish_schema, &publish);
	if (reader->report.count > mistakes || !check_publish(draft, node, &publish))
		return;
	if (topology_value_is_any(&publish.listen)) /* 0.0.0.0:80 is another way to write 80 */
		publish.listen = (struct prefix){0};
	struct nat_publish *added = vec_push(&netns->nat.publishes);
	if (!schema_is_there(reader, added))
		return;
	*added = publish;
	draft_note(draft, &draft->publishes, node, index_of(draft, netns), netns->nat.publishes.count - 1);
}

static void read_publishes(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	if (schema_check_kind(reader, node, YAML_SEQUENCE, "a list of { listen: PORT, to: ADDRESS:PORT }"))
		schema_read_items(reader, node, read_publish, target);
}

/* ---- which namespace ---- */

/* read_pid, read_path - somebody else's namespace */
static void read_pid(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_netns *netns = target;
	netns->tenure = NETNS_EXISTING;
	schema_read_pid(reader, node, &netns->ref);
}

static void read_path(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_netns *netns = target;
	netns->tenure = NETNS_EXISTING;
	schema_read_path(reader, node, &netns->ref);
}

static void read_existing(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_netns *netns = target;
	bool existing = false;
	if (schema_read_value(reader, node, &bool_type, &existing) && existing)
		netns->tenure = NETNS_EXISTING;
}

/* ---- its loopback ---- */

static void read_loopback_up(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_netns *netns = target;
	schema_read_value(reader, node, &bool_type, &netns->loopback_up);
}

static void read_loopback_number(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_netns *netns = target;
	topology_value_number(reader, node, LINK_LOOPBACK, netns->loopback_numbers);
}

static const struct schema_field loopback_fields[] = {
        {"up", read_loopback_up, NULL, "true|false", "of a namespace that is made", NULL},
        {"mtu", read_loopback_number, NULL, "N", "bytes of a packet", NULL},
        {"gso_max_size", read_loopback_number, NULL, "N", "bytes that are sent at once; above 65536 it is BIG TCP (Linux 5.19)", NULL},
        {"gro_max_size", read_loopback_number, NULL, "N", "bytes that are put together on arrival (Linux 5.17)", NULL},
        {"gso_ipv4_max_size", read_loopback_number, NULL, "N", "gso_max_size of IPv4 alone (Linux 6.3)", NULL},
        {"gro_ipv4_max_size", read_loopback_number, NULL, "N", "gro_max_size of IPv4 alone (Linux 6.3)", NULL},
};
static const struct schema loopback_schema = SCHEMA("a loopback", loopback_fields, NULL);

/* read_loopback - `true` and `false` alone are short for `up:` */
static void read_loopback(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	if (node->kind == YAML_MAPPING)
		schema_read_mapping(reader, node, &loopback_schema, target);
	else if (schema_check_kind(reader, node, YAML_SCALAR, "true, false or { gso_max_size: N }"))
		read_loopback_up(reader, node, target);
}

/* ---- a namespace ---- */

static const struct schema_field netns_fields[] = {
        {"existing", read_existing, NULL, "true|false",
         "/run/netns/NAME is there, not made and not removed, only furnished; so are those of the next two", NULL},
        {"pid", read_pid, NULL, "PID", "it is the namespace of this process", NULL},
        {"path", read_path, NULL, "FILE", "it is the namespace that this file is", NULL},
        {"loopback", read_loopback, NULL, "true|false or mapping", "lo; true is short for { up: true }", &loopback_schema},
        {"sysctls", read_sysctls, NULL, "mapping", "settings of the kernel for it", &sysctl_schema},
        {"routes", read_routes, NULL, "list", "in its main table", &route_schema},
        {"masquerade", read_masquerades, NULL, "list", "source addresses that are replaced", &masquerade_schema},
        {"publish", read_publishes, NULL, "list", "ports that lead elsewhere", &publish_schema},
};
const struct schema topology_netns_schema = SCHEMA("a namespace", netns_fields, NULL);

/* check_host - the program's own namespace is there, and known */
static void check_host(struct topology_draft *draft, const struct yaml_node *node)
{
	static const char *const not_for_host[] = {"existing", "pid", "path"};
	for (size_t i = 0; i < ARRAY_COUNT(not_for_host); i++) {
		const struct yaml_node *value = yaml_get(node, not_for_host[i]);
		if (value)
			draft_complain(draft, value->key->at,
			               "'host' is the namespace that nsctl runs in; expected no '%s'",
			               not_for_host[i]);
	}
}

/* check_tenure - is the namespace referred to in one way, and not told to be made as well? */
static void check_tenure(struct topology_draft *draft, const struct yaml_node *node,
                         const struct topology_netns *netns)
{
	const struct yaml_node *existing = yaml_get(node, "existing"), *pid = yaml_get(node, "pid");
	const struct yaml_node *path = yaml_get(node, "path"), *loopback = yaml_get(node, "loopback");
	if (pid && path)
		draft_complain(draft, node->key->at,
		               "the namespace '%.64s' has both pid and path; expected one of them",
		               node->key->text);
	if (existing && strcmp(existing->text, "false") == 0 && (pid || path))
		draft_complain(
		        draft, existing->at,
		        "a namespace that is found by pid or path exists; expected no 'existing: false'");
	const struct yaml_node *up = loopback && loopback->kind == YAML_MAPPING ? yaml_get(loopback, "up")
	                                                                        : loopback;
	if (up && netns->tenure == NETNS_EXISTING)
		draft_complain(draft, up->key->at,
		               "the loopback of a namespace that exists stays up or down; expected no '%s'",
		               up->key->text);
}

/* check_ref - do two names mean one namespace? */
static void check_ref(struct topology_draft *draft, const struct yaml_node *node,
                      const struct topology_netns *netns)
{
	char text[NETNS_TEXT_MAX + sizeof("path:" NETNS_RUN_DIR "/")];
	if (netns->ref.kind == NETNS_NAME)
		snprintf(text, sizeof(text), "path:" NETNS_RUN_DIR "/%s", netns->ref.text);
	else
		netns_ref_format(&netns->ref, text, sizeof(text));
	uint32_t other = name_index_find(&draft->netns_by_ref, text);
	if (other != NAME_INDEX_NONE)
		draft_complain(draft, node->key->at,
		               "'%.64s' is the same namespace as '%s'; expected one name for it",
		               node->key->text, draft_netns_name(draft, other));
	else if (!name_index_add(&draft->netns_by_ref, text, index_of(draft, netns)))
		draft->reader.out_of_memory = true;
}

static void read_netns(struct topology_draft *draft, const struct yaml_node *node)
{
	const struct yaml_node *key = node->key;
	struct err err = ERR_INIT;
	struct netns_ref ref;
	bool host = strcmp(key->text, "host") == 0;
	if (netns_ref_parse(key->text, &ref, &err) < 0) {
		draft_complain(draft, key->at, "%s", err.text);
		return;
	}
	if (ref.kind != NETNS_NAME && !host) {
		draft_complain(draft, key->at, "'%.64s' has a meaning of its own; expected another name",
		               key->text);
		return;
	}
	uint32_t index = draft_add_netns(draft, key->text, host ? NETNS_EXISTING : NETNS_MADE);
	if (index == TOPOLOGY_NONE)
		return;
	struct topology_netns *netns = netns_at(draft, index);
	netns->ref = ref;
	netns->loopback_up = !host;
	schema_read_mapping(&draft->reader, node, &topology_netns_schema, netns);
	netns->loopback_up &= netns->tenure == NETNS_MADE;
	if (host)
		check_host(draft, node);
	check_tenure(draft, node, netns);
	check_ref(draft, node, netns);
}

void topology_read_namespaces(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	(void)target;
	if (node->kind == YAML_NULL ||
	    !schema_check_kind(reader, node, YAML_MAPPING, "a mapping of NAME: {}"))
		return;
	for (const struct yaml_node *child = node->first; child; child = child->next)
		read_netns(topology_draft_of(reader), child);
}
