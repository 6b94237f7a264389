/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of interception share. */
#ifndef NSRELAY_NSCTL_INTERCEPT_INTERCEPT_PRIVATE_H
#define NSRELAY_NSCTL_INTERCEPT_INTERCEPT_PRIVATE_H

#include "nsctl/intercept/intercept.h"

/* intercept_rules_init - a batch with room for what intercept_rules_put() appends, and some requests more */
int intercept_rules_init(struct nl_batch *batch, const struct intercept *intercept, struct err *err);

/* intercept_rules_put - the table with its chains and rules, as new ones */
void intercept_rules_put(struct nl_batch *batch, const struct intercept *intercept);

/*
 * intercept_routes_add, intercept_routes_remove - the routing rule and the route of each family that the namespace has
 * Return 1 when there was something to do, 0, or -errno.
 */
int intercept_routes_add(struct nl *route, const struct intercept *intercept, struct err *err);
int intercept_routes_remove(struct nl *route, const struct intercept *intercept, struct err *err);

#endif
