/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked of the supervisor beside what relay threads need: changes of the configuration, and who is enrolled. The
 * control thread brings the answers. What the supervisor grants it decides itself: a relay that was taken over can ask for the
 * same.
 */
#ifndef NSRELAY_RELAY_REQUEST_H
#define NSRELAY_RELAY_REQUEST_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "relay/limits.h"

enum {
	REQUEST_TEXT_MAX = 1024, /* of a command, its NUL included */
	ANSWER_TEXT_MAX = 2048,  /* of a reason, its NUL included; longer ones are cut */
};

struct answer {
	int error;  /* positive errno; 0: it was granted */
	char *text; /* owned; NULL: memory was out */
	int fd;     /* that came along; owned; -1: none */
};

struct request {
	uint64_t ticket; /* 0: the place is free */
	bool answered;
	struct answer answer;
};

struct requests {
	pthread_mutex_t lock;
	int control_fd;  /* to the supervisor; borrowed */
	int doorbell_fd; /* eventfd: rung when an answer has come; borrowed */
	uint64_t ticket; /* of the last one; the first is 1 */
	struct request all[LIMIT_REQUESTS];
};

void requests_init(struct requests *requests, int control_fd, int doorbell_fd);
void requests_fini(struct requests *requests);

/*
 * request_send - "reload", or a command of app/nsrelay/edit.h or supervisor_enrol.c with the file @fd that belongs to it, or -1;
 * @fd is borrowed
 * Returns the ticket by which the answer is asked for, or 0: too many are under way, or the supervisor takes none now.
 */
uint64_t request_send(struct requests *requests, const char *command, int fd);

/* request_answer - has it been answered? Then *@ret is the caller's, for answer_fini(); only once. */
bool request_answer(struct requests *requests, uint64_t ticket, struct answer *ret);
void answer_fini(struct answer *answer);

/* request_drop - nobody waits for the answer any more */
void request_drop(struct requests *requests, uint64_t ticket);

/* requests_answered - by the control thread: the supervisor has said so; @fd is taken; -1: none */
void requests_answered(struct requests *requests, uint64_t ticket, int error, const char *text, int fd);

#endif
