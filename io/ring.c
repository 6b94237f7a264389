/* SPDX-License-Identifier: Apache-2.0 */
#include "io/ring.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include "base/check.h"
#include "io/probe.h"
#include "io/tag.h"
#include "io/uapi.h"

enum { BUFFER_GROUP = 0 };

struct ring {
	struct io_uring uring;
	struct io_uring_buf_ring *buffers;
	unsigned char *buffer_memory;
	uint32_t buffer_count, buffer_size;
	uint32_t returned; /* buffers written to the buffer ring, not yet shown to the kernel */
	uint32_t loaned;
	struct msghdr *messages; /* one for each submission slot, read by the kernel at submission */
};

/* What the kernel lets this ring do, once enabled: a taken-over process gets no more than this out of it. */
static const uint8_t allowed_operations[] = {
	IORING_OP_ACCEPT, IORING_OP_RECV,    IORING_OP_SEND,
	IORING_OP_SENDMSG, IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL,
};

static uint32_t setup_flags(const struct io_features *features)
{
	uint32_t flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL;
	if (features->restrictions)
		flags |= IORING_SETUP_R_DISABLED;
	if (features->single_issuer)
		flags |= IORING_SETUP_SINGLE_ISSUER;
	if (features->defer_taskrun)
		flags |= IORING_SETUP_DEFER_TASKRUN;
	else if (features->coop_taskrun)
		flags |= IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
	return flags;
}

static int restrict_operations(struct ring *ring, struct err *err)
{
	struct io_uring_restriction rules[ARRAY_COUNT(allowed_operations) + 1] = {0};
	size_t count = 0;
	for (; count < ARRAY_COUNT(allowed_operations); count++) {
		rules[count].opcode = IORING_RESTRICTION_SQE_OP;
		rules[count].sqe_op = allowed_operations[count];
	}
	rules[count].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	rules[count++].sqe_flags = IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS;
	int rc = uapi_ring_restrict(&ring->uring, rules, (unsigned)count);
	if (rc < 0)
		return err_set(err, -rc, "restrict io_uring: %s", strerror(-rc));
	rc = uapi_ring_enable(&ring->uring);
	if (rc < 0)
		return err_set(err, -rc, "enable io_uring: %s", strerror(-rc));
	return 0;
}

static void *map_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

static int open_buffers(struct ring *ring, struct err *err)
{
	size_t ring_size = ring->buffer_count * sizeof(struct io_uring_buf);
	ring->buffers = map_memory(ring_size);
	ring->buffer_memory = map_memory((size_t)ring->buffer_count * ring->buffer_size);
	if (!ring->buffers || !ring->buffer_memory)
		return err_set(err, ENOMEM, "receive buffers: out of memory");
	struct io_uring_buf_reg reg = {
		.ring_addr = (uint64_t)(uintptr_t)ring->buffers,
		.ring_entries = ring->buffer_count,
		.bgid = BUFFER_GROUP,
	};
	int rc = io_uring_register_buf_ring(&ring->uring, &reg, 0);
	if (rc < 0)
		return err_set(err, -rc, "register receive buffers: %s", strerror(-rc));
	io_uring_buf_ring_init(ring->buffers);
	ring->loaned = ring->buffer_count;
	for (uint32_t i = 0; i < ring->buffer_count; i++)
		ring_buffer_return(ring, (uint16_t)i);
	return 0;
}

static int open_uring(struct ring *ring, const struct ring_config *config, struct err *err)
{
	struct io_uring_params params = {
		.flags = setup_flags(config->features),
		.cq_entries = config->cq_entries,
	};
	int rc = io_uring_queue_init_params(config->sq_entries, &ring->uring, &params);
	if (rc < 0) {
		ring->uring.ring_fd = -1;
		return err_set(err, -rc, "io_uring_setup: %s%s", strerror(-rc),
			       rc == -ENOMEM ? "; raise RLIMIT_MEMLOCK (ulimit -l)" : "");
	}
	ring->messages = calloc(*ring->uring.sq.kring_entries, sizeof(*ring->messages));
	return ring->messages ? 0 : err_set(err, ENOMEM, "io_uring: out of memory");
}

