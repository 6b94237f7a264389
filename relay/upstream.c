/* SPDX-License-Identifier: Apache-2.0 */
/* From an accepted connection to a backend that answers: whom relay/balance chooses, and another one when that fails. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/check.h"
#include "io/errno_table.h"
#include "io/sys.h"
#include "relay/flow.h"
#include "relay/probes.h"
#include "relay/queue.h"
#include "relay/worker.h"

static const struct plan_route *route_of(const struct worker *worker, const struct session *session)
{
	return &worker->plan->routes[session->route];
}

static const struct config_pool *pool_of(const struct worker *worker, const struct session *session)
{
	return &worker->plan->config->pools[route_of(worker, session)->pool];
}

static const struct balance_pool *balance_of(const struct worker *worker, const struct session *session)
{
	return &worker->shared->balance.pools[route_of(worker, session)->pool];
}

bool upstream_wants_peer(const struct worker *worker, const struct session *session)
{
	const struct balance_pool *pool = balance_of(worker, session);
	return pool->policy == CONFIG_BALANCE_SOURCE_HASH || pool->sticky ||
	       worker_relay(worker, session)->source == CONFIG_SOURCE_CLIENT;
}

static bool has_address(const struct session *session)
{
	return session->peer.family == AF_INET || session->peer.family == AF_INET6;
}

/* set_draw - clients that have no address, as those of unix sockets, are spread by chance */
static void set_draw(const struct balance_pool *pool, struct session *session, struct balance_cursor *cursor)
{
	if (pool->policy == CONFIG_BALANCE_SOURCE_HASH && has_address(session))
		session->draw = balance_draw_of_source(session->peer.address, session->peer.family);
	else
		session->draw = balance_draw(cursor);
}

/* set_backend - the session counts as one of @backend's from now on; false when that has become full meanwhile */
static bool set_backend(const struct balance_pool *pool, struct session *session, uint32_t backend)
{
	session->backend = (uint16_t)backend;
	if (!pool->active) /* nobody counts */
		return true;
	session->entered = balance_enter(pool, backend);
	return session->entered;
}

/* return_to_last - to the backend that the client had last; false when it had none, or that may not have it */
static bool return_to_last(const struct worker *worker, const struct balance_pool *pool, struct session *session)
{
	if (!pool->sticky || !has_address(session))
		return false;
	uint64_t client = balance_client(session->peer.address, session->peer.family);
	uint32_t backend = balance_last(pool, client, worker->now_ms);
	return backend != BALANCE_NONE && set_backend(pool, session, backend);
}

static void remember_backend(const struct worker *worker, const struct session *session)
{
	const struct balance_pool *pool = balance_of(worker, session);
	if (pool->sticky && has_address(session))
		balance_remember(pool, balance_client(session->peer.address, session->peer.family), session->backend,
				 worker->now_ms);
}

/* upstream_choose - the backend to try first; false when none is usable that has room */
bool upstream_choose(const struct worker *worker, struct session *session)
{
	const struct balance_pool *pool = balance_of(worker, session);
	struct balance_cursor *cursor = &worker->cursors[route_of(worker, session)->pool];
	set_draw(pool, session, cursor);
	bool chosen = return_to_last(worker, pool, session);
	while (!chosen) {
		uint32_t backend = balance_first(pool, cursor, session->draw, worker->now_ms);
		if (backend == BALANCE_NONE)
			return false;
		chosen = set_backend(pool, session, backend);
	}
	session->first_backend = session->backend;
	return true;
}

/* choose_next - the one after the session's backend; false when there is none, or no try left */
static bool choose_next(const struct worker *worker, struct session *session)
{
	if (session->backends_tried > pool_of(worker, session)->retries)
		return false;
	const struct balance_pool *pool = balance_of(worker, session);
	uint32_t next;
	do {
		next = balance_next(pool, session->draw, session->first_backend, session->backend);
	} while (next != BALANCE_NONE && !set_backend(pool, session, next));
	return next != BALANCE_NONE;
}

void upstream_leave(struct worker *worker, struct session *session)
{
	if (!session->entered)
		return;
	session->entered = false;
	balance_leave(balance_of(worker, session), session->backend);
	queue_room(worker, route_of(worker, session)->pool);
}

