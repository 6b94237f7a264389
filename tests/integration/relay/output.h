/* SPDX-License-Identifier: Apache-2.0 */
/* Other programs that a test runs beside the relay, and what they print. */
#ifndef NSRELAY_TESTS_RELAY_OUTPUT_H
#define NSRELAY_TESTS_RELAY_OUTPUT_H

#include <stddef.h>

#include "tests/lib/testns.h"

enum { OUTPUT_MAX = 1 << 16 };

struct output {
	int fd;
	char text[OUTPUT_MAX];
	size_t size;
};

/* output_require - skip the running test where there is no @program */
void output_require(const char *program);

/* output_start - run a command of the shell's inside @ns_fd; it is killed by testns_teardown() */
void output_start(struct output *output, int ns_fd, const char *command);

/* output_await - wait until @text is in what it has printed, on either of its streams */
void output_await(struct output *output, const char *text);

#endif
