/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked of the supervisor beside what relay threads need: a change of the configuration. By one asker, one request at
 * a time; the control thread brings the answer. What the supervisor grants it decides itself: a relay that was taken over can
 * ask for the same.
 */
#ifndef NSRELAY_RELAY_REQUEST_H
#define NSRELAY_RELAY_REQUEST_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	REQUEST_TEXT_MAX = 1024, /* of a command, its NUL included */
	ANSWER_TEXT_MAX = 2048,  /* of a reason, its NUL included; longer ones are cut */
};

struct requests {
	pthread_mutex_t lock;
	int control_fd;  /* to the supervisor; borrowed */
	int doorbell_fd; /* eventfd: rung when an answer has come; borrowed */
	uint64_t ticket; /* of the one under way, or the last one; the first is 1 */
	bool under_way, answered;
	int error; /* positive errno; 0: it was granted */
	char text[ANSWER_TEXT_MAX];
};

void requests_init(struct requests *requests, int control_fd, int doorbell_fd);

/*
 * request_send - "reload", or a command of app/nsrelay/edit.h with the file @fd that belongs to it, or -1; @fd is borrowed
 * Returns the ticket by which the answer is asked for, or 0: another one is under way, or the supervisor takes none now.
 */
uint64_t request_send(struct requests *requests, const char *command, int fd);

/* request_answer - has it been answered? Then *@ret_error is 0 or a positive errno, and @text says why; only once. */
bool request_answer(struct requests *requests, uint64_t ticket, int *ret_error, char text[static ANSWER_TEXT_MAX]);

/* request_drop - nobody waits for the answer any more */
void request_drop(struct requests *requests, uint64_t ticket);

/* requests_answered - by the control thread: the supervisor has said so */
void requests_answered(struct requests *requests, uint64_t ticket, int error, const char *text);

#endif
