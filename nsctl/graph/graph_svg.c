/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of Operation
 *
 * Namespaces stand in columns. The one with most wires begins the first; whoever it is wired to stands in the
 * second, and so on, so that a wire joins boxes of one column or of two that are side by side. All boxes of a
 * column are as wide as its widest: wires run in the gaps alone, and never across a box. In each column boxes
 * are ordered by where their wires come from (the mean height of the other ends), which keeps crossings few.
 *
 * A font is not measured: it is monospace, whose characters are 0.6 em wide in all that are in use, and texts
 * get a little more than that.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nsctl/graph/graph_model.h"

/* Pixels. */
enum {
	MARGIN = 24,
	TITLE_HEIGHT = 40,
	LEGEND_HEIGHT = 36,
	LINE_HEIGHT = 18,
	BOX_PADDING = 14,
	BOX_TITLE = 26,
	BOX_SPACE = 28, /* below a box */
	COLUMN_GAP = 140,
	INDENT = 18,
	BOX_WIDTH_MIN = 150,
	CHAR_WIDTH_TENTHS = 76,        /* at 12 px */
	TITLE_CHAR_WIDTH_TENTHS = 100, /* at 15 px, bold */
};

struct box {
	unsigned column;
	bool is_placed;
	int x, y, width, height;
	double pull; /* where its wires come from */
};

struct column {
	VEC(uint32_t) boxes;
	int x, width, height;
};

struct layout {
	const struct graph *graph;
	struct box *boxes; /* by namespace */
	VEC(struct column) columns;
	int *link_y; /* by link: where its wire ends */
	int width, height;
};

static uint32_t netns_of(const struct graph *graph, uint32_t link)
{
	return graph->links[link].wanted->netns;
}

/* ---- columns ---- */

static size_t count_wires(const struct graph *graph, uint32_t netns)
{
	size_t count = 0;

	vec_each (edge, &graph->edges) {
		count += netns_of(graph, edge->a) == netns || netns_of(graph, edge->b) == netns;
	}
	return count;
}

/* next_hub - of those without a place, the namespace with most wires, the first among equals; TOPOLOGY_NONE:
 * all placed */
static uint32_t next_hub(const struct layout *layout)
{
	uint32_t hub = TOPOLOGY_NONE;
	size_t most = 0;

	for (uint32_t i = 0; i < layout->graph->topology->netns.count; i++) {
		size_t count = layout->boxes[i].is_placed ? 0 : count_wires(layout->graph, i);

		if (layout->boxes[i].is_placed || (hub != TOPOLOGY_NONE && count <= most))
			continue;
		hub = i;
		most = count;
	}
	return hub;
}

static int place(struct layout *layout, uint32_t netns, unsigned column)
{
	uint32_t *box;

	while (layout->columns.count <= column) {
		if (!vec_push(&layout->columns))
			return -ENOMEM;
	}
	box = vec_push(&layout->columns.items[column].boxes);
	if (!box)
		return -ENOMEM;
	*box = netns;
	layout->boxes[netns].is_placed = true;
	layout->boxes[netns].column = column;
	return 0;
}

/* place_neighbours - whoever is wired to a namespace of @column, and has no place, stands in the next one */
static int place_neighbours(struct layout *layout, unsigned column, bool *ret_any)
{
	const struct graph *graph = layout->graph;

	vec_each (edge, &graph->edges) {
		uint32_t a = netns_of(graph, edge->a), b = netns_of(graph, edge->b);
		bool from_a = layout->boxes[a].is_placed && layout->boxes[a].column == column;
		bool from_b = layout->boxes[b].is_placed && layout->boxes[b].column == column;
		uint32_t next = from_a ? b : a;

		if ((!from_a && !from_b) || layout->boxes[next].is_placed)
			continue;
		if (place(layout, next, column + 1) < 0)
			return -ENOMEM;
		*ret_any = true;
	}
	return 0;
}

