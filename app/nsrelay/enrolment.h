/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of operation
 *
 * The namespaces that come and go while the daemon runs: which are enrolled, under which policy, and how far each has come.
 * A relay with a listener @POLICY/ADDRESS:PORT has one in each of them (relay/plan.h), and rules that steer connections
 * there, if it has such (app/nsrelay/steering.h).
 *
 *	PENDING  known, and to be served by the next change of the configuration, or once more after a failure
 *	STARTING in the change that is under way
 *	SERVED   listeners and rules are there
 *
 * All that is wanted by the time a change may begin goes into one: a hundred pods that start at once cost a few changes.
 * When that fails each is tried alone, so that only who cannot be served is not; and that one again, later and later, until
 * it is given up.
 *
 * A namespace is known by itself: by the descriptor that came, and by its cookie (SO_NETNS_COOKIE), which no other one gets
 * before the machine restarts. Never by a name or a pid. The daemon's own is refused: its rules would be the host's.
 *
 * Who is enrolled is noted in a file, and looked for by a daemon that is started again: its rules and listeners are there
 * again without anybody asking. That file holds no namespace: one that has gone meanwhile is forgotten.
 *
 * One thread: the supervisor's.
 */
#ifndef NSRELAY_APP_NSRELAY_ENROLMENT_H
#define NSRELAY_APP_NSRELAY_ENROLMENT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "app/nsrelay/spaces.h"
#include "base/vec.h"
#include "nsctl/netns.h"
#include "relay/config.h"

enum {
	ENROLMENT_NAME_MAX = 128,   /* its NUL included, as all of these */
	ENROLMENT_SNAPSHOT_MAX = 64,
	ENROLMENT_REASON_MAX = 256,
	ENROLMENT_TRIES_MAX = 8, /* 50 ms after the first failure, then twice as long each time: 6.4 s in all */
};

enum enrolment_state { ENROLMENT_PENDING, ENROLMENT_STARTING, ENROLMENT_SERVED };

struct enrolment {
	struct list link;
	struct config_enrolled is;
	char name[ENROLMENT_NAME_MAX];         /* for people; "": none */
	char snapshot[ENROLMENT_SNAPSHOT_MAX]; /* the last one that it was in; "": none */
	struct space *space;                   /* held */
	uint64_t cookie;
	uint64_t inode;
	pid_t pid;  /* it ends with this process; 0: with none */
	int pid_fd; /* -1: none */
	enum enrolment_state state;
	bool is_alone;     /* it is to be in a change of its own */
	bool is_restored;  /* from before the daemon was started, and not served since */
	uint32_t failures;
	uint64_t retry_ms; /* not before */
	char reason[ENROLMENT_REASON_MAX]; /* of the last failure */
};

/* Somebody who is told what becomes of it. */
struct enrolment_waiter {
	uint64_t ticket, deadline_ms;
	uint32_t serial; /* of the enrolment; 0: that those that were withdrawn are gone */
	bool in_change;  /* (serial 0) the change that is under way takes them away */
};

/* A namespace that was withdrawn: listeners of ours may still be closing in there. */
struct enrolment_leaving {
	uint64_t cookie, until_ms; /* 0: the change that closes them is to come */
	bool in_change;
};

/* Tells @ticket's owner: @error 0 and "served" or "pending", or a positive errno and why. */
typedef void enrolment_answer_fn(void *ctx, uint64_t ticket, int error, const char *text);

struct enrolments {
	struct list all;     /* struct enrolment, in the order in which they came */
	VEC(struct enrolment_waiter) waiters;
	VEC(struct enrolment_leaving) leaving;
	struct spaces *spaces;       /* borrowed */
	enrolment_answer_fn *answer;
	void *ctx;                   /* its */
	char path[CONFIG_SOCKET_PATH_MAX + sizeof(".enrolled")]; /* where they are noted; "": nowhere */
	uint32_t last_serial;
	int epoll_fd;                /* readable when a process has ended */
	uint32_t started;            /* how many are in the change that is under way */
	bool withdrawn;              /* somebody is, and no change has begun since */
	bool withdrawn_in_change;
	uint64_t withdraw_ms;        /* not before: the last try has failed */
};

