/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSRELAY_APP_NSCTL_VERB_KILL_H
#define NSRELAY_APP_NSCTL_VERB_KILL_H

#include "app/nsctl/nsctl_options.h"

/*
 * verb_kill - `nsctl kill`: have a running nsrelay reset connections, and say how many
 * 0; 1 when there is no connection of one of the IDs (any more); -errno: those of varlink_connect() and
 * varlink_receive().
 */
int verb_kill(const struct nsctl_options *options, FILE *out, struct err *err);

#endif
