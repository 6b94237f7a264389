/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/session.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "base/sm.h"
#include "io/errno_table.h"
#include "io/sys.h"
#include "relay/admission/admission.h"
#include "relay/admission/gate.h"
#include "relay/ahead.h"
#include "relay/flow.h"
#include "relay/greeting.h"
#include "relay/hello.h"
#include "relay/mirror/mirror.h"
#include "relay/preread.h"
#include "relay/probes.h"
#include "relay/worker.h"

_Static_assert(offsetof(struct session, flows) == 0, "session_of() counts on it");

enum {
	/* A flow that brought nothing for so long gives up its receive operation (1.6 KiB) for a poll (0.5 KiB). */
	PARK_AFTER_MS = 2000,
	/* How long a RST waits for a receiver that has not taken what came before it. */
	RESET_PATIENCE_MS = 5000,
	RESET_RETRY_MIN_MS = 1,
	RESET_RETRY_MAX_MS = 64,
};

static const struct sm_state states[SESSION_STATE_COUNT] = {
	[SESSION_WAITING] = {"waiting", SM_BIT(SESSION_CONNECTING) | SM_BIT(SESSION_OPEN) | SM_BIT(SESSION_CLOSING) |
						SM_BIT(SESSION_WAITING) | SM_BIT(SESSION_QUEUED) | SM_BIT(SESSION_PENDING) |
						SM_BIT(SESSION_PREREAD) | SM_BIT(SESSION_HELLO)},
	[SESSION_HELLO] = {"hello", SM_BIT(SESSION_WAITING) | SM_BIT(SESSION_CLOSING)},
	[SESSION_PREREAD] = {"preread", SM_BIT(SESSION_WAITING) | SM_BIT(SESSION_CLOSING)},
	[SESSION_PENDING] = {"pending", SM_BIT(SESSION_WAITING) | SM_BIT(SESSION_CLOSING)},
	[SESSION_QUEUED] = {"queued", SM_BIT(SESSION_WAITING) | SM_BIT(SESSION_CLOSING)},
	[SESSION_CONNECTING] = {"connecting",
				SM_BIT(SESSION_OPEN) | SM_BIT(SESSION_WAITING) | SM_BIT(SESSION_CLOSING)},
	[SESSION_OPEN] = {"open", SM_BIT(SESSION_RESETTING) | SM_BIT(SESSION_CLOSING)},
	[SESSION_RESETTING] = {"resetting", SM_BIT(SESSION_CLOSING)},
	[SESSION_CLOSING] = {"closing", 0},
};

static const struct sm machine = {"session", states, SESSION_STATE_COUNT};

void session_set_state(struct session *session, enum session_state state)
{
	sm_move(&machine, session, &session->state, (uint8_t)state);
}

uint64_t session_tag(const struct worker *worker, const struct session *session, uint8_t kind, enum side side)
{
	return tag_pack((struct tag){
		.kind = kind,
		.side = (uint8_t)side,
		.generation = slab_generation(session),
		.index = slab_index(&worker->sessions, session),
	});
}

/* ---- opening ---- */

static void note_peer(struct session *session)
{
	struct sockaddr_storage addr = {0};
	if (sys_peer(session->fds[SIDE_CLIENT], &addr) < 0)
		return;
	peer_set(&session->peer, (const struct sockaddr *)&addr);
}

static void session_init(struct worker *worker, struct session *session, uint32_t listener, int fd)
{
	flow_init(&session->flows[SIDE_CLIENT], SIDE_CLIENT);
	flow_init(&session->flows[SIDE_SERVER], SIDE_SERVER);
	timer_init(&session->timer);
	list_init(&session->link);
	session->fds[SIDE_CLIENT] = fd;
	session->fds[SIDE_SERVER] = -1;
	session->listener = listener;
	session->route = worker->plan->listeners[listener].relay; /* its relay's own pool */
	session->source = SOURCES_NONE;
	session->accepted_ns = worker->now_ns;
	session->active_ms = worker->now_ms;
}

/* wants_peer - does anybody have to know the client's address? */
static bool wants_peer(const struct worker *worker, const struct session *session)
{
	return (worker->records && log_enabled(LOG_LEVEL_INFO)) || config_relay_accepts_proxy(worker_relay(worker, session)) ||
	       greeting_wanted(worker, session) || admission_wants_peer(worker, session) ||
	       upstream_wants_peer(worker, session) || hello_wanted(worker, session) ||
	       mirror_wants_peer(worker, session) || original_wants_peer(worker, session);
}

