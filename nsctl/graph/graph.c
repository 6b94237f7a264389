/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/graph/graph.h"

#include <errno.h>
#include <linux/if.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "nsctl/graph/graph_model.h"

const struct graph_style graph_styles[GRAPH_STATE_COUNT] = {
        [GRAPH_PLANNED] = {"planned", "#0072b2", "", "solid", "──"},
        [GRAPH_UP] = {"up", "#00805a", "", "solid", "──"},
        [GRAPH_NO_CARRIER] = {"no carrier", "#b07800", "8 4", "dashed", "╌╌"},
        [GRAPH_DOWN] = {"down", "#c04a00", "4 4", "dashed", "╌╌"},
        [GRAPH_MISSING] = {"missing", "#8a3d6b", "1 4", "dotted", "··"},
};

/* ---- what state things are in ---- */

static const struct seen_netns *find_seen(const struct seen *seen, uint32_t netns)
{
	return seen && netns < seen->netns.count ? &seen->netns.items[netns] : NULL;
}

static enum graph_state netns_state(const struct seen_netns *seen)
{
	if (!seen)
		return GRAPH_PLANNED;
	return seen->exists ? GRAPH_UP : GRAPH_MISSING;
}

static enum graph_state link_state(const struct topology_link *wanted, const struct netstate *live)
{
	const struct netstate_link *link;

	if (!live)
		return wanted->up || wanted->existing ? GRAPH_PLANNED : GRAPH_DOWN;
	link = netstate_link_by_name(live, wanted->name);
	if (!link)
		return GRAPH_MISSING;
	if (!(link->flags & IFF_UP))
		return GRAPH_DOWN;
	return link->flags & IFF_LOWER_UP ? GRAPH_UP : GRAPH_NO_CARRIER;
}

/* ---- namespaces ---- */

__attribute__((format(printf, 2, 3))) static int add_note(struct graph_netns *netns, const char *fmt, ...)
{
	struct graph_note *note = vec_push(&netns->notes);
	va_list args;

	if (!note)
		return -ENOMEM;
	va_start(args, fmt);
	vsnprintf(note->text, sizeof(note->text), fmt, args);
	va_end(args);
	return 0;
}

static int note_sysctls(struct graph_netns *netns)
{
	int rc = 0;

	for (int key = 0; key < SYSCTL_COUNT && rc == 0; key++) {
		if (*netns->wanted->sysctls[key])
			rc = add_note(netns, "%s = %s", sysctls[key].name, netns->wanted->sysctls[key]);
	}
	return rc;
}

static int note_route(struct graph_netns *netns, const struct topology_route *route)
{
	char to[PREFIX_TEXT_MAX] = "default", via[PREFIX_TEXT_MAX] = "";
	bool has_via = route->via.family != AF_UNSPEC;

	if (route->to.length > 0)
		prefix_format(&route->to, to, sizeof(to));
	if (has_via)
		prefix_format_address(&route->via, via, sizeof(via));
	return add_note(netns, "%s%s%s%s%s", to, has_via ? " via " : "", via, *route->link ? " dev " : "",
	                route->link);
}

static int note_masquerade(struct graph_netns *netns, const struct nat_masquerade *masquerade)
{
	char from[PREFIX_TEXT_MAX];

	return add_note(netns, "masquerade %s%s%s", prefix_format(&masquerade->from, from, sizeof(from)),
	                *masquerade->out ? " out " : "", masquerade->out);
}

static const char *format_port(const struct prefix *address, uint16_t port, char *buf, size_t size)
{
	char text[PREFIX_TEXT_MAX];

	if (address->family == AF_UNSPEC)
		snprintf(buf, size, "%u", port);
	else
		snprintf(buf, size, address->family == AF_INET6 ? "[%s]:%u" : "%s:%u",
		         prefix_format_address(address, text, sizeof(text)), port);
	return buf;
}

static int note_publish(struct graph_netns *netns, const struct nat_publish *publish)
{
	char listen[PREFIX_TEXT_MAX + 8], to[PREFIX_TEXT_MAX + 8];

	return add_note(netns, "publish %s to %s",
	                format_port(&publish->listen, publish->port, listen, sizeof(listen)),
	                format_port(&publish->to, publish->to_port, to, sizeof(to)));
}

