/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child process that opens a ring, gives its privileges up and seals itself as the relay does, and then
 * does what a test wants to see tried from inside.
 */
#ifndef NSRELAY_TESTS_INTEGRATION_APP_INSIDE_H
#define NSRELAY_TESTS_INTEGRATION_APP_INSIDE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "io/ring.h"

/* A build with sanitizers gives its privileges up, but does not seal itself: sandbox_seal(). */
#ifdef NSRELAY_SANITIZED
enum { INSIDE_IS_SEALED = 0 };
#else
enum { INSIDE_IS_SEALED = 1 };
#endif

enum { INSIDE_RESULTS_MAX = 512, INSIDE_RING_ENTRIES = 32 };

/* What the child says, in memory that both processes have. */
struct inside_report {
	char error[ERR_TEXT_MAX]; /* what kept it from its work; "": nothing */
	uint32_t count;
	int results[INSIDE_RESULTS_MAX]; /* >= 0 or -errno, as the test has it */
	_Atomic bool is_sealed;
};

/* What is at hand in the child. */
struct inside {
	struct inside_report *report;
	struct ring *ring;
	int ns_fd;       /* of a network namespace, or -1 */
	pid_t neighbour; /* another process of the same user, not sealed */
};

/* In the child: no cmocka. */
typedef void inside_fn(struct inside *inside);

/*
 * inside_start - start the child
 * @before: called when the privileges are gone and the system calls are still there; NULL: nothing
 * @work:   called when it is sealed; the child ends when it returns
 * Skips the test without the privilege to give up.
 */
pid_t inside_start(inside_fn *before, inside_fn *work, int ns_fd);

/* inside_await_seal - wait until the child is sealed; fails the test when it cannot be */
void inside_await_seal(void);

/* inside_end - wait for the end of the child, which must be a good one */
void inside_end(pid_t pid);

/* inside_run - start and end; returns what it said, valid until the next call */
const struct inside_report *inside_run(inside_fn *before, inside_fn *work, int ns_fd);

/* inside_tell - in the child: add a result, -errno when it is negative */
void inside_tell(struct inside *inside, long result);

/* inside_need - in the child: without @holds there is nothing more to be done; errno tells why */
void inside_need(struct inside *inside, const char *what, bool holds);

#endif
