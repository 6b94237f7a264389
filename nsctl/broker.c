/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/broker.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"

enum {
	/* In one turn: 64 sockets each at 10 us make 5 ms, which the other channels may have to wait. */
	REQUESTS_PER_TURN = 8,
	/* The kernel doubles it and counts 768 bytes for a reply: 11 replies with 704 sockets (measured,
	 * Linux 6.18) before an asker that does not read is held up. */
	CHANNEL_SNDBUF = 4096,
};

/* ---- channels ---- */

int broker_channel_open(struct broker_channel *channel, int *ret_worker_fd, struct err *err)
{
	const int size = CHANNEL_SNDBUF;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
		return err_set_errno(err, "open a broker channel: socketpair");
	*channel = (struct broker_channel){.fd = fds[0]};
	CHECK(setsockopt(channel->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) == 0);
	*ret_worker_fd = fds[1];
	return 0;
}

/* The broker's copies are of no more use, sent or not. */
static void drop_reply(struct broker_channel *channel)
{
	for (uint32_t i = 0; i < channel->reply.count; i++)
		close(channel->fds[i]);
	channel->reply.count = 0;
	channel->is_pending = false;
}

void broker_channel_close(struct broker_channel *channel)
{
	if (channel->fd < 0)
		return;
	drop_reply(channel);
	close(channel->fd);
	channel->fd = -1;
}

/* ---- making what was asked for ---- */

static int connect_batch(const char *path, uint32_t count, int *fds, uint32_t *ret_count)
{
	uint32_t made = 0;
	int fd = 0;

	while (made < count && fd >= 0) {
		fd = nssock_connect_unix(path, NULL);
		if (fd >= 0)
			fds[made++] = fd;
	}
	*ret_count = made;
	return fd < 0 ? fd : 0;
}

static int make_batch(const struct broker *broker, uint32_t target_index, uint32_t count, int *fds,
                      uint32_t *ret_count)
{
	const struct broker_target *target;

	if (count == 0 || count > BROKER_BATCH_MAX)
		return -EINVAL;
	if (target_index >= broker->target_count)
		return -ENOENT;
	target = &broker->targets[target_index];
	if (target->family == AF_UNIX)
		return connect_batch(target->unix_path, count, fds, ret_count);
	if (target->ns_fd < 0)
		return -ESTALE;
	return nssock_upstream_batch(target->ns_fd, target->family, &target->options, broker->uid, count, fds,
	                             ret_count, NULL);
}

static void answer(const struct broker *broker, struct broker_channel *channel,
                   const struct broker_request *request)
{
	struct broker_reply *reply = &channel->reply;
	int rc;

	CHECK(!channel->is_pending && channel->reply.count == 0);
	*reply = (struct broker_reply){.target = request->target, .asked = request->count};
	rc = make_batch(broker, request->target, request->count, channel->fds, &reply->count);
	reply->error = -rc;
	channel->is_pending = true;
}

/* ---- talking ---- */

static int explain_end(struct err *err)
{
	return err_set(err, EPIPE, "broker channel: the asking process has closed it");
}

/* 1 with a request, 0 when none waits. */
static int receive_request(const struct broker_channel *channel, struct broker_request *ret, struct err *err)
{
	struct iovec iov = {.iov_base = ret, .iov_len = sizeof(*ret)};
	/* No room for control data: the kernel itself closes descriptors that somebody sends along. */
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t size = recvmsg(channel->fd, &message, MSG_DONTWAIT);

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (size == 0 || (size < 0 && errno == ECONNRESET))
		return explain_end(err);
	if (size < 0)
		return err_set_errno(err, "broker channel: recvmsg");
	if (size != sizeof(*ret) || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return err_set(err, EPROTO, "broker channel: not a request");
	return 1;
}

static ssize_t send_reply(struct broker_channel *channel)
{
	size_t fds_size = channel->reply.count * sizeof(int);
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(channel->fds))];
	} control = {0};
	struct iovec iov = {.iov_base = &channel->reply, .iov_len = sizeof(channel->reply)};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fds_size > 0) {
		control.header = (struct cmsghdr){
		        .cmsg_len = CMSG_LEN(fds_size), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.header), channel->fds, fds_size);
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(fds_size);
	}
	return sendmsg(channel->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Send what is pending, if anything. Returns enum broker_wait. */
static int flush(struct broker_channel *channel, struct err *err)
{
	if (!channel->is_pending)
		return BROKER_WAITS_FOR_REQUEST;
	if (send_reply(channel) >= 0) {
		drop_reply(channel);
		return BROKER_WAITS_FOR_REQUEST;
	}
	if (errno == EAGAIN || errno == EINTR)
		return BROKER_WAITS_FOR_ROOM;
	if (errno == EPIPE || errno == ECONNRESET)
		return explain_end(err);
	return err_set_errno(err, "broker channel: sendmsg");
}

int broker_serve(const struct broker *broker, struct broker_channel *channel, struct err *err)
{
	struct broker_request request;
	int wait = flush(channel, err);

	for (int i = 0; wait == BROKER_WAITS_FOR_REQUEST && i < REQUESTS_PER_TURN; i++) {
		int rc = receive_request(channel, &request, err);

		if (rc <= 0)
			return rc < 0 ? rc : BROKER_WAITS_FOR_REQUEST;
		answer(broker, channel, &request);
		wait = flush(channel, err);
	}
	return wait;
}
