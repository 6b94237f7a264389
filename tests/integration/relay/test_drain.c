/* SPDX-License-Identifier: Apache-2.0 */
/* Being told to stop: nobody new, those who are there may finish, until the deadline. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "tests/integration/relay/rig.h"
#include "tests/integration/relay/stream.h"

static void tell_to_stop(const struct rig *rig)
{
	struct relayproc_record stopping;

	relayproc_signal(rig->relay, SIGTERM);
	relayproc_await_record(rig->relay, "stopping", &stopping);
}

/* expect_refusal - from some moment on, nobody listens; a connection from before that moment may still be
 * accepted */
static void expect_refusal(const struct rig *rig)
{
	int rc;

	do {
		rc = testns_try_connect(rig->front, RIG_FRONT);
		if (rc >= 0)
			rig_reset(rc); /* its server never answers */
	} while (rc >= 0);
	assert_int_equal(rc, -ECONNREFUSED);
}

static void established_connections_finish_and_new_ones_are_refused(void **state)
{
	struct stream streams[2];
	struct rig rig;
	struct pair pair;

	rig_start(&rig, state, TESTNS_ARGV("--drain-timeout", "1h"));
	pair = rig_connect(&rig);
	testns_assert_connected(pair.client, pair.server);
	tell_to_stop(&rig);
	expect_refusal(&rig);
	testns_assert_connected(pair.client, pair.server);
	streams[0] = (struct stream){
	        .from = pair.client, .to = pair.server, .tag = 1, .size = 1000 * 1000, .finish = true};
	streams[1] = (struct stream){
	        .from = pair.server, .to = pair.client, .tag = 2, .size = 1000 * 1000, .finish = true};
	stream_run(streams, ARRAY_COUNT(streams));
	assert_int_equal(relayproc_await_exit(rig.relay), 0);
}

static void connections_are_reset_at_the_deadline(void **state)
{
	struct rig rig;
	struct pair pair;

	rig_start(&rig, state, TESTNS_ARGV("--drain-timeout", "300ms"));
	pair = rig_connect(&rig);
	testns_assert_connected(pair.client, pair.server);
	tell_to_stop(&rig);
	rig_expect_reset(pair.client);
	rig_expect_reset(pair.server);
	rig_expect_closed(&rig, "drained", 4, 4);
	assert_int_equal(relayproc_await_exit(rig.relay), 0);
}

static void second_signal_ends_everything_at_once(void **state)
{
	struct rig rig;
	struct pair pair;

	rig_start(&rig, state, TESTNS_ARGV("--drain-timeout", "1h"));
	pair = rig_connect(&rig);
	testns_assert_connected(pair.client, pair.server);
	tell_to_stop(&rig);
	testns_assert_connected(pair.client, pair.server);
	relayproc_signal(rig.relay, SIGTERM);
	rig_expect_reset(pair.client);
	rig_expect_reset(pair.server);
	rig_expect_closed(&rig, "drained", 8, 8);
	assert_int_equal(relayproc_await_exit(rig.relay), 0);
}

static void half_closed_connection_finishes(void **state)
{
	struct rig rig;
	struct pair pair;

	rig_start(&rig, state, TESTNS_ARGV("--drain-timeout", "1h"));
	pair = rig_connect(&rig);
	rig_end(pair.client);
	rig_expect_end(pair.server);
	tell_to_stop(&rig);
	stream_run(&(struct stream){.from = pair.server,
	                            .to = pair.client,
	                            .tag = 1,
	                            .size = 1000 * 1000,
	                            .finish = true},
	           1);
	assert_int_equal(relayproc_await_exit(rig.relay), 0);
}

/* queue_up - clients that nobody accepts yet; each says its number, for the order in which they will be is
 * open */
static void queue_up(const struct rig *rig, int *clients, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		clients[i] = testns_connect(rig->front, RIG_FRONT);
		testns_write(clients[i], &i, sizeof(i));
	}
}

