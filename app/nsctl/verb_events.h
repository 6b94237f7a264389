/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSRELAY_APP_NSCTL_VERB_EVENTS_H
#define NSRELAY_APP_NSCTL_VERB_EVENTS_H

#include "app/nsctl/nsctl_options.h"

/* verb_events - `nsctl events`: until it is interrupted or the daemon ends. -errno, as verb_live(). */
int verb_events(const struct nsctl_options *options, FILE *out, struct err *err);

#endif
