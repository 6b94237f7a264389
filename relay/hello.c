/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/hello.h"

#include "base/check.h"
#include "relay/ahead.h"
#include "relay/client_hello.h"
#include "relay/flow.h"
#include "relay/worker.h"

size_t hello_memory(const struct config *config)
{
	for (size_t i = 0; i < config->relay_count; i++) {
		if (config->relays[i].sni.count > 0)
			return sizeof(struct client_hello);
	}
	return 0;
}

bool hello_wanted(const struct worker *worker, const struct session *session)
{
	return worker_relay(worker, session)->sni.count > 0;
}

static struct client_hello *hello_of(const struct worker *worker, const struct session *session)
{
	return &worker->hellos[slab_index(&worker->sessions, session)];
}

/* ---- the decision ---- */

static void leave(struct worker *worker, struct session *session)
{
	session->give_up_ms = 0;
	session_arm_timer(worker, session);
	session_set_state(session, SESSION_WAITING);
	upstream_begin(worker, session);
}

static void leave_unmatched(struct worker *worker, struct session *session)
{
	if (worker_relay(worker, session)->sni.unmatched == CONFIG_UNMATCHED_REFUSE)
		session_abort(worker, session, CAUSE_UNMATCHED);
	else
		leave(worker, session);
}

static void leave_named(struct worker *worker, struct session *session, const char *name)
{
	uint32_t route = plan_find_name(worker->plan, worker->plan->listeners[session->listener].relay, name);
	if (route == SNI_NONE) {
		leave_unmatched(worker, session);
		return;
	}
	session->route = route;
	leave(worker, session);
}

/* timeout_of - within which the name has to come; it begins with the first look */
static uint32_t timeout_of(const struct worker *worker, const struct session *session)
{
	return worker_relay(worker, session)->sni.timeout_ms;
}

/* decide - if what has come is enough for that */
static void decide(struct worker *worker, struct session *session)
{
	const struct client_hello *hello = hello_of(worker, session);
	const struct flow *flow = &session->flows[SIDE_CLIENT];
	if (hello->result == CLIENT_HELLO_NAMED)
		leave_named(worker, session, hello->name);
	else if (hello->result == CLIENT_HELLO_MORE && !flow->ended && flow->bytes < CLIENT_HELLO_MAX)
		ahead_await(worker, session, timeout_of(worker, session));
	else
		leave_unmatched(worker, session);
}

/* ---- bytes ---- */

/* feed_what_is_there - of the client's bytes; before them there may be the header that backends get */
static void feed_what_is_there(struct worker *worker, const struct session *session)
{
	enum { CHUNKS = 8 }; /* a header takes two at most, and what came behind it one */
	const struct flow *flow = &session->flows[SIDE_CLIENT];
	struct iovec iov[CHUNKS];
	size_t count = spill_view(&flow->residue, iov, CHUNKS), size = 0;
	CHECK(count < CHUNKS);
	for (size_t i = 0; i < count; i++)
		size += iov[i].iov_len;
	size_t skip = size - flow->bytes;
	for (size_t i = 0; i < count; i++) {
		size_t skipped = skip < iov[i].iov_len ? skip : iov[i].iov_len;
		client_hello_feed(hello_of(worker, session), (const uint8_t *)iov[i].iov_base + skipped,
				  iov[i].iov_len - skipped);
		skip -= skipped;
	}
}

/* Whose bytes are read, and what looks at them on their way. */
struct reader {
	struct session *session;
	struct client_hello *hello;
};

static ssize_t read_and_feed(void *ctx, void *buffer, size_t size)
{
	const struct reader *reader = ctx;
	ssize_t n = ahead_read(reader->session, buffer, size);
	if (n > 0)
		client_hello_feed(reader->hello, buffer, (size_t)n);
	return n;
}

static void read_on(struct worker *worker, struct session *session)
{
	struct reader reader = {session, hello_of(worker, session)};
	ssize_t n = spill_fill(&worker->spill, &session->flows[SIDE_CLIENT].residue, read_and_feed, &reader);
	if (n < 0) {
		ahead_failed(worker, session, (int)n, timeout_of(worker, session));
		return;
	}
	ahead_take(worker, session, (size_t)n);
	decide(worker, session);
}

/* ---- events ---- */

void hello_begin(struct worker *worker, struct session *session)
{
	session_set_state(session, SESSION_HELLO);
	client_hello_init(hello_of(worker, session));
	feed_what_is_there(worker, session);
	decide(worker, session);
}

void hello_go_on(struct worker *worker, struct session *session)
{
	if (session->timed_out) {
		session->timed_out = false;
		leave_unmatched(worker, session);
	} else {
		read_on(worker, session);
	}
}

void hello_timed_out(struct worker *worker, struct session *session)
{
	/* The poll holds the socket's file, and its flow's place: go on when its last completion is here. */
	session->timed_out = true;
	flow_cancel_all(worker, session, SIDE_CLIENT);
}
