/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/admission/gate.h"

#include <errno.h>
#include <stdlib.h>

#include "relay/admission/admission.h"
#include "relay/flow.h"
#include "relay/worker.h"

enum {
	/* How often who waits is looked at while this thread has no place to give: a place that another one
	   gave waits so long. */
	LOOK_EVERY_MS = 10,
	/* So many of a line are looked at in one go, some 20 us: others of this thread have bytes to be
	   passed on. */
	LOOK_AT_MOST = 256,
};

int gate_open(struct gate *gate, size_t relay_count)
{
	*gate = (struct gate){.lines = calloc(relay_count + 1, sizeof(*gate->lines)),
	                      .line_count = relay_count};
	timer_init(&gate->timer);
	for (size_t i = 0; gate->lines && i < relay_count; i++) {
		list_init(&gate->lines[i].pending);
		list_init(&gate->lines[i].mark);
	}
	return gate->lines ? 0 : -ENOMEM;
}

size_t gate_memory(size_t relay_count)
{
	return (relay_count + 1) * sizeof(struct gate_line);
}

void gate_close(struct gate *gate)
{
	free(gate->lines);
}

void gate_clear(struct worker *worker, struct list *ret)
{
	struct gate *gate = &worker->gate;
	for (size_t i = 0; i < gate->line_count; i++) {
		list_remove(&gate->lines[i].mark);
		list_move_all(ret, &gate->lines[i].pending);
	}
	gate->count = 0;
}

void gate_adopt(struct worker *worker, struct gate *heir)
{
	struct gate_line *lines = worker->gate.lines;
	size_t count = worker->gate.line_count;
	worker->gate.lines = heir->lines;
	worker->gate.line_count = heir->line_count;
	heir->lines = lines;
	heir->line_count = count;
}

static struct gate_line *line_of(const struct worker *worker, const struct session *session)
{
	return &worker->gate.lines[worker->plan->listeners[session->listener].relay];
}

static void arm(struct worker *worker)
{
	if (!timer_armed(&worker->gate.timer))
		timer_arm(&worker->wheel, &worker->gate.timer, worker->now_ms + LOOK_EVERY_MS);
}

/* wait_at - until there is a place, or the client resets its connection */
static void wait_at(struct worker *worker, struct session *session)
{
	session_set_state(session, SESSION_PENDING);
	session->give_up_ms = worker->now_ms + worker_relay(worker, session)->limits.queue_timeout_ms;
	session_arm_timer(worker, session);
	flow_watch(worker, session, SIDE_CLIENT);
	list_append(&line_of(worker, session)->pending, &session->link);
	worker->gate.count++;
	counter_add(worker->counters, COUNTER_PENDING, 1);
	arm(worker);
}

void gate_enter(struct worker *worker, struct session *session)
{
	enum cause cause;
	switch (admission_ask(worker, session, &cause)) {
	case ADMISSION_YES:
		session_admitted(worker, session);
		break;
	case ADMISSION_LATER:
		wait_at(worker, session);
		break;
	case ADMISSION_NO:
		session_abort(worker, session, cause);
		break;
	}
}

void gate_leave(struct worker *worker, struct session *session)
{
	if (session->admission == ADMISSION_NOTHING)
		return;
	worker->gate.count -= session->admission >= ADMISSION_WAITS;
	admission_leave(worker, session);
	worker->gate.look = true;
}

static void let_in(struct worker *worker, struct session *session)
{
	list_remove(&session->link);
	worker->gate.count--;
	session->give_up_ms = 0;
	session_arm_timer(worker, session);
	session_set_state(session, SESSION_WAITING);
	session_admitted(worker, session);
}

/* look_along - from where the last look ended, or from the first on */
static void look_along(struct worker *worker, struct gate_line *line)
{
	struct list *link = list_empty(&line->mark) ? line->pending.next : line->mark.next, *next;
	list_remove(&line->mark);
	for (int left = LOOK_AT_MOST; link != &line->pending; link = next, left--) {
		next = link->next;
		struct session *session = LIST_ENTRY(link, struct session, link);
		if (left == 0) {
			list_append(link, &line->mark); /* before it */
			return;
		}
		if (admission_ask_again(worker, session))
			let_in(worker, session);
		else if (session->admission == ADMISSION_WAITS + ADMISSION_RELAY)
			return;
	}
}

void gate_turn(struct worker *worker)
{
	struct gate *gate = &worker->gate;
	if (!gate->look)
		return;
	gate->look = false;
	for (size_t i = 0; gate->count > 0 && i < gate->line_count; i++)
		look_along(worker, &gate->lines[i]);
}

void gate_timer_fired(struct worker *worker)
{
	worker->gate.look = true;
	if (worker->gate.count > 0)
		arm(worker);
}
