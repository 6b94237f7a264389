/* SPDX-License-Identifier: Apache-2.0 */
/* From an accepted connection to a backend that answers: round robin over the pool, the next backend when one fails. */
#include <errno.h>
#include <poll.h>

#include "base/check.h"
#include "io/errno_table.h"
#include "io/sys.h"
#include "relay/flow.h"
#include "relay/worker.h"

static const struct config_pool *pool_of(const struct worker *worker, const struct session *session)
{
	return &worker->plan->config->pools[worker_relay(worker, session)->pool];
}

static uint32_t target_of(const struct worker *worker, const struct session *session)
{
	uint32_t relay = worker->plan->listeners[session->listener].relay;
	return worker->plan->backend_targets[relay][session->backend];
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
	int fd = sockets_take(&worker->sockets, target_of(worker, session), &session->link);
	if (fd >= 0) {
		upstream_connect(worker, session, fd);
		return;
	}
	counter_add(worker->counters, COUNTER_SOCKET_WAITS, 1);
	set_deadline(worker, session);
}

void upstream_begin(struct worker *worker, struct session *session)
{
	const struct config_relay *relay = worker_relay(worker, session);
	const struct config_pool *pool = pool_of(worker, session);
	if (pool->backend_count == 0) {
		session_abort(worker, session, CAUSE_NO_BACKEND);
		return;
	}
	session->backend = worker->next_backend[relay->pool]++ % (uint32_t)pool->backend_count;
	try_backend(worker, session);
}

/* next_backend - the last one failed with @result: go on to the next, or give the client up when all were tried */
static void next_backend(struct worker *worker, struct session *session, int result)
{
	const struct config_pool *pool = pool_of(worker, session);
	counter_add(worker->counters, COUNTER_CONNECT_FAILURES, 1);
	timer_disarm(&worker->wheel, &session->timer);
	if (session->backends_tried < pool->backend_count && session->backends_tried < UINT8_MAX) {
		session->backend = (session->backend + 1) % (uint32_t)pool->backend_count;
		session_set_state(session, SESSION_WAITING);
		try_backend(worker, session);
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

void upstream_connect(struct worker *worker, struct session *session, int fd)
{
	const struct endpoint *backend = &pool_of(worker, session)->backends[session->backend];
	session->fds[SIDE_SERVER] = fd;
	if (backend->addr.family == AF_UNIX) { /* it came connected */
		connected(worker, session);
		return;
	}
	/* Bytes in hand follow at once: the ACK of the handshake can travel with them. */
	if (!spill_empty(&session->flows[SIDE_CLIENT].residue))
		sys_delay_ack(fd);
	int rc = sys_connect(fd, &backend->addr.any, backend->addr_len);
	/*
	 * On loopback the whole handshake runs inside connect(2), but its last step only as the socket is unlocked, after
	 * the result was set. A second call tells at once, and saves a poll, its completion and a wakeup.
	 */
	if (rc == -EINPROGRESS)
		rc = sys_connect(fd, &backend->addr.any, backend->addr_len);
	if (rc == 0) {
		connected(worker, session);
	} else if (io_outcome(IO_OP_CONNECT, rc) == IO_RETRY) {
		wait_for_answer(worker, session);
	} else {
		upstream_failed(worker, session, rc);
	}
}

void upstream_failed(struct worker *worker, struct session *session, int result)
{
	if (session->fds[SIDE_SERVER] >= 0)
		sys_close(session->fds[SIDE_SERVER]);
	session->fds[SIDE_SERVER] = -1;
	next_backend(worker, session, result);
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
		upstream_failed(worker, session, rc);
}

void upstream_timed_out(struct worker *worker, struct session *session)
{
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
	sockets_forget(&worker->sockets, target_of(worker, session), &session->link);
}

bool upstream_recycle(struct worker *worker, struct session *session)
{
	int fd = session->fds[SIDE_SERVER];
	/* The backend that ended first has not been sent our FIN yet: a close would have done that. */
	if (!session->flows[SIDE_CLIENT].fin_sent && sys_shutdown_write(fd) < 0)
		return false;
	return sockets_recycle(&worker->sockets, target_of(worker, session), fd);
}
