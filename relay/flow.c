/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/flow.h"

#include <errno.h>
#include <poll.h>

#include "base/check.h"
#include "base/sm.h"
#include "io/errno_table.h"
#include "io/sys.h"
#include "relay/lanes.h"
#include "relay/probes.h"
#include "relay/worker.h"

/* docs/ARCHITECTURE.md draws this table. Any state may end: its session may have lost the receiver. */
static const struct sm_state states[FLOW_STATE_COUNT] = {
	[FLOW_NEW] = {"new", SM_BIT(FLOW_PARKED) | SM_BIT(FLOW_RECV) | SM_BIT(FLOW_BULK) | SM_BIT(FLOW_ENDED)},
	[FLOW_PARKED] = {"parked",
			 SM_BIT(FLOW_RECV) | SM_BIT(FLOW_BULK) | SM_BIT(FLOW_HELD) | SM_BIT(FLOW_ENDED)},
	[FLOW_RECV] = {"recv", SM_BIT(FLOW_STOPPING) | SM_BIT(FLOW_ENDED)},
	[FLOW_STOPPING] = {"stopping",
			   SM_BIT(FLOW_PARKED) | SM_BIT(FLOW_BULK) | SM_BIT(FLOW_HELD) | SM_BIT(FLOW_ENDED)},
	[FLOW_BULK] = {"bulk", SM_BIT(FLOW_RECV) | SM_BIT(FLOW_ENDED)},
	[FLOW_HELD] = {"held", SM_BIT(FLOW_RECV) | SM_BIT(FLOW_BULK) | SM_BIT(FLOW_ENDED)},
	[FLOW_ENDED] = {"ended", 0},
};

static const struct sm machine = {"flow", states, FLOW_STATE_COUNT};

static void set_state(struct flow *flow, enum flow_state state)
{
	sm_move(&machine, flow, &flow->state, (uint8_t)state);
}

static const struct buffer_chain empty_chain = {RING_NO_BUFFER, RING_NO_BUFFER};

void flow_init(struct flow *flow, enum side source)
{
	flow->side = (uint8_t)source;
	list_init(&flow->work);
	flow->arrived = flow->sending = empty_chain;
}

void flow_schedule(struct worker *worker, struct flow *flow)
{
	list_remove(&flow->work);
	list_append(&worker->work, &flow->work);
}

/* ---- operations ---- */

static bool is_unix(const struct worker *worker, const struct session *session, enum side side)
{
	const struct endpoint *endpoint = side == SIDE_CLIENT ? worker->plan->listeners[session->listener].endpoint
							      : worker_backend(worker, session);
	return endpoint->addr.family == AF_UNIX;
}

/*
 * forced_lane - the lane that the flow from @source has to keep to
 * A multishot recv misses the end of a unix stream when that end and more than 32 buffers of bytes (MULTISHOT_MAX_RETRY,
 * io_uring/net.c) were there before it was armed: seen on Linux 6.18. splice(2) sees it.
 */
static enum config_lane forced_lane(const struct worker *worker, const struct session *session, enum side source)
{
	return is_unix(worker, session, source) ? CONFIG_LANE_BULK : worker_relay(worker, session)->lane;
}

struct operation {
	uint8_t bit;
	uint8_t kind;
};

static const struct operation operations[] = {
	{FLOW_OP_RECV, TAG_KIND_RECV},
	{FLOW_OP_POLL_IN, TAG_KIND_POLL_IN},
	{FLOW_OP_POLL_OUT, TAG_KIND_POLL_OUT},
	{FLOW_OP_WATCH, TAG_KIND_WATCH},
};

static uint8_t operation_bit(uint8_t kind)
{
	for (size_t i = 0; i < ARRAY_COUNT(operations); i++) {
		if (operations[i].kind == kind)
			return operations[i].bit;
	}
	return 0;
}

