/* SPDX-License-Identifier: Apache-2.0 */
/* From accept to an open session, and how accepting and connecting fail. */
#include <errno.h>

#include "tests/unit/relay/rig.h"

static struct rig rig;

static void open_default(void)
{
	struct rig_options options = rig_defaults();
	rig_open(&rig, &options);
}

static void all_answer(enum fake_answer answer)
{
	for (uint32_t i = 0; i < FAKE_SERVER_COUNT; i++)
		fake_server_answer(i, answer);
}

static void client_is_connected_to_a_backend(void **state)
{
	(void)state;
	open_default();
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		struct rig_pair pair = rig_pair(&rig, relay);
		rig_transfer(&rig, pair.client, 100);
		rig_transfer(&rig, pair.server, 100);
	}
	rig_close(&rig);
}

static void connections_are_spread_over_the_backends(void **state)
{
	(void)state;
	open_default();
	for (int i = 0; i < 6; i++)
		rig_pair(&rig, RIG_AUTO);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(fake_server_attempts(i), 2);
	rig_close(&rig);
}

static void server_that_speaks_first_is_heard(void **state)
{
	(void)state;
	open_default();
	struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
	rig_transfer(&rig, pair.server, 10);
	rig_transfer(&rig, pair.client, 10);
	rig_close(&rig);
}

static void bytes_sent_before_the_backend_answers_arrive(void **state)
{
	(void)state;
	open_default();
	all_answer(FAKE_ACCEPTS_LATER);
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	rig_send(&rig, client, 20000);
	fake_peer_shutdown(client->conn);
	rig_run(&rig, 5 * RIG_MS);
	struct rig_peer *server = rig_accept_any(&rig);
	rig_read_all(&rig, server);
	assert_int_equal(server->received, 20000);
	assert_true(fake_peer_at_end(server->conn));
	rig_close(&rig);
}

static void refused_connect_goes_on_to_the_next_backend(void **state)
{
	static const enum fake_answer answers[] = {FAKE_REFUSES, FAKE_REFUSES_LATER, FAKE_NO_ROUTE};
	(void)state;
	open_default();
	for (size_t i = 0; i < ARRAY_COUNT(answers); i++) {
		fake_server_answer(0, answers[i]);
		fake_server_answer(1, answers[i]);
		for (int j = 0; j < 3; j++)
			assert_non_null(rig_pair(&rig, RIG_AUTO).server);
	}
	assert_int_equal(fake_server_attempts(2), 9);
	assert_int_equal(rig.sessions_closed, 0);
	rig_close(&rig);
}

static void backend_with_the_fewest_connections_is_tried_first(void **state)
{
	struct rig_options options = rig_defaults();
	(void)state;
	options.balance = CONFIG_BALANCE_LEAST_CONNECTIONS;
	rig_open(&rig, &options);
	struct rig_pair pairs[6];
	for (size_t i = 0; i < ARRAY_COUNT(pairs); i++)
		pairs[i] = rig_pair(&rig, RIG_AUTO);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(fake_server_attempts(i), 2);
	const struct session *session = rig_session(&rig, pairs[4].client);
	uint32_t left = session->backend;
	for (int i = 0; i < 3; i++) {
		fake_peer_reset(pairs[4].client->conn);
		rig_run(&rig, 10 * RIG_MS);
		pairs[4] = rig_pair(&rig, RIG_AUTO);
		assert_int_equal(fake_server_attempts(left), 3 + i);
	}
	rig_close(&rig);
}

/* The log asks for it too: here there is none. */
static void client_address_is_asked_for_where_the_choice_takes_it(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct rig_options options = rig_defaults();
		options.balance = i ? CONFIG_BALANCE_SOURCE_HASH : CONFIG_BALANCE_ROUND_ROBIN;
		rig_open(&rig, &options);
		rig.worker.records = NULL;
		struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
		assert_int_equal(rig_session(&rig, pair.client)->peer.family != AF_UNSPEC, i);
		rig.worker.records = rig.records;
		rig_close(&rig);
	}
}

