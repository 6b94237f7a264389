/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "io/sys.h"
#include "relay/hello.h"
#include "relay/inspect.h"
#include "relay/queue.h"

void generation_fini(struct generation *generation)
{
	usage_fini(&generation->usage);
	plan_fini(&generation->plan);
	config_fini(&generation->config);
}

/* ---- preparing ---- */

/* disown_targets - leftovers whose number, below @end, is another one's by now: the source keeps it for a while only */
static int disown_targets(const struct handover *h, uint32_t end)
{
	struct plan *plan = &h->next->plan;
	bool *taken = calloc((size_t)end + 1, sizeof(*taken));
	if (!taken)
		return -ENOMEM;
	for (uint32_t i = 0; i < h->number_count; i++)
		taken[h->numbers[i]] = true;
	for (uint32_t i = h->number_count; i < plan->target_count; i++)
		if (plan->targets[i].number < end && taken[plan->targets[i].number])
			plan->targets[i].number = PLAN_NO_NUMBER;
	free(taken);
	return 0;
}

/* number_targets - those of the file, which come before any leftover; leftovers keep the numbers that they
 * had */
static int number_targets(const struct handover *h)
{
	struct plan *plan = &h->next->plan;
	uint32_t end = 0;
	if (h->number_count != plan->own_target_count)
		return -EPROTO;
	for (uint32_t i = 0; i < h->number_count; i++) {
		plan->targets[i].number = h->numbers[i];
		end = h->numbers[i] >= end ? h->numbers[i] + 1 : end;
	}
	return disown_targets(h, end);
}

/* part_targets - from those that look the same, and are in another namespace: its name means that one by now */
static void part_targets(const struct handover *h)
{
	for (uint32_t i = 0; i < h->before->target_count; i++) {
		uint32_t heir = h->map.targets[i];
		if (heir != SUCCESSION_NONE && h->next->plan.targets[heir].number != h->before->targets[i].number)
			h->map.targets[i] = SUCCESSION_NONE;
	}
}

static int prepare_tables(struct handover *h)
{
	const struct plan *plan = &h->next->plan;
	int rc = balance_init(&h->tables.balance, plan->config);
	if (rc == 0)
		rc = bandwidth_init(&h->tables.bandwidth, plan);
	if (rc == 0)
		rc = admission_init(&h->tables.admission, plan, sys_random());
	if (rc == 0)
		rc = preread_init(&h->tables.preread, plan->config);
	if (rc == 0)
		rc = ejection_init(&h->tables.ejection, plan->config);
	if (rc == 0)
		rc = tally_init(&h->tables.tally, plan, h->thread_count);
	return rc;
}

static int prepare_lines(struct heirs *heirs, const struct balance *balance)
{
	heirs->cursors = calloc(balance->pool_count + 1, sizeof(*heirs->cursors));
	heirs->lines = calloc(balance->pool_count + 1, sizeof(*heirs->lines));
	if (!heirs->cursors || !heirs->lines)
		return -ENOMEM;
	for (size_t i = 0; i < balance->pool_count; i++) {
		balance_cursor_init(&heirs->cursors[i], &balance->pools[i], sys_random());
		list_init(&heirs->lines[i]);
	}
	return 0;
}

/* prepare_listeners - none is open yet; places for those that there are and those that come */
static int prepare_listeners(struct heirs *heirs, const struct worker *worker, uint32_t count)
{
	heirs->listeners = calloc(count + 1, sizeof(*heirs->listeners));
	heirs->place_count = worker->place_count > count ? worker->place_count : count;
	heirs->places = calloc(heirs->place_count + 1, sizeof(*heirs->places));
	if (!heirs->listeners || !heirs->places)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		heirs->listeners[i] = (struct listener){.fd = -1, .place = WORKER_NO_LISTENER};
	for (uint32_t i = 0; i < heirs->place_count; i++)
		heirs->places[i] = WORKER_NO_LISTENER;
	return 0;
}

/* prepare_slots - what each slot of the thread's sessions has, where that is needed for the first time */
static int prepare_slots(struct heirs *heirs, const struct worker *worker, const struct config *config)
{
	size_t capacity = worker->sessions.capacity;
	bool told = !worker->told && preread_memory(config) > 0, hellos = !worker->hellos && hello_memory(config) > 0;
	bool originals = !worker->originals && original_memory(config) > 0;
	if (told)
		heirs->told = calloc(capacity, sizeof(*heirs->told));
	if (hellos)
		heirs->hellos = calloc(capacity, sizeof(*heirs->hellos));
	if (originals)
		heirs->originals = calloc(capacity, sizeof(*heirs->originals));
	bool whole = (!told || heirs->told) && (!hellos || heirs->hellos) && (!originals || heirs->originals);
	return whole ? 0 : -ENOMEM;
}

