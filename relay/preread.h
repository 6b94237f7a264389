/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is read from a client before anything is decided about its connection (state "preread"): the header of the PROXY
 * protocol, by which a proxy in front tells whose connection it is. Whoever is in `accept_from` has to send one; nobody
 * else's bytes are looked at, as anybody could write one.
 *
 * It is read into the chunk of spill memory in which the client's bytes wait for a backend anyway, and taken off there:
 * what came behind it leaves as any first bytes do. A header is never longer than a chunk, so that is all the memory a
 * session holds before it is complete, and one that has sent nothing holds none.
 */
#ifndef NSRELAY_RELAY_PREREAD_H
#define NSRELAY_RELAY_PREREAD_H

#include <stdbool.h>
#include <stddef.h>

#include "relay/admission/cidr.h"
#include "relay/config.h"
#include "relay/peer.h"

struct session;
struct worker;

/* What a session that has been told a client has, and others do not: one for each slot of worker.sessions. */
struct preread_told {
	struct session_peer via;         /* who told it: the socket's own peer; session.peer is the client */
	struct session_peer destination; /* that the client connected to */
};

/* Who has to send a header, for each relay. Never changes: any thread may look. */
struct preread {
	struct cidr_set *from; /* by relay; owned; NULL: no relay accepts any */
	size_t relay_count;
};

/* preread_init - 0 or -ENOMEM. preread_memory - bytes that it takes; 0 when no relay accepts headers. */
int preread_init(struct preread *preread, const struct config *config);
void preread_fini(struct preread *preread);
size_t preread_memory(const struct config *config);

/* preread_begin - a fresh session whose peer is known if its relay accepts headers: goes on by gate_enter(), now or later */
void preread_begin(struct worker *worker, struct session *session);

/* preread_go_on - its client has stirred */
void preread_go_on(struct worker *worker, struct session *session);

/* preread_told - what the header of @session told; NULL when it had none, or one without addresses */
const struct preread_told *preread_told(const struct worker *worker, const struct session *session);

#endif
