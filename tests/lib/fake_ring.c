/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake kernel's io_uring. A queued operation (sqe) is carried out when it is submitted; accept, recv and the polls then
 * stay armed (op) and look at their file in each tick. What they find is posted at once and handed out when it is mature:
 * completions of one operation keep their order, those of different ones overtake each other.
 */
#include "io/ring.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/tag.h"
#include "tests/lib/fake_internal.h"
#include "tests/unit/unit.h"

enum {
	OPS_MAX = 4096,
	POSTED_MAX = 16384,
	IDLE_TURNS_MAX = 200, /* more turns in a row in which nothing happens are a spin */
	SCRIBBLE = 0xA5,
};

enum op_kind { OP_ACCEPT, OP_RECV, OP_RECV_ONCE, OP_POLL, OP_POLL_EDGES, OP_SEND, OP_CANCEL };

struct sqe {
	enum op_kind kind;
	int fd;
	struct file *file; /* what fd named when it was queued; only compared */
	uint64_t tag;
	uint32_t events;
	const struct iovec *iov;
	uint32_t iov_count;
};

struct op {
	enum op_kind kind;
	struct file *file;
	uint64_t tag;
	uint64_t id;
	uint32_t events;
	uint32_t seen[EDGE_COUNT];
	bool looked; /* at the level, once */
	bool cancelled;
	bool over; /* its last completion is posted */
	uint64_t cancel_tick;
	uint64_t mature_tick; /* of what it posted last */
};

struct posted {
	struct completion completion;
	uint64_t id; /* of the op */
	uint64_t mature_tick;
};

enum buffer_state { BUFFER_FREE, BUFFER_HIDDEN, BUFFER_POSTED, BUFFER_LOANED };

struct ring {
	struct ring_config config;
	struct sqe *queue;
	uint32_t queued;
	unsigned char *memory;
	uint8_t *states;
	uint16_t *free; /* a ring of buffer_count */
	uint32_t free_first, free_count;
	uint32_t hidden_count, posted_buffers, loaned;
	bool handing_out;
};

static struct op *ops[OPS_MAX];
static uint32_t op_count;
static struct posted posted[POSTED_MAX];
static uint32_t posted_count;
static uint64_t next_id;
static struct ring *the_ring;

/* NSRELAY_TRACE shows on standard error what is queued and what is handed out. */
static bool tracing;

static void trace(const char *what, uint64_t packed, int32_t number)
{
	static const char *const kinds[] = {"-", "recv", "send", "in", "out", "watch", "accept", "sockets"};
	struct tag tag = tag_unpack(packed);
	if (tracing)
		fprintf(stderr, "%" PRIu64 " %" PRIu64 " us: %s %s/%u of %u: %d\n", kernel.turns,
			kernel.now_ns / 1000, what, tag.kind < ARRAY_COUNT(kinds) ? kinds[tag.kind] : "?", tag.side,
			tag.index, number);
}

void ring_init(void)
{
	tracing = getenv("NSRELAY_TRACE") != NULL;
	op_count = posted_count = 0;
	the_ring = NULL;
}

uint32_t fake_armed(void)
{
	return op_count;
}

/* ---- buffers ---- */

static void check_buffers(const struct ring *ring)
{
	uint32_t sum = ring->free_count + ring->hidden_count + ring->posted_buffers + ring->loaned;
	if (sum != ring->config.buffer_count)
		fake_fail("%u buffers of %u are accounted for", sum, ring->config.buffer_count);
}

static void make_free(struct ring *ring, uint16_t buffer)
{
	ring->states[buffer] = BUFFER_FREE;
	ring->free[(ring->free_first + ring->free_count++) % ring->config.buffer_count] = buffer;
}

/* show_buffers - what was returned since the last turn can be used again */
static void show_buffers(struct ring *ring)
{
	for (uint32_t i = 0; ring->hidden_count > 0 && i < ring->config.buffer_count; i++) {
		if (ring->states[i] != BUFFER_HIDDEN)
			continue;
		ring->hidden_count--;
		make_free(ring, (uint16_t)i);
	}
	check_buffers(ring);
}

static uint16_t take_buffer(struct ring *ring)
{
	if (ring->free_count == 0)
		return RING_NO_BUFFER;
	uint16_t buffer = ring->free[ring->free_first];
	ring->free_first = (ring->free_first + 1) % ring->config.buffer_count;
	ring->free_count--;
	ring->states[buffer] = BUFFER_POSTED;
	ring->posted_buffers++;
	return buffer;
}

