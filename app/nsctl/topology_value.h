/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses as a topology file writes them. Each function reads @node into @ret, or reports what is wrong
 * with it and returns false; @ret is then untouched.
 */
#ifndef NSRELAY_APP_NSCTL_TOPOLOGY_VALUE_H
#define NSRELAY_APP_NSCTL_TOPOLOGY_VALUE_H

#include "app/text/schema.h"
#include "nsctl/netlink/link.h"
#include "nsctl/netlink/prefix.h"

/* topology_value_address - `10.0.0.1`, an address that one host can have */
bool topology_value_address(struct schema_reader *reader, const struct yaml_node *node, struct prefix *ret);

/* topology_value_group - as topology_value_address(), or a multicast address */
bool topology_value_group(struct schema_reader *reader, const struct yaml_node *node, struct prefix *ret);

/* topology_value_interface - `10.0.0.1/24`, an address and the length of its network */
bool topology_value_interface(struct schema_reader *reader, const struct yaml_node *node, struct prefix *ret);

/* topology_value_network - `10.0.0.0/24`, nothing behind its length */
bool topology_value_network(struct schema_reader *reader, const struct yaml_node *node, struct prefix *ret);

/*
 * topology_value_socket - `10.0.0.1:80` or `[fd00::1]:80` from @text, which is @node's or a part of it
 * @any: may the address be 0.0.0.0 or [::]?
 */
bool topology_value_socket(struct schema_reader *reader, const struct yaml_node *node, const char *text,
                           bool any, struct prefix *ret, uint16_t *ret_port);

/* topology_value_is_any - 0.0.0.0 or :: */
bool topology_value_is_any(const struct prefix *address);

bool topology_value_is_multicast(const struct prefix *address);

/*
 * topology_value_number - whichever of link_numbers the key of @node names, into @numbers
 * @kind: of the link; LINK_OTHER: somebody else's. Only of one that the topology makes may the MTU be so small
 * that the kernel takes its IPv6 addresses away, for it does not give them back.
 */
bool topology_value_number(struct schema_reader *reader, const struct yaml_node *node, enum link_kind kind,
                           uint32_t numbers[LINK_NUMBER_COUNT]);

extern const struct value_type topology_value_port; /* into a uint32_t */

#endif
