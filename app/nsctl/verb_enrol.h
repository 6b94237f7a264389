/* SPDX-License-Identifier: Apache-2.0 */
/* nsctl enrol NETNS and nsctl withdraw UID: namespaces that the relays of a policy listen in. */
#ifndef NSRELAY_APP_NSCTL_VERB_ENROL_H
#define NSRELAY_APP_NSCTL_VERB_ENROL_H

#include <stdio.h>

#include "app/nsctl/nsctl_options.h"

int verb_enrol(const struct nsctl_options *options, FILE *out, struct err *err);

#endif
