/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket belongs for ever to the namespace it was made in: a process outside, without any capability, can
 * use it to connect and to accept there. That is what lets an unprivileged process relay between namespaces.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

enum { NOBODY = 65534 };

/* The outcomes of the unprivileged child, as exit codes. */
enum { CHILD_OK, CHILD_IS_PRIVILEGED, CHILD_CANNOT_CONNECT, CHILD_CANNOT_SEND };

static bool connected(int fd, const struct sockaddr_in *addr)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0)
		return true;
	return errno == EINPROGRESS && poll(&poll_fd, 1, RIG_LIMIT_S * 1000) == 1 &&
	       !(poll_fd.revents & (POLLERR | POLLHUP));
}

/* Leaving root's uid drops every capability (capabilities(7)); setns(2) proves it. */
static int use_socket_as_nobody(int fd, const struct sockaddr_in *addr, int inside)
{
	if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return CHILD_IS_PRIVILEGED;
	if (setns(inside, CLONE_NEWNET) == 0 || errno != EPERM)
		return CHILD_IS_PRIVILEGED;
	if (!connected(fd, addr))
		return CHILD_CANNOT_CONNECT;
	return send(fd, "x", 1, MSG_NOSIGNAL) == 1 ? CHILD_OK : CHILD_CANNOT_SEND;
}

static void socket_made_inside_connects_for_an_unprivileged_process_outside(void **state)
{
	struct sockaddr_in addr;
	int inside, listener, accepted, fd, status = -1;
	pid_t child;

	(void)state;
	rig_need_netns();
	inside = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_true(inside >= 0);
	listener = rig_listen(&addr);
	fd = rig_socket();
	rig_netns_enter_fresh(); /* there, 127.0.0.1 cannot even be reached: loopback is down */
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(use_socket_as_nobody(fd, &addr, inside));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), CHILD_OK);
	rig_await(listener, POLLIN);
	accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(accepted >= 0);
	rig_drain(accepted, 1);
	close(accepted);
	close(fd);
	close(listener);
	assert_return_code(setns(inside, CLONE_NEWNET), errno);
	close(inside);
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);

	assert_return_code(getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size), errno);
	return cookie;
}

static void cookie_tells_a_sockets_namespace(void **state)
{
	int inside, first, second, other;

	(void)state;
	rig_need_netns();
	inside = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	first = rig_socket();
	second = rig_socket();
	rig_netns_enter_fresh();
	other = rig_socket();
	assert_true(cookie_of(first) == cookie_of(second));
	assert_true(cookie_of(first) != cookie_of(other));
	assert_return_code(setns(inside, CLONE_NEWNET), errno);
	close(other);
	close(second);
	close(first);
	close(inside);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(socket_made_inside_connects_for_an_unprivileged_process_outside),
		cmocka_unit_test(cookie_tells_a_sockets_namespace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
