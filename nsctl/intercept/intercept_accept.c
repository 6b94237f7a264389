/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "nsctl/intercept/intercept.h"
#include "nsctl/netns.h"

#define ACCEPT_PATH "/proc/sys/net/ipv4/tcp_fwmark_accept"

/* exchange - the flag is @on from now on; returns what it was, or -errno. Within the namespace. */
static int exchange(bool on)
{
	char was = '0';
	int fd = open(ACCEPT_PATH, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (pread(fd, &was, 1, 0) != 1 || (was != (on ? '1' : '0') && pwrite(fd, on ? "1" : "0", 1, 0) != 1))
		was = 0;
	close(fd);
	return was ? was != '0' : -EIO;
}

int intercept_accept_marks(int ns_fd, bool on, struct err *err)
{
	int home;
	int rc = netns_enter(ns_fd, &home, err);

	if (rc < 0)
		return rc;
	rc = exchange(on);
	netns_leave(home);
	return rc < 0 ? err_set(err, -rc, "%s cannot be written", ACCEPT_PATH) : rc;
}
