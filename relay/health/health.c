/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/health/health.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/sm.h"
#include "io/errno_table.h"
#include "io/sys.h"
#include "relay/greeting.h"
#include "relay/queue.h"
#include "relay/worker.h"

static const struct sm_state states[CHECK_STATE_COUNT] = {
	[CHECK_IDLE] = {"idle", SM_BIT(CHECK_WAITING)},
	[CHECK_WAITING] = {"waiting", SM_BIT(CHECK_CONNECTING) | SM_BIT(CHECK_LISTENING) | SM_BIT(CHECK_IDLE)},
	[CHECK_CONNECTING] = {"connecting", SM_BIT(CHECK_LISTENING) | SM_BIT(CHECK_ENDING) | SM_BIT(CHECK_IDLE)},
	[CHECK_LISTENING] = {"listening", SM_BIT(CHECK_ENDING) | SM_BIT(CHECK_IDLE)},
	[CHECK_ENDING] = {"ending", SM_BIT(CHECK_IDLE)},
};

static const struct sm machine = {"check", states, CHECK_STATE_COUNT};

static void set_state(struct check *check, enum check_state state)
{
	sm_move(&machine, check, &check->state, (uint8_t)state);
}

static const struct plan_route *route_of(const struct worker *worker, const struct check *check)
{
	return &worker->plan->routes[check->route];
}

static const struct config_pool *pool_of(const struct worker *worker, const struct check *check)
{
	return &worker->plan->config->pools[route_of(worker, check)->pool];
}

static uint32_t target_of(const struct worker *worker, const struct check *check)
{
	return route_of(worker, check)->targets[check->backend];
}

/* ---- the end of a check ---- */

static void tell(struct worker *worker, const struct check *check)
{
	struct record record = {
		.kind = check->verdict.down ? RECORD_BACKEND_DOWN : RECORD_BACKEND_UP,
		.failure = check->failure,
		.error = check->error,
		.route = check->route,
		.backend = check->backend,
	};
	worker_tell(worker, &record);
}

/* publish - let all threads know */
static void publish(struct worker *worker, const struct check *check)
{
	struct standing *standing = worker->shared->balance.pools[route_of(worker, check)->pool].standing;
	if (check->verdict.down)
		standing_set(standing, check->backend, STANDING_DOWN);
	else if (standing_clear(standing, check->backend, STANDING_DOWN, worker->now_ms))
		queue_room(worker, route_of(worker, check)->pool);
	counter_add(worker->counters, check->verdict.down ? COUNTER_BACKENDS_DOWN : COUNTER_BACKENDS_UP, 1);
}

/* pause_until_next - nothing of this check is left */
static void pause_until_next(struct worker *worker, struct check *check)
{
	const struct config_health *health = &pool_of(worker, check)->health;
	set_state(check, CHECK_IDLE);
	if (worker->health.paused)
		return;
	timer_arm(&worker->wheel, &check->timer,
		  worker->now_ms + verdict_pause_ms(&check->verdict, health, sys_random()));
}

/* our_lack - did the check fail for what the backend can do nothing about? Then it says nothing of the backend. */
static bool our_lack(const struct check *check)
{
	return check->failure == CHECK_NOT_MADE ||
	       (check->failure == CHECK_FAILED_BY_ERRNO && io_outcome(IO_OP_CONNECT, check->error) == IO_EXHAUSTED);
}

static void finish(struct worker *worker, struct check *check)
{
	if (check->fd >= 0)
		sys_close(check->fd);
	check->fd = -1;
	bool succeeded = check->failure == CHECK_SUCCEEDED;
	if (!succeeded && !worker->health.paused)
		counter_add(worker->counters, COUNTER_CHECK_FAILURES, 1);
	if (!our_lack(check) && verdict_note(&check->verdict, &pool_of(worker, check)->health, succeeded)) {
		publish(worker, check);
		tell(worker, check);
	}
	pause_until_next(worker, check);
}

static void end(struct worker *worker, struct check *check, enum check_failure failure, int error)
{
	check->failure = (uint8_t)failure;
	check->error = error;
	finish(worker, check);
}

/* ---- one step after the other ---- */

static void await(struct worker *worker, struct check *check, uint32_t events)
{
	ring_poll(worker->ring, check->fd, events,
		  tag_pack((struct tag){.kind = TAG_KIND_HEALTH, .index = (uint32_t)(check - worker->health.checks)}));
}