/* untake_buffer - nothing was put into what take_buffer() gave */
static void untake_buffer(struct ring *ring, uint16_t buffer)
{
	ring->posted_buffers--;
	make_free(ring, buffer);
}

void *ring_buffer(const struct ring *ring, uint16_t buffer)
{
	if (buffer >= ring->config.buffer_count)
		fake_fail("there is no buffer %u", buffer);
	return ring->memory + (size_t)buffer * ring->config.buffer_size;
}

void ring_buffer_return(struct ring *ring, uint16_t buffer)
{
	/* Whoever still reads it, as a send that was not submitted yet would, reads this. */
	memset(ring_buffer(ring, buffer), SCRIBBLE, ring->config.buffer_size);
	if (ring->states[buffer] != BUFFER_LOANED)
		fake_fail("buffer %u was returned without being on loan", buffer);
	ring->states[buffer] = BUFFER_HIDDEN;
	ring->hidden_count++;
	ring->loaned--;
	check_buffers(ring);
}

uint32_t ring_buffers_loaned(const struct ring *ring)
{
	return ring->loaned;
}

uint32_t ring_buffer_size(const struct ring *ring)
{
	return ring->config.buffer_size;
}

void ring_buffers_release(struct ring *ring)
{
	if (ring->loaned > 0)
		fake_fail("buffers are on loan while their memory is released");
	memset(ring->memory, 0, (size_t)ring->config.buffer_count * ring->config.buffer_size);
}

/* ---- open and close ---- */

/* sweep - forget the operations that are over */
static void sweep(void)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < op_count; i++) {
		if (ops[i]->over)
			free(ops[i]);
		else
			ops[kept++] = ops[i];
	}
	op_count = kept;
}

struct ring *ring_open(const struct ring_config *config, struct err *err)
{
	(void)err;
	struct ring *ring = calloc(1, sizeof(*ring));
	assert_non_null(ring);
	ring->config = *config;
	ring->queue = calloc(config->sq_entries, sizeof(*ring->queue));
	ring->memory = calloc(config->buffer_count, config->buffer_size);
	ring->states = calloc(config->buffer_count, sizeof(*ring->states));
	ring->free = calloc(config->buffer_count, sizeof(*ring->free));
	assert_true(ring->queue && ring->memory && ring->states && ring->free);
	for (uint32_t i = 0; i < config->buffer_count; i++)
		make_free(ring, (uint16_t)i);
	return the_ring = ring;
}

void ring_close(struct ring *ring)
{
	if (!ring)
		return;
	sweep();
	while (op_count > 0) {
		struct op *op = ops[--op_count];
		file_drop(op->file);
		free(op);
	}
	posted_count = 0;
	free(ring->queue);
	free(ring->memory);
	free(ring->states);
	free(ring->free);
	free(ring);
	the_ring = NULL;
}

void ring_fini(void)
{
	ring_close(the_ring);
}

/* ---- completions ---- */

static struct posted *post(uint64_t tag, uint64_t id, int32_t result)
{
	if (posted_count == POSTED_MAX)
		fake_fail("too many completions are waiting");
	struct posted *entry = &posted[posted_count++];
	*entry = (struct posted){
		.completion = {.tag = tag, .result = result, .buffer = RING_NO_BUFFER},
		.id = id,
		.mature_tick = kernel.ticks,
	};
	return entry;
}

/* post_for - a completion of an armed operation, perhaps some ticks from now but never before its last one */
static struct posted *post_for(struct op *op, int32_t result)
{
	struct posted *entry = post(op->tag, op->id, result);
	if (fake_chance(kernel.options.chances.delay))
		entry->mature_tick += 1 + fake_random(6);
	if (entry->mature_tick < op->mature_tick)
		entry->mature_tick = op->mature_tick;
	op->mature_tick = entry->mature_tick;
	return entry;
}

/* retire - @op has posted its last completion: its file is no longer held */
static void retire(struct op *op)
{
	op->over = true;
	file_drop(op->file);
}

static void post_last(struct op *op, int32_t result)
{
	post_for(op, result);
	retire(op);
}

