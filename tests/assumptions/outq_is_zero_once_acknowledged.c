/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIOCOUTQ counts what the peer's kernel has not acknowledged, whether or not the peer has read it. When it
 * is 0, a reset can no longer overtake data.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"

static int outq(int fd)
{
	int queued = -1;

	assert_return_code(ioctl(fd, SIOCOUTQ, &queued), errno);
	return queued;
}

static void zero_though_the_peer_has_read_nothing(void **state)
{
	struct rig_tcp tcp;

	(void)state;
	rig_need_netns();
	rig_tcp_open(&tcp);
	rig_send(tcp.near, "unread");
	rig_await_acked(tcp.near);
	rig_tcp_close(&tcp);
}

static void not_zero_behind_a_closed_window_until_the_peer_reads(void **state)
{
	struct rig_tcp tcp;
	size_t sent;

	(void)state;
	rig_need_netns();
	rig_tcp_open(&tcp);
	sent = rig_fill(tcp.near);
	assert_true(outq(tcp.near) > 0);
	rig_drain(tcp.far, sent);
	rig_await_acked(tcp.near);
	rig_tcp_close(&tcp);
}

static void zero_after_the_fin_was_acknowledged_too(void **state)
{
	struct rig_tcp tcp;

	(void)state;
	rig_need_netns();
	rig_tcp_open(&tcp);
	rig_send(tcp.near, "last");
	shutdown(tcp.near, SHUT_WR);
	rig_await_acked(tcp.near);
	assert_int_equal(rig_drain_to_end(tcp.far), 4);
	rig_tcp_close(&tcp);
}

static void all_data_survives_a_reset_sent_at_zero(void **state)
{
	struct rig_tcp tcp;
	char buffer[16];

	(void)state;
	rig_need_netns();
	rig_tcp_open(&tcp);
	rig_send(tcp.near, "kept");
	rig_await_acked(tcp.near);
	rig_reset(tcp.near);
	tcp.near = -1;
	rig_await(tcp.far, 0);
	assert_int_equal(recv(tcp.far, buffer, sizeof(buffer), MSG_DONTWAIT), 4);
	assert_int_equal(recv(tcp.far, buffer, sizeof(buffer), MSG_DONTWAIT), -1);
	assert_int_equal(errno, ECONNRESET);
	rig_tcp_close(&tcp);
}

/* So whoever waits for zero has to watch for the end of the connection too. */
static void never_zero_once_the_peer_has_reset(void **state)
{
	struct rig_tcp tcp;

	(void)state;
	rig_need_netns();
	rig_tcp_open(&tcp);
	rig_fill(tcp.near);
	rig_reset(tcp.far);
	tcp.far = -1;
	assert_true(rig_await(tcp.near, 0) & POLLERR);
	assert_true(outq(tcp.near) > 0); /* it has kept its last value */
	rig_tcp_close(&tcp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zero_though_the_peer_has_read_nothing),
		cmocka_unit_test(not_zero_behind_a_closed_window_until_the_peer_reads),
		cmocka_unit_test(zero_after_the_fin_was_acknowledged_too),
		cmocka_unit_test(all_data_survives_a_reset_sent_at_zero),
		cmocka_unit_test(never_zero_once_the_peer_has_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