/* A backend that fails an attempt has one connection less. */
static void failed_attempts_are_not_counted_as_connections(void **state)
{
	struct rig_options options = rig_defaults();
	(void)state;
	options.balance = CONFIG_BALANCE_LEAST_CONNECTIONS;
	rig_open(&rig, &options);
	fake_server_answer(0, FAKE_REFUSES_LATER);
	for (int i = 0; i < 4; i++)
		assert_non_null(rig_pair(&rig, RIG_AUTO).server);
	const struct balance_pool *pool = &rig.shared.balance.pools[0];
	assert_int_equal(pool->active[0], 0);
	assert_int_equal(pool->active[1] + pool->active[2], 4);
	rig_close(&rig);
}

static void no_more_backends_are_tried_than_retries_allow(void **state)
{
	(void)state;
	open_default();
	rig.config.pools[0].retries = 1;
	all_answer(FAKE_REFUSES_LATER);
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	rig_run(&rig, 10 * RIG_MS);
	assert_true(fake_peer_was_reset(client->conn));
	assert_int_equal(client->cause, CAUSE_CONNECT_FAILED);
	assert_int_equal(rig_counter(&rig, COUNTER_CONNECT_FAILURES), 2);
	rig_close(&rig);
}

static void client_is_reset_when_every_backend_refuses(void **state)
{
	(void)state;
	open_default();
	all_answer(FAKE_REFUSES_LATER);
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	rig_run(&rig, 10 * RIG_MS);
	assert_true(fake_peer_was_reset(client->conn));
	assert_int_equal(client->cause, CAUSE_CONNECT_FAILED);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(fake_server_attempts(i), 1);
	rig_close(&rig);
}

static void silent_backend_is_left_after_the_connect_timeout(void **state)
{
	(void)state;
	open_default();
	all_answer(FAKE_SILENT);
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	rig_run(&rig, 990 * RIG_MS);
	all_answer(FAKE_ACCEPTS);
	assert_null(rig_accept_any(&rig));
	rig_run(&rig, 20 * RIG_MS);
	assert_non_null(rig_accept_any(&rig));
	assert_non_null(client->partner);
	rig_close(&rig);
}

static void client_is_reset_when_every_backend_is_silent(void **state)
{
	(void)state;
	open_default();
	all_answer(FAKE_SILENT);
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	rig_run(&rig, 2990 * RIG_MS);
	assert_false(fake_peer_was_reset(client->conn));
	rig_run(&rig, 50 * RIG_MS);
	assert_true(fake_peer_was_reset(client->conn));
	assert_int_equal(client->cause, CAUSE_CONNECT_TIMEOUT);
	rig_close(&rig);
}

/* The socket has no error then, because nothing has happened yet. */
static void poll_that_fails_while_connecting_is_not_an_answer(void **state)
{
	(void)state;
	open_default();
	all_answer(FAKE_SILENT);
	struct rig_peer *client = rig_dial(&rig, RIG_INTERACTIVE);
	rig_run(&rig, RIG_MS);
	fake_chances()->cancelled = 1000;
	rig_run(&rig, RIG_MS / 100);
	fake_chances()->cancelled = 0;
	rig_run(&rig, RIG_MS);
	assert_null(client->partner);
	assert_int_equal(client->cause, CAUSE_CONNECT_FAILED);
	rig_close(&rig);
}

static void running_out_of_local_ports_is_a_resource_limit(void **state)
{
	(void)state;
	open_default();
	rig.memory_is_scarce = true;
	all_answer(FAKE_NO_PORT);
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	rig_run(&rig, 10 * RIG_MS);
	assert_int_equal(client->cause, CAUSE_RESOURCE_LIMIT);
	rig_close(&rig);
}

/* The reset is reported once: whoever takes the error must not lose it. */
static void client_that_was_reset_in_the_accept_queue_is_a_client_reset(void **state)
{
	(void)state;
	open_default();
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	fake_peer_reset(client->conn);
	fake_advance(RIG_MS);
	rig_run(&rig, 10 * RIG_MS);
	assert_int_equal(client->cause, CAUSE_CLIENT_RESET);
	assert_null(rig_accept_any(&rig));
	rig_close(&rig);
}

