/* SPDX-License-Identifier: Apache-2.0 */
#include "app/varlink/client.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const char *advice_for(int code)
{
	switch (code) {
	case ENOENT:
		return "; is nsrelay running, with `control: { path: ... }` or --control? Another path is "
		       "told by --control";
	case ECONNREFUSED:
		return "; the daemon that made this socket is gone: start it again";
	case EACCES:
	case EPERM:
		return "; only root and the daemon's own user may ask: use sudo";
	default:
		return "";
	}
}

static int set_patience(int fd, int patience_ms)
{
	const struct timeval patience = {.tv_sec = patience_ms / 1000, .tv_usec = patience_ms % 1000 * 1000};
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return -errno;
	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ? -errno : 0;
}

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int connect_to(struct varlink_client *client, const char *path, int patience_ms, struct err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(addr.sun_path))
		return err_set(err, ENAMETOOLONG, "'%s' is too long for a socket; expected at most %zu bytes",
		               path, sizeof(addr.sun_path) - 1);
	strcpy(addr.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set_errno(err, "socket");
	int rc = set_patience(fd, patience_ms);
	if (rc == 0 && connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		rc = -errno;
	if (rc < 0) {
		close(fd);
		return err_set(err, -rc, "connect to %s: %s%s", path, strerror(-rc), advice_for(-rc));
	}
	*client = (struct varlink_client){.fd = fd, .path = path, .frames.max = VARLINK_ANSWER_MAX};
	return 0;
}

int varlink_connect(struct varlink_client *client, const char *path, struct err *err)
{
	return connect_to(client, path, VARLINK_ANSWER_MS, err);
}

int varlink_connect_within(struct varlink_client *client, const char *path, int patience_ms, struct err *err)
{
	int64_t deadline_ms = now_ms() + patience_ms;
	int r = connect_to(client, path, patience_ms, err);
	if (r == 0)
		client->deadline_ms = deadline_ms;
	return r;
}

void varlink_wait(struct varlink_client *client)
{
	const struct timeval for_ever = {0};
	setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &for_ever, sizeof(for_ever));
}

void varlink_disconnect(struct varlink_client *client)
{
	close(client->fd);
	frames_fini(&client->frames);
	json_decref(client->refusal);
}

