/* SPDX-License-Identifier: Apache-2.0 */
/* How bytes move: lanes and the changes between them, full receivers, and the ring's and the kernel's traps. */
#include <errno.h>

#include "tests/unit/relay/rig.h"

static struct rig rig;

static void open_default(void)
{
	struct rig_options options = rig_defaults();
	rig_open(&rig, &options);
}

static struct rig_pair pair_in(enum rig_relay relay)
{
	struct rig_pair pair = rig_pair(&rig, relay);
	rig_transfer(&rig, pair.client, 1000);
	rig_transfer(&rig, pair.server, 1000);
	return pair;
}

/* ---- lanes ---- */

static void messages_stay_in_the_interactive_lane(void **state)
{
	(void)state;
	open_default();
	struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
	for (int i = 0; i < 100; i++) {
		rig_transfer(&rig, pair.client, 64);
		rig_transfer(&rig, pair.server, 16 * 1024);
	}
	assert_int_equal(rig_flow(&rig, pair.client), FLOW_RECV);
	assert_int_equal(rig_flow(&rig, pair.server), FLOW_RECV);
	assert_int_equal(rig_counter(&rig, COUNTER_BYTES_SPLICED), 0);
	assert_int_equal(rig_counter(&rig, COUNTER_BYTES_UP), 6400);
	rig_close(&rig);
}

static void transfer_goes_to_the_bulk_lane_and_messages_bring_it_back(void **state)
{
	(void)state;
	open_default();
	struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
	for (int round = 1; round <= 3; round++) {
		uint64_t spliced = rig_counter(&rig, COUNTER_BYTES_SPLICED);
		rig_transfer(&rig, pair.client, 2000000);
		assert_int_equal(rig_flow(&rig, pair.client), FLOW_BULK);
		assert_true(rig_counter(&rig, COUNTER_BYTES_SPLICED) - spliced > 1000000);
		for (int i = 0; i < 30; i++)
			rig_transfer(&rig, pair.client, 100);
		assert_int_equal(rig_flow(&rig, pair.client), FLOW_RECV);
		assert_int_equal(rig_counter(&rig, COUNTER_LANE_CHANGES), 2 * (uint64_t)round);
	}
	assert_int_equal(rig_counter(&rig, COUNTER_BYTES_UP), pair.client->sent);
	rig_close(&rig);
}

static void forced_lanes_are_kept(void **state)
{
	(void)state;
	open_default();
	struct rig_pair slow = rig_pair(&rig, RIG_INTERACTIVE), fast = rig_pair(&rig, RIG_BULK);
	rig_transfer(&rig, slow.client, 1000000);
	assert_int_equal(rig_counter(&rig, COUNTER_BYTES_SPLICED), 0);
	for (int i = 0; i < 100; i++)
		rig_transfer(&rig, fast.client, 10);
	assert_int_equal(rig_counter(&rig, COUNTER_BYTES_SPLICED), 1000);
	rig_close(&rig);
}

/*
 * The receive that is being cancelled still brings bytes, and what it had brought is on its way through the ring: neither
 * may be overtaken by splice(2). Completions are held back so that both happen at every change of lane.
 */
static void bytes_of_a_cancelled_receive_are_not_overtaken(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct rig_options options = rig_defaults();
		options.fake.seed = seed;
		options.fake.chances.delay = 700;
		rig_open(&rig, &options);
		struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
		for (int round = 0; round < 5; round++) {
			rig_transfer(&rig, pair.client, 300000); /* checks every byte */
			for (int i = 0; i < 20; i++)
				rig_transfer(&rig, pair.client, 100);
		}
		assert_true(rig_counter(&rig, COUNTER_LANE_CHANGES) > 2);
		rig_close(&rig);
	}
}

static void quiet_flow_is_parked_each_time(void **state)
{
	(void)state;
	open_default();
	struct rig_pair pair = pair_in(RIG_AUTO);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(rig_flow(&rig, pair.client), FLOW_RECV);
		rig_run(&rig, 4500 * RIG_MS);
		assert_int_equal(rig_flow(&rig, pair.client), FLOW_PARKED);
		assert_int_equal(rig_flow(&rig, pair.server), FLOW_PARKED);
		rig_transfer(&rig, pair.client, 10);
		rig_transfer(&rig, pair.server, 10);
	}
	rig_close(&rig);
}

