/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a tap: each is offered once, and mirrored, held or skipped at once. */
#include <errno.h>

#include "base/check.h"
#include "io/errno_table.h"
#include "relay/mirror/mirror.h"
#include "relay/worker.h"

/* tap_of - the tap of the flow from @source, accounted for; NULL: nothing of it is to be copied, or all is
 * skipped */
static struct tap *tap_of(struct worker *worker, struct session *session, enum side source, size_t size)
{
	struct tap *tap = &session->mirror->taps[source];
	if (tap->state == TAP_NONE)
		return NULL;
	tap_settle(worker, tap);
	bool yields = tap_config(worker, tap)->when_busy == CONFIG_MIRROR_YIELD;
	if (tap->state < TAP_CLOSING && (!yields || share_admits(worker)))
		return tap;
	tap_skip(worker, tap, size);
	return NULL;
}

/* room_to_hold - bytes that may still be held; only what comes before the tap is open is */
static size_t room_to_hold(const struct worker *worker, const struct tap *tap)
{
	size_t memory = spill_pool_free_bytes(&worker->mirrors.held);
	size_t room = TAP_HOLD_BYTES > tap->held_size ? TAP_HOLD_BYTES - tap->held_size : 0;
	if (tap->state >= TAP_OPEN) /* or over, by the very flush that was to make room */
		return 0;
	return room < memory ? room : memory;
}

/* hold - keep what there is room for, from the front, and skip the rest */
static void hold(struct worker *worker, struct tap *tap, const struct iovec *iov, uint32_t iov_count,
                 size_t size)
{
	size_t room = room_to_hold(worker, tap), kept = 0;
	for (uint32_t i = 0; i < iov_count && kept < room; i++) {
		size_t n = iov[i].iov_len < room - kept ? iov[i].iov_len : room - kept;
		CHECK(spill_append(&worker->mirrors.held, &tap->held, iov[i].iov_base, n));
		kept += n;
	}
	tap->held_size += (uint32_t)kept;
	tap_skip(worker, tap, size - kept);
}

/* clear_tap - the tap that takes these bytes at once; NULL: they are held, skipped, or not to be copied */
static struct tap *clear_tap(struct worker *worker, struct session *session, enum side source,
                             const struct iovec *iov, uint32_t iov_count, size_t size)
{
	struct tap *tap = tap_of(worker, session, source, size);
	if (!tap || tap_flush(worker, tap))
		return tap;
	hold(worker, tap, iov, iov_count, size);
	return NULL;
}

void mirror_queue(struct worker *worker, struct session *session, enum side source, const struct iovec *iov,
                  uint32_t iov_count, size_t size)
{
	struct tap *tap = clear_tap(worker, session, source, iov, iov_count, size);
	if (!tap)
		return;
	tap->iov = iov;
	tap->iov_count = iov_count;
	tap->size = tap->sent = (uint32_t)size;
	tap->queued_turn = worker->turn;
	list_append(&worker->mirrors.queued, &tap->link);
}

void mirror_send(struct worker *worker, struct session *session, enum side source, const struct iovec *iov,
                 uint32_t iov_count, size_t size)
{
	struct tap *tap = clear_tap(worker, session, source, iov, iov_count, size);
	if (!tap)
		return;
	ssize_t n = sys_send(tap->fd, iov, iov_count, 0);
	if (n < 0 && io_outcome(IO_OP_SEND, (int)n) != IO_RETRY)
		tap_broken(worker, tap);
	size_t sent = n > 0 ? (size_t)n : 0;
	tap_count(worker, tap, sent);
	tap_skip(worker, tap, size - sent);
}

/* room_to_send - as the bulk lane asks a careful flow's receiver: what is left in the pipe then is next to
 * nothing */
static size_t room_to_send(const struct tap *tap)
{
	struct sys_send_space space;
	if (sys_send_space(tap->fd, &space) < 0)
		return SPILL_CHUNK_SIZE;
	if (space.free < space.limit / 4) {
		tap_drain(tap);
		return 0;
	}
	return space.free - space.free / 8;
}

size_t mirror_tee(struct worker *worker, struct session *session, enum side source, size_t size)
{
	struct tap *tap = tap_of(worker, session, source, size);
	if (!tap)
		return 0;
	size_t room = tap_flush(worker, tap) ? room_to_send(tap) : room_to_hold(worker, tap);
	size_t want = room < size ? room : size;
	ssize_t n = want ? sys_tee(worker->pipe_fds[0], worker->mirrors.pipe_fds[1], want) : 0;
	size_t teed = n > 0 ? (size_t)n : 0;
	tap_skip(worker, tap, size - teed);
	return teed;
}

struct pipe_part {
	int pipe_fd;
	size_t left;
};

static ssize_t read_pipe(void *ctx, void *buffer, size_t size)
{
	const struct pipe_part *part = ctx;
	return sys_read(part->pipe_fd, buffer, size < part->left ? size : part->left);
}

/* hold_pipe - the same as hold(), from the mirrors' pipe; bytes that were kept */
static size_t hold_pipe(struct worker *worker, struct tap *tap, size_t size)
{
	struct mirrors *mirrors = &worker->mirrors;
	size_t kept = 0;
	while (kept < size && room_to_hold(worker, tap) > 0) {
		struct pipe_part part = {mirrors->pipe_fds[0], size - kept};
		ssize_t n = spill_append_with(&mirrors->held, &tap->held, read_pipe, &part);
		CHECK(n > 0); /* the pipe has it, and room_to_hold() has seen a chunk */
		tap->held_size += (uint32_t)n;
		kept += (size_t)n;
	}
	return kept;
}

static size_t send_pipe(struct worker *worker, struct tap *tap, size_t size)
{
	size_t done = 0;
	while (done < size) {
		ssize_t n = sys_splice_out(worker->mirrors.pipe_fds[0], tap->fd, size - done);
		if (n < 0 && io_outcome(IO_OP_SEND, (int)n) != IO_RETRY)
			tap_broken(worker, tap);
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	tap_count(worker, tap, done);
	return done;
}

void mirror_push(struct worker *worker, struct session *session, enum side source, size_t size)
{
	struct mirrors *mirrors = &worker->mirrors;
	struct tap *tap = &session->mirror->taps[source];
	size_t left = size;
	if (tap->state == TAP_OPEN)
		left -= send_pipe(worker, tap, size);
	else if (tap->state < TAP_CLOSING)
		left -= hold_pipe(worker, tap, size);
	for (size_t gone = 0; gone < left;) {
		ssize_t n = sys_discard(mirrors->pipe_fds[0], mirrors->null_fd, left - gone);
		CHECK(n > 0); /* the pipe has it, and /dev/null takes everything */
		gone += (size_t)n;
	}
	tap_skip(worker, tap, left);
}
