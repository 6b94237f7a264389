/* SPDX-License-Identifier: Apache-2.0 */
/* The life of taps: from a session that opens to the FIN behind its last copied byte. */
#include "relay/mirror/mirror.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/sm.h"
#include "io/errno_table.h"
#include "relay/greeting.h"
#include "relay/worker.h"

_Static_assert(offsetof(struct mirror, taps) == 0, "mirror_of() counts on it");

static const struct sm_state states[TAP_STATE_COUNT] = {
        [TAP_NONE] = {"none", SM_BIT(TAP_WAITING) | SM_BIT(TAP_GONE)},
        [TAP_WAITING] = {"waiting", SM_BIT(TAP_CONNECTING) | SM_BIT(TAP_CLOSING)},
        [TAP_CONNECTING] = {"connecting", SM_BIT(TAP_OPEN) | SM_BIT(TAP_CLOSING)},
        [TAP_OPEN] = {"open", SM_BIT(TAP_CLOSING)},
        [TAP_CLOSING] = {"closing", SM_BIT(TAP_GONE)},
        [TAP_GONE] = {"gone", 0},
};

static const struct sm machine = {"tap", states, TAP_STATE_COUNT};

static void set_state(struct tap *tap, enum tap_state state)
{
	sm_move(&machine, tap, &tap->state, (uint8_t)state);
}

static uint64_t tap_tag(const struct worker *worker, struct tap *tap, enum tag_kind kind)
{
	const struct mirror *mirror = mirror_of(tap);
	return tag_pack((struct tag){
	        .kind = (uint8_t)kind,
	        .side = tap->side,
	        .generation = slab_generation(mirror),
	        .index = slab_index(&worker->mirrors.slab, mirror),
	});
}

const struct config_mirror *tap_config(const struct worker *worker, struct tap *tap)
{
	return &worker->plan->config->relays[mirror_of(tap)->relay].mirror;
}

/* ---- accounts ---- */

void tap_count(struct worker *worker, struct tap *tap, size_t size)
{
	tap->mirrored += size;
	counter_add(worker->counters, COUNTER_MIRRORED, size);
}

static void count_skipped(struct worker *worker, struct tap *tap, size_t size)
{
	tap->skipped += size;
	counter_add(worker->counters, COUNTER_MIRROR_SKIPPED, size);
}

/* ---- the end of a tap ---- */

static void drop_held(struct worker *worker, struct tap *tap)
{
	spill_drop(&worker->mirrors.held, &tap->held);
	count_skipped(worker, tap, tap->held_size - tap->header_size);
	tap->held_size = tap->header_size = 0;
}

/* close_tap - no way back; the rest happens in finish_closing() */
static void close_tap(struct worker *worker, struct tap *tap)
{
	if (tap->state == TAP_WAITING)
		sockets_forget(&worker->sockets, worker->plan->mirror_targets[mirror_of(tap)->relay],
		               &tap->link);
	drop_held(worker, tap);
	set_state(tap, TAP_CLOSING);
	if (tap->polling) {
		ring_cancel(worker->ring, tap_tag(worker, tap, TAG_KIND_MIRROR_POLL));
		tap->queued_turn = worker->turn;
	}
	list_remove(&tap->due);
	list_append(&worker->mirrors.closing, &tap->due);
}

static void fail(struct worker *worker, struct tap *tap)
{
	/* Once a turn: all copies for a receiver break at once, and the log has other records. A relay's first route is
	 * its own: plan.h. */
	if (worker->mirrors.told_turn != worker->turn)
		worker_tell(worker, &(struct record){.kind = RECORD_MIRROR_FAILED, .route = mirror_of(tap)->relay});
	worker->mirrors.told_turn = worker->turn;
	counter_add(worker->counters, COUNTER_MIRROR_FAILURES, 1);
	close_tap(worker, tap);
}

void tap_broken(struct worker *worker, struct tap *tap)
{
	if (tap->state < TAP_CLOSING)
		fail(worker, tap);
}

/* unreachable - it could not be connected: nor could those that come right after it */
static void unreachable(struct worker *worker, struct tap *tap)
{
	worker->mirrors.relays[mirror_of(tap)->relay].retry_ms = worker->now_ms + MIRROR_RETRY_MS;
	fail(worker, tap);
}

void tap_skip(struct worker *worker, struct tap *tap, size_t size)
{
	if (size == 0)
		return;
	count_skipped(worker, tap, size);
	if (tap->state >= TAP_CLOSING || tap_config(worker, tap)->when_slow != CONFIG_MIRROR_DROP)
		return;
	tap->reset = true;
	fail(worker, tap);
}

