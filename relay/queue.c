/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/queue.h"

#include "base/list.h"
#include "relay/worker.h"

static const struct balance_pool *pool_at(const struct worker *worker, uint32_t pool)
{
	return &worker->shared->balance.pools[pool];
}

static struct session *first_of(const struct worker *worker, uint32_t pool)
{
	const struct list *line = &worker->lines[pool];
	return list_empty(line) ? NULL : LIST_ENTRY(line->next, struct session, link);
}

/* publish - who is first in this thread's line */
static void publish(const struct worker *worker, uint32_t pool)
{
	const struct session *first = first_of(worker, pool);
	waiting_publish(pool_at(worker, pool)->waiting, worker->number, first ? first->accepted_ns : WAITING_NOBODY);
}

/* call - have @thread serve its lines. While a call is under way, no other one is needed. */
static void call(struct shared *shared, uint32_t thread)
{
	struct shared_thread *called = &shared->threads[thread];
	if (!atomic_exchange(&called->called, true))
		/* A full mailbox rings too, and who empties it looks at `called`. */
		(void)mailbox_post(called->mailbox, (struct message){.type = WORKER_SERVE});
}

/* call_from - by a thread that may be the one */
static void call_from(struct worker *worker, uint32_t thread)
{
	if (thread == worker->number)
		worker->serves = true;
	else
		call(worker->shared, thread);
}

/* next_thread - that has somebody who can go on at @pool; WAITING_NO_THREAD */
static uint32_t next_thread(const struct shared *shared, uint32_t thread_count, uint32_t pool)
{
	const struct balance_pool *balance = &shared->balance.pools[pool];
	if (!balance->waiting || !waiting_any(balance->waiting) || !balance_has_room(balance))
		return WAITING_NO_THREAD;
	return waiting_first(balance->waiting, thread_count);
}

bool queue_join(struct worker *worker, struct session *session, uint32_t pool)
{
	struct waiting *waiting = pool_at(worker, pool)->waiting;
	if (!waiting || !waiting_enter(waiting))
		return false;
	list_append(&worker->lines[pool], &session->link);
	publish(worker, pool);
	worker->serves = true; /* which looks once more whether there is room */
	counter_add(worker->counters, COUNTER_QUEUED, 1);
	return true;
}

/* step_out - of the line, for whatever reason */
static void step_out(struct worker *worker, struct session *session, uint32_t pool)
{
	list_remove(&session->link);
	publish(worker, pool);
	waiting_leave(pool_at(worker, pool)->waiting);
}

void queue_leave(struct worker *worker, struct session *session, uint32_t pool)
{
	step_out(worker, session, pool);
	queue_room(worker, pool);
}

void queue_room(struct worker *worker, uint32_t pool)
{
	uint32_t thread = next_thread(worker->shared, worker->limits->threads, pool);
	if (thread != WAITING_NO_THREAD)
		call_from(worker, thread);
}

void queue_room_beside(struct shared *shared, uint32_t thread_count, uint32_t pool)
{
	uint32_t thread = next_thread(shared, thread_count, pool);
	if (thread != WAITING_NO_THREAD)
		call(shared, thread);
}

/* serve - those of this thread that are next, then leave the room that is left to whose turn it is */
static void serve(struct worker *worker, uint32_t pool)
{
	const struct balance_pool *balance = pool_at(worker, pool);
	while (balance_has_room(balance)) {
		uint32_t thread = waiting_first(balance->waiting, worker->limits->threads);
		if (thread != worker->number) {
			if (thread != WAITING_NO_THREAD)
				call_from(worker, thread);
			return;
		}
		struct session *session = first_of(worker, pool);
		if (!upstream_choose(worker, session)) /* somebody took the room */
			return;
		step_out(worker, session, pool);
		upstream_go_on(worker, session);
	}
}

void queue_serve(struct worker *worker)
{
	worker->serves = false;
	for (uint32_t i = 0; i < worker->shared->balance.pool_count; i++) {
		if (pool_at(worker, i)->waiting)
			serve(worker, i);
	}
}

/* ---- one configuration after the other ---- */

static void count_line(const struct worker *worker, const struct list *line, struct waiting *waiting)
{
	for (const struct list *link = line->next; link != line; link = link->next)
		waiting_add(waiting);
	waiting_publish(waiting, worker->number, LIST_ENTRY(line->next, struct session, link)->accepted_ns);
}

void queue_inherit(struct worker *worker, struct list *lines, const struct balance *balance, const uint32_t *pools,
		   size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (list_empty(&worker->lines[i]))
			continue;
		struct list *line = &lines[pools[i]];
		list_move_all(line, &worker->lines[i]);
		count_line(worker, line, balance->pools[pools[i]].waiting);
	}
}
