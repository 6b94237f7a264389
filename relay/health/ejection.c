/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/health/ejection.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "io/errno_table.h"
#include "relay/queue.h"
#include "relay/succession.h"
#include "relay/worker.h"

uint32_t ejection_time_ms(const struct config_ejection *config, uint32_t times)
{
	uint64_t ms = (uint64_t)config->time_ms * times;
	return ms < config->time_max_ms ? (uint32_t)ms : config->time_max_ms;
}

uint32_t ejection_most(const struct config_ejection *config, size_t backends)
{
	if (config->failures + config->resets == 0 || backends < 2)
		return 0;
	uint64_t most = (uint64_t)backends * config->share_max / CONFIG_FRACTION_ALL;
	most = most > 1 ? most : 1;
	return most < backends ? (uint32_t)most : (uint32_t)backends - 1;
}

/* ---- start and end ---- */

static bool ejects(const struct config_pool *pool)
{
	return ejection_most(&pool->ejection, pool->backend_count) > 0;
}

static uint32_t count_backends(const struct config *config)
{
	size_t count = 0;
	for (size_t i = 0; i < config->pool_count; i++)
		count += ejects(&config->pools[i]) ? config->pools[i].backend_count : 0;
	return (uint32_t)count;
}

size_t ejection_memory(const struct config *config, uint32_t threads)
{
	return config->pool_count * sizeof(struct ejection_pool) +
	       count_backends(config) * (sizeof(struct ejection_backend) + threads * sizeof(struct ejected));
}

int ejection_init(struct ejection *ejection, const struct config *config)
{
	uint32_t first = 0;
	ejection->backend_count = count_backends(config);
	ejection->pools = calloc(config->pool_count + 1, sizeof(*ejection->pools));
	ejection->backends = calloc(ejection->backend_count + 1, sizeof(*ejection->backends));
	if (!ejection->pools || !ejection->backends)
		return -ENOMEM;
	for (size_t i = 0; i < config->pool_count; i++) {
		const struct config_pool *pool = &config->pools[i];
		ejection->pools[i].first = first;
		ejection->pools[i].most = ejection_most(&pool->ejection, pool->backend_count);
		first += ejects(pool) ? (uint32_t)pool->backend_count : 0;
	}
	return 0;
}

void ejection_fini(struct ejection *ejection)
{
	free(ejection->pools);
	free(ejection->backends);
	*ejection = (struct ejection){0};
}

int ejected_init(struct ejected_all *ejected, const struct ejection *ejection)
{
	ejected->all = calloc(ejection->backend_count + 1, sizeof(*ejected->all));
	if (!ejected->all)
		return -ENOMEM;
	ejected->count = ejection->backend_count;
	for (uint32_t i = 0; i < ejected->count; i++)
		timer_init(&ejected->all[i].timer);
	return 0;
}

void ejected_fini(struct ejected_all *ejected)
{
	free(ejected->all);
	*ejected = (struct ejected_all){0};
}

/* ---- one configuration after the other ---- */

/* heir_of - where the one at @index of @old is in @heir; SUCCESSION_NONE: nowhere. *ret_pool: the new pool */
static uint32_t heir_of(const struct ejection *heir, const struct ejection_pool *old, uint32_t pool, uint32_t backend,
			const struct succession *map)
{
	uint32_t new_pool = map->pools[pool];
	if (new_pool == SUCCESSION_NONE || old->most == 0 || heir->pools[new_pool].most == 0)
		return SUCCESSION_NONE;
	uint32_t new_backend = map->backends[pool][backend];
	return new_backend == SUCCESSION_NONE ? SUCCESSION_NONE : heir->pools[new_pool].first + new_backend;
}

static void inherit_backend(struct ejection_backend *heir, const struct ejection_backend *old)
{
	heir->failures = old->failures;
	heir->resets = old->resets;
	heir->out = old->out;
	heir->times = old->times;
	heir->returned_ms = old->returned_ms;
}