/* expect_service - every one of those clients is served, and leaves */
static void expect_service(const struct rig *rig, const int *clients, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		int server = testns_accept(rig->listener);
		uint64_t number;

		testns_read(server, &number, sizeof(number));
		assert_in_range(number, 0, count - 1);
		testns_assert_connected(clients[number], server);
		testns_close(clients[number]);
		testns_close(server);
	}
}

/* Those whose handshake is done have been promised an answer: while the relay is stopped, they pile up in its
 * queue. */
static void connections_that_wait_to_be_accepted_are_served(void **state)
{
	int clients[20];
	struct rig rig;
	pid_t child;

	rig_start(&rig, state, TESTNS_ARGV("--drain-timeout", "1h"));
	child = relayproc_child(rig.relay);
	kill(child, SIGSTOP);
	queue_up(&rig, clients, ARRAY_COUNT(clients));
	tell_to_stop(&rig);
	kill(child, SIGCONT);
	expect_service(&rig, clients, ARRAY_COUNT(clients));
	assert_int_equal(relayproc_await_exit(rig.relay), 0);
}

/* The same while accepting is paused: what waits is taken all the same before the listener is closed. */
static void connections_above_the_limit_are_served_before_the_end(void **state)
{
	struct pair pairs[3];
	int clients[2];
	struct rig rig;

	rig_start(&rig, state, TESTNS_ARGV("--drain-timeout", "1h", "--max-connections", "3"));
	for (size_t i = 0; i < ARRAY_COUNT(pairs); i++)
		pairs[i] = rig_connect(&rig);
	relayproc_await_counter(rig.relay, "accept_pauses_total", 1);
	queue_up(&rig, clients, ARRAY_COUNT(clients));
	tell_to_stop(&rig);
	expect_service(&rig, clients, ARRAY_COUNT(clients));
	for (size_t i = 0; i < ARRAY_COUNT(pairs); i++)
		testns_assert_connected(pairs[i].client, pairs[i].server);
}

/* A backend that answers no SYN (see test_upstream.c), and no timeout for it. */
static void connection_without_a_backend_yet_is_reset_at_the_deadline(void **state)
{
	struct relayproc_record closed;
	struct rig rig;
	int client;

	rig_start(&rig, state, TESTNS_ARGV("--drain-timeout", "300ms", "--connect-timeout", "0s"));
	assert_int_equal(listen(rig.listener, 0), 0);
	testns_connect(rig.back, RIG_BACK);
	client = testns_connect(rig.front, RIG_FRONT);
	relayproc_await_counter(rig.relay, "accepted_total", 1);
	tell_to_stop(&rig);
	rig_expect_reset(client);
	relayproc_await_closed(rig.relay, "drained", &closed);
	assert_int_equal(relayproc_await_exit(rig.relay), 0);
}

static void idle_daemon_stops_at_each_of_the_signals(void **state)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

	for (size_t i = 0; i < ARRAY_COUNT(signals); i++) {
		struct rig rig;

		rig_start(&rig, state, TESTNS_ARGV("--drain-timeout", "1h"));
		relayproc_signal(rig.relay, signals[i]);
		assert_int_equal(relayproc_await_exit(rig.relay), 0);
		expect_refusal(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest rows[] = {
	        relayproc_test(established_connections_finish_and_new_ones_are_refused),
	        relayproc_test(connections_are_reset_at_the_deadline),
	        relayproc_test(second_signal_ends_everything_at_once),
	        relayproc_test(half_closed_connection_finishes),
	        relayproc_test(connections_that_wait_to_be_accepted_are_served),
	        relayproc_test(connections_above_the_limit_are_served_before_the_end),
	        relayproc_test(connection_without_a_backend_yet_is_reset_at_the_deadline),
	        relayproc_test(idle_daemon_stops_at_each_of_the_signals),
	};
	struct CMUnitTest tests[RIG_VARIANTS * ARRAY_COUNT(rows)];

	rig_in_every_lane(rows, ARRAY_COUNT(rows), tests);
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