static void client_that_sends_and_resets_at_once_resets_its_backend_after_the_bytes(void **state)
{
	(void)state;
	open_default();
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	rig_send(&rig, client, 50);
	fake_advance(RIG_MS);
	fake_peer_reset(client->conn);
	fake_advance(RIG_MS);
	rig_run(&rig, 10 * RIG_MS);
	struct rig_peer *server = rig_accept_any(&rig);
	rig_receive(&rig, server, SIZE_MAX);
	assert_int_equal(server->received, 50);
	assert_true(fake_peer_was_reset(server->conn));
	assert_int_equal(client->cause, CAUSE_CLIENT_RESET);
	rig_close(&rig);
}

/* ---- accepting ---- */

static void accept_without_descriptors_backs_off_and_recovers(void **state)
{
	(void)state;
	open_default();
	struct rig_pair old = rig_pair(&rig, RIG_AUTO);
	fake_set_fd_limit(fake_open_fds());
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	uint64_t turns = fake_turns();
	rig_run(&rig, 1000 * RIG_MS);
	assert_in_range(fake_turns() - turns, 1, 100); /* nothing spins */
	assert_true(rig_counter(&rig, COUNTER_ACCEPT_PAUSES) > 0);
	rig_transfer(&rig, old.client, 1000); /* nobody is harmed */
	assert_null(client->partner);
	fake_set_fd_limit(0);
	rig_run(&rig, 1000 * RIG_MS);
	assert_non_null(client->partner);
	rig_close(&rig);
}

static void every_error_of_accept_is_survived(void **state)
{
	(void)state;
	open_default();
	fake_chances()->accept_error = 1000;
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	rig_run(&rig, 2000 * RIG_MS);
	assert_null(client->partner);
	fake_chances()->accept_error = 0;
	rig_run(&rig, 1000 * RIG_MS);
	assert_non_null(client->partner);
	rig_close(&rig);
}

static void accepting_stops_at_the_limit_and_goes_on_below_it(void **state)
{
	(void)state;
	struct rig_options options = rig_defaults();
	options.connections = 2;
	rig_open(&rig, &options);
	struct rig_pair first = rig_pair(&rig, RIG_AUTO);
	rig_pair(&rig, RIG_AUTO);
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	rig_run(&rig, 1000 * RIG_MS);
	assert_null(client->partner);
	fake_peer_shutdown(first.client->conn);
	fake_peer_shutdown(first.server->conn);
	rig_run(&rig, 1000 * RIG_MS);
	assert_non_null(client->partner);
	rig_close(&rig);
}

static void more_clients_at_once_than_there_is_memory_for_are_reset(void **state)
{
	(void)state;
	struct rig_options options = rig_defaults();
	options.connections = 1;
	rig_open(&rig, &options);
	struct rig_peer *clients[128];
	for (int i = 0; i < 128; i++) {
		clients[i] = rig_dial(&rig, i < 64 ? RIG_AUTO : RIG_INTERACTIVE);
		assert_non_null(clients[i]);
	}
	rig_run(&rig, 100 * RIG_MS);
	int connected = 0, reset = 0;
	for (int i = 0; i < 128; i++) {
		connected += clients[i]->partner != NULL;
		reset += fake_peer_was_reset(clients[i]->conn);
	}
	assert_int_equal(connected, options.connections + LIMIT_ACCEPT_SLACK);
	assert_int_equal(reset, 128 - connected);
	assert_int_equal(rig_counter(&rig, COUNTER_CLOSED + CAUSE_RESOURCE_LIMIT), reset);
	rig_close(&rig);
}

static void accept_that_an_overflow_ended_is_armed_again(void **state)
{
	(void)state;
	open_default();
	fake_chances()->overflow = 1000;
	for (int i = 0; i < 10; i++)
		rig_pair(&rig, RIG_AUTO);
	rig_close(&rig);
}

/* ---- upstream sockets ---- */

