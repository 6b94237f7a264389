/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of a relay's destinations an intercepted connection is meant for: the first, in the order of the
 * file, whose networks and ports are where its client wanted to go.
 *
 * Addresses are one line of keys, ports another one. Each is cut into runs of keys that the same entries
 * have, and each run has the set of these, a bit for an entry:
 *
 *	0: { networks: 10.0.0.0/8, ports: 443 }    addresses  0.0.0.0 - - -    10.0.0.0 0 1 2    11.0.0.0 - - -
 *	1: { networks: 10.0.0.0/8, ports: 25 }     ports            0 - - 2          25 - 1 2          26 - - 2
 *	2: { networks: 10.0.0.0/8 }                               443 0 - 2         444 - - 2
 *
 * The lowest bit that both the address's set and the port's have is the entry: for 10.1.2.3:25 these are
 * 0 1 2 and - 1 2. So a look costs two binary searches, and a word for each 64 entries, however networks and
 * ports overlap. Pure; a table never changes, and any thread may look.
 */
#ifndef NSRELAY_RELAY_DESTINATION_H
#define NSRELAY_RELAY_DESTINATION_H

#include <stddef.h>
#include <stdint.h>

#include "relay/config.h"
#include "relay/peer.h"

/* An address, as one of IPv6, or a port. */
typedef unsigned __int128 destination_key;

struct destination_line {
	destination_key *starts; /* of the runs, in order; the first is 0; owned */
	uint64_t *sets;          /* [run][word]; owned */
	uint32_t count;          /* of runs */
};

struct destination_table {
	struct destination_line addresses, ports;
	uint32_t words; /* of a set; 0: there are no entries */
};

enum { DESTINATION_NONE = UINT32_MAX };

/* destination_table_init - 0, or -ENOMEM, after which there is nothing to free */
int destination_table_init(struct destination_table *table, const struct config_destinations *destinations);
void destination_table_fini(struct destination_table *table);

/* destination_memory - of the tables of all relays, in bytes, at the most */
size_t destination_memory(const struct config *config);

/* destination_find - the index of the entry for @original, of IPv4 or IPv6; DESTINATION_NONE */
uint32_t destination_find(const struct destination_table *table, const struct session_peer *original);

#endif
