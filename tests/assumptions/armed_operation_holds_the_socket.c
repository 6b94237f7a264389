/* SPDX-License-Identifier: Apache-2.0 */
/*
 * close(2) of a descriptor whose socket an operation of the ring still waits for closes nothing that the peer
 * could see; shutdown(2) acts at once. So operations are cancelled by user_data before the descriptor is
 * closed.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"

enum { OPERATION_DATA = 9 };

struct lab {
	struct io_uring ring;
	struct rig_buffers buffers;
	struct rig_tcp tcp;
};

static void arm_recv(struct lab *lab)
{
	rig_recv_multishot(&lab->ring, lab->tcp.near, OPERATION_DATA);
}

static void arm_poll(struct lab *lab)
{
	io_uring_prep_poll_multishot(rig_sqe(&lab->ring, OPERATION_DATA), lab->tcp.near, POLLIN);
}

static void lab_open(struct lab *lab, void (*arm)(struct lab *lab))
{
	rig_need_netns();
	rig_ring_open(&lab->ring, 8, 0, RIG_DEFER);
	rig_buffers_open(&lab->buffers, &lab->ring, 4, 64);
	rig_tcp_open(&lab->tcp);
	arm(lab);
	rig_ring_submit(&lab->ring);
	assert_true(rig_ring_is_quiet(&lab->ring));
}

static void lab_close(struct lab *lab)
{
	rig_tcp_close(&lab->tcp);
	rig_buffers_close(&lab->buffers, &lab->ring);
	io_uring_queue_exit(&lab->ring);
}

static void check_close_waits_for_the_cancellation(void (*arm)(struct lab *lab))
{
	struct lab lab;

	lab_open(&lab, arm);
	close(lab.tcp.near);
	lab.tcp.near = -1;
	rig_send(lab.tcp.far, "to nobody?");
	rig_await_acked(lab.tcp.far); /* it was received: a closed socket answers with a RST */
	assert_int_equal(rig_ring_wait(&lab.ring).user_data, OPERATION_DATA);
	assert_int_equal(rig_state(lab.tcp.far), TCP_ESTABLISHED);
	assert_int_equal(rig_ring_cancel(&lab.ring, OPERATION_DATA).res, -ECANCELED);
	assert_true(rig_await(lab.tcp.far, POLLIN | POLLRDHUP) & (POLLRDHUP | POLLERR));
	lab_close(&lab);
}

static void close_is_not_seen_until_an_armed_recv_is_cancelled(void **state)
{
	(void)state;
	check_close_waits_for_the_cancellation(arm_recv);
}

static void close_is_not_seen_until_an_armed_poll_is_cancelled(void **state)
{
	(void)state;
	check_close_waits_for_the_cancellation(arm_poll);
}

static void shutdown_is_seen_at_once(void **state)
{
	struct lab lab;
	char byte;

	(void)state;
	lab_open(&lab, arm_recv);
	assert_return_code(shutdown(lab.tcp.near, SHUT_WR), errno);
	rig_await(lab.tcp.far, POLLIN);
	assert_int_equal(recv(lab.tcp.far, &byte, 1, MSG_DONTWAIT), 0);
	assert_int_equal(rig_ring_cancel(&lab.ring, OPERATION_DATA).res, -ECANCELED);
	lab_close(&lab);
}

static void shutting_down_the_reading_side_ends_an_armed_recv(void **state)
{
	struct lab lab;
	struct rig_completion completion;

	(void)state;
	lab_open(&lab, arm_recv);
	assert_return_code(shutdown(lab.tcp.near, SHUT_RD), errno);
	completion = rig_ring_wait(&lab.ring);
	assert_int_equal(completion.res, 0);
	assert_false(completion.flags & IORING_CQE_F_MORE);
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(close_is_not_seen_until_an_armed_recv_is_cancelled),
		cmocka_unit_test(close_is_not_seen_until_an_armed_poll_is_cancelled),
		cmocka_unit_test(shutdown_is_seen_at_once),
		cmocka_unit_test(shutting_down_the_reading_side_ends_an_armed_recv),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
