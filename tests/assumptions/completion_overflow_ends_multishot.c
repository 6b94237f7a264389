/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the completion queue is full, a multishot operation ends with a *successful* completion that lacks
 * IORING_CQE_F_MORE; it waits outside the queue, which a flag tells, until the kernel is entered. Nothing is
 * lost.
 */
#include <string.h>
#include <sys/socket.h>

#include "rig.h"

enum { RECV_DATA = 3, CQ_ENTRIES = 4, BUFFER_SIZE = 4, BUFFER_COUNT = 64 };

struct lab {
	struct io_uring ring;
	struct rig_buffers buffers;
	struct rig_tcp tcp;
};

static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";

/* Nine buffers' worth of data, and room for four completions. */
static void lab_open_overflown(struct lab *lab, unsigned ring_flags)
{
	rig_need_netns();
	rig_ring_open(&lab->ring, CQ_ENTRIES, CQ_ENTRIES, ring_flags);
	rig_buffers_open(&lab->buffers, &lab->ring, BUFFER_COUNT, BUFFER_SIZE);
	rig_tcp_open(&lab->tcp);
	rig_send(lab->tcp.far, text);
	rig_await_acked(lab->tcp.far);
	rig_recv_multishot(&lab->ring, lab->tcp.near, RECV_DATA);
	rig_ring_submit(&lab->ring);
	assert_false(io_uring_get_events(&lab->ring) < 0);
}

static void lab_close(struct lab *lab)
{
	rig_tcp_close(&lab->tcp);
	rig_buffers_close(&lab->buffers, &lab->ring);
	io_uring_queue_exit(&lab->ring);
}

static size_t expect_next(struct lab *lab, size_t offset, bool more)
{
	struct rig_completion completion = rig_ring_wait(&lab->ring);

	assert_int_equal(completion.user_data, RECV_DATA);
	assert_true(completion.res > 0);
	assert_int_equal(!!(completion.flags & IORING_CQE_F_MORE), more);
	assert_memory_equal(rig_buffers_of(&lab->buffers, completion), text + offset, completion.res);
	return offset + (size_t)completion.res;
}

static void check_overflow(unsigned ring_flags)
{
	struct lab lab;
	size_t offset = 0;

	lab_open_overflown(&lab, ring_flags);
	assert_true(io_uring_cq_has_overflow(&lab.ring));
	for (int i = 0; i < CQ_ENTRIES; i++)
		offset = expect_next(&lab, offset, true);
	assert_true(io_uring_cq_has_overflow(&lab.ring)); /* until the kernel is entered */
	assert_false(io_uring_get_events(&lab.ring) < 0);
	assert_false(io_uring_cq_has_overflow(&lab.ring));
	offset = expect_next(&lab, offset, false);
	assert_true(rig_ring_is_quiet(&lab.ring));
	rig_drain(lab.tcp.near, strlen(text) - offset); /* the rest is in the socket */
	lab_close(&lab);
}

static void overflow_ends_a_multishot_recv_with_a_successful_completion(void **state)
{
	(void)state;
	check_overflow(RIG_DEFER);
	check_overflow(RIG_COOP);
}

static void armed_again_it_goes_on_where_it_stopped(void **state)
{
	struct lab lab;
	size_t offset = 0;

	(void)state;
	lab_open_overflown(&lab, RIG_DEFER);
	for (int i = 0; i < CQ_ENTRIES; i++)
		offset = expect_next(&lab, offset, true);
	offset = expect_next(&lab, offset, false);
	rig_recv_multishot(&lab.ring, lab.tcp.near, RECV_DATA);
	rig_ring_submit(&lab.ring);
	while (offset < strlen(text))
		offset = expect_next(&lab, offset, true);
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overflow_ends_a_multishot_recv_with_a_successful_completion),
		cmocka_unit_test(armed_again_it_goes_on_where_it_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