static struct posted *post_buffer(struct op *op, int32_t result, uint16_t buffer)
{
	struct posted *entry = post_for(op, result);
	if (buffer != RING_NO_BUFFER) {
		entry->completion.flags |= COMPLETION_BUFFER;
		entry->completion.buffer = buffer;
	}
	return entry;
}

/* post_more - false when this ended the operation, as an overflow of the completion queue does */
static bool post_more(struct op *op, int32_t result, uint16_t buffer)
{
	bool overflow = posted_count >= the_ring->config.cq_entries || fake_chance(kernel.options.chances.overflow);
	struct posted *entry = post_buffer(op, result, buffer);
	if (!overflow) {
		entry->completion.flags |= COMPLETION_MORE;
		return true;
	}
	retire(op);
	return false;
}

/* ---- armed operations ---- */

static void run_accept(struct op *op)
{
	static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};
	for (;;) {
		if (file_poll(op->file) && fake_chance(kernel.options.chances.accept_error)) {
			post_last(op, -errors[fake_random(ARRAY_COUNT(errors))]);
			return;
		}
		int fd = listener_accept(op->file);
		if (fd == -EAGAIN)
			return;
		if (fd < 0) {
			post_last(op, fd);
			return;
		}
		if (!post_more(op, fd, RING_NO_BUFFER))
			return;
	}
}

static void run_recv(struct op *op)
{
	struct ring *ring = the_ring;
	while (file_poll(op->file) & (POLLIN | POLLERR | POLLHUP)) {
		uint16_t buffer = fake_chance(kernel.options.chances.no_buffers) ? RING_NO_BUFFER : take_buffer(ring);
		if (buffer == RING_NO_BUFFER) {
			post_last(op, -ENOBUFS);
			return;
		}
		ssize_t n = tcp_read(op->file->conn, ring_buffer(ring, buffer), ring->config.buffer_size, READ_TAKE);
		if (n <= 0) {
			untake_buffer(ring, buffer);
			if (n != -EAGAIN)
				post_last(op, (int32_t)n);
			return;
		}
		if (op->kind == OP_RECV_ONCE) {
			post_buffer(op, (int32_t)n, buffer);
			retire(op);
			return;
		}
		if (!post_more(op, (int32_t)n, buffer))
			return;
	}
}

static bool spurious(const struct op *op)
{
	/* A socket that is connecting has no wakeup that could be stale. */
	if (tcp_connecting(op->file) || !fake_chance(kernel.options.chances.spurious))
		return false;
	kernel.idle_turns = 0; /* not the fault of whoever is woken */
	return true;
}

static void run_poll(struct op *op)
{
	uint32_t ready = file_poll(op->file) & op->events;
	if (!ready && spurious(op))
		ready = op->events & (POLLIN | POLLOUT | POLLRDHUP);
	if (ready)
		post_last(op, (int32_t)ready);
}

/* edges - what happened since the last look, even if it is not so any more; the level when there was no look yet */
static uint32_t edges(struct op *op)
{
	static const uint32_t bits[EDGE_COUNT] = {
		[EDGE_IN] = POLLIN | POLLRDHUP,
		[EDGE_OUT] = POLLOUT,
		[EDGE_ERROR] = POLLERR | POLLHUP,
	};
	uint32_t level = file_poll(op->file), happened = op->looked ? 0 : level;
	for (int edge = 0; edge < EDGE_COUNT; edge++) {
		if (op->looked && op->seen[edge] != op->file->edges[edge])
			happened |= bits[edge] & (level | POLLIN | POLLOUT);
		op->seen[edge] = op->file->edges[edge];
	}
	op->looked = true;
	return happened & op->events;
}

static void run_poll_edges(struct op *op)
{
	uint32_t ready = edges(op);
	if (!ready && spurious(op))
		ready = op->events & (POLLIN | POLLOUT | POLLRDHUP);
	if (ready)
		post_more(op, (int32_t)ready, RING_NO_BUFFER);
}

/* ready - would it find anything? */
static bool ready(const struct op *op)
{
	uint32_t level = file_poll(op->file);
	bool edge = !op->looked || memcmp(op->seen, op->file->edges, sizeof(op->seen)) != 0;
	return op->kind == OP_POLL_EDGES ? edge : (level & (op->events ? op->events : (uint32_t)~POLLOUT)) != 0;
}

