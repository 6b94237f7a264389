/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of operation
 *
 * splice(2) moves pages from the source's receive queue into the thread's pipe and on into the receiver's send queue. The
 * pipe is one for the whole thread and is empty whenever a pump ends: what the receiver did not take is read out into spill
 * chunks. Once that has happened the receiver is asked before each move how much it has room for, and what is left then is
 * next to nothing. So a flow that waits for a slow receiver costs no descriptors, and a thousand of them cannot hold each
 * other up.
 */
#include <errno.h>

#include "base/check.h"
#include "io/errno_table.h"
#include "io/sys.h"
#include "relay/flow.h"
#include "relay/lanes.h"
#include "relay/mirror/mirror.h"
#include "relay/worker.h"

enum {
	/* What one flow may move before the others have their turn: a few pipes full. */
	TURN_SHARE = 4 * LIMIT_PIPE_SIZE,
	/* A pump that finds less than this speaks for the interactive lane; docs/FIGURES.md, "Lanes". */
	LIGHT_PUMP_BYTES = 16 * 1024,
	/* How often a receiver that was full once has to have room for a whole pipe until it is not asked any more. */
	CAREFUL_MOVES = 100,
	/* Light pumps it takes for one step of flow.streak: a transfer's reader wakes early now and then. */
	LIGHT_PUMPS = 4,
};

/*
 * room - how much to splice in for this receiver; 0 when it should be left alone until it is writable
 * A TCP socket is writable again when a third of its buffer is free (sk_stream_is_writeable()), so a threshold below that
 * cannot make poll and pump disagree.
 */
static size_t room(const struct worker *worker, struct flow *flow, int sink_fd)
{
	size_t held = spill_pool_free_bytes(&worker->spill);
	if (!flow->careful)
		return held < LIMIT_PIPE_SIZE ? held : LIMIT_PIPE_SIZE;
	struct sys_send_space space;
	if (sys_send_space(sink_fd, &space) < 0)
		space = (struct sys_send_space){.limit = SPILL_CHUNK_SIZE, .free = SPILL_CHUNK_SIZE};
	if (space.free < space.limit / 4)
		return 0;
	/* Each queued segment costs the sender about an eighth of itself in the worst case of small ones. */
	size_t size = space.free - space.free / 8;
	if (size > LIMIT_PIPE_SIZE) {
		size = LIMIT_PIPE_SIZE;
		flow->careful--;
	}
	return size < held ? size : held;
}

struct pipe_tail {
	int pipe_fd;
	size_t left;
};

static ssize_t read_tail(void *ctx, void *buffer, size_t size)
{
	struct pipe_tail *tail = ctx;
	ssize_t n = sys_read(tail->pipe_fd, buffer, size < tail->left ? size : tail->left);
	CHECK(n > 0); /* the pipe holds at least `left` bytes, and they are ours */
	tail->left -= (size_t)n;
	return n;
}

/* spill_pipe - read the @size bytes that are left in the pipe into the residue; room() has made sure that they fit */
static void spill_pipe(struct worker *worker, struct flow *flow, size_t size)
{
	struct pipe_tail tail = {worker->pipe_fds[0], size};
	while (tail.left > 0)
		CHECK(spill_append_with(&worker->spill, &flow->residue, read_tail, &tail) > 0);
	counter_add(worker->counters, COUNTER_SPILLED, size);
}