/* send_some - as send(2), with @fd unless it is -1 */
static ssize_t send_some(int socket_fd, const char *text, size_t size, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.header = {
	                     .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	struct iovec iov = {(void *)(uintptr_t)text, size};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	return sendmsg(socket_fd, &message, MSG_NOSIGNAL);
}

/* send_all - @fd goes with the first byte */
static int send_all(int socket_fd, const char *text, size_t size, int fd)
{
	for (size_t sent = 0; sent < size;) {
		ssize_t n = send_some(socket_fd, text + sent, size - sent, sent == 0 ? fd : -1);
		if (n < 0 && errno != EINTR)
			return -errno;
		sent += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int send_call(struct varlink_client *client, const char *method, json_t *parameters, bool more, int fd,
                     struct err *err)
{
	json_t *call = json_pack("{s:s, s:o*, s:b}", "method", method, "parameters", parameters, "more",
	                         more);
	char *text = call ? json_dumps(call, JSON_COMPACT) : NULL;
	json_decref(call);
	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	int rc = send_all(client->fd, text, strlen(text) + 1, fd);
	free(text);
	/* Who is turned away finds nobody to send to, and the reason waiting. */
	return rc < 0 && rc != -EPIPE ? err_set(err, -rc, "send to %s: %s", client->path, strerror(-rc)) : 0;
}

int varlink_send(struct varlink_client *client, const char *method, json_t *parameters, bool more, struct err *err)
{
	return send_call(client, method, parameters, more, -1, err);
}

/* await_some - until there is something to receive, or the deadline has passed */
static int await_some(struct varlink_client *client, struct err *err)
{
	struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};
	int64_t left_ms = client->deadline_ms - now_ms();
	if (left_ms > 0 && poll(&poll_fd, 1, (int)left_ms) != 0)
		return 0; /* an error, too, is for recv(2) to tell */
	return err_set(err, ETIMEDOUT, "%s: no answer before the deadline", client->path);
}

/* receive_some - more bytes; @client's frames have no whole message */
static int receive_some(struct varlink_client *client, struct err *err)
{
	size_t size;
	char *room = frames_room(&client->frames, &size);
	if (!room)
		return err_set(err, EPROTO, "%s: a reply of more than %d bytes, or no memory for it",
		               client->path, VARLINK_ANSWER_MAX);
	int r = client->deadline_ms ? await_some(client, err) : 0;
	if (r < 0)
		return r;
	ssize_t n = recv(client->fd, room, size, 0);
	if (n > 0)
		frames_added(&client->frames, (size_t)n);
	if (n > 0 || (n < 0 && errno == EINTR))
		return 0;
	if (n == 0 || errno == ECONNRESET)
		return err_set(err, ECONNRESET,
		               "%s: the daemon ended the connection; its log may say why, or try again",
		               client->path);
	if (errno == EAGAIN)
		return err_set(err, ETIMEDOUT,
		               "%s: no answer within %d s; is the daemon stopped, or the machine overloaded?",
		               client->path, VARLINK_ANSWER_MS / 1000);
	return err_set_errno(err, "receive from %s", client->path);
}

/* tell_error - "NotFound: relay 'x'; expected a": the error's name, and what its parameters say */
static int tell_error(const char *error, json_t *parameters, struct err *err)
{
	const char *dot = strrchr(error, '.'), *name;
	char text[ERR_TEXT_MAX] = "";
	size_t length = 0;
	json_t *value;
	if (strcmp(error, "org.varlink.service.PermissionDenied") == 0)
		return err_set(err, EREMOTEIO, "the daemon does not answer this user%s", advice_for(EPERM));
	json_object_foreach(parameters, name, value)
	{
		if (json_is_string(value) && length < sizeof(text))
			length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s",
			                           length ? "; " : ": ", json_string_value(value));
	}
	return err_set(err, EREMOTEIO, "the daemon refuses: %s%s", dot ? dot + 1 : error, text);
}

static void keep_refusal(struct varlink_client *client, json_t *parameters)
{
	json_decref(client->refusal);
	client->refusal = json_incref(parameters);
}

static int take_reply(struct varlink_client *client, json_t *message, json_t **ret, bool *ret_continues,
                      struct err *err)
{
	const char *error = json_string_value(json_object_get(message, "error"));
	json_t *parameters = json_object_get(message, "parameters");
	if (!json_is_object(message))
		return err_set(err, EPROTO, "the reply is no JSON object; is this socket nsrelay's?");
	if (error) {
		keep_refusal(client, parameters);
		return tell_error(error, parameters, err);
	}
	*ret_continues = json_is_true(json_object_get(message, "continues"));
	*ret = json_is_object(parameters) ? json_incref(parameters) : json_object();
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

int varlink_receive(struct varlink_client *client, json_t **ret, bool *ret_continues, struct err *err)
{
	const char *text;
	size_t length;
	while (!(text = frames_first(&client->frames, &length))) {
		int rc = receive_some(client, err);
		if (rc < 0)
			return rc;
	}
	json_t *message = json_loadb(text, length, 0, NULL);
	frames_take(&client->frames);
	int rc = take_reply(client, message, ret, ret_continues, err);
	json_decref(message);
	return rc;
}

int varlink_ask(struct varlink_client *client, const char *method, json_t *parameters, int fd, json_t **ret,
                struct err *err)
{
	bool continues;
	int r = send_call(client, method, parameters, false, fd, err);
	return r < 0 ? r : varlink_receive(client, ret, &continues, err);
}

int varlink_call(const char *path, const char *method, json_t *parameters, int fd, json_t **ret,
                 struct err *err)
{
	struct varlink_client client;
	int r = varlink_connect(&client, path, err);
	if (r < 0) {
		json_decref(parameters);
		return r;
	}
	r = varlink_ask(&client, method, parameters, fd, ret, err);
	varlink_disconnect(&client);
	return r;
}

int varlink_each(struct varlink_client *client, const char *method, json_t *parameters,
                 varlink_reply_fn *take, void *ctx, struct err *err)
{
	bool continues = true;
	int r = send_call(client, method, parameters, true, -1, err);
	while (r == 0 && continues) {
		json_t *reply;
		r = varlink_receive(client, &reply, &continues, err);
		if (r < 0)
			break;
		r = take(ctx, reply, err);
		json_decref(reply);
	}
	return r;
}