void session_accept(struct worker *worker, uint32_t listener, int fd)
{
	counter_add(worker->counters, COUNTER_ACCEPTED, 1);
	struct session *session = worker->stopping ? NULL : slab_take(&worker->sessions);
	if (!session) {
		enum cause cause = worker->stopping ? CAUSE_DRAINED : CAUSE_RESOURCE_LIMIT;
		counter_add(worker->counters, COUNTER_CLOSED + cause, 1);
		tally_turned_away(worker, listener, cause);
		sys_close_reset(fd);
		return;
	}
	atomic_fetch_add_explicit(&worker->shared->connections, 1, memory_order_relaxed);
	session_init(worker, session, listener, fd);
	bandwidth_begin(&worker->shared->bandwidth, session);
	tally_accepted(worker, session);
	PROBE(accept, session, worker_relay(worker, session)->name, listener, fd);
	if (wants_peer(worker, session))
		note_peer(session);
	if (original_find(worker, session))
		preread_begin(worker, session);
	else
		session_abort(worker, session, CAUSE_NOT_INTERCEPTED);
}

/* take_route - by its destination, as original_route() has it; the pool may choose by the client's address */
static uint32_t take_route(const struct worker *worker, struct session *session)
{
	uint32_t route = original_route(worker, session);
	bool is_taken = route != PLAN_NO_ROUTE && route != PLAN_REFUSED;
	if (is_taken && session->peer.family == AF_UNSPEC && upstream_wants_peer(worker, session))
		note_peer(session);
	return route;
}

void session_admitted(struct worker *worker, struct session *session)
{
	uint32_t route = take_route(worker, session);
	if (route == PLAN_REFUSED) {
		session_abort(worker, session, CAUSE_DESTINATION_REFUSED);
		return;
	}
	if (!session->greeted && greeting_wanted(worker, session) && !greeting_put(worker, session)) {
		session_abort(worker, session, CAUSE_RESOURCE_LIMIT);
		return;
	}
	int rc = ahead_begin(worker, session);
	if (rc < 0)
		session_lost_client(worker, session, rc);
	else if (route == PLAN_NO_ROUTE && hello_wanted(worker, session))
		hello_begin(worker, session);
	else
		upstream_begin(worker, session);
}

/* expects_answer - the client has spoken, so the server will: receive at once instead of parking first */
static bool expects_answer(const struct session *session)
{
	return !spill_empty(&session->flows[SIDE_CLIENT].residue);
}

/* earlier - the smaller of two deadlines, where 0 is none */
static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

/* half_closed - has exactly one direction ended? */
static bool half_closed(const struct session *session)
{
	return (session->flows[SIDE_CLIENT].state == FLOW_ENDED) != (session->flows[SIDE_SERVER].state == FLOW_ENDED);
}

/* silent_since - a session that waits for its share of the bandwidth is not silent */
static uint64_t silent_since(const struct worker *worker, const struct session *session)
{
	bool throttled = (session->flows[SIDE_CLIENT].resume_ms | session->flows[SIDE_SERVER].resume_ms) != 0;
	return throttled ? worker->now_ms : session->active_ms;
}

/* last_deadline - when an open session ends if nothing happens any more, and why; 0: never */
static uint64_t last_deadline(const struct worker *worker, const struct session *session, enum cause *ret_cause)
{
	const struct config_timeouts *timeouts = &worker_relay(worker, session)->timeouts;
	uint64_t since = silent_since(worker, session), idle = timeouts->idle_ms ? since + timeouts->idle_ms : 0;
	uint64_t half = 0;
	if (session->give_up_ms) { /* a side is gone */
		*ret_cause = session->cause;
		return session->give_up_ms;
	}
	if (half_closed(session) && timeouts->half_close_ms)
		half = since + timeouts->half_close_ms;
	uint64_t at = earlier(idle, half);
	*ret_cause = at == half ? CAUSE_HALF_CLOSE_TIMEOUT : CAUSE_IDLE_TIMEOUT;
	return at;
}

static uint64_t deadline_open(const struct worker *worker, const struct session *session)
{
	enum cause cause;
	uint64_t active = session->active_ms, at = last_deadline(worker, session, &cause);
	for (int i = 0; i < SIDE_COUNT; i++) {
		const struct flow *flow = &session->flows[i];
		if (flow_wants_watch(worker, flow) && !(flow->armed & FLOW_OP_WATCH))
			at = earlier(at, worker->now_ms + FLOW_WATCH_AFTER_MS);
		if (flow->resume_ms)
			at = earlier(at, flow->resume_ms);
		if (flow->state == FLOW_RECV)
			at = earlier(at, active + PARK_AFTER_MS > worker->now_ms ? active + PARK_AFTER_MS
										: worker->now_ms + PARK_AFTER_MS);
	}
	return at;
}

