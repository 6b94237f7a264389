/* SPDX-License-Identifier: Apache-2.0 */
/* Items of lists that several keys of a file have; for schema_read_items(). */
#ifndef NSRELAY_APP_NSRELAY_CONFIG_LISTS_H
#define NSRELAY_APP_NSRELAY_CONFIG_LISTS_H

#include "app/text/schema.h"
#include "relay/config.h"

/* config_read_cidr - an address, or ADDRESS/PREFIX; @target: struct config_cidrs, which it is added to */
void config_read_cidr(struct schema_reader *reader, const struct yaml_node *node, void *target);

/* config_read_port - PORT or FIRST-LAST; @target: struct config_ports, which it is added to */
void config_read_port(struct schema_reader *reader, const struct yaml_node *node, void *target);

/* config_parse_ports - the same of a text; false: it is neither */
bool config_parse_ports(const char *text, struct config_port_range *ret);

#endif
