/* SPDX-License-Identifier: Apache-2.0 */
/* The language of Graphviz, https://graphviz.org/doc/info/lang.html: namespaces are clusters, links are
 * nodes. */
#include "nsctl/graph/graph_model.h"

static void put(FILE *out, const char *text)
{
	static const char *const words[] = {"\\\"", "\\\\"};

	graph_escape(out, text, "\"\\", words);
}

static void put_link(const struct graph *graph, uint32_t index, FILE *out)
{
	const struct graph_link *link = &graph->links[index];
	const struct graph_style *style = &graph_styles[link->state];
	char address[GRAPH_ADDRESS_MAX];

	fprintf(out, "\t\tl%u [label=\"", index);
	put(out, link->wanted->name);
	fputs("\\n", out);
	put(out, link->kind);
	for (size_t i = 0; i < link->wanted->addresses.count; i++)
		fprintf(out, "\\n%s", graph_address(link, i, address, sizeof(address)));
	fprintf(out, "\", color=\"%s\", style=\"rounded,filled,%s\"];\n", style->colour, style->dot_line);
}

static void put_netns(const struct graph *graph, uint32_t index, FILE *out)
{
	const struct graph_netns *netns = &graph->netns[index];
	const struct graph_style *style = &graph_styles[netns->state];

	fprintf(out, "\tsubgraph cluster_%u {\n\t\tlabel=\"", index);
	put(out, netns->wanted->name);
	vec_each (note, &netns->notes) {
		fputs("\\n", out);
		put(out, note->text);
	}
	fprintf(out, "\"; style=\"rounded,filled,%s\"; color=\"%s\"; fillcolor=\"#f5f7fa\";\n",
	        style->dot_line, netns->state == GRAPH_MISSING ? style->colour : "#8090a0");
	if (netns->rows.count == 0)
		fprintf(out, "\t\tn%u [shape=point, style=invis];\n",
		        index); /* an empty cluster is not drawn */
	vec_each (row, &netns->rows) {
		put_link(graph, *row, out);
	}
	fputs("\t}\n", out);
}

static void put_line(uint32_t a, uint32_t b, enum graph_state state, int width, FILE *out)
{
	fprintf(out, "\tl%u -- l%u [color=\"%s\", style=%s, penwidth=%d];\n", a, b,
	        graph_styles[state].colour, graph_styles[state].dot_line, width);
}

int graph_draw_dot(const struct graph *graph, FILE *out, struct err *err)
{
	(void)err;
	fputs("graph \"", out);
	put(out, graph->topology->name);
	fputs("\" {\n\tgraph [rankdir=LR, fontname=\"monospace\"];\n"
	      "\tnode [shape=box, fillcolor=white, fontname=\"monospace\"];\n",
	      out);
	for (uint32_t i = 0; i < graph->topology->netns.count; i++)
		put_netns(graph, i, out);
	for (uint32_t i = 0; i < graph->topology->links.count; i++) {
		if (graph->links[i].above != TOPOLOGY_NONE)
			put_line(graph->links[i].above, i, graph->links[i].state, 1, out);
	}
	vec_each (edge, &graph->edges) {
		put_line(edge->a, edge->b, edge->state, edge->is_veth ? 2 : 1, out);
	}
	fputs("}\n", out);
	return 0;
}