struct ring *ring_open(const struct ring_config *config, struct err *err)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	if (!ring) {
		err_set(err, ENOMEM, "io_uring: out of memory");
		return NULL;
	}
	ring->uring.ring_fd = -1;
	ring->buffer_count = config->buffer_count;
	ring->buffer_size = config->buffer_size;
	if (open_uring(ring, config, err) < 0 || open_buffers(ring, err) < 0)
		goto fail;
	if (config->features->restrictions && restrict_operations(ring, err) < 0)
		goto fail;
	return ring;
fail:
	ring_close(ring);
	return NULL;
}

void ring_close(struct ring *ring)
{
	if (!ring)
		return;
	if (ring->uring.ring_fd >= 0)
		io_uring_queue_exit(&ring->uring);
	if (ring->buffers)
		munmap(ring->buffers, ring->buffer_count * sizeof(struct io_uring_buf));
	if (ring->buffer_memory)
		munmap(ring->buffer_memory, (size_t)ring->buffer_count * ring->buffer_size);
	free(ring->messages);
	free(ring);
}

/* take_sqe - a free submission slot; a full queue is submitted first, without waiting */
static struct io_uring_sqe *take_sqe(struct ring *ring)
{
	struct io_uring_sqe *sqe;
	while (!(sqe = io_uring_get_sqe(&ring->uring))) {
		int rc = io_uring_submit(&ring->uring);
		CHECK(rc > 0 || rc == -EINTR || rc == -EAGAIN || rc == -EBUSY);
	}
	return sqe;
}