static void run(struct op *op)
{
	if (op->cancelled && kernel.ticks >= op->cancel_tick) {
		post_last(op, -ECANCELED);
		return;
	}
	if (fake_chance(kernel.options.chances.delay)) {
		kernel.in_motion |= ready(op);
		return;
	}
	if (op->kind != OP_POLL_EDGES && fake_chance(kernel.options.chances.cancelled)) {
		post_last(op, -ECANCELED);
		kernel.idle_turns = 0;
		return;
	}
	switch (op->kind) {
	case OP_ACCEPT:
		run_accept(op);
		break;
	case OP_RECV:
	case OP_RECV_ONCE:
		run_recv(op);
		break;
	case OP_POLL:
		run_poll(op);
		break;
	case OP_POLL_EDGES:
		run_poll_edges(op);
		break;
	default:
		fake_fail("not an operation that stays armed");
	}
}

void ring_tick(void)
{
	uint32_t first = fake_random(op_count);
	for (uint32_t i = 0; i < op_count; i++) {
		if (!ops[(first + i) % op_count]->over)
			run(ops[(first + i) % op_count]);
	}
	sweep();
	if (posted_count > 0)
		kernel.in_motion = true;
}

/* ---- submission ---- */

static void submit_send(const struct sqe *sqe)
{
	size_t done = 0, size = 0;
	ssize_t n = 0;
	for (uint32_t i = 0; i < sqe->iov_count; i++)
		size += sqe->iov[i].iov_len;
	for (uint32_t i = 0; i < sqe->iov_count; i++) {
		n = tcp_write(sqe->file->conn, sqe->iov[i].iov_base, sqe->iov[i].iov_len);
		if (n > 0)
			done += (size_t)n;
		if (n < 0 || (size_t)n < sqe->iov[i].iov_len)
			break;
	}
	if (done < size)
		post(sqe->tag, ++next_id, done > 0 ? (int32_t)done : (int32_t)n);
}

static void submit_cancel(uint64_t tag)
{
	for (uint32_t i = 0; i < op_count; i++) {
		struct op *op = ops[i];
		if (op->tag != tag || op->cancelled || op->over)
			continue;
		op->cancelled = true;
		op->cancel_tick = kernel.ticks + 1;
		if (fake_chance(kernel.options.chances.delay))
			op->cancel_tick += fake_random(5);
		return;
	}
}

static void arm(const struct sqe *sqe)
{
	if (op_count == OPS_MAX)
		fake_fail("too many operations are armed");
	for (uint32_t i = 0; i < op_count; i++) {
		if (ops[i]->tag == sqe->tag && !ops[i]->over)
			fake_fail("tag %#llx is armed twice", (unsigned long long)sqe->tag);
	}
	struct op *op = calloc(1, sizeof(*op));
	assert_non_null(op);
	*op = (struct op){
		.kind = sqe->kind,
		.file = sqe->file,
		.tag = sqe->tag,
		.id = ++next_id,
		.events = sqe->events,
	};
	file_hold(op->file);
	ops[op_count++] = op;
	if (op->events & POLLOUT)
		tcp_want_space(op->file);
	/* What is ready when it is submitted is carried out then and there. */
	if (fake_random(2))
		run(op);
}

static void submit(struct ring *ring)
{
	for (uint32_t i = 0; i < ring->queued; i++) {
		const struct sqe *sqe = &ring->queue[i];
		if (sqe->kind == OP_CANCEL)
			submit_cancel(sqe->tag);
		else if (file_of(sqe->fd) != sqe->file)
			fake_fail("descriptor %d was re-used before an operation on it was submitted", sqe->fd);
		else if (sqe->kind == OP_SEND)
			submit_send(sqe);
		else
			arm(sqe);
	}
	ring->queued = 0;
}

static void queue(struct ring *ring, struct sqe sqe)
{
	static const char *const kinds[] = {"arm", "arm", "arm", "arm", "arm", "send", "cancel"};
	trace(kinds[sqe.kind], sqe.tag, sqe.fd);
	if (ring->queued == ring->config.sq_entries)
		submit(ring);
	if (sqe.kind != OP_CANCEL)
		sqe.file = file_of(sqe.fd);
	ring->queue[ring->queued++] = sqe;
}

void ring_check_not_queued(int fd)
{
	for (uint32_t i = 0; the_ring && i < the_ring->queued; i++) {
		if (the_ring->queue[i].kind != OP_CANCEL && the_ring->queue[i].fd == fd)
			fake_fail("descriptor %d is closed before an operation on it was submitted", fd);
	}
}

