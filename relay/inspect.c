/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/inspect.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "relay/balance/standing.h"
#include "relay/handover.h"
#include "relay/worker.h"

int inspect_init(struct inspect *inspect, const struct plan *plan, const struct limits *limits)
{
	*inspect = (struct inspect){.plan = plan, .limits = limits, .lock = PTHREAD_MUTEX_INITIALIZER};
	inspect->doorbell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (inspect->doorbell_fd < 0)
		return -errno;
	inspect->threads = calloc(limits->threads, sizeof(*inspect->threads));
	return inspect->threads ? 0 : -ENOMEM;
}

void inspect_fini(struct inspect *inspect)
{
	if (inspect->doorbell_fd >= 0)
		close(inspect->doorbell_fd);
	free(inspect->threads);
	*inspect = (struct inspect){.doorbell_fd = -1};
}

void inspect_lock(struct inspect *inspect)
{
	pthread_mutex_lock(&inspect->lock);
}

void inspect_unlock(struct inspect *inspect)
{
	pthread_mutex_unlock(&inspect->lock);
}

static void ring(int doorbell_fd)
{
	uint64_t one = 1;
	ssize_t n = write(doorbell_fd, &one, sizeof(one));
	(void)n;
}

/* ---- the asker's ---- */

uint32_t inspect_thread_of(uint64_t id)
{
	return (uint32_t)(id >> 2 * SLAB_INDEX_BITS);
}

uint32_t inspect_slot_of(uint64_t id)
{
	return id & (SLAB_CAPACITY_MAX - 1);
}

bool inspect_ask(struct inspect *inspect, uint32_t thread, struct inspect_slice *slice)
{
	CHECK(thread < inspect->limits->threads);
	inspect->threads[thread].lent = slice;
	slice->thread = thread;
	slice->doorbell_fd = inspect->doorbell_fd;
	slice->count = 0;
	slice->last = false;
	atomic_store_explicit(&slice->full, false, memory_order_relaxed);
	struct message message = {.type = WORKER_INSPECT, .value = (uintptr_t)slice};
	return mailbox_post(inspect->threads[thread].mailbox, message);
}

bool inspect_answered(struct inspect *inspect, struct inspect_slice *slice)
{
	/* Asked first: an answer may have come before the end. */
	bool ended = atomic_load_explicit(&inspect->threads[slice->thread].ended, memory_order_acquire);
	if (atomic_load_explicit(&slice->full, memory_order_acquire))
		return true;
	if (ended)
		slice->last = true;
	return ended;
}

uint64_t inspect_counter(const struct inspect *inspect, unsigned counter)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < inspect->limits->threads; i++)
		sum += counter_read(&inspect->counters[i], counter);
	return sum;
}

uint32_t inspect_connections(const struct inspect *inspect)
{
	return atomic_load_explicit(&inspect->shared->connections, memory_order_relaxed);
}

int64_t inspect_backend_connections(const struct inspect *inspect, size_t pool, uint32_t backend)
{
	return balance_connections(&inspect->shared->balance.pools[pool], backend);
}

unsigned inspect_backend_reasons(const struct inspect *inspect, size_t pool, uint32_t backend)
{
	return standing_reasons(inspect->shared->balance.pools[pool].standing, backend);
}

/* ---- the relay threads' ---- */

typedef int address_fn(int fd, struct sockaddr_storage *ret);

static void note_address(int fd, address_fn *ask, struct session_peer *ret)
{
	struct sockaddr_storage addr = {0};
	if (ask(fd, &addr) == 0)
		peer_set(ret, (const struct sockaddr *)&addr);
}

/* know_client - where nobody else had to know it */
static void know_client(struct session *session)
{
	if (session->peer.family == AF_UNSPEC && session->fds[SIDE_CLIENT] >= 0)
		note_address(session->fds[SIDE_CLIENT], sys_peer, &session->peer);
}

static bool fits(const struct worker *worker, struct session *session, const struct session_filter *filter)
{
	if (filter->has_client)
		know_client(session);
	return session_filter_fits(filter, worker->plan, session, worker->now_ns);
}

static void copy_side(const struct session *session, enum side side, bool details, struct inspect_side *ret)
{
	const struct flow *flow = &session->flows[side];
	int fd = session->fds[side];
	*ret = (struct inspect_side){.bytes = flow->bytes, .spliced = flow->spliced, .lane = flow->state};
	if (fd < 0 || !details)
		return;
	note_address(fd, sys_local, &ret->local);
	ret->has_tcp = sys_tcp(fd, &ret->tcp) == 0;
}

