/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes by name: a client of TLS says in its first message which server it wants, and so which pool it goes to (state
 * "hello"). It is read into the spill memory in which the client's bytes wait for a backend anyway, and passed on as it is.
 *
 * What is no hello, names nobody, names somebody without a route, or does not come in time goes to the relay's own pool, or is
 * refused, as the relay has it.
 */
#ifndef NSRELAY_RELAY_HELLO_H
#define NSRELAY_RELAY_HELLO_H

#include <stdbool.h>
#include <stddef.h>

struct config;
struct session;
struct worker;

/* hello_memory - of each connection, in bytes; 0 when no relay has routes by name */
size_t hello_memory(const struct config *config);

/* hello_wanted - does the session's relay have such routes? */
bool hello_wanted(const struct worker *worker, const struct session *session);

/* hello_begin - what its client has sent so far is in hand: goes on by upstream_begin(), now or later */
void hello_begin(struct worker *worker, struct session *session);

/* hello_go_on - its client has stirred; hello_timed_out - it has not, for too long */
void hello_go_on(struct worker *worker, struct session *session);
void hello_timed_out(struct worker *worker, struct session *session);

#endif
