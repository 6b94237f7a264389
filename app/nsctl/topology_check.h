/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold between the parts of a topology, once all of them are read. Each function reports to the
 * draft's report what does not, in its place.
 */
#ifndef NSRELAY_APP_NSCTL_TOPOLOGY_CHECK_H
#define NSRELAY_APP_NSCTL_TOPOLOGY_CHECK_H

#include "app/nsctl/topology_draft.h"

/* topology_check_links - no link is used in two ways, or stands above itself */
void topology_check_links(struct topology_draft *draft);

/* topology_check_twins - what may be there once only is: addresses, routes, published ports; sorts the
 * draft's parts */
void topology_check_twins(struct topology_draft *draft);

/* topology_check_routes - gateways can be reached and links are there; after topology_check_twins(), whose
 * order it needs */
void topology_check_routes(struct topology_draft *draft);

#endif
