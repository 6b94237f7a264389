/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that wait until a backend of their pool has room (`max_connections` of a backend, `queue` of a pool). Each
 * thread has a line of its own for each pool, oldest first; of all threads' lines the one whose first has waited longest is
 * served first (relay/balance/waiting.h). Who makes room calls that thread, by its mailbox when it is another one.
 */
#ifndef NSRELAY_RELAY_QUEUE_H
#define NSRELAY_RELAY_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shared;
struct list;
struct worker;
struct session;

/* queue_join - @session waits for @pool from now on; false when as many wait as may */
bool queue_join(struct worker *worker, struct session *session, uint32_t pool);

/* queue_leave - it does not any more. Who goes without a backend may leave room that it was called for: the next is called. */
void queue_leave(struct worker *worker, struct session *session, uint32_t pool);

/* queue_room - @pool has room that it had not before: a connection has ended, or a backend has come back */
void queue_room(struct worker *worker, uint32_t pool);

/* queue_room_beside - the same by a thread that is none of the @thread_count relay threads */
void queue_room_beside(struct shared *shared, uint32_t thread_count, uint32_t pool);

/* queue_serve - in a turn with worker.serves: let those go on for which there is room */
void queue_serve(struct worker *worker);

struct balance;

/*
 * queue_inherit - lines of @worker go over into @lines, those of @balance's pools, which has a place for all; nobody is in
 * the line of a pool that has none. @pools: [old pool] -> new, of @count. When all threads stand.
 */
void queue_inherit(struct worker *worker, struct list *lines, const struct balance *balance, const uint32_t *pools,
		   size_t count);

#endif
