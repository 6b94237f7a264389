/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of Operation
 *
 * Expectations are tried in windows of VERIFY_AT_ONCE: each is a probe with a non-blocking socket inside its
 * namespace, all of them waited for by one epoll set. A probe is over when it is known to have reached its
 * goal, when the kernel reports an error, or when the window's time is up; those that did not reach it are
 * explained afterwards (nsctl/look/path.h).
 *
 * Each probe has a random token, which travels in the echo, or as the first bytes of the TCP connection. By
 * it an answer is told from those to others; and the server knows whose connection it got, also behind
 * address translation or a relay.
 */
#include "nsctl/look/verify.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "nsctl/nssock.h"
#include "nsctl/look/verify_private.h"

/* A server for the time; probes with the same one share it. */
struct server {
	uint32_t netns;
	struct prefix to;
	uint16_t port;
	int fd;
};

struct run {
	const struct topology *topology;
	struct view view; /* of one window, so that no more namespaces are open than it takes */
	int epoll;
	VEC(struct server) servers;
	VEC(int) calls; /* accepted; -1: closed again */
	struct probe probes[VERIFY_AT_ONCE];
	uint32_t count;
};

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- what the epoll set tells ---- */

enum subject { PROBE, SERVER, CALL };

static uint64_t tag_make(enum subject subject, size_t index)
{
	return (uint64_t)subject << 32 | index;
}

static int watch(struct run *run, int op, int fd, uint32_t events, uint64_t tag)
{
	struct epoll_event event = {.events = events, .data.u64 = tag};

	return epoll_ctl(run->epoll, op, fd, &event) < 0 ? -errno : 0;
}

/* ---- the end of a probe ---- */

static void probe_end(struct probe *probe)
{
	if (probe->fd >= 0)
		close(probe->fd);
	probe->fd = -1;
	probe->state = PROBE_OVER;
}

static void probe_reached(struct probe *probe)
{
	probe->result.reached = true;
	probe_end(probe);
}

/* probe_failed - the kernel has given the reason */
static void probe_failed(struct probe *probe, int errnum)
{
	probe->errnum = errnum;
	probe_end(probe);
}

/* probe_broken - it cannot be tried */
static void probe_broken(struct probe *probe, const struct err *err)
{
	probe->result.error = err->code;
	snprintf(probe->result.text, sizeof(probe->result.text), "cannot be tried: %.*s",
	         VERIFY_TEXT_MAX - 32, err->text);
	probe_end(probe);
}

/* ---- servers ---- */

static bool is_its_server(const struct server *server, const struct topology_expect *expect)
{
	return server->netns == expect->server_netns && server->port == expect->server_port &&
	       prefix_equal(&server->to, &expect->server_to);
}

static bool has_server(const struct run *run, const struct topology_expect *expect)
{
	vec_each (server, &run->servers) {
		if (is_its_server(server, expect))
			return true;
	}
	return false;
}

/* listen_for - a listener whose connections tell nothing until a whole token is there (SO_RCVLOWAT is
 * inherited) */
static int listen_for(struct run *run, const struct topology_expect *expect, struct err *err)
{
	const struct nssock_tcp_options options = {.backlog = VERIFY_AT_ONCE};
	int token_size = sizeof(uint64_t);
	int ns_fd = view_fd(&run->view, expect->server_netns, err);
	struct endpoint endpoint;
	int fd;

	if (ns_fd < 0)
		return ns_fd;
	verify_endpoint(&expect->server_to, expect->server_port, &endpoint);
	endpoint.netns = run->topology->netns.items[expect->server_netns].ref;
	fd = nssock_listen(ns_fd, &endpoint, &options, false, NSSOCK_UID_OWN, err);
	if (fd >= 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &token_size, sizeof(token_size));
	return fd;
}

static int serve(struct run *run, const struct topology_expect *expect, struct err *err)
{
	struct server *server;
	int fd, rc;

	if (has_server(run, expect))
		return 0;
	fd = listen_for(run, expect, err);
	if (fd < 0)
		return fd;
	server = vec_push(&run->servers);
	rc = server ? watch(run, EPOLL_CTL_ADD, fd, EPOLLIN, tag_make(SERVER, run->servers.count - 1))
	            : -ENOMEM;
	if (!server)
		close(fd);
	else
		*server = (struct server){expect->server_netns, expect->server_to, expect->server_port, fd};
	return rc < 0 ? err_set(err, -rc, "wait for a server: %s", strerror(-rc)) : 0;
}

