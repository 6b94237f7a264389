/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of operation
 *
 * Bytes come in shared receive buffers and leave from the same buffers by one send a turn, submitted by the very
 * io_uring_enter(2) that waits for more. A send that went well posts no completion, so "no completion by the end of the
 * next turn" is what gives the buffers back. At most one send of a flow is submitted in a turn: were there two, the second
 * could be carried out after the first was cut short, and bytes would be lost between them.
 */
#include <errno.h>

#include "base/check.h"
#include "io/errno_table.h"
#include "io/sys.h"
#include "relay/lanes.h"
#include "relay/mirror/mirror.h"
#include "relay/worker.h"

/*
 * Copying and splicing cannot be told apart up to 16 KiB a wakeup; splicing leads from 32 KiB on. One full turn may be a
 * message of that size; several in a row are a transfer. docs/FIGURES.md, "Lanes".
 */
enum { HEAVY_TURN_BYTES = 32 * 1024, STREAK_TO_CHANGE = 2 };

/* Delayed ACKs take 40 to 200 ms (TCP_DELACK_MIN and _MAX, Linux). */
enum { STALL_MIN_MS = 35, STALL_MAX_MS = 250 };

static uint16_t take_arrived(struct worker *worker, struct flow *flow)
{
	uint16_t buffer = flow->arrived.head;
	flow->arrived.head = worker->buffer_links[buffer];
	if (flow->arrived.head == RING_NO_BUFFER)
		flow->arrived.tail = RING_NO_BUFFER;
	return buffer;
}

/* gather - describe the arrived buffers as an I/O vector that lasts until the end of the next turn; bytes in it */
static size_t gather(struct worker *worker, const struct flow *flow, struct iovec **ret_iov, uint32_t *ret_count)
{
	struct iovec *iov = worker->iov + worker->iov_used;
	uint32_t count = 0;
	size_t size = 0;
	for (uint16_t b = flow->arrived.head; b != RING_NO_BUFFER; b = worker->buffer_links[b]) {
		iov[count++] = (struct iovec){ring_buffer(worker->ring, b), worker->buffer_sizes[b]};
		size += worker->buffer_sizes[b];
	}
	worker->iov_used += count;
	CHECK(worker->iov_used <= LIMIT_BUFFER_COUNT);
	*ret_iov = iov;
	*ret_count = count;
	return size;
}

/* keep - move what lies behind the first @skip bytes of @chain to the residue; false when the pool has no room */
static bool keep(struct worker *worker, struct flow *flow, struct buffer_chain chain, size_t skip)
{
	for (uint16_t b = chain.head; b != RING_NO_BUFFER; b = worker->buffer_links[b]) {
		size_t size = worker->buffer_sizes[b];
		if (skip < size) {
			const unsigned char *data = ring_buffer(worker->ring, b);
			if (!spill_append(&worker->spill, &flow->residue, data + skip, size - skip))
				return false;
			counter_add(worker->counters, COUNTER_SPILLED, size - skip);
			skip = size;
		}
		skip -= size;
	}
	return true;
}

/* return_arrived - give the arrived buffers back to the ring */
static void return_arrived(struct worker *worker, struct flow *flow)
{
	while (flow->arrived.head != RING_NO_BUFFER)
		worker_return_buffer(worker, take_arrived(worker, flow));
}

static struct lane_result keep_arrived(struct worker *worker, struct flow *flow, size_t skip)
{
	bool kept = keep(worker, flow, flow->arrived, skip);
	return (struct lane_result){.sink = kept ? 0 : -ENOBUFS};
}

/* submit - let the ring send the arrived buffers, which are its own until the end of the next turn */
static struct lane_result submit(struct worker *worker, struct session *session, enum side source,
				 const struct iovec *iov, uint32_t iov_count)
{
	struct flow *flow = &session->flows[source];
	enum side sink = side_other(source);
	ring_send(worker->ring, session->fds[sink], iov, iov_count,
		  session_tag(worker, session, TAG_KIND_SEND, source));
	session->queued_turn = worker->turn;
	flow->sending = flow->arrived;
	for (uint16_t b = flow->sending.head; b != RING_NO_BUFFER; b = worker->buffer_links[b])
		worker->sent[worker->sent_count++] = b;
	flow->arrived = (struct buffer_chain){RING_NO_BUFFER, RING_NO_BUFFER};
	return (struct lane_result){0};
}

