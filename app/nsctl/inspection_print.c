/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/inspection.h"

#include <inttypes.h>
#include <pwd.h>
#include <string.h>

#include "app/text/brief.h"
#include "app/text/table.h"
#include "app/text/words.h"

#define INDENT "  "

/* Where a section goes, and whether memory has run out on the way. */
struct printer {
	const struct inspection *inspection;
	FILE *out;
	int rc;
};

static void print_section(struct printer *printer, const char *title, struct table *table)
{
	fprintf(printer->out, "\n%s\n", title);
	if (table_rows(table) == 0 && !table->is_short)
		fprintf(printer->out, INDENT "none\n");
	else if (table_print(table, INDENT, printer->out) < 0)
		printer->rc = -1;
	table_fini(table);
}

/* ---- cells ---- */

static void add_prefix(struct table *table, const struct prefix *prefix)
{
	char text[PREFIX_TEXT_MAX];
	bool is_given = prefix->family != AF_UNSPEC;
	table_add(table, "%s", is_given ? prefix_format(prefix, text, sizeof(text)) : "");
}

static void add_address(struct table *table, const struct prefix *address)
{
	char text[PREFIX_TEXT_MAX];
	bool is_given = address->family != AF_UNSPEC;
	table_add(table, "%s", is_given ? prefix_format_address(address, text, sizeof(text)) : "");
}

static void add_link(struct table *table, const struct inspection *inspection, uint32_t index)
{
	char text[IFNAMSIZ];
	table_add(table, "%s", index ? inspection_link_name(inspection, index, text, sizeof(text)) : "");
}

static void add_word(struct table *table, enum words kind, uint32_t value)
{
	char text[WORDS_TEXT_MAX];
	table_add(table, "%s", words_name(kind, value, text, sizeof(text)));
}

/* add_count - nothing for 0 */
static void add_count(struct table *table, uint64_t count)
{
	if (count > 0)
		table_add(table, "%" PRIu64, count);
	else
		table_add(table, "%s", "");
}

