/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/verb_graph.h"

#include <errno.h>

#include "nsctl/graph/graph.h"

static int draw_live(const struct topology *topology, enum graph_format format, FILE *out, struct err *err)
{
	struct seen seen;
	int rc = graph_look(topology, &seen, err);
	if (rc < 0)
		return rc;
	rc = graph_write(topology, &seen, format, out, err);
	seen_fini(&seen);
	return rc;
}

int verb_graph(const struct topology *topology, const char *format, bool live, FILE *out, struct err *err)
{
	int found = graph_format_find(format);
	if (found < 0)
		return err_set(err, EINVAL, "unknown format '%s'; expected text, dot, mermaid or svg",
		               format);
	if (live)
		return draw_live(topology, (enum graph_format)found, out, err);
	return graph_write(topology, NULL, (enum graph_format)found, out, err);
}
