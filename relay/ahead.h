/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client sends ahead of its backend: read into the spill memory in which it waits for one, and counted
 * and charged as it would be later. Here is what all share who read a client before there is a backend
 * (session.c, preread.c, hello.c).
 */
#ifndef NSRELAY_RELAY_AHEAD_H
#define NSRELAY_RELAY_AHEAD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct session;
struct worker;

/* ahead_read - a spill_fill_fn: what the client of @session, a struct session, has sent */
ssize_t ahead_read(void *session, void *buffer, size_t size);

/* ahead_count - @size bytes of the client's were read */
void ahead_count(struct worker *worker, struct session *session, size_t size);

/* ahead_take - the same, and they are charged for; @size 0: its stream has ended */
void ahead_take(struct worker *worker, struct session *session, size_t size);

/* ahead_await - look again when it sends more; the session's timer fires @timeout_ms after the first wait */
void ahead_await(struct worker *worker, struct session *session, uint32_t timeout_ms);

/* ahead_failed - reading failed with @error, a -errno: wait as ahead_await() does, or end the session */
void ahead_failed(struct worker *worker, struct session *session, int error, uint32_t timeout_ms);

/*
 * ahead_begin - the client may come in: take what it has sent, so that it leaves with the backend's
 * handshake. Saves a wakeup on short connections; costs one recv(2) where the server speaks first. Returns 0,
 * or -errno of a client that is gone already: the kernel reports that only once, what is read later would
 * look like an ordinary end.
 */
int ahead_begin(struct worker *worker, struct session *session);

#endif
