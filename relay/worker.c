/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/worker.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "io/sys.h"
#include "relay/flow.h"
#include "relay/handover.h"
#include "relay/hello.h"
#include "relay/inspect.h"
#include "relay/queue.h"

/* A thread that received nothing for so long gives the memory of its receive buffers (1 MiB) back until it does. */
enum { RELEASE_AFTER_MS = 3000 };

static void set_clock(struct worker *worker)
{
	worker->now_ns = sys_now_ns();
	worker->now_ms = worker->now_ns / 1000000;
}

static int open_memory(struct worker *worker)
{
	const struct limits *limits = worker->limits;
	const struct balance *balance = &worker->shared->balance;
	worker->cursors = calloc(balance->pool_count + 1, sizeof(*worker->cursors));
	worker->lines = calloc(balance->pool_count + 1, sizeof(*worker->lines));
	worker->buffer_links = calloc(LIMIT_BUFFER_COUNT, sizeof(*worker->buffer_links));
	worker->buffer_sizes = calloc(LIMIT_BUFFER_COUNT, sizeof(*worker->buffer_sizes));
	worker->iov = calloc(LIMIT_BUFFER_COUNT, sizeof(*worker->iov));
	worker->sent = calloc(LIMIT_BUFFER_COUNT, sizeof(*worker->sent));
	worker->place_count = worker->plan->listener_count;
	worker->places = calloc(worker->place_count + 1, sizeof(*worker->places));
	if (!worker->cursors || !worker->lines || !worker->buffer_links || !worker->buffer_sizes || !worker->iov ||
	    !worker->sent || !worker->places)
		return -ENOMEM;
	for (size_t i = 0; i < balance->pool_count; i++) {
		balance_cursor_init(&worker->cursors[i], &balance->pools[i], sys_random());
		list_init(&worker->lines[i]);
	}
	for (uint32_t i = 0; i < worker->place_count; i++)
		worker->listeners[i].place = worker->places[i] = i;
	if (worker->shared->preread.from) {
		worker->told = calloc(limits->connections + LIMIT_ACCEPT_SLACK, sizeof(*worker->told));
		if (!worker->told)
			return -ENOMEM;
	}
	if (original_memory(worker->plan->config) > 0) {
		worker->originals = calloc(limits->connections + LIMIT_ACCEPT_SLACK, sizeof(*worker->originals));
		if (!worker->originals)
			return -ENOMEM;
	}
	if (hello_memory(worker->plan->config) > 0) {
		worker->hellos = calloc(limits->connections + LIMIT_ACCEPT_SLACK, sizeof(*worker->hellos));
		if (!worker->hellos)
			return -ENOMEM;
	}
	int rc = slab_init(&worker->sessions, sizeof(struct session), sizeof(struct session),
			   limits->connections + LIMIT_ACCEPT_SLACK);
	if (rc == 0)
		rc = gate_open(&worker->gate, worker->plan->config->relay_count);
	return rc < 0 ? rc : spill_pool_init(&worker->spill, limits->spill_chunks);
}

size_t worker_memory(const struct plan *plan)
{
	size_t pools = plan->config->pool_count + 1, listeners = (size_t)plan->listener_count + 1;
	return pools * (sizeof(struct balance_cursor) + sizeof(struct list)) + listeners * sizeof(struct listener) +
	       gate_memory(plan->config->relay_count) + sockets_memory(plan);
}