static int prepare_thread(struct handover *h, uint32_t number)
{
	struct heirs *heirs = &h->heirs[number];
	const struct worker *worker = h->workers[number];
	const struct plan *plan = &h->next->plan;
	int rc = prepare_listeners(heirs, worker, plan->listener_count);
	if (rc == 0)
		rc = prepare_lines(heirs, &h->tables.balance);
	if (rc == 0)
		rc = gate_open(&heirs->gate, plan->config->relay_count);
	if (rc == 0)
		rc = sockets_init(&heirs->sockets, worker->sockets.source, plan);
	if (rc == 0)
		rc = health_init(&heirs->health, plan, number, h->thread_count);
	if (rc == 0)
		rc = ejected_init(&heirs->ejected, &h->tables.ejection);
	if (rc == 0)
		rc = prepare_slots(heirs, worker, plan->config);
	if (rc == 0 && worker->mirrors.possible)
		rc = mirrors_prepare(&heirs->mirrors, &worker->mirrors, plan->config, &h->next->limits);
	return rc;
}

/* index_checks - where the heir of a check is found, in whichever thread */
static int index_checks(struct handover *h)
{
	const struct plan *plan = &h->next->plan;
	uint32_t count = 0;
	h->first_check = calloc(plan->config->pool_count + 1, sizeof(*h->first_check));
	for (size_t i = 0; h->first_check && i < plan->config->pool_count; i++) {
		h->first_check[i] = count;
		count += (uint32_t)plan->config->pools[i].backend_count;
	}
	h->checks = calloc(count + 1, sizeof(struct check *));
	if (!h->checks || !h->first_check)
		return -ENOMEM;
	for (uint32_t i = 0; i < h->thread_count; i++) {
		struct health *health = &h->heirs[i].health;
		for (uint32_t j = 0; j < health->count; j++) {
			struct check *check = &health->checks[j];
			h->checks[h->first_check[plan->routes[check->route].pool] + check->backend] = check;
		}
	}
	return 0;
}

int handover_prepare(struct handover *handover, struct generation *next, const bool *fresh, uint64_t now_ms,
                     struct err *err)
{
	struct handover *h = handover;
	h->next = next;
	int rc = succession_init(&h->map, h->before, h->usage, &next->config, fresh, now_ms, &next->plan);
	if (rc == 0)
		rc = number_targets(h);
	if (rc == 0)
		part_targets(h);
	if (rc == 0)
		rc = usage_init(&next->usage, &next->plan);
	if (rc == 0)
		rc = prepare_tables(h);
	for (uint32_t i = 0; rc == 0 && i < h->thread_count; i++)
		rc = prepare_thread(h, i);
	if (rc == 0)
		rc = index_checks(h);
	if (rc == 0)
		return 0;
	handover_fini(h);
	return err_set(err, -rc, "another configuration: %s", strerror(-rc));
}

static void heirs_fini(struct heirs *heirs)
{
	health_fini(&heirs->health);
	ejected_fini(&heirs->ejected);
	sockets_fini(&heirs->sockets);
	mirrors_forget(&heirs->mirrors);
	gate_close(&heirs->gate);
	free(heirs->listeners);
	free(heirs->places);
	free(heirs->cursors);
	free(heirs->lines);
	free(heirs->told);
	free(heirs->hellos);
	free(heirs->originals);
}

void handover_fini(struct handover *h)
{
	for (uint32_t i = 0; i < h->thread_count; i++)
		heirs_fini(&h->heirs[i]);
	balance_fini(&h->tables.balance);
	bandwidth_fini(&h->tables.bandwidth);
	admission_fini(&h->tables.admission);
	preread_fini(&h->tables.preread);
	ejection_fini(&h->tables.ejection);
	tally_fini(&h->tables.tally);
	free(h->checks);
	free(h->first_check);
	succession_fini(&h->map);
	*h = (struct handover){0};
}

/* ---- committing: connections ---- */

