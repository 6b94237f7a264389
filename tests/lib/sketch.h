/* SPDX-License-Identifier: Apache-2.0 */
/* A struct topology written down in a few lines of C, for tests. What cannot be done fails the running
 * test. */
#ifndef NSRELAY_TESTS_LIB_SKETCH_H
#define NSRELAY_TESTS_LIB_SKETCH_H

#include "nsctl/topology/topology.h"

/* sketch_netns - "host" is the namespace of the test, any other one /run/netns/NAME. Returns its index. */
uint32_t sketch_netns(struct topology *topology, const char *name);

/* sketch_veth - both ends, as "ns1/v1", each with an address or NULL */
void sketch_veth(struct topology *topology, const char *a, const char *address_a, const char *b,
                const char *address_b);

/* sketch_link - of another kind. Returns its index. */
uint32_t sketch_link(struct topology *topology, const char *name, enum link_kind kind, const char *address);
uint32_t sketch_find_link(const struct topology *topology, const char *name);
void sketch_address(struct topology *topology, const char *link, const char *address);
void sketch_route(struct topology *topology, const char *netns, const char *to, const char *via);

/* sketch_expect - @from reaches @to, "ADDRESS" (echo) or "ADDRESS:PORT"; @server, as "ns2/ADDRESS:PORT", may
 * be NULL */
struct topology_expect *sketch_expect(struct topology *topology, const char *from, const char *to,
                                     const char *server);

#endif