int worker_open(struct worker *worker, const struct ring_config *config, struct socket_source *source,
		const int pipe_fds[2], struct err *err)
{
	memcpy(worker->pipe_fds, pipe_fds, sizeof(worker->pipe_fds));
	list_init(&worker->work);
	list_init(&worker->want_spill);
	list_init(&worker->want_buffers);
	list_init(&worker->closing);
	list_init(&worker->restless);
	timer_init(&worker->accept_timer);
	timer_init(&worker->ask_timer);
	timer_init(&worker->drain_timer);
	timer_init(&worker->quiet_timer);
	timer_init(&worker->leave_timer);
	timer_init(&worker->leftover_timer);
	set_clock(worker);
	wheel_init(&worker->wheel, worker->now_ms);
	int rc = worker->mirrors.possible ? mirrors_open(&worker->mirrors, worker->limits, worker->plan) : 0;
	if (rc == 0)
		rc = open_memory(worker);
	if (rc == 0)
		rc = sockets_init(&worker->sockets, source, worker->plan);
	if (rc == 0)
		rc = ejected_init(&worker->ejected, &worker->shared->ejection);
	if (rc == 0)
		rc = health_init(&worker->health, worker->plan, worker->number, worker->limits->threads);
	if (rc < 0)
		return err_set(err, -rc, "relay thread: %s", strerror(-rc));
	worker->ring = ring_open(config, err);
	if (!worker->ring)
		return err_prefix(err, "relay thread");
	ring_poll_edges(worker->ring, source->fd, POLLIN, tag_pack((struct tag){.kind = TAG_KIND_SOCKETS}));
	if (worker->mailbox)
		ring_poll_edges(worker->ring, worker->mailbox->doorbell_fd, POLLIN,
				tag_pack((struct tag){.kind = TAG_KIND_MAILBOX}));
	return 0;
}

void worker_close(struct worker *worker)
{
	ring_close(worker->ring);
	health_fini(&worker->health);
	ejected_fini(&worker->ejected);
	sockets_fini(&worker->sockets);
	for (uint32_t i = 0; worker->listeners && i < worker->plan->listener_count; i++) {
		if (worker->listeners[i].fd >= 0)
			sys_close(worker->listeners[i].fd);
	}
	sys_close(worker->pipe_fds[0]);
	sys_close(worker->pipe_fds[1]);
	if (worker->mirrors.possible)
		mirrors_close(&worker->mirrors);
	spill_pool_fini(&worker->spill);
	slab_fini(&worker->sessions);
	gate_close(&worker->gate);
	free(worker->told);
	free(worker->hellos);
	free(worker->originals);
	free(worker->listeners);
	free(worker->cursors);
	free(worker->lines);
	free(worker->buffer_links);
	free(worker->buffer_sizes);
	free(worker->iov);
	free(worker->sent);
	free(worker->places);
}

void worker_listen(struct worker *worker)
{
	listener_arm_all(worker);
	health_start(worker);
}

void worker_tell(struct worker *worker, const struct record *record)
{
	if (worker->events && !record_push(worker->events, record))
		counter_add(worker->counters, COUNTER_LOG_DROPPED, 1);
}

const struct config_relay *worker_relay(const struct worker *worker, const struct session *session)
{
	return &worker->plan->config->relays[worker->plan->listeners[session->listener].relay];
}

const struct endpoint *worker_backend(const struct worker *worker, const struct session *session)
{
	const struct plan *plan = worker->plan;
	return &plan->config->pools[plan->routes[session->route].pool].backends[session->backend].endpoint;
}

void worker_return_buffer(struct worker *worker, uint16_t buffer)
{
	ring_buffer_return(worker->ring, buffer);
	worker->returned++;
}

/* ---- commands ---- */

/* end_all - abort every session for @cause; an accept that is still being cancelled brings no new ones */
static void end_all(struct worker *worker, enum cause cause)
{
	worker->stopping = true;
	uint32_t index = 0;
	for (struct session *session; (session = slab_next(&worker->sessions, &index));)
		session_abort(worker, session, cause);
}

void worker_drain(struct worker *worker, uint64_t deadline_ms)
{
	worker->draining = true;
	listener_drain_all(worker, deadline_ms);
	timer_arm(&worker->wheel, &worker->drain_timer, deadline_ms);
}

void worker_stop(struct worker *worker)
{
	worker->draining = true;
	listener_close_all(worker);
	end_all(worker, CAUSE_DRAINED);
}

static bool listeners_closed(const struct worker *worker)
{
	for (uint32_t i = 0; i < worker->plan->listener_count; i++) {
		if (worker->listeners[i].fd >= 0)
			return false;
	}
	return true;
}

bool worker_done(const struct worker *worker)
{
	return worker->draining && worker->sessions.used == 0 && worker->mirrors.slab.used == 0 &&
	       listeners_closed(worker);
}

