/* SPDX-License-Identifier: Apache-2.0 */
/* A relay thread's own part in a handover: to come to a stand, and to go on. */
#include "relay/flow.h"
#include "relay/handover.h"

void worker_pause(struct worker *worker, const struct handover *handover)
{
	worker->pausing = handover;
	health_pause(worker);
}

/* same_copies - are those of @old's connections what those of @next's are? */
static bool same_copies(const struct config_mirror *old, const struct config_mirror *next)
{
	return endpoint_equal(&old->to, &next->to) && old->direction == next->direction &&
	       old->header == next->header;
}

/* end_copies - of relays whose connections are copied otherwise, or no more: what is copied already cannot
 * change */
static void end_copies(struct worker *worker)
{
	const struct handover *h = worker->pausing;
	for (uint32_t i = 0; i < worker->plan->config->relay_count; i++) {
		uint32_t target = worker->plan->mirror_targets[i], relay = h->map.relays[i];
		if (target == PLAN_NO_TARGET)
			continue;
		bool go_on = relay != SUCCESSION_NONE &&
		             h->map.targets[target] == h->next->plan.mirror_targets[relay] &&
		             same_copies(&worker->plan->config->relays[i].mirror,
		                         &h->next->config.relays[relay].mirror);
		if (!go_on)
			mirrors_end(worker, i);
	}
}

bool worker_stands(struct worker *worker)
{
	if (!worker->pausing || !health_is_quiet(&worker->health))
		return false;
	end_copies(worker);
	return true;
}

/* begin_again - one that waited, under the configuration that there is now */
static void begin_again(struct worker *worker, struct session *session)
{
	bool pending = session->state == SESSION_PENDING;
	timer_disarm(&worker->wheel, &session->timer);
	session->give_up_ms = 0;
	session_set_state(session, SESSION_WAITING);
	if (pending)
		gate_enter(worker, session);
	else if (original_route(worker, session) == PLAN_REFUSED)
		session_abort(worker, session, CAUSE_DESTINATION_REFUSED);
	else
		upstream_begin(worker, session);
}

/* look_at_timers - deadlines may be others now */
static void look_at_timers(struct worker *worker)
{
	uint32_t index = 0;
	for (struct session *session; (session = slab_next(&worker->sessions, &index));) {
		if (session->state == SESSION_OPEN)
			session_arm_timer(worker, session);
	}
}

/* sooner - @first_ms, or @until_ms when that is before it, and to come */
static uint64_t sooner(const struct worker *worker, uint64_t first_ms, uint64_t until_ms)
{
	return until_ms > worker->now_ms && until_ms < first_ms ? until_ms : first_ms;
}

static void arm_leftovers(struct worker *worker)
{
	const struct plan *plan = worker->plan;
	uint64_t first_ms = UINT64_MAX;
	for (size_t i = 0; i < plan->config->relay_count; i++)
		first_ms = sooner(worker, first_ms, plan->config->relays[i].leftover_until_ms);
	for (uint32_t i = plan->listener_count; i > 0 && plan->listeners[i - 1].leftover; i--)
		first_ms = sooner(worker, first_ms, plan->listeners[i - 1].until_ms);
	if (first_ms == UINT64_MAX)
		timer_disarm(&worker->wheel, &worker->leftover_timer);
	else
		timer_arm(&worker->wheel, &worker->leftover_timer, first_ms);
}

static bool is_over(const struct worker *worker, uint64_t until_ms)
{
	return until_ms && until_ms <= worker->now_ms;
}

/* retire_sockets - for where clients by a leftover listener wanted to go: they would keep its namespace */
static void retire_sockets(struct worker *worker, const struct plan_listener *listener)
{
	for (int i = 0; i < 2; i++)
		if (listener->originals[i] != PLAN_NO_TARGET && listener->originals[i] >= worker->plan->own_target_count)
			sockets_retire(&worker->sockets, listener->originals[i]);
}

void worker_leftovers_fired(struct worker *worker)
{
	const struct plan *plan = worker->plan;
	uint32_t index = 0;
	for (struct session *session; (session = slab_next(&worker->sessions, &index));) {
		if (is_over(worker, plan->listeners[session->listener].until_ms))
			session_abort(worker, session, CAUSE_NAMESPACE_GONE);
		else if (is_over(worker, worker_relay(worker, session)->leftover_until_ms))
			session_abort(worker, session, CAUSE_DRAINED);
	}
	for (uint32_t i = plan->listener_count; i > 0 && plan->listeners[i - 1].leftover; i--)
		if (is_over(worker, plan->listeners[i - 1].until_ms))
			retire_sockets(worker, &plan->listeners[i - 1]);
	arm_leftovers(worker);
}

void worker_go_on(struct worker *worker)
{
	struct list restless, *link;
	worker->pausing = NULL;
	worker->health.paused = false;
	listener_go_on_all(worker);
	health_start(worker);
	look_at_timers(worker);
	list_init(&restless);
	list_move_all(&restless, &worker->restless);
	while ((link = list_shift(&restless)))
		begin_again(worker, LIST_ENTRY(link, struct session, link));
	/* Those of whom the time is up already. */
	worker_leftovers_fired(worker);
	worker->gate.look = true;
	worker->serves = true;
}