static void arm_timer(struct worker *worker)
{
	struct mirrors *mirrors = &worker->mirrors;
	if (list_empty(&mirrors->waiting))
		timer_disarm(&worker->wheel, &mirrors->timer);
	else
		timer_arm(&worker->wheel, &mirrors->timer,
		          LIST_ENTRY(mirrors->waiting.next, struct tap, due)->due_ms);
}

/* be_patient - all taps are so for the same time, so that their list is in order */
static void be_patient(struct worker *worker, struct tap *tap)
{
	tap->due_ms = worker->now_ms + TAP_PATIENCE_MS;
	list_remove(&tap->due);
	list_append(&worker->mirrors.waiting, &tap->due);
	arm_timer(worker);
}

void mirrors_fired(struct worker *worker)
{
	struct list *waiting = &worker->mirrors.waiting;
	while (!list_empty(waiting)) {
		struct tap *tap = LIST_ENTRY(waiting->next, struct tap, due);
		if (tap->due_ms > worker->now_ms)
			break;
		if (tap->state == TAP_OPEN)
			fail(worker, tap);
		else
			unreachable(worker, tap);
	}
	arm_timer(worker);
}

/* end_if_done - close the tap of a flow that has ended, once it has nothing left to send */
static void end_if_done(struct worker *worker, struct tap *tap)
{
	bool live = tap->state > TAP_NONE && tap->state < TAP_CLOSING, sending = tap->iov;
	if (tap->flow_ended && live && !sending && tap->held_size == 0)
		close_tap(worker, tap);
}

static void end_tap(struct worker *worker, struct tap *tap)
{
	if (tap->flow_ended)
		return;
	tap->flow_ended = true;
	tap_settle(worker, tap);
	if (tap->state == TAP_OPEN)
		tap_flush(worker, tap);
	end_if_done(worker, tap);
	if (tap->held_size > 0)
		be_patient(worker, tap); /* once more: from now on */
}

void tap_drain(const struct tap *tap)
{
	enum { DRAIN_ROUNDS = 16 };
	char buffer[SPILL_CHUNK_SIZE];
	for (int i = 0; i < DRAIN_ROUNDS && sys_recv(tap->fd, buffer, sizeof(buffer), 0) > 0; i++)
		continue;
}

static void close_socket(struct tap *tap)
{
	if (tap->fd < 0)
		return;
	if (tap->reset) {
		sys_close_reset(tap->fd);
	} else {
		tap_drain(tap); /* a close with bytes unread is a RST, which may overtake what was sent */
		sys_close(tap->fd);
	}
	tap->fd = -1;
}

static bool is_over(const struct tap *tap)
{
	return tap->state == TAP_NONE || tap->state == TAP_GONE;
}

static void release_if_over(struct worker *worker, struct mirror *mirror)
{
	if (mirror->orphaned && is_over(&mirror->taps[SIDE_CLIENT]) && is_over(&mirror->taps[SIDE_SERVER]))
		slab_give(&worker->mirrors.slab, mirror);
}

/* finish_closing - give up the descriptors that no operation holds any more */
static void finish_closing(struct worker *worker)
{
	struct list *closing = &worker->mirrors.closing;
	for (struct list *link = closing->next, *next; link != closing; link = next) {
		next = link->next;
		struct tap *tap = LIST_ENTRY(link, struct tap, due);
		if (tap->polling)
			continue;
		/* A queued operation names its file by number, which must not be free before it is
		 * submitted. */
		CHECK(tap->queued_turn != worker->turn);
		tap_settle(worker, tap);
		close_socket(tap);
		list_remove(&tap->due);
		set_state(tap, TAP_GONE);
		release_if_over(worker, mirror_of(tap));
	}
}

/* ---- what a tap sends ---- */

bool tap_flush(struct worker *worker, struct tap *tap)
{
	while (tap->state == TAP_OPEN && tap->held_size > 0) {
		ssize_t n = spill_send(&worker->mirrors.held, &tap->held, tap->fd, 0);
		if (n < 0 && io_outcome(IO_OP_SEND, (int)n) != IO_RETRY)
			tap_broken(worker, tap);
		if (n <= 0)
			break;
		uint32_t size = (uint32_t)n, header = size < tap->header_size ? size : tap->header_size;
		tap->held_size -= size;
		tap->header_size -= header;
		tap_count(worker, tap, size - header);
	}
	return tap->state == TAP_OPEN && tap->held_size == 0;
}

