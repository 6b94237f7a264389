/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree of yaml.h as a text that yaml_init() reads back to the same tree: in blocks, two spaces a level, in ASCII
 * alone. A scalar that might be anything else stands in quotes; one that is no UTF-8 keeps
 * its bytes, which yaml_init() then refuses.
 */
#ifndef NSRELAY_APP_TEXT_YAML_PRINT_H
#define NSRELAY_APP_TEXT_YAML_PRINT_H

#include <stdio.h>

#include "app/text/yaml.h"

/* yaml_print - write @root, a mapping or a list; whether it arrived ferror(3) tells */
void yaml_print(const struct yaml_node *root, FILE *out);

#endif