bool handover_translate(const struct handover *h, uint32_t *listener, uint32_t *route, uint32_t *backend)
{
	const struct usage *usage = &h->next->usage;
	uint32_t old_pool = h->before->routes[*route].pool, new_route = h->map.routes[*route];
	uint32_t new_listener = listener ? h->map.listeners[*listener] : 0;
	if (new_listener == SUCCESSION_NONE || new_route == SUCCESSION_NONE)
		return false;
	if (*backend != SUCCESSION_NONE)
		*backend = h->map.backends[old_pool][*backend];
	if (*backend != SUCCESSION_NONE)
		usage->backends[h->next->plan.routes[new_route].pool][*backend] = true;
	usage->routes[new_route] = true;
	*route = new_route;
	if (listener) {
		usage->listeners[new_listener] = true;
		*listener = new_listener;
	}
	return true;
}

/* has_backend - has one been chosen for it? */
static bool has_backend(const struct session *session)
{
	return session->backends_tried > 0;
}

/* is_undecided - where it goes will be asked under the new configuration */
static bool is_undecided(const struct session *session)
{
	return session->state == SESSION_PREREAD || session->state == SESSION_PENDING ||
	       session->state == SESSION_HELLO;
}

/* is_in - does it count towards the limits on connections? */
static bool is_in(const struct session *session)
{
	if (session->admission != ADMISSION_NOTHING)
		return session->admission == ADMISSION_ENTERED;
	return session->state != SESSION_PREREAD && session->state != SESSION_CLOSING;
}

/* leave_limits - those of the old configuration; what it has is noted as if it had it still */
static void leave_limits(struct worker *worker)
{
	uint32_t index = 0;
	for (struct session *session; (session = slab_next(&worker->sessions, &index));) {
		bool in = is_in(session);
		admission_leave(worker, session);
		session->admission = in ? ADMISSION_ENTERED : ADMISSION_NOTHING;
	}
}

/* wanted_family - of where its client wanted to go */
static sa_family_t wanted_family(const struct worker *worker, const struct session *session)
{
	return worker->originals ? worker->originals[slab_index(&worker->sessions, session)].family : AF_UNSPEC;
}

/* new_target - of a session that has its new indices */
static uint32_t new_target(const struct worker *worker, const struct handover *h, const struct session *session)
{
	return plan_target_of(&h->next->plan, session->listener, session->route, session->backend,
	                      wanted_family(worker, session));
}

/*
 * is_served_as_before - do sockets of @old_target serve a session that has its new indices? What is
 * `original` has no target once its relay intercepts no more.
 */
static bool is_served_as_before(const struct worker *worker, const struct handover *h,
                                const struct session *session, uint32_t old_target)
{
	uint32_t target = new_target(worker, h, session);
	return old_target != PLAN_NO_TARGET && target != PLAN_NO_TARGET && h->map.targets[old_target] == target;
}

/* join_limits - those of the new one */
static void join_limits(const struct worker *worker, struct session *session)
{
	if (session->admission != ADMISSION_ENTERED)
		return;
	session->admission = ADMISSION_NOTHING;
	admission_count(worker, session);
}

/*
 * is_lost - it waits for something that is not there any more, or not for it: a backend is to be chosen again
 * @old_target: what it waits for a socket of; @after: where it is now
 */
static bool is_lost(const struct worker *worker, const struct handover *h, const struct session *session,
                    uint32_t old_target)
{
	const struct plan *plan = &h->next->plan;
	const struct plan_route *route = &plan->routes[session->route];
	const struct config_relay *relay = &plan->config->relays[route->relay];
	if (session->state != SESSION_WAITING && session->state != SESSION_QUEUED)
		return false;
	if (route->leftover && !relay->leftover_until_ms)
		return true;
	if (session->state == SESSION_QUEUED)
		return !h->tables.balance.pools[route->pool].waiting;
	const struct config_backend *backend = &plan->config->pools[route->pool].backends[session->backend];
	return backend->leftover || !is_served_as_before(worker, h, session, old_target);
}

/* set_lost - out of whatever line it is in; worker_go_on() has it begin again */
static void set_lost(struct worker *worker, const struct handover *h, struct session *session,
                     uint32_t old_target)
{
	if (session->state == SESSION_WAITING)
		sockets_forget(&worker->sockets, old_target, &session->link);
	list_remove(&session->link);
	list_append(&worker->restless, &session->link);
	session->route = h->next->plan.listeners[session->listener].relay;
	session->backends_tried = 0;
	session->backend = session->first_backend = 0;
}

