/* SPDX-License-Identifier: Apache-2.0 */
#include "app/varlink/server.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "app/varlink/frame.h"

struct client {
	int fd; /* -1: the place is free */
	struct frames frames;
	struct varlink_call call;
	bool calling; /* a call is under way */
	bool ended;   /* it sends no more */
	bool has_file;
	int file;     /* that came with what it sent last, for the next call; owned */
	bool eager;   /* there is work without waiting for a descriptor */
	char *reply;  /* owned; what it has not read of it is from `sent` on */
	size_t reply_size, sent;
	uint64_t moved_ms; /* when it last sent or took something */
	uint64_t again_ms; /* the kernel had no memory: not before then; 0: at any time */
};

struct serving {
	const struct varlink_server *server;
	struct client *clients;
	struct pollfd *fds;
	uint64_t now_ms, accept_ms; /* not before then */
	uint64_t serial;
};

enum { POLL_STOP, POLL_EVENT, POLL_LISTENER, POLL_CLIENTS };

enum {
	TRY_AGAIN_MS = 100, /* descriptors, memory or places ran out: the next try */
	MAKE_ROOM_MS = 1000, /* who asks for nothing for so long gives its place to who comes */
};

static uint64_t read_clock(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- clients come and go ---- */

static void drop(const struct varlink_server *server, struct client *client)
{
	if (client->calling)
		varlink_call_end(server->service, &client->call);
	if (client->has_file)
		close(client->file);
	close(client->fd);
	frames_fini(&client->frames);
	free(client->reply);
	*client = (struct client){.fd = -1};
}

static bool may_ask(const struct varlink_server *server, int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return false;
	for (size_t i = 0; i < server->uid_count; i++)
		if (server->uids[i] == peer.uid)
			return true;
	return false;
}

/* turn_away - answer the call that is to come, and hang up */
static void turn_away(int fd, const char *error, const char *advice)
{
	char text[512];
	int length = snprintf(text, sizeof(text), "{\"error\":\"%s\",\"parameters\":{%s%s%s}}", error,
	                      advice ? "\"advice\":\"" : "", advice ? advice : "", advice ? "\"" : "");
	send(fd, text, (size_t)length + 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

static struct client *free_place(const struct serving *serving)
{
	for (size_t i = 0; i < serving->server->clients_max; i++)
		if (serving->clients[i].fd < 0)
			return &serving->clients[i];
	return NULL;
}

static bool is_patient(const struct varlink_call *call)
{
	return call->method && call->method->patient;
}

static bool is_idle(const struct client *client)
{
	return !client->calling && !client->reply_size && client->frames.size == 0;
}

/* longest_idle - of those that have asked for nothing for MAKE_ROOM_MS; NULL: there is none */
static struct client *longest_idle(const struct serving *serving)
{
	struct client *found = NULL;
	for (size_t i = 0; i < serving->server->clients_max; i++) {
		struct client *client = &serving->clients[i];
		if (is_idle(client) && (!found || client->moved_ms < found->moved_ms))
			found = client;
	}
	return found && serving->now_ms - found->moved_ms >= MAKE_ROOM_MS ? found : NULL;
}

/* is_hopeless - do all call what goes on for as long as it likes? */
static bool is_hopeless(const struct serving *serving)
{
	for (size_t i = 0; i < serving->server->clients_max; i++)
		if (!serving->clients[i].calling || !is_patient(&serving->clients[i].call))
			return false;
	return true;
}

/*
 * has_room - may the next one be accepted now? When all places are taken, by who asks for nothing, it gets one of those;
 * while others are answered it waits to be accepted; and where no place will be free it is told so.
 */
static bool has_room(const struct serving *serving)
{
	return free_place(serving) || longest_idle(serving) || is_hopeless(serving);
}

/* take_place - NULL: there is none */
static struct client *take_place(const struct serving *serving)
{
	struct client *place = free_place(serving), *idle = place ? NULL : longest_idle(serving);
	if (!idle)
		return place;
	drop(serving->server, idle);
	return idle;
}

static void welcome(struct serving *serving, int fd)
{
	const struct varlink_server *server = serving->server;
	struct client *client = NULL;
	if (!may_ask(server, fd))
		turn_away(fd, "org.varlink.service.PermissionDenied", NULL);
	else if (!(client = take_place(serving)))
		turn_away(fd, server->too_many, server->too_many_text);
	else
		*client = (struct client){
		        .fd = fd, .frames.max = server->message_max, .moved_ms = serving->now_ms};
}

static void accept_all(struct serving *serving)
{
	int fd = -1;
	bool room = has_room(serving);
	for (; room; room = has_room(serving)) {
		fd = accept4(serving->server->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			break;
		welcome(serving, fd);
	}
	if (!room || (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED))
		serving->accept_ms = serving->now_ms + TRY_AGAIN_MS;
}

/* ---- one client: each returns false when it is to be dropped ---- */

static bool has_reply(const struct client *client)
{
	return client->sent < client->reply_size;
}

/* keep_file - the last one that was sent counts; more than one do not fit, and the kernel closes them */
static void keep_file(struct client *client, const struct cmsghdr *header)
{
	if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return;
	if (client->has_file)
		close(client->file);
	memcpy(&client->file, CMSG_DATA(header), sizeof(client->file));
	client->has_file = true;
}

/* receive_bytes - as recv(2); NOLINTNEXTLINE(readability-non-const-parameter): the kernel writes there */
static ssize_t receive_bytes(struct client *client, char *room, size_t size)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {room, size};
	struct msghdr message = {
	        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(client->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *header = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	if (header)
		keep_file(client, header);
	return n;
}

/* passes - does what errno says go by? Memory that ran out does in a while, and poll(2) does not tell when. */
static bool passes(const struct serving *serving, struct client *client)
{
	bool memory = errno == ENOBUFS || errno == ENOMEM;
	if (memory)
		client->again_ms = serving->now_ms + TRY_AGAIN_MS;
	return memory || errno == EAGAIN || errno == EINTR;
}

/* receive - what there is, up to one message's size */
static bool receive(struct serving *serving, struct client *client)
{
	size_t size;
	char *room = frames_room(&client->frames, &size);
	if (!room)
		return false;
	ssize_t n = receive_bytes(client, room, size);
	if (n < 0)
		return passes(serving, client);
	if (client->frames.size == 0)
		client->moved_ms =
		        serving->now_ms; /* the rest of a message has its time from the first byte on */
	frames_added(&client->frames, (size_t)n);
	client->ended = n == 0;
	return true;
}

static bool send_reply(struct serving *serving, struct client *client)
{
	ssize_t n = send(client->fd, client->reply + client->sent, client->reply_size - client->sent,
	                 MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return passes(serving, client);
	client->sent += (size_t)n;
	client->moved_ms = serving->now_ms;
	if (has_reply(client))
		return true;
	free(client->reply);
	client->reply = NULL;
	client->reply_size = client->sent = 0;
	return true;
}

/* step - one reply of the call under way, if it has one by now */
static bool step(struct serving *serving, struct client *client)
{
	FILE *out = open_memstream(&client->reply, &client->reply_size);
	if (!out)
		return false;
	bool silent = client->call.oneway;
	enum varlink_outcome outcome = varlink_call_step(serving->server->service, &client->call, out);
	if (outcome != VARLINK_WAITS && !silent)
		putc('\0', out);
	bool written = fclose(out) == 0 && (silent || outcome == VARLINK_WAITS || client->reply_size > 1);
	if (outcome == VARLINK_LAST) {
		varlink_call_end(serving->server->service, &client->call);
		client->calling = false;
	}
	client->eager = outcome != VARLINK_WAITS;
	if (!has_reply(client)) {
		free(client->reply);
		client->reply = NULL;
	}
	return written && (!has_reply(client) || send_reply(serving, client));
}

/* begin - the call of the next message, if it is here */
static bool begin(struct serving *serving, struct client *client)
{
	size_t length;
	const char *text = frames_first(&client->frames, &length);
	if (!text)
		return !client->ended;
	client->call.serial = ++serving->serial;
	int rc = varlink_call_begin(serving->server->service, &client->call, text, length);
	frames_take(&client->frames);
	client->call.has_file = client->has_file;
	client->call.file = client->file;
	client->has_file = false;
	client->calling = true;
	client->moved_ms = serving->now_ms;
	return rc == 0;
}

static bool serve(struct serving *serving, struct client *client, short events)
{
	client->eager = false;
	client->again_ms = 0;
	if (events & (POLLERR | POLLNVAL))
		return false;
	if (has_reply(client))
		return send_reply(serving, client) && (client->eager = !has_reply(client), true);
	if (events & POLLHUP && client->calling)
		return false; /* it is gone, and nothing it asks for can reach it */
	if (!client->calling && events & (POLLIN | POLLHUP) && !receive(serving, client))
		return false;
	if (!client->calling && !begin(serving, client))
		return false;
	return !client->calling || step(serving, client);
}

/* ---- the loop ---- */

/* deadline_of - when the client is let go, unless it moves; 0: it waits for us */
static uint64_t deadline_of(const struct client *client)
{
	if (client->calling && (!has_reply(client) || is_patient(&client->call)))
		return 0;
	bool owes = has_reply(client) || client->frames.size > 0;
	return client->moved_ms + (owes ? VARLINK_PATIENCE_MS : VARLINK_IDLE_MS);
}

static short events_of(const struct client *client)
{
	if (has_reply(client))
		return POLLOUT;
	return client->calling ? 0 : POLLIN;
}

/* wake_of - when the client is looked at without having stirred; 0: never */
static uint64_t wake_of(const struct serving *serving, const struct client *client)
{
	if (client->fd < 0)
		return 0;
	if (client->again_ms)
		return client->again_ms;
	return client->eager ? serving->now_ms : deadline_of(client);
}

static int earlier(int timeout_ms, uint64_t now_ms, uint64_t at_ms)
{
	int left_ms = at_ms > now_ms ? (int)(at_ms - now_ms) : 0;
	return timeout_ms < 0 || left_ms < timeout_ms ? left_ms : timeout_ms;
}

/* fill_poll - returns the timeout */
static int fill_poll(struct serving *serving)
{
	const struct varlink_server *server = serving->server;
	bool accepts = serving->now_ms >= serving->accept_ms;
	int timeout_ms = accepts ? -1 : earlier(-1, serving->now_ms, serving->accept_ms);
	serving->fds[POLL_STOP] = (struct pollfd){.fd = server->stop_fd, .events = POLLIN};
	serving->fds[POLL_EVENT] = (struct pollfd){.fd = server->event_fd, .events = POLLIN};
	serving->fds[POLL_LISTENER] = (struct pollfd){.fd = accepts ? server->listen_fd : -1,
	                                              .events = POLLIN};
	for (size_t i = 0; i < server->clients_max; i++) {
		const struct client *client = &serving->clients[i];
		serving->fds[POLL_CLIENTS + i] = (struct pollfd){.fd = client->again_ms ? -1 : client->fd,
		                                                 .events = events_of(client)};
		uint64_t at_ms = wake_of(serving, client);
		if (at_ms)
			timeout_ms = earlier(timeout_ms, serving->now_ms, at_ms);
	}
	return timeout_ms;
}

static void silence(int event_fd)
{
	uint64_t count;
	ssize_t n = read(event_fd, &count, sizeof(count));
	(void)n;
}

static void serve_all(struct serving *serving)
{
	bool rings = serving->fds[POLL_EVENT].revents;
	if (rings)
		silence(serving->server->event_fd);
	for (size_t i = 0; i < serving->server->clients_max; i++) {
		struct client *client = &serving->clients[i];
		short events = serving->fds[POLL_CLIENTS + i].revents;
		if (client->fd < 0)
			continue;
		if (client->again_ms > serving->now_ms)
			continue;
		bool asks = events || client->eager || client->again_ms || (rings && client->calling && !has_reply(client));
		uint64_t deadline_ms = deadline_of(client);
		if (asks ? !serve(serving, client, events) : deadline_ms && serving->now_ms >= deadline_ms)
			drop(serving->server, client);
	}
}

static void call_hook(const struct varlink_server *server, void (*hook)(void *ctx))
{
	if (hook)
		hook(server->service->ctx);
}

static void loop(struct serving *serving)
{
	const struct varlink_server *server = serving->server;
	do {
		serving->now_ms = read_clock();
		int timeout_ms = fill_poll(serving);
		if (poll(serving->fds, POLL_CLIENTS + server->clients_max, timeout_ms) < 0)
			continue; /* EINTR; the descriptors are ours */
		serving->now_ms = read_clock();
		call_hook(server, server->wake);
		serve_all(serving);
		call_hook(server, server->sleep);
		if (serving->fds[POLL_LISTENER].revents)
			accept_all(serving);
	} while (!serving->fds[POLL_STOP].revents);
}

int varlink_server_run(const struct varlink_server *server)
{
	struct serving serving = {.server = server};
	int rc = -ENOMEM;
	serving.clients = calloc(server->clients_max, sizeof(*serving.clients));
	serving.fds = calloc(POLL_CLIENTS + server->clients_max, sizeof(*serving.fds));
	for (size_t i = 0; serving.clients && i < server->clients_max; i++)
		serving.clients[i].fd = -1;
	if (serving.clients && serving.fds) {
		loop(&serving);
		for (size_t i = 0; i < server->clients_max; i++)
			if (serving.clients[i].fd >= 0)
				drop(server, &serving.clients[i]); /* nobody changes anything by now */
		rc = 0;
	}
	free(serving.clients);
	free(serving.fds);
	return rc;
}
