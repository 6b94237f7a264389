/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/topology_show.h"

#include <errno.h>
#include <string.h>

#include "app/nsctl/inspection.h"
#include "app/text/json.h"
#include "app/text/table.h"
#include "app/nsctl/topology_live.h"

#define INDENT "  "

/* ---- words ---- */

static const char *state_of_netns(const struct topology_live *live, uint32_t netns)
{
	return live->netns[netns].exists ? "there" : "missing";
}

static const char *state_of_link(const struct topology_live *live, const struct topology_link *link)
{
	const struct netstate_link *found = topology_live_link(live, link);
	return found ? inspection_link_state(found) : "missing";
}

static const char *state_of(bool is_there)
{
	return is_there ? "there" : "missing";
}

static const char *state_of_nat(const struct live_netns *netns)
{
	static const char *const names[] = {
	        [LIVE_MISSING] = "missing", [LIVE_DIFFERS] = "differs", [LIVE_THERE] = "there"};
	return names[netns->nat];
}

static const char *kind_of(const struct topology_link *link)
{
	return link->existing ? "existing" : link_kind_name(link->kind);
}

enum { NAME_SIZE = TOPOLOGY_NETNS_NAME_MAX + IFNAMSIZ + 1 };

/* link_name - "ns1/v1"; "" for none. Returns @buf. */
static const char *link_name(const struct topology *topology, uint32_t index, char *buf, size_t size)
{
	if (index == TOPOLOGY_NONE)
		return "";
	const struct topology_link *link = &topology->links.items[index];
	snprintf(buf, size, "%s/%s", topology->netns.items[link->netns].name, link->name);
	return buf;
}

/* other_end - of a veth, or what the link is on top of */
static uint32_t other_end(const struct topology_link *link)
{
	return link->peer != TOPOLOGY_NONE ? link->peer : link->parent;
}

/* ---- tables ---- */

static int print_section(const char *title, struct table *table, FILE *out)
{
	int r = 0;
	if (table_rows(table) > 0 || table->is_short) {
		fprintf(out, "\n%s\n", title);
		r = table_print(table, INDENT, out);
	}
	table_fini(table);
	return r;
}

static int print_namespaces(const struct topology_live *live, FILE *out)
{
	static const char *const columns[] = {"NAMESPACE", "IS", "STATE"};
	struct table table = TABLE_INIT(columns);
	char text[NETNS_TEXT_MAX + sizeof("path:")];
	for (uint32_t i = 0; i < live->topology->netns.count; i++) {
		const struct topology_netns *netns = &live->topology->netns.items[i];
		table_add(&table, "%s", netns->name);
		netns_ref_format(&netns->ref, text, sizeof(text));
		table_add(&table, "%s", strcmp(text, netns->name) == 0 ? "" : text);
		table_add(&table, "%s", state_of_netns(live, i));
	}
	return print_section("Namespaces", &table, out);
}

/* add_address_rows - each address below the one before, beside nothing; the row is begun already */
static void add_address_rows(struct table *table, const struct topology_live *live,
                             const struct topology_link *link)
{
	char text[PREFIX_TEXT_MAX];
	if (link->addresses.count == 0)
		table_add(table, "%s", "");
	for (size_t i = 0; i < link->addresses.count; i++) {
		const struct prefix *address = &link->addresses.items[i];
		for (size_t skipped = 1; i > 0 && skipped < table->column_count; skipped++)
			table_add(table, "%s", "");
		table_add(table, "%s%s", prefix_format(address, text, sizeof(text)),
		          topology_live_has_address(live, link, address) ? "" : " (missing)");
	}
}

static int print_links(const struct topology_live *live, FILE *out)
{
	static const char *const columns[] = {"LINK", "KIND", "STATE", "OTHER END", "BRIDGE", "ADDRESSES"};
	const struct topology *topology = live->topology;
	struct table table = TABLE_INIT(columns);
	char name[NAME_SIZE];
	for (uint32_t i = 0; i < topology->links.count; i++) {
		const struct topology_link *link = &topology->links.items[i];
		table_add(&table, "%s", link_name(topology, i, name, sizeof(name)));
		table_add(&table, "%s", kind_of(link));
		table_add(&table, "%s", state_of_link(live, link));
		table_add(&table, "%s", link_name(topology, other_end(link), name, sizeof(name)));
		table_add(&table, "%s", link_name(topology, link->bridge, name, sizeof(name)));
		add_address_rows(&table, live, link);
	}
	return print_section("Links", &table, out);
}

