/* SPDX-License-Identifier: Apache-2.0 */
/* How sessions end: FIN, RST, silence, time. */
#include <errno.h>

#include "tests/unit/relay/rig.h"

static struct rig rig;

static void open_default(void)
{
	struct rig_options options = rig_defaults();
	rig_open(&rig, &options);
}

/* pair_in - a pair of @relay whose directions have both been used, so that its flows are in their lanes */
static struct rig_pair pair_in(enum rig_relay relay)
{
	struct rig_pair pair = rig_pair(&rig, relay);
	rig_transfer(&rig, pair.client, 1000);
	rig_transfer(&rig, pair.server, 1000);
	return pair;
}

static struct rig_peer *end_of(struct rig_pair pair, enum side side)
{
	return side == SIDE_CLIENT ? pair.client : pair.server;
}

/* ---- FIN ---- */

static void each_side_may_end_first_while_the_other_goes_on(void **state)
{
	(void)state;
	open_default();
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		for (enum side first = 0; first < SIDE_COUNT; first++) {
			struct rig_pair pair = pair_in(relay);
			struct rig_peer *early = end_of(pair, first), *late = end_of(pair, side_other(first));
			fake_peer_shutdown(early->conn);
			rig_run(&rig, 1000 * RIG_MS);
			assert_true(fake_peer_at_end(late->conn));
			rig_transfer(&rig, late, 200000);
			fake_peer_shutdown(late->conn);
			rig_run(&rig, 5 * RIG_MS);
			rig_receive(&rig, early, SIZE_MAX);
			assert_true(fake_peer_at_end(early->conn));
			assert_int_equal(early->cause, first == SIDE_CLIENT ? CAUSE_CLIENT_CLOSED
									    : CAUSE_SERVER_CLOSED);
			assert_false(fake_peer_was_reset(early->conn));
			assert_false(fake_peer_was_reset(late->conn));
		}
	}
	rig_close(&rig);
}

static void fin_comes_after_the_last_byte_of_a_slow_reader(void **state)
{
	(void)state;
	open_default();
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		struct rig_pair pair = pair_in(relay);
		rig_fill(&rig, pair.client);
		fake_peer_shutdown(pair.client->conn);
		rig_run(&rig, 100 * RIG_MS);
		assert_false(fake_peer_at_end(pair.server->conn));
		while (!fake_peer_at_end(pair.server->conn)) {
			rig_receive(&rig, pair.server, 5000); /* checks that all is there when the FIN is */
			rig_run(&rig, RIG_MS);
		}
		assert_int_equal(pair.server->received, pair.client->sent);
	}
	rig_close(&rig);
}

static void client_that_sends_and_closes_at_once_is_heard(void **state)
{
	static const size_t sizes[] = {1, 4096, 5000, 60000};
	(void)state;
	open_default();
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
		rig_send(&rig, client, sizes[i]);
		fake_peer_close(client->conn);
		rig_run(&rig, 2 * RIG_MS);
		struct rig_peer *server = rig_accept_any(&rig);
		rig_read_all(&rig, server);
		assert_true(fake_peer_at_end(server->conn));
		assert_int_equal(server->received, sizes[i]);
		fake_peer_close(server->conn);
		rig_run(&rig, 2 * RIG_MS);
		assert_int_equal(client->cause, CAUSE_CLIENT_CLOSED);
	}
	rig_close(&rig);
}

/* ---- RST ---- */

static void check_reset(enum rig_relay relay, enum side side)
{
	struct rig_pair pair = pair_in(relay);
	struct rig_peer *gone = end_of(pair, side), *other = end_of(pair, side_other(side));
	size_t sent = rig_send(&rig, gone, 30000);
	fake_advance(RIG_MS);
	fake_peer_reset(gone->conn);
	rig_run(&rig, 100 * RIG_MS);
	rig_receive(&rig, other, SIZE_MAX);
	assert_int_equal(other->received, 1000 + sent);
	assert_true(fake_peer_was_reset(other->conn));
	assert_false(fake_peer_at_end(other->conn));
	assert_int_equal(gone->cause, side == SIDE_CLIENT ? CAUSE_CLIENT_RESET : CAUSE_SERVER_RESET);
}

