/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSRELAY_APP_NSCTL_VERB_SET_H
#define NSRELAY_APP_NSCTL_VERB_SET_H

#include "app/nsctl/nsctl_options.h"

/* verb_set - `nsctl drain|ready|maintenance|log`: 0, or -errno as verb_live() */
int verb_set(const struct nsctl_options *options, FILE *out, struct err *err);

#endif