/* add_bytes - three digits and a unit */
static void add_bytes(struct table *table, uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes;
	size_t unit = 0;
	for (; value >= 1000 && unit + 1 < ARRAY_COUNT(units); unit++)
		value /= 1024;
	if (bytes == 0)
		table_add(table, "%s", "");
	else
		table_add(table, unit > 0 && value < 10 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

/* ---- links and addresses ---- */

/* add_below - the other end of a veth, or what the link is on top of */
static void add_below(struct table *table, const struct inspection *inspection,
                      const struct netstate_link *link)
{
	if (link->below == 0)
		table_add(table, "%s", "");
	else if (link->below_nsid == NETSTATE_NO_NSID)
		add_link(table, inspection, link->below);
	else
		table_add(table, "#%u in nsid %d", link->below, link->below_nsid);
}

/* add_details - what only some kinds have */
static void add_details(struct table *table, const struct netstate_link *link)
{
	const char *mode = link_mode_name(link->kind, link->mode);
	if (link->kind == LINK_VXLAN)
		table_add(table, "vni %u", link->vxlan.vni);
	else
		table_add(table, "%s", mode ? mode : "");
}

static void add_mac(struct table *table, const struct netstate_link *link)
{
	char text[LINK_MAC_TEXT_MAX];
	bool is_told = link->mac.given && link->kind != LINK_LOOPBACK;
	table_add(table, "%s", is_told ? link_mac_format(&link->mac, text, sizeof(text)) : "");
}

static void print_links(struct printer *printer)
{
	static const char *const columns[] = {">#",        "NAME",     "KIND", "MODE", "STATE",
	                                      "OTHER END", "BRIDGE",   ">MTU", "MAC",  ">RECEIVED",
	                                      ">SENT",     ">DROPPED", "ALIAS"};
	struct table table = TABLE_INIT(columns);
	vec_each (link, &printer->inspection->state.links) {
		table_add(&table, "%u", link->index);
		table_add(&table, "%s", link->name);
		table_add(&table, "%s", inspection_link_kind(link));
		add_details(&table, link);
		table_add(&table, "%s", inspection_link_state(link));
		add_below(&table, printer->inspection, link);
		add_link(&table, printer->inspection, link->master);
		table_add(&table, "%u", link->numbers[LINK_MTU]);
		add_mac(&table, link);
		add_bytes(&table, link->rx_bytes);
		add_bytes(&table, link->tx_bytes);
		add_count(&table, link->rx_dropped + link->tx_dropped);
		table_add(&table, "%s", link->alias);
	}
	print_section(printer, "Links", &table);
}

static void print_addresses(struct printer *printer)
{
	static const char *const columns[] = {"LINK", "ADDRESS", "PEER", "SCOPE", "FLAGS", "BY"};
	struct table table = TABLE_INIT(columns);
	char flags[WORDS_TEXT_MAX];
	vec_each (address, &printer->inspection->state.addresses) {
		add_link(&table, printer->inspection, address->link);
		add_prefix(&table, &address->prefix);
		add_prefix(&table, &address->peer);
		add_word(&table, WORDS_SCOPE, address->scope);
		table_add(&table, "%s", words_list(WORDS_ADDRESS_FLAG, address->flags, flags, sizeof(flags)));
		add_word(&table, WORDS_ADDRESS_PROTOCOL, address->protocol);
	}
	print_section(printer, "Addresses", &table);
}

/* ---- routes and rules ---- */

/* add_next_hops - of a multipath route, each with its link */
static void add_next_hops(struct table *table, const struct inspection *inspection,
                          const struct netstate_route *route)
{
	char address[PREFIX_TEXT_MAX], link[IFNAMSIZ];
	struct brief hops;
	brief_init(&hops);
	for (uint32_t i = 0; i < route->nexthop_count && i < NETSTATE_NEXTHOPS_MAX; i++)
		brief_add(&hops, "%s by %s",
		          route->nexthops[i].via.family == AF_UNSPEC
		                  ? "direct"
		                  : prefix_format_address(&route->nexthops[i].via, address, sizeof(address)),
		          inspection_link_name(inspection, route->nexthops[i].link, link, sizeof(link)));
	table_add(table, "%s", brief_text(&hops));
}

static void add_destination(struct table *table, const struct netstate_route *route)
{
	if (route->to.length > 0)
		add_prefix(table, &route->to);
	else
		table_add(table, route->to.family == AF_INET6 ? "default (IPv6)" : "default");
}

struct route_table {
	const struct inspection *inspection;
	struct table *table;
};

static void add_route(void *ctx, const struct netstate_route *route)
{
	const struct route_table *to = ctx;
	add_word(to->table, WORDS_TABLE, route->table);
	add_word(to->table, WORDS_ROUTE_TYPE, route->type);
	add_destination(to->table, route);
	if (route->nexthop_count > 0)
		add_next_hops(to->table, to->inspection, route);
	else
		add_address(to->table, &route->via);
	add_link(to->table, to->inspection, route->link);
	add_prefix(to->table, &route->from);
	add_address(to->table, &route->source);
	add_count(to->table, route->metric);
	add_word(to->table, WORDS_PROTOCOL, route->protocol);
}

static void print_routes(struct printer *printer)
{
	static const char *const columns[] = {"TABLE", "TYPE",   "TO",      "VIA", "LINK",
	                                      "FROM",  "SOURCE", ">METRIC", "BY"};
	struct table table = TABLE_INIT(columns);
	struct route_table to = {printer->inspection, &table};
	inspection_each_route(printer->inspection, add_route, &to);
	print_section(printer, "Routes", &table);
}

static void add_mark(struct table *table, const struct netstate_rule *rule)
{
	if (rule->mark || rule->mark_mask)
		table_add(table, "0x%x/0x%x", rule->mark, rule->mark_mask);
	else
		table_add(table, "%s", "");
}

static void add_action(struct table *table, const struct netstate_rule *rule)
{
	char action[WORDS_TEXT_MAX], name[WORDS_TEXT_MAX];
	words_name(WORDS_RULE, rule->action, action, sizeof(action));
	table_add(table, "%s%s%s", words_name(WORDS_RULE, rule->action, action, sizeof(action)),
	          rule->table ? " " : "",
	          rule->table ? words_name(WORDS_TABLE, rule->table, name, sizeof(name)) : "");
}

static void add_selector(struct table *table, const struct prefix *prefix)
{
	if (prefix->family == AF_UNSPEC)
		table_add(table, "all");
	else
		add_prefix(table, prefix);
}

static void print_rules(struct printer *printer)
{
	static const char *const columns[] = {">PRIORITY", "FAMILY", "",     "FROM",  "TO",
	                                      "IN",        "OUT",    "MARK", "ACTION"};
	struct table table = TABLE_INIT(columns);
	vec_each (rule, &printer->inspection->state.rules) {
		table_add(&table, "%u", rule->priority);
		table_add(&table, "%s", rule->family == AF_INET6 ? "IPv6" : "IPv4");
		table_add(&table, "%s", rule->inverted ? "not" : "");
		add_selector(&table, &rule->from);
		add_selector(&table, &rule->to);
		table_add(&table, "%s", rule->in);
		table_add(&table, "%s", rule->out);
		add_mark(&table, rule);
		add_action(&table, rule);
	}
	print_section(printer, "Policy rules", &table);
}

/* ---- firewall and settings ---- */

static void print_indented(const char *text, FILE *out)
{
	while (*text) {
		size_t length = strcspn(text, "\n");
		fprintf(out, "%s%.*s\n", length > 0 ? INDENT : "", (int)length, text);
		text += length + (text[length] == '\n');
	}
}

static void print_firewall(const struct printer *printer)
{
	const struct inspection *inspection = printer->inspection;
	FILE *out = printer->out;
	fprintf(out, "\nFirewall and address translation (nf_tables)\n");
	if (!inspection->ruleset)
		fprintf(out, INDENT "not known: %s\n", inspection->ruleset_err.text);
	else if (!*inspection->ruleset)
		fprintf(out, INDENT "none\n");
	else
		print_indented(inspection->ruleset, out);
	fprintf(out, "\nLegacy iptables\n");
	if (inspection->legacy_err.code)
		fprintf(out, INDENT "not known: %s\n", inspection->legacy_err.text);
	else if (inspection->has_legacy_iptables)
		fprintf(out, INDENT "has tables; `iptables-legacy-save` in the namespace lists them\n");
	else
		fprintf(out, INDENT "none\n");
}

static void print_sysctls(struct printer *printer)
{
	static const char *const columns[] = {"NAME", "VALUE", "FILE"};
	struct table table = TABLE_INIT(columns);
	for (size_t i = 0; i < SYSCTL_COUNT; i++) {
		if (!*printer->inspection->sysctls[i])
			continue;
		table_add(&table, "%s", sysctls[i].name);
		table_add(&table, "%s", printer->inspection->sysctls[i]);
		table_add(&table, "/proc/sys/%s", sysctls[i].path);
	}
	print_section(printer, "Settings", &table);
}

/* ---- sockets ---- */

static void add_endpoint(struct table *table, const union sockdiag_address *address)
{
	char text[ENDPOINT_TEXT_MAX];
	table_add(table, "%s", endpoint_format_address(&address->any, text, sizeof(text)));
}

static void add_user(struct table *table, uint32_t uid)
{
	const struct passwd *user = getpwuid(uid);
	if (user)
		table_add(table, "%s", user->pw_name);
	else
		table_add(table, "%u", uid);
}

static void add_holders(struct table *table, const struct inspection *inspection,
                        const struct sockdiag_socket *socket)
{
	size_t count;
	const struct holder *holder = holders_find(&inspection->holders, socket->inode, &count);
	struct brief names;
	brief_init(&names);
	for (size_t i = 0; i < count; i++)
		brief_add(&names, "%s %d", holder[i].name, (int)holder[i].pid);
	table_add(table, "%s", brief_text(&names));
}

static const char *protocol_of(const struct sockdiag_socket *socket)
{
	return socket->protocol == IPPROTO_TCP ? "tcp" : "udp";
}

/* add_waiting - of a TCP listener's queue: how many connections wait, of how many that may */
static void add_waiting(struct table *table, const struct sockdiag_socket *socket)
{
	if (socket->protocol == IPPROTO_TCP)
		table_add(table, "%u of %u", socket->receive_queue, socket->send_queue);
	else
		table_add(table, "%s", "");
}

static void print_listening(struct printer *printer)
{
	static const char *const columns[] = {"PROTOCOL", "ADDRESS", "LINK", "WAITING", "USER", "PROCESSES"};
	struct table table = TABLE_INIT(columns);
	vec_each (socket, &printer->inspection->sockets.all) {
		if (!sockdiag_is_listening(socket))
			continue;
		table_add(&table, "%s", protocol_of(socket));
		add_endpoint(&table, &socket->local);
		add_link(&table, printer->inspection, socket->interface);
		add_waiting(&table, socket);
		add_user(&table, socket->uid);
		add_holders(&table, printer->inspection, socket);
	}
	print_section(printer, "Listening sockets", &table);
}

static void print_connections(struct printer *printer)
{
	static const char *const columns[] = {"PROTOCOL", "STATE",    "LOCAL", "REMOTE",
	                                      ">TO READ", ">TO SEND", "USER",  "PROCESSES"};
	struct table table = TABLE_INIT(columns);
	vec_each (socket, &printer->inspection->sockets.all) {
		if (sockdiag_is_listening(socket))
			continue;
		table_add(&table, "%s", protocol_of(socket));
		table_add(&table, "%s", sockdiag_state_name(socket->state));
		add_endpoint(&table, &socket->local);
		add_endpoint(&table, &socket->remote);
		add_bytes(&table, socket->receive_queue);
		add_bytes(&table, socket->send_queue);
		add_user(&table, socket->uid);
		add_holders(&table, printer->inspection, socket);
	}
	print_section(printer, "Connections", &table);
}

static void print_sockets(struct printer *printer)
{
	print_listening(printer);
	print_connections(printer);
	if (printer->inspection->sockets_err.code)
		fprintf(printer->out, "\nNot all of the sockets could be looked at: %s\n",
		        printer->inspection->sockets_err.text);
}

int inspection_print(const struct inspection *inspection, FILE *out)
{
	struct printer printer = {.inspection = inspection, .out = out};
	fprintf(out, "Namespace %s: inode %" PRIu64, inspection->name, inspection->inode);
	if (inspection->cookie)
		fprintf(out, ", cookie %" PRIu64, inspection->cookie);
	putc('\n', out);
	print_links(&printer);
	print_addresses(&printer);
	print_routes(&printer);
	print_rules(&printer);
	print_firewall(&printer);
	print_sysctls(&printer);
	print_sockets(&printer);
	return printer.rc;
}
