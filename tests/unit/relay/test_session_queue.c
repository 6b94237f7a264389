/* SPDX-License-Identifier: Apache-2.0 */
/* Backends that have all the connections they may: who waits, who goes on, and who is refused. */
#include "relay/queue.h"

#include <string.h>

#include "base/sm.h"
#include "relay/inspect.h"
#include "relay/operator.h"
#include "tests/unit/relay/rig.h"

static struct rig rig;

/* open_limited - every backend takes @most; the pools' queues as given */
static void open_limited(uint32_t most, uint32_t length, uint32_t timeout_ms)
{
	struct rig_options options = rig_defaults();
	options.backend_most = most;
	options.queue = (struct config_queue){length, timeout_ms};
	rig_open(&rig, &options);
}

static uint64_t closed_for(enum cause cause)
{
	return rig_counter(&rig, COUNTER_CLOSED + (unsigned)cause);
}

/* dial - a client of RIG_INTERACTIVE, whose pool has one backend */
static struct rig_peer *dial(void)
{
	struct rig_peer *client = rig_dial(&rig, RIG_INTERACTIVE);
	assert_non_null(client);
	rig_run(&rig, 2 * RIG_MS);
	return client;
}

static void finish(struct rig_pair pair)
{
	fake_peer_shutdown(pair.client->conn);
	fake_peer_shutdown(pair.server->conn);
	rig_run(&rig, 5 * RIG_MS);
}

static void full_backend_is_passed_over(void **state)
{
	(void)state;
	for (int policy = 0; policy <= CONFIG_BALANCE_SOURCE_HASH; policy++) {
		struct rig_options options = rig_defaults();
		options.balance = (enum config_balance)policy;
		options.backend_most = 2;
		rig_open(&rig, &options);
		for (int i = 0; i < 6; i++)
			rig_pair(&rig, RIG_AUTO);
		for (uint32_t i = 0; i < 3; i++)
			assert_int_equal(fake_server_attempts(i), 2);
		rig_dial(&rig, RIG_AUTO);
		rig_run(&rig, 5 * RIG_MS);
		assert_int_equal(closed_for(CAUSE_QUEUE_FULL), 1);
		rig_close(&rig);
	}
}

static void who_waits_longest_goes_on_first(void **state)
{
	(void)state;
	open_limited(1, 8, 0);
	struct rig_pair pair = rig_pair(&rig, RIG_INTERACTIVE);
	struct rig_peer *waiting[3];
	for (size_t i = 0; i < ARRAY_COUNT(waiting); i++)
		waiting[i] = dial();
	assert_int_equal(rig_counter(&rig, COUNTER_QUEUED), 3);
	for (size_t i = 0; i < ARRAY_COUNT(waiting); i++) {
		assert_null(rig_accept(&rig, 3));
		finish(pair);
		pair = (struct rig_pair){waiting[i], rig_accept(&rig, 3)};
		assert_non_null(pair.server);
		assert_ptr_equal(pair.client->partner, pair.server);
		rig_transfer(&rig, pair.client, 1000);
		rig_transfer(&rig, pair.server, 1000);
	}
	rig_close(&rig);
}

static void bytes_and_end_of_a_client_that_waits_are_kept(void **state)
{
	(void)state;
	open_limited(1, 8, 0);
	struct rig_pair pair = rig_pair(&rig, RIG_INTERACTIVE);
	struct rig_peer *client = rig_dial(&rig, RIG_INTERACTIVE);
	rig_send(&rig, client, 20000);
	fake_peer_shutdown(client->conn);
	rig_run(&rig, 5 * RIG_MS);
	finish(pair);
	struct rig_peer *server = rig_accept(&rig, 3);
	assert_non_null(server);
	rig_read_all(&rig, server);
	assert_int_equal(server->received, 20000);
	assert_true(fake_peer_at_end(server->conn));
	rig_close(&rig);
}

static void client_over_the_length_is_refused(void **state)
{
	(void)state;
	static const uint32_t lengths[] = {0, 1, 3};
	for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
		open_limited(1, lengths[i], 0);
		rig_pair(&rig, RIG_INTERACTIVE);
		for (uint32_t j = 0; j < lengths[i]; j++)
			assert_int_equal(dial()->cause, -1);
		struct rig_peer *refused = dial();
		assert_int_equal(refused->cause, CAUSE_QUEUE_FULL);
		assert_true(fake_peer_was_reset(refused->conn));
		rig_close(&rig);
	}
}

static void client_is_refused_when_it_has_waited_for_too_long(void **state)
{
	(void)state;
	open_limited(1, 8, 200);
	struct rig_pair pair = rig_pair(&rig, RIG_INTERACTIVE);
	struct rig_peer *client = dial();
	rig_run(&rig, 190 * RIG_MS);
	assert_int_equal(client->cause, -1);
	rig_run(&rig, 20 * RIG_MS);
	assert_int_equal(client->cause, CAUSE_QUEUE_TIMEOUT);
	assert_true(fake_peer_was_reset(client->conn));
	finish(pair);
	assert_null(rig_accept(&rig, 3));
	rig_close(&rig);
}

