/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How polls behave that wait in the ring: which edges they report, and what an empty mask still sees.
 */
#include <errno.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"

enum { POLL_DATA = 5 };

struct lab {
	struct io_uring ring;
	struct rig_tcp tcp;
};

static void lab_open(struct lab *lab)
{
	rig_need_netns();
	rig_ring_open(&lab->ring, 8, 0, RIG_DEFER);
	rig_tcp_open(&lab->tcp);
}

static void lab_close(struct lab *lab)
{
	rig_tcp_close(&lab->tcp);
	io_uring_queue_exit(&lab->ring);
}

static void arm_once(struct lab *lab, unsigned mask)
{
	io_uring_prep_poll_add(rig_sqe(&lab->ring, POLL_DATA), lab->tcp.near, mask);
	rig_ring_submit(&lab->ring);
}

static void arm_multishot(struct lab *lab, unsigned mask)
{
	io_uring_prep_poll_multishot(rig_sqe(&lab->ring, POLL_DATA), lab->tcp.near, mask);
	rig_ring_submit(&lab->ring);
}

static struct rig_completion expect_poll(struct lab *lab, int events)
{
	struct rig_completion completion = rig_ring_wait(&lab->ring);

	assert_int_equal(completion.user_data, POLL_DATA);
	assert_true(completion.res > 0);
	assert_int_equal(completion.res & events, events);
	return completion;
}

static void oneshot_poll_reports_once(void **state)
{
	struct lab lab;

	(void)state;
	lab_open(&lab);
	arm_once(&lab, POLLIN);
	assert_true(rig_ring_is_quiet(&lab.ring));
	rig_send(lab.tcp.far, "one");
	assert_false(expect_poll(&lab, POLLIN).flags & IORING_CQE_F_MORE);
	rig_send(lab.tcp.far, "two");
	rig_await_acked(lab.tcp.far);
	assert_true(rig_ring_is_quiet(&lab.ring));
	lab_close(&lab);
}

static void poll_on_a_ready_socket_reports_at_once(void **state)
{
	struct lab lab;

	(void)state;
	lab_open(&lab);
	rig_send(lab.tcp.far, "waiting");
	rig_await(lab.tcp.near, POLLIN);
	arm_multishot(&lab, POLLIN);
	assert_true(expect_poll(&lab, POLLIN).flags & IORING_CQE_F_MORE);
	lab_close(&lab);
}

static void multishot_poll_reports_each_edge_even_without_a_read_between(void **state)
{
	struct lab lab;

	(void)state;
	lab_open(&lab);
	arm_multishot(&lab, POLLIN);
	for (int i = 0; i < 3; i++) {
		rig_send(lab.tcp.far, "again");
		assert_true(expect_poll(&lab, POLLIN).flags & IORING_CQE_F_MORE);
		assert_true(rig_ring_is_quiet(&lab.ring)); /* an edge, not a level: data is still there */
	}
	lab_close(&lab);
}

static void multishot_poll_reports_the_end_of_the_stream(void **state)
{
	struct lab lab;

	(void)state;
	lab_open(&lab);
	arm_multishot(&lab, POLLIN | POLLRDHUP);
	shutdown(lab.tcp.far, SHUT_WR);
	assert_true(expect_poll(&lab, POLLIN | POLLRDHUP).flags & IORING_CQE_F_MORE);
	lab_close(&lab);
}

/*
 * The ring adds POLLERR, POLLHUP and POLLRDHUP to every mask (IO_POLL_UNMASK in the kernel's
 * io_uring/poll.c).
 */
static void empty_mask_reports_a_reset_but_no_data(void **state)
{
	struct lab lab;

	(void)state;
	lab_open(&lab);
	arm_once(&lab, 0);
	rig_send(lab.tcp.far, "data");
	rig_await_acked(lab.tcp.far);
	assert_true(rig_ring_is_quiet(&lab.ring));
	rig_reset(lab.tcp.far);
	lab.tcp.far = -1;
	expect_poll(&lab, POLLERR | POLLHUP);
	lab_close(&lab);
}

static void empty_mask_reports_a_fin_and_again_whenever_it_is_armed(void **state)
{
	struct lab lab;

	(void)state;
	lab_open(&lab);
	arm_once(&lab, 0);
	shutdown(lab.tcp.far, SHUT_WR);
	assert_int_equal(expect_poll(&lab, POLLRDHUP).res, POLLRDHUP);
	arm_once(&lab, 0);
	assert_int_equal(expect_poll(&lab, POLLRDHUP).res, POLLRDHUP);
	lab_close(&lab);
}

