/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepting. Running out of descriptors, memory or allowed connections pauses it for a moment on all listeners: those who
 * wait stay in the kernel's queue, what is established goes on, and nothing spins.
 */
#include <errno.h>

#include "io/errno_table.h"
#include "io/sys.h"
#include "relay/worker.h"

enum {
	PAUSE_MS = 100,
	/* What a handshake that had begun is given to end before its listener is closed: a round trip, and softirqs that a
	 * busy machine puts off. */
	HANDSHAKE_GRACE_MS = 100,
};

static uint64_t accept_tag(const struct worker *worker, uint32_t index)
{
	return tag_pack((struct tag){.kind = TAG_KIND_ACCEPT, .index = worker->listeners[index].place});
}

static bool at_limit(const struct worker *worker)
{
	uint32_t now = atomic_load_explicit(&worker->shared->connections, memory_order_relaxed);
	return now >= worker->limits->connections;
}

static void arm(struct worker *worker, uint32_t index)
{
	struct listener *listener = &worker->listeners[index];
	if (listener->armed || listener->closing || listener->fd < 0)
		return;
	ring_accept(worker->ring, listener->fd, accept_tag(worker, index));
	listener->armed = true;
}

void listener_arm_all(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->plan->listener_count; i++)
		arm(worker, i);
}

/* cancel_all - end the accepts that are armed; their last completions say when */
static void cancel_all(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->plan->listener_count; i++) {
		if (worker->listeners[i].armed)
			ring_cancel(worker->ring, accept_tag(worker, i));
	}
}

static void pause_accepting(struct worker *worker)
{
	if (worker->accept_paused || worker->draining)
		return;
	worker->accept_paused = true;
	counter_add(worker->counters, COUNTER_ACCEPT_PAUSES, 1);
	worker_tell(worker, &(struct record){.kind = RECORD_ACCEPT_PAUSED});
	cancel_all(worker);
	timer_arm(&worker->wheel, &worker->accept_timer, worker->now_ms + PAUSE_MS);
}

void listener_retry(struct worker *worker)
{
	if (at_limit(worker)) {
		timer_arm(&worker->wheel, &worker->accept_timer, worker->now_ms + PAUSE_MS);
		return;
	}
	worker->accept_paused = false;
	listener_arm_all(worker);
}

/* close_listener - take what still waits in its queue, then close it */
static void close_listener(struct worker *worker, uint32_t index)
{
	struct listener *listener = &worker->listeners[index];
	int fd;
	while ((fd = sys_accept(listener->fd)) >= 0)
		session_accept(worker, index, fd);
	sys_close(listener->fd);
	listener->fd = -1;
	/* Some may have come after those whose time was up. */
	if (worker->plan->listeners[index].until_ms)
		timer_arm(&worker->wheel, &worker->leftover_timer, worker->now_ms + 1);
}

void listener_completed(struct worker *worker, uint32_t index, const struct completion *completion)
{
	struct listener *listener = &worker->listeners[index];
	if (completion->result >= 0)
		session_accept(worker, index, completion->result);
	if (!(completion->flags & COMPLETION_MORE))
		listener->armed = false;
	if (listener->closing && !listener->armed) {
		close_listener(worker, index);
		return;
	}
	bool exhausted = completion->result < 0 && io_outcome(IO_OP_ACCEPT, completion->result) == IO_EXHAUSTED;
	if (exhausted || at_limit(worker))
		pause_accepting(worker);
	else if (!worker->accept_paused || worker->draining)
		arm(worker, index);
}

void listener_drain_all(struct worker *worker, uint64_t deadline_ms)
{
	uint64_t close_ms = worker->now_ms + HANDSHAKE_GRACE_MS;
	listener_arm_all(worker);
	timer_arm(&worker->wheel, &worker->accept_timer, close_ms < deadline_ms ? close_ms : deadline_ms);
}

/* begin_close - now, or when its accept is cancelled */
static void begin_close(struct worker *worker, uint32_t index)
{
	struct listener *listener = &worker->listeners[index];
	if (listener->fd < 0 || listener->closing)
		return;
	listener->closing = true;
	if (listener->armed)
		ring_cancel(worker->ring, accept_tag(worker, index));
	else
		close_listener(worker, index);
}

void listener_close_all(struct worker *worker)
{
	timer_disarm(&worker->wheel, &worker->accept_timer);
	for (uint32_t i = 0; i < worker->plan->listener_count; i++)
		begin_close(worker, i);
}

/* ---- one configuration after the other ---- */

void listener_go_on_all(struct worker *worker)
{
	if (!worker->accept_paused)
		listener_arm_all(worker);
}

void listener_release_leftovers(struct worker *worker)
{
	timer_arm(&worker->wheel, &worker->leave_timer, worker->now_ms + HANDSHAKE_GRACE_MS);
}

void listener_close_leftovers(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->plan->listener_count; i++) {
		if (worker->plan->listeners[i].leftover)
			begin_close(worker, i);
	}
}
