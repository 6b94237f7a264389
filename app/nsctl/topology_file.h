/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of Operation
 *
 * A topology file becomes a struct topology in three steps, as a configuration does (config_file.h): yaml.c
 * makes a tree; topology_netns.c, topology_links.c and topology_expect.c walk its sections into a draft
 * (topology_draft.h); topology_check.h compares the parts with each other. Every mistake that can be seen
 * without asking the kernel is reported, with its place.
 *
 *	name: NAME                             default: the file's name without .yaml
 *	namespaces:
 *	  host:                                the namespace that nsctl runs in; needs no entry
 *	  NAME:                                made, as /run/netns/NAME, unless it is said to be there:
 *	    existing: true | pid: N | path: /FILE
 *	    loopback: true                     of one that is made: up? Short for { up: true }
 *	    loopback: { up: true, mtu: N, gso_max_size: N ... }
 *	    sysctls: { NAME: VALUE... }        those of nsctl/topology/sysctl.h
 *	    routes: [ { to: NETWORK | default, via: ADDRESS, link: LINK }... ]
 *	    masquerade: [ { from: NETWORK, out: LINK }... ]
 *	    publish: [ { listen: PORT | ADDRESS:PORT, to: ADDRESS:PORT }... ]
 *	links:
 *	  NS/LINK:                             NS/lo comes with its namespace; all others are one of
 *	    existing: true                     somebody else's, which is given addresses and numbers
 *	    veth: NS/LINK                      the other end, which needs no entry of its own
 *	    bridge: [ LINK... ]                its ports
 *	    macvlan: NS/LINK, mode: bridge     what it is on; private, vepa, bridge, passthru or source
 *	    ipvlan: NS/LINK, mode: l2          l2, l3 or l3s
 *	    vxlan: VNI, over: NS/LINK, local: ADDRESS, remote: ADDRESS, port: 4789
 *	                                       and may have
 *	    addresses: [ ADDRESS/LENGTH... ]
 *	    up: true, mac: MAC, mtu: N, gso_max_size: N ...    see link_numbers of nsctl/netlink/link.h
 *	expect:
 *	  - { from: NS, reaches: ADDRESS, ttl: N }                         ICMP echo
 *	  - { from: NS, reaches: ADDRESS:PORT, server: NS/ADDRESS:PORT }   TCP
 *	  - { from: NS, cannot_reach: ADDRESS | ADDRESS:PORT, because: WORD of unreachable_name() }
 */
#ifndef NSRELAY_APP_NSCTL_TOPOLOGY_FILE_H
#define NSRELAY_APP_NSCTL_TOPOLOGY_FILE_H

#include <stddef.h>
#include <stdio.h>

#include "app/text/schema.h"
#include "nsctl/topology/topology.h"

/* Every key there is, for the manual page. */
extern const struct schema topology_file_schema;

/*
 * topology_text_load - read a topology from memory
 * @name:   how the report calls it; without directory and .yaml the topology's name, if the text has none
 * @report: where the mistakes are printed; NULL: nowhere
 *
 * The caller owns what is stored in @ret, to be given to topology_fini(); @ret is untouched on failure.
 * Errors: EINVAL (mistakes, all of them reported), ENOMEM (reported too).
 */
int topology_text_load(const char *text, size_t size, const char *name, struct topology *ret, FILE *report);

/* topology_file_load - as topology_text_load(), from a file. Errors also: those of text_file_read() */
int topology_file_load(const char *path, struct topology *ret, FILE *report);

#endif
