/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the results of splice(2) between a TCP socket and a pipe mean, and what they do not.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "rig.h"

enum { PIPE_SIZE = 65536 };

struct lab {
	struct rig_tcp tcp;
	int in;  /* of the pipe: where one writes */
	int out; /* of the pipe: where one reads */
};

static void lab_open(struct lab *lab)
{
	int pipe_fds[2];

	rig_need_netns();
	rig_tcp_open(&lab->tcp);
	rig_pipe(pipe_fds, PIPE_SIZE);
	lab->out = pipe_fds[0];
	lab->in = pipe_fds[1];
}

static void lab_close(struct lab *lab)
{
	rig_tcp_close(&lab->tcp);
	close(lab->in);
	close(lab->out);
}

static ssize_t from_socket(struct lab *lab, size_t size)
{
	return splice(lab->tcp.near, NULL, lab->in, NULL, size, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
}

static ssize_t to_socket(struct lab *lab, size_t size)
{
	return splice(lab->out, NULL, lab->tcp.near, NULL, size, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
}

static void expect_eagain(ssize_t result)
{
	assert_int_equal(result, -1);
	assert_int_equal(errno, EAGAIN);
}

static void empty_socket_and_full_pipe_both_give_eagain(void **state)
{
	static const char zeros[PIPE_SIZE];
	struct lab lab;

	(void)state;
	lab_open(&lab);
	expect_eagain(from_socket(&lab, PIPE_SIZE));
	assert_int_equal(write(lab.in, zeros, PIPE_SIZE), PIPE_SIZE);
	rig_send(lab.tcp.far, "waiting");
	rig_await(lab.tcp.near, POLLIN);
	expect_eagain(from_socket(&lab, PIPE_SIZE));
	lab_close(&lab);
}

static void full_socket_and_empty_pipe_both_give_eagain(void **state)
{
	struct lab lab;

	(void)state;
	lab_open(&lab);
	expect_eagain(to_socket(&lab, PIPE_SIZE));
	rig_fill(lab.tcp.near);
	assert_int_equal(write(lab.in, "x", 1), 1);
	expect_eagain(to_socket(&lab, PIPE_SIZE));
	lab_close(&lab);
}

static void end_of_stream_gives_zero_after_the_data(void **state)
{
	struct lab lab;

	(void)state;
	lab_open(&lab);
	rig_send(lab.tcp.far, "last");
	shutdown(lab.tcp.far, SHUT_WR);
	rig_await_acked(lab.tcp.far);
	assert_int_equal(from_socket(&lab, PIPE_SIZE), 4);
	assert_int_equal(from_socket(&lab, PIPE_SIZE), 0);
	assert_int_equal(from_socket(&lab, PIPE_SIZE), 0);
	lab_close(&lab);
}

static bool at_mark(int fd)
{
	int value = -1;

	assert_return_code(ioctl(fd, SIOCATMARK, &value), errno);
	return value;
}

/* Queue "abc", an urgent byte and "def", and take "abc": splice never gets past the urgent byte. */
static void lab_open_at_urgent_byte(struct lab *lab)
{
	lab_open(lab);
	rig_send(lab->tcp.far, "abc");
	assert_int_equal(send(lab->tcp.far, "!", 1, MSG_OOB), 1);
	rig_send(lab->tcp.far, "def");
	rig_await_acked(lab->tcp.far);
	assert_false(at_mark(lab->tcp.near));
	assert_int_equal(from_socket(lab, PIPE_SIZE), 3);
}

/* An EAGAIN that means neither an empty socket nor a full pipe. SIOCATMARK tells, and recv(2) gets past. */
static void urgent_byte_gives_eagain_for_ever_while_data_follows(void **state)
{
	struct lab lab;
	char buffer[16];

	(void)state;
	lab_open_at_urgent_byte(&lab);
	expect_eagain(from_socket(&lab, PIPE_SIZE));
	assert_true(rig_await(lab.tcp.near, POLLIN) & POLLIN);
	expect_eagain(from_socket(&lab, PIPE_SIZE));
	assert_true(at_mark(lab.tcp.near));
	assert_int_equal(recv(lab.tcp.near, buffer, sizeof(buffer), MSG_DONTWAIT), 3);
	assert_memory_equal(buffer, "def", 3);
	assert_false(at_mark(lab.tcp.near));
	rig_send(lab.tcp.far, "ghi");
	rig_await(lab.tcp.near, POLLIN);
	assert_int_equal(from_socket(&lab, PIPE_SIZE), 3);
	lab_close(&lab);
}

/* A zero that is not the end. */
static void urgent_byte_gives_zero_once_the_stream_has_ended_behind_unread_data(void **state)
{
	struct lab lab;
	char buffer[16];

	(void)state;
	lab_open_at_urgent_byte(&lab);
	shutdown(lab.tcp.far, SHUT_WR);
	rig_await_acked(lab.tcp.far);
	assert_int_equal(from_socket(&lab, PIPE_SIZE), 0);
	assert_true(at_mark(lab.tcp.near));
	assert_int_equal(recv(lab.tcp.near, buffer, sizeof(buffer), MSG_PEEK | MSG_DONTWAIT), 3);
	assert_int_equal(recv(lab.tcp.near, buffer, sizeof(buffer), MSG_DONTWAIT), 3);
	assert_int_equal(recv(lab.tcp.near, buffer, sizeof(buffer), MSG_DONTWAIT), 0);
	lab_close(&lab);
}

static void urgent_byte_stops_splice_even_when_it_is_taken_inline(void **state)
{
	struct lab lab;
	char buffer[16];
	int on = 1;

	(void)state;
	lab_open_at_urgent_byte(&lab);
	assert_return_code(setsockopt(lab.tcp.near, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)), errno);
	expect_eagain(from_socket(&lab, PIPE_SIZE));
	assert_int_equal(recv(lab.tcp.near, buffer, sizeof(buffer), MSG_DONTWAIT), 4);
	assert_memory_equal(buffer, "!def", 4);
	lab_close(&lab);
}

/*
 * Two connections fed in turns by one process get bytes that are not adjacent in memory, so that each
 * occupies one of the pipe's 16 slots: the pipe is full long before 64 KiB.
 */
static void short_splice_does_not_mean_drained(void **state)
{
	enum { COUNT = 200 };
	struct lab lab;
	struct rig_tcp other;
	ssize_t first;

	(void)state;
	lab_open(&lab);
	rig_tcp_open(&other);
	for (int i = 0; i < COUNT; i++) {
		rig_send(lab.tcp.far, "x");
		rig_send(other.far, "y");
	}
	rig_await_acked(lab.tcp.far);
	first = from_socket(&lab, PIPE_SIZE);
	print_message("a splice of %d bytes from %d single ones moved %zd\n", PIPE_SIZE, COUNT, first);
	assert_in_range(first, 1, COUNT - 1);
	rig_drain(lab.tcp.near, (size_t)(COUNT - first));
	rig_tcp_close(&other);
	lab_close(&lab);
}

static void ignore_signal(int signal_number)
{
	(void)signal_number;
}

/* Have SIGALRM interrupt whatever sleeps, again and again, so that a call which sleeps returns EINTR. */
static void interrupt_sleepers(bool on)
{
	struct sigaction action = {.sa_handler = ignore_signal}; /* no SA_RESTART */
	struct timeval interval = {.tv_usec = on ? 10000 : 0};
	struct itimerval timer = {.it_interval = interval, .it_value = interval};

	sigaction(SIGALRM, &action, NULL);
	assert_return_code(setitimer(ITIMER_REAL, &timer, NULL), errno);
}

static void make_blocking(int fd)
{
	assert_return_code(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK), errno);
}