static void translate_backend(const struct worker *worker, const struct handover *h, struct session *session,
                              uint32_t *ret_old_target)
{
	uint32_t backend = session->backend, first = session->first_backend, listener = session->listener;
	uint32_t route = session->route, same_route = route;
	*ret_old_target = plan_target_of(h->before, listener, route, backend, wanted_family(worker, session));
	CHECK(handover_translate(h, &listener, &route, &backend));
	CHECK(backend != SUCCESSION_NONE);
	listener = session->listener;
	handover_translate(h, &listener, &same_route, &first);
	session->listener = listener;
	session->route = route;
	session->backend = (uint16_t)backend;
	session->first_backend = (uint16_t)(first != SUCCESSION_NONE ? first : backend);
	session->stale |= !is_served_as_before(worker, h, session, *ret_old_target);
}

static void translate_session(struct worker *worker, const struct handover *h, struct session *session)
{
	uint32_t old_target = PLAN_NO_TARGET;
	if (has_backend(session)) {
		translate_backend(worker, h, session, &old_target);
	} else {
		uint32_t listener = session->listener, route = session->route, backend = SUCCESSION_NONE;
		CHECK(handover_translate(h, &listener, &route, &backend));
		session->listener = listener;
		session->route = is_undecided(session) ? h->next->plan.listeners[listener].relay : route;
		session->backend = session->first_backend = 0;
	}
	if (is_lost(worker, h, session, old_target))
		set_lost(worker, h, session, old_target);
}

/* count_backend - at the backend it goes to, if its pool counts by now */
static void count_backend(const struct handover *h, struct session *session)
{
	bool goes = has_backend(session) &&
	            (session->state == SESSION_WAITING || session->state == SESSION_CONNECTING ||
	             session->state == SESSION_OPEN || session->state == SESSION_RESETTING);
	const struct balance_pool *pool = &h->tables.balance.pools[h->next->plan.routes[session->route].pool];
	session->entered = (session->entered || goes) && has_backend(session) &&
	                   balance_count(pool, session->backend);
}

static void translate_sessions(struct worker *worker, const struct handover *h)
{
	uint32_t index = 0;
	for (struct session *session; (session = slab_next(&worker->sessions, &index));) {
		translate_session(worker, h, session);
		count_backend(h, session);
	}
}

/* ---- committing: tables of a thread ---- */

#define EXCHANGE(a, b)                                                                                       \
	do {                                                                                                 \
		__typeof__(a) exchanged = (a);                                                               \
		(a) = (b);                                                                                   \
		(b) = exchanged;                                                                             \
	} while (0)

/* take_places - those that stay have theirs, and are found by it; the others get what is free */
static void take_places(struct heirs *heirs, uint32_t count)
{
	uint32_t free_place = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (heirs->listeners[i].place != WORKER_NO_LISTENER)
			heirs->places[heirs->listeners[i].place] = i;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (heirs->listeners[i].place != WORKER_NO_LISTENER)
			continue;
		while (heirs->places[free_place] != WORKER_NO_LISTENER)
			free_place++;
		heirs->places[free_place] = i;
		heirs->listeners[i].place = free_place;
	}
}

static void inherit_listeners(struct worker *worker, struct heirs *heirs, const struct handover *h)
{
	for (uint32_t i = 0; i < h->before->listener_count; i++) {
		struct listener *old = &worker->listeners[i];
		uint32_t heir = h->map.listeners[i];
		if (old->fd < 0) { /* closed, and with it its accept */
			CHECK(!old->armed);
			continue;
		}
		CHECK(heir != SUCCESSION_NONE);
		heirs->listeners[heir] = *old;
		if (h->next->plan.listeners[heir].leftover)
			h->next->usage.listeners[heir] = true;
	}
	take_places(heirs, h->next->plan.listener_count);
	EXCHANGE(worker->listeners, heirs->listeners);
	EXCHANGE(worker->places, heirs->places);
	EXCHANGE(worker->place_count, heirs->place_count);
}

static void take_fresh(struct heirs *heirs, const struct handover *h, const bool *fresh, const int *fds)
{
	uint32_t taken = 0;
	for (uint32_t i = 0; i < h->next->plan.listener_count; i++) {
		if (!h->next->plan.listeners[i].leftover && fresh[i])
			heirs->listeners[i].fd = fds[taken++ * h->thread_count];
	}
}