void session_arm_timer(struct worker *worker, struct session *session)
{
	uint64_t at = session->give_up_ms;
	if (session->state == SESSION_OPEN)
		at = deadline_open(worker, session);
	else if (session->state == SESSION_RESETTING)
		at = worker->now_ms + session->retry_ms;
	if (at)
		timer_arm(&worker->wheel, &session->timer, at);
	else
		timer_disarm(&worker->wheel, &session->timer);
}

void session_open(struct worker *worker, struct session *session)
{
	session_set_state(session, SESSION_OPEN);
	counter_add(worker->counters, COUNTER_CONNECTED, 1);
	session->connect_us = 1 + (uint32_t)((sys_now_ns() - session->accepted_ns) / 1000); /* rounded up: never 0 */
	tally_connected(worker, session);
	PROBE(connect, session, session->backend, session->connect_us, session->backends_tried);
	session->active_ms = worker->now_ms;
	session->give_up_ms = 0;
	bool spoken = expects_answer(session);
	if (config_relay_mirrors(worker_relay(worker, session)))
		mirror_begin(worker, session);
	flow_start(worker, session, SIDE_CLIENT, spoken);
	flow_start(worker, session, SIDE_SERVER, spoken);
	session_arm_timer(worker, session);
}

void session_moved(const struct worker *worker, struct session *session, enum side source)
{
	session->active_ms = worker->now_ms;
	session->last_mover = (uint8_t)source;
}

void session_socket_ready(struct worker *worker, struct session *session, int fd)
{
	if (fd < 0)
		upstream_without_socket(worker, session, fd);
	else
		upstream_connect(worker, session, fd);
}

/* ---- closing ---- */

static bool nothing_armed(const struct session *session)
{
	return (session->flows[SIDE_CLIENT].armed | session->flows[SIDE_SERVER].armed) == 0;
}

/* close_session - no way back: cancel what is armed; the rest happens in sessions_finish() */
static void close_session(struct worker *worker, struct session *session)
{
	session_set_state(session, SESSION_CLOSING);
	timer_disarm(&worker->wheel, &session->timer);
	for (int i = 0; i < SIDE_COUNT; i++) {
		flow_discard(worker, &session->flows[i]);
		flow_cancel_all(worker, session, (enum side)i);
	}
	list_remove(&session->link);
	list_append(&worker->closing, &session->link);
}

void session_abort(struct worker *worker, struct session *session, enum cause cause)
{
	if (session->state == SESSION_CLOSING)
		return;
	session->cause = (uint8_t)cause;
	session->reset[SIDE_CLIENT] = session->reset[SIDE_SERVER] = true;
	if (session->state == SESSION_WAITING || session->state == SESSION_QUEUED)
		upstream_forget(worker, session);
	close_session(worker, session);
}

void session_lost_client(struct worker *worker, struct session *session, int error)
{
	bool lost = io_outcome(IO_OP_RECV, error) == IO_TIMED_OUT;
	session_abort(worker, session, lost ? CAUSE_CLIENT_LOST : CAUSE_CLIENT_RESET);
}

/* try_reset - pass the RST on if everything that came before it has arrived, or patience is over */
static void try_reset(struct worker *worker, struct session *session)
{
	enum side gone = session->broken[SIDE_CLIENT] ? SIDE_CLIENT : SIDE_SERVER, other = side_other(gone);
	/* A socket that was reset itself stays at what it had not sent. */
	bool deaf = session->broken[other] || sys_socket_error(session->fds[other]) < 0;
	bool pending = !deaf && sys_unsent(session->fds[other]) > 0;
	if (pending && worker->now_ms < session->give_up_ms) {
		session_arm_timer(worker, session);
		if (session->retry_ms < RESET_RETRY_MAX_MS)
			session->retry_ms *= 2;
		return;
	}
	session->reset[other] = true;
	close_session(worker, session);
}

/* begin_reset - what a side sent before it broke has been passed on, as far as that was possible */
static void begin_reset(struct worker *worker, struct session *session)
{
	session_set_state(session, SESSION_RESETTING);
	session->retry_ms = RESET_RETRY_MIN_MS;
	for (int i = 0; i < SIDE_COUNT; i++) {
		flow_discard(worker, &session->flows[i]);
		flow_cancel_all(worker, session, (enum side)i);
	}
	try_reset(worker, session);
}

