/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a multishot accept ends: by cancelling it, which has to come before close(2), or for want of a
 * descriptor, which loses no connection.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"

enum { ACCEPT_DATA = 2 };

struct lab {
	struct io_uring ring;
	struct sockaddr_in addr;
	int listener;
};

static void lab_open(struct lab *lab)
{
	rig_need_netns();
	rig_ring_open(&lab->ring, 8, 0, RIG_DEFER);
	lab->listener = rig_listen(&lab->addr);
}

static void lab_close(struct lab *lab)
{
	if (lab->listener >= 0)
		close(lab->listener);
	io_uring_queue_exit(&lab->ring);
}

static void arm(struct lab *lab)
{
	struct io_uring_sqe *sqe = rig_sqe(&lab->ring, ACCEPT_DATA);

	io_uring_prep_multishot_accept(sqe, lab->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	rig_ring_submit(&lab->ring);
}

/* Connect and close again; returns the connecting end's peer as the ring gave it. */
static int expect_accepted(struct lab *lab)
{
	struct rig_completion completion;

	close(rig_connect(&lab->addr));
	completion = rig_ring_wait(&lab->ring);
	assert_int_equal(completion.user_data, ACCEPT_DATA);
	assert_true(completion.res >= 0);
	assert_true(completion.flags & IORING_CQE_F_MORE);
	return completion.res;
}

static bool is_refused(const struct sockaddr_in *addr)
{
	int fd = rig_socket();
	bool refused;

	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0)
		assert_true(errno == EINPROGRESS || errno == ECONNREFUSED);
	refused = rig_await(fd, POLLOUT) & POLLERR;
	close(fd);
	return refused;
}

static void accepted_sockets_have_the_flags_asked_for(void **state)
{
	struct lab lab;
	int fd;

	(void)state;
	lab_open(&lab);
	arm(&lab);
	fd = expect_accepted(&lab);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(fd);
	lab_close(&lab);
}

static void closed_listener_accepts_until_its_operation_is_cancelled(void **state)
{
	struct lab lab;
	struct rig_completion last;

	(void)state;
	lab_open(&lab);
	arm(&lab);
	close(expect_accepted(&lab));
	close(lab.listener);
	lab.listener = -1;
	close(expect_accepted(&lab)); /* it still does */
	last = rig_ring_cancel(&lab.ring, ACCEPT_DATA);
	assert_int_equal(last.res, -ECANCELED);
	assert_false(last.flags & IORING_CQE_F_MORE);
	assert_true(is_refused(&lab.addr));
	lab_close(&lab);
}

static void connection_queued_after_the_cancellation_stays_for_accept(void **state)
{
	struct lab lab;
	int client, fd;

	(void)state;
	lab_open(&lab);
	arm(&lab);
	assert_int_equal(rig_ring_cancel(&lab.ring, ACCEPT_DATA).res, -ECANCELED);
	client = rig_connect(&lab.addr);
	rig_await(lab.listener, POLLIN);
	assert_true(rig_ring_is_quiet(&lab.ring));
	fd = accept4(lab.listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	close(fd);
	close(client);
	lab_close(&lab);
}

/*
 * Set the limit on descriptors so that just one is left; returns it. An accept keeps to the limit as it was
 * when it was queued.
 */
static int leave_one_descriptor(struct rlimit *ret_old)
{
	struct rlimit limit;
	int next = dup(STDERR_FILENO);

	assert_true(next >= 0);
	close(next);
	assert_return_code(getrlimit(RLIMIT_NOFILE, ret_old), errno);
	limit = *ret_old;
	limit.rlim_cur = (rlim_t)next + 1;
	assert_return_code(setrlimit(RLIMIT_NOFILE, &limit), errno);
	return next;
}

static void want_of_descriptors_ends_it_and_keeps_the_connection_queued(void **state)
{
	struct lab lab;
	struct rlimit old;
	struct rig_completion last;
	int client, fd;

	(void)state;
	lab_open(&lab);
	client = rig_socket();
	fd = leave_one_descriptor(&old);
	arm(&lab);
	assert_true(rig_ring_is_quiet(&lab.ring));
	assert_int_equal(dup(STDERR_FILENO), fd);
	if (connect(client, (struct sockaddr *)&lab.addr, sizeof(lab.addr)) < 0)
		assert_int_equal(errno, EINPROGRESS);
	last = rig_ring_wait(&lab.ring);
	assert_int_equal(last.res, -EMFILE);
	assert_false(last.flags & IORING_CQE_F_MORE);
	close(fd);
	fd = accept4(lab.listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	assert_return_code(setrlimit(RLIMIT_NOFILE, &old), errno);
	close(fd);
	close(client);
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted_sockets_have_the_flags_asked_for),
		cmocka_unit_test(closed_listener_accepts_until_its_operation_is_cancelled),
		cmocka_unit_test(connection_queued_after_the_cancellation_stays_for_accept),
		cmocka_unit_test(want_of_descriptors_ends_it_and_keeps_the_connection_queued),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
