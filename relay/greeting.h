/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a backend is told of its client before the client's first byte: a header of the PROXY protocol. It is the same for
 * every backend, so it is written once, at accept, to the front of what waits for the backend that answers: each attempt
 * begins with it, it shares a segment with what the client has sent by then, and it goes alone where the server speaks first.
 */
#ifndef NSRELAY_RELAY_GREETING_H
#define NSRELAY_RELAY_GREETING_H

#include <stdbool.h>

#include "relay/config.h"
#include "relay/proxy_protocol.h"

struct worker;
struct session;

/* greeting_wanted - does the session's relay send one? It needs session.peer. */
bool greeting_wanted(const struct worker *worker, const struct session *session);

/*
 * greeting_anonymous - write to @buf the header of a connection that is the relay's own, and no client's; its size, 0 where
 * @relay (index into config.relays) sends none
 */
size_t greeting_anonymous(const struct worker *worker, uint32_t relay, uint8_t buf[PROXY_ENCODED_MAX]);

/*
 * greeting_write_on - write to @buf what backends get of a client that was told by the header @told: its addresses, and of
 * version 2 its entries too. Without addresses it is the connection's own. bytes
 */
size_t greeting_write_on(const struct worker *worker, const struct session *session, const struct proxy_header *told,
			 uint8_t buf[PROXY_ENCODED_MAX]);

/* greeting_put - queue it, before anything else; false when the thread's spill memory has run out */
bool greeting_put(struct worker *worker, struct session *session);

/*
 * greeting_write - what a header of version @version says of the session's client and the address it connected to; bytes
 * @reversed: with the two ends exchanged, as of the bytes that come back
 */
size_t greeting_write(const struct worker *worker, const struct session *session, enum config_proxy version,
		      bool reversed, uint8_t buf[PROXY_ENCODED_MAX]);

#endif