/* arm - put one operation into the kernel's hands, unless it is there (or its cancellation has not come back yet) */
static void arm(struct worker *worker, struct session *session, enum side source, uint8_t bit)
{
	struct flow *flow = &session->flows[source];
	int source_fd = session->fds[source], sink_fd = session->fds[side_other(source)];
	if (flow->armed & bit)
		return;
	switch (bit) {
	case FLOW_OP_RECV:
		(flow->limits & BANDWIDTH_SLOW ? ring_recv_once : ring_recv)(
			worker->ring, source_fd, session_tag(worker, session, TAG_KIND_RECV, source));
		session_arm_timer(worker, session); /* to park it when it falls quiet */
		break;
	case FLOW_OP_POLL_IN:
		if (flow->state == FLOW_BULK)
			ring_poll_edges(worker->ring, source_fd, POLLIN | POLLRDHUP,
					session_tag(worker, session, TAG_KIND_POLL_IN, source));
		else
			ring_poll(worker->ring, source_fd, POLLIN | POLLRDHUP,
				  session_tag(worker, session, TAG_KIND_POLL_IN, source));
		break;
	case FLOW_OP_POLL_OUT:
		PROBE(blocked, session, source, flow->bytes);
		(flow->sink_ended ? ring_poll_edges : ring_poll)(
			worker->ring, sink_fd, POLLOUT, session_tag(worker, session, TAG_KIND_POLL_OUT, source));
		session_arm_timer(worker, session); /* to watch the source when this takes long */
		break;
	case FLOW_OP_WATCH:
		ring_poll_edges(worker->ring, source_fd, 0, session_tag(worker, session, TAG_KIND_WATCH, source));
		break;
	default:
		CHECK(!"one operation at a time");
	}
	flow->armed |= bit;
	session->queued_turn = worker->turn;
}

/* cancel - ask for the end of the operations in @bits that are armed */
static void cancel(struct worker *worker, struct session *session, enum side source, uint8_t bits)
{
	struct flow *flow = &session->flows[source];
	for (size_t i = 0; i < ARRAY_COUNT(operations); i++) {
		const struct operation *op = &operations[i];
		if (!(bits & flow->armed & (uint8_t)~flow->cancelling & op->bit))
			continue;
		ring_cancel(worker->ring, session_tag(worker, session, op->kind, source));
		flow->cancelling |= op->bit;
		session->queued_turn = worker->turn;
	}
}

bool flow_cancel_all(struct worker *worker, struct session *session, enum side source)
{
	cancel(worker, session, source, UINT8_MAX);
	return session->flows[source].armed == 0;
}

/* arm_wanted - what the state wants; see the top of flow.h */
static void arm_wanted(struct worker *worker, struct session *session, enum side source)
{
	static const uint8_t wanted[FLOW_STATE_COUNT] = {
		[FLOW_PARKED] = FLOW_OP_POLL_IN,
		[FLOW_RECV] = FLOW_OP_RECV,
		[FLOW_BULK] = FLOW_OP_POLL_IN,
	};
	struct flow *flow = &session->flows[source];
	if (flow->state == FLOW_RECV && flow->starved)
		worker_want_buffer(worker, flow);
	else if (wanted[flow->state] && !flow->ended)
		arm(worker, session, source, wanted[flow->state]);
	flow->starved = false;
	if (flow->blocked && flow->state != FLOW_ENDED)
		arm(worker, session, source, FLOW_OP_POLL_OUT);
	if (!flow_wants_watch(worker, flow))
		cancel(worker, session, source, FLOW_OP_WATCH);
}

bool flow_wants_watch(const struct worker *worker, const struct flow *flow)
{
	return flow->state == FLOW_ENDED || flow->blocked || flow->resume_ms >= worker->now_ms + FLOW_WATCH_AFTER_MS;
}

void flow_watch(struct worker *worker, struct session *session, enum side source)
{
	arm(worker, session, source, FLOW_OP_WATCH);
}

void flow_await(struct worker *worker, struct session *session, enum side source)
{
	arm(worker, session, source, FLOW_OP_POLL_IN);
}

/* ---- facts ---- */

static void append_arrived(struct worker *worker, struct flow *flow, uint16_t buffer, uint32_t size)
{
	worker->buffer_links[buffer] = RING_NO_BUFFER;
	worker->buffer_sizes[buffer] = size;
	if (flow->arrived.head == RING_NO_BUFFER)
		flow->arrived.head = buffer;
	else
		worker->buffer_links[flow->arrived.tail] = buffer;
	flow->arrived.tail = buffer;
}

