/* SPDX-License-Identifier: Apache-2.0 */
/* Another configuration for a relay that runs: relay/handover.h, from the control thread's side. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "io/sys.h"
#include "relay/change.h"
#include "relay/events.h"
#include "relay/process_private.h"

/* ---- standing still ---- */

void relay_stand(struct thread *thread)
{
	struct relay *relay = thread->relay;
	if (!thread->worker.pausing || !worker_stands(&thread->worker))
		return;
	atomic_fetch_add(&relay->standing, 1);
	relay_ring(relay);
	relay_wait(&thread->resumed);
	worker_go_on(&thread->worker);
}

static void pause_all(struct relay *relay, struct handover *handover)
{
	struct message message = {.type = WORKER_PAUSE, .value = (uintptr_t)handover};
	atomic_store(&relay->standing, 0);
	for (uint32_t i = 0; i < relay->thread_count; i++) {
		while (!mailbox_post(&relay->threads[i].mailbox, message))
			poll(NULL, 0, 1); /* it is full of commands, and emptied each turn */
	}
	/* A thread whose ring has failed ends, and stands for good. */
	struct pollfd bell = {.fd = relay->doorbell_fd, .events = POLLIN};
	while (atomic_load(&relay->standing) + atomic_load(&relay->ended) < relay->thread_count) {
		uint64_t count;
		poll(&bell, 1, -1);
		ssize_t n = read(relay->doorbell_fd, &count, sizeof(count));
		(void)n;
	}
}

static void resume_all(struct relay *relay)
{
	for (uint32_t i = 0; i < relay->thread_count; i++)
		sem_post(&relay->threads[i].resumed);
}

/* ---- carrying it out ---- */

static void translate_record(struct record *record, const struct handover *handover)
{
	_Static_assert((uint32_t)RECORD_NO_BACKEND == (uint32_t)SUCCESSION_NONE, "one for both");
	uint32_t *listener = record->kind == RECORD_CLOSED ? &record->listener : NULL;
	bool there = handover_translate(handover, listener, &record->route, &record->backend);
	/* What was used when the last change came, as connections were, is in the new plan. */
	CHECK(there || record->kind != RECORD_CLOSED);
	if (!there)
		record->kind = RECORD_NOTHING;
}

/* translate_records - those that wait for the log; the relay threads, which write them, stand still */
static void translate_records(struct relay *relay, const struct handover *handover)
{
	for (uint32_t i = 0; i < relay->thread_count; i++) {
		struct record_queue *queue = &relay->threads[i].records;
		uint32_t head = atomic_load_explicit(&queue->head, memory_order_acquire);
		for (uint32_t at = atomic_load_explicit(&queue->tail, memory_order_relaxed); at != head; at++)
			translate_record(&queue->records[at % LIMIT_RECORDS], handover);
	}
}

/* fit_limits - memory was made for so many connections when the threads began */
static void fit_limits(const struct relay *relay, struct limits *limits)
{
	uint32_t most = relay->threads[0].worker.sessions.capacity - LIMIT_ACCEPT_SLACK;
	limits->connections = limits->connections < most ? limits->connections : most;
}

static int read_generation(const struct relay *relay, const struct change *change, struct generation *ret)
{
	ret->limits = change->limits;
	fit_limits(relay, &ret->limits);
	int rc = relay->process->load(change->text, change->text_size, &ret->config);
	for (uint32_t i = 0; rc == 0 && i < change->enrolled_count; i++)
		rc = config_add_enrolled(&ret->config, &change->enrolled[i]);
	if (rc < 0)
		return rc;
	return plan_count_listeners(&ret->config) == change->listener_count ? 0 : -EPROTO; /* as many flags have to be there */
}

static struct handover *new_handover(struct relay *relay)
{
	struct handover *handover = calloc(1, sizeof(*handover));
	if (!handover)
		return NULL;
	handover->before = relay->plan;
	handover->usage = relay->usage;
	handover->thread_count = relay->thread_count;
	for (uint32_t i = 0; i < relay->thread_count; i++)
		handover->workers[i] = &relay->threads[i].worker;
	return handover;
}

/* become - the relay works by @next from now on; the old generation is left to the caller */
static void become(struct relay *relay, struct generation *next)
{
	relay->generation = next;
	relay->plan = &next->plan;
	relay->usage = &next->usage;
	relay->inspect.plan = &next->plan;
	relay->inspect.limits = &next->limits;
	relay->inspect.changes++;
}

/* exchange - while all threads stand still */
static void exchange(struct relay *relay, struct handover *handover, const struct change *change)
{
	translate_records(relay, handover);
	inspect_translate(&relay->inspect, handover);
	handover_commit(handover, change->fresh, relay->incoming.sockets);
	relay->incoming.count = 0; /* they are the threads' own now */
	become(relay, handover->next);
}

static void tell_listener(struct relay *relay, enum event_kind kind, const struct plan *plan,
                          uint32_t listener)
{
	const struct plan_listener *told = &plan->listeners[listener];
	struct event event = {.kind = (uint8_t)kind};
	memcpy(event.relay, plan->config->relays[told->relay].name, sizeof(event.relay));
	endpoint_format(told->endpoint, event.endpoint, sizeof(event.endpoint));
	events_add(&relay->events, &event);
}

