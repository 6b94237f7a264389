/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to be documented, by name. */
#ifndef NSRELAY_APP_MANUAL_PROGRAMS_H
#define NSRELAY_APP_MANUAL_PROGRAMS_H

#include "app/text/manual.h"
#include "app/text/schema.h"

/* programs_find - "nsrelay" or "nsctl"; NULL: there is no such program */
const struct manual *programs_find(const char *name);

/* programs_find_file - what a file may say: "nsrelay.yaml" or "nstopology.yaml"; NULL: there is no such
 * file */
const struct schema *programs_find_file(const char *name);

#endif