static void nonblocking_flag_of_splice_does_not_cover_reading_the_socket(void **state)
{
	struct lab lab;

	(void)state;
	lab_open(&lab);
	make_blocking(lab.tcp.near);
	interrupt_sleepers(true);
	assert_int_equal(from_socket(&lab, PIPE_SIZE), -1);
	interrupt_sleepers(false);
	assert_int_equal(errno, EINTR); /* it slept */
	lab_close(&lab);
}

static void nonblocking_flag_of_splice_does_not_cover_writing_the_socket(void **state)
{
	struct lab lab;

	(void)state;
	lab_open(&lab);
	rig_fill(lab.tcp.near);
	make_blocking(lab.tcp.near);
	assert_int_equal(write(lab.in, "x", 1), 1);
	interrupt_sleepers(true);
	assert_int_equal(to_socket(&lab, PIPE_SIZE), -1);
	interrupt_sleepers(false);
	assert_int_equal(errno, EINTR);
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_socket_and_full_pipe_both_give_eagain),
		cmocka_unit_test(full_socket_and_empty_pipe_both_give_eagain),
		cmocka_unit_test(end_of_stream_gives_zero_after_the_data),
		cmocka_unit_test(urgent_byte_gives_eagain_for_ever_while_data_follows),
		cmocka_unit_test(urgent_byte_gives_zero_once_the_stream_has_ended_behind_unread_data),
		cmocka_unit_test(urgent_byte_stops_splice_even_when_it_is_taken_inline),
		cmocka_unit_test(short_splice_does_not_mean_drained),
		cmocka_unit_test(nonblocking_flag_of_splice_does_not_cover_reading_the_socket),
		cmocka_unit_test(nonblocking_flag_of_splice_does_not_cover_writing_the_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
