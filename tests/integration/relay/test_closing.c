/* SPDX-License-Identifier: Apache-2.0 */
/* How connections end: what one side does, the other side sees, and no byte is lost on the way. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "tests/integration/relay/rig.h"
#include "tests/integration/relay/stream.h"

enum { UP = 1, DOWN = 2 }; /* tags */
enum { SMALL = 1000, LARGE = 1 << 20, UNREAD = 500 * 1000 };
enum { WHILE_MS = 500 }; /* longer than WATCH_AFTER_MS of session.c */

/* ---- ends ---- */

/* settle - wait until the other end's kernel takes no more of what @fd has to send; how much it has not
 * taken */
static size_t settle(int fd)
{
	size_t before, now = rig_unacknowledged(fd);

	do {
		before = now;
		poll(NULL, 0, 100);
		now = rig_unacknowledged(fd);
	} while (now > 0 && now < before);
	return now;
}

static void limit_receive_buffer(int fd, int size)
{
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
}

static void server_is_heard_after_the_client_has_ended(void **state)
{
	struct rig rig;
	struct pair pair;

	rig_start(&rig, state, NULL);
	pair = rig_connect(&rig);
	stream_send(pair.client, UP, 0, SMALL);
	rig_end(pair.client);
	stream_receive(pair.server, UP, 0, SMALL);
	rig_expect_end(pair.server);
	for (size_t i = 0; i < 3; i++) {
		poll(NULL, 0, WHILE_MS / 2);
		stream_send(pair.server, DOWN, i * SMALL, SMALL);
		stream_receive(pair.client, DOWN, i * SMALL, SMALL);
	}
	stream_run(&(struct stream){.from = pair.server,
	                            .to = pair.client,
	                            .tag = DOWN,
	                            .size = LARGE,
	                            .sent = 3 * SMALL,
	                            .received = 3 * SMALL,
	                            .finish = true},
	           1);
	rig_expect_closed(&rig, "client_closed", SMALL, LARGE);
}

static void client_is_heard_after_the_server_has_ended(void **state)
{
	struct rig rig;
	struct pair pair;

	rig_start(&rig, state, NULL);
	pair = rig_connect(&rig);
	stream_send(pair.server, DOWN, 0, SMALL);
	rig_end(pair.server);
	stream_receive(pair.client, DOWN, 0, SMALL);
	rig_expect_end(pair.client);
	for (size_t i = 0; i < 3; i++) {
		poll(NULL, 0, WHILE_MS / 2);
		stream_send(pair.client, UP, i * SMALL, SMALL);
		stream_receive(pair.server, UP, i * SMALL, SMALL);
	}
	stream_run(&(struct stream){.from = pair.client,
	                            .to = pair.server,
	                            .tag = UP,
	                            .size = LARGE,
	                            .sent = 3 * SMALL,
	                            .received = 3 * SMALL,
	                            .finish = true},
	           1);
	rig_expect_closed(&rig, "server_closed", LARGE, SMALL);
}

static void end_without_a_byte_is_passed_on(void **state)
{
	struct rig rig;
	struct pair pair;

	rig_start(&rig, state, NULL);
	pair = rig_connect(&rig);
	rig_end(pair.client);
	rig_expect_end(pair.server);
	rig_end(pair.server);
	rig_expect_end(pair.client);
	rig_expect_closed(&rig, "client_closed", 0, 0);
}

/* The receiver lets the bytes pile up everywhere before it reads: the end has to wait behind all of them. */
static void end_comes_after_the_last_byte(void **state)
{
	struct rig rig;
	struct pair pair;
	size_t sent = 0;

	rig_start(&rig, state, NULL);
	pair = rig_connect(&rig);
	while (poll(&(struct pollfd){pair.client, POLLOUT, 0}, 1, 100) > 0)
		sent += stream_send_some(pair.client, UP, sent, LARGE);
	rig_end(pair.client);
	stream_receive(pair.server, UP, 0, sent);
	rig_expect_end(pair.server);
	rig_end(pair.server);
	rig_expect_end(pair.client);
	rig_expect_closed(&rig, "client_closed", sent, 0);
}

/*
 * The relay finds bytes and end together, and its way to the server is too narrow for the bytes: it has to
 * hold some. Together they come because it is stopped while its socket, with a large buffer, takes them.
 */