/* source_failed - a receive ended with @result: it is over for now, or nothing more will come */
static void source_failed(struct worker *worker, struct session *session, enum side source, int result)
{
	switch (io_outcome(IO_OP_RECV, result)) {
	case IO_RETRY:
	case IO_CANCELLED:
		break;
	case IO_EXHAUSTED:
		session->flows[source].starved = true;
		break;
	default:
		session->flows[source].ended = true;
		session_broken(worker, session, source, result);
	}
}

static void recv_completed(struct worker *worker, struct session *session, enum side source,
			   const struct completion *completion)
{
	struct flow *flow = &session->flows[source];
	bool open = session->state == SESSION_OPEN, live = open && flow->state != FLOW_ENDED;
	if (completion->flags & COMPLETION_BUFFER) {
		if (live && completion->result > 0)
			append_arrived(worker, flow, completion->buffer, (uint32_t)completion->result);
		else
			worker_return_buffer(worker, completion->buffer);
	}
	if (completion->result == 0)
		flow->ended |= live;
	else if (completion->result < 0 && open) /* this may be the only one to be told */
		source_failed(worker, session, source, completion->result);
}

/*
 * sink_completed - the poll for writing on the receiver
 * The ring adds POLLRDHUP to every mask: after the receiver's FIN a one-time poll comes back at once, for ever. One at
 * edges says it once, but has to be cancelled when it has said what it is for.
 */
static void sink_completed(struct worker *worker, struct session *session, enum side source,
			   const struct completion *completion)
{
	struct flow *flow = &session->flows[source];
	if (completion->result < 0)
		return;
	if (!(completion->result & (POLLOUT | POLLERR | POLLHUP))) {
		flow->sink_ended = true;
		return;
	}
	flow->blocked = false;
	PROBE(unblocked, session, source);
	if (completion->flags & COMPLETION_MORE)
		cancel(worker, session, source, FLOW_OP_POLL_OUT);
}

/*
 * watch_completed - something happened to a source that is not read from
 * It need not be a reset: the ring adds POLLRDHUP to every mask, so that a known FIN is reported first, and POLLHUP without
 * an error is what a socket shows whose both streams have ended.
 */
static void watch_completed(struct worker *worker, struct session *session, enum side source,
			    const struct completion *completion)
{
	if (session->state != SESSION_OPEN)
		return;
	bool failed = completion->result > 0 && completion->result & POLLERR;
	int error = failed ? sys_socket_error(session->fds[source]) : 0;
	if (error < 0)
		session_broken(worker, session, source, error);
	else if (!(completion->flags & COMPLETION_MORE))
		session_arm_timer(worker, session); /* which arms it again */
}

void flow_completed(struct worker *worker, struct session *session, struct tag tag,
		    const struct completion *completion)
{
	enum side source = tag.side;
	struct flow *flow = &session->flows[source];
	uint8_t bit = operation_bit(tag.kind);
	if (!(completion->flags & COMPLETION_MORE)) {
		flow->armed &= (uint8_t)~bit;
		flow->cancelling &= (uint8_t)~bit;
	}
	switch (tag.kind) {
	case TAG_KIND_RECV:
		recv_completed(worker, session, source, completion);
		break;
	case TAG_KIND_POLL_IN:
		flow->readable |= completion->result >= 0;
		break;
	case TAG_KIND_POLL_OUT:
		sink_completed(worker, session, source, completion);
		break;
	case TAG_KIND_WATCH:
		watch_completed(worker, session, source, completion);
		break;
	case TAG_KIND_SEND:
		if (session->state == SESSION_OPEN && flow->state != FLOW_ENDED) {
			int rc = lane_interactive_cut_short(worker, session, source, completion->result);
			if (rc < 0)
				session_broken(worker, session, side_other(source), rc);
		}
		break;
	default:
		CHECK(!"an operation of a flow");
	}
	if (session->state == SESSION_OPEN)
		flow_schedule(worker, flow);
}

/* ---- acting on them ---- */

static bool holds_bytes(const struct flow *flow)
{
	return flow->blocked || !spill_empty(&flow->residue);
}

/* is_held - is there a reason not to read? */
static bool is_held(const struct flow *flow)
{
	return holds_bytes(flow) || flow->resume_ms != 0;
}

