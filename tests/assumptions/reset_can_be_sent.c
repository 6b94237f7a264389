/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ways to pass a reset on: closing with SO_LINGER {1, 0}, which needs the last reference to the socket to
 * go, and connect(AF_UNSPEC), which works at once though an operation of the ring still holds it.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"

enum { RECV_DATA = 3, POLL_DATA = 4 };

static void expect_reset(int fd)
{
	char byte;

	assert_true(rig_await(fd, 0) & POLLERR);
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, ECONNRESET);
}

static void disconnect(int fd)
{
	const struct sockaddr unspecified = {.sa_family = AF_UNSPEC};

	assert_return_code(connect(fd, &unspecified, sizeof(unspecified)), errno);
}

static void closing_without_linger_time_sends_a_reset(void **state)
{
	struct rig_tcp tcp;

	(void)state;
	rig_need_netns();
	rig_tcp_open(&tcp);
	rig_reset(tcp.near);
	tcp.near = -1;
	expect_reset(tcp.far);
	rig_tcp_close(&tcp);
}

static void disconnecting_sends_a_reset(void **state)
{
	struct rig_tcp tcp;

	(void)state;
	rig_need_netns();
	rig_tcp_open(&tcp);
	disconnect(tcp.near);
	expect_reset(tcp.far);
	rig_tcp_close(&tcp);
}

static void disconnecting_after_the_peers_fin_sends_a_reset(void **state)
{
	struct rig_tcp tcp;

	(void)state;
	rig_need_netns();
	rig_tcp_open(&tcp);
	shutdown(tcp.far, SHUT_WR);
	rig_await_state(tcp.near, TCP_CLOSE_WAIT);
	disconnect(tcp.near);
	assert_true(rig_await(tcp.far, 0) & POLLERR);
	rig_tcp_close(&tcp);
}

/* After our own FIN, acknowledged, the peer has not ended: FIN_WAIT2. */
static void disconnecting_after_the_own_fin_sends_a_reset(void **state)
{
	struct rig_tcp tcp;

	(void)state;
	rig_need_netns();
	rig_tcp_open(&tcp);
	shutdown(tcp.near, SHUT_WR);
	rig_await_state(tcp.near, TCP_FIN_WAIT2);
	disconnect(tcp.near);
	assert_true(rig_await(tcp.far, 0) & POLLERR);
	rig_tcp_close(&tcp);
}

/* What was sent but not delivered is thrown away by it: a relay waits for SIOCOUTQ 0 first. */
static void data_queued_behind_a_closed_window_is_lost_by_disconnecting(void **state)
{
	struct rig_tcp tcp;
	size_t sent, received = 0;

	(void)state;
	rig_need_netns();
	rig_tcp_open(&tcp);
	sent = rig_fill(tcp.near);
	disconnect(tcp.near);
	assert_true(rig_await(tcp.far, 0) & POLLERR);
	for (;;) {
		static char sink[65536];
		ssize_t got = recv(tcp.far, sink, sizeof(sink), MSG_DONTWAIT);

		if (got <= 0)
			break;
		received += (size_t)got;
	}
	assert_int_equal(errno, ECONNRESET);
	assert_in_range(received, 1, sent - 1);
	rig_tcp_close(&tcp);
}

static void disconnecting_sends_a_reset_while_the_ring_holds_the_socket(void **state)
{
	struct io_uring ring;
	struct rig_buffers buffers;
	struct rig_tcp tcp;

	(void)state;
	rig_need_netns();
	rig_ring_open(&ring, 8, 0, RIG_DEFER);
	rig_buffers_open(&buffers, &ring, 4, 64);
	rig_tcp_open(&tcp);
	rig_recv_multishot(&ring, tcp.near, RECV_DATA);
	rig_ring_submit(&ring);
	assert_true(rig_ring_is_quiet(&ring));
	disconnect(tcp.near);
	expect_reset(tcp.far); /* nothing has been cancelled or completed yet */
	assert_int_equal(rig_ring_wait(&ring).res, -ECONNRESET); /* the own receive ends with it */
	rig_tcp_close(&tcp);
	rig_buffers_close(&buffers, &ring);
	io_uring_queue_exit(&ring);
}

static void lingering_close_sends_no_reset_while_the_ring_holds_the_socket(void **state)
{
	struct io_uring ring;
	struct rig_tcp tcp;
	char byte;

	(void)state;
	rig_need_netns();
	rig_ring_open(&ring, 8, 0, RIG_DEFER);
	rig_tcp_open(&tcp);
	io_uring_prep_poll_add(rig_sqe(&ring, POLL_DATA), tcp.near, POLLIN);
	rig_ring_submit(&ring);
	rig_reset(tcp.near);
	tcp.near = -1;
	assert_int_equal(send(tcp.far, "x", 1, MSG_NOSIGNAL), 1);
	rig_await_acked(tcp.far); /* a closed socket would have answered with a RST */
	assert_int_equal(recv(tcp.far, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(rig_ring_wait(&ring).user_data, POLL_DATA);
	expect_reset(tcp.far); /* now that the poll has ended */
	rig_tcp_close(&tcp);
	io_uring_queue_exit(&ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closing_without_linger_time_sends_a_reset),
		cmocka_unit_test(disconnecting_sends_a_reset),
		cmocka_unit_test(disconnecting_after_the_peers_fin_sends_a_reset),
		cmocka_unit_test(disconnecting_after_the_own_fin_sends_a_reset),
		cmocka_unit_test(data_queued_behind_a_closed_window_is_lost_by_disconnecting),
		cmocka_unit_test(disconnecting_sends_a_reset_while_the_ring_holds_the_socket),
		cmocka_unit_test(lingering_close_sends_no_reset_while_the_ring_holds_the_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
