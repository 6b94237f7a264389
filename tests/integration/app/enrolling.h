/* SPDX-License-Identifier: Apache-2.0 */
/* Calls about enrolments to the daemon at ENROLLING_CONTROL, for tests. What fails fails the running test. */
#ifndef NSRELAY_TESTS_INTEGRATION_APP_ENROLLING_H
#define NSRELAY_TESTS_INTEGRATION_APP_ENROLLING_H

#include <jansson.h>

#include "tests/lib/relayproc.h"

/* In a /run of this program's own: testns_hide_run(). */
#define ENROLLING_CONTROL "/run/control.sock"

#define CALL(it) "io.nsrelay.Control." it

#define HEAD "control: { path: " ENROLLING_CONTROL " }\nlog: { level: info }\nthreads: 2\n"

/* The policy `pods`: what a pod sends, and what comes to it. */
#define RELAYS                                                                                                          \
	"relays:\n"                                                                                                     \
	"- { name: out, listen: '@pods/[::]:15001', to: original, intercept: { mode: redirect, steer: outbound } }\n"   \
	"- { name: in, listen: '@pods/[::]:15006', to: original, intercept: { mode: redirect, steer: inbound } }\n"

/* AWAIT - look again and again, until it is so */
#define AWAIT(condition)                                                                                                \
	do {                                                                                                            \
		int naps = enrolling_naps();                                                                            \
		while (!(condition) && naps-- > 0)                                                                      \
			enrolling_nap();                                                                                \
		assert_true(condition);                                                                                 \
	} while (0)

int enrolling_naps(void);
void enrolling_nap(void);

/* enrolling_call - @given is taken; the reply, or NULL and why not in @err; @fd goes along, -1: none */
json_t *enrolling_call(const char *method, json_t *given, int fd, struct err *err);

/* enrolling_succeed - the call; what it returned is forgotten. enrolling_refused - it fails with @error, and says @why */
void enrolling_succeed(const char *method, json_t *given);
void enrolling_refused(const char *method, json_t *given, int fd, const char *error, const char *why);

/* enrol_as - with any parameters; the state is @expected. enrol - with a uid alone, and it is served */
void enrol_as(json_t *given, int fd, const char *expected);
void enrol(const char *uid, int fd);
void withdraw(const char *uid);

/* count_enrolled - those whose uid begins with @prefix, in that state */
size_t count_enrolled(const char *prefix, const char *state);

/* rules - how many tables (times ten) and routing rules of ours are in a namespace */
int rules(int ns_fd);

#endif