static int write_notes(struct graph_netns *netns)
{
	int rc = note_sysctls(netns);

	vec_each (route, &netns->wanted->routes) {
		rc = rc < 0 ? rc : note_route(netns, route);
	}
	vec_each (masquerade, &netns->wanted->nat.masquerades) {
		rc = rc < 0 ? rc : note_masquerade(netns, masquerade);
	}
	vec_each (publish, &netns->wanted->nat.publishes) {
		rc = rc < 0 ? rc : note_publish(netns, publish);
	}
	return rc;
}

/* ---- links ---- */

const char *graph_link_name(const struct graph *graph, uint32_t link, char *buf, size_t size)
{
	const struct topology_link *wanted = &graph->topology->links.items[link];

	snprintf(buf, size, "%s/%s", graph->topology->netns.items[wanted->netns].name, wanted->name);
	return buf;
}

const char *graph_address(const struct graph_link *link, size_t index, char *buf, size_t size)
{
	const struct prefix *address = &link->wanted->addresses.items[index];
	const struct netstate_link *live = link->live ? netstate_link_by_name(link->live, link->wanted->name)
	                                              : NULL;
	char text[PREFIX_TEXT_MAX];
	bool is_there = !live;

	for (size_t i = 0; live && i < link->live->addresses.count && !is_there; i++) {
		const struct netstate_address *own = &link->live->addresses.items[i];

		is_there = own->link == live->index && prefix_equal(&own->prefix, address);
	}
	snprintf(buf, size, "%s%s", prefix_format(address, text, sizeof(text)), is_there ? "" : " (missing)");
	return buf;
}

static void describe_vxlan(const struct graph *graph, const struct topology_link *wanted, char *buf,
                           size_t size)
{
	char over[GRAPH_NAME_MAX] = "", remote[PREFIX_TEXT_MAX] = "";
	bool has_parent = wanted->parent != TOPOLOGY_NONE,
	     has_remote = wanted->vxlan.remote.family != AF_UNSPEC;

	if (has_parent)
		graph_link_name(graph, wanted->parent, over, sizeof(over));
	if (has_remote)
		prefix_format_address(&wanted->vxlan.remote, remote, sizeof(remote));
	snprintf(buf, size, "vxlan %u%s%s%s%s", wanted->vxlan.vni, has_parent ? " over " : "", over,
	         has_remote ? " to " : "", remote);
}

static void describe_kind(const struct graph *graph, const struct topology_link *wanted, char *buf,
                          size_t size)
{
	const char *mode = link_mode_name(wanted->kind, wanted->mode);
	char parent[GRAPH_NAME_MAX];

	if (wanted->existing)
		snprintf(buf, size, "existing");
	else if (wanted->kind == LINK_VXLAN)
		describe_vxlan(graph, wanted, buf, size);
	else if ((wanted->kind == LINK_MACVLAN || wanted->kind == LINK_IPVLAN) &&
	         wanted->parent != TOPOLOGY_NONE)
		snprintf(buf, size, "%s %s on %s", link_kind_name(wanted->kind), mode ? mode : "?",
		         graph_link_name(graph, wanted->parent, parent, sizeof(parent)));
	else
		snprintf(buf, size, "%s", link_kind_name(wanted->kind));
}

/* find_above - what a link hangs from in its own namespace: its bridge, or else what carries it */
static uint32_t find_above(const struct topology *topology, const struct topology_link *wanted)
{
	if (wanted->bridge != TOPOLOGY_NONE)
		return wanted->bridge;
	if (wanted->parent != TOPOLOGY_NONE && topology->links.items[wanted->parent].netns == wanted->netns)
		return wanted->parent;
	return TOPOLOGY_NONE;
}

static void describe_link(struct graph *graph, uint32_t index, const struct seen *seen)
{
	const struct topology_link *wanted = &graph->topology->links.items[index];
	const struct seen_netns *found = find_seen(seen, wanted->netns);
	struct graph_link *link = &graph->links[index];

	link->wanted = wanted;
	link->live = found ? &found->state : NULL;
	link->state = link_state(wanted, link->live);
	link->above = find_above(graph->topology, wanted);
	describe_kind(graph, wanted, link->kind, sizeof(link->kind));
}

