/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A send that fails while it is submitted posts its completion before anything that the wait of the same
 * io_uring_enter(2) finds: the relay learns of the failure before it handles data that came later. True of
 * DEFER_TASKRUN, where deferred work runs in the wait; other rings give no such promise.
 */
#include <errno.h>
#include <sys/socket.h>

#include "rig.h"

/* BIG_SIZE: more than any send buffer holds (net.ipv4.tcp_wmem), so that a send of it always falls short. */
enum { RECV_DATA = 3, SEND_DATA = 7, ROUNDS = 50, BIG_SIZE = 64 << 20 };

struct lab {
	struct io_uring ring;
	struct rig_buffers buffers;
	struct rig_tcp full;
	struct rig_tcp readable;
};

static void lab_open(struct lab *lab)
{
	rig_need_netns();
	rig_ring_open(&lab->ring, 8, 0, RIG_DEFER);
	rig_buffers_open(&lab->buffers, &lab->ring, 64, 16);
	rig_tcp_open(&lab->full);
	rig_tcp_open(&lab->readable);
	rig_fill(lab->full.near);
	rig_recv_multishot(&lab->ring, lab->readable.near, RECV_DATA);
	rig_ring_submit(&lab->ring);
	assert_true(rig_ring_is_quiet(&lab->ring));
}

static void lab_close(struct lab *lab)
{
	rig_tcp_close(&lab->full);
	rig_tcp_close(&lab->readable);
	rig_buffers_close(&lab->buffers, &lab->ring);
	io_uring_queue_exit(&lab->ring);
}

static void failed_send_comes_before_data_that_was_there_earlier(void **state)
{
	static const char big[BIG_SIZE];
	struct lab lab;

	(void)state;
	lab_open(&lab);
	for (int i = 0; i < ROUNDS; i++) {
		struct io_uring_sqe *sqe;

		rig_send(lab.readable.far, "earlier");
		rig_await_acked(lab.readable.far);
		sqe = rig_sqe(&lab.ring, SEND_DATA);
		io_uring_prep_send(sqe, lab.full.near, big, sizeof(big),
				   MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL);
		io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
		assert_int_equal(io_uring_submit_and_wait(&lab.ring, 2), 1);
		assert_int_equal(io_uring_cq_ready(&lab.ring), 2);
		assert_int_equal(rig_ring_wait(&lab.ring).user_data, SEND_DATA);
		assert_int_equal(rig_ring_wait(&lab.ring).user_data, RECV_DATA);
	}
	lab_close(&lab);
}

/* Sends on one socket run in the order they were queued. */
static void sends_of_one_submission_keep_their_order(void **state)
{
	static const char digits[] = "01234567";
	struct lab lab;
	char buffer[16];

	(void)state;
	lab_open(&lab);
	for (int i = 0; i < 8; i++) {
		struct io_uring_sqe *sqe = rig_sqe(&lab.ring, SEND_DATA);

		io_uring_prep_send(sqe, lab.readable.near, &digits[i], 1, MSG_DONTWAIT | MSG_WAITALL);
		io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
	}
	rig_ring_submit(&lab.ring);
	rig_await_acked(lab.readable.near);
	assert_int_equal(recv(lab.readable.far, buffer, sizeof(buffer), MSG_DONTWAIT), 8);
	assert_memory_equal(buffer, digits, 8);
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failed_send_comes_before_data_that_was_there_earlier),
		cmocka_unit_test(sends_of_one_submission_keep_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