static uint64_t id_of(const struct worker *worker, const struct session *session)
{
	uint64_t id = (uint64_t)worker->number << SLAB_INDEX_BITS | slab_generation(session);
	return id << SLAB_INDEX_BITS | slab_index(&worker->sessions, session);
}

static void copy_session(const struct worker *worker, struct session *session, bool details,
			 struct inspect_connection *ret)
{
	const struct preread_told *told = preread_told(worker, session);
	*ret = (struct inspect_connection){
		.id = id_of(worker, session),
		.listener = session->listener,
		.route = session->route,
		.backend = session->backends_tried ? session->backend : INSPECT_NO_BACKEND,
		.state = session->state,
		.age_ms = (worker->now_ns - session->accepted_ns) / 1000000,
		.idle_ms = worker->now_ms - session->active_ms,
		.connect_us = session->connect_us,
	};
	if (told)
		ret->via = told->via;
	if (original_of(worker, session))
		ret->original = *original_of(worker, session);
	for (int side = 0; side < SIDE_COUNT; side++)
		copy_side(session, (enum side)side, details, &ret->sides[side]);
	know_client(session);
	ret->sides[SIDE_CLIENT].remote = session->peer;
	if (session->fds[SIDE_SERVER] < 0)
		return;
	if (config_is_original(worker_backend(worker, session)))
		ret->sides[SIDE_SERVER].remote = ret->original;
	else
		peer_set(&ret->sides[SIDE_SERVER].remote, &worker_backend(worker, session)->addr.any);
}

/* most - that one slice takes */
static uint32_t most(const struct inspect_slice *slice)
{
	static const uint32_t limits[] = {
		[INSPECT_LIST] = INSPECT_ROWS, [INSPECT_DETAILS] = INSPECT_DETAILED, [INSPECT_KILL] = INSPECT_KILLS};
	return limits[slice->wish];
}

/* take - @session, if it fits */
static void take(struct worker *worker, struct session *session, struct inspect_slice *slice)
{
	if (!fits(worker, session, &slice->filter))
		return;
	if (slice->wish != INSPECT_KILL)
		copy_session(worker, session, slice->wish == INSPECT_DETAILS, &slice->rows[slice->count++]);
	else if (session->state != SESSION_CLOSING) {
		session_abort(worker, session, CAUSE_KILLED);
		slice->count++;
	}
}

static void take_one(struct worker *worker, struct inspect_slice *slice)
{
	uint32_t generation = slice->id >> SLAB_INDEX_BITS & (SLAB_CAPACITY_MAX - 1);
	struct session *session = slab_find(&worker->sessions, inspect_slot_of(slice->id), generation);
	if (session)
		take(worker, session, slice);
}

/* take_all - true when there are no more */
static bool take_all(struct worker *worker, struct inspect_slice *slice)
{
	uint32_t end = slice->cursor + INSPECT_SLOTS;
	while (slice->count < most(slice)) {
		struct session *session = slab_next_below(&worker->sessions, &slice->cursor, end);
		if (!session)
			return slice->cursor < end;
		take(worker, session, slice);
	}
	return false;
}

void inspect_fill(struct worker *worker, struct inspect_slice *slice)
{
	int doorbell_fd = slice->doorbell_fd;
	slice->last = true;
	if (slice->is_one)
		take_one(worker, slice);
	else
		slice->last = take_all(worker, slice);
	atomic_store_explicit(&slice->full, true, memory_order_release); /* from here on it is the asker's */
	ring(doorbell_fd);
}

static void translate_slice(struct inspect_slice *slice, const struct handover *handover)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < slice->count; i++) {
		struct inspect_connection *row = &slice->rows[i];
		_Static_assert((uint32_t)INSPECT_NO_BACKEND == (uint32_t)SUCCESSION_NONE, "one for both");
		if (handover_translate(handover, &row->listener, &row->route, &row->backend))
			slice->rows[kept++] = *row;
	}
	slice->count = kept;
}

void inspect_translate(struct inspect *inspect, const struct handover *handover)
{
	for (uint32_t i = 0; i < inspect->limits->threads; i++) {
		struct inspect_slice *slice = inspect->threads[i].lent;
		if (slice && slice->thread == i && atomic_load_explicit(&slice->full, memory_order_acquire))
			translate_slice(slice, handover);
	}
}

void inspect_thread_ended(struct inspect *inspect, uint32_t thread)
{
	atomic_store_explicit(&inspect->threads[thread].ended, true, memory_order_release);
	ring(inspect->doorbell_fd);
}