void session_broken(struct worker *worker, struct session *session, enum side side, int result)
{
	if (result == -ENOBUFS) { /* own memory ran out, not the peer */
		session_abort(worker, session, CAUSE_RESOURCE_LIMIT);
		return;
	}
	if (session->state != SESSION_OPEN || session->broken[side])
		return;
	static const enum cause causes[][SIDE_COUNT] = {
		[BROKEN_RESET] = {CAUSE_CLIENT_RESET, CAUSE_SERVER_RESET},
		[BROKEN_LOST] = {CAUSE_CLIENT_LOST, CAUSE_SERVER_LOST},
	};
	bool lost = io_outcome(IO_OP_RECV, result) == IO_TIMED_OUT;
	session->broken[side] = lost ? BROKEN_LOST : BROKEN_RESET;
	if (!session->broken[side_other(side)]) /* the first to break is the cause */
		session->cause = (uint8_t)causes[session->broken[side]][side];
	session->give_up_ms = worker->now_ms + RESET_PATIENCE_MS;
	if (session->flows[side].state == FLOW_ENDED) {
		begin_reset(worker, session);
		return;
	}
	session->flows[side].readable = true;
	flow_schedule(worker, &session->flows[side]);
	flow_schedule(worker, &session->flows[side_other(side)]);
	session_arm_timer(worker, session);
}

/* close_cleanly - both streams have ended and nothing is held: plain closes, which send the last FIN by themselves */
static void close_cleanly(struct worker *worker, struct session *session)
{
	bool client_first = session->first_ended == SIDE_CLIENT + 1;
	session->cause = client_first ? CAUSE_CLIENT_CLOSED : CAUSE_SERVER_CLOSED;
	close_session(worker, session);
}

void session_flow_ended(struct worker *worker, struct session *session, enum side source)
{
	if (session->broken[source]) {
		begin_reset(worker, session);
		return;
	}
	if (session->mirror)
		mirror_flow_ended(worker, session, source);
	if (!session->first_ended)
		session->first_ended = (uint8_t)(source + 1);
	struct flow *other = &session->flows[side_other(source)];
	if (other->state == FLOW_ENDED) {
		close_cleanly(worker, session);
		return;
	}
	/* Nothing to shut down when the peer has gone meanwhile: reading from it will say so. */
	if (sys_shutdown_write(session->fds[side_other(source)]) == 0)
		session->flows[source].fin_sent = true;
	session->active_ms = worker->now_ms;
	session_arm_timer(worker, session);
}

static void push_record(struct worker *worker, const struct session *session, const struct mirror_sums *mirror)
{
	struct record record = {
		.listener = session->listener,
		.route = session->route,
		.backend = session->backends_tried ? session->backend : RECORD_NO_BACKEND,
		.duration_us = (worker->now_ns - session->accepted_ns) / 1000,
		.connect_us = session->connect_us,
		.cause = session->cause,
		.peer = session->peer,
		.mirror = *mirror,
	};
	const struct preread_told *told = preread_told(worker, session);
	if (told)
		record.via = told->via;
	if (original_of(worker, session))
		record.original = *original_of(worker, session);
	for (int i = 0; i < SIDE_COUNT; i++) {
		record.bytes[i] = session->flows[i].bytes;
		record.spliced[i] = session->flows[i].spliced;
	}
	if (!record_push(worker->records, &record))
		counter_add(worker->counters, COUNTER_LOG_DROPPED, 1);
}

static void close_side(struct session *session, enum side side)
{
	if (session->fds[side] < 0)
		return;
	if (session->reset[side])
		sys_close_reset(session->fds[side]);
	else
		sys_close(session->fds[side]);
}

/* ended_well - both streams were passed on to their ends */
static bool ended_well(const struct session *session)
{
	return session->cause == CAUSE_CLIENT_CLOSED || session->cause == CAUSE_SERVER_CLOSED;
}

