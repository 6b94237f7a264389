/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSRELAY_APP_NSCTL_VERB_NAMESPACES_H
#define NSRELAY_APP_NSCTL_VERB_NAMESPACES_H

#include "app/nsctl/nsctl_options.h"

/*
 * verb_namespaces - `nsctl namespaces [PID]`: the network namespaces of this machine, and who is in them and
 * keeps them; or the namespaces of all kinds that one process has, and with whom it shares them. Returns the
 * exit status, or -errno: those of census_read() and memberships_read().
 */
int verb_namespaces(const struct nsctl_options *options, FILE *out, struct err *err);

#endif
