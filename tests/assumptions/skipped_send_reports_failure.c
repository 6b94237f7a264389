/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay submits sends whose success posts no completion (IOSQE_CQE_SKIP_SUCCESS). That is sound only if
 * every send that did not take all of its bytes does post one, before anything else is sent on that socket.
 */
#include <errno.h>
#include <sys/socket.h>

#include "rig.h"

/* More than any send buffer here grows to (net.ipv4.tcp_wmem[2] is 4 MiB by default). */
enum { BIG_SIZE = 64 << 20, SEND_DATA = 7 };

static char big[BIG_SIZE];

static void queue_send(struct io_uring *ring, int fd, size_t size, int flags)
{
	struct io_uring_sqe *sqe = rig_sqe(ring, SEND_DATA);

	io_uring_prep_send(sqe, fd, big, size, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
	io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
}

/*
 * The completion that is there when io_uring_enter(2) has returned, which neither waited nor ran deferred
 * work.
 */
static struct rig_completion completion_at_return(struct io_uring *ring)
{
	rig_ring_submit(ring);
	assert_int_equal(io_uring_cq_ready(ring), 1);
	return rig_ring_wait(ring);
}

static void check_short_send(unsigned ring_flags)
{
	struct io_uring ring;
	struct rig_tcp tcp;
	struct rig_completion completion;

	rig_ring_open(&ring, 8, 0, ring_flags);
	rig_tcp_open(&tcp);
	queue_send(&ring, tcp.near, sizeof(big), MSG_WAITALL);
	completion = completion_at_return(&ring);
	assert_int_equal(completion.user_data, SEND_DATA);
	assert_in_range(completion.res, 1, sizeof(big) - 1);
	assert_true(rig_ring_is_quiet(&ring));
	rig_drain(tcp.far, (size_t)completion.res); /* the count is what really went */
	assert_int_equal(recv(tcp.far, big, 1, MSG_DONTWAIT), -1);
	rig_tcp_close(&tcp);
	io_uring_queue_exit(&ring);
}

static void short_waitall_send_posts_its_count_before_enter_returns(void **state)
{
	(void)state;
	rig_need_netns();
	check_short_send(RIG_DEFER);
	check_short_send(RIG_COOP);
}

static void check_refused_send(unsigned ring_flags)
{
	struct io_uring ring;
	struct rig_tcp tcp;

	rig_ring_open(&ring, 8, 0, ring_flags);
	rig_tcp_open(&tcp);
	rig_fill(tcp.near);
	queue_send(&ring, tcp.near, 1, MSG_WAITALL);
	assert_int_equal(completion_at_return(&ring).res, -EAGAIN);
	rig_tcp_close(&tcp);
	io_uring_queue_exit(&ring);
}

static void send_to_a_full_socket_posts_eagain_before_enter_returns(void **state)
{
	(void)state;
	rig_need_netns();
	check_refused_send(RIG_DEFER);
	check_refused_send(RIG_COOP);
}

static void send_after_a_reset_posts_its_error(void **state)
{
	struct io_uring ring;
	struct rig_tcp tcp;

	(void)state;
	rig_need_netns();
	rig_ring_open(&ring, 8, 0, RIG_DEFER);
	rig_tcp_open(&tcp);
	rig_reset(tcp.far);
	tcp.far = -1;
	rig_await(tcp.near, 0);
	queue_send(&ring, tcp.near, 1, MSG_WAITALL);
	assert_int_equal(completion_at_return(&ring).res, -ECONNRESET);
	queue_send(&ring, tcp.near, 1, MSG_WAITALL);
	assert_int_equal(completion_at_return(&ring).res, -EPIPE);
	rig_tcp_close(&tcp);
	io_uring_queue_exit(&ring);
}

static void whole_send_posts_nothing(void **state)
{
	struct io_uring ring;
	struct rig_tcp tcp;

	(void)state;
	rig_need_netns();
	rig_ring_open(&ring, 8, 0, RIG_DEFER);
	rig_tcp_open(&tcp);
	queue_send(&ring, tcp.near, 100, MSG_WAITALL);
	rig_ring_submit(&ring);
	rig_drain(tcp.far, 100);
	assert_true(rig_ring_is_quiet(&ring));
	rig_tcp_close(&tcp);
	io_uring_queue_exit(&ring);
}

/* The trap that MSG_WAITALL avoids: the rest is lost and nobody is told. */
static void short_send_without_waitall_posts_nothing(void **state)
{
	struct io_uring ring;
	struct rig_tcp tcp;

	(void)state;
	rig_need_netns();
	rig_ring_open(&ring, 8, 0, RIG_DEFER);
	rig_tcp_open(&tcp);
	queue_send(&ring, tcp.near, sizeof(big), 0);
	rig_ring_submit(&ring);
	assert_true(rig_ring_is_quiet(&ring));
	shutdown(tcp.near, SHUT_WR);
	assert_in_range(rig_drain_to_end(tcp.far), 1, sizeof(big) - 1);
	rig_tcp_close(&tcp);
	io_uring_queue_exit(&ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_waitall_send_posts_its_count_before_enter_returns),
		cmocka_unit_test(send_to_a_full_socket_posts_eagain_before_enter_returns),
		cmocka_unit_test(send_after_a_reset_posts_its_error),
		cmocka_unit_test(whole_send_posts_nothing),
		cmocka_unit_test(short_send_without_waitall_posts_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