static void accept_call(struct run *run, const struct server *server)
{
	int fd = accept4(server->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int *call = fd < 0 ? NULL : vec_push(&run->calls);

	if (call)
		*call = fd;
	if (fd >= 0 &&
	    (!call || watch(run, EPOLL_CTL_ADD, fd, EPOLLIN, tag_make(CALL, run->calls.count - 1)) < 0)) {
		if (call)
			*call = -1;
		close(fd);
	}
}

/* answer_call - whose token is it? Somebody else's connection is closed without a word. */
static void answer_call(struct run *run, int *call)
{
	uint64_t token = 0;

	if (*call < 0)
		return;
	if (recv(*call, &token, sizeof(token), 0) == sizeof(token)) {
		for (uint32_t i = 0; i < run->count; i++) {
			struct probe *probe = &run->probes[i];

			if (probe->token == token && probe->state == PROBE_CALLING)
				probe_reached(probe);
		}
	}
	close(*call);
	*call = -1;
}

/* ---- TCP ---- */

/* tcp_error - of the connect, which is over; 0: it is a connection */
static int tcp_error(int fd)
{
	socklen_t size = sizeof(int);
	int code = 0;

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0 ? errno : code;
}

static void tcp_connected(struct run *run, struct probe *probe)
{
	probe->result.round_trip_us = (uint32_t)(now_us() - probe->sent_us[0]);
	if (probe->expect->server_netns == TOPOLOGY_NONE) {
		probe_reached(probe);
		return;
	}
	probe->state = PROBE_CALLING;
	probe->was_connected = true;
	if (send(probe->fd, &probe->token, sizeof(probe->token), MSG_NOSIGNAL) < 0)
		probe_failed(probe, errno);
	else
		(void)watch(run, EPOLL_CTL_MOD, probe->fd, EPOLLIN | EPOLLRDHUP,
		            tag_make(PROBE, (size_t)(probe - run->probes)));
}

/* tcp_left - whoever took the connection has something to say, or has left, before the server got the
 * token */
static void tcp_left(struct probe *probe)
{
	char byte;

	probe_failed(probe, recv(probe->fd, &byte, 1, 0) < 0 ? errno : 0);
}

static bool is_connected(int fd)
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);

	return getpeername(fd, (struct sockaddr *)&peer, &size) == 0;
}

/*
 * tcp_decide - is the handshake over? ECONNRESET: it was, and the connection ended before we looked; a
 * handshake that is reset gives ECONNREFUSED. No error and no connection: a router said something that the
 * kernel does not give up for.
 */
static void tcp_decide(struct run *run, struct probe *probe)
{
	int code = tcp_error(probe->fd);

	if (code == ECONNRESET || (code == 0 && is_connected(probe->fd))) {
		tcp_connected(run, probe);
		return;
	}
	probe->was_told |= icmp_read_error(probe->fd, &probe->told);
	if (code)
		probe_failed(probe, code);
}

static void tcp_ready(struct run *run, struct probe *probe)
{
	if (probe->state == PROBE_WAITING)
		tcp_decide(run, probe);
	else
		tcp_left(probe);
}

/* tcp_begin - start to connect; a failure at once is an outcome like a later one */
static int tcp_begin(struct run *run, struct probe *probe, struct err *err)
{
	const struct nssock_tcp_options options = {.nodelay = true};
	int ns_fd = view_fd(&run->view, probe->expect->from, err);
	struct endpoint to;
	uint32_t made;
	int rc = ns_fd < 0 ? ns_fd
	                   : nssock_upstream_batch(ns_fd, probe->expect->to.family, &options, NSSOCK_UID_OWN,
	                                           1, &probe->fd, &made, err);

	if (rc < 0)
		return rc;
	(void)icmp_watch_errors(probe->fd, probe->expect->to.family);
	verify_endpoint(&probe->expect->to, probe->expect->port, &to);
	probe->sent_us[0] = now_us();
	if (connect(probe->fd, &to.addr.any, to.addr_len) < 0 && errno != EINPROGRESS)
		probe_failed(probe, errno);
	return 0;
}

