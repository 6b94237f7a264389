/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/request.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/process.h"

void requests_init(struct requests *requests, int control_fd, int doorbell_fd)
{
	*requests = (struct requests){
		.lock = PTHREAD_MUTEX_INITIALIZER, .control_fd = control_fd, .doorbell_fd = doorbell_fd};
}

static bool send_command(const struct requests *requests, uint64_t ticket, const char *command, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct control_message head = {.type = CONTROL_REQUEST, .value = ticket};
	struct iovec iov[] = {{&head, sizeof(head)}, {(void *)(uintptr_t)command, strlen(command) + 1}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};
	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	return sendmsg(requests->control_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

uint64_t request_send(struct requests *requests, const char *command, int fd)
{
	uint64_t ticket = 0;
	pthread_mutex_lock(&requests->lock);
	if (!requests->under_way && strlen(command) < REQUEST_TEXT_MAX &&
	    send_command(requests, requests->ticket + 1, command, fd)) {
		ticket = ++requests->ticket;
		requests->under_way = true;
		requests->answered = false;
	}
	pthread_mutex_unlock(&requests->lock);
	return ticket;
}

bool request_answer(struct requests *requests, uint64_t ticket, int *ret_error, char text[static ANSWER_TEXT_MAX])
{
	pthread_mutex_lock(&requests->lock);
	bool answered = requests->ticket == ticket && requests->answered;
	if (answered) {
		*ret_error = requests->error;
		memcpy(text, requests->text, ANSWER_TEXT_MAX);
		requests->under_way = requests->answered = false;
	}
	pthread_mutex_unlock(&requests->lock);
	return answered;
}

void request_drop(struct requests *requests, uint64_t ticket)
{
	pthread_mutex_lock(&requests->lock);
	if (requests->ticket == ticket && requests->answered)
		requests->under_way = requests->answered = false;
	else if (requests->ticket == ticket)
		requests->ticket++; /* what is answered to the one before is thrown away */
	pthread_mutex_unlock(&requests->lock);
}

void requests_answered(struct requests *requests, uint64_t ticket, int error, const char *text)
{
	uint64_t one = 1;
	if (ticket == 0) /* a signal's */
		return;
	pthread_mutex_lock(&requests->lock);
	requests->answered = requests->under_way && ticket == requests->ticket;
	/* Whoever asked has gone: the next one may ask. */
	if (!requests->answered)
		requests->under_way = false;
	requests->error = error;
	snprintf(requests->text, sizeof(requests->text), "%s", text);
	pthread_mutex_unlock(&requests->lock);
	ssize_t n = write(requests->doorbell_fd, &one, sizeof(one));
	(void)n;
}