static void obey(struct worker *worker)
{
	struct message message;
	mailbox_silence(worker->mailbox);
	while (mailbox_take(worker->mailbox, &message)) {
		switch (message.type) {
		case WORKER_DRAIN:
			worker_drain(worker, message.value);
			break;
		case WORKER_STOP:
			worker_stop(worker);
			break;
		case WORKER_INSPECT:
			inspect_fill(worker, (struct inspect_slice *)(uintptr_t)message.value);
			break;
		case WORKER_ECHO:
			atomic_store_explicit(&worker->shared->threads[worker->number].echo, (uint32_t)message.value,
					      memory_order_release);
			break;
		case WORKER_PAUSE:
			worker_pause(worker, (const struct handover *)(uintptr_t)message.value);
			break;
		case WORKER_RELEASE:
			listener_release_leftovers(worker);
			break;
		case WORKER_SERVE:
			break; /* below: one may have found no place in the mailbox */
		default:
			CHECK(!"a command of worker.h");
		}
	}
	worker->serves |= atomic_exchange(&worker->shared->threads[worker->number].called, false);
}

/* ---- the turn ---- */

static void complete_session(struct worker *worker, struct tag tag, const struct completion *completion)
{
	struct session *session = slab_find(&worker->sessions, tag.index, tag.generation);
	if (session)
		session_completed(worker, session, tag, completion);
	else if (completion->flags & COMPLETION_BUFFER)
		worker_return_buffer(worker, completion->buffer);
}

/* poll_again - a multishot poll of the thread's own can end, as after an overflow of the completion queue */
static void poll_again(struct worker *worker, int fd, const struct completion *completion)
{
	if (!(completion->flags & COMPLETION_MORE))
		ring_poll_edges(worker->ring, fd, POLLIN, completion->tag);
}

static void note_received(struct worker *worker)
{
	worker->received_ms = worker->now_ms;
	if (!timer_armed(&worker->quiet_timer))
		timer_arm(&worker->wheel, &worker->quiet_timer, worker->now_ms + RELEASE_AFTER_MS);
}

static void complete(void *ctx, const struct completion *completion)
{
	struct worker *worker = ctx;
	struct tag tag = tag_unpack(completion->tag);
	if (!worker->clock_set) {
		set_clock(worker);
		worker->clock_set = true;
	}
	if (completion->flags & COMPLETION_BUFFER)
		note_received(worker);
	switch (tag.kind) {
	case TAG_KIND_ACCEPT:
		listener_completed(worker, worker->places[tag.index], completion);
		break;
	case TAG_KIND_SOCKETS:
		sockets_received(worker);
		poll_again(worker, worker->sockets.source->fd, completion);
		break;
	case TAG_KIND_MIRROR_POLL:
	case TAG_KIND_MIRROR_SEND:
		mirror_completed(worker, tag, completion);
		break;
	case TAG_KIND_HEALTH:
		health_completed(worker, tag.index, completion);
		break;
	case TAG_KIND_MAILBOX:
		obey(worker);
		poll_again(worker, worker->mailbox->doorbell_fd, completion);
		break;
	default:
		complete_session(worker, tag, completion);
	}
}

/* quiet_fired - nothing was received since the timer was armed, or it is armed again */
static void quiet_fired(struct worker *worker)
{
	uint64_t due_ms = worker->received_ms + RELEASE_AFTER_MS;
	if (worker->now_ms < due_ms || ring_buffers_loaned(worker->ring) > 0)
		timer_arm(&worker->wheel, &worker->quiet_timer, due_ms);
	else
		ring_buffers_release(worker->ring);
}