static void reset_reaches_the_other_side_after_the_bytes_before_it(void **state)
{
	(void)state;
	open_default();
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		for (enum side side = 0; side < SIDE_COUNT; side++)
			check_reset(relay, side);
	}
	rig_close(&rig);
}

static void reset_of_a_parked_peer_is_noticed(void **state)
{
	(void)state;
	open_default();
	for (enum side side = 0; side < SIDE_COUNT; side++) {
		struct rig_pair pair = pair_in(RIG_AUTO);
		struct rig_peer *gone = end_of(pair, side), *other = end_of(pair, side_other(side));
		rig_run(&rig, 10000 * RIG_MS);
		assert_int_equal(rig_flow(&rig, gone), FLOW_PARKED);
		fake_peer_reset(gone->conn);
		rig_run(&rig, 10 * RIG_MS);
		assert_true(fake_peer_was_reset(other->conn));
	}
	rig_close(&rig);
}

/* The receiver took bytes into its kernel's queue only: they count as passed on when they are acknowledged. */
static void reset_waits_for_unacknowledged_bytes(void **state)
{
	(void)state;
	struct rig_options options = rig_defaults();
	options.fake.receive_buffer = 4000;
	rig_open(&rig, &options);
	struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
	assert_int_equal(rig_send(&rig, pair.client, 4000), 4000);
	rig_run(&rig, RIG_MS);
	assert_int_equal(rig_send(&rig, pair.client, 4000), 4000);
	rig_run(&rig, RIG_MS);
	fake_peer_reset(pair.client->conn);
	rig_run(&rig, 1000 * RIG_MS);
	assert_false(fake_peer_was_reset(pair.server->conn));
	while (pair.server->received < 8000) {
		rig_receive(&rig, pair.server, 1000);
		rig_run(&rig, 100 * RIG_MS);
	}
	assert_true(fake_peer_was_reset(pair.server->conn));
	assert_int_equal(pair.client->cause, CAUSE_CLIENT_RESET);
	rig_close(&rig);
}

static void reset_goes_out_when_patience_is_over(void **state)
{
	(void)state;
	open_default();
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		struct rig_pair pair = pair_in(relay);
		rig_fill(&rig, pair.client);
		fake_peer_reset(pair.client->conn);
		rig_run(&rig, 4900 * RIG_MS);
		assert_false(fake_peer_was_reset(pair.server->conn));
		rig_run(&rig, 500 * RIG_MS);
		assert_true(fake_peer_was_reset(pair.server->conn));
		assert_int_equal(pair.client->cause, CAUSE_CLIENT_RESET);
	}
	rig_close(&rig);
}

/* The timeouts are shorter than the patience here, but they are not why the session ends. */
static void reset_is_the_cause_though_the_receiver_is_idle(void **state)
{
	(void)state;
	struct rig_options options = rig_defaults();
	options.timeouts = (struct config_timeouts){.connect_ms = 1000, .idle_ms = 1000, .half_close_ms = 500};
	rig_open(&rig, &options);
	for (enum side side = 0; side < SIDE_COUNT; side++) {
		struct rig_pair pair = pair_in(RIG_AUTO);
		rig_fill(&rig, end_of(pair, side));
		fake_peer_reset(end_of(pair, side)->conn);
		rig_run(&rig, 6000 * RIG_MS);
		assert_int_equal(pair.client->cause, side == SIDE_CLIENT ? CAUSE_CLIENT_RESET : CAUSE_SERVER_RESET);
	}
	rig_close(&rig);
}

/* After its reset a socket's queue never reads empty: waiting for that would take all of the patience. */
static void reset_does_not_wait_for_a_receiver_that_is_gone_too(void **state)
{
	(void)state;
	struct rig_options options = rig_defaults();
	options.fake.receive_buffer = 4000;
	rig_open(&rig, &options);
	struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
	for (int i = 0; i < 2; i++) {
		rig_send(&rig, pair.client, 4000);
		rig_run(&rig, RIG_MS);
	}
	fake_peer_reset(pair.client->conn);
	rig_run(&rig, 100 * RIG_MS);
	fake_peer_reset(pair.server->conn);
	rig_run(&rig, 100 * RIG_MS);
	assert_int_equal(rig.sessions_closed, 1);
	rig_close(&rig);
}

