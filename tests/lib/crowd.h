/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A namespace whose list of links takes the kernel many messages to tell, and a link among them, the token,
 * that moves from the end of the list to its beginning or back without ever being absent. Who reads the list
 * while the token moves, and does not notice that it changed, may see no token at all.
 */
#ifndef NSRELAY_TESTS_LIB_CROWD_H
#define NSRELAY_TESTS_LIB_CROWD_H

#include <stdbool.h>
#include <stdint.h>

#include "nsctl/netlink/nl.h"

enum {
	CROWD_LINKS = 1200, /* beside loopback and token */
	CROWD_TOKEN_FIRST = 2,
	CROWD_TOKEN_LAST = 100000, /* index of the token */
};

struct crowd {
	int ns_fd;
	struct nl *nl; /* for who moves the token */
	bool token_is_first;
};

/* crowd_init - for a test of testns, which closes the namespace; the token is last */
void crowd_init(struct crowd *crowd);
void crowd_fini(struct crowd *crowd);

/* crowd_move_token - to the other end; false when the kernel refused. Any thread, but one at a time. */
bool crowd_move_token(struct crowd *crowd);

#endif
