/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/verb_graph.h"

#include <errno.h>

#include "app/text/json.h"
#include "nsctl/graph/graph.h"
#include "nsctl/graph/graph_model.h"

typedef int draw_fn(const struct topology *topology, const struct seen *seen, enum graph_format format,
                    FILE *out, struct err *err);

/* draw - @live: with what is really there */
static int draw(const struct topology *topology, bool live, draw_fn *work, enum graph_format format,
                FILE *out, struct err *err)
{
	struct seen seen;
	if (!live)
		return work(topology, NULL, format, out, err);
	int rc = graph_look(topology, &seen, err);
	if (rc < 0)
		return rc;
	rc = work(topology, &seen, format, out, err);
	seen_fini(&seen);
	return rc;
}

int verb_graph(const struct topology *topology, const char *format, bool live, FILE *out, struct err *err)
{
	int found = graph_format_find(format);
	if (found < 0)
		return err_set(err, EINVAL, "unknown format '%s'; expected text, dot, mermaid or svg",
		               format);
	return draw(topology, live, graph_write, (enum graph_format)found, out, err);
}

/* ---- JSON ---- */

static void write_name(struct json *json, const char *key, const struct graph *graph, uint32_t link)
{
	char name[GRAPH_NAME_MAX];
	json_text(json, key, graph_link_name(graph, link, name, sizeof(name)));
}

static void write_netns(struct json *json, const struct graph_netns *netns)
{
	json_begin_object(json, NULL);
	json_text(json, "name", netns->wanted->name);
	json_text(json, "state", graph_styles[netns->state].name);
	json_begin_array(json, "notes");
	vec_each (note, &netns->notes)
		json_text(json, NULL, note->text);
	json_end(json);
	json_end(json);
}

static void write_link(struct json *json, const struct graph *graph, uint32_t index)
{
	const struct graph_link *link = &graph->links[index];
	char text[GRAPH_ADDRESS_MAX];
	json_begin_object(json, NULL);
	write_name(json, "link", graph, index);
	json_text(json, "kind", link->kind);
	json_text(json, "state", graph_styles[link->state].name);
	if (link->above != TOPOLOGY_NONE)
		write_name(json, "above", graph, link->above);
	json_begin_array(json, "addresses");
	for (size_t i = 0; i < link->wanted->addresses.count; i++)
		json_text(json, NULL, graph_address(link, i, text, sizeof(text)));
	json_end(json);
	json_end(json);
}

static void write_line(struct json *json, const struct graph *graph, const struct graph_edge *edge)
{
	json_begin_object(json, NULL);
	write_name(json, "from", graph, edge->a);
	write_name(json, "to", graph, edge->b);
	json_text(json, "kind", edge->is_veth ? "veth" : "carries");
	json_text(json, "state", graph_styles[edge->state].name);
	json_end(json);
}

static void write_graph(const struct graph *graph, FILE *out)
{
	struct json json = JSON_INIT(out);
	json_begin_object(&json, NULL);
	json_text(&json, "topology", graph->topology->name);
	json_begin_array(&json, "namespaces");
	for (uint32_t i = 0; i < graph->topology->netns.count; i++)
		write_netns(&json, &graph->netns[i]);
	json_end(&json);
	json_begin_array(&json, "links");
	for (uint32_t i = 0; i < graph->topology->links.count; i++)
		write_link(&json, graph, i);
	json_end(&json);
	json_begin_array(&json, "lines");
	vec_each (edge, &graph->edges)
		write_line(&json, graph, edge);
	json_end(&json);
	json_end(&json);
}

static int draw_json(const struct topology *topology, const struct seen *seen, enum graph_format format,
                     FILE *out, struct err *err)
{
	struct graph graph;
	int rc = graph_init(&graph, topology, seen, err);
	(void)format;
	if (rc == 0)
		write_graph(&graph, out);
	graph_fini(&graph);
	return rc;
}

int verb_graph_json(const struct topology *topology, bool live, FILE *out, struct err *err)
{
	return draw(topology, live, draw_json, GRAPH_FORMAT_COUNT, out, err);
}
