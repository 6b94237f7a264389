/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring can be limited to a list of operations before it is enabled, for ever. Its single issuer is the
 * thread that enables it, so that one thread may set up the ring and another use it.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/uapi.h"
#include "rig.h"

static struct io_uring_restriction allow_operation(unsigned char operation)
{
	return (struct io_uring_restriction){.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = operation};
}

/* Allow NOP and TIMEOUT, no flag of an operation, and no io_uring_register(2) but what enables the ring. */
static void restrict_ring(struct io_uring *ring)
{
	struct io_uring_restriction list[] = {
		allow_operation(IORING_OP_NOP),
		allow_operation(IORING_OP_TIMEOUT),
		{.opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_REGISTER_ENABLE_RINGS},
	};

	assert_int_equal(uapi_ring_restrict(ring, list, sizeof(list) / sizeof(list[0])), 0);
}

static void open_restricted(struct io_uring *ring, unsigned flags)
{
	rig_need_netns();
	rig_ring_open(ring, 8, 0, flags | IORING_SETUP_R_DISABLED);
	restrict_ring(ring);
}

static int result_of(struct io_uring *ring)
{
	rig_ring_submit(ring);
	return rig_ring_wait(ring).res;
}

static void allowed_operation_works(void **state)
{
	struct io_uring ring;

	(void)state;
	open_restricted(&ring, RIG_DEFER);
	assert_int_equal(uapi_ring_enable(&ring), 0);
	io_uring_prep_nop(rig_sqe(&ring, 0));
	assert_int_equal(result_of(&ring), 0);
	io_uring_queue_exit(&ring);
}

static void other_operation_fails_with_eacces(void **state)
{
	struct io_uring ring;

	(void)state;
	open_restricted(&ring, RIG_DEFER);
	assert_int_equal(uapi_ring_enable(&ring), 0);
	io_uring_prep_socket(rig_sqe(&ring, 0), AF_INET, SOCK_STREAM, 0, 0);
	assert_int_equal(result_of(&ring), -EACCES);
	io_uring_queue_exit(&ring);
}

static void flag_that_was_not_allowed_fails_with_eacces(void **state)
{
	struct io_uring ring;
	struct io_uring_sqe *sqe;

	(void)state;
	open_restricted(&ring, RIG_DEFER);
	assert_int_equal(uapi_ring_enable(&ring), 0);
	sqe = rig_sqe(&ring, 0);
	io_uring_prep_nop(sqe);
	io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
	assert_int_equal(result_of(&ring), -EACCES);
	io_uring_queue_exit(&ring);
}

/* So a buffer ring is registered before, or its registration put on the list. */
static void registering_that_was_not_allowed_fails_with_eacces(void **state)
{
	struct io_uring ring;
	int fd = STDERR_FILENO;

	(void)state;
	open_restricted(&ring, RIG_DEFER);
	assert_int_equal(uapi_ring_enable(&ring), 0);
	assert_int_equal(io_uring_register_files(&ring, &fd, 1), -EACCES);
	io_uring_queue_exit(&ring);
}

static void buffers_registered_before_the_restrictions_stay_usable(void **state)
{
	struct io_uring_restriction list[] = {
		allow_operation(IORING_OP_RECV),
		{.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED, .sqe_flags = IOSQE_BUFFER_SELECT},
	};
	struct io_uring ring;
	struct rig_buffers buffers;
	struct rig_tcp tcp;

	(void)state;
	rig_need_netns();
	rig_ring_open(&ring, 8, 0, RIG_DEFER | IORING_SETUP_R_DISABLED);
	rig_buffers_open(&buffers, &ring, 4, 64);
	assert_int_equal(uapi_ring_restrict(&ring, list, 2), 0);
	assert_int_equal(uapi_ring_enable(&ring), 0);
	rig_tcp_open(&tcp);
	rig_recv_multishot(&ring, tcp.near, 0);
	rig_ring_submit(&ring);
	rig_send(tcp.far, "data");
	assert_memory_equal(rig_buffers_of(&buffers, rig_ring_wait(&ring)), "data", 4);
	rig_tcp_close(&tcp);
	io_uring_queue_exit(&ring);
	rig_buffers_close(&buffers, NULL);
}

static void restrictions_cannot_be_changed(void **state)
{
	struct io_uring_restriction all = allow_operation(IORING_OP_SOCKET);
	struct io_uring ring;

	(void)state;
	open_restricted(&ring, RIG_DEFER);
	assert_true(uapi_ring_restrict(&ring, &all, 1) < 0);
	assert_int_equal(uapi_ring_enable(&ring), 0);
	assert_true(uapi_ring_restrict(&ring, &all, 1) < 0);
	io_uring_queue_exit(&ring);
}

struct issuer {
	struct io_uring *ring;
	int enabled;
	int submitted;
};

static void *enable_and_submit(void *arg)
{
	struct issuer *issuer = arg;

	issuer->enabled = uapi_ring_enable(issuer->ring);
	io_uring_prep_nop(io_uring_get_sqe(issuer->ring));
	issuer->submitted = io_uring_submit(issuer->ring);
	return NULL;
}

static void issuer_is_the_thread_that_enables(void **state)
{
	struct io_uring ring;
	struct issuer issuer = {.ring = &ring};
	pthread_t thread;

	(void)state;
	open_restricted(&ring, RIG_DEFER);
	assert_int_equal(pthread_create(&thread, NULL, enable_and_submit, &issuer), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(issuer.enabled, 0);
	assert_int_equal(issuer.submitted, 1);
	io_uring_prep_nop(rig_sqe(&ring, 0));
	assert_int_equal(io_uring_submit(&ring), -EEXIST);
	io_uring_queue_exit(&ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allowed_operation_works),
		cmocka_unit_test(other_operation_fails_with_eacces),
		cmocka_unit_test(flag_that_was_not_allowed_fails_with_eacces),
		cmocka_unit_test(registering_that_was_not_allowed_fails_with_eacces),
		cmocka_unit_test(buffers_registered_before_the_restrictions_stay_usable),
		cmocka_unit_test(restrictions_cannot_be_changed),
		cmocka_unit_test(issuer_is_the_thread_that_enables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
