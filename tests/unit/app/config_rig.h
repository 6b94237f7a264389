/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of configurations in, configurations or mistakes out. */
#ifndef NSRELAY_TESTS_UNIT_APP_CONFIG_RIG_H
#define NSRELAY_TESTS_UNIT_APP_CONFIG_RIG_H

#include "app/nsrelay/config_file.h"
#include "tests/unit/app/mistake.h"
#include "tests/unit/unit.h"

/* rig_load - read @text, called "f"; what is reported is in rig_printed() until the next one */
int rig_load(const char *text, struct config *ret);
const char *rig_printed(void);

/* rig_load_file - the same of the file at @path, whose configuration is thrown away */
int rig_load_file(const char *path);

/* rig_accept - fail unless @text is right; the caller owns the configuration */
struct config rig_accept(const char *text);

/* rig_refuse - fail unless each of @cases is refused as it says, and leaves the configuration untouched */
void rig_refuse(const struct mistake *cases, size_t count);
#define RIG_REFUSE(cases) rig_refuse(cases, ARRAY_COUNT(cases))

/* rig_teardown - for cmocka */
int rig_teardown(void **state);

#endif