static const char *format_destination(const struct topology_route *route, char *buf, size_t size)
{
	return route->to.length > 0 ? prefix_format(&route->to, buf, size) : "default";
}

static const char *format_via(const struct topology_route *route, char *buf, size_t size)
{
	return route->via.family != AF_UNSPEC ? prefix_format_address(&route->via, buf, size) : "";
}

static int print_routes(const struct topology_live *live, FILE *out)
{
	static const char *const columns[] = {"NAMESPACE", "TO", "VIA", "LINK", "STATE"};
	struct table table = TABLE_INIT(columns);
	char text[PREFIX_TEXT_MAX];
	for (uint32_t i = 0; i < live->topology->netns.count; i++) {
		const struct topology_netns *netns = &live->topology->netns.items[i];
		vec_each (route, &netns->routes) {
			table_add(&table, "%s", netns->name);
			table_add(&table, "%s", format_destination(route, text, sizeof(text)));
			table_add(&table, "%s", format_via(route, text, sizeof(text)));
			table_add(&table, "%s", route->link);
			table_add(&table, "%s", state_of(topology_live_has_route(live, i, route)));
		}
	}
	return print_section("Routes", &table, out);
}

static void add_number_row(void *ctx, const struct live_number *number)
{
	struct table *table = ctx;
	table_add(table, "%s/%s", number->netns, number->link);
	table_add(table, "%s", link_numbers[number->number].name);
	table_add(table, "%u", number->wanted);
	if (number->is)
		table_add(table, "%u", number->is);
	else
		table_add(table, "missing");
}

static int print_settings(const struct topology_live *live, FILE *out)
{
	static const char *const columns[] = {"OF", "SETTING", "WANTED", "IS"};
	struct table table = TABLE_INIT(columns);
	for (uint32_t i = 0; i < live->topology->netns.count; i++) {
		const struct topology_netns *netns = &live->topology->netns.items[i];
		for (size_t key = 0; key < SYSCTL_COUNT; key++) {
			const char *value = live->netns[i].sysctls[key];
			if (!*netns->sysctls[key])
				continue;
			table_add(&table, "%s", netns->name);
			table_add(&table, "%s", sysctls[key].name);
			table_add(&table, "%s", netns->sysctls[key]);
			table_add(&table, "%s", *value ? value : "missing");
		}
	}
	topology_live_numbers(live, add_number_row, &table);
	return print_section("Settings", &table, out);
}

static int print_nat(const struct topology_live *live, FILE *out)
{
	static const char *const columns[] = {"NAMESPACE", ">MASQUERADES", ">PUBLISHED PORTS", "STATE"};
	struct table table = TABLE_INIT(columns);
	for (uint32_t i = 0; i < live->topology->netns.count; i++) {
		const struct topology_netns *netns = &live->topology->netns.items[i];
		if (nat_empty(&netns->nat))
			continue;
		table_add(&table, "%s", netns->name);
		table_add(&table, "%zu", netns->nat.masquerades.count);
		table_add(&table, "%zu", netns->nat.publishes.count);
		table_add(&table, "%s", state_of_nat(&live->netns[i]));
	}
	return print_section("Address translation", &table, out);
}

static int print_all(const struct topology_live *live, FILE *out)
{
	static int (*const sections[])(const struct topology_live *, FILE *) = {
	        print_namespaces, print_links, print_routes, print_settings, print_nat};
	int r = 0;
	fprintf(out, "Topology %s\n", live->topology->name);
	for (size_t i = 0; r == 0 && i < ARRAY_COUNT(sections); i++)
		r = sections[i](live, out);
	return r;
}

/* ---- JSON ---- */