/* set_deadline - the whole attempt at one backend, waiting for a socket included, has the connect timeout */
static void set_deadline(struct worker *worker, struct session *session)
{
	uint32_t connect_ms = worker_relay(worker, session)->timeouts.connect_ms;
	session->give_up_ms = connect_ms ? worker->now_ms + connect_ms : 0;
	if (connect_ms)
		timer_arm(&worker->wheel, &session->timer, session->give_up_ms);
}

/* try_backend - get a socket for the session's backend, now or when one comes */
static void try_backend(struct worker *worker, struct session *session)
{
	session->backends_tried++;
	remember_backend(worker, session);
	int fd = sockets_take(&worker->sockets, original_target(worker, session), &session->link);
	if (fd >= 0) {
		upstream_connect(worker, session, fd);
		return;
	}
	counter_add(worker->counters, COUNTER_SOCKET_WAITS, 1);
	set_deadline(worker, session);
}

/* wait_in_queue - until a backend has room, or the client resets its connection */
static void wait_in_queue(struct worker *worker, struct session *session)
{
	if (!queue_join(worker, session, route_of(worker, session)->pool)) {
		session_abort(worker, session, CAUSE_QUEUE_FULL);
		return;
	}
	uint32_t timeout_ms = pool_of(worker, session)->queue.timeout_ms;
	session_set_state(session, SESSION_QUEUED);
	flow_watch(worker, session, SIDE_CLIENT);
	if (timeout_ms)
		timer_arm(&worker->wheel, &session->timer, worker->now_ms + timeout_ms);
}

void upstream_begin(struct worker *worker, struct session *session)
{
	const struct balance_pool *pool = balance_of(worker, session);
	bool others_wait = pool->waiting && waiting_any(pool->waiting);
	if (pool->count > 0 && !others_wait && upstream_choose(worker, session))
		try_backend(worker, session);
	else if (balance_any_usable(pool))
		wait_in_queue(worker, session);
	else
		session_abort(worker, session, CAUSE_NO_BACKEND);
}

void upstream_go_on(struct worker *worker, struct session *session)
{
	timer_disarm(&worker->wheel, &session->timer);
	session_set_state(session, SESSION_WAITING);
	try_backend(worker, session);
}

/* next_backend - the last one failed with @result: go on to the next, or give the client up when no try is left */
static void next_backend(struct worker *worker, struct session *session, int result)
{
	counter_add(worker->counters, COUNTER_CONNECT_FAILURES, 1);
	tally_failed(worker, session);
	upstream_leave(worker, session);
	timer_disarm(&worker->wheel, &session->timer);
	if (choose_next(worker, session)) {
		upstream_go_on(worker, session);
		return;
	}
	enum io_outcome outcome = io_outcome(IO_OP_CONNECT, result);
	session_abort(worker, session,
		      outcome == IO_EXHAUSTED	? CAUSE_RESOURCE_LIMIT
		      : outcome == IO_TIMED_OUT ? CAUSE_CONNECT_TIMEOUT
						: CAUSE_CONNECT_FAILED);
}

static void connected(struct worker *worker, struct session *session)
{
	timer_disarm(&worker->wheel, &session->timer);
	ejection_note_answer(worker, session);
	session_open(worker, session);
}

/* wait_for_answer - the handshake is under way */
static void wait_for_answer(struct worker *worker, struct session *session)
{
	session_set_state(session, SESSION_CONNECTING);
	ring_poll(worker->ring, session->fds[SIDE_SERVER], POLLOUT,
		  session_tag(worker, session, TAG_KIND_POLL_OUT, SIDE_CLIENT));
	session->flows[SIDE_CLIENT].armed |= FLOW_OP_POLL_OUT;
	session->queued_turn = worker->turn;
	set_deadline(worker, session);
}

int upstream_dial(int fd, const struct sockaddr *to, socklen_t size)
{
	int rc = sys_connect(fd, to, size);
	/*
	 * On loopback the whole handshake runs inside connect(2), but its last step only as the socket is unlocked, after
	 * the result was set. A second call tells at once, and saves a poll, its completion and a wakeup.
	 */
	return rc == -EINPROGRESS ? sys_connect(fd, to, size) : rc;
}

/* attempt_failed - with @result, whoever it is that failed */
static void attempt_failed(struct worker *worker, struct session *session, int result)
{
	PROBE(connect_failed, session, session->backend, result);
	if (session->fds[SIDE_SERVER] >= 0)
		sys_close(session->fds[SIDE_SERVER]);
	session->fds[SIDE_SERVER] = -1;
	next_backend(worker, session, result);
}

