/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where intercepted clients wanted to go. nf_tables steers a connection that was made to anything into a listener in the
 * client's own namespace; the kernel tells the destination that it had before. It is asked for once, as the connection is
 * accepted, and is what a backend `original` means from then on.
 *
 * Who connects to the listener itself has no other destination: going on to it would come back here for ever. Such a
 * connection is refused. Under TPROXY it looks like one to that port of any other address, so that no connection to the
 * listener's port number is taken there.
 */
#ifndef NSRELAY_RELAY_ORIGINAL_H
#define NSRELAY_RELAY_ORIGINAL_H

#include <stdbool.h>
#include <stddef.h>

#include "relay/config.h"
#include "relay/peer.h"

struct session;
struct worker;

/* original_memory - bytes for each connection: of a slot of worker.originals; 0 when no relay intercepts */
size_t original_memory(const struct config *config);

/* original_wants_peer - does asking take the client's address, and be it for its family? */
bool original_wants_peer(const struct worker *worker, const struct session *session);

/* original_find - ask the kernel, if the session's relay intercepts; false: it has no destination but this relay */
bool original_find(struct worker *worker, const struct session *session);

/*
 * original_route - take the route that the relay has for where the client wanted to go, and return it; else PLAN_REFUSED, or
 * PLAN_NO_ROUTE: the relay says nothing of that
 */
uint32_t original_route(const struct worker *worker, struct session *session);

/* original_of - where the client of @session wanted to go; NULL: to its listener */
const struct session_peer *original_of(const struct worker *worker, const struct session *session);

/* original_target - of the backend that @session has chosen: index of the target whose sockets lead there */
uint32_t original_target(const struct worker *worker, const struct session *session);

#endif
