/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a multishot receive delivers, how it ends, and what is left in the socket when it has ended.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"

enum { RECV_DATA = 3, BUFFER_COUNT = 8, BUFFER_SIZE = 16 };

struct lab {
	struct io_uring ring;
	struct rig_buffers buffers;
	struct rig_tcp tcp;
};

static void lab_open(struct lab *lab, unsigned ring_flags)
{
	rig_need_netns();
	rig_ring_open(&lab->ring, 8, 64, ring_flags);
	rig_buffers_open(&lab->buffers, &lab->ring, BUFFER_COUNT, BUFFER_SIZE);
	rig_tcp_open(&lab->tcp);
}

static void lab_close(struct lab *lab)
{
	rig_tcp_close(&lab->tcp);
	rig_buffers_close(&lab->buffers, &lab->ring);
	io_uring_queue_exit(&lab->ring);
}

static void lab_arm(struct lab *lab)
{
	rig_recv_multishot(&lab->ring, lab->tcp.near, RECV_DATA);
	rig_ring_submit(&lab->ring);
}

static void expect_data(struct lab *lab, const char *text)
{
	struct rig_completion completion = rig_ring_wait(&lab->ring);

	assert_int_equal(completion.user_data, RECV_DATA);
	assert_int_equal(completion.res, strlen(text));
	assert_true(completion.flags & IORING_CQE_F_MORE);
	assert_memory_equal(rig_buffers_of(&lab->buffers, completion), text, strlen(text));
}

/* The last completion: it carries no buffer, and none follows. */
static void expect_end(struct lab *lab, int res)
{
	struct rig_completion completion = rig_ring_wait(&lab->ring);

	assert_int_equal(completion.user_data, RECV_DATA);
	assert_int_equal(completion.res, res);
	assert_false(completion.flags & IORING_CQE_F_MORE);
	assert_false(completion.flags & IORING_CQE_F_BUFFER);
	assert_true(rig_ring_is_quiet(&lab->ring));
}

static void check_queued_data_then_eof(unsigned ring_flags)
{
	struct lab lab;

	lab_open(&lab, ring_flags);
	rig_send(lab.tcp.far, "0123456789abcdefghijklmnop");
	shutdown(lab.tcp.far, SHUT_WR);
	rig_await_acked(lab.tcp.far);
	lab_arm(&lab);
	expect_data(&lab, "0123456789abcdef");
	expect_data(&lab, "ghijklmnop");
	expect_end(&lab, 0);
	lab_close(&lab);
}

static void queued_data_comes_first_then_zero_at_eof(void **state)
{
	(void)state;
	check_queued_data_then_eof(RIG_DEFER);
	check_queued_data_then_eof(RIG_COOP);
}

static void data_that_arrives_later_is_delivered_by_the_same_operation(void **state)
{
	struct lab lab;

	(void)state;
	lab_open(&lab, RIG_DEFER);
	lab_arm(&lab);
	assert_true(rig_ring_is_quiet(&lab.ring));
	rig_send(lab.tcp.far, "one");
	expect_data(&lab, "one");
	rig_send(lab.tcp.far, "two");
	expect_data(&lab, "two");
	close(lab.tcp.far);
	lab.tcp.far = -1;
	expect_end(&lab, 0);
	lab_close(&lab);
}

static void reset_comes_after_the_data_that_was_before_it(void **state)
{
	struct lab lab;

	(void)state;
	lab_open(&lab, RIG_DEFER);
	rig_send(lab.tcp.far, "before");
	rig_await_acked(lab.tcp.far);
	rig_reset(lab.tcp.far);
	lab.tcp.far = -1;
	rig_await(lab.tcp.near, 0); /* POLLERR or POLLHUP: the reset is here */
	lab_arm(&lab);
	expect_data(&lab, "before");
	expect_end(&lab, -ECONNRESET);
	lab_close(&lab);
}

static void reset_ends_an_armed_receive(void **state)
{
	struct lab lab;

	(void)state;
	lab_open(&lab, RIG_DEFER);
	lab_arm(&lab);
	rig_reset(lab.tcp.far);
	lab.tcp.far = -1;
	expect_end(&lab, -ECONNRESET);
	lab_close(&lab);
}

static void empty_buffer_ring_ends_it_with_enobufs_and_loses_nothing(void **state)
{
	struct lab lab;

	(void)state;
	lab_open(&lab, RIG_DEFER);
	for (int i = 0; i < BUFFER_COUNT; i++)
		rig_send(lab.tcp.far, "0123456789abcdef");
	rig_send(lab.tcp.far, "rest");
	rig_await_acked(lab.tcp.far);
	lab_arm(&lab);
	for (int i = 0; i < BUFFER_COUNT; i++)
		expect_data(&lab, "0123456789abcdef");
	expect_end(&lab, -ENOBUFS);
	rig_drain(lab.tcp.near, strlen("rest"));
	lab_close(&lab);
}

static void cancelled_receive_leaves_later_data_in_the_socket(void **state)
{
	struct lab lab;
	struct rig_completion last;

	(void)state;
	lab_open(&lab, RIG_DEFER);
	lab_arm(&lab);
	last = rig_ring_cancel(&lab.ring, RECV_DATA);
	assert_int_equal(last.user_data, RECV_DATA);
	assert_int_equal(last.res, -ECANCELED);
	assert_false(last.flags & IORING_CQE_F_MORE);
	rig_send(lab.tcp.far, "later");
	rig_await(lab.tcp.near, POLLIN);
	assert_true(rig_ring_is_quiet(&lab.ring));
	rig_drain(lab.tcp.near, strlen("later"));
	lab_close(&lab);
}

/*
 * Data whose wake-up is pending when the cancellation is submitted: either way the bytes are seen exactly
 * once.
 */
static void data_that_races_with_the_cancellation_is_not_lost(void **state)
{
	struct lab lab;
	struct io_uring_sqe *sqe;
	size_t delivered = 0;

	(void)state;
	lab_open(&lab, RIG_DEFER);
	lab_arm(&lab);
	assert_true(rig_ring_is_quiet(&lab.ring));
	rig_send(lab.tcp.far, "raced");
	rig_await_acked(lab.tcp.far);
	sqe = rig_sqe(&lab.ring, 0);
	io_uring_prep_cancel64(sqe, RECV_DATA, 0);
	rig_ring_submit(&lab.ring);
	for (bool ended = false; !ended;) {
		struct rig_completion completion = rig_ring_wait(&lab.ring);

		if (completion.user_data != RECV_DATA)
			continue;
		ended = !(completion.flags & IORING_CQE_F_MORE);
		delivered += completion.res > 0 ? (size_t)completion.res : 0;
	}
	print_message("delivered in spite of the cancellation: %zu of 5 bytes\n", delivered);
	rig_drain(lab.tcp.near, strlen("raced") - delivered);
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queued_data_comes_first_then_zero_at_eof),
		cmocka_unit_test(data_that_arrives_later_is_delivered_by_the_same_operation),
		cmocka_unit_test(reset_comes_after_the_data_that_was_before_it),
		cmocka_unit_test(reset_ends_an_armed_receive),
		cmocka_unit_test(empty_buffer_ring_ends_it_with_enobufs_and_loses_nothing),
		cmocka_unit_test(cancelled_receive_leaves_later_data_in_the_socket),
		cmocka_unit_test(data_that_races_with_the_cancellation_is_not_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
