/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/app/manager.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int notify_fd = -1;
static int stderr_fd = -1;
static char *former_binary; /* what NSRELAY_BINARY was before the first manager_wrap() */

int manager_teardown(void **state)
{
	unsetenv("NOTIFY_SOCKET");
	unsetenv("NSRELAY_BINARY");
	if (former_binary)
		setenv("NSRELAY_BINARY", former_binary, 1);
	if (stderr_fd >= 0)
		close(stderr_fd);
	notify_fd = stderr_fd = -1; /* testns has the other */
	return relayproc_teardown(state);
}

/* ---- starting ---- */

static const char *binary(void)
{
	static bool asked;
	if (!asked && getenv("NSRELAY_BINARY"))
		former_binary = strdup(getenv("NSRELAY_BINARY"));
	asked = true;
	return former_binary ? former_binary : NSRELAY_BUILT_BINARY;
}

void manager_wrap(const char *format, ...)
{
	char line[512], script[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	snprintf(script, sizeof(script), "#!/bin/bash\nset -- '%s' \"$@\"\n%s\n", binary(), line);
	setenv("NSRELAY_BINARY", relayproc_file(script), 1);
}

void manager_give_stderr(int fd)
{
	stderr_fd = fcntl(fd, F_DUPFD, 3); /* without close-on-exec */
	assert_true(stderr_fd >= 0);
	manager_wrap("exec \"$@\" 2>&%d %d>&-", stderr_fd, stderr_fd);
}

/* ---- being told ---- */

void manager_listen(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	memcpy(address.sun_path, path, strlen(path));
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	notify_fd = testns_keep_fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	assert_int_equal(bind(notify_fd, (const struct sockaddr *)&address, size), 0);
	setenv("NOTIFY_SOCKET", path, 1);
}

/* next_word - false when there is none */
static bool next_word(char *buf, size_t size)
{
	ssize_t n = recv(notify_fd, buf, size - 1, 0);
	if (n < 0)
		return false;
	buf[n] = '\0';
	return true;
}

void manager_await_word(const char *word)
{
	char got[128];
	testns_await(notify_fd, POLLIN);
	assert_true(next_word(got, sizeof(got)));
	assert_string_equal(got, word);
}

const char *manager_last_word(void)
{
	static char last[128];
	last[0] = '\0';
	while (next_word(last, sizeof(last)))
		;
	return last;
}
