/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `nsctl topology VERB FILE`. Each function returns the program's exit status, or -errno with what went wrong
 * in @err; mistakes in the file are printed on standard error.
 */
#ifndef NSRELAY_APP_NSCTL_VERB_TOPOLOGY_H
#define NSRELAY_APP_NSCTL_VERB_TOPOLOGY_H

#include "app/nsctl/nsctl_options.h"

/* Of `plan --exit-code`: there is something to do. */
enum { EXIT_CHANGES = 3 };

int verb_topology_plan(const struct nsctl_options *options, FILE *out, struct err *err);
int verb_topology_apply(const struct nsctl_options *options, FILE *out, struct err *err);
int verb_topology_delete(const struct nsctl_options *options, FILE *out, struct err *err);
int verb_topology_show(const struct nsctl_options *options, FILE *out, struct err *err);
int verb_topology_verify(const struct nsctl_options *options, FILE *out, struct err *err);
int verb_topology_graph(const struct nsctl_options *options, FILE *out, struct err *err);

#endif
