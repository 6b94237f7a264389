/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/broker_client.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One reply as it came in. */
struct arrival {
	struct broker_reply reply;
	int flags;      /* msg_flags */
	uint32_t count; /* descriptors that came */
	int fds[BROKER_BATCH_MAX];
};

/* Will it work later, with nobody's help? */
static bool is_passing(int code)
{
	return code == EAGAIN || code == EINTR || code == ENOBUFS || code == ENOMEM;
}

int broker_client_request(int fd, uint32_t target, uint32_t count)
{
	struct broker_request request = {.target = target, .count = count};
	struct iovec iov = {.iov_base = &request, .iov_len = sizeof(request)};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	if (sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	return is_passing(errno) ? -EAGAIN : -EPIPE;
}

static void take_fds(struct msghdr *message, struct arrival *arrival)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(message);

	arrival->count = 0;
	if (!control || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
		return;
	arrival->count = (uint32_t)((control->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(arrival->fds, CMSG_DATA(control), arrival->count * sizeof(int));
}

static ssize_t receive(int fd, struct arrival *arrival)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(arrival->fds))];
	} control;
	struct iovec iov = {.iov_base = &arrival->reply, .iov_len = sizeof(arrival->reply)};
	struct msghdr message = {
	        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t size = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	if (size > 0)
		take_fds(&message, arrival);
	arrival->flags = message.msg_flags;
	return size;
}

/* Fewer descriptors than the broker sent are in order only when this process could not take them all. */
static bool is_sound(const struct arrival *arrival, ssize_t size)
{
	bool is_cut = arrival->flags & MSG_CTRUNC;

	if (size != sizeof(arrival->reply) || arrival->flags & MSG_TRUNC ||
	    arrival->reply.count > BROKER_BATCH_MAX)
		return false;
	return is_cut ? arrival->count < arrival->reply.count : arrival->count == arrival->reply.count;
}

static void close_all(const struct arrival *arrival)
{
	for (uint32_t i = 0; i < arrival->count; i++)
		close(arrival->fds[i]);
}

int broker_client_receive(int fd, struct broker_reply *ret, int fds[static BROKER_BATCH_MAX])
{
	struct arrival arrival;
	ssize_t size = receive(fd, &arrival);

	if (size < 0)
		return is_passing(errno) ? 0 : -EPIPE;
	if (size == 0)
		return -EPIPE;
	if (!is_sound(&arrival, size)) {
		close_all(&arrival);
		return -EPROTO;
	}
	if (arrival.count < arrival.reply.count) {
		arrival.reply.count = arrival.count;
		arrival.reply.error = EMFILE;
	}
	*ret = arrival.reply;
	memcpy(fds, arrival.fds, arrival.count * sizeof(*fds));
	return 1;
}