void ring_accept(struct ring *ring, int fd, uint64_t tag)
{
	queue(ring, (struct sqe){.kind = OP_ACCEPT, .fd = fd, .tag = tag});
}

void ring_recv(struct ring *ring, int fd, uint64_t tag)
{
	queue(ring, (struct sqe){.kind = OP_RECV, .fd = fd, .tag = tag});
}

void ring_recv_once(struct ring *ring, int fd, uint64_t tag)
{
	queue(ring, (struct sqe){.kind = OP_RECV_ONCE, .fd = fd, .tag = tag});
}

/* IO_POLL_UNMASK of the kernel's io_uring/poll.c: these always count */
enum { ALWAYS = POLLERR | POLLHUP | POLLRDHUP };

void ring_poll(struct ring *ring, int fd, uint32_t events, uint64_t tag)
{
	queue(ring, (struct sqe){.kind = OP_POLL, .fd = fd, .tag = tag, .events = events | ALWAYS});
}

void ring_poll_edges(struct ring *ring, int fd, uint32_t events, uint64_t tag)
{
	queue(ring, (struct sqe){.kind = OP_POLL_EDGES, .fd = fd, .tag = tag, .events = events | ALWAYS});
}

void ring_send(struct ring *ring, int fd, const struct iovec *iov, uint32_t iov_count, uint64_t tag)
{
	queue(ring, (struct sqe){.kind = OP_SEND, .fd = fd, .tag = tag, .iov = iov, .iov_count = iov_count});
}

void ring_cancel(struct ring *ring, uint64_t tag)
{
	queue(ring, (struct sqe){.kind = OP_CANCEL, .fd = -1, .tag = tag});
}

/* ---- the turn ---- */

/* pick - a completion that is mature and the first of its operation; posted_count when there is none */
static uint32_t pick(void)
{
	uint32_t mature[64], count = 0;
	for (uint32_t i = 0; i < posted_count && count < ARRAY_COUNT(mature); i++) {
		if (posted[i].mature_tick <= kernel.ticks)
			mature[count++] = i;
	}
	if (count == 0)
		return posted_count;
	uint32_t chosen = mature[kernel.options.chances.delay ? fake_random(count) : 0];
	for (uint32_t i = 0; i < chosen; i++) {
		if (posted[i].id == posted[chosen].id)
			return i;
	}
	return chosen;
}

static uint32_t hand_out(struct ring *ring, ring_complete_fn *complete, void *ctx)
{
	uint32_t count = 0, i;
	while ((i = pick()) < posted_count) {
		struct completion completion = posted[i].completion;
		memmove(&posted[i], &posted[i + 1], (--posted_count - i) * sizeof(posted[0]));
		if (completion.flags & COMPLETION_BUFFER) {
			ring->states[completion.buffer] = BUFFER_LOANED;
			ring->posted_buffers--;
			ring->loaned++;
		}
		trace(completion.flags & COMPLETION_MORE ? "more" : "last", completion.tag, completion.result);
		complete(ctx, &completion);
		count++;
	}
	check_buffers(ring);
	return count;
}

/* sleep_until - let time pass until something is mature; in one leap when nothing moves */
static void sleep_until(uint64_t at_ns)
{
	while (kernel.now_ns < at_ns && pick() == posted_count) {
		uint64_t left = at_ns - kernel.now_ns, step = 1000 + fake_random(50000);
		kernel.now_ns += kernel.in_motion && step < left ? step : left;
		kernel.idle_turns = 0;
		tick();
	}
}

int ring_turn(struct ring *ring, uint64_t until_ns, ring_complete_fn *complete, void *ctx)
{
	kernel.turns++;
	kernel.now_ns += 1000;
	if (++kernel.idle_turns > IDLE_TURNS_MAX)
		fake_fail("%d turns and nothing happened: it spins", IDLE_TURNS_MAX);
	show_buffers(ring);
	submit(ring);
	tick();
	uint64_t limit = until_ns < kernel.horizon_ns ? until_ns : kernel.horizon_ns;
	sleep_until(limit);
	uint32_t count = hand_out(ring, complete, ctx);
	kernel.asleep = count == 0 && until_ns > kernel.horizon_ns;
	return 0;
}