static void sockets_that_come_late_are_waited_for(void **state)
{
	(void)state;
	open_default();
	rig.source.delay_ns = 50 * RIG_MS;
	struct rig_peer *first = rig_dial(&rig, RIG_AUTO), *second = rig_dial(&rig, RIG_AUTO);
	rig_run(&rig, 40 * RIG_MS);
	assert_null(first->partner);
	rig_run(&rig, 20 * RIG_MS);
	assert_non_null(first->partner);
	assert_non_null(second->partner);
	assert_int_equal(rig_counter(&rig, COUNTER_SOCKET_WAITS), 2);
	rig_close(&rig);
}

static void client_whose_socket_never_comes_ends_by_the_connect_timeout(void **state)
{
	(void)state;
	open_default();
	rig.source.delay_ns = 100000 * RIG_MS;
	struct rig_peer *client = rig_dial(&rig, RIG_INTERACTIVE);
	rig_run(&rig, 1100 * RIG_MS);
	assert_int_equal(client->cause, CAUSE_CONNECT_TIMEOUT);
	rig_close(&rig);
}

static void socket_that_cannot_be_made_fails_the_connection(void **state)
{
	(void)state;
	open_default();
	rig.source.error = ENODEV;
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	rig_run(&rig, 10 * RIG_MS);
	assert_int_equal(client->cause, CAUSE_CONNECT_FAILED);
	assert_true(rig_counter(&rig, COUNTER_SOCKET_FAILURES) > 0);
	rig_close(&rig);
}

static void request_that_the_source_could_not_take_is_made_again(void **state)
{
	(void)state;
	open_default();
	rig.source.refuses = true;
	rig.source.delay_ns = 5 * RIG_MS;
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	rig_run(&rig, 20 * RIG_MS);
	assert_null(client->partner);
	rig.source.refuses = false;
	rig_run(&rig, 500 * RIG_MS);
	assert_non_null(client->partner);
	rig_close(&rig);
}

static void unix_backend_gets_a_connected_socket_for_each_client(void **state)
{
	(void)state;
	open_default();
	for (int i = 0; i < 5; i++) {
		struct rig_pair pair = rig_pair(&rig, RIG_UNIX);
		rig_transfer(&rig, pair.client, 100);
	}
	assert_int_equal(fake_server_attempts(5), 5);
	rig_close(&rig);
}

static void socket_of_an_ended_connection_is_used_again(void **state)
{
	(void)state;
	open_default();
	uint32_t fds = 0;
	for (int i = 0; i < 50; i++) {
		struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
		rig_transfer(&rig, pair.client, 100);
		fake_peer_shutdown(pair.client->conn);
		rig_run(&rig, RIG_MS);
		fake_peer_shutdown(pair.server->conn);
		rig_run(&rig, RIG_MS);
		assert_int_equal(pair.client->cause, CAUSE_CLIENT_CLOSED);
		if (i == 10)
			fds = fake_open_fds();
	}
	assert_int_equal(fake_open_fds(), fds);
	rig_close(&rig);
}

/* ---- stopping ---- */

static void drain_takes_handshakes_that_had_begun_refuses_later_ones_and_lets_the_rest_finish(void **state)
{
	(void)state;
	open_default();
	struct rig_pair old = rig_pair(&rig, RIG_AUTO);
	struct rig_peer *queued = rig_dial(&rig, RIG_AUTO);
	rig.told_to_stop = true;
	worker_drain(&rig.worker, fake_now_ns() / RIG_MS + 5000);
	struct rig_peer *late = rig_dial(&rig, RIG_AUTO); /* which has sent its SYN before the filter was there */
	rig_run(&rig, 110 * RIG_MS);
	assert_null(rig_dial(&rig, RIG_AUTO));
	assert_non_null(queued->partner);
	assert_non_null(late->partner);
	assert_int_equal(fake_lost_in_queue(), 0);
	rig_transfer(&rig, old.client, 1000);
	rig_transfer(&rig, queued, 1000);
	assert_false(worker_done(&rig.worker));
	rig_run(&rig, 5000 * RIG_MS);
	assert_true(worker_done(&rig.worker));
	assert_int_equal(queued->cause, CAUSE_DRAINED);
	assert_true(fake_peer_was_reset(queued->conn));
	rig_close(&rig);
}

