/* SPDX-License-Identifier: Apache-2.0 */
/* The other end of a varlink service: one call after the other, each waited for. */
#ifndef NSRELAY_APP_VARLINK_CLIENT_H
#define NSRELAY_APP_VARLINK_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "app/varlink/frame.h"
#include "base/err.h"

enum {
	VARLINK_ANSWER_MS = 10000,            /* a service that says nothing for so long is stuck */
	VARLINK_ANSWER_MAX = 4 * 1024 * 1024, /* bytes of a reply */
};

struct varlink_client {
	int fd;
	struct frames frames;
	const char *path; /* borrowed; for errors */
	int64_t deadline_ms; /* of CLOCK_MONOTONIC, by which all replies are to be here; 0: each within VARLINK_ANSWER_MS */
	json_t *refusal;  /* parameters of the last error that the service replied; owned; NULL: none */
};

/* varlink_connect - to the service at @path; errors: those of connect(2), with what to do */
int varlink_connect(struct varlink_client *client, const char *path, struct err *err);
void varlink_disconnect(struct varlink_client *client);

/*
 * varlink_connect_within - the same, but @patience_ms from now everything is over: connecting, calls and all
 * their replies, however many; ETIMEDOUT then. For who may not be kept waiting.
 */
int varlink_connect_within(struct varlink_client *client, const char *path, int patience_ms, struct err *err);

/* varlink_wait - from now on wait for replies for as long as it takes */
void varlink_wait(struct varlink_client *client);

/*
 * ---- calls ----
 * @method: "org.example.Interface.Method"; @parameters: taken, also on failure, NULL for none
 * Errors: those of send(2), ECONNRESET (the service has ended), ETIMEDOUT, EPROTO, and EREMOTEIO for an error that the
 * service replied, whose name and parameters are in the text.
 */

/* varlink_send - a call whose answer is not waited for here; @more: it may come in several replies */
int varlink_send(struct varlink_client *client, const char *method, json_t *parameters, bool more, struct err *err);

/* varlink_receive - the parameters of the next reply, the caller's to json_decref(). @ret_continues: another one follows. */
int varlink_receive(struct varlink_client *client, json_t **ret, bool *ret_continues, struct err *err);

/*
 * varlink_ask - one question on an open connection, and its one answer
 * @fd: a file that goes along (SCM_RIGHTS), borrowed; -1: none
 * @ret: the caller's to json_decref()
 */
int varlink_ask(struct varlink_client *client, const char *method, json_t *parameters, int fd, json_t **ret,
                struct err *err);

/* varlink_call - the same of the service at @path, by a connection of its own */
int varlink_call(const char *path, const char *method, json_t *parameters, int fd, json_t **ret,
                 struct err *err);

/* Takes one reply of several, borrowed; 0: go on, else varlink_each() ends with it. */
typedef int varlink_reply_fn(void *ctx, const json_t *reply, struct err *err);

/*
 * varlink_each - a question whose answer comes in several replies (`more`), @take for each as it comes
 * Returns 0 after the last, the first error, or what @take ended it with. In the two latter cases replies may
 * still be under way: the connection is good for varlink_disconnect() only.
 */
int varlink_each(struct varlink_client *client, const char *method, json_t *parameters,
                 varlink_reply_fn *take, void *ctx, struct err *err);

#endif