static void fin_alone_is_not_taken_for_a_reset(void **state)
{
	(void)state;
	open_default();
	for (enum side side = 0; side < SIDE_COUNT; side++) {
		struct rig_pair pair = pair_in(RIG_AUTO);
		fake_peer_shutdown(end_of(pair, side)->conn);
		uint64_t turns = fake_turns();
		rig_run(&rig, 10000 * RIG_MS);
		assert_in_range(fake_turns() - turns, 1, 100);
		assert_int_equal(pair.client->cause, -1);
	}
	rig_close(&rig);
}

static void reset_of_a_half_closed_peer_is_noticed(void **state)
{
	(void)state;
	open_default();
	for (enum side side = 0; side < SIDE_COUNT; side++) {
		struct rig_pair pair = pair_in(RIG_AUTO);
		fake_peer_shutdown(end_of(pair, side)->conn);
		rig_run(&rig, 2000 * RIG_MS);
		fake_peer_reset(end_of(pair, side)->conn);
		rig_run(&rig, 300 * RIG_MS);
		assert_true(fake_peer_was_reset(end_of(pair, side_other(side))->conn));
		assert_int_equal(pair.client->cause, side == SIDE_CLIENT ? CAUSE_CLIENT_RESET : CAUSE_SERVER_RESET);
	}
	rig_close(&rig);
}

static void watch_that_an_overflow_ended_is_armed_again(void **state)
{
	(void)state;
	open_default();
	struct rig_pair pair = pair_in(RIG_AUTO);
	fake_peer_shutdown(pair.client->conn);
	rig_run(&rig, 100 * RIG_MS);
	fake_chances()->overflow = 1000;
	rig_run(&rig, 300 * RIG_MS);
	fake_chances()->overflow = 0;
	rig_run(&rig, 300 * RIG_MS);
	fake_peer_reset(pair.client->conn);
	rig_run(&rig, 300 * RIG_MS);
	assert_int_equal(pair.client->cause, CAUSE_CLIENT_RESET);
	rig_close(&rig);
}

/* The send takes the error, and the receive then sees what looks like an ordinary end. */
static void reset_that_a_send_noticed_is_not_taken_for_an_end(void **state)
{
	(void)state;
	open_default();
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		for (enum side side = 0; side < SIDE_COUNT; side++) {
			struct rig_pair pair = pair_in(relay);
			struct rig_peer *gone = end_of(pair, side), *other = end_of(pair, side_other(side));
			rig_send(&rig, other, 3000);
			fake_peer_reset(gone->conn);
			fake_advance(RIG_MS);
			rig_run(&rig, 100 * RIG_MS);
			assert_true(fake_peer_was_reset(other->conn));
			assert_int_equal(gone->cause,
					 side == SIDE_CLIENT ? CAUSE_CLIENT_RESET : CAUSE_SERVER_RESET);
		}
	}
	rig_close(&rig);
}

static void peer_that_closes_with_unread_bytes_has_reset(void **state)
{
	(void)state;
	open_default();
	struct rig_pair pair = pair_in(RIG_AUTO);
	rig_send(&rig, pair.client, 3000);
	rig_run(&rig, 5 * RIG_MS);
	fake_peer_close(pair.server->conn);
	rig_run(&rig, 100 * RIG_MS);
	assert_true(fake_peer_was_reset(pair.client->conn));
	assert_int_equal(pair.client->cause, CAUSE_SERVER_RESET);
	rig_close(&rig);
}

static void bytes_for_a_closed_server_make_a_reset_after_its_own_bytes(void **state)
{
	(void)state;
	open_default();
	struct rig_pair pair = pair_in(RIG_AUTO);
	rig_send(&rig, pair.server, 20000);
	fake_advance(RIG_MS);
	fake_peer_close(pair.server->conn);
	fake_advance(RIG_MS);
	rig_send(&rig, pair.client, 5000);
	rig_run(&rig, 500 * RIG_MS);
	rig_receive(&rig, pair.client, SIZE_MAX);
	assert_int_equal(pair.client->received, pair.server->sent);
	assert_true(fake_peer_was_reset(pair.client->conn));
	assert_int_equal(pair.client->cause, CAUSE_SERVER_RESET);
	rig_close(&rig);
}

