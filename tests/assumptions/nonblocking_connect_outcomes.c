/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a non-blocking connect(2) says on loopback: the handshake is through, or refused, when the call
 * returns, but it may say so at once or only through poll and SO_ERROR.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"

static int try_connect(int fd, const struct sockaddr_in *addr)
{
	return connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ? errno : 0;
}

static int pending_error(int fd)
{
	int error = -1;
	socklen_t size = sizeof(error);

	assert_return_code(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), errno);
	return error;
}

static void connect_to_a_listener_succeeds_at_once_or_by_pollout(void **state)
{
	struct sockaddr_in addr;
	int listener, fd, outcome;

	(void)state;
	rig_need_netns();
	listener = rig_listen(&addr);
	fd = rig_socket();
	outcome = try_connect(fd, &addr);
	print_message("connect to a listener: %s\n", outcome ? "EINPROGRESS" : "0");
	assert_true(outcome == 0 || outcome == EINPROGRESS);
	assert_int_equal(rig_await(fd, POLLOUT) & (POLLERR | POLLHUP), 0);
	assert_int_equal(pending_error(fd), 0);
	close(fd);
	close(listener);
}

static void connect_to_a_closed_port_is_refused_at_once_or_by_so_error(void **state)
{
	struct sockaddr_in addr;
	int fd, outcome;

	(void)state;
	rig_need_netns();
	close(rig_listen(&addr));
	fd = rig_socket();
	outcome = try_connect(fd, &addr);
	print_message("connect to a closed port: %s\n", outcome == EINPROGRESS ? "EINPROGRESS" : "at once");
	if (outcome == EINPROGRESS) {
		assert_true(rig_await(fd, POLLOUT) & POLLERR);
		outcome = pending_error(fd);
	}
	assert_int_equal(outcome, ECONNREFUSED);
	close(fd);
}

static int open_refused_socket(void)
{
	struct sockaddr_in closed;
	int fd;

	rig_need_netns();
	close(rig_listen(&closed));
	fd = rig_socket();
	assert_int_equal(try_connect(fd, &closed), EINPROGRESS);
	rig_await(fd, POLLOUT);
	assert_int_equal(pending_error(fd), ECONNREFUSED);
	return fd;
}

/* SO_ERROR took the error but the socket still thinks it is connecting. */
static void next_connect_of_a_refused_socket_is_aborted_once(void **state)
{
	struct sockaddr_in addr;
	int fd, listener;

	(void)state;
	fd = open_refused_socket();
	listener = rig_listen(&addr);
	assert_int_equal(try_connect(fd, &addr), ECONNABORTED);
	try_connect(fd, &addr);
	rig_await_state(fd, TCP_ESTABLISHED);
	close(fd);
	close(listener);
}

static void refused_socket_can_be_used_again_after_disconnecting(void **state)
{
	const struct sockaddr unspecified = {.sa_family = AF_UNSPEC};
	struct sockaddr_in addr;
	int fd, listener;

	(void)state;
	fd = open_refused_socket();
	listener = rig_listen(&addr);
	assert_return_code(connect(fd, &unspecified, sizeof(unspecified)), errno);
	try_connect(fd, &addr);
	rig_await_state(fd, TCP_ESTABLISHED);
	close(fd);
	close(listener);
}

static void connect_without_a_route_fails_at_once(void **state)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(80)};
	int fd;

	(void)state;
	rig_need_netns();
	addr.sin_addr.s_addr = htonl(0xc0000201); /* 192.0.2.1, RFC 5737 */
	fd = rig_socket();
	assert_int_equal(try_connect(fd, &addr), ENETUNREACH);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connect_to_a_listener_succeeds_at_once_or_by_pollout),
		cmocka_unit_test(connect_to_a_closed_port_is_refused_at_once_or_by_so_error),
		cmocka_unit_test(next_connect_of_a_refused_socket_is_aborted_once),
		cmocka_unit_test(refused_socket_can_be_used_again_after_disconnecting),
		cmocka_unit_test(connect_without_a_route_fails_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