static void flow_that_was_bulk_is_parked_too(void **state)
{
	(void)state;
	open_default();
	struct rig_pair pair = pair_in(RIG_AUTO);
	rig_transfer(&rig, pair.client, 1000000);
	for (int i = 0; i < 30; i++)
		rig_transfer(&rig, pair.client, 100);
	rig_run(&rig, 4500 * RIG_MS);
	assert_int_equal(rig_flow(&rig, pair.client), FLOW_PARKED);
	rig_close(&rig);
}

/* ---- acknowledging ---- */

static void answers_cost_no_acknowledgement(void **state)
{
	(void)state;
	open_default();
	struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
	for (int i = 0; i < 20; i++) {
		rig_transfer(&rig, pair.client, 64);
		rig_run(&rig, 100 * RIG_MS); /* a slow server */
		rig_transfer(&rig, pair.server, 64);
		rig_run(&rig, 100 * RIG_MS); /* a slow client */
	}
	assert_int_equal(fake_peer_acks_asked(pair.client->conn), 0);
	assert_int_equal(fake_peer_acks_asked(pair.server->conn), 0);
	rig_close(&rig);
}

/* Half a message, and the rest when a delayed ACK has come. */
static void source_that_waited_for_an_acknowledgement_gets_the_next_at_once(void **state)
{
	(void)state;
	open_default();
	for (enum side side = 0; side < SIDE_COUNT; side++) {
		struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
		struct rig_peer *from = side == SIDE_CLIENT ? pair.client : pair.server;
		struct rig_peer *to = side == SIDE_CLIENT ? pair.server : pair.client;
		rig_transfer(&rig, pair.client, 64);
		rig_transfer(&rig, pair.server, 64);
		rig_transfer(&rig, from, 10);
		rig_run(&rig, 44 * RIG_MS);
		assert_int_equal(fake_peer_acks_asked(from->conn), 0);
		rig_transfer(&rig, from, 10);
		assert_int_equal(fake_peer_acks_asked(from->conn), 1);
		for (uint32_t i = 1; i <= 100; i++) {
			rig_transfer(&rig, to, 10);
			rig_transfer(&rig, from, 10);
			assert_int_equal(fake_peer_acks_asked(from->conn), i + 1);
		}
		assert_int_equal(fake_peer_acks_asked(to->conn), 0);
	}
	rig_close(&rig);
}

static void source_that_is_slow_itself_is_not_taken_for_waiting_for_ever(void **state)
{
	(void)state;
	open_default();
	struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
	rig_transfer(&rig, pair.client, 10);
	rig_run(&rig, 100 * RIG_MS);
	for (int i = 0; i < 1000; i++)
		rig_transfer(&rig, pair.client, 10);
	assert_int_equal(fake_peer_acks_asked(pair.client->conn), UINT8_MAX);
	rig_close(&rig);
}

/* ---- full receivers ---- */

static void receiver_that_does_not_read_stops_the_reading(void **state)
{
	(void)state;
	open_default();
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		struct rig_pair pair = pair_in(relay);
		size_t absorbed = rig_fill(&rig, pair.client);
		/* the two sockets on either side of the relay, two turns of receive buffers */
		assert_in_range(absorbed, 4 * 64 * 1024, 4 * 64 * 1024 + 2 * 64 * 4096);
		rig_run(&rig, 1000 * RIG_MS);
		uint64_t turns = fake_turns();
		rig_run(&rig, 10000 * RIG_MS);
		assert_in_range(fake_turns() - turns, 1, 50);
		rig_read_all(&rig, pair.server);
		assert_int_equal(pair.server->received, pair.client->sent);
		rig_transfer(&rig, pair.client, 100000);
	}
	assert_true(rig_counter(&rig, COUNTER_SHORT_SENDS) > 0);
	rig_close(&rig);
}

/* The ring reports POLLRDHUP to every poll: a receiver that has sent its FIN looks ready at once, again and again. */
static void full_receiver_that_has_ended_its_own_stream_costs_no_turns(void **state)
{
	(void)state;
	open_default();
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		struct rig_pair pair = pair_in(relay);
		fake_peer_shutdown(pair.server->conn);
		rig_run(&rig, 10 * RIG_MS);
		rig_fill(&rig, pair.client);
		uint64_t turns = fake_turns();
		rig_run(&rig, 10000 * RIG_MS);
		assert_in_range(fake_turns() - turns, 1, 50);
		for (int i = 0; i < 3; i++) {
			rig_read_all(&rig, pair.server);
			assert_int_equal(pair.server->received, pair.client->sent);
			rig_fill(&rig, pair.client);
		}
		rig_read_all(&rig, pair.server);
		assert_int_equal(pair.server->received, pair.client->sent);
	}
	rig_close(&rig);
}

