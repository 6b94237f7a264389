/* SPDX-License-Identifier: Apache-2.0 */
/* nsrelay-cni: the environment, standard input, and one command. */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/cni/command.h"
#include "app/cni/result.h"

enum { INPUT_PATIENCE_MS = 10000 }; /* a runtime that is not done by then never is */

static const char *variable(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

/* read_input - up to @max bytes of standard input; 0 or a code, with @err */
static int read_input(char *text, size_t max, size_t *ret_size, struct err *err)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	int64_t deadline_ms = cni_now_ms() + INPUT_PATIENCE_MS;
	for (size_t size = 0; size < max;) {
		int64_t left_ms = deadline_ms - cni_now_ms();
		if (left_ms <= 0 || poll(&input, 1, (int)left_ms) == 0)
			return cni_fail(err, CNI_IO, "standard input does not end");
		ssize_t n = read(STDIN_FILENO, text + size, max - size);
		if (n < 0 && errno != EINTR)
			return cni_fail(err, CNI_IO, "standard input cannot be read");
		if (n == 0) {
			*ret_size = size;
			return 0;
		}
		size += n > 0 ? (size_t)n : 0;
	}
	return cni_fail(err, CNI_BAD_CONFIG, "standard input: expected at most %d bytes", CNI_CONFIG_MAX);
}

int main(void)
{
	static char text[CNI_CONFIG_MAX + 1];
	const struct cni_environment environment = {.command = variable("CNI_COMMAND"),
	                                            .container = variable("CNI_CONTAINERID"),
	                                            .netns = variable("CNI_NETNS"),
	                                            .ifname = variable("CNI_IFNAME"),
	                                            .args = variable("CNI_ARGS")};
	struct err err = ERR_INIT;
	size_t size = 0;
	/* Who has called it by hand need not be waited for. */
	int code = environment.command ? read_input(text, sizeof(text), &size, &err) : 0;
	if (code)
		cni_print_error(NULL, code, err.text, stdout);
	else
		code = cni_command_run(&environment, text, size, stdout, stderr);
	/* A result that did not arrive is none. */
	return code || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
