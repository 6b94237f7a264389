/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/request.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/process.h"

void requests_init(struct requests *requests, int control_fd, int doorbell_fd)
{
	*requests = (struct requests){
		.lock = PTHREAD_MUTEX_INITIALIZER, .control_fd = control_fd, .doorbell_fd = doorbell_fd};
	for (size_t i = 0; i < LIMIT_REQUESTS; i++)
		requests->all[i].answer.fd = -1;
}

void requests_fini(struct requests *requests)
{
	for (size_t i = 0; i < LIMIT_REQUESTS; i++)
		answer_fini(&requests->all[i].answer);
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

/* find - the one with @ticket; 0: a place that is free. NULL: there is none. */
static struct request *find(struct requests *requests, uint64_t ticket)
{
	for (size_t i = 0; i < LIMIT_REQUESTS; i++)
		if (requests->all[i].ticket == ticket)
			return &requests->all[i];
	return NULL;
}

static void forget(struct request *request)
{
	*request = (struct request){.answer.fd = -1};
}

uint64_t request_send(struct requests *requests, const char *command, int fd)
{
	uint64_t ticket = 0;
	pthread_mutex_lock(&requests->lock);
	struct request *request = find(requests, 0);
	if (request && strlen(command) < REQUEST_TEXT_MAX && send_command(requests, requests->ticket + 1, command, fd))
		request->ticket = ticket = ++requests->ticket;
	pthread_mutex_unlock(&requests->lock);
	return ticket;
}

bool request_answer(struct requests *requests, uint64_t ticket, struct answer *ret)
{
	pthread_mutex_lock(&requests->lock);
	struct request *request = find(requests, ticket);
	bool answered = request && request->answered;
	if (answered) {
		*ret = request->answer;
		forget(request);
	}
	pthread_mutex_unlock(&requests->lock);
	return answered;
}

void answer_fini(struct answer *answer)
{
	free(answer->text);
	if (answer->fd >= 0)
		close(answer->fd);
	*answer = (struct answer){.fd = -1};
}

void request_drop(struct requests *requests, uint64_t ticket)
{
	pthread_mutex_lock(&requests->lock);
	struct request *request = find(requests, ticket);
	if (request) { /* what is answered from now on finds nobody */
		answer_fini(&request->answer);
		forget(request);
	}
	pthread_mutex_unlock(&requests->lock);
}

void requests_answered(struct requests *requests, uint64_t ticket, int error, const char *text, int fd)
{
	struct answer answer = {.error = error, .fd = fd};
	uint64_t one = 1;
	pthread_mutex_lock(&requests->lock);
	struct request *request = ticket ? find(requests, ticket) : NULL; /* 0: a signal's */
	if (request && !request->answered) {
		answer.text = strndup(text, ANSWER_TEXT_MAX - 1);
		request->answer = answer;
		request->answered = true;
		answer = (struct answer){.fd = -1};
	}
	pthread_mutex_unlock(&requests->lock);
	answer_fini(&answer);
	ssize_t n = write(requests->doorbell_fd, &one, sizeof(one));
	(void)n;
}