/* say - the greeting of the PROXY protocol where clients' bytes come behind one, then the pool's own bytes */
static int say(struct worker *worker, const struct check *check)
{
	const struct octets *send = &pool_of(worker, check)->health.send;
	uint8_t greeting[PROXY_ENCODED_MAX];
	size_t greeting_size = greeting_anonymous(worker, route_of(worker, check)->relay, greeting);
	struct iovec iov[] = {{greeting, greeting_size}, {(void *)(uintptr_t)send->data, send->size}};
	if (greeting_size + send->size == 0)
		return 0;
	ssize_t n = sys_send(check->fd, iov, ARRAY_COUNT(iov), 0);
	/* A socket that is new takes some hundred bytes, or there is no memory. */
	return n < 0 ? (int)n : (size_t)n < greeting_size + send->size ? -ENOBUFS : 0;
}

static void connected(struct worker *worker, struct check *check)
{
	int rc = say(worker, check);
	if (rc < 0) {
		end(worker, check, CHECK_FAILED_BY_ERRNO, rc);
	} else if (pool_of(worker, check)->health.expect.size == 0) {
		end(worker, check, CHECK_SUCCEEDED, 0);
	} else {
		set_state(check, CHECK_LISTENING);
		check->matched = 0;
		await(worker, check, POLLIN);
	}
}

static void connect_backend(struct worker *worker, struct check *check)
{
	const struct endpoint *backend = &pool_of(worker, check)->backends[check->backend].endpoint;
	if (backend->addr.family == AF_UNIX) { /* it came connected */
		connected(worker, check);
		return;
	}
	int rc = upstream_dial(check->fd, &backend->addr.any, backend->addr_len);
	if (rc == 0) {
		connected(worker, check);
	} else if (io_outcome(IO_OP_CONNECT, rc) == IO_RETRY) {
		set_state(check, CHECK_CONNECTING);
		await(worker, check, POLLOUT);
	} else {
		end(worker, check, CHECK_FAILED_BY_ERRNO, rc);
	}
}

static void begin(struct worker *worker, struct check *check)
{
	set_state(check, CHECK_WAITING);
	timer_arm(&worker->wheel, &check->timer, worker->now_ms + pool_of(worker, check)->health.timeout_ms);
	int fd = sockets_take(&worker->sockets, target_of(worker, check), &check->link);
	if (fd >= 0)
		health_socket_ready(worker, &check->link, fd);
}

/* hear - compare what has come of the answer; there is more to wait for, or the check is over */
static void hear(struct worker *worker, struct check *check)
{
	const struct octets *expect = &pool_of(worker, check)->health.expect;
	uint8_t answer[OCTETS_MAX];
	ssize_t n = sys_recv(check->fd, answer, expect->size - check->matched, 0);
	if (n > 0 && memcmp(answer, expect->data + check->matched, (size_t)n) != 0) {
		end(worker, check, CHECK_MISANSWERED, 0);
		return;
	}
	if (n > 0)
		check->matched += (uint16_t)n;
	if (check->matched == expect->size)
		end(worker, check, CHECK_SUCCEEDED, 0);
	else if (n == 0)
		end(worker, check, CHECK_CUT_SHORT, 0);
	else if (n > 0 || io_outcome(IO_OP_RECV, (int)n) == IO_RETRY)
		await(worker, check, POLLIN);
	else
		end(worker, check, CHECK_FAILED_BY_ERRNO, (int)n);
}

/* ---- events ---- */

void health_socket_ready(struct worker *worker, struct list *link, int fd)
{
	struct check *check = LIST_ENTRY(link, struct check, link);
	if (fd < 0) {
		end(worker, check, CHECK_FAILED_BY_ERRNO, fd);
		return;
	}
	check->fd = fd;
	connect_backend(worker, check);
}

static void connecting_completed(struct worker *worker, struct check *check, int result)
{
	int rc = result < 0 ? result : sys_socket_error(check->fd);
	if (rc == 0)
		connected(worker, check);
	else
		end(worker, check, CHECK_FAILED_BY_ERRNO, rc);
}

void health_completed(struct worker *worker, uint32_t index, const struct completion *completion)
{
	struct check *check = &worker->health.checks[index];
	if (check->state == CHECK_ENDING)
		end(worker, check, worker->health.paused ? CHECK_NOT_MADE : CHECK_TIMED_OUT, 0);
	else if (completion->result == -ECANCELED) /* the kernel may, though nobody asked for it */
		await(worker, check, check->state == CHECK_LISTENING ? POLLIN : POLLOUT);
	else if (check->state == CHECK_CONNECTING)
		connecting_completed(worker, check, completion->result);
	else
		hear(worker, check);
}

