/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "io/sys.h"
#include "relay/mirror/mirror.h"
#include "relay/worker.h"

enum { FIRST_DEPTH = 4 };

/* number_pools - by what the source calls their targets */
static int number_pools(struct socket_pools *sockets, const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->target_count; i++) {
		uint32_t end = plan->targets[i].number == PLAN_NO_NUMBER ? 0 : plan->targets[i].number + 1;
		sockets->number_end = end > sockets->number_end ? end : sockets->number_end;
	}
	sockets->of_number = malloc(((size_t)sockets->number_end + 1) * sizeof(*sockets->of_number));
	if (!sockets->of_number)
		return -ENOMEM;
	memset(sockets->of_number, 0xff, sockets->number_end * sizeof(*sockets->of_number)); /* SOCKETS_NO_POOL */
	for (uint32_t i = 0; i < plan->target_count; i++)
		if (plan->targets[i].number != PLAN_NO_NUMBER)
			sockets->of_number[plan->targets[i].number] = i;
	return 0;
}

int sockets_init(struct socket_pools *sockets, struct socket_source *source, const struct plan *plan)
{
	*sockets = (struct socket_pools){
		.source = source,
		.pool_count = plan->target_count,
		.pools = calloc(plan->target_count + 1, sizeof(*sockets->pools)),
	};
	list_init(&sockets->recent);
	if (!sockets->pools || number_pools(sockets, plan) < 0) {
		sockets_fini(sockets);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < plan->target_count; i++) {
		struct socket_pool *pool = &sockets->pools[i];
		list_init(&pool->recent);
		list_init(&pool->waiting);
		pool->number = plan->targets[i].number;
		pool->mirrors = plan->targets[i].mirrors;
		pool->single_use = plan->targets[i].family == AF_UNIX;
		pool->depth = pool->single_use ? 0 : FIRST_DEPTH;
	}
	return 0;
}

static int pop(struct socket_pools *sockets, struct socket_pool *pool)
{
	CHECK(pool->count > 0 && sockets->idle > 0);
	sockets->idle--;
	int fd = pool->fds[--pool->count];
	if (pool->count == 0)
		list_remove(&pool->recent);
	return fd;
}

static void push(struct socket_pools *sockets, struct socket_pool *pool, int fd)
{
	if (pool->retired || pool->count == SOCKET_BATCH_MAX) {
		sys_close(fd);
		return;
	}
	pool->fds[pool->count++] = fd;
	sockets->idle++;
	if (list_empty(&pool->recent))
		list_append(&sockets->recent, &pool->recent);
}

static void empty(struct socket_pools *sockets, struct socket_pool *pool)
{
	while (pool->count > 0)
		sys_close(pop(sockets, pool));
}

size_t sockets_memory(const struct plan *plan)
{
	return ((size_t)plan->target_count + 1) * sizeof(struct socket_pool);
}

void sockets_fini(struct socket_pools *sockets)
{
	for (uint32_t i = 0; sockets->pools && i < sockets->pool_count; i++)
		empty(sockets, &sockets->pools[i]);
	free(sockets->pools);
	free(sockets->of_number);
	sockets->pools = NULL;
	sockets->of_number = NULL;
}

/* evict - bring the thread's idle sockets down to the limit, sparing @keep */
static void evict(struct socket_pools *sockets, const struct socket_pool *keep)
{
	struct list *link = sockets->recent.next;
	while (sockets->idle > LIMIT_IDLE_SOCKETS && link != &sockets->recent) {
		struct socket_pool *pool = LIST_ENTRY(link, struct socket_pool, recent);
		link = link->next;
		if (pool != keep)
			empty(sockets, pool);
	}
}

/*
 * refill - ask for what is missing once three quarters are gone: most come back by sockets_recycle()
 * One request at a time, so that a slow broker is not flooded.
 */
static void refill(struct socket_pools *sockets, uint32_t target)
{
	struct socket_pool *pool = &sockets->pools[target];
	uint32_t wanted = pool->depth + pool->waiting_count;
	if (pool->number == PLAN_NO_NUMBER) /* who waits here fails in time */
		return;
	if (pool->retired)
		wanted = pool->waiting_count;
	if (pool->asked || pool->count * 4 > wanted || wanted == 0)
		return;
	uint32_t count = wanted - pool->count;
	count = count < SOCKET_BATCH_MAX ? count : SOCKET_BATCH_MAX;
	if (sockets->source->request(sockets->source->ctx, pool->number, count) == 0)
		pool->asked = count;
	else
		sockets->refused = true;
}

void sockets_ask_again(struct socket_pools *sockets)
{
	sockets->refused = false;
	for (uint32_t i = 0; i < sockets->pool_count; i++) {
		if (sockets->pools[i].waiting_count > 0)
			refill(sockets, i);
	}
}

int sockets_take(struct socket_pools *sockets, uint32_t target, struct list *waiter)
{
	struct socket_pool *pool = &sockets->pools[target];
	if (pool->count > 0) {
		int fd = pop(sockets, pool);
		if (pool->count > 0) { /* now the most recently used */
			list_remove(&pool->recent);
			list_append(&sockets->recent, &pool->recent);
		}
		refill(sockets, target);
		return fd;
	}
	if (!pool->single_use && pool->depth < SOCKET_BATCH_MAX)
		pool->depth *= 2;
	list_append(&pool->waiting, waiter);
	pool->waiting_count++;
	refill(sockets, target);
	return -EAGAIN;
}

