/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/ahead.h"

#include "io/errno_table.h"
#include "io/sys.h"
#include "relay/flow.h"
#include "relay/worker.h"

ssize_t ahead_read(void *session, void *buffer, size_t size)
{
	const struct session *from = session;
	return sys_recv(from->fds[SIDE_CLIENT], buffer, size, 0);
}

void ahead_count(struct worker *worker, struct session *session, size_t size)
{
	session->flows[SIDE_CLIENT].bytes += size;
	counter_add(worker->counters, COUNTER_BYTES_UP, size);
}

static void charge(struct worker *worker, struct session *session, size_t size)
{
	if (session->flows[SIDE_CLIENT].limits)
		bandwidth_charge(worker, session, SIDE_CLIENT, size);
}

void ahead_take(struct worker *worker, struct session *session, size_t size)
{
	session->flows[SIDE_CLIENT].ended = size == 0;
	ahead_count(worker, session, size);
	charge(worker, session, size);
}

void ahead_await(struct worker *worker, struct session *session, uint32_t timeout_ms)
{
	if (session->give_up_ms == 0) {
		session->give_up_ms = worker->now_ms + timeout_ms;
		session_arm_timer(worker, session);
	}
	flow_await(worker, session, SIDE_CLIENT);
}

void ahead_failed(struct worker *worker, struct session *session, int error, uint32_t timeout_ms)
{
	switch (io_outcome(IO_OP_RECV, error)) {
	case IO_RETRY:
		ahead_await(worker, session, timeout_ms);
		break;
	case IO_EXHAUSTED:
		session_abort(worker, session, CAUSE_RESOURCE_LIMIT);
		break;
	default:
		session_lost_client(worker, session, error);
	}
}

/* read_early - what there is, if it may be read now */
static int read_early(struct worker *worker, struct session *session)
{
	struct flow *flow = &session->flows[SIDE_CLIENT];
	if (flow->limits && !bandwidth_admit(worker, session, SIDE_CLIENT))
		return 0;
	ssize_t n = spill_append_with(&worker->spill, &flow->residue, ahead_read, session);
	if (n >= 0) {
		ahead_take(worker, session, (size_t)n);
		return 0;
	}
	charge(worker, session, 0); /* which gives its deposit back */
	enum io_outcome outcome = io_outcome(IO_OP_RECV, (int)n);
	return outcome == IO_RETRY || outcome == IO_EXHAUSTED ? 0 : (int)n;
}

int ahead_begin(struct worker *worker, struct session *session)
{
	const struct flow *flow = &session->flows[SIDE_CLIENT];
	if (flow->bytes == 0)
		return read_early(worker, session);
	/* It came behind a header, which has named the client whose limit it is charged to. */
	charge(worker, session, flow->bytes);
	return 0;
}
