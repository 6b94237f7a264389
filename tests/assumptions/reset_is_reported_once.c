/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data queued before a RST can still be read; then the reset is reported, to whichever call asks first, and
 * only once: what follows looks like an ordinary end of the stream. So whoever sees the error has to remember
 * it for the connection.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"

static void open_reset_after_data(struct rig_tcp *tcp)
{
	rig_need_netns();
	rig_tcp_open(tcp);
	rig_send(tcp->far, "before");
	rig_await_acked(tcp->far);
	rig_reset(tcp->far);
	tcp->far = -1;
	assert_true(rig_await(tcp->near, 0) & POLLERR);
}

static void recv_gives_the_data_then_econnreset_then_eof(void **state)
{
	struct rig_tcp tcp;
	char buffer[16];

	(void)state;
	open_reset_after_data(&tcp);
	assert_int_equal(recv(tcp.near, buffer, sizeof(buffer), MSG_DONTWAIT), 6);
	assert_memory_equal(buffer, "before", 6);
	assert_int_equal(recv(tcp.near, buffer, sizeof(buffer), MSG_DONTWAIT), -1);
	assert_int_equal(errno, ECONNRESET);
	assert_int_equal(recv(tcp.near, buffer, sizeof(buffer), MSG_DONTWAIT), 0);
	rig_tcp_close(&tcp);
}

static void splice_gives_the_data_then_econnreset_then_eof(void **state)
{
	struct rig_tcp tcp;
	int pipe_fds[2];

	(void)state;
	open_reset_after_data(&tcp);
	rig_pipe(pipe_fds, 65536);
	assert_int_equal(splice(tcp.near, NULL, pipe_fds[1], NULL, 65536, SPLICE_F_NONBLOCK), 6);
	assert_int_equal(splice(tcp.near, NULL, pipe_fds[1], NULL, 65536, SPLICE_F_NONBLOCK), -1);
	assert_int_equal(errno, ECONNRESET);
	assert_int_equal(splice(tcp.near, NULL, pipe_fds[1], NULL, 65536, SPLICE_F_NONBLOCK), 0);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	rig_tcp_close(&tcp);
}

/* The trap: after the other direction's send has taken the error, the reading one sees a clean end. */
static void send_takes_the_error_away_from_recv(void **state)
{
	struct rig_tcp tcp;
	char buffer[16];

	(void)state;
	open_reset_after_data(&tcp);
	assert_int_equal(send(tcp.near, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL), -1);
	assert_int_equal(errno, ECONNRESET);
	assert_int_equal(recv(tcp.near, buffer, sizeof(buffer), MSG_DONTWAIT), 6);
	assert_int_equal(recv(tcp.near, buffer, sizeof(buffer), MSG_DONTWAIT), 0);
	rig_tcp_close(&tcp);
}

static void so_error_takes_the_error_away_from_recv(void **state)
{
	struct rig_tcp tcp;
	char buffer[16];
	int error = 0;
	socklen_t size = sizeof(error);

	(void)state;
	open_reset_after_data(&tcp);
	assert_return_code(getsockopt(tcp.near, SOL_SOCKET, SO_ERROR, &error, &size), errno);
	assert_int_equal(error, ECONNRESET);
	assert_int_equal(recv(tcp.near, buffer, sizeof(buffer), MSG_DONTWAIT), 6);
	assert_int_equal(recv(tcp.near, buffer, sizeof(buffer), MSG_DONTWAIT), 0);
	rig_tcp_close(&tcp);
}

/*
 * What still tells a reset from an end afterwards: a peer's FIN leaves CLOSE_WAIT (POLLHUP only once both
 * have ended).
 */
static void poll_shows_hup_after_the_error_was_taken(void **state)
{
	struct rig_tcp tcp;
	char buffer[16];

	(void)state;
	open_reset_after_data(&tcp);
	assert_int_equal(recv(tcp.near, buffer, sizeof(buffer), MSG_DONTWAIT), 6);
	assert_int_equal(recv(tcp.near, buffer, sizeof(buffer), MSG_DONTWAIT), -1);
	assert_int_equal(rig_await(tcp.near, 0) & (POLLERR | POLLHUP), POLLHUP);
	rig_tcp_close(&tcp);
}

static volatile sig_atomic_t sigpipe_count;

static void count_sigpipe(int signal_number)
{
	(void)signal_number;
	sigpipe_count++;
}

/* splice(2) has no MSG_NOSIGNAL: the program has to ignore SIGPIPE. */
static void splice_to_a_reset_socket_raises_sigpipe(void **state)
{
	struct sigaction action = {.sa_handler = count_sigpipe};
	struct rig_tcp tcp;
	int pipe_fds[2];

	(void)state;
	open_reset_after_data(&tcp);
	sigaction(SIGPIPE, &action, NULL);
	rig_pipe(pipe_fds, 65536);
	assert_int_equal(write(pipe_fds[1], "xx", 2), 2);
	assert_int_equal(splice(pipe_fds[0], NULL, tcp.near, NULL, 1, SPLICE_F_NONBLOCK), -1);
	assert_int_equal(errno, ECONNRESET);
	assert_int_equal(splice(pipe_fds[0], NULL, tcp.near, NULL, 1, SPLICE_F_NONBLOCK), -1);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(sigpipe_count, 1);
	signal(SIGPIPE, SIG_DFL);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	rig_tcp_close(&tcp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recv_gives_the_data_then_econnreset_then_eof),
		cmocka_unit_test(splice_gives_the_data_then_econnreset_then_eof),
		cmocka_unit_test(send_takes_the_error_away_from_recv),
		cmocka_unit_test(so_error_takes_the_error_away_from_recv),
		cmocka_unit_test(poll_shows_hup_after_the_error_was_taken),
		cmocka_unit_test(splice_to_a_reset_socket_raises_sigpipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