bool sockets_recycle(struct socket_pools *sockets, uint32_t target, int fd)
{
	struct socket_pool *pool = &sockets->pools[target];
	if (pool->single_use || pool->count >= pool->depth || sockets->idle >= LIMIT_IDLE_SOCKETS)
		return false;
	if (sys_recycle(fd) < 0)
		return false;
	push(sockets, pool, fd);
	return true;
}

void sockets_retire(struct socket_pools *sockets, uint32_t target)
{
	struct socket_pool *pool = &sockets->pools[target];
	empty(sockets, pool);
	pool->retired = true;
}

void sockets_forget(struct socket_pools *sockets, uint32_t target, struct list *waiter)
{
	if (list_empty(waiter))
		return;
	list_remove(waiter);
	sockets->pools[target].waiting_count--;
}

/* next_waiter - take who has waited longest; NULL: nobody waits */
static struct list *next_waiter(struct socket_pool *pool)
{
	struct list *link = list_shift(&pool->waiting);
	if (link)
		pool->waiting_count--;
	return link;
}

/* tell - a waiter gets @fd, or (@fd < 0) -errno */
static void tell(struct worker *worker, const struct socket_pool *pool, struct list *waiter, int fd)
{
	if (pool->mirrors)
		mirror_socket_ready(worker, waiter, fd);
	else if (health_owns(&worker->health, waiter))
		health_socket_ready(worker, waiter, fd);
	else
		session_socket_ready(worker, LIST_ENTRY(waiter, struct session, link), fd);
}

/* hand_out - give what came to those that wait, and keep the rest */
static void hand_out(struct worker *worker, struct socket_pool *pool, const struct socket_reply *reply)
{
	for (uint32_t i = 0; i < reply->count; i++) {
		struct list *waiter = next_waiter(pool);
		if (waiter)
			tell(worker, pool, waiter, reply->fds[i]);
		else if (pool->single_use)
			sys_close(reply->fds[i]); /* its waiter gave up meanwhile */
		else
			push(&worker->sockets, pool, reply->fds[i]);
	}
}

static void fail_waiters(struct worker *worker, struct socket_pool *pool, const struct socket_reply *reply)
{
	/* A session that fails may queue up again at once, for its next backend: only those that wait now. */
	uint32_t failing = pool->waiting_count < reply->asked ? pool->waiting_count : reply->asked;
	counter_add(worker->counters, COUNTER_SOCKET_FAILURES, 1);
	while (failing-- > 0) {
		struct list *waiter = next_waiter(pool);
		if (waiter)
			tell(worker, pool, waiter, -reply->error);
	}
}

static void close_all(const struct socket_reply *reply)
{
	for (uint32_t i = 0; i < reply->count; i++)
		sys_close(reply->fds[i]);
}

static void take_reply(struct worker *worker, const struct socket_reply *reply)
{
	struct socket_pools *sockets = &worker->sockets;
	uint32_t index = reply->target < sockets->number_end ? sockets->of_number[reply->target] : SOCKETS_NO_POOL;
	if (index == SOCKETS_NO_POOL) { /* it was asked for under another configuration */
		close_all(reply);
		return;
	}
	struct socket_pool *pool = &sockets->pools[index];
	pool->asked = 0;
	hand_out(worker, pool, reply);
	if (reply->error)
		fail_waiters(worker, pool, reply);
	evict(sockets, pool);
	if (pool->waiting_count > 0)
		refill(sockets, index);
}

void sockets_received(struct worker *worker)
{
	const struct socket_source *source = worker->sockets.source;
	struct socket_reply reply;
	while (source->receive(source->ctx, &reply) == 1)
		take_reply(worker, &reply);
}

/* ---- one configuration after the other ---- */

static void move_pool(struct socket_pool *heir, struct socket_pool *old)
{
	heir->depth = old->depth;
	heir->retired = old->retired;
	heir->count = old->count;
	heir->asked = old->asked;
	heir->waiting_count = old->waiting_count;
	memcpy(heir->fds, old->fds, old->count * sizeof(*old->fds));
	list_move_all(&heir->waiting, &old->waiting);
	old->count = old->waiting_count = 0;
}

/* move_order - the least recently used stays it */
static void move_order(struct socket_pools *sockets, struct socket_pools *heir, const uint32_t *targets)
{
	struct list recent, *link;
	list_init(&recent);
	list_move_all(&recent, &sockets->recent);
	while ((link = list_shift(&recent))) {
		uint32_t target = targets[LIST_ENTRY(link, struct socket_pool, recent) - sockets->pools];
		if (target != SOCKETS_NO_POOL)
			list_append(&sockets->recent, &heir->pools[target].recent);
	}
}

/* exchange_memory - the pools of @heir get under the head of @sockets, to which links point */
static void exchange_memory(struct socket_pools *sockets, struct socket_pools *heir)
{
	struct socket_pools old = *sockets;
	sockets->pools = heir->pools;
	sockets->pool_count = heir->pool_count;
	sockets->of_number = heir->of_number;
	sockets->number_end = heir->number_end;
	heir->pools = old.pools;
	heir->pool_count = old.pool_count;
	heir->of_number = old.of_number;
	heir->number_end = old.number_end;
}

void sockets_inherit(struct socket_pools *sockets, struct socket_pools *heir, const uint32_t *targets)
{
	move_order(sockets, heir, targets);
	for (uint32_t i = 0; i < sockets->pool_count; i++) {
		if (targets[i] != SOCKETS_NO_POOL)
			move_pool(&heir->pools[targets[i]], &sockets->pools[i]);
		heir->idle += sockets->pools[i].count; /* these are closed by whoever ends @heir */
	}
	sockets->idle -= heir->idle;
	exchange_memory(sockets, heir);
}