static int place_all(struct layout *layout)
{
	for (uint32_t hub = next_hub(layout); hub != TOPOLOGY_NONE; hub = next_hub(layout)) {
		bool any = true;
		int rc = place(layout, hub, 0);

		for (unsigned column = 0; any && rc == 0; column++) {
			any = false;
			rc = place_neighbours(layout, column, &any);
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- sizes ---- */

static int text_width(size_t length)
{
	return (int)length * CHAR_WIDTH_TENTHS / 10;
}

static void widen(int *width, int to)
{
	if (*width < to)
		*width = to;
}

static int lines_of(const struct graph_link *link)
{
	return 1 + (int)link->wanted->addresses.count;
}

static void measure_link(const struct graph_link *link, struct box *box)
{
	int indent = (int)link->depth * INDENT + 2 * BOX_PADDING;
	char address[GRAPH_ADDRESS_MAX];

	widen(&box->width, indent + text_width(strlen(link->wanted->name) + 2 + strlen(link->kind)));
	for (size_t i = 0; i < link->wanted->addresses.count; i++)
		widen(&box->width,
		      indent + text_width(2 + strlen(graph_address(link, i, address, sizeof(address)))));
	box->height += lines_of(link) * LINE_HEIGHT;
}

static void measure_box(const struct graph *graph, const struct graph_netns *netns, struct box *box)
{
	box->width = BOX_WIDTH_MIN;
	box->height = BOX_TITLE + BOX_PADDING + (int)netns->notes.count * LINE_HEIGHT;
	widen(&box->width, 2 * BOX_PADDING + (int)strlen(netns->wanted->name) * TITLE_CHAR_WIDTH_TENTHS / 10);
	vec_each (note, &netns->notes) {
		widen(&box->width, 2 * BOX_PADDING + text_width(strlen(note->text)));
	}
	vec_each (row, &netns->rows) {
		measure_link(&graph->links[*row], box);
	}
}

static void measure_columns(struct layout *layout)
{
	int x = MARGIN;

	vec_each (column, &layout->columns) {
		column->height = -BOX_SPACE;
		vec_each (index, &column->boxes) {
			struct box *box = &layout->boxes[*index];

			measure_box(layout->graph, &layout->graph->netns[*index], box);
			widen(&column->width, box->width);
			column->height += box->height + BOX_SPACE;
		}
		column->x = x;
		x += column->width + COLUMN_GAP;
		widen(&layout->height, column->height);
	}
	/* The last gap has wires too when two boxes of the last column are joined; they bulge into half of
	 * it. */
	layout->width = x - COLUMN_GAP / 2;
}

/* ---- places ---- */

static void place_rows(struct layout *layout, uint32_t netns)
{
	const struct graph_netns *drawn = &layout->graph->netns[netns];
	int y = layout->boxes[netns].y + BOX_TITLE + (int)drawn->notes.count * LINE_HEIGHT + LINE_HEIGHT / 2;

	vec_each (row, &drawn->rows) {
		layout->link_y[*row] = y;
		y += lines_of(&layout->graph->links[*row]) * LINE_HEIGHT;
	}
}

static void place_boxes(struct layout *layout, struct column *column)
{
	int y = MARGIN + TITLE_HEIGHT + (layout->height - column->height) / 2;

	vec_each (index, &column->boxes) {
		struct box *box = &layout->boxes[*index];

		box->x = column->x;
		box->width = column->width;
		box->y = y;
		place_rows(layout, *index);
		y += box->height + BOX_SPACE;
	}
}

/* pull - the mean height of the ends, in the column before, of a namespace's wires; those without one keep
 * their place */
static double pull(const struct layout *layout, uint32_t netns)
{
	const struct graph *graph = layout->graph;
	double sum = 0;
	size_t count = 0;

	vec_each (edge, &graph->edges) {
		bool is_a = netns_of(graph, edge->a) == netns, is_b = netns_of(graph, edge->b) == netns;
		uint32_t other = is_a ? edge->b : edge->a;

		if (is_a == is_b ||
		    layout->boxes[netns_of(graph, other)].column >= layout->boxes[netns].column)
			continue;
		sum += layout->link_y[other];
		count++;
	}
	return count ? sum / (double)count : 1e9;
}

/* order - by pull; stable, so that the file's order decides between equals */
static void order(struct layout *layout, struct column *column)
{
	uint32_t *boxes = column->boxes.items;

	for (size_t i = 0; i < column->boxes.count; i++)
		layout->boxes[boxes[i]].pull = pull(layout, boxes[i]);
	for (size_t i = 1; i < column->boxes.count; i++) {
		for (size_t k = i; k > 0 && layout->boxes[boxes[k]].pull < layout->boxes[boxes[k - 1]].pull;
		     k--) {
			uint32_t moved = boxes[k];

			boxes[k] = boxes[k - 1];
			boxes[k - 1] = moved;
		}
	}
}

static void layout_fini(struct layout *layout)
{
	vec_each (column, &layout->columns) {
		vec_clear(&column->boxes);
	}
	vec_clear(&layout->columns);
	free(layout->boxes);
	free(layout->link_y);
}

static int layout_init(struct layout *layout, const struct graph *graph)
{
	*layout = (struct layout){
	        .graph = graph,
	        .boxes = calloc(graph->topology->netns.count + 1, sizeof(*layout->boxes)),
	        .link_y = calloc(graph->topology->links.count + 1, sizeof(*layout->link_y)),
	};
	if (!layout->boxes || !layout->link_y || place_all(layout) < 0)
		return -ENOMEM;
	measure_columns(layout);
	vec_each (column, &layout->columns) {
		order(layout, column);
		place_boxes(layout, column);
	}
	return 0;
}

/* ---- drawing ---- */

static void put(FILE *out, const char *text)
{
	static const char *const words[] = {"&amp;", "&lt;", "&gt;", "&quot;"};

	graph_escape(out, text, "&<>\"", words);
}

static void put_text(FILE *out, int x, int y, const char *class, const char *text)
{
	fprintf(out, "<text x=\"%d\" y=\"%d\" class=\"%s\">", x, y, class);
	put(out, text);
	fputs("</text>\n", out);
}

static void put_stroke(FILE *out, enum graph_state state, int width)
{
	const struct graph_style *style = &graph_styles[state];

	fprintf(out, " stroke=\"%s\" stroke-width=\"%d\"", style->colour, width);
	if (*style->dash)
		fprintf(out, " stroke-dasharray=\"%s\"", style->dash);
}

/* Baseline of a text whose middle is at y. */
static int baseline(int y)
{
	return y + 4;
}

static int text_x(const struct layout *layout, const struct graph_link *link)
{
	return layout->boxes[link->wanted->netns].x + BOX_PADDING + (int)link->depth * INDENT;
}

/* put_hook - from what a link hangs from down to the link */
static void put_hook(const struct layout *layout, uint32_t index, FILE *out)
{
	const struct graph_link *link = &layout->graph->links[index];
	int x, from, to = layout->link_y[index];

	if (link->above == TOPOLOGY_NONE)
		return;
	x = text_x(layout, &layout->graph->links[link->above]) + 4;
	from = layout->link_y[link->above] + LINE_HEIGHT / 2;
	fprintf(out, "<path d=\"M%d %dV%dH%d\" fill=\"none\"", x, from, to, text_x(layout, link) - 3);
	put_stroke(out, link->state, 1);
	fputs("/>\n", out);
}

static void put_link(const struct layout *layout, uint32_t index, FILE *out)
{
	const struct graph_link *link = &layout->graph->links[index];
	int x = text_x(layout, link), y = layout->link_y[index];
	char address[GRAPH_ADDRESS_MAX];

	put_hook(layout, index, out);
	fprintf(out, "<text x=\"%d\" y=\"%d\"><tspan class=\"link\" fill=\"%s\">", x, baseline(y),
	        graph_styles[link->state].colour);
	put(out, link->wanted->name);
	fputs("</tspan> <tspan class=\"kind\">", out);
	put(out, link->kind);
	fputs("</tspan></text>\n", out);
	for (size_t i = 0; i < link->wanted->addresses.count; i++)
		put_text(out, x + INDENT / 2, baseline(y + (int)(i + 1) * LINE_HEIGHT), "address",
		         graph_address(link, i, address, sizeof(address)));
}

static void put_box(const struct layout *layout, uint32_t netns, FILE *out)
{
	const struct graph_netns *drawn = &layout->graph->netns[netns];
	const struct box *box = &layout->boxes[netns];
	int y = box->y + BOX_TITLE + LINE_HEIGHT / 2;

	fprintf(out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"10\" class=\"%s\"/>\n", box->x,
	        box->y, box->width, box->height, drawn->state == GRAPH_MISSING ? "netns missing" : "netns");
	put_text(out, box->x + BOX_PADDING, box->y + 20, "title", drawn->wanted->name);
	vec_each (note, &drawn->notes) {
		put_text(out, box->x + BOX_PADDING, baseline(y), "note", note->text);
		y += LINE_HEIGHT;
	}
	vec_each (row, &drawn->rows) {
		put_link(layout, *row, out);
	}
}

static void put_pin(int x, int y, enum graph_state state, FILE *out)
{
	fprintf(out, "<circle cx=\"%d\" cy=\"%d\" r=\"4\" fill=\"%s\"/>\n", x, y, graph_styles[state].colour);
}

/*
 * put_wire - from the right edge of the left box to the left edge of the right one; between boxes of one
 * column, a bow to the right of both
 */
static void put_wire(const struct layout *layout, const struct graph_edge *edge, FILE *out)
{
	const struct graph *graph = layout->graph;
	const struct box *box_a = &layout->boxes[netns_of(graph, edge->a)];
	const struct box *box_b = &layout->boxes[netns_of(graph, edge->b)];
	bool is_swapped = box_b->column < box_a->column, is_bow = box_a->column == box_b->column;
	const struct box *left = is_swapped ? box_b : box_a, *right = is_swapped ? box_a : box_b;
	uint32_t from = is_swapped ? edge->b : edge->a, to = is_swapped ? edge->a : edge->b;
	int x1 = left->x + left->width, x2 = is_bow ? x1 : right->x;
	int bend1 = x1 + COLUMN_GAP / 2, bend2 = is_bow ? bend1 : x2 - COLUMN_GAP / 2;

	fprintf(out, "<path d=\"M%d %dC%d %d %d %d %d %d\" fill=\"none\"", x1, layout->link_y[from], bend1,
	        layout->link_y[from], bend2, layout->link_y[to], x2, layout->link_y[to]);
	put_stroke(out, edge->state, edge->is_veth ? 2 : 1);
	fputs("/>\n", out);
	put_pin(x1, layout->link_y[from], graph->links[from].state, out);
	put_pin(x2, layout->link_y[to], graph->links[to].state, out);
}

static void put_legend(const struct layout *layout, FILE *out)
{
	int x = MARGIN, y = MARGIN + TITLE_HEIGHT + layout->height + LEGEND_HEIGHT;

	for (int state = GRAPH_UP; state < GRAPH_STATE_COUNT && layout->graph->is_live; state++) {
		fprintf(out, "<path d=\"M%d %dh32\" fill=\"none\"", x, y);
		put_stroke(out, (enum graph_state)state, 2);
		fputs("/>\n", out);
		put_text(out, x + 40, baseline(y), "kind", graph_styles[state].name);
		x += 40 + text_width(strlen(graph_styles[state].name)) + 24;
	}
	(void)x;
}

static void put_head(const struct layout *layout, FILE *out)
{
	enum { LEGEND_WIDTH = 500 };
	int width = layout->width + MARGIN, height = layout->height + 2 * MARGIN + TITLE_HEIGHT;
	const char *name = layout->graph->topology->name;

	widen(&width, 2 * MARGIN + (int)strlen(name) * 12);
	if (layout->graph->is_live) {
		widen(&width, LEGEND_WIDTH);
		height += LEGEND_HEIGHT;
	}
	fprintf(out,
	        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
	        "role=\"img\">\n"
	        "<title>",
	        width, height, width, height);
	put(out, name);
	fputs("</title>\n<style>\n"
	      "text { font: 12px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: "
	      "#1c2733; }\n"
	      ".name { font-size: 18px; font-weight: bold; }\n"
	      ".title { font-size: 15px; font-weight: bold; }\n"
	      ".link { font-weight: bold; }\n"
	      ".kind, .note { fill: #5a6b7b; }\n"
	      ".netns { fill: #f5f7fa; stroke: #8090a0; stroke-width: 1.5; }\n"
	      ".missing { stroke: #8a3d6b; stroke-dasharray: 1 4; }\n"
	      "</style>\n",
	      out);
	fprintf(out, "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", width, height);
	put_text(out, MARGIN, MARGIN + 16, "name", name);
}

int graph_draw_svg(const struct graph *graph, FILE *out, struct err *err)
{
	struct layout layout;
	int rc = layout_init(&layout, graph);

	if (rc == 0) {
		put_head(&layout, out);
		for (uint32_t i = 0; i < graph->topology->netns.count; i++)
			put_box(&layout, i, out);
		vec_each (edge, &graph->edges) {
			put_wire(&layout, edge, out);
		}
		put_legend(&layout, out);
		fputs("</svg>\n", out);
	}
	layout_fini(&layout);
	return rc < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}
