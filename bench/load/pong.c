/* SPDX-License-Identifier: Apache-2.0 */
/* The server: answers every message of the agreed size with one of the same size, until the client closes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/load/nsload.h"
#include "bench/load/net.h"
#include "bench/load/pattern.h"

enum { EVENTS_MAX = 256, ACCEPTS_A_TURN = 64 };

/* How far a connection is, indexed by its fd. */
struct pong_connection {
	uint64_t received_size, sent_size; /* since it was made */
	bool blocked;                      /* by a full send buffer */
};

struct pong {
	const struct load_options *options;
	int epoll_fd;
	int listen_fd;
	struct pong_connection *connections;
};

static int watch(const struct pong *pong, int fd, int operation, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};
	return epoll_ctl(pong->epoll_fd, operation, fd, &event) < 0 ? -errno : 0;
}

/* set_blocked - let a connection wait for room in its send buffer, or for messages */
static int set_blocked(struct pong *pong, int fd, bool blocked)
{
	struct pong_connection *connection = &pong->connections[fd];
	if (connection->blocked == blocked)
		return 0;
	connection->blocked = blocked;
	return watch(pong, fd, EPOLL_CTL_MOD, blocked ? EPOLLOUT : EPOLLIN);
}

static int accept_some(struct pong *pong, struct err *err)
{
	for (unsigned i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = accept4(pong->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && (errno == EMFILE || errno == ENFILE))
			return err_set_errno(err, "cannot accept");
		if (fd <
		    0) /* EAGAIN, or the client has gone already: accept(2) lists a dozen names for that */
			return 0;
		pong->connections[fd] = (struct pong_connection){0};
		watch(pong, fd, EPOLL_CTL_ADD, EPOLLIN);
	}
	return 0;
}

/* payload - what goes out next on a connection */
static const char *payload(const struct pong *pong, const struct pong_connection *connection)
{
	return pattern_at(pong->options->verifies ? connection->sent_size : 0);
}

/* owed - bytes of answers not sent yet: an answer is due when the whole message has come */
static uint64_t owed(const struct pong *pong, const struct pong_connection *connection)
{
	return connection->received_size - connection->received_size % pong->options->size -
	       connection->sent_size;
}

/* pay - send what is owed. While the send buffer is full the connection waits for room, not for messages. */
static int pay(struct pong *pong, int fd)
{
	struct pong_connection *connection = &pong->connections[fd];
	for (uint64_t size = owed(pong, connection); size > 0; size = owed(pong, connection)) {
		if (size > LOAD_SIZE_MAX)
			size = LOAD_SIZE_MAX;
		ssize_t sent = send(fd, payload(pong, connection), size, MSG_NOSIGNAL);
		if (sent < 0)
			return errno == EAGAIN ? set_blocked(pong, fd, true) : -errno;
		connection->sent_size += (uint64_t)sent;
	}
	return set_blocked(pong, fd, false);
}

static int receive(struct pong *pong, int fd)
{
	char scratch[LOAD_SIZE_MAX];
	struct pong_connection *connection = &pong->connections[fd];
	ssize_t size = recv(fd, scratch, sizeof(scratch), 0);
	if (size < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (size == 0)
		return -EPIPE;
	if (pong->options->verifies && !pattern_matches(scratch, (size_t)size, connection->received_size))
		return -EBADMSG;
	connection->received_size += (uint64_t)size;
	return owed(pong, connection) ? pay(pong, fd) : 0;
}

/* serve_one - handle one event; only what ends the server is an error */
static int serve_one(struct pong *pong, int fd, struct err *err)
{
	if (fd == pong->listen_fd)
		return accept_some(pong, err);
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): err_set() returns no success */
	if ((pong->connections[fd].blocked ? pay(pong, fd) : receive(pong, fd)) < 0)
		close(fd); /* the client's end, however it came */
	return 0;
}

static int serve(struct pong *pong, struct err *err)
{
	struct epoll_event events[EVENTS_MAX];
	for (;;) {
		int count = epoll_wait(pong->epoll_fd, events, EVENTS_MAX, -1);
		if (count < 0)
			return err_set_errno(err, "cannot wait for events");
		for (int i = 0; i < count; i++) {
			int result = serve_one(pong, events[i].data.fd, err);
			if (result < 0)
				return result;
		}
	}
}

static int open_server(struct pong *pong, struct err *err)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return err_set_errno(err, "cannot read the limit of descriptors");
	pong->connections = calloc(limit.rlim_cur, sizeof(*pong->connections));
	if (!pong->connections)
		return err_set(err, ENOMEM, "no memory for %lu connections", (unsigned long)limit.rlim_cur);
	pong->listen_fd = net_listen(&pong->options->at, pong->options->congestion, SOCK_NONBLOCK, err);
	if (pong->listen_fd < 0)
		return pong->listen_fd;
	pong->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (pong->epoll_fd < 0 || watch(pong, pong->listen_fd, EPOLL_CTL_ADD, EPOLLIN) < 0)
		return err_set_errno(err, "cannot set up epoll");
	return 0;
}

/* close_server - what is still connected ends with the process, which is about to */
static void close_server(struct pong *pong)
{
	if (pong->epoll_fd >= 0)
		close(pong->epoll_fd);
	if (pong->listen_fd >= 0)
		close(pong->listen_fd);
	free(pong->connections);
}

int pong_run(const struct load_options *options, struct err *err)
{
	struct pong pong = {.options = options, .epoll_fd = -1, .listen_fd = -1};
	load_end_after(options->duration_ms); /* a forgotten server */
	int result = open_server(&pong, err);
	if (result == 0) {
		puts("ready");
		fflush(stdout);
		result = serve(&pong, err);
	}
	close_server(&pong);
	return result;
}
