/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts the system calls of a running relay with ptrace(2), exactly and by kind, and holds its threads still
 * while a test prepares what they are to find all at once. So how much is done by one call does not depend on
 * who runs when.
 *
 * A traced relay moves only while tracer_pump() is called, so a test must not block on what the relay does:
 * tracer_await() waits for a descriptor and pumps meanwhile. One relay at a time; one thread only.
 */
#ifndef NSRELAY_TESTS_COST_TRACER_H
#define NSRELAY_TESTS_COST_TRACER_H

#include <stdint.h>

#include "tests/lib/relayproc.h"

/* Whose calls these are. */
enum tracer_role {
	TRACER_RELAY,   /* the threads that relay */
	TRACER_CONTROL, /* the relay process's first thread, which takes commands and writes the log */
	TRACER_BROKER,  /* the supervisor, which makes the sockets */
	TRACER_ROLES,
};

enum { TRACER_CALLS = 512 }; /* x86-64 and the generic table number theirs below */

/* System calls begun, by number. */
struct tracer_counts {
	uint64_t calls[TRACER_ROLES][TRACER_CALLS];
};

/* tracer_attach - count from here on; skips the test where tracing is not permitted */
void tracer_attach(const struct relayproc *relay);

/* tracer_detach - let it run untraced again. Does nothing when nothing is traced. */
void tracer_detach(void);

/* tracer_pump - let the relay go on from where it was stopped for being counted */
void tracer_pump(void);

/* tracer_await - pump until poll(2) reports one of @events, an error or a hang-up on @fd */
void tracer_await(int fd, short events);

/* tracer_settle - pump until all the threads that relay wait for something to do */
void tracer_settle(void);

/*
 * tracer_hold - settle, then stop the threads that relay before they can notice anything; tracer_release -
 * let them go. The wait that is cut short by it is not counted.
 */
void tracer_hold(void);
void tracer_release(void);

/* tracer_read - what was counted so far */
void tracer_read(struct tracer_counts *ret);

#endif