static void finish(struct worker *worker, struct session *session)
{
	struct mirror_sums mirror = {0};
	if (session->mirror)
		mirror = mirror_end(worker, session);
	close_side(session, SIDE_CLIENT);
	if (!ended_well(session) || !upstream_recycle(worker, session))
		close_side(session, SIDE_SERVER);
	upstream_leave(worker, session);
	for (int i = 0; i < SIDE_COUNT; i++) { /* before it gives up its source, whose limit it may be under */
		if (session->flows[i].limits)
			bandwidth_leave(worker, session, (enum side)i);
	}
	gate_leave(worker, session);
	if (session->backends_tried)
		ejection_note_end(worker, session);
	/* First counted, then told: who has read the record finds it counted. */
	counter_add(worker->counters, COUNTER_CLOSED + session->cause, 1);
	tally_closed(worker, session);
	PROBE(close, session, cause_name((enum cause)session->cause), session->flows[SIDE_CLIENT].bytes,
	      session->flows[SIDE_SERVER].bytes);
	if (worker->records && (log_enabled(LOG_LEVEL_INFO) || cause_is_limit(session->cause)))
		push_record(worker, session, &mirror);
	atomic_fetch_sub_explicit(&worker->shared->connections, 1, memory_order_relaxed);
	list_remove(&session->link);
	slab_give(&worker->sessions, session);
}

bool sessions_finish(struct worker *worker)
{
	bool more = false;
	for (struct list *link = worker->closing.next, *next; link != &worker->closing; link = next) {
		next = link->next;
		struct session *session = LIST_ENTRY(link, struct session, link);
		if (!nothing_armed(session))
			continue;
		/* A queued operation names its file by number: that number must not be free before it is submitted. */
		if (session->queued_turn == worker->turn)
			more = true;
		else
			finish(worker, session);
	}
	return more;
}

/* ---- events ---- */

/* client_stirred - a client that waits to be let in, or in a queue, has reset its connection, or only ended its own stream */
static void client_stirred(struct worker *worker, struct session *session)
{
	int error = sys_socket_error(session->fds[SIDE_CLIENT]);
	if (error < 0)
		session_lost_client(worker, session, error);
	else
		flow_watch(worker, session, SIDE_CLIENT); /* if it has ended */
}

/* is_waited_with - it is not read from, and goes on when there is room */
static bool is_waited_with(const struct session *session)
{
	return session->state == SESSION_QUEUED || session->state == SESSION_PENDING;
}

void session_completed(struct worker *worker, struct session *session, struct tag tag,
		       const struct completion *completion)
{
	bool connecting = session->state == SESSION_CONNECTING;
	flow_completed(worker, session, tag, completion);
	if (connecting && tag.kind == TAG_KIND_POLL_OUT)
		upstream_completed(worker, session, completion->result);
	else if (is_waited_with(session) && tag.kind == TAG_KIND_WATCH)
		client_stirred(worker, session);
	else if (session->state == SESSION_PREREAD && tag.kind == TAG_KIND_POLL_IN)
		preread_go_on(worker, session);
	else if (session->state == SESSION_HELLO && tag.kind == TAG_KIND_POLL_IN)
		hello_go_on(worker, session);
}

/* resume_flows - those whose bytes are paid for are read from again; the session's silence begins only now */
static void resume_flows(struct worker *worker, struct session *session)
{
	for (int i = 0; i < SIDE_COUNT; i++) {
		if (session->flows[i].resume_ms == 0 || worker->now_ms < session->flows[i].resume_ms)
			continue;
		flow_resume(worker, session, (enum side)i);
		session->active_ms = worker->now_ms;
	}
}

static void timer_fired_open(struct worker *worker, struct session *session)
{
	enum cause cause;
	uint64_t at = last_deadline(worker, session, &cause), quiet = worker->now_ms - session->active_ms;
	if (at && worker->now_ms >= at) {
		if (session->give_up_ms)
			begin_reset(worker, session);
		else
			session_abort(worker, session, cause);
		return;
	}
	resume_flows(worker, session);
	for (int i = 0; i < SIDE_COUNT; i++) {
		if (flow_wants_watch(worker, &session->flows[i]))
			flow_watch(worker, session, (enum side)i);
		if (quiet >= PARK_AFTER_MS)
			flow_park(worker, session, (enum side)i);
	}
	session_arm_timer(worker, session);
}

void session_timer_fired(struct worker *worker, struct session *session)
{
	switch (session->state) {
	case SESSION_PREREAD:
		session_abort(worker, session, CAUSE_HEADER_TIMEOUT);
		break;
	case SESSION_HELLO:
		hello_timed_out(worker, session);
		break;
	case SESSION_PENDING:
		session_abort(worker, session, CAUSE_QUEUE_TIMEOUT);
		break;
	case SESSION_QUEUED:
	case SESSION_WAITING:
	case SESSION_CONNECTING:
		upstream_timed_out(worker, session);
		break;
	case SESSION_OPEN:
		timer_fired_open(worker, session);
		break;
	case SESSION_RESETTING:
		try_reset(worker, session);
		break;
	default:
		CHECK(!"a closing session has no timer");
	}
}
