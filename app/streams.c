/* SPDX-License-Identifier: Apache-2.0 */
#include "app/streams.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

enum { JOURNAL_PATIENCE_US = 1000 };

/*
 * reopen_nonblocking - a file description of our own: O_NONBLOCK on the one we were given would also be a surprise for
 * the shell and whoever else has it. Not for regular files, which never wait and whose position is shared.
 */
static void reopen_nonblocking(void)
{
	int fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return; /* somebody else's pipe: it waits, as programs do */
	dup2(fd, STDERR_FILENO);
	close(fd);
}

/* limit_waiting - a socket cannot be opened again; a timeout works on it whatever function writes */
static void limit_waiting(void)
{
	const struct timeval patience = {.tv_usec = JOURNAL_PATIENCE_US};
	setsockopt(STDERR_FILENO, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

int streams_open(struct err *err)
{
	struct stat stat;
	int fd;
	do {
		fd = open("/dev/null", O_RDWR | O_NOCTTY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return err_set_errno(err, "open /dev/null");
	close(fd);
	if (fstat(STDERR_FILENO, &stat) == 0 && S_ISSOCK(stat.st_mode))
		limit_waiting();
	else if (S_ISFIFO(stat.st_mode) || isatty(STDERR_FILENO))
		reopen_nonblocking();
	return 0;
}

void streams_forsake_input_and_output(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}
