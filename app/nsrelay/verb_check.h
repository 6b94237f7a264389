/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSRELAY_APP_NSRELAY_VERB_CHECK_H
#define NSRELAY_APP_NSRELAY_VERB_CHECK_H

#include <stdio.h>

#include "app/nsrelay/options.h"

/*
 * verb_check - `nsrelay check`: print "FILE: ok (...)" to @out, and what would change if that is asked for, or what is
 * wrong to @report
 * Returns the program's exit status: 0; EXIT_USAGE: a file is wrong; EXIT_FAILURE: the running daemon cannot be asked.
 */
int verb_check(struct options *options, FILE *out, FILE *report);

#endif