static void both_sides_reset_ends_the_session_once(void **state)
{
	(void)state;
	open_default();
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		struct rig_pair pair = pair_in(relay);
		fake_peer_reset(pair.client->conn);
		fake_peer_reset(pair.server->conn);
		rig_run(&rig, 10 * RIG_MS);
		assert_int_equal(rig.sessions_closed, relay + 1);
	}
	rig_close(&rig);
}

static void reset_while_the_other_side_is_blocked_is_passed_on(void **state)
{
	(void)state;
	open_default();
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		struct rig_pair pair = pair_in(relay);
		rig_fill(&rig, pair.client);
		fake_peer_reset(pair.server->conn);
		rig_run(&rig, 100 * RIG_MS);
		assert_true(fake_peer_was_reset(pair.client->conn));
		assert_int_equal(pair.client->cause, CAUSE_SERVER_RESET);
	}
	rig_close(&rig);
}

/* ---- silence ---- */

static void lost_peer_resets_the_other_side(void **state)
{
	(void)state;
	open_default();
	for (enum side side = 0; side < SIDE_COUNT; side++) {
		struct rig_pair pair = pair_in(RIG_AUTO);
		fake_peer_vanish(end_of(pair, side)->conn);
		rig_run(&rig, 1000 * RIG_MS);
		fake_peer_time_out(end_of(pair, side)->conn);
		rig_run(&rig, 100 * RIG_MS);
		assert_true(fake_peer_was_reset(end_of(pair, side_other(side))->conn));
		assert_int_equal(pair.client->cause, side == SIDE_CLIENT ? CAUSE_CLIENT_LOST : CAUSE_SERVER_LOST);
	}
	rig_close(&rig);
}

static void quiet_session_ends_by_the_idle_timeout(void **state)
{
	(void)state;
	open_default();
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		struct rig_pair pair = pair_in(relay);
		rig_run(&rig, 59900 * RIG_MS);
		assert_int_equal(pair.client->cause, -1);
		rig_run(&rig, 200 * RIG_MS);
		assert_int_equal(pair.client->cause, CAUSE_IDLE_TIMEOUT);
		assert_true(fake_peer_was_reset(pair.client->conn));
		assert_true(fake_peer_was_reset(pair.server->conn));
	}
	rig_close(&rig);
}

static void bytes_in_either_direction_keep_a_session_alive(void **state)
{
	(void)state;
	open_default();
	struct rig_pair pair = pair_in(RIG_AUTO);
	for (int i = 0; i < 10; i++) {
		rig_run(&rig, 40000 * RIG_MS);
		rig_transfer(&rig, i % 2 ? pair.client : pair.server, 1);
	}
	assert_int_equal(pair.client->cause, -1);
	rig_close(&rig);
}

static void half_closed_session_that_falls_silent_ends_by_its_own_timeout(void **state)
{
	(void)state;
	open_default();
	for (enum side side = 0; side < SIDE_COUNT; side++) {
		struct rig_pair pair = pair_in(RIG_AUTO);
		fake_peer_shutdown(end_of(pair, side)->conn);
		rig_run(&rig, 15000 * RIG_MS);
		rig_transfer(&rig, end_of(pair, side_other(side)), 1);
		rig_run(&rig, 19900 * RIG_MS);
		assert_int_equal(pair.client->cause, -1);
		rig_run(&rig, 200 * RIG_MS);
		assert_int_equal(pair.client->cause, CAUSE_HALF_CLOSE_TIMEOUT);
	}
	rig_close(&rig);
}

