/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSRELAY_APP_NSCTL_TOPOLOGY_SHOW_H
#define NSRELAY_APP_NSCTL_TOPOLOGY_SHOW_H

#include <stdbool.h>
#include <stdio.h>

#include "nsctl/topology/topology.h"

/*
 * topology_show - `nsctl topology show`: each thing of @topology, and what it is like now
 * Reads only, and takes no lock: it may be asked for while another nsctl is at work.
 * Returns 0, or -errno: those of netns_open() (but for namespaces that are not there), nl_open(),
 * netstate_read(); ENOMEM.
 */
int topology_show(const struct topology *topology, bool json, FILE *out, struct err *err);

#endif
