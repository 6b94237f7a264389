/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of Operation
 *
 * Which backend of its pool a connection goes to, and to which ones it goes on when that one fails.
 *
 * The first choice is the pool's policy. Each has the weights, and none looks at backups:
 *
 *	round_robin        turns. A cycle has as many positions as the weights sum up to, each backend has a stretch of
 *	                   them, and the turn goes round in steps near the golden section of the cycle: every position
 *	                   comes once, so shares are exact, and no backend has its turns in a row.
 *	least_connections  the lowest (connections + 1) / weight; of several, who is next in turn.
 *	two_choices        the better of two that are drawn by weight (Mitzenmacher, "The Power of Two Choices in
 *	                   Randomized Load Balancing", 2001): nearly as even, without a look at all.
 *	source_hash        the place of the client's address in a table (maglev.h).
 *
 * A backend may be unusable (standing.h) or full. While that cannot be, a choice sees it by one load. Else what a policy
 * comes upon and may not use it passes over, a bounded number of times: by the next turns, by other draws, by the draw hashed
 * again (so that one client lands on one other backend). Then, and where there are only backups to use, the order of the way
 * on decides.
 *
 * The way on is the same for all: rendezvous hashing of the connection's draw, by weight, backups last. It has every other
 * backend once, needs no memory of those already tried, spreads the load of a dead backend over all that live, and is always
 * the same for the same client address.
 *
 * A choice is a function of what it is given: no allocation, no system call. A struct balance is built at start and read by
 * all threads; of it only the counts of connections change, which are atomic. Cursors belong to a thread.
 */
#ifndef NSRELAY_RELAY_BALANCE_BALANCE_H
#define NSRELAY_RELAY_BALANCE_BALANCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/balance/standing.h"
#include "relay/balance/sticky.h"
#include "relay/balance/waiting.h"
#include "relay/config.h"

struct balance_backend {
	uint32_t end;   /* its positions are below this one, and not below the end of the backend before */
	uint32_t price; /* of a connection: in inverse proportion to the weight */
	uint32_t most;  /* connections it may have */
	bool backup;    /* has no position */
};

struct balance_pool {
	enum config_balance policy;
	uint32_t count;                   /* backends */
	uint32_t positions;               /* of a cycle */
	uint32_t stride;                  /* from a turn's position to the next one's: without a divisor in common */
	struct balance_backend *backends; /* owned */
	struct standing *standing;        /* who is usable; owned */
	_Atomic uint32_t *active;         /* connections of each; owned; NULL: nobody asks */
	bool limited;                     /* some have `most` */
	struct waiting *waiting;          /* for room; owned; NULL: nobody ever does */
	struct sticky *sticky;            /* who had whom; owned; NULL: it does not matter */
	uint16_t *table;                  /* source_hash: maglev.h; owned */
};

struct balance {
	struct balance_pool *pools; /* owned; one for each of the configuration */
	size_t pool_count;
};

/* What a thread remembers of a pool. */
struct balance_cursor {
	uint64_t random;
	uint32_t position; /* of the next turn */
};

enum { BALANCE_NONE = UINT32_MAX };

/* balance_init - 0 or -ENOMEM; nothing of @config is kept */
int balance_init(struct balance *balance, const struct config *config);
void balance_fini(struct balance *balance);

struct succession;

/*
 * balance_inherit - @heir, made for @after, goes on where @old, made for @before, is: who is held for what, who had whom
 * Counts of connections are not carried: balance_count() each. When no other thread uses either.
 */
void balance_inherit(struct balance *heir, const struct balance *old, const struct config *before,
		     const struct config *after, const struct succession *map);

/* balance_count - one more connection of @backend, whatever the limit; false where nobody counts. As balance_inherit(). */
bool balance_count(const struct balance_pool *pool, uint32_t backend);

/* balance_memory - bytes that balance_init() would take */
size_t balance_memory(const struct config *config);

/* balance_cursor_init - @seed: other threads have other ones, so that few connections spread too */
void balance_cursor_init(struct balance_cursor *cursor, const struct balance_pool *pool, uint64_t seed);

/* balance_draw - the draw of a connection whose source does not matter */
uint32_t balance_draw(struct balance_cursor *cursor);

/* balance_client - a hash of a client's address, as below */
uint64_t balance_client(const uint8_t address[16], int family);

/*
 * balance_draw_of_source - the draw of a client, by its address in network order; @family: AF_INET or AF_INET6
 * An IPv4 address mapped into IPv6 (RFC 4291, 2.5.5.2) is the IPv4 address.
 */
uint32_t balance_draw_of_source(const uint8_t address[16], int family);

/*
 * balance_last - the backend that @client (balance_client()) had last and may have again; BALANCE_NONE when there is none
 * One that is drained keeps its clients. Its room is balance_enter()'s business.
 */
uint32_t balance_last(const struct balance_pool *pool, uint64_t client, uint64_t now_ms);

/* balance_remember - that @client has gone to @backend. A backup keeps nobody: it is for the time of need. */
void balance_remember(const struct balance_pool *pool, uint64_t client, uint32_t backend, uint64_t now_ms);

/* balance_usable - may @backend get new connections, if it has room? */
bool balance_usable(const struct balance_pool *pool, uint32_t backend);

/* balance_any_usable - is there one that may? */
bool balance_any_usable(const struct balance_pool *pool);

/* balance_has_room - would balance_first() find one? Sequentially consistent: waiting.h. */
bool balance_has_room(const struct balance_pool *pool);

/*
 * balance_first - the backend to try first; BALANCE_NONE when none that is usable has room. A backup only when no other is
 * usable.
 * The pool has one that is no backup. @now_ms: CLOCK_MONOTONIC, for backends that start slowly
 */
uint32_t balance_first(const struct balance_pool *pool, struct balance_cursor *cursor, uint32_t draw, uint64_t now_ms);

/* balance_next - the one to try after @current has failed; BALANCE_NONE when all that are usable and have room were tried */
uint32_t balance_next(const struct balance_pool *pool, uint32_t draw, uint32_t first, uint32_t current);

/* balance_connections - how many @backend has; -1: the pool's policy does not count them. Any thread; may lag. */
static inline int64_t balance_connections(const struct balance_pool *pool, uint32_t backend)
{
	return pool->active ? (int64_t)atomic_load_explicit(&pool->active[backend], memory_order_relaxed) : -1;
}

/*
 * balance_enter - a connection goes to @backend, if it has room: of all threads, never more than `most` go in
 * balance_leave - it has left. Any thread, both.
 */
bool balance_enter(const struct balance_pool *pool, uint32_t backend);
void balance_leave(const struct balance_pool *pool, uint32_t backend);

#endif