/* cancel - the poll that it waits by; the check ends with its last completion */
static void cancel(struct worker *worker, struct check *check)
{
	set_state(check, CHECK_ENDING);
	ring_cancel(worker->ring, tag_pack((struct tag){.kind = TAG_KIND_HEALTH,
							.index = (uint32_t)(check - worker->health.checks)}));
}

void health_timer_fired(struct worker *worker, struct timer *timer)
{
	struct check *check = LIST_ENTRY(timer, struct check, timer);
	switch (check->state) {
	case CHECK_IDLE:
		begin(worker, check);
		break;
	case CHECK_WAITING: /* it is the broker that has not answered */
		sockets_forget(&worker->sockets, target_of(worker, check), &check->link);
		end(worker, check, CHECK_NOT_MADE, 0);
		break;
	case CHECK_CONNECTING:
	case CHECK_LISTENING:
		cancel(worker, check);
		break;
	default:
		CHECK(!"a check that ends has no timer");
	}
}

/* ---- start and end ---- */

/* is_checked - by the first route that leads to a pool, and by no other */
static bool is_checked(const struct plan *plan, uint32_t route)
{
	uint32_t pool = plan->routes[route].pool;
	if (plan->config->pools[pool].health.interval_ms == 0)
		return false;
	for (uint32_t i = 0; i < route; i++) {
		if (plan->routes[i].pool == pool)
			return false;
	}
	return true;
}

uint32_t health_count(const struct plan *plan)
{
	size_t count = 0;
	for (uint32_t i = 0; i < plan->route_count; i++) {
		const struct config_pool *pool = &plan->config->pools[plan->routes[i].pool];
		for (size_t j = 0; is_checked(plan, i) && j < pool->backend_count; j++)
			count += !pool->backends[j].leftover;
	}
	return (uint32_t)count;
}

size_t health_memory(const struct plan *plan)
{
	return health_count(plan) * sizeof(struct check);
}

static void check_init(struct check *check, uint32_t route, size_t backend)
{
	*check = (struct check){.route = route, .backend = (uint16_t)backend, .fd = -1};
	timer_init(&check->timer);
	list_init(&check->link);
}

int health_init(struct health *health, const struct plan *plan, uint32_t number, uint32_t threads)
{
	uint32_t index = 0;
	health->count = 0;
	health->checks = calloc(health_count(plan) / threads + 1, sizeof(*health->checks));
	if (!health->checks)
		return -ENOMEM;
	for (uint32_t i = 0; i < plan->route_count; i++) {
		const struct config_pool *pool = &plan->config->pools[plan->routes[i].pool];
		for (size_t j = 0; is_checked(plan, i) && j < pool->backend_count; j++) {
			if (!pool->backends[j].leftover && index++ % threads == number)
				check_init(&health->checks[health->count++], i, j);
		}
	}
	return 0;
}

void health_fini(struct health *health)
{
	for (uint32_t i = 0; i < health->count; i++) {
		if (health->checks[i].fd >= 0)
			sys_close(health->checks[i].fd);
	}
	free(health->checks);
	*health = (struct health){0};
}

void health_start(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->health.count; i++) {
		struct check *check = &worker->health.checks[i];
		uint64_t spread_ms = pool_of(worker, check)->health.fast_interval_ms;
		uint64_t at_ms = check->due_ms;
		if (at_ms == 0)
			at_ms = worker->now_ms + 1 + ((spread_ms * sys_random()) >> 32);
		timer_arm(&worker->wheel, &check->timer, at_ms);
	}
}

/* ---- one configuration after the other ---- */

/* pause - it begins again at once when the checks go on; what was under way says nothing */
static void pause(struct worker *worker, struct check *check)
{
	bool idle = check->state == CHECK_IDLE;
	check->due_ms = idle ? check->timer.at_ms : worker->now_ms;
	timer_disarm(&worker->wheel, &check->timer);
	if (idle || check->state == CHECK_ENDING)
		return;
	if (check->state == CHECK_WAITING) {
		sockets_forget(&worker->sockets, target_of(worker, check), &check->link);
		set_state(check, CHECK_IDLE);
		return;
	}
	cancel(worker, check);
}

void health_pause(struct worker *worker)
{
	worker->health.paused = true;
	for (uint32_t i = 0; i < worker->health.count; i++)
		pause(worker, &worker->health.checks[i]);
}

bool health_is_quiet(const struct health *health)
{
	for (uint32_t i = 0; i < health->count; i++) {
		if (health->checks[i].state != CHECK_IDLE)
			return false;
	}
	return true;
}

void health_inherit(struct check *heir, const struct check *old)
{
	heir->verdict = old->verdict;
	heir->due_ms = old->due_ms;
}