/* inherit_turns - whose turn it is, in pools whose weights are as they were */
static void inherit_turns(const struct worker *worker, const struct heirs *heirs, const struct handover *h)
{
	const struct balance *old = &worker->shared->balance, *balance = &h->tables.balance;
	for (size_t i = 0; i < old->pool_count; i++) {
		uint32_t pool = h->map.pools[i];
		if (pool != SUCCESSION_NONE && old->pools[i].positions == balance->pools[pool].positions)
			heirs->cursors[pool] = worker->cursors[i];
	}
}

static void inherit_checks(struct worker *worker, const struct handover *h)
{
	for (uint32_t i = 0; i < worker->health.count; i++) {
		const struct check *old = &worker->health.checks[i];
		uint32_t old_pool = h->before->routes[old->route].pool, pool = h->map.pools[old_pool];
		uint32_t backend = pool == SUCCESSION_NONE ? pool : h->map.backends[old_pool][old->backend];
		struct check *heir = backend == SUCCESSION_NONE ? NULL
		                                                : h->checks[h->first_check[pool] + backend];
		if (heir)
			health_inherit(heir, old);
	}
}

/* inherit_early - what needs the old tables still in their places */
static void inherit_early(struct worker *worker, struct heirs *heirs, const struct handover *h)
{
	inherit_listeners(worker, heirs, h);
	inherit_turns(worker, heirs, h);
	inherit_checks(worker, h);
	translate_sessions(worker, h);
	queue_inherit(worker, heirs->lines, &h->tables.balance, h->map.pools, h->before->config->pool_count);
	sockets_inherit(&worker->sockets, &heirs->sockets, h->map.targets);
	if (worker->mirrors.possible)
		mirrors_inherit(&worker->mirrors, &heirs->mirrors, h->map.relays);
	EXCHANGE(worker->cursors, heirs->cursors);
	EXCHANGE(worker->lines, heirs->lines);
	EXCHANGE(worker->health, heirs->health);
	gate_adopt(worker, &heirs->gate);
	if (heirs->told)
		EXCHANGE(worker->told, heirs->told);
	if (heirs->hellos)
		EXCHANGE(worker->hellos, heirs->hellos);
	if (heirs->originals)
		EXCHANGE(worker->originals, heirs->originals);
}

/* join - under the new tables */
static void join(struct worker *worker, struct heirs *heirs, const struct handover *h)
{
	uint32_t index = 0;
	worker->plan = &h->next->plan;
	worker->limits = &h->next->limits;
	ejected_inherit(worker, &heirs->ejected, &h->tables.ejection, h->before, &h->map);
	for (struct session *session; (session = slab_next(&worker->sessions, &index));) {
		join_limits(worker, session);
		bandwidth_go_on(&worker->shared->bandwidth, session);
		tally_go_on(worker, session);
	}
}

/* ---- committing: all ---- */

static void inherit_tables(struct handover *h, struct shared *shared)
{
	const struct plan *before = h->before, *after = &h->next->plan;
	balance_inherit(&h->tables.balance, &shared->balance, before->config, after->config, &h->map);
	bandwidth_inherit(&h->tables.bandwidth, &shared->bandwidth, &h->map,
	                  (uint32_t)before->config->relay_count, before->listener_count);
	admission_inherit(&h->tables.admission, &shared->admission, before, after, &h->map);
	ejection_inherit(&h->tables.ejection, &shared->ejection, before, after, &h->map);
	tally_inherit(&h->tables.tally, &shared->tally, before, after, &h->map);
}

static void exchange_tables(struct handover *h, struct shared *shared)
{
	EXCHANGE(shared->balance, h->tables.balance);
	EXCHANGE(shared->bandwidth, h->tables.bandwidth);
	EXCHANGE(shared->admission, h->tables.admission);
	EXCHANGE(shared->preread, h->tables.preread);
	EXCHANGE(shared->ejection, h->tables.ejection);
	EXCHANGE(shared->tally, h->tables.tally);
}

void handover_commit(struct handover *h, const bool *fresh, const int *listener_fds)
{
	struct shared *shared = h->workers[0]->shared;
	for (uint32_t i = 0; i < h->thread_count; i++) {
		gate_clear(h->workers[i], &h->workers[i]->restless);
		leave_limits(h->workers[i]);
	}
	inherit_tables(h, shared);
	for (uint32_t i = 0; i < h->thread_count; i++) {
		take_fresh(&h->heirs[i], h, fresh, listener_fds + i);
		inherit_early(h->workers[i], &h->heirs[i], h);
	}
	exchange_tables(h, shared);
	for (uint32_t i = 0; i < h->thread_count; i++)
		join(h->workers[i], &h->heirs[i], h);
}