void tap_settle(struct worker *worker, struct tap *tap)
{
	/* How what this very turn submits will fare is not known yet. */
	if (!tap->iov || tap->queued_turn == worker->turn)
		return;
	uint32_t size = tap->size, sent = tap->sent;
	list_remove(&tap->link);
	tap->iov = NULL;
	tap->size = tap->sent = 0;
	tap_count(worker, tap, sent);
	tap_skip(worker, tap, size - sent);
	if (sent < size && tap->state == TAP_OPEN)
		tap_drain(tap);
	end_if_done(worker, tap);
}

/* cut_short - a submitted send ended with @result */
static void cut_short(struct worker *worker, struct tap *tap, int result)
{
	tap->sent = result > 0 ? (uint32_t)result : 0;
	if (result < 0 && io_outcome(IO_OP_SEND, result) != IO_RETRY)
		tap_broken(worker, tap);
}

static void submit(struct worker *worker, struct tap *tap)
{
	ring_send(worker->ring, tap->fd, tap->iov, tap->iov_count,
	          tap_tag(worker, tap, TAG_KIND_MIRROR_SEND));
	list_append(&worker->mirrors.submitted, &tap->link);
}

void mirrors_turn(struct worker *worker)
{
	struct mirrors *mirrors = &worker->mirrors;
	while (!list_empty(&mirrors->submitted))
		tap_settle(worker, LIST_ENTRY(mirrors->submitted.next, struct tap, link));
	for (struct list *link; (link = list_shift(&mirrors->queued));)
		submit(worker, LIST_ENTRY(link, struct tap, link));
	finish_closing(worker);
}

/* ---- connecting ---- */

static void opened(struct worker *worker, struct tap *tap)
{
	set_state(tap, TAP_OPEN);
	list_remove(&tap->due);
	tap_flush(worker, tap);
	end_if_done(worker, tap);
	if (tap->state == TAP_OPEN && tap->flow_ended)
		be_patient(worker, tap);
}

/* connect_tap - with a socket at hand, which of a unix target came connected */
static void connect_tap(struct worker *worker, struct tap *tap, int fd)
{
	const struct endpoint *to = &tap_config(worker, tap)->to;
	tap->fd = fd;
	set_state(tap, TAP_CONNECTING);
	int rc = to->addr.family == AF_UNIX ? 0 : upstream_dial(fd, &to->addr.any, to->addr_len);
	if (rc == 0) {
		opened(worker, tap);
	} else if (io_outcome(IO_OP_CONNECT, rc) == IO_RETRY) {
		ring_poll(worker->ring, fd, POLLOUT, tap_tag(worker, tap, TAG_KIND_MIRROR_POLL));
		tap->polling = true;
		tap->queued_turn = worker->turn;
	} else {
		unreachable(worker, tap);
	}
}

void mirror_socket_ready(struct worker *worker, struct list *waiter, int fd)
{
	struct tap *tap = LIST_ENTRY(waiter, struct tap, link);
	if (fd < 0)
		unreachable(worker, tap);
	else
		connect_tap(worker, tap, fd);
}

static void polled(struct worker *worker, struct tap *tap, int result)
{
	tap->polling = false;
	if (tap->state != TAP_CONNECTING)
		return;
	if (result < 0 || sys_socket_error(tap->fd) < 0)
		unreachable(worker, tap);
	else
		opened(worker, tap);
}

void mirror_completed(struct worker *worker, struct tag tag, const struct completion *completion)
{
	struct mirror *mirror = slab_find(&worker->mirrors.slab, tag.index, tag.generation);
	if (!mirror)
		return;
	if (tag.kind == TAG_KIND_MIRROR_SEND)
		cut_short(worker, &mirror->taps[tag.side], completion->result);
	else
		polled(worker, &mirror->taps[tag.side], completion->result);
}

/* ---- the beginning ---- */

bool mirror_wants_peer(const struct worker *worker, const struct session *session)
{
	const struct config_relay *relay = worker_relay(worker, session);
	const struct config_mirror *mirror = &relay->mirror;
	return config_relay_mirrors(relay) &&
	       (mirror->header != CONFIG_MIRROR_PLAIN || mirror->from.count > 0);
}

/* is_from - is the client one of @set's? One without an address, as of a unix socket, is in none. */
static bool is_from(const struct cidr_set *set, const struct session_peer *peer)
{
	struct cidr_address address;
	if (set->count == 0)
		return true;
	return cidr_address_set(&address, peer->family, peer->address) && cidr_set_has(set, &address);
}