static void write_routes(struct json *json, const struct topology_live *live, uint32_t index)
{
	char text[PREFIX_TEXT_MAX];
	json_begin_array(json, "routes");
	vec_each (route, &live->topology->netns.items[index].routes) {
		json_begin_object(json, NULL);
		json_text(json, "to", format_destination(route, text, sizeof(text)));
		if (route->via.family != AF_UNSPEC)
			json_text(json, "via", format_via(route, text, sizeof(text)));
		if (*route->link)
			json_text(json, "link", route->link);
		json_text(json, "state", state_of(topology_live_has_route(live, index, route)));
		json_end(json);
	}
	json_end(json);
}

static void write_sysctls(struct json *json, const struct topology_live *live, uint32_t index)
{
	json_begin_object(json, "sysctls");
	for (size_t key = 0; key < SYSCTL_COUNT; key++) {
		const char *value = live->netns[index].sysctls[key];
		if (!*live->topology->netns.items[index].sysctls[key])
			continue;
		json_begin_object(json, sysctls[key].name);
		json_text(json, "wanted", live->topology->netns.items[index].sysctls[key]);
		json_text(json, "is", *value ? value : NULL);
		json_end(json);
	}
	json_end(json);
}

static void write_netns(struct json *json, const struct topology_live *live, uint32_t index)
{
	const struct topology_netns *netns = &live->topology->netns.items[index];
	char text[NETNS_TEXT_MAX + sizeof("path:")];
	json_begin_object(json, NULL);
	json_text(json, "name", netns->name);
	json_text(json, "is", netns_ref_format(&netns->ref, text, sizeof(text)));
	json_text(json, "state", state_of_netns(live, index));
	write_routes(json, live, index);
	write_sysctls(json, live, index);
	if (!nat_empty(&netns->nat))
		json_text(json, "address_translation", state_of_nat(&live->netns[index]));
	json_end(json);
}

static void write_link(struct json *json, const struct topology_live *live, uint32_t index)
{
	const struct topology_link *link = &live->topology->links.items[index];
	char text[NAME_SIZE + PREFIX_TEXT_MAX];
	json_begin_object(json, NULL);
	json_text(json, "namespace", live->topology->netns.items[link->netns].name);
	json_text(json, "name", link->name);
	json_text(json, "kind", kind_of(link));
	json_text(json, "state", state_of_link(live, link));
	if (other_end(link) != TOPOLOGY_NONE)
		json_text(json, "other_end", link_name(live->topology, other_end(link), text, sizeof(text)));
	if (link->bridge != TOPOLOGY_NONE)
		json_text(json, "bridge", link_name(live->topology, link->bridge, text, sizeof(text)));
	json_begin_array(json, "addresses");
	vec_each (address, &link->addresses) {
		json_begin_object(json, NULL);
		json_text(json, "address", prefix_format(address, text, sizeof(text)));
		json_text(json, "state", state_of(topology_live_has_address(live, link, address)));
		json_end(json);
	}
	json_end(json);
	json_end(json);
}

static void write_number(void *ctx, const struct live_number *number)
{
	topology_live_write_number(ctx, number);
}

static void write_all(const struct topology_live *live, FILE *out)
{
	struct json json = JSON_INIT(out);
	json_begin_object(&json, NULL);
	json_text(&json, "topology", live->topology->name);
	json_begin_array(&json, "namespaces");
	for (uint32_t i = 0; i < live->topology->netns.count; i++)
		write_netns(&json, live, i);
	json_end(&json);
	json_begin_array(&json, "links");
	for (uint32_t i = 0; i < live->topology->links.count; i++)
		write_link(&json, live, i);
	json_end(&json);
	json_begin_array(&json, "numbers");
	topology_live_numbers(live, write_number, &json);
	json_end(&json);
	json_end(&json);
}

int topology_show(const struct topology *topology, bool json, FILE *out, struct err *err)
{
	struct topology_live live;
	int r = topology_live_read(topology, &live, err);
	if (r < 0)
		return r;
	if (json)
		write_all(&live, out);
	else if (print_all(&live, out) < 0)
		r = err_set(err, ENOMEM, "out of memory");
	topology_live_fini(&live);
	return r;
}
