/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/net.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 4096 }; /* net.core.somaxconn since Linux 5.4 */

static int open_netns(const struct netns_ref *netns)
{
	char path[NETNS_TEXT_MAX + sizeof("/run/netns/")];
	if (netns->kind == NETNS_NAME)
		snprintf(path, sizeof(path), "/run/netns/%s", netns->text);
	else if (netns->kind == NETNS_PID)
		snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)netns->pid);
	else
		snprintf(path, sizeof(path), "%s", netns->text);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int net_enter(const struct netns_ref *netns, struct err *err)
{
	if (netns->kind == NETNS_SELF)
		return 0;
	char text[NETNS_TEXT_MAX];
	netns_ref_format(netns, text, sizeof(text));
	int fd = open_netns(netns);
	if (fd < 0)
		return err_set_errno(err, "cannot open network namespace %s", text);
	int result = 0;
	if (setns(fd, CLONE_NEWNET) < 0)
		result = err_set_errno(err, "cannot enter network namespace %s", text);
	close(fd);
	return result;
}

/* open_tcp - a TCP socket with the options every socket here has, which accepted ones inherit */
static int open_tcp(sa_family_t family, const char *congestion, int flags)
{
	const int on = 1;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, IPPROTO_TCP);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
	    (!*congestion ||
	     setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, (socklen_t)strlen(congestion)) == 0))
		return fd;
	int code = errno;
	close(fd);
	return -code;
}

int net_listen(const struct endpoint *at, const char *congestion, int flags, struct err *err)
{
	const int on = 1;
	char text[ENDPOINT_TEXT_MAX];
	endpoint_format(at, text, sizeof(text));
	int fd = open_tcp(at->addr.family, congestion, flags);
	if (fd < 0)
		return err_set(err, -fd, "cannot make a socket with congestion control %s: %s", congestion,
		               strerror(-fd));
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    bind(fd, &at->addr.any, at->addr_len) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
		return fd;
	int code = err_set_errno(err, "cannot listen on %s", text);
	close(fd);
	return code;
}

int net_connect_begin(const struct endpoint *to, const char *congestion, bool *ret_connected)
{
	int fd = open_tcp(to->addr.family, congestion, SOCK_NONBLOCK);
	if (fd < 0)
		return fd;
	int result = connect(fd, &to->addr.any, to->addr_len);
	if (result == 0 || errno == EINPROGRESS) {
		*ret_connected = result == 0;
		return fd;
	}
	int code = errno;
	close(fd);
	return -code;
}

int net_connect_result(int fd)
{
	int code = 0;
	socklen_t size = sizeof(code);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0)
		return -errno;
	return -code;
}