/* What somebody asks for. */
struct enrolment_wish {
	const char *uid, *policy, *name, *snapshot; /* name, snapshot: "" when there is none */
	uint64_t ticket, deadline_ms; /* ticket 0: nobody is told */
};

/* enrolments_init - @path: of the file with those from before, and those to come; "": none. Errors: epoll_create1(2). */
int enrolments_init(struct enrolments *enrolments, struct spaces *spaces, const char *path, enrolment_answer_fn *answer,
                    void *ctx, struct err *err);

/* enrolments_fini - close and free all; the file stays. enrolments_close - in a process that may not use them */
void enrolments_fini(struct enrolments *enrolments);
void enrolments_close(struct enrolments *enrolments);

/* enrolments_restore - those that are noted, and whose namespaces are there */
void enrolments_restore(struct enrolments *enrolments);

/*
 * enrolments_add - have the namespace @fd served: a network namespace, or the process (pidfd) that is in it, with whose end it
 * is withdrawn
 * @fd: borrowed. What is known by that uid and is the same is looked at, and not entered again.
 * The answer comes when it is served, at the deadline ("pending"), or when it is given up. What is enrolled alike already is
 * answered at once; a uid with another namespace means that one from now on.
 * Errors, nothing is changed then: EINVAL (@fd is neither, or a namespace that cannot be had), EEXIST (it is enrolled under
 * another uid), those of netns_enter().
 */
int enrolments_add(struct enrolments *enrolments, const struct enrolment_wish *wish, int fd, struct err *err);

/* enrolments_keep - it is in that snapshot too. Errors: ENOENT. */
int enrolments_keep(struct enrolments *enrolments, const char *uid, const char *snapshot, struct err *err);

/* enrolments_withdraw - the answer comes when its listeners close; of what is not enrolled at once */
void enrolments_withdraw(struct enrolments *enrolments, const char *uid, uint64_t ticket);

/* enrolments_sweep - the same of all whose uid begins with @prefix and which are not in @snapshot */
void enrolments_sweep(struct enrolments *enrolments, const char *prefix, const char *snapshot, uint64_t ticket);

/* enrolments_look - withdraw those whose process has ended */
void enrolments_look(struct enrolments *enrolments);

/* enrolments_act - tell those whose deadline is over. Returns when there is something to do next, 0: never */
uint64_t enrolments_act(struct enrolments *enrolments, uint64_t now_ms);

/* enrolments_due - is there something for a change of its own? *@ret_next_ms: when there will be; 0: never */
bool enrolments_due(const struct enrolments *enrolments, uint64_t now_ms, uint64_t *ret_next_ms);

/*
 * enrolments_begin - write those that are to be served into @config, in place of those it has
 * @adds: with those that are pending and may be tried now. It is followed by enrolments_settle().
 */
int enrolments_begin(struct enrolments *enrolments, struct config *config, bool adds, uint64_t now_ms);

/*
 * enrolments_settle - the change has come to its end; @why: it has failed; NULL: it has not
 * @settled_ms: listeners that it gave up are closed by then
 */
void enrolments_settle(struct enrolments *enrolments, const char *why, uint64_t now_ms, uint64_t settled_ms);

/* enrolments_forget_waiters - there is nobody any more who could be told */
void enrolments_forget_waiters(struct enrolments *enrolments);

/* enrolments_are_restored - is everybody from before served, or given up? */
bool enrolments_are_restored(const struct enrolments *enrolments);

/* enrolments_list - those whose uid begins with @prefix, a line each: UID POLICY NAME INODE PID STATE REASON, split by tabs */
void enrolments_list(const struct enrolments *enrolments, const char *prefix, FILE *out);

#endif