/* So a watch for resets after the FIN has to be multishot: it says RDHUP once, then only what is new. */
static void multishot_empty_mask_reports_the_reset_that_follows_a_fin(void **state)
{
	struct lab lab;

	(void)state;
	lab_open(&lab);
	shutdown(lab.tcp.far, SHUT_WR);
	rig_await_acked(lab.tcp.far);
	arm_multishot(&lab, 0);
	assert_int_equal(expect_poll(&lab, POLLRDHUP).res, POLLRDHUP);
	assert_true(rig_ring_is_quiet(&lab.ring));
	rig_reset(lab.tcp.far);
	lab.tcp.far = -1;
	expect_poll(&lab, POLLERR | POLLHUP);
	lab_close(&lab);
}

/* Bits that the wake-up carries are reported though they do not hold: here no urgent byte was ever sent. */
static void multishot_poll_reports_stale_pri_bits(void **state)
{
	struct lab lab;

	(void)state;
	lab_open(&lab);
	arm_multishot(&lab, POLLIN | POLLPRI);
	rig_send(lab.tcp.far, "ordinary");
	expect_poll(&lab, POLLIN | POLLPRI);
	assert_int_equal(rig_await(lab.tcp.near, POLLIN | POLLPRI), POLLIN);
	lab_close(&lab);
}

/*
 * net/core: writable again when the free space is at least half of what is queued, that is a third of the
 * buffer.
 */
static bool third_is_free(int fd)
{
	uint32_t info[SK_MEMINFO_VARS];
	socklen_t size = sizeof(info);

	assert_return_code(getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size), errno);
	return (int64_t)info[SK_MEMINFO_SNDBUF] - info[SK_MEMINFO_WMEM_QUEUED] >=
	       info[SK_MEMINFO_WMEM_QUEUED] / 2;
}

/*
 * Let the far end read bit by bit. Read once in a while only as long as the poll is silent; the report may
 * come as soon as a third is free, and must come then.
 */
static void drain_until_writable(struct lab *lab)
{
	while (!third_is_free(lab->tcp.near)) {
		char bit[16384];

		assert_true(rig_ring_is_quiet(&lab->ring) || third_is_free(lab->tcp.near));
		if (recv(lab->tcp.far, bit, sizeof(bit), MSG_DONTWAIT) < 0)
			assert_int_equal(errno, EAGAIN);
	}
}

static void pollout_comes_once_a_third_of_the_buffer_is_free(void **state)
{
	struct lab lab;

	(void)state;
	lab_open(&lab);
	rig_fill(lab.tcp.near);
	arm_once(&lab, POLLOUT);
	assert_true(rig_ring_is_quiet(&lab.ring));
	drain_until_writable(&lab);
	expect_poll(&lab, POLLOUT);
	lab_close(&lab);
}

static void multishot_pollout_comes_again_after_the_buffer_was_full_again(void **state)
{
	struct lab lab;

	(void)state;
	lab_open(&lab);
	arm_multishot(&lab, POLLOUT);
	for (int i = 0; i < 3; i++) {
		expect_poll(&lab, POLLOUT);
		rig_fill(lab.tcp.near);
		while (!rig_ring_is_quiet(&lab.ring)) /* the buffer grew while it was filled */
			rig_ring_wait(&lab.ring);
		drain_until_writable(&lab);
	}
	expect_poll(&lab, POLLOUT);
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(oneshot_poll_reports_once),
		cmocka_unit_test(poll_on_a_ready_socket_reports_at_once),
		cmocka_unit_test(multishot_poll_reports_each_edge_even_without_a_read_between),
		cmocka_unit_test(multishot_poll_reports_the_end_of_the_stream),
		cmocka_unit_test(empty_mask_reports_a_reset_but_no_data),
		cmocka_unit_test(empty_mask_reports_a_fin_and_again_whenever_it_is_armed),
		cmocka_unit_test(multishot_empty_mask_reports_the_reset_that_follows_a_fin),
		cmocka_unit_test(multishot_poll_reports_stale_pri_bits),
		cmocka_unit_test(pollout_comes_once_a_third_of_the_buffer_is_free),
		cmocka_unit_test(multishot_pollout_comes_again_after_the_buffer_was_full_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