/* backend_failed - it is the backend that failed, and not the making of a socket for it */
static void backend_failed(struct worker *worker, struct session *session, int result)
{
	ejection_note_failure(worker, session, result);
	attempt_failed(worker, session, result);
}

void upstream_without_socket(struct worker *worker, struct session *session, int error)
{
	/* A unix socket comes connected: that there is none is what the backend says. */
	if (worker_backend(worker, session)->addr.family == AF_UNIX)
		backend_failed(worker, session, error);
	else
		attempt_failed(worker, session, error);
}

/* address_of - the backend's, or where the client wanted to go; returns its length, 0: nobody knows */
static socklen_t address_of(const struct worker *worker, const struct session *session, struct sockaddr_storage *ret)
{
	const struct endpoint *backend = worker_backend(worker, session);
	if (!config_is_original(backend)) {
		memcpy(ret, &backend->addr, backend->addr_len);
		return backend->addr_len;
	}
	const struct session_peer *original = original_of(worker, session);
	return original ? peer_get(original, ret) : 0;
}

/* take_source - the client's address, with any port, where the backend is to see that and has one of the same family */
static int take_source(const struct worker *worker, const struct session *session, int fd, sa_family_t family)
{
	struct session_peer source = session->peer;
	struct sockaddr_storage addr;
	if (worker_relay(worker, session)->source != CONFIG_SOURCE_CLIENT)
		return 0;
	peer_unmap(&source);
	source.port = 0;
	return source.family == family ? sys_bind(fd, (const struct sockaddr *)&addr, peer_get(&source, &addr)) : 0;
}

void upstream_connect(struct worker *worker, struct session *session, int fd)
{
	struct sockaddr_storage to;
	const struct endpoint *backend = worker_backend(worker, session);
	session->fds[SIDE_SERVER] = fd;
	if (backend->addr.family == AF_UNIX) { /* it came connected */
		connected(worker, session);
		return;
	}
	/* Bytes in hand follow at once: the ACK of the handshake can travel with them. */
	if (!spill_empty(&session->flows[SIDE_CLIENT].residue))
		sys_delay_ack(fd);
	socklen_t size = address_of(worker, session, &to);
	int rc = size ? take_source(worker, session, fd, to.ss_family) : -EHOSTUNREACH;
	if (rc < 0) {
		attempt_failed(worker, session, rc);
		return;
	}
	rc = upstream_dial(fd, (const struct sockaddr *)&to, size);
	if (rc == 0) {
		connected(worker, session);
	} else if (io_outcome(IO_OP_CONNECT, rc) == IO_RETRY) {
		wait_for_answer(worker, session);
	} else {
		backend_failed(worker, session, rc);
	}
}

void upstream_completed(struct worker *worker, struct session *session, int result)
{
	/* A poll that failed says nothing of the socket, whose lack of an error then says nothing either. */
	int rc = result < 0 ? result : sys_socket_error(session->fds[SIDE_SERVER]);
	if (session->timed_out)
		rc = -ETIMEDOUT;
	session->timed_out = false;
	if (rc == 0)
		connected(worker, session);
	else
		backend_failed(worker, session, rc);
}

void upstream_timed_out(struct worker *worker, struct session *session)
{
	if (session->state == SESSION_QUEUED) {
		session_abort(worker, session, CAUSE_QUEUE_TIMEOUT);
		return;
	}
	if (session->state == SESSION_WAITING) {
		upstream_forget(worker, session);
		next_backend(worker, session, -ETIMEDOUT);
		return;
	}
	/* The poll holds the socket's file: go on when its last completion is here. */
	session->timed_out = true;
	flow_cancel_all(worker, session, SIDE_CLIENT);
}

void upstream_forget(struct worker *worker, struct session *session)
{
	if (session->state == SESSION_QUEUED)
		queue_leave(worker, session, route_of(worker, session)->pool);
	else
		sockets_forget(&worker->sockets, original_target(worker, session), &session->link);
}

bool upstream_recycle(struct worker *worker, struct session *session)
{
	int fd = session->fds[SIDE_SERVER];
	if (session->stale)
		return false;
	/* The backend that ended first has not been sent our FIN yet: a close would have done that. */
	if (!session->flows[SIDE_CLIENT].fin_sent && sys_shutdown_write(fd) < 0)
		return false;
	return sockets_recycle(&worker->sockets, original_target(worker, session), fd);
}