static int add_edge(struct graph *graph, uint32_t a, uint32_t b, bool is_veth)
{
	struct graph_edge *edge = vec_push(&graph->edges);
	enum graph_state state_a = graph->links[a].state, state_b = graph->links[b].state;

	if (!edge)
		return -ENOMEM;
	*edge = (struct graph_edge){a, b, is_veth, state_a > state_b ? state_a : state_b};
	return 0;
}

static int add_edges(struct graph *graph)
{
	int rc = 0;

	for (uint32_t i = 0; i < graph->topology->links.count && rc == 0; i++) {
		const struct topology_link *wanted = &graph->topology->links.items[i];

		if (wanted->peer != TOPOLOGY_NONE && i < wanted->peer)
			rc = add_edge(graph, i, wanted->peer, true);
		if (rc == 0 && wanted->parent != TOPOLOGY_NONE && graph->links[i].above != wanted->parent)
			rc = add_edge(graph, i, wanted->parent, false);
	}
	return rc;
}

/* ---- rows ---- */

/* add_rows - the links that hang from @above, each with what hangs from it */
static int add_rows(struct graph *graph, uint32_t netns, uint32_t above, unsigned depth)
{
	int rc = 0;

	for (uint32_t i = 0; i < graph->topology->links.count && rc == 0; i++) {
		uint32_t *row;

		if (graph->links[i].wanted->netns != netns || graph->links[i].above != above)
			continue;
		row = vec_push(&graph->netns[netns].rows);
		if (!row)
			return -ENOMEM;
		*row = i;
		graph->links[i].depth = depth;
		rc = add_rows(graph, netns, i, depth + 1);
	}
	return rc;
}

/* ---- the whole ---- */

static int describe(struct graph *graph, const struct seen *seen)
{
	int rc = 0;

	for (uint32_t i = 0; i < graph->topology->links.count; i++)
		describe_link(graph, i, seen);
	for (uint32_t i = 0; i < graph->topology->netns.count && rc == 0; i++) {
		graph->netns[i].wanted = &graph->topology->netns.items[i];
		graph->netns[i].state = netns_state(find_seen(seen, i));
		rc = write_notes(&graph->netns[i]);
		if (rc == 0)
			rc = add_rows(graph, i, TOPOLOGY_NONE, 0);
	}
	return rc == 0 ? add_edges(graph) : rc;
}

int graph_init(struct graph *graph, const struct topology *topology, const struct seen *seen, struct err *err)
{
	*graph = (struct graph){
	        .topology = topology,
	        .is_live = seen,
	        .netns = calloc(topology->netns.count + 1, sizeof(*graph->netns)),
	        .links = calloc(topology->links.count + 1, sizeof(*graph->links)),
	};
	if (!graph->netns || !graph->links || describe(graph, seen) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return 0;
}

void graph_fini(struct graph *graph)
{
	for (size_t i = 0; graph->netns && i < graph->topology->netns.count; i++) {
		vec_clear(&graph->netns[i].rows);
		vec_clear(&graph->netns[i].notes);
	}
	free(graph->netns);
	free(graph->links);
	vec_clear(&graph->edges);
}

void graph_escape(FILE *out, const char *text, const char *special, const char *const words[])
{
	for (const char *c = text; *c; c++) {
		const char *found = strchr(special, *c);

		if (found)
			fputs(words[found - special], out);
		else
			fputc((unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c, out);
	}
}

static const struct {
	const char *name;
	graph_draw_fn *draw;
} formats[GRAPH_FORMAT_COUNT] = {
        [GRAPH_TEXT] = {"text", graph_draw_text},
        [GRAPH_DOT] = {"dot", graph_draw_dot},
        [GRAPH_MERMAID] = {"mermaid", graph_draw_mermaid},
        [GRAPH_SVG] = {"svg", graph_draw_svg},
};

const char *graph_format_name(enum graph_format format)
{
	return formats[format].name;
}

int graph_format_find(const char *name)
{
	for (int i = 0; i < GRAPH_FORMAT_COUNT; i++) {
		if (!strcmp(formats[i].name, name))
			return i;
	}
	return -1;
}

int graph_write(const struct topology *topology, const struct seen *seen, enum graph_format format, FILE *out,
                struct err *err)
{
	struct graph graph;
	int rc = graph_init(&graph, topology, seen, err);

	if (rc == 0)
		rc = formats[format].draw(&graph, out, err);
	graph_fini(&graph);
	return rc;
}
