/* SPDX-License-Identifier: Apache-2.0 */
/* Completions for shells: verbs, options, words, files, and names that only a running daemon knows. */
#ifndef NSRELAY_APP_MANUAL_COMPLETION_H
#define NSRELAY_APP_MANUAL_COMPLETION_H

#include <stdbool.h>
#include <stdio.h>

#include "app/text/manual.h"

/* completion_print - what @shell has to read to complete @manual's program; false: it is none of bash, zsh
 * and fish */
bool completion_print(const char *shell, const struct manual *manual, FILE *out);

#endif
