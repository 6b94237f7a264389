/* SPDX-License-Identifier: Apache-2.0 */
/* A tree for a terminal: each namespace with its links, what they hang from, and where their wires lead. */
#include <string.h>

#include "nsctl/graph/graph_model.h"

/* Columns of a row, filled up with spaces to the widest. */
struct widths {
	int name, state, kind;
};

/* put - control characters do nothing to the terminal */
static void put(FILE *out, const char *text)
{
	graph_escape(out, text, "", NULL);
}

/* width_of - characters, as UTF-8 has them */
static int width_of(const char *text)
{
	int width = 0;

	for (const char *c = text; *c; c++)
		width += (*c & 0xc0) != 0x80;
	return width;
}

static void pad(FILE *out, int from, int to)
{
	for (; from < to; from++)
		fputc(' ', out);
}

static void put_column(FILE *out, const char *text, int width)
{
	put(out, text);
	pad(out, width_of(text), width);
}

/* state_word - nothing has a state before it has been looked at, but for what is meant to be down */
static const char *state_word(enum graph_state state)
{
	return state == GRAPH_PLANNED ? "" : graph_styles[state].name;
}

/* wire_of - where a veth leads: "── ns1/v1" */
static const char *wire_of(const struct graph *graph, const struct graph_link *link, char *buf, size_t size)
{
	char peer[GRAPH_NAME_MAX];
	enum graph_state worse = link->state;

	if (link->wanted->peer == TOPOLOGY_NONE)
		return "";
	if (graph->links[link->wanted->peer].state > worse)
		worse = graph->links[link->wanted->peer].state;
	snprintf(buf, size, " %s %s", graph_styles[worse].wire,
	         graph_link_name(graph, link->wanted->peer, peer, sizeof(peer)));
	return buf;
}

static void widen(int *width, int to)
{
	if (*width < to)
		*width = to;
}

enum { BRANCH_WIDTH = 3, WIRE_MAX = GRAPH_NAME_MAX + 16 };

static struct widths measure(const struct graph *graph)
{
	struct widths widths = {0};
	char wire[WIRE_MAX];

	for (uint32_t i = 0; i < graph->topology->links.count; i++) {
		const struct graph_link *link = &graph->links[i];

		widen(&widths.name, (int)(link->depth + 1) * BRANCH_WIDTH + width_of(link->wanted->name));
		widen(&widths.state, width_of(state_word(link->state)));
		widen(&widths.kind,
		      width_of(link->kind) + width_of(wire_of(graph, link, wire, sizeof(wire))));
	}
	return widths;
}

/* goes_on - is there another row behind @row on level @depth, under the same row of the level above? */
static bool goes_on(const struct graph *graph, const struct graph_netns *netns, size_t row, unsigned depth)
{
	for (size_t i = row + 1; i < netns->rows.count; i++) {
		unsigned other = graph->links[netns->rows.items[i]].depth;

		if (other <= depth)
			return other == depth;
	}
	return false;
}

static void put_branches(const struct graph *graph, const struct graph_netns *netns, size_t row, FILE *out)
{
	unsigned depth = graph->links[netns->rows.items[row]].depth;

	for (unsigned level = 0; level < depth; level++)
		fputs(goes_on(graph, netns, row, level) ? "│  " : "   ", out);
	fputs(goes_on(graph, netns, row, depth) ? "├─ " : "└─ ", out);
}

static void put_addresses(const struct graph_link *link, FILE *out)
{
	char address[GRAPH_ADDRESS_MAX];

	for (size_t i = 0; i < link->wanted->addresses.count; i++)
		fprintf(out, "%s%s", i ? ", " : "  ", graph_address(link, i, address, sizeof(address)));
}

static void put_row(const struct graph *graph, const struct graph_netns *netns, size_t row,
                    const struct widths *widths, FILE *out)
{
	const struct graph_link *link = &graph->links[netns->rows.items[row]];
	bool has_more = link->wanted->addresses.count > 0;
	char wire[WIRE_MAX];

	put_branches(graph, netns, row, out);
	put_column(out, link->wanted->name, widths->name - (int)(link->depth + 1) * BRANCH_WIDTH);
	fputs("  ", out);
	if (widths->state > 0)
		put_column(out, state_word(link->state), widths->state + 2);
	put(out, link->kind);
	put_column(out, wire_of(graph, link, wire, sizeof(wire)),
	           has_more ? widths->kind - width_of(link->kind) : 0);
	put_addresses(link, out);
	fputc('\n', out);
}

static void put_netns(const struct graph *graph, const struct graph_netns *netns, const struct widths *widths,
                      FILE *out)
{
	fputc('\n', out);
	put(out, netns->wanted->name);
	fputs(netns->state == GRAPH_MISSING ? "  (missing)\n" : "\n", out);
	vec_each (note, &netns->notes) {
		fputs(netns->rows.count > 0 ? "│  " : "   ", out);
		put(out, note->text);
		fputc('\n', out);
	}
	for (size_t row = 0; row < netns->rows.count; row++)
		put_row(graph, netns, row, widths, out);
}

int graph_draw_text(const struct graph *graph, FILE *out, struct err *err)
{
	struct widths widths = measure(graph);

	(void)err;
	put(out, graph->topology->name);
	fputc('\n', out);
	for (uint32_t i = 0; i < graph->topology->netns.count; i++)
		put_netns(graph, &graph->netns[i], &widths, out);
	return 0;
}
