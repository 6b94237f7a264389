/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSRELAY_APP_NSCTL_VERB_CHANGE_H
#define NSRELAY_APP_NSCTL_VERB_CHANGE_H

#include <stdio.h>

#include "app/nsctl/nsctl_options.h"

/* verb_change - have a running nsrelay work by another configuration; 0, or -errno with why it is as it was */
int verb_change(const struct nsctl_options *options, FILE *out, struct err *err);

#endif