void ejection_inherit(struct ejection *heir, const struct ejection *old, const struct plan *before, const struct plan *after,
		      const struct succession *map)
{
	for (uint32_t i = 0; i < before->config->pool_count; i++) {
		const struct ejection_pool *pool = &old->pools[i];
		for (uint32_t j = 0; pool->most && j < before->config->pools[i].backend_count; j++) {
			uint32_t index = heir_of(heir, pool, i, j, map);
			if (index == SUCCESSION_NONE)
				continue;
			inherit_backend(&heir->backends[index], &old->backends[pool->first + j]);
			/* Without a way there, nobody would bring it back. */
			if (plan_first_route(after, map->pools[i]) == PLAN_NO_ROUTE)
				heir->backends[index].out = false;
			heir->pools[map->pools[i]].out += heir->backends[index].out;
		}
	}
}

/* route_to - one that leads to the pool of backends that were ejected by @old_route; PLAN_NO_ROUTE */
static uint32_t route_to(const struct plan *plan, uint32_t old_route, uint32_t pool, const struct succession *map)
{
	uint32_t route = map->routes[old_route];
	return route == SUCCESSION_NONE ? plan_first_route(plan, pool) : route;
}

/* carry_timer - from the one of @old's at @index, which is armed */
static void carry_timer(struct worker *worker, struct ejected_all *heir, uint32_t index, uint32_t pool, uint32_t backend,
			const struct succession *map)
{
	const struct ejection *ejection = &worker->shared->ejection;
	struct ejected *was = &worker->ejected.all[index];
	uint32_t new_pool = map->pools[pool];
	bool goes_on = new_pool != SUCCESSION_NONE && map->backends[pool][backend] != SUCCESSION_NONE &&
		       ejection->pools[new_pool].most > 0;
	uint32_t route = goes_on ? route_to(worker->plan, was->route, new_pool, map) : PLAN_NO_ROUTE;
	uint64_t at_ms = was->timer.at_ms;
	timer_disarm(&worker->wheel, &was->timer);
	if (route == PLAN_NO_ROUTE)
		return;
	struct ejected *is = &heir->all[ejection->pools[new_pool].first + map->backends[pool][backend]];
	is->route = route;
	is->backend = (uint16_t)map->backends[pool][backend];
	timer_arm(&worker->wheel, &is->timer, at_ms);
}

void ejected_inherit(struct worker *worker, struct ejected_all *heir, const struct ejection *old, const struct plan *before,
		     const struct succession *map)
{
	for (uint32_t i = 0; i < before->config->pool_count; i++) {
		const struct ejection_pool *pool = &old->pools[i];
		for (uint32_t j = 0; pool->most && j < before->config->pools[i].backend_count; j++) {
			if (timer_armed(&worker->ejected.all[pool->first + j].timer))
				carry_timer(worker, heir, pool->first + j, i, j, map);
		}
	}
	struct ejected_all left = worker->ejected;
	worker->ejected = *heir;
	*heir = left;
}

/* ---- out and back ---- */

static uint32_t pool_index(const struct worker *worker, uint32_t route)
{
	return worker->plan->routes[route].pool;
}

/* backend_of - NULL where the pool ejects nobody */
static struct ejection_backend *backend_of(const struct worker *worker, const struct session *session)
{
	const struct ejection *ejection = &worker->shared->ejection;
	const struct ejection_pool *pool = &ejection->pools[pool_index(worker, session->route)];
	return pool->most ? &ejection->backends[pool->first + session->backend] : NULL;
}

static const struct config_ejection *config_of(const struct worker *worker, uint32_t route)
{
	return &worker->plan->config->pools[pool_index(worker, route)].ejection;
}

static void tell(struct worker *worker, const struct ejected *ejected, enum record_kind kind, uint32_t time_ms)
{
	struct record record = {
		.kind = (uint8_t)kind,
		.route = ejected->route,
		.backend = ejected->backend,
		.duration_us = (uint64_t)time_ms * 1000,
	};
	worker_tell(worker, &record);
}

/* take_place - one of those that may be out at once; false when all are taken, or @backend is out already */
static bool take_place(struct ejection_pool *pool, struct ejection_backend *backend)
{
	if (atomic_fetch_add_explicit(&pool->out, 1, memory_order_relaxed) < pool->most &&
	    !atomic_exchange_explicit(&backend->out, true, memory_order_relaxed))
		return true;
	atomic_fetch_sub_explicit(&pool->out, 1, memory_order_relaxed);
	return false;
}