static void end_waits_for_bytes_that_did_not_fit(void **state)
{
	enum { SIZE = 300 * 1000 };
	struct rig rig;
	struct pair pair;

	rig_open(&rig);
	rig_sysctl(rig.front, "net/ipv4/tcp_rmem", "4096 4194304 4194304");
	rig_sysctl(rig.back, "net/ipv4/tcp_wmem", "4096 4096 8192");
	limit_receive_buffer(rig.listener, 4096);
	rig_run(&rig, state, NULL);
	pair = rig_connect(&rig);
	testns_assert_connected(pair.client, pair.server);
	kill(relayproc_child(rig.relay), SIGSTOP);
	stream_send(pair.client, UP, 0, SIZE);
	rig_end(pair.client);
	assert_int_equal(settle(pair.client), 0);
	kill(relayproc_child(rig.relay), SIGCONT);
	if (strcmp(rig_variant(state)->lane, "bulk") != 0) /* which reads no more than it can get rid of */
		relayproc_await_counter(rig.relay, "spilled_bytes_total", 1);
	stream_receive(pair.server, UP, 0, SIZE);
	rig_expect_end(pair.server);
	rig_end(pair.server);
	rig_expect_end(pair.client);
	rig_expect_closed(&rig, "client_closed", 4 + SIZE, 4);
}

static void client_that_sends_and_closes_at_once_is_heard(void **state)
{
	struct rig rig;

	rig_start(&rig, state, NULL);
	for (uint64_t i = 0; i < 20; i++) {
		size_t size = SMALL << (i % 8);
		int client = testns_connect(rig.front, RIG_FRONT), server;

		stream_send(client, i, 0, size);
		testns_close(client);
		server = testns_accept(rig.listener);
		stream_receive(server, i, 0, size);
		rig_expect_end(server);
		testns_close(server);
		rig_expect_closed(&rig, "client_closed", size, 0);
	}
}

static void server_that_sends_and_closes_at_once_is_heard(void **state)
{
	struct rig rig;

	rig_start(&rig, state, NULL);
	for (uint64_t i = 0; i < 20; i++) {
		size_t size = SMALL << (i % 8);
		struct pair pair = rig_connect(&rig);

		stream_send(pair.server, i, 0, size);
		testns_close(pair.server);
		stream_receive(pair.client, i, 0, size);
		rig_expect_end(pair.client);
		testns_close(pair.client);
		rig_expect_closed(&rig, "server_closed", 0, size);
	}
}

static void no_reset_is_sent_when_both_streams_have_ended(void **state)
{
	struct rig rig;
	struct stream streams[2];

	rig_start(&rig, state, NULL);
	for (int i = 0; i < 10; i++) {
		struct pair pair = rig_connect(&rig);

		streams[0] = (struct stream){
		        .from = pair.client, .to = pair.server, .tag = UP, .size = LARGE / 4, .finish = true};
		streams[1] = (struct stream){.from = pair.server,
		                             .to = pair.client,
		                             .tag = DOWN,
		                             .size = LARGE / 8,
		                             .finish = true};
		stream_run(streams, ARRAY_COUNT(streams));
		testns_close(pair.client);
		testns_close(pair.server);
	}
	relayproc_await_counter(rig.relay, "accepted_total", 10);
	assert_int_equal(relayproc_stop(rig.relay), 0);
	assert_int_equal(rig_resets(rig.front), 0);
	assert_int_equal(rig_resets(rig.back), 0);
}

/* ---- resets ---- */

static void reset_of_the_client_reaches_the_server(void **state)
{
	struct rig rig;
	struct pair pair;

	rig_start(&rig, state, NULL);
	pair = rig_connect(&rig);
	testns_assert_connected(pair.client, pair.server);
	rig_reset(pair.client);
	rig_expect_reset(pair.server);
	rig_expect_closed(&rig, "client_reset", 4, 4);
}

static void reset_of_the_server_reaches_the_client(void **state)
{
	struct rig rig;
	struct pair pair;

	rig_start(&rig, state, NULL);
	pair = rig_connect(&rig);
	testns_assert_connected(pair.client, pair.server);
	rig_reset(pair.server);
	rig_expect_reset(pair.client);
	rig_expect_closed(&rig, "server_reset", 4, 4);
}

static void reset_of_a_client_that_never_spoke_reaches_the_server(void **state)
{
	struct rig rig;
	struct pair pair;

	rig_start(&rig, state, NULL);
	pair = rig_connect(&rig);
	rig_reset(pair.client);
	rig_expect_reset(pair.server);
	rig_expect_closed(&rig, "client_reset", 0, 0);
}

/* The relay reads no more from a client that has ended, and still has to notice. */
static void reset_of_a_client_that_has_ended_reaches_the_server(void **state)
{
	struct rig rig;
	struct pair pair;

	rig_start(&rig, state, NULL);
	pair = rig_connect(&rig);
	stream_send(pair.client, UP, 0, SMALL);
	rig_end(pair.client);
	stream_receive(pair.server, UP, 0, SMALL);
	rig_expect_end(pair.server);
	rig_reset(pair.client);
	testns_await(pair.server, POLLERR);
	assert_true(send(pair.server, "x", 1, MSG_NOSIGNAL) < 0);
	assert_true(errno == ECONNRESET || errno == EPIPE);
	rig_expect_closed(&rig, "client_reset", SMALL, 0);
}