static void drain_without_sessions_is_done_once_handshakes_are(void **state)
{
	(void)state;
	open_default();
	rig_run(&rig, RIG_MS);
	worker_drain(&rig.worker, fake_now_ns() / RIG_MS + 5000);
	rig_run(&rig, RIG_MS);
	assert_false(worker_done(&rig.worker));
	rig_run(&rig, 100 * RIG_MS);
	assert_true(worker_done(&rig.worker));
	rig_close(&rig);
}

/* The accept that is being cancelled may still bring clients, and so may the queue. */
static void stop_ends_clients_that_are_accepted_after_it(void **state)
{
	(void)state;
	open_default();
	rig_run(&rig, RIG_MS);
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	rig.told_to_stop = true;
	worker_stop(&rig.worker);
	rig_run(&rig, 10 * RIG_MS);
	assert_true(worker_done(&rig.worker));
	assert_true(fake_peer_was_reset(client->conn));
	rig_close(&rig);
}

static void drain_whose_time_is_over_at_once_ends_clients_that_are_accepted_after_it(void **state)
{
	(void)state;
	open_default();
	rig_run(&rig, RIG_MS);
	fake_chances()->delay = 1000;
	rig_dial(&rig, RIG_AUTO);
	rig.told_to_stop = true;
	worker_drain(&rig.worker, fake_now_ns() / RIG_MS);
	rig_run(&rig, 100 * RIG_MS);
	assert_true(worker_done(&rig.worker));
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_is_connected_to_a_backend),
		cmocka_unit_test(connections_are_spread_over_the_backends),
		cmocka_unit_test(server_that_speaks_first_is_heard),
		cmocka_unit_test(bytes_sent_before_the_backend_answers_arrive),
		cmocka_unit_test(refused_connect_goes_on_to_the_next_backend),
		cmocka_unit_test(backend_with_the_fewest_connections_is_tried_first),
		cmocka_unit_test(client_address_is_asked_for_where_the_choice_takes_it),
		cmocka_unit_test(failed_attempts_are_not_counted_as_connections),
		cmocka_unit_test(no_more_backends_are_tried_than_retries_allow),
		cmocka_unit_test(client_is_reset_when_every_backend_refuses),
		cmocka_unit_test(silent_backend_is_left_after_the_connect_timeout),
		cmocka_unit_test(client_is_reset_when_every_backend_is_silent),
		cmocka_unit_test(poll_that_fails_while_connecting_is_not_an_answer),
		cmocka_unit_test(running_out_of_local_ports_is_a_resource_limit),
		cmocka_unit_test(client_that_was_reset_in_the_accept_queue_is_a_client_reset),
		cmocka_unit_test(client_that_sends_and_resets_at_once_resets_its_backend_after_the_bytes),
		cmocka_unit_test(accept_without_descriptors_backs_off_and_recovers),
		cmocka_unit_test(every_error_of_accept_is_survived),
		cmocka_unit_test(accepting_stops_at_the_limit_and_goes_on_below_it),
		cmocka_unit_test(more_clients_at_once_than_there_is_memory_for_are_reset),
		cmocka_unit_test(accept_that_an_overflow_ended_is_armed_again),
		cmocka_unit_test(sockets_that_come_late_are_waited_for),
		cmocka_unit_test(client_whose_socket_never_comes_ends_by_the_connect_timeout),
		cmocka_unit_test(socket_that_cannot_be_made_fails_the_connection),
		cmocka_unit_test(request_that_the_source_could_not_take_is_made_again),
		cmocka_unit_test(unix_backend_gets_a_connected_socket_for_each_client),
		cmocka_unit_test(socket_of_an_ended_connection_is_used_again),
		cmocka_unit_test(drain_takes_handshakes_that_had_begun_refuses_later_ones_and_lets_the_rest_finish),
		cmocka_unit_test(drain_without_sessions_is_done_once_handshakes_are),
		cmocka_unit_test(stop_ends_clients_that_are_accepted_after_it),
		cmocka_unit_test(drain_whose_time_is_over_at_once_ends_clients_that_are_accepted_after_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