/* next_times - how often it will have been ejected now; what is long ago is forgotten */
static uint32_t next_times(struct ejection_backend *backend, const struct config_ejection *config, uint64_t now_ms)
{
	uint64_t returned_ms = atomic_load_explicit(&backend->returned_ms, memory_order_relaxed);
	bool long_ago = now_ms > returned_ms + config->time_max_ms; /* another thread's clock may be ahead */
	uint32_t times = long_ago ? 1 : atomic_load_explicit(&backend->times, memory_order_relaxed) + 1;
	atomic_store_explicit(&backend->times, times, memory_order_relaxed);
	return times;
}

static void eject(struct worker *worker, const struct session *session, struct ejection_backend *backend)
{
	uint32_t index = pool_index(worker, session->route);
	struct ejection_pool *pool = &worker->shared->ejection.pools[index];
	const struct config_ejection *config = config_of(worker, session->route);
	if (!take_place(pool, backend))
		return;
	standing_set(worker->shared->balance.pools[index].standing, session->backend, STANDING_EJECTED);
	uint32_t time_ms = ejection_time_ms(config, next_times(backend, config, worker->now_ms));
	struct ejected *ejected = &worker->ejected.all[pool->first + session->backend];
	ejected->route = session->route;
	ejected->backend = session->backend;
	timer_arm(&worker->wheel, &ejected->timer, worker->now_ms + time_ms);
	counter_add(worker->counters, COUNTER_BACKENDS_EJECTED, 1);
	tell(worker, ejected, RECORD_BACKEND_EJECTED, time_ms);
}

void ejection_timer_fired(struct worker *worker, struct timer *timer)
{
	struct ejected *ejected = LIST_ENTRY(timer, struct ejected, timer);
	uint32_t index = pool_index(worker, ejected->route);
	struct ejection_pool *pool = &worker->shared->ejection.pools[index];
	struct ejection_backend *backend = &worker->shared->ejection.backends[pool->first + ejected->backend];
	if (standing_clear(worker->shared->balance.pools[index].standing, ejected->backend, STANDING_EJECTED,
			   worker->now_ms))
		queue_room(worker, index);
	/* What connections that were under way have met since does not count against it. */
	atomic_store_explicit(&backend->failures, 0, memory_order_relaxed);
	atomic_store_explicit(&backend->resets, 0, memory_order_relaxed);
	atomic_store_explicit(&backend->returned_ms, worker->now_ms, memory_order_relaxed);
	atomic_store_explicit(&backend->out, false, memory_order_relaxed);
	atomic_fetch_sub_explicit(&pool->out, 1, memory_order_relaxed);
	tell(worker, ejected, RECORD_BACKEND_RETURNED, 0);
}

/* ---- what connections meet ---- */

/* one_more - in a row; is it the one that is too many? @most 0: they do not matter */
static bool one_more(_Atomic uint32_t *row, uint32_t most)
{
	return most && atomic_fetch_add_explicit(row, 1, memory_order_relaxed) + 1 >= most;
}

/* end_row - written only where there is one: all threads read it for each connection */
static void end_row(_Atomic uint32_t *row)
{
	if (atomic_load_explicit(row, memory_order_relaxed) != 0)
		atomic_store_explicit(row, 0, memory_order_relaxed);
}

void ejection_note_failure(struct worker *worker, const struct session *session, int result)
{
	struct ejection_backend *backend = backend_of(worker, session);
	if (!backend || io_outcome(IO_OP_CONNECT, result) == IO_EXHAUSTED)
		return;
	if (one_more(&backend->failures, config_of(worker, session->route)->failures))
		eject(worker, session, backend);
}

void ejection_note_answer(const struct worker *worker, const struct session *session)
{
	struct ejection_backend *backend = backend_of(worker, session);
	if (backend)
		end_row(&backend->failures);
}

void ejection_note_end(struct worker *worker, const struct session *session)
{
	struct ejection_backend *backend = backend_of(worker, session);
	if (!backend)
		return;
	if (session->flows[SIDE_SERVER].bytes > 0)
		end_row(&backend->resets);
	else if (session->cause == CAUSE_SERVER_RESET &&
		 one_more(&backend->resets, config_of(worker, session->route)->resets))
		eject(worker, session, backend);
}