static void slow_reader_gets_everything_in_order(void **state)
{
	(void)state;
	open_default();
	fake_chances()->short_send = 300;
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		struct rig_pair pair = pair_in(relay);
		for (int i = 0; i < 2000; i++) {
			rig_send(&rig, pair.client, 7000);
			rig_receive(&rig, pair.server, 3001);
			rig_run(&rig, RIG_MS / 10);
		}
		rig_read_all(&rig, pair.server);
		assert_int_equal(pair.server->received, pair.client->sent);
	}
	rig_close(&rig);
}

/* Each send is a short one, so what follows in the same turns must queue up behind the rest. */
static void every_send_may_be_short(void **state)
{
	(void)state;
	open_default();
	fake_chances()->short_send = 1000;
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		struct rig_pair pair = rig_pair(&rig, relay);
		rig_transfer(&rig, pair.client, 300000);
		rig_transfer(&rig, pair.server, 300000);
	}
	rig_close(&rig);
}

static void spill_memory_that_runs_out_costs_a_session_not_the_others(void **state)
{
	(void)state;
	struct rig_options options = rig_defaults();
	options.spill_chunks = 8;
	rig_open(&rig, &options);
	rig.memory_is_scarce = true;
	struct rig_pair good = pair_in(RIG_INTERACTIVE), hungry = pair_in(RIG_INTERACTIVE);
	for (int i = 0; i < 20 && hungry.client->cause < 0; i++) {
		rig_send(&rig, hungry.client, SIZE_MAX);
		rig_run(&rig, RIG_MS);
	}
	assert_int_equal(hungry.client->cause, CAUSE_RESOURCE_LIMIT);
	rig_transfer(&rig, good.client, 100000);
	assert_int_equal(rig.worker.spill.chunks.used, 0);
	rig_close(&rig);
}

static void bulk_flow_without_spill_memory_waits_for_it(void **state)
{
	(void)state;
	struct rig_options options = rig_defaults();
	options.spill_chunks = 4;
	rig_open(&rig, &options);
	struct rig_pair hoarder = rig_pair(&rig, RIG_BULK), waiting = rig_pair(&rig, RIG_BULK);
	void *chunks[4];
	for (int i = 0; i < 4; i++)
		chunks[i] = slab_take(&rig.worker.spill.chunks);
	rig_send(&rig, waiting.client, 10000);
	uint64_t turns = fake_turns();
	rig_run(&rig, 1000 * RIG_MS);
	assert_in_range(fake_turns() - turns, 1, 50);
	assert_int_equal(fake_peer_waiting(waiting.server->conn), 0);
	for (int i = 0; i < 4; i++)
		slab_give(&rig.worker.spill.chunks, chunks[i]);
	rig_transfer(&rig, hoarder.client, 10); /* any turn will do */
	rig_read_all(&rig, waiting.server);
	assert_int_equal(waiting.server->received, 10000);
	rig_close(&rig);
}

/* The reset comes between two splices of what one had taken in: the pipe is everybody's, and must be empty again. */
static void receiver_that_breaks_in_the_middle_of_a_send_leaves_nothing_behind(void **state)
{
	(void)state;
	open_default();
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		struct rig_pair pair = pair_in(relay), other = pair_in(RIG_BULK);
		fake_peer_reset_after(pair.server->conn, 5000);
		rig_send(&rig, pair.client, 30000);
		rig_run(&rig, 100 * RIG_MS); /* looks into the pipe after each turn */
		assert_int_equal(pair.client->cause, CAUSE_SERVER_RESET);
		rig_transfer(&rig, other.client, 100000);
	}
	rig_close(&rig);
}

/* ---- the ring ---- */

