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

enum { YAML_INDENT = 2 }; /* blanks a level */

/* yaml_print - write @root, a mapping or a list; whether it arrived ferror(3) tells */
void yaml_print(const struct yaml_node *root, FILE *out);

/* yaml_print_children - what stands below @node, a mapping or a list, with @indent blanks in front of each line */
void yaml_print_children(const struct yaml_node *node, int indent, FILE *out);

#endif
