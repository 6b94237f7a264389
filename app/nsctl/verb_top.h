/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSRELAY_APP_NSCTL_VERB_TOP_H
#define NSRELAY_APP_NSCTL_VERB_TOP_H

#include "app/nsctl/nsctl_options.h"

/*
 * verb_top - `nsctl top`: until the user quits; where standard input and output are no terminal, or with -j,
 * two samples and what came of them. 0, or -errno as verb_live().
 */
int verb_top(const struct nsctl_options *options, FILE *out, struct err *err);

#endif
