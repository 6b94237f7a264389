/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives a program a listening socket that lies in another network namespace than the program: what a relay
 * that knows nothing of namespaces needs in order to be compared. The socket is descriptor 3, announced in
 * both ways in use: LISTEN_FDS and LISTEN_PID (sd_listen_fds(3)), and NGINX ("3;", by which nginx passes its
 * sockets to a new binary).
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/load/net.h"
#include "bench/load/nsload.h"

enum { PASSED_FD = 3 }; /* SD_LISTEN_FDS_START, sd_listen_fds(3) */

static bool announce(void)
{
	char pid[16];
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	return setenv("LISTEN_FDS", "1", 1) == 0 && setenv("LISTEN_PID", pid, 1) == 0 &&
	       setenv("NGINX", "3;", 1) == 0;
}

/* pass - give @fd the number it is announced by and let it survive exec */
static bool pass(int fd)
{
	return (fd == PASSED_FD ? fcntl(fd, F_SETFD, 0) : dup2(fd, PASSED_FD)) >= 0;
}

/*
 * listen_elsewhere - net_listen() in the endpoint's namespace; the program comes back to its own
 * Non-blocking: nginx takes a socket it is passed as it is, and one of two workers would hang in accept(2).
 */
static int listen_elsewhere(const struct load_options *options, struct err *err)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0)
		return err_set_errno(err, "cannot open the program's own network namespace");
	int fd = net_enter(&options->at.netns, err);
	if (fd == 0)
		fd = net_listen(&options->at, options->congestion, SOCK_NONBLOCK, err);
	if (setns(home, CLONE_NEWNET) < 0) /* no need to undo: the program is about to end */
		fd = err_set_errno(err, "cannot come back from the network namespace");
	close(home);
	return fd;
}

int listen_exec_run(const struct load_options *options, struct err *err)
{
	int fd = listen_elsewhere(options, err);
	if (fd < 0)
		return fd;
	if (!pass(fd) || !announce())
		return err_set_errno(err, "cannot pass the socket");
	execvp(options->command[0], options->command);
	return err_set_errno(err, "cannot run %s", options->command[0]);
}
