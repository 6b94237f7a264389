/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSRELAY_APP_NSCTL_VERB_INSPECT_H
#define NSRELAY_APP_NSCTL_VERB_INSPECT_H

#include "app/nsctl/nsctl_options.h"

/* verb_inspect - `nsctl inspect NETNS`. Returns the exit status, or -errno: those of inspection_read();
 * ENOMEM. */
int verb_inspect(const struct nsctl_options *options, FILE *out, struct err *err);

#endif