/* chosen - is @session one of those that are copied? */
static bool chosen(const struct worker *worker, const struct session *session)
{
	uint32_t relay = worker->plan->listeners[session->listener].relay;
	uint32_t fraction = worker->plan->config->relays[relay].mirror.fraction;
	return is_from(&worker->mirrors.relays[relay].from, &session->peer) &&
	       (fraction == CONFIG_FRACTION_ALL || sys_random() % CONFIG_FRACTION_ALL < fraction);
}

static bool copies(enum config_mirror_direction direction, enum side source)
{
	return direction == CONFIG_MIRROR_BOTH || (direction == CONFIG_MIRROR_UP) == (source == SIDE_CLIENT);
}

/* put_header - what the receiver is told first. A pool without room for it is out of memory for a tap
 * altogether. */
static bool put_header(struct worker *worker, const struct session *session, struct tap *tap)
{
	uint8_t buf[PROXY_ENCODED_MAX];
	if (tap_config(worker, tap)->header == CONFIG_MIRROR_PLAIN)
		return true;
	size_t size = greeting_write(worker, session, CONFIG_PROXY_V2, tap->side == SIDE_SERVER, buf);
	if (!spill_append(&worker->mirrors.held, &tap->held, buf, size))
		return false;
	tap->held_size = tap->header_size = (uint32_t)size;
	return true;
}

static void begin_tap(struct worker *worker, const struct session *session, struct tap *tap)
{
	uint32_t relay = mirror_of(tap)->relay;
	if (worker->now_ms < worker->mirrors.relays[relay].retry_ms || !put_header(worker, session, tap)) {
		set_state(tap, TAP_GONE);
		return;
	}
	set_state(tap, TAP_WAITING);
	be_patient(worker, tap);
	int fd = sockets_take(&worker->sockets, worker->plan->mirror_targets[relay], &tap->link);
	if (fd >= 0)
		connect_tap(worker, tap, fd);
}

/* send_early - what was read before the session was open; the header for its backend, in front of that, is
 * not the flow's */
static void send_early(struct worker *worker, struct session *session)
{
	enum { PIECES = 16 };
	struct iovec iov[PIECES];
	const struct flow *flow = &session->flows[SIDE_CLIENT];
	uint32_t count = (uint32_t)spill_view(&flow->residue, iov, PIECES), first = 0;
	size_t size = 0;
	for (uint32_t i = 0; i < count; i++)
		size += iov[i].iov_len;
	for (size_t skip = size > flow->bytes ? size - flow->bytes : 0; skip > 0; first++) {
		size_t n = skip < iov[first].iov_len ? skip : iov[first].iov_len;
		iov[first] = (struct iovec){(char *)iov[first].iov_base + n, iov[first].iov_len - n};
		size -= n;
		skip -= n;
		if (iov[first].iov_len > 0)
			break;
	}
	if (size > 0)
		mirror_send(worker, session, SIDE_CLIENT, iov + first, count - first, size);
}

void mirror_begin(struct worker *worker, struct session *session)
{
	const struct config_mirror *config = &worker_relay(worker, session)->mirror;
	struct mirror *mirror = chosen(worker, session) ? slab_take(&worker->mirrors.slab) : NULL;
	if (!mirror)
		return;
	mirror->relay = worker->plan->listeners[session->listener].relay;
	session->mirror = mirror;
	for (int i = 0; i < SIDE_COUNT; i++) {
		struct tap *tap = &mirror->taps[i];
		tap->fd = -1;
		tap->side = (uint8_t)i;
		tap->queued_turn = worker->turn - 1;
		list_init(&tap->link);
		list_init(&tap->due);
		if (copies(config->direction, (enum side)i))
			begin_tap(worker, session, tap);
	}
	send_early(worker, session);
}

void mirror_flow_ended(struct worker *worker, struct session *session, enum side source)
{
	end_tap(worker, &session->mirror->taps[source]);
}

struct mirror_sums mirror_end(struct worker *worker, struct session *session)
{
	struct mirror *mirror = session->mirror;
	struct mirror_sums sums = {.wanted = true};
	for (int i = 0; i < SIDE_COUNT; i++) {
		struct tap *tap = &mirror->taps[i];
		end_tap(worker, tap);
		sums.mirrored += tap->mirrored + tap->held_size - tap->header_size;
		sums.skipped += tap->skipped;
	}
	mirror->orphaned = true;
	session->mirror = NULL;
	release_if_over(worker, mirror);
	return sums;
}

/* ---- all of a thread ---- */

