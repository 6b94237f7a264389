/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A multishot receive that finds more than 32 buffers of bytes (MULTISHOT_MAX_RETRY, io_uring/net.c) and the end of the
 * stream behind them tells the end on TCP; on a unix socket it waits for ever. Why unix sources are spliced. Should the
 * second test fail on some kernel, that kernel has mended it, and forced_lane() of relay/flow.c can go.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"

enum { RECV_DATA = 3, BUFFER_COUNT = 64, BUFFER_SIZE = 16, BYTES = 40 * BUFFER_SIZE };

struct lab {
	struct io_uring ring;
	struct rig_buffers buffers;
};

static void lab_open(struct lab *lab)
{
	rig_need_netns();
	rig_ring_open(&lab->ring, 8, 128, RIG_DEFER);
	rig_buffers_open(&lab->buffers, &lab->ring, BUFFER_COUNT, BUFFER_SIZE);
}

static void lab_close(struct lab *lab)
{
	rig_buffers_close(&lab->buffers, &lab->ring);
	io_uring_queue_exit(&lab->ring);
}

/* receive_all - arm a receive on what is there already, and take its bytes */
static void receive_all(struct lab *lab, int fd)
{
	size_t received = 0;

	rig_recv_multishot(&lab->ring, fd, RECV_DATA);
	rig_ring_submit(&lab->ring);
	while (received < BYTES) {
		struct rig_completion completion = rig_ring_wait(&lab->ring);

		assert_true(completion.res > 0);
		assert_true(completion.flags & IORING_CQE_F_MORE);
		received += (size_t)completion.res;
	}
	assert_int_equal(received, BYTES);
}

static void send_and_end(int fd)
{
	char text[BYTES + 1] = {0};

	memset(text, 'x', BYTES);
	rig_send(fd, text);
	assert_return_code(shutdown(fd, SHUT_WR), errno);
}

static void end_is_told_on_tcp(void **state)
{
	struct rig_completion end;
	struct rig_tcp tcp;
	struct lab lab;

	(void)state;
	lab_open(&lab);
	rig_tcp_open(&tcp);
	send_and_end(tcp.far);
	rig_await_acked(tcp.far);
	receive_all(&lab, tcp.near);
	end = rig_ring_wait(&lab.ring);
	assert_int_equal(end.res, 0);
	assert_false(end.flags & IORING_CQE_F_MORE);
	rig_tcp_close(&tcp);
	lab_close(&lab);
}

static void end_is_missed_on_a_unix_stream(void **state)
{
	int fds[2];
	char byte;
	struct lab lab;

	(void)state;
	lab_open(&lab);
	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), errno);
	send_and_end(fds[1]);
	receive_all(&lab, fds[0]);
	assert_true(rig_ring_is_quiet(&lab.ring));
	assert_int_equal(recv(fds[0], &byte, 1, MSG_DONTWAIT), 0); /* though it is there */
	assert_true(rig_ring_is_quiet(&lab.ring));
	assert_int_equal(rig_ring_cancel(&lab.ring, RECV_DATA).res, -ECANCELED);
	close(fds[0]);
	close(fds[1]);
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(end_is_told_on_tcp),
		cmocka_unit_test(end_is_missed_on_a_unix_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
