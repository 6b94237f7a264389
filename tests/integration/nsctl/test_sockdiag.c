/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/netlink/sockdiag.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/endpoint.h"
#include "nsctl/netns.h"
#include "tests/lib/testns.h"

/* More than one part of a dump holds: a socket takes about 200 bytes of 32 KiB. */
enum { MANY = 600 };

static struct sockdiag sockets;

static int teardown(void **state)
{
	vec_clear(&sockets.all);
	return testns_teardown(state);
}

static void look(int ns_fd, unsigned parts)
{
	struct err err = ERR_INIT;
	struct nl *nl;

	assert_success(nl_open(ns_fd, NETLINK_SOCK_DIAG, "here", &nl, &err), &err);
	assert_success(sockdiag_read(nl, parts, &sockets, &err), &err);
	nl_close(nl);
}

static uint64_t inode_of(int fd)
{
	struct stat stat;

	assert_int_equal(fstat(fd, &stat), 0);
	return stat.st_ino;
}

static const struct sockdiag_socket *find(int fd)
{
	uint64_t inode = inode_of(fd);

	vec_each (socket, &sockets.all) {
		if (socket->inode == inode)
			return socket;
	}
	return NULL;
}

static void assert_address(const union sockdiag_address *address, const char *expected)
{
	char text[ENDPOINT_TEXT_MAX];

	assert_string_equal(endpoint_format_address(&address->any, text, sizeof(text)), expected);
}

static int udp_socket(int ns_fd, int family)
{
	int home = -1, fd;

	assert_int_equal(netns_enter(ns_fd, &home, NULL), 0);
	fd = testns_keep_fd(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	netns_leave(home);
	return fd;
}

static void listeners_and_connections_are_told_apart(void **state)
{
	int ns = testns_new();
	int listener = testns_listen(ns, "[::1]:80"), client = testns_connect(ns, "[::1]:80");
	int server = testns_accept(listener);

	(void)state;
	look(ns, SOCKDIAG_LISTENING);
	assert_int_equal(sockets.all.count, 1);
	assert_int_equal(find(listener)->state, TCP_LISTEN);
	assert_address(&find(listener)->local, "[::1]:80");
	look(ns, SOCKDIAG_CONNECTED);
	assert_int_equal(sockets.all.count, 2);
	assert_null(find(listener));
	assert_int_equal(find(client)->state, TCP_ESTABLISHED);
	assert_address(&find(client)->remote, "[::1]:80");
	assert_address(&find(server)->local, "[::1]:80");
	assert_true(find(server)->cookie != find(client)->cookie);
	look(ns, SOCKDIAG_LISTENING | SOCKDIAG_CONNECTED);
	assert_int_equal(sockets.all.count, 3);
}

static void udp_sockets_are_seen(void **state)
{
	int ns = testns_new();
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(53)};
	struct sockaddr_in6 there = {
	        .sin6_family = AF_INET6, .sin6_port = htons(54), .sin6_addr = in6addr_loopback};
	int bound = udp_socket(ns, AF_INET), connected = udp_socket(ns, AF_INET6);

	(void)state;
	assert_int_equal(bind(bound, (struct sockaddr *)&here, sizeof(here)), 0);
	assert_int_equal(connect(connected, (struct sockaddr *)&there, sizeof(there)), 0);
	look(ns, SOCKDIAG_LISTENING | SOCKDIAG_CONNECTED);
	assert_int_equal(sockets.all.count, 2);
	assert_int_equal(find(bound)->protocol, IPPROTO_UDP);
	assert_true(sockdiag_is_listening(find(bound)));
	assert_address(&find(bound)->local, "0.0.0.0:53");
	assert_false(sockdiag_is_listening(find(connected)));
	assert_address(&find(connected)->remote, "[::1]:54");
}

static void sockets_of_another_namespace_are_not_seen(void **state)
{
	int ns = testns_new(), other = testns_new();

	(void)state;
	testns_listen(other, "127.0.0.1:80");
	look(ns, SOCKDIAG_LISTENING | SOCKDIAG_CONNECTED);
	assert_int_equal(sockets.all.count, 0);
}

static void bytes_that_wait_are_counted(void **state)
{
	int ns = testns_new();
	int listener = testns_listen(ns, "127.0.0.1:80"), client = testns_connect(ns, "127.0.0.1:80");
	int server = testns_accept(listener);

	(void)state;
	testns_write(client, "waits", 5);
	testns_await(server, POLLIN);
	look(ns, SOCKDIAG_CONNECTED);
	assert_int_equal(find(server)->receive_queue, 5);
	assert_int_equal(find(server)->send_queue, 0);
}

/* bind_many - to ports that the kernel chooses */
static void bind_many(int ns_fd, int fds[MANY])
{
	struct sockaddr_in any = {.sin_family = AF_INET};
	int home = -1;

	assert_int_equal(netns_enter(ns_fd, &home, NULL), 0);
	for (size_t i = 0; i < MANY; i++) {
		fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		assert_int_equal(bind(fds[i], (struct sockaddr *)&any, sizeof(any)), 0);
	}
	netns_leave(home);
}

static void a_list_of_many_parts_is_whole(void **state)
{
	int ns = testns_new(), count = 0, fds[MANY];

	(void)state;
	bind_many(ns, fds);
	look(ns, SOCKDIAG_LISTENING);
	for (size_t i = 0; i < MANY; i++) {
		count += find(fds[i]) != NULL;
		close(fds[i]);
	}
	assert_int_equal(count, MANY);
	assert_int_equal(sockets.all.count, MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_teardown(listeners_and_connections_are_told_apart, teardown),
	        cmocka_unit_test_teardown(udp_sockets_are_seen, teardown),
	        cmocka_unit_test_teardown(sockets_of_another_namespace_are_not_seen, teardown),
	        cmocka_unit_test_teardown(bytes_that_wait_are_counted, teardown),
	        cmocka_unit_test_teardown(a_list_of_many_parts_is_whole, teardown),
	};
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