/* push_out - pipe to receiver; bytes that went. *@ret_broken is -errno when the receiver broke, wherever in between. */
static size_t push_out(const struct worker *worker, int sink_fd, size_t size, int *ret_broken)
{
	size_t done = 0;
	while (done < size) {
		ssize_t n = sys_splice_out(worker->pipe_fds[0], sink_fd, size - done);
		if (n < 0 && io_outcome(IO_OP_SEND, (int)n) != IO_RETRY)
			*ret_broken = (int)n;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return done;
}

/*
 * drained - splice(2) returned @result and no bytes: an empty socket, the end of the stream, an error, or an urgent byte.
 * splice(2) cannot step over that one: with data behind it, it says EAGAIN for ever, and 0 once the FIN is there. recv(2)
 * in the interactive lane steps over it, so that is where the flow goes then. Returns 0, or -errno of a broken source.
 */
static int drained(struct worker *worker, struct flow *flow, int source_fd, int result)
{
	enum io_outcome outcome = result < 0 ? io_outcome(IO_OP_RECV, result) : IO_RETRY;
	if (outcome == IO_EXHAUSTED) {
		worker_want_spill(worker, flow);
		return 0;
	}
	flow->readable = false;
	if (sys_at_mark(source_fd) > 0)
		flow->streak = UINT8_MAX;
	else
		flow->ended = result == 0 || outcome != IO_RETRY;
	return outcome == IO_RETRY ? 0 : result;
}

/* move_once - one pipe full, or @most; bytes that came in, 0 when the pump should end with @result saying more */
static size_t move_once(struct worker *worker, struct session *session, enum side source, size_t most,
			struct lane_result *result)
{
	struct flow *flow = &session->flows[source];
	int sink_fd = session->fds[side_other(source)];
	if (spill_pool_free_bytes(&worker->spill) == 0) {
		worker_want_spill(worker, flow);
		return 0;
	}
	size_t want = room(worker, flow, sink_fd);
	if (want == 0) {
		flow->blocked = true;
		flow->careful = CAREFUL_MOVES;
		return 0;
	}
	ssize_t in = sys_splice_in(session->fds[source], worker->pipe_fds[1], want < most ? want : most);
	if (in <= 0) {
		result->source = drained(worker, flow, session->fds[source], (int)in);
		return 0;
	}
	size_t copied = session->mirror ? mirror_tee(worker, session, source, (size_t)in) : 0;
	size_t out = push_out(worker, sink_fd, (size_t)in, &result->sink);
	if (copied)
		mirror_push(worker, session, source, copied);
	flow->bytes += (size_t)in;
	flow->spliced += out;
	if (out < (size_t)in) {
		spill_pipe(worker, flow, (size_t)in - out);
		flow->blocked = true;
		flow->careful = CAREFUL_MOVES;
	}
	return (size_t)in;
}

/* judge - count towards a change of lane */
static void judge(struct flow *flow, size_t moved)
{
	if (flow->streak == UINT8_MAX)
		return;
	if (flow->blocked || flow->resume_ms || moved >= LIGHT_PUMP_BYTES) {
		flow->light_pumps = flow->streak = 0;
	} else if (++flow->light_pumps >= LIGHT_PUMPS) {
		flow->light_pumps = 0;
		flow->streak++;
	}
}

/* turn_share - how much the flow may move now */
static size_t turn_share(const struct worker *worker, const struct session *session, enum side source)
{
	if (!session->flows[source].limits)
		return TURN_SHARE;
	size_t quantum = bandwidth_quantum(worker, session, source);
	return quantum < TURN_SHARE ? quantum : TURN_SHARE;
}

struct lane_result lane_bulk_pump(struct worker *worker, struct session *session, enum side source)
{
	struct flow *flow = &session->flows[source];
	struct lane_result result = {0};
	size_t share = turn_share(worker, session, source), moved = 0, n;
	uint64_t spliced = flow->spliced;
	do {
		n = move_once(worker, session, source, share - moved, &result);
		moved += n;
	} while (n > 0 && !flow->blocked && moved < share);
	if (flow->limits)
		bandwidth_charge(worker, session, source, moved);
	if (flow->readable && !flow->blocked && !flow->resume_ms && list_empty(&flow->work))
		flow_schedule(worker, flow);
	if (moved > 0)
		session_moved(worker, session, source);
	counter_add(worker->counters, COUNTER_BYTES_UP + source, moved);
	counter_add(worker->counters, COUNTER_PUMPS, 1);
	counter_add(worker->counters, COUNTER_BYTES_SPLICED, flow->spliced - spliced);
	judge(flow, moved);
	return result;
}
