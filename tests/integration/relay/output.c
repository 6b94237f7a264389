/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/relay/output.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void output_require(const char *program)
{
	char command[128];

	snprintf(command, sizeof(command), "command -v %s >/dev/null", program);
	if (testns_run(-1, TESTNS_ARGV("sh", "-c", command)) == 0)
		return;
	print_message("there is no %s: scripts/setup.sh test\n", program);
	skip();
}

void output_start(struct output *output, int ns_fd, const char *command)
{
	char line[1024];
	int ends[2];

	*output = (struct output){.fd = -1};
	assert_true(snprintf(line, sizeof(line), "exec %s >&2", command) < (int)sizeof(line));
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	output->fd = testns_keep_fd(ends[0]);
	testns_spawn_logging(ns_fd, TESTNS_ARGV("sh", "-c", line), ends[1]);
	close(ends[1]);
}

void output_await(struct output *output, const char *text)
{
	while (!memmem(output->text, output->size, text, strlen(text))) {
		testns_await(output->fd, POLLIN);
		ssize_t n = read(output->fd, output->text + output->size, OUTPUT_MAX - output->size);
		if (n <= 0)
			fail_msg("it ended without '%s':\n%.*s", text, (int)output->size, output->text);
		output->size += (size_t)n;
	}
}
