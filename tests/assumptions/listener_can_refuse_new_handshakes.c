/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a listener is given up without losing a connection: a socket filter drops new SYNs while queued
 * connections and handshakes under way are still accepted; then it is closed, and whoever retried is refused.
 * And how one survives the process that accepted on it: whoever else holds the descriptor finds the queue as
 * it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "rig.h"

/* On a TCP socket the filter sees the packet from the TCP header on: byte 13 is the flags (RFC 9293, 3.1). */
static void refuse_handshakes(int listener)
{
	enum { TCP_FLAGS_OFFSET = 13, SYN = 0x02, ACK = 0x10, KEEP_ALL = 0x7fffffff };
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, TCP_FLAGS_OFFSET),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, SYN | ACK),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, KEEP_ALL),
	};
	struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};

	assert_return_code(setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)),
			   errno);
}

static int begin_connect(const struct sockaddr_in *addr)
{
	int fd = rig_socket();

	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0)
		assert_int_equal(errno, EINPROGRESS);
	return fd;
}

static int accept_one(int listener)
{
	int fd;

	rig_await(listener, POLLIN);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void expect_nothing_queued(int listener)
{
	assert_int_equal(accept4(listener, NULL, NULL, SOCK_CLOEXEC), -1);
	assert_int_equal(errno, EAGAIN);
}

/* Wait until the first SYN has gone unanswered for so long (1 s, RFC 6298) that it was sent again. */
static void await_retransmission(int fd)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);

	for (int i = 0; i < RIG_LIMIT_S * 100 && info.tcpi_total_retrans == 0; i++) {
		nanosleep(&pause, NULL);
		assert_return_code(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), errno);
	}
	assert_true(info.tcpi_total_retrans > 0);
	assert_int_equal(info.tcpi_state, TCP_SYN_SENT);
}

static void filter_keeps_what_is_queued_and_drops_what_is_new(void **state)
{
	struct sockaddr_in addr;
	int listener, early, late, accepted;

	(void)state;
	rig_need_netns();
	listener = rig_listen(&addr);
	early = rig_connect(&addr);
	refuse_handshakes(listener);
	late = begin_connect(&addr);
	await_retransmission(late);
	accepted = accept_one(listener);
	rig_send(early, "still here");
	rig_drain(accepted, 10);
	expect_nothing_queued(listener);
	close(accepted);
	close(late);
	close(early);
	close(listener);
}

/* The listener goes: a client whose SYN was dropped is refused by its next one, and can try elsewhere. */
static void dropped_client_is_refused_once_the_listener_is_closed(void **state)
{
	struct sockaddr_in addr;
	int listener, late, error = 0;
	socklen_t size = sizeof(error);

	(void)state;
	rig_need_netns();
	listener = rig_listen(&addr);
	refuse_handshakes(listener);
	late = begin_connect(&addr);
	assert_int_equal(rig_state(late), TCP_SYN_SENT);
	close(listener);
	assert_true(rig_await(late, POLLOUT) & POLLERR);
	assert_return_code(getsockopt(late, SOL_SOCKET, SO_ERROR, &error, &size), errno);
	assert_int_equal(error, ECONNREFUSED);
	close(late);
}

/* Another listener on the port serves it instead: the connection is only late. */
static void dropped_client_reaches_the_next_listener(void **state)
{
	struct sockaddr_in addr;
	int listener, next, late, on = 1;

	(void)state;
	rig_need_netns();
	listener = rig_listen(&addr);
	refuse_handshakes(listener);
	late = begin_connect(&addr);
	assert_int_equal(rig_state(late), TCP_SYN_SENT);
	close(listener);
	next = rig_socket();
	assert_return_code(setsockopt(next, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), errno);
	assert_return_code(bind(next, (struct sockaddr *)&addr, sizeof(addr)), errno);
	assert_return_code(listen(next, 16), errno);
	close(accept_one(next));
	close(late);
	close(next);
}

/* TCP_DEFER_ACCEPT holds a handshake open until data comes: so one can be under way when the filter is set. */
static void handshake_under_way_is_completed(void **state)
{
	struct sockaddr_in addr;
	int listener, client, accepted, seconds = RIG_LIMIT_S;

	(void)state;
	rig_need_netns();
	listener = rig_listen(&addr);
	assert_return_code(setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds)),
			   errno);
	client = rig_connect(&addr);
	expect_nothing_queued(listener);
	refuse_handshakes(listener);
	rig_send(client, "go");
	accepted = accept_one(listener);
	rig_drain(accepted, 2);
	close(accepted);
	close(client);
	close(listener);
}

static void filter_can_be_taken_back(void **state)
{
	struct sockaddr_in addr;
	int listener, client, unused = 0;

	(void)state;
	rig_need_netns();
	listener = rig_listen(&addr);
	refuse_handshakes(listener);
	assert_return_code(setsockopt(listener, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused)),
			   errno);
	client = rig_connect(&addr);
	close(accept_one(listener));
	close(client);
	close(listener);
}

/* What filter_keeps_... and filter_can_be_taken_back are for: without them, closing resets what is queued. */
static void closing_the_last_holder_resets_what_is_queued(void **state)
{
	struct sockaddr_in addr;
	int listener, client;

	(void)state;
	rig_need_netns();
	listener = rig_listen(&addr);
	client = rig_connect(&addr);
	rig_await(listener, POLLIN);
	close(listener);
	assert_true(rig_await(client, 0) & POLLERR);
	close(client);
}

/*
 * A worker: accepts through a ring, whose deferred work runs only when it enters the kernel; it never does
 * again.
 */
static _Noreturn void arm_accept_and_hang(int listener, int ready)
{
	struct io_uring ring;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (io_uring_queue_init(4, &ring, RIG_DEFER) < 0)
		_exit(1);
	io_uring_prep_multishot_accept(io_uring_get_sqe(&ring), listener, NULL, NULL, SOCK_CLOEXEC);
	if (io_uring_submit(&ring) != 1 || write(ready, "x", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static pid_t start_worker(int listener)
{
	int ready[2];
	char byte;
	pid_t worker;

	assert_return_code(pipe2(ready, O_CLOEXEC), errno);
	worker = fork();
	assert_true(worker >= 0);
	if (worker == 0)
		arm_accept_and_hang(listener, ready[1]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return worker;
}

static void queue_survives_the_process_that_accepted(void **state)
{
	struct sockaddr_in addr;
	int listener, client, accepted;
	pid_t worker;

	(void)state;
	rig_need_netns();
	listener = rig_listen(&addr);
	worker = start_worker(listener);
	client = rig_connect(&addr);
	rig_await(listener, POLLIN);
	assert_return_code(kill(worker, SIGKILL), errno);
	assert_int_equal(waitpid(worker, NULL, 0), worker);
	rig_send(client, "still here");
	accepted = accept_one(listener);
	rig_drain(accepted, 10);
	close(accepted);
	close(client);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filter_keeps_what_is_queued_and_drops_what_is_new),
		cmocka_unit_test(dropped_client_is_refused_once_the_listener_is_closed),
		cmocka_unit_test(dropped_client_reaches_the_next_listener),
		cmocka_unit_test(handshake_under_way_is_completed),
		cmocka_unit_test(filter_can_be_taken_back),
		cmocka_unit_test(closing_the_last_holder_resets_what_is_queued),
		cmocka_unit_test(queue_survives_the_process_that_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
