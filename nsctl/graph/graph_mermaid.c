/* SPDX-License-Identifier: Apache-2.0 */
/* A flowchart of Mermaid, https://mermaid.js.org/syntax/flowchart.html: namespaces are subgraphs, links are
 * nodes. */
#include "nsctl/graph/graph_model.h"

/* put - within a quoted text; "entity codes" of the page above */
static void put(FILE *out, const char *text)
{
	static const char *const words[] = {"#quot;", "#35;", "#lt;", "#gt;", "#amp;", "#96;"};

	graph_escape(out, text, "\"#<>&`", words);
}

/* put_class - states by their number: a class's name is one word, and not one of Mermaid's own */
static void put_class(FILE *out, enum graph_state state)
{
	fprintf(out, ":::state%d\n", (int)state);
}

static void put_link(const struct graph *graph, uint32_t index, FILE *out)
{
	const struct graph_link *link = &graph->links[index];
	char address[GRAPH_ADDRESS_MAX];

	fprintf(out, "    l%u[\"", index);
	put(out, link->wanted->name);
	fputs("<br/>", out);
	put(out, link->kind);
	for (size_t i = 0; i < link->wanted->addresses.count; i++)
		fprintf(out, "<br/>%s", graph_address(link, i, address, sizeof(address)));
	fputs("\"]", out);
	put_class(out, link->state);
}

static void put_netns(const struct graph *graph, uint32_t index, FILE *out)
{
	const struct graph_netns *netns = &graph->netns[index];

	fprintf(out, "  subgraph n%u[\"", index);
	put(out, netns->wanted->name);
	vec_each (note, &netns->notes) {
		fputs("<br/>", out);
		put(out, note->text);
	}
	fputs(netns->state == GRAPH_MISSING ? "<br/>(missing)\"]\n" : "\"]\n", out);
	vec_each (row, &netns->rows) {
		put_link(graph, *row, out);
	}
	fputs("  end\n", out);
}

/* put_line - @number counts the lines, by which their style is given */
static void put_line(uint32_t a, uint32_t b, enum graph_state state, unsigned number, FILE *out)
{
	const struct graph_style *style = &graph_styles[state];

	fprintf(out, "  l%u --- l%u\n  linkStyle %u stroke:%s", a, b, number, style->colour);
	fprintf(out, *style->dash ? ",stroke-dasharray:%s\n" : "%s\n", style->dash);
}

static void put_lines(const struct graph *graph, FILE *out)
{
	unsigned number = 0;

	for (uint32_t i = 0; i < graph->topology->links.count; i++) {
		if (graph->links[i].above != TOPOLOGY_NONE)
			put_line(graph->links[i].above, i, graph->links[i].state, number++, out);
	}
	vec_each (edge, &graph->edges) {
		put_line(edge->a, edge->b, edge->state, number++, out);
	}
}

int graph_draw_mermaid(const struct graph *graph, FILE *out, struct err *err)
{
	(void)err;
	fputs("flowchart LR\n", out);
	for (uint32_t i = 0; i < graph->topology->netns.count; i++)
		put_netns(graph, i, out);
	put_lines(graph, out);
	for (int i = 0; i < GRAPH_STATE_COUNT; i++) {
		fprintf(out, "  classDef state%d fill:#fff,stroke:%s", i, graph_styles[i].colour);
		fprintf(out, *graph_styles[i].dash ? ",stroke-dasharray:%s\n" : "%s\n", graph_styles[i].dash);
	}
	return 0;
}