static void multishots_that_an_overflow_ended_are_armed_again(void **state)
{
	(void)state;
	open_default();
	fake_chances()->overflow = 1000;
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		struct rig_pair pair = pair_in(relay);
		rig_transfer(&rig, pair.client, 300000);
		rig_transfer(&rig, pair.server, 300000);
		rig_run(&rig, 5000 * RIG_MS);
		rig_transfer(&rig, pair.client, 1000);
	}
	rig_close(&rig);
}

static void operations_that_were_cancelled_by_nobody_are_armed_again(void **state)
{
	(void)state;
	open_default();
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		struct rig_pair pair = pair_in(relay);
		fake_chances()->cancelled = 300;
		rig_transfer(&rig, pair.client, 100000);
		rig_transfer(&rig, pair.server, 100000);
		fake_chances()->cancelled = 0;
	}
	rig_close(&rig);
}

static void two_receive_buffers_serve_many_connections(void **state)
{
	(void)state;
	struct rig_options options = rig_defaults();
	options.buffer_count = 2;
	rig_open(&rig, &options);
	struct rig_pair pairs[16];
	for (int i = 0; i < 16; i++)
		pairs[i] = rig_pair(&rig, RIG_INTERACTIVE);
	for (int i = 0; i < 16; i++)
		rig_send(&rig, pairs[i].client, 20000);
	rig_run(&rig, 100 * RIG_MS);
	for (int i = 0; i < 16; i++) {
		rig_receive(&rig, pairs[i].server, SIZE_MAX);
		assert_int_equal(pairs[i].server->received, 20000);
	}
	assert_in_range(rig_counter(&rig, COUNTER_STARVED), 1, 200); /* nobody asks all the time */
	rig_close(&rig);
}

static void receives_that_find_no_buffer_are_tried_again(void **state)
{
	(void)state;
	open_default();
	struct rig_pair pair = pair_in(RIG_INTERACTIVE);
	fake_chances()->no_buffers = 900;
	rig_transfer(&rig, pair.client, 100000);
	rig_close(&rig);
}

static void submission_queue_of_one_is_enough(void **state)
{
	(void)state;
	struct rig_options options = rig_defaults();
	options.sq_entries = 1;
	options.cq_entries = 1;
	rig_open(&rig, &options);
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		struct rig_pair pair = pair_in(relay);
		rig_transfer(&rig, pair.client, 300000);
		fake_peer_shutdown(pair.client->conn);
		rig_transfer(&rig, pair.server, 300000);
		fake_peer_reset(pair.server->conn);
		rig_run(&rig, RIG_MS);
	}
	rig_close(&rig);
}

static void stale_polls_are_harmless(void **state)
{
	(void)state;
	open_default();
	fake_chances()->spurious = 200;
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		struct rig_pair pair = pair_in(relay);
		rig_transfer(&rig, pair.client, 300000);
		rig_fill(&rig, pair.client);
		fake_peer_shutdown(pair.client->conn);
		rig_run(&rig, 3000 * RIG_MS);
		assert_int_equal(pair.client->cause, -1);
		rig_read_all(&rig, pair.server);
		rig_transfer(&rig, pair.server, 1000);
	}
	rig_close(&rig);
}

/* A thread that has fallen quiet gives the memory of its buffers back; what comes next must not be lost with it. */
static void buffers_that_were_released_are_used_again(void **state)
{
	(void)state;
	struct rig_options options = rig_defaults();
	options.sq_entries = 1;
	rig_open(&rig, &options);
	struct rig_pair pair = pair_in(RIG_INTERACTIVE);
	for (int i = 0; i < 50; i++) {
		rig_run(&rig, (900 + (uint64_t)i * 3) * RIG_MS);
		rig_transfer(&rig, pair.client, 5000);
		rig_transfer(&rig, pair.server, 5000);
	}
	rig_close(&rig);
}

/* ---- urgent bytes ---- */

static void urgent_byte_is_dropped_and_the_stream_goes_on(void **state)
{
	(void)state;
	open_default();
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		struct rig_pair pair = pair_in(relay);
		for (int i = 0; i < 5; i++) {
			rig_send(&rig, pair.client, 100);
			rig_send_urgent(pair.client);
			rig_transfer(&rig, pair.client, 100);
		}
	}
	rig_close(&rig);
}

