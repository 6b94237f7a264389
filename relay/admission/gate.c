/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/admission/gate.h"

#include "relay/admission/admission.h"
#include "relay/flow.h"
#include "relay/worker.h"

/* How often who waits is looked at while this thread has no place to give: a place that another one gave
 * waits so long. */
enum { LOOK_EVERY_MS = 10 };

void gate_init(struct gate *gate)
{
	list_init(&gate->pending);
	timer_init(&gate->timer);
	gate->look = false;
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
	list_append(&worker->gate.pending, &session->link);
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
	admission_leave(worker, session);
	worker->gate.look = true;
}

static void let_in(struct worker *worker, struct session *session)
{
	list_remove(&session->link);
	session->give_up_ms = 0;
	session_arm_timer(worker, session);
	session_set_state(session, SESSION_WAITING);
	session_admitted(worker, session);
}

void gate_turn(struct worker *worker)
{
	struct list *pending = &worker->gate.pending;
	if (!worker->gate.look)
		return;
	worker->gate.look = false;
	for (struct list *link = pending->next, *next; link != pending; link = next) {
		next = link->next;
		struct session *session = LIST_ENTRY(link, struct session, link);
		if (admission_ask_again(worker, session))
			let_in(worker, session);
	}
}

void gate_timer_fired(struct worker *worker)
{
	worker->gate.look = true;
	if (!list_empty(&worker->gate.pending))
		arm(worker);
}