/* send_last - the stream has ended: send at once, so that the FIN can follow, and in the same segment where TCP can */
static struct lane_result send_last(struct worker *worker, struct session *session, enum side source,
				    const struct iovec *iov, uint32_t iov_count, size_t size)
{
	struct flow *flow = &session->flows[source];
	int flags = session->broken[source] ? 0 : MSG_MORE;
	ssize_t sent = sys_send(session->fds[side_other(source)], iov, iov_count, flags);
	if (sent < 0 && io_outcome(IO_OP_SEND, (int)sent) != IO_RETRY)
		return (struct lane_result){.sink = (int)sent};
	if (sent == (ssize_t)size)
		return (struct lane_result){0};
	flow->blocked = true;
	return keep_arrived(worker, flow, sent > 0 ? (size_t)sent : 0);
}

/*
 * acknowledge - do not let a source wait for our ACK that waits for an answer, once it was seen to do so
 * Who writes twice before it reads, with Nagle's algorithm on, has its second write held back until the first is
 * acknowledged (RFC 896), and the kernel holds the ACK back for 40 ms (TCP_DELACK_MIN, Linux), to send it with an answer
 * that cannot come yet. Silence of that length inside of what one side sends is its trace. An ACK a message would cost the
 * others a system call and a segment each.
 */
static void acknowledge(const struct worker *worker, const struct session *session, struct flow *flow)
{
	uint64_t silence_ms = worker->now_ms - session->active_ms;
	if (session->last_mover == flow->side && silence_ms >= STALL_MIN_MS && silence_ms <= STALL_MAX_MS)
		flow->quick_acks = UINT8_MAX;
	if (flow->quick_acks == 0)
		return;
	flow->quick_acks--;
	sys_ack_now(session->fds[flow->side]);
}

struct lane_result lane_interactive_deliver(struct worker *worker, struct session *session, enum side source)
{
	struct flow *flow = &session->flows[source];
	if (flow->arrived.head == RING_NO_BUFFER)
		return (struct lane_result){0};
	struct iovec *iov;
	uint32_t iov_count;
	size_t size = gather(worker, flow, &iov, &iov_count);
	flow->bytes += size;
	counter_add(worker->counters, COUNTER_BYTES_UP + source, size);
	if (flow->limits)
		bandwidth_charge(worker, session, source, size);
	acknowledge(worker, session, flow);
	session_moved(worker, session, source);
	if (size < HEAVY_TURN_BYTES)
		flow->streak = 0;
	else if (flow->streak < STREAK_TO_CHANGE)
		flow->streak++;
	if (spill_empty(&flow->residue) && !flow->ended) {
		struct lane_result result = submit(worker, session, source, iov, iov_count);
		if (session->mirror)
			mirror_queue(worker, session, source, iov, iov_count, size);
		return result;
	}
	struct lane_result result = spill_empty(&flow->residue)
					    ? send_last(worker, session, source, iov, iov_count, size)
					    : keep_arrived(worker, flow, 0);
	if (session->mirror)
		mirror_send(worker, session, source, iov, iov_count, size);
	return_arrived(worker, flow);
	return result;
}

int lane_interactive_cut_short(struct worker *worker, struct session *session, enum side source, int result)
{
	struct flow *flow = &session->flows[source];
	CHECK(flow->sending.head != RING_NO_BUFFER);
	if (result < 0 && io_outcome(IO_OP_SEND, result) != IO_RETRY)
		return result;
	counter_add(worker->counters, COUNTER_SHORT_SENDS, 1);
	flow->blocked = true;
	return keep(worker, flow, flow->sending, result > 0 ? (size_t)result : 0) ? 0 : -ENOBUFS;
}

bool lane_should_change(const struct flow *flow)
{
	return flow->streak >= STREAK_TO_CHANGE;
}