/* splice(2) stops at it, with a result that says neither "more to come" nor "the end". */
static void urgent_byte_in_a_transfer_does_not_stall_it(void **state)
{
	(void)state;
	open_default();
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		struct rig_pair pair = pair_in(relay);
		for (int i = 0; i < 5; i++) {
			rig_transfer(&rig, pair.client, 500000);
			rig_send(&rig, pair.client, 30000);
			rig_send_urgent(pair.client);
			rig_send(&rig, pair.client, 30000);
			rig_run(&rig, 10 * RIG_MS);
			rig_read_all(&rig, pair.server);
			assert_int_equal(pair.server->received, pair.client->sent);
		}
	}
	rig_close(&rig);
}

static void urgent_byte_before_the_end_does_not_hide_it(void **state)
{
	static const size_t behind[] = {0, 1000};
	(void)state;
	open_default();
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		for (size_t i = 0; i < ARRAY_COUNT(behind); i++) {
			struct rig_pair pair = pair_in(relay);
			rig_send(&rig, pair.client, 1000);
			rig_send_urgent(pair.client);
			rig_send(&rig, pair.client, behind[i]);
			fake_peer_shutdown(pair.client->conn);
			rig_run(&rig, 10 * RIG_MS);
			rig_read_all(&rig, pair.server);
			assert_true(fake_peer_at_end(pair.server->conn));
			fake_peer_shutdown(pair.server->conn);
			rig_run(&rig, 10 * RIG_MS);
			assert_int_equal(pair.client->cause, CAUSE_CLIENT_CLOSED);
			assert_false(fake_peer_was_reset(pair.client->conn));
		}
	}
	rig_close(&rig);
}

static void bytes_behind_an_urgent_one_come_before_the_reset(void **state)
{
	(void)state;
	open_default();
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		struct rig_pair pair = pair_in(relay);
		rig_send(&rig, pair.client, 1000);
		rig_send_urgent(pair.client);
		rig_send(&rig, pair.client, 1000);
		fake_advance(RIG_MS);
		fake_peer_reset(pair.client->conn);
		fake_advance(RIG_MS);
		rig_run(&rig, 100 * RIG_MS);
		rig_receive(&rig, pair.server, SIZE_MAX);
		assert_int_equal(pair.server->received, pair.client->sent);
		assert_true(fake_peer_was_reset(pair.server->conn));
	}
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_stay_in_the_interactive_lane),
		cmocka_unit_test(transfer_goes_to_the_bulk_lane_and_messages_bring_it_back),
		cmocka_unit_test(forced_lanes_are_kept),
		cmocka_unit_test(bytes_of_a_cancelled_receive_are_not_overtaken),
		cmocka_unit_test(quiet_flow_is_parked_each_time),
		cmocka_unit_test(flow_that_was_bulk_is_parked_too),
		cmocka_unit_test(answers_cost_no_acknowledgement),
		cmocka_unit_test(source_that_waited_for_an_acknowledgement_gets_the_next_at_once),
		cmocka_unit_test(source_that_is_slow_itself_is_not_taken_for_waiting_for_ever),
		cmocka_unit_test(receiver_that_does_not_read_stops_the_reading),
		cmocka_unit_test(full_receiver_that_has_ended_its_own_stream_costs_no_turns),
		cmocka_unit_test(slow_reader_gets_everything_in_order),
		cmocka_unit_test(every_send_may_be_short),
		cmocka_unit_test(spill_memory_that_runs_out_costs_a_session_not_the_others),
		cmocka_unit_test(bulk_flow_without_spill_memory_waits_for_it),
		cmocka_unit_test(receiver_that_breaks_in_the_middle_of_a_send_leaves_nothing_behind),
		cmocka_unit_test(multishots_that_an_overflow_ended_are_armed_again),
		cmocka_unit_test(operations_that_were_cancelled_by_nobody_are_armed_again),
		cmocka_unit_test(two_receive_buffers_serve_many_connections),
		cmocka_unit_test(receives_that_find_no_buffer_are_tried_again),
		cmocka_unit_test(submission_queue_of_one_is_enough),
		cmocka_unit_test(stale_polls_are_harmless),
		cmocka_unit_test(buffers_that_were_released_are_used_again),
		cmocka_unit_test(urgent_byte_is_dropped_and_the_stream_goes_on),
		cmocka_unit_test(urgent_byte_in_a_transfer_does_not_stall_it),
		cmocka_unit_test(urgent_byte_before_the_end_does_not_hide_it),
		cmocka_unit_test(bytes_behind_an_urgent_one_come_before_the_reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