static void client_that_resets_leaves_the_queue(void **state)
{
	(void)state;
	open_limited(1, 1, 0);
	struct rig_pair pair = rig_pair(&rig, RIG_INTERACTIVE);
	struct rig_peer *client = dial();
	fake_peer_reset(client->conn);
	rig_run(&rig, 5 * RIG_MS);
	assert_int_equal(client->cause, CAUSE_CLIENT_RESET);
	client = dial(); /* there is a place again */
	finish(pair);
	assert_non_null(rig_accept(&rig, 3));
	assert_int_equal(client->cause, -1);
	rig_close(&rig);
}

static void client_that_resets_after_its_end_leaves_the_queue(void **state)
{
	(void)state;
	open_limited(1, 1, 0);
	rig_pair(&rig, RIG_INTERACTIVE);
	struct rig_peer *client = dial();
	fake_peer_shutdown(client->conn);
	rig_run(&rig, 5 * RIG_MS);
	assert_int_equal(client->cause, -1);
	fake_peer_reset(client->conn);
	rig_run(&rig, 5 * RIG_MS);
	assert_int_equal(client->cause, CAUSE_CLIENT_RESET);
	rig_close(&rig);
}

static void failed_attempt_makes_room(void **state)
{
	(void)state;
	open_limited(1, 8, 0);
	fake_server_answer(3, FAKE_SILENT);
	struct rig_peer *first = dial(), *second = dial();
	rig_run(&rig, 1100 * RIG_MS);
	assert_int_equal(first->cause, CAUSE_CONNECT_TIMEOUT);
	assert_int_equal(second->cause, -1);
	rig_run(&rig, 1100 * RIG_MS);
	assert_int_equal(second->cause, CAUSE_CONNECT_TIMEOUT);
	rig_close(&rig);
}

static void way_on_passes_over_the_full(void **state)
{
	(void)state;
	open_limited(1, 8, 0);
	rig_pair(&rig, RIG_AUTO);
	for (uint32_t i = 0; i < 3; i++)
		fake_server_answer(i, FAKE_REFUSES);
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	rig_run(&rig, 5 * RIG_MS);
	assert_int_equal(client->cause, CAUSE_CONNECT_FAILED);
	assert_int_equal(rig_counter(&rig, COUNTER_CONNECT_FAILURES), 2);
	rig_close(&rig);
}

static struct standing *standing_of(enum rig_relay relay)
{
	return rig.shared.balance.pools[relay].standing;
}

static void client_is_refused_when_no_backend_is_usable(void **state)
{
	(void)state;
	open_limited(0, 8, 0);
	standing_set(standing_of(RIG_INTERACTIVE), 0, STANDING_MAINTENANCE);
	struct rig_peer *client = dial();
	assert_int_equal(client->cause, CAUSE_NO_BACKEND);
	assert_true(fake_peer_was_reset(client->conn));
	standing_clear(standing_of(RIG_INTERACTIVE), 0, STANDING_MAINTENANCE, rig.worker.now_ms);
	rig_pair(&rig, RIG_INTERACTIVE);
	rig_close(&rig);
}

static void backend_that_comes_back_serves_those_that_wait(void **state)
{
	(void)state;
	open_limited(1, 8, 0);
	for (uint32_t i = 1; i < 3; i++)
		standing_set(standing_of(RIG_AUTO), i, STANDING_DOWN);
	rig_pair(&rig, RIG_AUTO);
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	rig_run(&rig, 5 * RIG_MS);
	assert_int_equal(rig_counter(&rig, COUNTER_QUEUED), 1);
	standing_clear(standing_of(RIG_AUTO), 2, STANDING_DOWN, rig.worker.now_ms);
	queue_room(&rig.worker, RIG_AUTO);
	rig_run(&rig, 5 * RIG_MS);
	assert_ptr_equal(client->partner, rig_accept(&rig, 2));
	rig_close(&rig);
}

static sm_trace_fn *rig_trace;

/* make_room_unseen - another thread's connection ends just when a client has joined, and looked for those that wait before */
static void make_room_unseen(const struct sm *sm, const void *object, uint8_t from, uint8_t to)
{
	rig_trace(sm, object, from, to);
	if (to == SESSION_QUEUED && strcmp(sm->name, "session") == 0)
		atomic_store(&rig.shared.balance.pools[RIG_INTERACTIVE].active[0], 0);
}

static void room_that_comes_as_a_client_joins_is_seen(void **state)
{
	(void)state;
	open_limited(1, 8, 0);
	rig_trace = sm_trace;
	sm_trace = make_room_unseen;
	atomic_store(&rig.shared.balance.pools[RIG_INTERACTIVE].active[0], 1);
	struct rig_peer *client = dial();
	assert_int_equal(rig_counter(&rig, COUNTER_QUEUED), 1);
	assert_ptr_equal(client->partner, rig_accept(&rig, 3));
	rig_close(&rig);
}