void ring_accept(struct ring *ring, int fd, uint64_t tag)
{
	struct io_uring_sqe *sqe = take_sqe(ring);
	io_uring_prep_multishot_accept(sqe, fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	sqe->user_data = tag;
}

static void select_buffer(struct io_uring_sqe *sqe, uint64_t tag)
{
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = BUFFER_GROUP;
	sqe->user_data = tag;
}

void ring_recv(struct ring *ring, int fd, uint64_t tag)
{
	struct io_uring_sqe *sqe = take_sqe(ring);
	io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
	select_buffer(sqe, tag);
}

void ring_recv_once(struct ring *ring, int fd, uint64_t tag)
{
	struct io_uring_sqe *sqe = take_sqe(ring);
	io_uring_prep_recv(sqe, fd, NULL, 0, 0); /* no size: the buffer's */
	select_buffer(sqe, tag);
}

void ring_poll(struct ring *ring, int fd, uint32_t events, uint64_t tag)
{
	struct io_uring_sqe *sqe = take_sqe(ring);
	io_uring_prep_poll_add(sqe, fd, events);
	sqe->user_data = tag;
}

void ring_poll_edges(struct ring *ring, int fd, uint32_t events, uint64_t tag)
{
	struct io_uring_sqe *sqe = take_sqe(ring);
	io_uring_prep_poll_multishot(sqe, fd, events);
	sqe->user_data = tag;
}

/* MSG_WAITALL makes a short send post a completion although successes are skipped; MSG_DONTWAIT keeps it from waiting. */
enum { SEND_FLAGS = MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL };

void ring_send(struct ring *ring, int fd, const struct iovec *iov, uint32_t iov_count, uint64_t tag)
{
	struct io_uring_sqe *sqe = take_sqe(ring);
	if (iov_count == 1) {
		io_uring_prep_send(sqe, fd, iov->iov_base, iov->iov_len, SEND_FLAGS);
	} else {
		struct msghdr *message = &ring->messages[sqe - ring->uring.sq.sqes];
		*message = (struct msghdr){.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = iov_count};
		io_uring_prep_sendmsg(sqe, fd, message, SEND_FLAGS);
	}
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = tag;
}

void ring_cancel(struct ring *ring, uint64_t tag)
{
	struct io_uring_sqe *sqe = take_sqe(ring);
	io_uring_prep_cancel64(sqe, tag, 0);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = tag_pack((struct tag){.kind = TAG_KIND_IGNORE});
}

/* show_buffers - let the kernel see the buffers returned since the last turn */
static void show_buffers(struct ring *ring)
{
	if (ring->returned)
		io_uring_buf_ring_advance(ring->buffers, (int)ring->returned);
	ring->returned = 0;
}

static struct completion translate(struct ring *ring, const struct io_uring_cqe *cqe)
{
	struct completion completion = {
		.tag = cqe->user_data,
		.result = cqe->res,
		.flags = cqe->flags & IORING_CQE_F_MORE ? COMPLETION_MORE : 0,
		.buffer = RING_NO_BUFFER,
	};
	if (cqe->flags & IORING_CQE_F_BUFFER) {
		completion.flags |= COMPLETION_BUFFER;
		completion.buffer = (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
		ring->loaned++;
	}
	return completion;
}

/* drain - hand out what is in the completion queue */
static void drain(struct ring *ring, ring_complete_fn *complete, void *ctx)
{
	struct io_uring_cqe *cqe;
	while (io_uring_peek_cqe(&ring->uring, &cqe) == 0 && cqe) {
		struct completion completion = translate(ring, cqe);
		io_uring_cqe_seen(&ring->uring, cqe);
		if (tag_unpack(completion.tag).kind != TAG_KIND_IGNORE)
			complete(ctx, &completion);
	}
}

/*
 * drain_fully - drain, and fetch what overflowed the queue until nothing is left behind
 * A failed send's completion may be among what overflowed, so a turn may not end before it is out.
 */
static void drain_fully(struct ring *ring, ring_complete_fn *complete, void *ctx)
{
	drain(ring, complete, ctx);
	while (io_uring_cq_has_overflow(&ring->uring)) {
		io_uring_get_events(&ring->uring);
		drain(ring, complete, ctx);
	}
}

static uint64_t monotonic_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* submit_and_wait - one io_uring_enter(2); an outcome that only means "no completion yet" is 0 */
static int submit_and_wait(struct ring *ring, uint64_t until_ns)
{
	struct io_uring_cqe *cqe;
	struct __kernel_timespec timeout, *limit = NULL;
	uint64_t now = 0;
	if (until_ns != 0 && until_ns != UINT64_MAX)
		now = monotonic_ns();
	if (until_ns <= now) {
		int rc = io_uring_submit_and_get_events(&ring->uring);
		return rc < 0 ? rc : 0;
	}
	if (until_ns != UINT64_MAX) {
		timeout.tv_sec = (int64_t)((until_ns - now) / 1000000000u);
		timeout.tv_nsec = (int64_t)((until_ns - now) % 1000000000u);
		limit = &timeout;
	}
	int rc = limit ? io_uring_submit_and_wait_timeout(&ring->uring, &cqe, 1, limit, NULL)
		       : io_uring_submit_and_wait(&ring->uring, 1);
	return rc < 0 ? rc : 0;
}

int ring_turn(struct ring *ring, uint64_t until_ns, ring_complete_fn *complete, void *ctx)
{
	show_buffers(ring);
	int rc = submit_and_wait(ring, until_ns);
	/* EBUSY and EAGAIN ask for completions to be taken first, which is what comes next. */
	if (rc == -EINTR || rc == -ETIME || rc == -EAGAIN || rc == -EBUSY)
		rc = 0;
	drain_fully(ring, complete, ctx);
	return rc;
}

void *ring_buffer(const struct ring *ring, uint16_t buffer)
{
	CHECK(buffer < ring->buffer_count);
	return ring->buffer_memory + (size_t)buffer * ring->buffer_size;
}

void ring_buffer_return(struct ring *ring, uint16_t buffer)
{
	CHECK(ring->loaned > 0);
	io_uring_buf_ring_add(ring->buffers, ring_buffer(ring, buffer), ring->buffer_size, buffer,
			      io_uring_buf_ring_mask(ring->buffer_count), (int)ring->returned++);
	ring->loaned--;
}

uint32_t ring_buffers_loaned(const struct ring *ring)
{
	return ring->loaned;
}

uint32_t ring_buffer_size(const struct ring *ring)
{
	return ring->buffer_size;
}

void ring_buffers_release(struct ring *ring)
{
	CHECK(ring->loaned == 0);
	/* Otherwise the kernel may receive into them at any system call, and their completions are not taken yet. */
	if (!(ring->uring.flags & IORING_SETUP_DEFER_TASKRUN))
		return;
	madvise(ring->buffer_memory, (size_t)ring->buffer_count * ring->buffer_size, MADV_DONTNEED);
}