/* tell - whoever watches what has changed. Leftovers are told as removed. */
static void tell(struct relay *relay, const struct handover *handover, const struct change *change)
{
	const struct plan *before = handover->before, *next = &handover->next->plan;
	for (uint32_t i = 0; i < before->listener_count; i++) {
		uint32_t heir = handover->map.listeners[i];
		if (!before->listeners[i].leftover &&
		    (heir == SUCCESSION_NONE || next->listeners[heir].leftover))
			tell_listener(relay, EVENT_LISTENER_REMOVED, before, i);
	}
	for (uint32_t i = 0; i < next->listener_count && !next->listeners[i].leftover; i++)
		if (change->fresh[i])
			tell_listener(relay, EVENT_LISTENER_ADDED, next, i);
	if (!change->is_enrolment)
		events_add(&relay->events, &(struct event){.kind = EVENT_RELOADED});
}

static int hand_over(struct relay *relay, struct handover *handover, const struct change *change)
{
	struct generation *old = relay->generation;
	inspect_lock(&relay->inspect);
	pause_all(relay, handover);
	/* One whose ring has failed takes the others with it, and has freed what would be exchanged. */
	bool whole = atomic_load(&relay->ended) == 0;
	if (whole)
		exchange(relay, handover, change);
	resume_all(relay);
	inspect_unlock(&relay->inspect);
	if (!whole)
		return -ESHUTDOWN;
	tell(relay, handover, change);
	if (old)
		generation_fini(old);
	free(old);
	return 0;
}

static int carry_out(struct relay *relay, const struct change *change)
{
	struct err err = ERR_INIT;
	struct handover *handover = new_handover(relay);
	struct generation *next = calloc(1, sizeof(*next));
	int rc = handover && next ? read_generation(relay, change, next) : -ENOMEM;
	if (rc < 0)
		goto fail;
	handover->numbers = change->numbers;
	handover->number_count = change->target_count;
	rc = handover_prepare(handover, next, change->fresh, sys_now_ns() / 1000000, &err);
	if (rc < 0)
		goto fail;
	rc = hand_over(relay, handover, change);
	handover_fini(handover);
	if (rc < 0)
		goto fail;
	free(handover);
	return 0;
fail:
	if (next)
		generation_fini(next);
	free(next);
	free(handover);
	return rc;
}

static int carry_out_incoming(struct relay *relay)
{
	const struct incoming *incoming = &relay->incoming;
	struct change change;
	void *memory;
	if (relay->ending || atomic_load(&relay->ended) > 0)
		return -ESHUTDOWN;
	if (incoming->broken)
		return -EMFILE;
	int rc = change_read(incoming->file_fd, &change, &memory);
	if (rc < 0)
		return rc;
	bool whole = incoming->count == change_fresh_count(&change) * relay->thread_count;
	rc = whole ? carry_out(relay, &change) : -EPROTO;
	free(memory);
	return rc;
}

/* ---- its arrival ---- */

void incoming_forget(struct relay *relay)
{
	struct incoming *incoming = &relay->incoming;
	for (uint32_t i = 0; i < incoming->count; i++)
		close(incoming->sockets[i]);
	if (incoming->file_fd >= 0)
		close(incoming->file_fd);
	free(incoming->sockets);
	*incoming = (struct incoming){.file_fd = -1};
}

/* look - is all here? */
static void look(struct relay *relay)
{
	if (relay->incoming.file_fd < 0 || relay->incoming.count < relay->incoming.size)
		return;
	int rc = carry_out_incoming(relay);
	incoming_forget(relay);
	relay_tell(relay, CONTROL_CHANGED, (uint64_t)-rc);
}

void incoming_begin(struct relay *relay, uint64_t sockets, const int *fds, uint32_t count)
{
	struct incoming *incoming = &relay->incoming;
	incoming_forget(relay);
	incoming->file_fd = count > 0 ? fds[0] : -1;
	incoming->sockets = calloc(sockets + 1, sizeof(int));
	if (incoming->file_fd < 0 || !incoming->sockets) {
		incoming_forget(relay);
		relay_tell(relay, CONTROL_CHANGED, EMFILE);
		return;
	}
	incoming->size = (uint32_t)sockets;
	look(relay);
}

void incoming_add(struct relay *relay, uint64_t announced, const int *fds, uint32_t count)
{
	struct incoming *incoming = &relay->incoming;
	bool expected = incoming->file_fd >= 0 && count <= incoming->size - incoming->count;
	for (uint32_t i = 0; i < count; i++) {
		if (expected)
			incoming->sockets[incoming->count++] = fds[i];
		else
			close(fds[i]);
	}
	if (count < announced && expected) { /* no descriptors left: the kernel closes what does not fit */
		incoming->broken = true;
		incoming->size -= (uint32_t)announced - count;
	}
	look(relay);
}