static void fire(void *ctx, struct timer *timer)
{
	struct worker *worker = ctx;
	if (timer == &worker->accept_timer && worker->draining)
		listener_close_all(worker);
	else if (timer == &worker->accept_timer)
		listener_retry(worker);
	else if (timer == &worker->gate.timer)
		gate_timer_fired(worker);
	else if (timer == &worker->ask_timer)
		sockets_ask_again(&worker->sockets);
	else if (timer == &worker->drain_timer)
		end_all(worker, CAUSE_DRAINED);
	else if (timer == &worker->leave_timer)
		listener_close_leftovers(worker);
	else if (timer == &worker->leftover_timer)
		worker_leftovers_fired(worker);
	else if (timer == &worker->quiet_timer)
		quiet_fired(worker);
	else if (timer == &worker->mirrors.timer)
		mirrors_fired(worker);
	else if (health_owns(&worker->health, timer))
		health_timer_fired(worker, timer);
	else if (ejected_owns(&worker->ejected, timer))
		ejection_timer_fired(worker, timer);
	else
		session_timer_fired(worker, LIST_ENTRY(timer, struct session, timer));
}

/* run_work - each flow once; what is scheduled meanwhile has its turn in the next turn */
static void run_work(struct worker *worker)
{
	struct list work;
	list_init(&work);
	list_move_all(&work, &worker->work);
	for (struct list *link; (link = list_shift(&work));) {
		struct flow *flow = LIST_ENTRY(link, struct flow, work);
		flow_run(worker, session_of(flow), flow->side);
	}
}

static void starve(struct worker *worker, struct flow *flow, struct list *list)
{
	counter_add(worker->counters, COUNTER_STARVED, 1);
	list_remove(&flow->work);
	list_append(list, &flow->work);
}

void worker_want_spill(struct worker *worker, struct flow *flow)
{
	starve(worker, flow, &worker->want_spill);
}

void worker_want_buffer(struct worker *worker, struct flow *flow)
{
	starve(worker, flow, &worker->want_buffers);
}

/*
 * feed_buffers - let one flow receive again for each buffer that came back since the last time
 * Were all to try, most would only find out that there is none, turn by turn.
 */
static void feed_buffers(struct worker *worker)
{
	bool all = worker->returned == 0 && ring_buffers_loaned(worker->ring) == 0;
	uint32_t count = all ? UINT32_MAX : worker->returned;
	worker->returned = 0;
	while (count-- > 0 && !list_empty(&worker->want_buffers))
		list_append(&worker->work, list_shift(&worker->want_buffers));
}

static void feed_spill(struct worker *worker)
{
	if (spill_pool_free_bytes(&worker->spill) > 0)
		list_move_all(&worker->work, &worker->want_spill);
}

/* return_sent - what the last turn submitted has been sent, or its rest was kept by lane_interactive_cut_short() */
static void return_sent(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->sent_count; i++)
		worker_return_buffer(worker, worker->sent[i]);
	worker->sent_count = worker->iov_used = 0;
	CHECK(ring_buffers_loaned(worker->ring) <= LIMIT_BUFFER_COUNT);
}

static uint64_t wake_ns(const struct worker *worker)
{
	/* Buffers that are on loan come back after the next submission, which no completion need follow. */
	if (worker->busy || worker->serves || gate_has_work(&worker->gate) || !list_empty(&worker->work) ||
	    !list_empty(&worker->want_buffers))
		return 0;
	uint64_t at_ms = wheel_next_ms(&worker->wheel);
	return at_ms == UINT64_MAX ? UINT64_MAX : at_ms * 1000000;
}

/* ask_later - a source that refuses requests is busy with others: its queue empties in far less than this */
static void ask_later(struct worker *worker)
{
	enum { ASK_AGAIN_MS = 10 };
	if (worker->sockets.refused && !timer_armed(&worker->ask_timer))
		timer_arm(&worker->wheel, &worker->ask_timer, worker->now_ms + ASK_AGAIN_MS);
}

int worker_turn(struct worker *worker)
{
	worker->turn++;
	worker->clock_set = false;
	int rc = ring_turn(worker->ring, wake_ns(worker), complete, worker);
	return_sent(worker);
	if (!worker->clock_set)
		set_clock(worker);
	wheel_advance(&worker->wheel, worker->now_ms, fire, worker);
	feed_buffers(worker);
	run_work(worker);
	feed_spill(worker);
	ask_later(worker);
	gate_turn(worker);
	if (worker->serves)
		queue_serve(worker);
	worker->busy = sessions_finish(worker);
	if (worker->mirrors.slab.used)
		mirrors_turn(worker);
	return rc;
}
