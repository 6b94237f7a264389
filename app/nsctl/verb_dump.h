/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSRELAY_APP_NSCTL_VERB_DUMP_H
#define NSRELAY_APP_NSCTL_VERB_DUMP_H

#include "app/nsctl/nsctl_options.h"

/*
 * verb_dump - `nsctl dump`: write the configuration that a running nsrelay works by, all of it or nothing
 * Returns the exit status, or -errno with what to do: those of config_fetch().
 */
int verb_dump(const struct nsctl_options *options, FILE *out, struct err *err);

#endif
