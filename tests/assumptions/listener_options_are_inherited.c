/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP settings are made once, on the listener: accepted sockets have them, without a system call each.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"

/* None of the values is a default. */
static const struct {
	int level, option, value;
} settings[] = {
	{IPPROTO_TCP, TCP_NODELAY, 1},   {SOL_SOCKET, SO_KEEPALIVE, 1},
	{IPPROTO_TCP, TCP_KEEPIDLE, 61}, {IPPROTO_TCP, TCP_KEEPINTVL, 11},
	{IPPROTO_TCP, TCP_KEEPCNT, 3},   {IPPROTO_TCP, TCP_USER_TIMEOUT, 12345},
};

enum { SETTING_COUNT = sizeof(settings) / sizeof(settings[0]) };

static void settings_apply(int fd)
{
	for (size_t i = 0; i < SETTING_COUNT; i++)
		assert_return_code(setsockopt(fd, settings[i].level, settings[i].option, &settings[i].value,
					      sizeof(settings[i].value)),
				   errno);
}

static void settings_expect(int fd)
{
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		int value = -1;
		socklen_t size = sizeof(value);

		assert_return_code(getsockopt(fd, settings[i].level, settings[i].option, &value, &size),
				   errno);
		assert_int_equal(value, settings[i].value);
	}
}

static int accept_one(int listener, const struct sockaddr_in *addr, int *ret_client)
{
	int fd;

	*ret_client = rig_connect(addr);
	rig_await(listener, POLLIN);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void accepted_socket_has_the_listeners_options(void **state)
{
	struct sockaddr_in addr;
	int listener, client, accepted;

	(void)state;
	rig_need_netns();
	listener = rig_listen(&addr);
	settings_apply(listener);
	accepted = accept_one(listener, &addr, &client);
	settings_expect(accepted);
	close(accepted);
	close(client);
	close(listener);
}

static void accepted_socket_has_the_listeners_congestion_control(void **state)
{
	struct sockaddr_in addr;
	char name[16] = "";
	socklen_t size = sizeof(name);
	int listener, client, accepted;

	(void)state;
	rig_need_netns();
	listener = rig_listen(&addr);
	if (setsockopt(listener, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) < 0) {
		print_message("skipped: no congestion control beside reno: %s\n", strerror(errno));
		skip();
	}
	accepted = accept_one(listener, &addr, &client);
	assert_return_code(getsockopt(accepted, IPPROTO_TCP, TCP_CONGESTION, name, &size), errno);
	assert_string_equal(name, "cubic");
	close(accepted);
	close(client);
	close(listener);
}

/* O_NONBLOCK is a file's, not the socket's: accept4(2) and the ring's accept have to be told. */
static void accepted_socket_does_not_inherit_nonblocking(void **state)
{
	struct sockaddr_in addr;
	int listener, client, accepted, flags;

	(void)state;
	rig_need_netns();
	listener = rig_listen(&addr);
	accepted = accept_one(listener, &addr, &client);
	flags = fcntl(accepted, F_GETFL);
	assert_int_equal(flags & O_NONBLOCK, 0);
	close(accepted);
	close(client);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted_socket_has_the_listeners_options),
		cmocka_unit_test(accepted_socket_has_the_listeners_congestion_control),
		cmocka_unit_test(accepted_socket_does_not_inherit_nonblocking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
