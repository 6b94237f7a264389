/* SPDX-License-Identifier: Apache-2.0 */
/* What all formats of nsctl/graph/graph.h draw: namespaces with rows of links, and lines between links. */
#ifndef NSRELAY_NSCTL_GRAPH_GRAPH_MODEL_H
#define NSRELAY_NSCTL_GRAPH_GRAPH_MODEL_H

#include <stdio.h>

#include "nsctl/topology/planner.h"
#include "nsctl/topology/topology.h"

/* From good to bad: a line is as bad as the worse of its ends. */
enum graph_state { GRAPH_PLANNED, GRAPH_UP, GRAPH_NO_CARRIER, GRAPH_DOWN, GRAPH_MISSING, GRAPH_STATE_COUNT };

/* How a state is shown. Colours are told apart by the colour-blind too (Okabe and Ito), and none is alone:
 * see the dash. */
struct graph_style {
	const char *name; /* a word; in a terminal, a legend, a class */
	const char *colour;
	const char *dash;     /* stroke-dasharray of SVG and Mermaid; "": solid */
	const char *dot_line; /* style of Graphviz */
	const char *wire;     /* in a terminal */
};
extern const struct graph_style graph_styles[GRAPH_STATE_COUNT];

enum { GRAPH_KIND_MAX = 160, GRAPH_NOTE_MAX = 160, GRAPH_NAME_MAX = TOPOLOGY_NETNS_NAME_MAX + IFNAMSIZ + 1 };

struct graph_link {
	const struct topology_link *wanted;
	const struct netstate *live; /* of its namespace; NULL: not looked at */
	enum graph_state state;
	uint32_t above;            /* the link of the same namespace that it is a port of, or that carries it;
	                              TOPOLOGY_NONE */
	unsigned depth;            /* links above it */
	char kind[GRAPH_KIND_MAX]; /* "veth", "macvlan bridge on host/eth0" */
};

struct graph_note {
	char text[GRAPH_NOTE_MAX]; /* "ip_forward = 1", "default via 10.0.0.1" */
};

struct graph_netns {
	const struct topology_netns *wanted;
	enum graph_state state; /* GRAPH_PLANNED, GRAPH_UP, GRAPH_MISSING */
	VEC(uint32_t) rows;     /* its links, ports behind their bridge */
	VEC(struct graph_note) notes;
};

/* A line that crosses no row: between the ends of a veth pair, or to what carries a link in another
 * namespace. */
struct graph_edge {
	uint32_t a, b; /* links */
	bool is_veth;
	enum graph_state state;
};

struct graph {
	const struct topology *topology;
	bool is_live;
	struct graph_netns *netns; /* in the topology's order, as are the links */
	struct graph_link *links;
	VEC(struct graph_edge) edges;
};

/* graph_init - see graph_write(). @graph is always fit for graph_fini(). */
int graph_init(struct graph *graph, const struct topology *topology, const struct seen *seen,
               struct err *err);
void graph_fini(struct graph *graph);

/* graph_link_name - "ns1/v1". Returns @buf. */
const char *graph_link_name(const struct graph *graph, uint32_t link, char *buf, size_t size);

/* graph_address - number @index of a link, with " (missing)" when the link is there and does not have it.
 * Returns @buf. */
enum { GRAPH_ADDRESS_MAX = PREFIX_TEXT_MAX + sizeof(" (missing)") };
const char *graph_address(const struct graph_link *link, size_t index, char *buf, size_t size);

/* graph_escape - write @text, in which each character of @special goes as the word of the same place in
 * @words */
void graph_escape(FILE *out, const char *text, const char *special, const char *const words[]);

/* One for each format; see graph_write(). */
typedef int graph_draw_fn(const struct graph *graph, FILE *out, struct err *err);
graph_draw_fn graph_draw_text, graph_draw_dot, graph_draw_mermaid, graph_draw_svg;

#endif