static int open_relays(struct mirrors *mirrors, const struct config *config)
{
	int rc = 0;
	mirrors->relays = calloc(config->relay_count + 1, sizeof(*mirrors->relays));
	if (!mirrors->relays)
		return -ENOMEM;
	for (mirrors->relay_count = 0; mirrors->relay_count < config->relay_count && rc == 0;
	     mirrors->relay_count++) {
		const struct config_cidrs *from = &config->relays[mirrors->relay_count].mirror.from;
		rc = cidr_set_init(&mirrors->relays[mirrors->relay_count].from, from->items, from->count);
	}
	return rc;
}

size_t mirrors_memory(const struct config *config)
{
	size_t size = config->relay_count * sizeof(struct mirror_relay);
	for (size_t i = 0; i < config->relay_count; i++)
		size += config->relays[i].mirror.from.count * sizeof(struct cidr_range);
	return size;
}

static int open_memory(struct mirrors *mirrors, const struct limits *limits)
{
	int rc = slab_init(&mirrors->slab, sizeof(struct mirror), sizeof(struct mirror), limits->mirrors);
	return rc < 0 ? rc : spill_pool_init(&mirrors->held, LIMIT_MIRROR_CHUNKS);
}

int mirrors_open(struct mirrors *mirrors, const struct limits *limits, const struct plan *plan)
{
	mirrors->null_fd = -1;
	list_init(&mirrors->queued);
	list_init(&mirrors->submitted);
	list_init(&mirrors->waiting);
	list_init(&mirrors->closing);
	timer_init(&mirrors->timer);
	share_open(&mirrors->share);
	mirrors->null_fd = sys_open_null();
	if (mirrors->null_fd < 0)
		return mirrors->null_fd;
	int rc = open_relays(mirrors, plan->config);
	return rc < 0 || !limits->mirrors ? rc : open_memory(mirrors, limits);
}

void mirrors_close(struct mirrors *mirrors)
{
	uint32_t index = 0;
	for (struct mirror *mirror; (mirror = slab_next(&mirrors->slab, &index));) {
		close_socket(&mirror->taps[SIDE_CLIENT]);
		close_socket(&mirror->taps[SIDE_SERVER]);
	}
	sys_close(mirrors->pipe_fds[0]);
	sys_close(mirrors->pipe_fds[1]);
	if (mirrors->null_fd >= 0)
		sys_close(mirrors->null_fd);
	share_close(&mirrors->share);
	mirrors_forget(mirrors);
}

/* ---- one configuration after the other ---- */

int mirrors_prepare(struct mirrors *ret, const struct mirrors *old, const struct config *config,
                    const struct limits *limits)
{
	int rc = open_relays(ret, config);
	return rc < 0 || !limits->mirrors || old->slab.base ? rc : open_memory(ret, limits);
}

void mirrors_inherit(struct mirrors *mirrors, struct mirrors *heir, const uint32_t *relays)
{
	struct mirror_relay *left = mirrors->relays;
	size_t left_count = mirrors->relay_count;
	uint32_t index = 0;
	for (struct mirror *mirror; mirrors->slab.base && (mirror = slab_next(&mirrors->slab, &index));) {
		/* One whose relay is gone is over, and asks nothing of it. */
		uint32_t relay = relays[mirror->relay];
		mirror->relay = relay < heir->relay_count ? relay : 0;
	}
	if (heir->slab.base) {
		mirrors->slab = heir->slab;
		mirrors->held = heir->held;
		heir->slab = (struct slab){0};
		heir->held = (struct spill_pool){0};
	}
	for (size_t i = 0; i < left_count; i++) {
		if (relays[i] < heir->relay_count)
			heir->relays[relays[i]].retry_ms = left[i].retry_ms;
	}
	mirrors->relays = heir->relays;
	mirrors->relay_count = heir->relay_count;
	heir->relays = left;
	heir->relay_count = left_count;
}

void mirrors_forget(struct mirrors *heir)
{
	for (size_t i = 0; i < heir->relay_count; i++)
		cidr_set_fini(&heir->relays[i].from);
	free(heir->relays);
	heir->relays = NULL;
	heir->relay_count = 0;
	spill_pool_fini(&heir->held);
	slab_fini(&heir->slab);
}

void mirrors_end(struct worker *worker, uint32_t relay)
{
	uint32_t index = 0;
	for (struct mirror *mirror; (mirror = slab_next(&worker->mirrors.slab, &index));) {
		for (int i = 0; mirror->relay == relay && i < SIDE_COUNT; i++) {
			struct tap *tap = &mirror->taps[i];
			if (tap->state != TAP_NONE && tap->state < TAP_CLOSING)
				close_tap(worker, tap);
		}
	}
}
