/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of operation
 *
 * A running relay changes to another configuration in three steps:
 *
 *	prepare  beside the running threads: the new plan with what is left over of the old one (relay/succession.h),
 *	         and every table that has a row for each relay, pool, route, listener, backend or target, made for it.
 *	         All that takes time or may fail is in this step, and undone without a trace when it does.
 *	stand    each thread is told (WORKER_PAUSE), ends what names a row in the kernel, the checks of backends, and
 *	         stands still at the end of a turn once nothing of it is left: worker_stands(). Accepts stay armed:
 *	         they name places (listener.place), which do not move.
 *	commit   one thread, while all others stand: connections, records and listings get the new indices, tables
 *	         inherit what goes on, counts are counted anew from the connections, and the new tables take the
 *	         places of the old ones. Then all go on: worker_go_on().
 *
 * So no code on the path of a byte knows that a configuration can change, and connections of what has not changed
 * notice nothing but a pause.
 */
#ifndef NSRELAY_RELAY_HANDOVER_H
#define NSRELAY_RELAY_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "relay/limits.h"
#include "relay/plan.h"
#include "relay/succession.h"
#include "relay/worker.h"

/* What a relay works by. */
struct generation {
	struct config config;
	struct plan plan;
	struct limits limits;
	struct usage usage;
};

/* The tables of one thread. */
struct heirs {
	struct listener *listeners;
	uint32_t *places;
	uint32_t place_count;
	struct balance_cursor *cursors;
	struct list *lines;
	struct gate gate;
	struct socket_pools sockets;
	struct health health;
	struct ejected_all ejected;
	struct mirrors
	        mirrors; /* its relays, and the rest only where it is the first time that there are mirrors */
	struct client_hello *hellos; /* as that */
	struct session_peer *originals;
	struct preread_told *told;
};

struct handover {
	const struct plan *before;
	const struct usage *usage; /* of it */
	struct generation *next;   /* owned by the caller */
	const uint32_t *numbers;   /* [target of the file's plan]: how the socket source calls it */
	uint32_t number_count;
	struct succession map;
	struct shared tables; /* those of all threads; the rest is not used */
	struct heirs heirs[LIMIT_THREADS];
	struct check **checks; /* [first_check[pool] + backend] -> its heir, in whichever thread; NULL: it is
	                          not checked */
	uint32_t *first_check;
	struct worker *workers[LIMIT_THREADS];
	uint32_t thread_count;
};

void generation_fini(struct generation *generation);

/*
 * handover_prepare - everything that may fail
 * @next: its config and limits are set; the rest is made. Owned by the caller, also on failure, and then good
 * for generation_fini() only
 * @fresh: as for succession_init()
 * @workers, @thread_count, @before, @usage, @numbers and their count are set. Nothing of @workers is changed.
 * Errors: ENOMEM; EPROTO when @numbers are not for these targets.
 */
int handover_prepare(struct handover *handover, struct generation *next, const bool *fresh, uint64_t now_ms,
                     struct err *err);

/*
 * handover_commit - while all threads stand
 * @listener_fds: [index among the fresh ones * threads + thread]; taken
 * After it handover_fini() frees what is old.
 */
void handover_commit(struct handover *handover, const bool *fresh, const int *listener_fds);

void handover_fini(struct handover *handover);

/* handover_translate - indices of before to those of next, and mark them used; false when the listener (NULL: of none) or the
 * route is gone */
bool handover_translate(const struct handover *handover, uint32_t *listener, uint32_t *route,
                        uint32_t *backend);

/* ---- by each relay thread ---- */

/* worker_pause - end what names a row; worker_stands - nothing does any more */
void worker_pause(struct worker *worker, const struct handover *handover);
bool worker_stands(struct worker *worker);

/* worker_go_on - after the commit */
void worker_go_on(struct worker *worker);

#endif
