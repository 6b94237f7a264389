/* SPDX-License-Identifier: Apache-2.0 */
/* `nsctl topology graph FILE`: draw the file, or what has become of it. */
#ifndef NSRELAY_APP_NSCTL_VERB_GRAPH_H
#define NSRELAY_APP_NSCTL_VERB_GRAPH_H

#include <stdbool.h>
#include <stdio.h>

#include "nsctl/topology/topology.h"

/*
 * verb_graph - draw @topology on @out
 * @format: "text", "dot", "mermaid" or "svg"
 * @live:   show the state of each link as it is now; else the file alone, which needs no privilege
 *
 * 0, or -errno: EINVAL (no such format), those of graph_look() and graph_write().
 */
int verb_graph(const struct topology *topology, const char *format, bool live, FILE *out, struct err *err);

/* verb_graph_json - what is drawn, for programs. 0, or -errno: ENOMEM, those of graph_look(). */
int verb_graph_json(const struct topology *topology, bool live, FILE *out, struct err *err);

#endif