/* ---- echo ---- */

static int echo_begin(struct run *run, struct probe *probe, struct err *err)
{
	int ns_fd = view_fd(&run->view, probe->expect->from, err);
	int fd = ns_fd < 0 ? ns_fd : icmp_open(ns_fd, &probe->expect->to, err);

	/* connect(2) of a datagram socket looks up the route: that is an outcome, EPERM and the like are
	 * not. */
	if (fd == -ENETUNREACH || fd == -EHOSTUNREACH || fd == -EADDRNOTAVAIL || fd == -EACCES ||
	    fd == -EINVAL) {
		probe_failed(probe, -fd);
		return 0;
	}
	if (fd >= 0)
		probe->fd = fd;
	return fd < 0 ? fd : 0;
}

static void echo_send(struct probe *probe, unsigned try)
{
	int rc;

	probe->sent_us[try] = now_us();
	rc = icmp_send(probe->fd, probe->expect->to.family, probe->token, (uint16_t)try);
	if (rc < 0 && rc != -EAGAIN && rc != -ENOBUFS)
		probe_failed(probe, -rc);
}

static void echo_answered(struct probe *probe, const struct icmp_answer *answer)
{
	if (answer->sequence >= VERIFY_TRIES)
		return;
	probe->result.ttl = answer->ttl;
	probe->result.round_trip_us = (uint32_t)(now_us() - probe->sent_us[answer->sequence]);
	probe_reached(probe);
}

/* echo_is_told - has a router said something about this very echo? It may be late for an earlier run's. */
static bool echo_is_told(struct probe *probe)
{
	while (!probe->was_told && icmp_read_error(probe->fd, &probe->told))
		probe->was_told = probe->told.id == (uint16_t)probe->token;
	return probe->was_told;
}

static void echo_ready(struct probe *probe)
{
	struct icmp_answer answer;
	int rc = 0;

	while (rc == 0)
		rc = icmp_receive(probe->fd, probe->expect->to.family, probe->token, &answer);
	if (rc == 1)
		echo_answered(probe, &answer);
	else if (echo_is_told(probe))
		probe_failed(probe, probe->told.errnum);
}

/* ---- a window of probes ---- */

static bool is_echo(const struct probe *probe)
{
	return probe->expect->port == 0;
}

static int probe_begin(struct run *run, struct probe *probe, struct err *err)
{
	const struct topology_expect *expect = probe->expect;
	int rc = expect->server_netns == TOPOLOGY_NONE ? 0 : serve(run, expect, err);

	if (rc == 0)
		rc = is_echo(probe) ? echo_begin(run, probe, err) : tcp_begin(run, probe, err);
	if (rc < 0 || probe->state == PROBE_OVER)
		return rc;
	rc = watch(run, EPOLL_CTL_ADD, probe->fd, is_echo(probe) ? EPOLLIN : EPOLLOUT,
	           tag_make(PROBE, (size_t)(probe - run->probes)));
	return rc < 0 ? err_set(err, -rc, "wait for an answer: %s", strerror(-rc)) : 0;
}

static void window_begin(struct run *run, const struct topology_expect *expects, uint32_t count)
{
	run->count = count;
	for (uint32_t i = 0; i < count; i++) {
		struct probe *probe = &run->probes[i];
		struct err err = ERR_INIT;

		*probe = (struct probe){.expect = &expects[i], .fd = -1};
		if (getrandom(&probe->token, sizeof(probe->token), 0) != sizeof(probe->token))
			probe->token = (uint64_t)now_us() << 16 |
			               i; /* it is to be told apart, not to be kept secret */
		if (probe_begin(run, probe, &err) < 0)
			probe_broken(probe, &err);
	}
}

static void window_end(struct run *run)
{
	for (uint32_t i = 0; i < run->count; i++)
		probe_end(&run->probes[i]);
	vec_each (server, &run->servers) {
		close(server->fd);
	}
	vec_each (call, &run->calls) {
		if (*call >= 0)
			close(*call);
	}
	vec_clear(&run->servers);
	vec_clear(&run->calls);
}

