/* SPDX-License-Identifier: Apache-2.0 */
/* `nsctl topology verify FILE`: try what the file expects, and say what holds and what does not. */
#ifndef NSRELAY_APP_NSCTL_VERB_VERIFY_H
#define NSRELAY_APP_NSCTL_VERB_VERIFY_H

#include <stdbool.h>
#include <stdio.h>

#include "nsctl/topology/topology.h"

/*
 * verb_verify - 0: all of it holds, and the numbers of links are those of the file; 1: not so
 * -errno as verify_run() and topology_live_read()
 */
int verb_verify(const struct topology *topology, bool json, FILE *out, struct err *err);

#endif
