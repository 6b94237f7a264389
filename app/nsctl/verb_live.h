/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSRELAY_APP_NSCTL_VERB_LIVE_H
#define NSRELAY_APP_NSCTL_VERB_LIVE_H

#include "app/nsctl/nsctl_options.h"

/*
 * verb_live - `nsctl status|relays|backends|connections|counters`: ask a running nsrelay over its control
 * socket. Returns the exit status, or -errno with what to do: those of varlink_connect() and
 * varlink_receive().
 */
int verb_live(const struct nsctl_options *options, FILE *out, struct err *err);

#endif