static struct lane_result send_residue(struct worker *worker, struct session *session, enum side source)
{
	struct flow *flow = &session->flows[source];
	struct lane_result result = {0};
	if (flow->blocked || spill_empty(&flow->residue))
		return result;
	int flags = flow->ended && !session->broken[source] ? MSG_MORE : 0;
	ssize_t n = spill_send(&worker->spill, &flow->residue, session->fds[side_other(source)], flags);
	if (n < 0 && io_outcome(IO_OP_SEND, (int)n) != IO_RETRY)
		result.sink = (int)n;
	else if (n > 0)
		session_moved(worker, session, source);
	flow->blocked = !spill_empty(&flow->residue);
	return result;
}

/* move_bytes - everything that can go now, oldest first */
static struct lane_result move_bytes(struct worker *worker, struct session *session, enum side source)
{
	struct flow *flow = &session->flows[source];
	struct lane_result result = send_residue(worker, session, source);
	if (result.sink == 0)
		result = lane_interactive_deliver(worker, session, source);
	bool pump = flow->state == FLOW_BULK && flow->readable && !flow->ended && !is_held(flow);
	if (result.sink == 0 && pump && (!flow->limits || bandwidth_admit(worker, session, source)))
		result = lane_bulk_pump(worker, session, source);
	return result;
}

/* leave_recv - the recv has to end before anything else reads: its bytes come first */
static void leave_recv(struct worker *worker, struct session *session, enum side source, enum flow_state goal)
{
	struct flow *flow = &session->flows[source];
	flow->goal = (uint8_t)goal;
	cancel(worker, session, source, FLOW_OP_RECV);
	set_state(flow, FLOW_STOPPING);
	if (!(flow->armed & FLOW_OP_RECV))
		flow_schedule(worker, flow);
}

static void note_lane_change(struct worker *worker, const struct session *session, enum side source)
{
	counter_add(worker->counters, COUNTER_LANE_CHANGES, 1);
	PROBE(lane, session, source, session->flows[source].state == FLOW_BULK);
}

/* stopped - the recv is over: go where leave_recv() was bound for */
static void stopped(struct worker *worker, struct flow *flow)
{
	if (flow->armed & FLOW_OP_RECV)
		return;
	if (flow->sending.head != RING_NO_BUFFER) {
		/* What was queued a moment ago must be sent before splice(2) may overtake it. */
		flow_schedule(worker, flow);
		return;
	}
	set_state(flow, is_held(flow) ? FLOW_HELD : flow->goal);
	flow->streak = flow->light_pumps = 0;
	flow->readable = flow->state != FLOW_PARKED;
	if (flow->state == FLOW_BULK)
		note_lane_change(worker, session_of(flow), flow->side);
	if (flow->state == FLOW_PARKED && flow->limits)
		bandwidth_leave(worker, session_of(flow), flow->side);
	if (!is_held(flow))
		flow_schedule(worker, flow);
}

/* leave_parked - bytes wait: read them, or wait in turn where those of others are not paid for */
static void leave_parked(struct worker *worker, struct session *session, enum side source)
{
	struct flow *flow = &session->flows[source];
	bool bulk = forced_lane(worker, session, source) == CONFIG_LANE_BULK;
	if (flow->limits && !bandwidth_admit(worker, session, source))
		set_state(flow, FLOW_HELD);
	else
		set_state(flow, bulk ? FLOW_BULK : FLOW_RECV);
	if (flow->state == FLOW_BULK)
		flow_schedule(worker, flow);
}

/* leave_bulk - little at a time, for long: read it by the interactive lane again, which steps over urgent bytes, too */
static void leave_bulk(struct worker *worker, struct session *session, enum side source)
{
	struct flow *flow = &session->flows[source];
	if (flow->streak != UINT8_MAX && forced_lane(worker, session, source) != CONFIG_LANE_AUTO)
		return;
	flow->streak = 0;
	cancel(worker, session, source, FLOW_OP_POLL_IN);
	set_state(flow, FLOW_RECV);
	note_lane_change(worker, session, source);
}