static bool window_is_over(const struct run *run)
{
	for (uint32_t i = 0; i < run->count; i++) {
		if (run->probes[i].state != PROBE_OVER)
			return false;
	}
	return true;
}

static void handle(struct run *run, uint64_t tag)
{
	uint32_t index = (uint32_t)tag;
	struct probe *probe = &run->probes[index % VERIFY_AT_ONCE];

	switch ((enum subject)(tag >> 32)) {
	case SERVER:
		accept_call(run, &run->servers.items[index]);
		break;
	case CALL:
		answer_call(run, &run->calls.items[index]);
		break;
	case PROBE: /* over: by an event that was told together with this one */
		if (probe->state != PROBE_OVER && is_echo(probe))
			echo_ready(probe);
		else if (probe->state != PROBE_OVER)
			tcp_ready(run, probe);
		break;
	}
}

/* wait_until - handle what happens, until then or until the window is over */
static void wait_until(struct run *run, int64_t end_us)
{
	struct epoll_event events[VERIFY_AT_ONCE];

	for (int64_t now = now_us(); now < end_us && !window_is_over(run); now = now_us()) {
		int count = epoll_wait(run->epoll, events, VERIFY_AT_ONCE, (int)((end_us - now) / 1000 + 1));

		for (int i = 0; i < count; i++)
			handle(run, events[i].data.u64);
	}
}

static void window_run(struct run *run)
{
	for (unsigned try = 0; try < VERIFY_TRIES; try++) {
		for (uint32_t i = 0; i < run->count; i++) {
			if (run->probes[i].state != PROBE_OVER && is_echo(&run->probes[i]))
				echo_send(&run->probes[i], try);
		}
		wait_until(run, now_us() + VERIFY_TRY_MS * 1000);
	}
}

/* ---- the whole run ---- */

static bool is_as_expected(const struct topology_expect *expect, const struct verify_result *result)
{
	if (result->error)
		return false;
	if (expect->reaches)
		return result->reached && (expect->ttl == 0 || expect->ttl == result->ttl);
	return !result->reached && (expect->because == UNREACHABLE_ANY || expect->because == result->reason);
}

static int window_tell(struct run *run, verify_result_fn *on_result, void *ctx)
{
	int failed_count = 0;

	for (uint32_t i = 0; i < run->count; i++) {
		struct probe *probe = &run->probes[i];

		if (!probe->result.reached && !probe->result.error)
			verify_explain(&run->view, probe);
		probe->result.ok = is_as_expected(probe->expect, &probe->result);
		failed_count += !probe->result.ok;
		on_result(ctx, probe->expect, &probe->result);
	}
	return failed_count;
}

static int window_try(struct run *run, size_t first, verify_result_fn *on_result, void *ctx, struct err *err)
{
	size_t left = run->topology->expects.count - first;
	int rc = view_init(&run->view, run->topology, err);

	if (rc < 0)
		return rc;
	window_begin(run, run->topology->expects.items + first,
	             (uint32_t)(left < VERIFY_AT_ONCE ? left : VERIFY_AT_ONCE));
	window_run(run);
	window_end(run);
	rc = window_tell(run, on_result, ctx);
	view_fini(&run->view);
	return rc;
}

static int try_all(struct run *run, verify_result_fn *on_result, void *ctx, struct err *err)
{
	int failed_count = 0;

	for (size_t first = 0; first < run->topology->expects.count; first += VERIFY_AT_ONCE) {
		int rc = window_try(run, first, on_result, ctx, err);

		if (rc < 0)
			return rc;
		failed_count += rc;
	}
	return failed_count;
}

int verify_run(const struct topology *topology, verify_result_fn *on_result, void *ctx, struct err *err)
{
	struct run *run = calloc(1, sizeof(*run));
	int rc;

	if (!run)
		return err_set(err, ENOMEM, "out of memory");
	run->topology = topology;
	run->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (run->epoll < 0) {
		rc = err_set_errno(err, "epoll_create");
	} else {
		rc = try_all(run, on_result, ctx, err);
		close(run->epoll);
	}
	free(run);
	return rc;
}
