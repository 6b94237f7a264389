/* SPDX-License-Identifier: Apache-2.0 */
/* A topology as a picture: for a terminal, for Graphviz, for Mermaid, or as SVG that needs no other
 * program. */
#ifndef NSRELAY_NSCTL_GRAPH_GRAPH_H
#define NSRELAY_NSCTL_GRAPH_GRAPH_H

#include <stdio.h>

#include "nsctl/topology/planner.h"
#include "nsctl/topology/topology.h"

enum graph_format { GRAPH_TEXT, GRAPH_DOT, GRAPH_MERMAID, GRAPH_SVG, GRAPH_FORMAT_COUNT };

/* graph_format_name, graph_format_find - "text", "dot", "mermaid", "svg"; finding returns -1 for any other
 * word */
const char *graph_format_name(enum graph_format format);
int graph_format_find(const char *name);

/*
 * graph_write - draw @topology on @out
 * @seen: what is really there, by which each link is shown as up, down, without carrier or missing; NULL: the
 * file alone
 *
 * The same input gives the same bytes. Errors: ENOMEM. That @out takes the bytes is for the caller to look at
 * (ferror()).
 */
int graph_write(const struct topology *topology, const struct seen *seen, enum graph_format format, FILE *out,
                struct err *err);

/*
 * graph_look - links and addresses of each namespace of @topology, and whether it is there at all: what
 * graph_write() wants
 * @ret: the caller's, for seen_fini(). Errors: EPERM, those of netns_open(), nl_open() and netstate_read();
 * ENOMEM.
 */
int graph_look(const struct topology *topology, struct seen *ret, struct err *err);

#endif