/* leave_held - a receiver that was full once is likely to be so again: the bulk lane asks it before reading */
static void leave_held(struct worker *worker, struct session *session, enum side source)
{
	struct flow *flow = &session->flows[source];
	bool interactive = forced_lane(worker, session, source) == CONFIG_LANE_INTERACTIVE;
	set_state(flow, interactive ? FLOW_RECV : FLOW_BULK);
	flow->streak = flow->light_pumps = 0;
	flow->readable = true;
	flow_schedule(worker, flow);
}

/* steer - the state that the facts ask for */
static void steer(struct worker *worker, struct session *session, enum side source)
{
	struct flow *flow = &session->flows[source];
	switch (flow->state) {
	case FLOW_PARKED:
		if (flow->readable)
			leave_parked(worker, session, source);
		break;
	case FLOW_RECV:
		if (is_held(flow))
			leave_recv(worker, session, source, FLOW_HELD);
		else if (lane_should_change(flow) && forced_lane(worker, session, source) == CONFIG_LANE_AUTO)
			leave_recv(worker, session, source, FLOW_BULK);
		break;
	case FLOW_STOPPING:
		stopped(worker, flow);
		break;
	case FLOW_BULK:
		if (lane_should_change(flow) && !is_held(flow))
			leave_bulk(worker, session, source);
		break;
	case FLOW_HELD:
		if (!is_held(flow))
			leave_held(worker, session, source);
		break;
	default:
		break;
	}
}

/* end - nothing more will be read or passed on */
static void end(struct worker *worker, struct session *session, enum side source)
{
	struct flow *flow = &session->flows[source];
	flow_discard(worker, flow);
	cancel(worker, session, source, UINT8_MAX);
	set_state(flow, FLOW_ENDED);
}

void flow_run(struct worker *worker, struct session *session, enum side source)
{
	struct flow *flow = &session->flows[source];
	enum side sink = side_other(source);
	flow->sending = empty_chain;
	if (session->state != SESSION_OPEN || flow->state == FLOW_ENDED) {
		flow_discard(worker, flow);
		return;
	}
	if (session->broken[sink]) {
		end(worker, session, source);
		if (session->broken[source]) /* nobody is left to wait for */
			session_flow_ended(worker, session, source);
		return;
	}
	struct lane_result result = move_bytes(worker, session, source);
	if (result.sink < 0) {
		end(worker, session, source);
		session_broken(worker, session, sink, result.sink);
		return;
	}
	if (result.source < 0)
		session_broken(worker, session, source, result.source);
	if (flow->ended && !holds_bytes(flow)) {
		end(worker, session, source);
		session_flow_ended(worker, session, source);
		return;
	}
	steer(worker, session, source);
	arm_wanted(worker, session, source);
}

void flow_start(struct worker *worker, struct session *session, enum side source, bool expect_bytes)
{
	struct flow *flow = &session->flows[source];
	if (flow->limits)
		set_state(flow, FLOW_PARKED); /* to be admitted when there is something to read */
	else if (forced_lane(worker, session, source) == CONFIG_LANE_BULK)
		set_state(flow, FLOW_BULK);
	else
		set_state(flow, expect_bytes ? FLOW_RECV : FLOW_PARKED);
	flow->readable = flow->state == FLOW_BULK;
	flow_schedule(worker, flow);
}

void flow_park(struct worker *worker, struct session *session, enum side source)
{
	struct flow *flow = &session->flows[source];
	if (flow->state == FLOW_RECV && flow->armed & FLOW_OP_RECV && !holds_bytes(flow))
		leave_recv(worker, session, source, FLOW_PARKED);
}

void flow_resume(struct worker *worker, struct session *session, enum side source)
{
	session->flows[source].resume_ms = 0;
	flow_schedule(worker, &session->flows[source]);
}

void flow_discard(struct worker *worker, struct flow *flow)
{
	while (flow->arrived.head != RING_NO_BUFFER) {
		uint16_t buffer = flow->arrived.head;
		flow->arrived.head = worker->buffer_links[buffer];
		worker_return_buffer(worker, buffer);
	}
	flow->arrived = empty_chain;
	spill_drop(&worker->spill, &flow->residue);
	flow->blocked = false;
	flow->resume_ms = 0;
	list_remove(&flow->work);
}