/* Room that nobody was called for yet is not the newcomer's. */
static void newcomer_stands_behind_those_that_wait(void **state)
{
	(void)state;
	open_limited(1, 8, 0);
	_Atomic uint32_t *active = &rig.shared.balance.pools[RIG_INTERACTIVE].active[0];
	atomic_store(active, 1);
	struct rig_peer *first = dial();
	assert_int_equal(rig_counter(&rig, COUNTER_QUEUED), 1);
	atomic_store(active, 0);
	struct rig_peer *second = dial();
	assert_ptr_equal(first->partner, rig_accept(&rig, 3));
	assert_null(second->partner);
	rig_close(&rig);
}

/* Who leaves may have been called for room that then is the next one's. */
static void room_of_one_that_leaves_goes_to_the_next(void **state)
{
	(void)state;
	open_limited(1, 8, 0);
	_Atomic uint32_t *active = &rig.shared.balance.pools[RIG_INTERACTIVE].active[0];
	atomic_store(active, 1);
	struct rig_peer *leaver = dial(), *next = dial();
	atomic_store(active, 0);
	fake_peer_reset(leaver->conn);
	rig_run(&rig, 5 * RIG_MS);
	assert_int_equal(leaver->cause, CAUSE_CLIENT_RESET);
	assert_ptr_equal(next->partner, rig_accept(&rig, 3));
	rig_close(&rig);
}

static void those_that_wait_are_ended_by_a_stop(void **state)
{
	(void)state;
	open_limited(1, 8, 0);
	rig_pair(&rig, RIG_INTERACTIVE);
	dial();
	dial();
	rig.told_to_stop = true;
	worker_stop(&rig.worker);
	rig_run(&rig, 5 * RIG_MS);
	assert_int_equal(closed_for(CAUSE_DRAINED), 3);
	rig_close(&rig);
}

static void who_waits_is_called_when_the_operator_lets_a_backend_go(void **state)
{
	struct inspect inspect = {.plan = &rig.plan, .limits = &rig.limits, .shared = &rig.shared};
	struct mailbox mailbox;
	struct message message;
	(void)state;
	open_limited(1, 4, 0);
	assert_int_equal(mailbox_open(&mailbox), 0);
	rig.shared.threads[0].mailbox = &mailbox;
	operator_set_state(&inspect, RIG_AUTO, 0, CONFIG_STATE_DRAIN);
	operator_set_state(&inspect, RIG_AUTO, 1, CONFIG_STATE_MAINTENANCE);
	rig_pair(&rig, RIG_AUTO);
	assert_non_null(rig_dial(&rig, RIG_AUTO));
	rig_run(&rig, 2 * RIG_MS);
	assert_int_equal(rig_counter(&rig, COUNTER_QUEUED), 1);
	operator_set_state(&inspect, RIG_AUTO, 1, CONFIG_STATE_DRAIN); /* not more usable than it was */
	assert_false(mailbox_take(&mailbox, &message));
	operator_set_state(&inspect, RIG_AUTO, 1, CONFIG_STATE_READY);
	assert_true(mailbox_take(&mailbox, &message));
	assert_int_equal(message.type, WORKER_SERVE);
	assert_true(atomic_exchange(&rig.shared.threads[0].called, false));
	rig.worker.serves = true;
	rig_run(&rig, 2 * RIG_MS);
	assert_int_equal(fake_server_attempts(1), 1);
	assert_int_equal(fake_server_attempts(0), 0);
	mailbox_close(&mailbox);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(who_waits_is_called_when_the_operator_lets_a_backend_go),
		cmocka_unit_test(full_backend_is_passed_over),
		cmocka_unit_test(who_waits_longest_goes_on_first),
		cmocka_unit_test(bytes_and_end_of_a_client_that_waits_are_kept),
		cmocka_unit_test(client_over_the_length_is_refused),
		cmocka_unit_test(client_is_refused_when_it_has_waited_for_too_long),
		cmocka_unit_test(client_that_resets_leaves_the_queue),
		cmocka_unit_test(client_that_resets_after_its_end_leaves_the_queue),
		cmocka_unit_test(failed_attempt_makes_room),
		cmocka_unit_test(way_on_passes_over_the_full),
		cmocka_unit_test(client_is_refused_when_no_backend_is_usable),
		cmocka_unit_test(backend_that_comes_back_serves_those_that_wait),
		cmocka_unit_test(room_that_comes_as_a_client_joins_is_seen),
		cmocka_unit_test(newcomer_stands_behind_those_that_wait),
		cmocka_unit_test(room_of_one_that_leaves_goes_to_the_next),
		cmocka_unit_test(those_that_wait_are_ended_by_a_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
