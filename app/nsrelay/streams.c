/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/streams.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * reopen_nonblocking - a file description of our own: O_NONBLOCK on the one we were given would also be a surprise for
 * the shell and whoever else has it. Not for regular files, which never wait and whose position is shared; with a socket,
 * which cannot be opened again, the log sees to it.
 */
static void reopen_nonblocking(void)
{
	int fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return; /* somebody else's pipe: it waits, as programs do */
	dup2(fd, STDERR_FILENO);
	close(fd);
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
	if (fstat(STDERR_FILENO, &stat) == 0 && (S_ISFIFO(stat.st_mode) || isatty(STDERR_FILENO)))
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