static void reset_of_a_server_that_has_ended_reaches_the_client(void **state)
{
	struct rig rig;
	struct pair pair;

	rig_start(&rig, state, NULL);
	pair = rig_connect(&rig);
	stream_send(pair.server, DOWN, 0, SMALL);
	rig_end(pair.server);
	stream_receive(pair.client, DOWN, 0, SMALL);
	rig_expect_end(pair.client);
	rig_reset(pair.server);
	testns_await(pair.client, POLLERR);
	assert_true(send(pair.client, "x", 1, MSG_NOSIGNAL) < 0);
	assert_true(errno == ECONNRESET || errno == EPIPE);
	rig_expect_closed(&rig, "server_reset", 0, SMALL);
}

/* deliver_unread - write UNREAD bytes that nobody reads; how many the relay's kernel has acknowledged */
static size_t deliver_unread(int fd, uint64_t tag)
{
	size_t sent = 0;

	while (sent < UNREAD && poll(&(struct pollfd){fd, POLLOUT, 0}, 1, 200) > 0)
		sent += stream_send_some(fd, tag, sent, UNREAD - sent);
	return sent - settle(fd);
}

/* receive_until_reset - every byte of the stream that comes before its reset; how many */
static size_t receive_until_reset(int fd, uint64_t tag)
{
	size_t received = 0;

	for (;;) {
		ssize_t n;

		testns_await(fd, POLLIN);
		n = stream_receive_some(fd, tag, received, UNREAD);
		if (n == -ECONNRESET)
			return received;
		if (n <= 0 && n != -EAGAIN)
			fail_msg("after %zu bytes: %s", received, n == 0 ? "the end" : strerror((int)-n));
		received += n > 0 ? (size_t)n : 0;
	}
}

static void reset_of_the_server_comes_after_what_it_had_delivered(void **state)
{
	struct rig rig;
	struct pair pair;
	size_t delivered;

	rig_start(&rig, state, NULL);
	pair = rig_connect(&rig);
	limit_receive_buffer(pair.client, 16 * 1024); /* the rest piles up in the relay */
	delivered = deliver_unread(pair.server, DOWN);
	rig_reset(pair.server);
	assert_true(delivered > 0);
	assert_in_range(receive_until_reset(pair.client, DOWN), delivered, UNREAD);
	relayproc_await_counter(rig.relay, "closed_server_reset_total", 1);
}

static void reset_of_the_client_comes_after_what_it_had_delivered(void **state)
{
	struct rig rig;
	struct pair pair;
	size_t delivered;

	rig_start(&rig, state, NULL);
	pair = rig_connect(&rig);
	limit_receive_buffer(pair.server, 16 * 1024);
	delivered = deliver_unread(pair.client, UP);
	rig_reset(pair.client);
	assert_true(delivered > 0);
	assert_in_range(receive_until_reset(pair.server, UP), delivered, UNREAD);
	relayproc_await_counter(rig.relay, "closed_client_reset_total", 1);
}

int main(void)
{
	const struct CMUnitTest rows[] = {
	        relayproc_test(server_is_heard_after_the_client_has_ended),
	        relayproc_test(client_is_heard_after_the_server_has_ended),
	        relayproc_test(end_without_a_byte_is_passed_on),
	        relayproc_test(end_comes_after_the_last_byte),
	        relayproc_test(end_waits_for_bytes_that_did_not_fit),
	        relayproc_test(client_that_sends_and_closes_at_once_is_heard),
	        relayproc_test(server_that_sends_and_closes_at_once_is_heard),
	        relayproc_test(no_reset_is_sent_when_both_streams_have_ended),
	        relayproc_test(reset_of_the_client_reaches_the_server),
	        relayproc_test(reset_of_the_server_reaches_the_client),
	        relayproc_test(reset_of_a_client_that_never_spoke_reaches_the_server),
	        relayproc_test(reset_of_a_client_that_has_ended_reaches_the_server),
	        relayproc_test(reset_of_a_server_that_has_ended_reaches_the_client),
	        relayproc_test(reset_of_the_server_comes_after_what_it_had_delivered),
	        relayproc_test(reset_of_the_client_comes_after_what_it_had_delivered),
	};
	struct CMUnitTest tests[RIG_VARIANTS * ARRAY_COUNT(rows)];

	rig_in_every_lane(rows, ARRAY_COUNT(rows), tests);
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