static void timeouts_of_zero_never_end_a_session(void **state)
{
	(void)state;
	struct rig_options options = rig_defaults();
	options.timeouts = (struct config_timeouts){0};
	rig_open(&rig, &options);
	fake_server_answer(3, FAKE_SILENT);
	struct rig_peer *connecting = rig_dial(&rig, RIG_INTERACTIVE);
	struct rig_pair idle = pair_in(RIG_AUTO), half = pair_in(RIG_AUTO);
	fake_peer_shutdown(half.client->conn);
	rig_run(&rig, 100000 * RIG_MS);
	assert_int_equal(connecting->cause, -1); /* until the kernel itself gives up */
	rig_run(&rig, 100 * 86400 * (1000 * RIG_MS));
	assert_int_equal(connecting->cause, CAUSE_CONNECT_TIMEOUT);
	assert_int_equal(idle.client->cause, -1);
	assert_int_equal(half.client->cause, -1);
	rig_transfer(&rig, idle.client, 1000);
	rig_transfer(&rig, half.server, 1000);
	rig_close(&rig);
}

/* Time alone moves nothing: an hour of an idle connection is a handful of wakeups. */
static void idle_session_costs_nearly_no_turns(void **state)
{
	(void)state;
	struct rig_options options = rig_defaults();
	options.timeouts.idle_ms = 7200 * 1000;
	options.timeouts.half_close_ms = 7200 * 1000;
	rig_open(&rig, &options);
	pair_in(RIG_AUTO);
	fake_peer_shutdown(pair_in(RIG_AUTO).client->conn);
	rig_run(&rig, 10000 * RIG_MS);
	uint64_t turns = fake_turns();
	rig_run(&rig, 3600 * (1000 * RIG_MS));
	assert_in_range(fake_turns() - turns, 1, 100);
	rig_close(&rig);
}

static void stop_ends_everything_whatever_its_state(void **state)
{
	(void)state;
	open_default();
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++)
		pair_in(relay);
	rig_fill(&rig, pair_in(RIG_AUTO).client);
	fake_peer_shutdown(pair_in(RIG_BULK).server->conn);
	struct rig_pair resetting = pair_in(RIG_AUTO);
	rig_fill(&rig, resetting.client);
	fake_peer_reset(resetting.client->conn);
	rig_run(&rig, RIG_MS);
	fake_server_answer(3, FAKE_SILENT);
	rig_dial(&rig, RIG_INTERACTIVE);
	rig.source.delay_ns = 100000 * RIG_MS;
	for (int i = 0; i < 20; i++)
		rig_dial(&rig, RIG_AUTO);
	rig_run(&rig, RIG_MS);
	rig_close(&rig); /* which stops, and checks that nothing is left */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_side_may_end_first_while_the_other_goes_on),
		cmocka_unit_test(fin_comes_after_the_last_byte_of_a_slow_reader),
		cmocka_unit_test(client_that_sends_and_closes_at_once_is_heard),
		cmocka_unit_test(reset_reaches_the_other_side_after_the_bytes_before_it),
		cmocka_unit_test(reset_of_a_parked_peer_is_noticed),
		cmocka_unit_test(reset_waits_for_unacknowledged_bytes),
		cmocka_unit_test(reset_goes_out_when_patience_is_over),
		cmocka_unit_test(reset_is_the_cause_though_the_receiver_is_idle),
		cmocka_unit_test(reset_does_not_wait_for_a_receiver_that_is_gone_too),
		cmocka_unit_test(fin_alone_is_not_taken_for_a_reset),
		cmocka_unit_test(reset_of_a_half_closed_peer_is_noticed),
		cmocka_unit_test(watch_that_an_overflow_ended_is_armed_again),
		cmocka_unit_test(reset_that_a_send_noticed_is_not_taken_for_an_end),
		cmocka_unit_test(peer_that_closes_with_unread_bytes_has_reset),
		cmocka_unit_test(bytes_for_a_closed_server_make_a_reset_after_its_own_bytes),
		cmocka_unit_test(both_sides_reset_ends_the_session_once),
		cmocka_unit_test(reset_while_the_other_side_is_blocked_is_passed_on),
		cmocka_unit_test(lost_peer_resets_the_other_side),
		cmocka_unit_test(quiet_session_ends_by_the_idle_timeout),
		cmocka_unit_test(bytes_in_either_direction_keep_a_session_alive),
		cmocka_unit_test(half_closed_session_that_falls_silent_ends_by_its_own_timeout),
		cmocka_unit_test(timeouts_of_zero_never_end_a_session),
		cmocka_unit_test(idle_session_costs_nearly_no_turns),
		cmocka_unit_test(stop_ends_everything_whatever_its_state),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
