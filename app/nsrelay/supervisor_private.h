/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of app/nsrelay/supervisor*.c share. */
#ifndef NSRELAY_APP_NSRELAY_SUPERVISOR_PRIVATE_H
#define NSRELAY_APP_NSRELAY_SUPERVISOR_PRIVATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "app/nsrelay/enrolment.h"
#include "app/nsrelay/metrics.h"
#include "app/nsrelay/sandbox.h"
#include "app/nsrelay/setup.h"
#include "app/nsrelay/socket_file.h"
#include "app/nsrelay/steering.h"
#include "app/nsrelay/watching.h"
#include "io/probe.h"
#include "nsctl/broker.h"
#include "relay/process.h"
#include "relay/request.h"

/* A change of the configuration that the relay's control socket has asked for. */
struct change_wish {
	uint64_t ticket; /* who asked, and is to be told how it went */
	int fd;          /* what came with it; owned; -1: nothing */
	char command[];  /* "reload", or one of app/nsrelay/edit.h */
};

/* Changes of the configuration, one after the other. */
struct change_state {
	bool wanted;         /* the file is to be read again, for a signal, as soon as nothing else is under way */
	struct change_wish *wishes[LIMIT_REQUESTS]; /* oldest first; owned */
	uint32_t wish_count;
	uint64_t ticket;     /* who asked for the one under way; 0: nobody */
	bool enrols;         /* it is for who is enrolled alone */
	bool begun;          /* enrolments_begin() has been called for it */
	struct setup *next;  /* the relay is changing to it; NULL: nothing is under way */
	char *text;         /* of @next, as it is sent; owned */
	size_t text_size;
	uint64_t began_ms;
	uint64_t settled_ms; /* before that no other one begins: listeners of the last one are being closed */
};

struct supervisor {
	const char *config_path; /* borrowed; NULL: the first configuration came from elsewhere */
	bool sandbox;
	struct setup *setup; /* what is served */
	struct change_state change;
	struct io_features features;
	struct sandbox_user user;
	struct spaces spaces;
	struct targets targets;
	struct steering steering;
	struct enrolments enrolments;
	struct watching watching;
	struct broker broker;
	struct broker_channel channels[LIMIT_THREADS];
	enum broker_wait waits[LIMIT_THREADS];
	int signal_fd;
	int metrics_fds[METRICS_LISTENERS]; /* by TCP, by a unix socket; -1: none */
	struct socket_file metrics_file;
	int serve_fd; /* the control socket, which the relay serves; -1: none */
	struct socket_file serve_file;
	int control_fd;                /* -1 while no relay runs, and when it has closed its end */
	struct control_message unsent; /* a command that found the control channel full; type 0: none */
	pid_t pid;                     /* of the relay process; 0 without one */
	pthread_t thread;              /* of the relay, without a sandbox */
	int thread_result;
	bool is_ready;  /* this relay accepts */
	bool is_complete; /* it has been told that all who were enrolled before are served */
	bool was_ready; /* one of them did: from then on deaths are survived */
	bool stopping;
	bool done; /* the loop ends, with this: */
	int result;
	uint64_t started_ms, restart_ms, kill_ms, change_ms; /* CLOCK_MONOTONIC; 0: not set */
	uint32_t pause_ms;
};

/* supervisor_now - CLOCK_MONOTONIC, in ms */
uint64_t supervisor_now(void);

/* supervisor_tell - tell the relay; what finds the channel full waits, unless something later takes its
 * place */
void supervisor_tell(struct supervisor *s, enum control_type type, uint64_t value);

/* supervisor_answer - tell whoever asked, by CONTROL_ANSWER or CONTROL_ENROLMENT; @error is a positive errno; @fd goes along,
 * borrowed; -1: none. Lost when there is no relay, or it reads nothing */
void supervisor_answer(const struct supervisor *s, enum control_type type, uint64_t ticket, int error, const char *text, int fd);

/* supervisor_log_error - "@message" with the error's story */
void supervisor_log_error(const char *message, const struct err *err);

/* supervisor_show_targets - to the broker, whose table may have moved */
void supervisor_show_targets(struct supervisor *s);

/* ---- supervisor_change.c ---- */

/* change_want - read the file again, for a signal */
void change_want(struct supervisor *s);

/* change_requested - by the relay's control socket (relay/request.h): @command, with the file @fd, which is taken; -1: none */
void change_requested(struct supervisor *s, uint64_t ticket, const char *command, int fd);


/* change_act - do what is due. Returns when there is something to do next, 0: not before something happens */
uint64_t change_act(struct supervisor *s);

/* change_answered - the relay has changed, or not: @error is a positive errno */
void change_answered(struct supervisor *s, int error);

/* change_finish - no relay runs that could answer: what comes next is what the next one starts with */
void change_finish(struct supervisor *s);

/* change_drop_wishes - those who asked have gone with the relay: what they asked for is not done */
void change_drop_wishes(struct supervisor *s);

/* change_forget - the daemon ends */
void change_forget(struct supervisor *s);

/* ---- supervisor_enrol.c ---- */

/* enrol_requested - the same for commands about enrolments; false: @command is none, and @fd not taken */
bool enrol_requested(struct supervisor *s, uint64_t ticket, const char *command, int fd);

#endif
