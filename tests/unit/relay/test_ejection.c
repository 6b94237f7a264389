/* SPDX-License-Identifier: Apache-2.0 */
/* Ejection of backends, over the fake kernel: its servers 0, 1 and 2 are the pool of the relay RIG_AUTO. */
#include <errno.h>

#include "tests/unit/relay/rig.h"

enum { SICK = 1, SERVERS = 3 };

static struct rig rig;

static void open_rig(const struct config_ejection *ejection)
{
	struct rig_options options = rig_defaults();
	options.ejection = *ejection;
	rig_open(&rig, &options);
}

static void open_default(void)
{
	struct config_ejection ejection;
	config_ejection_init(&ejection);
	open_rig(&ejection);
}

static int close_rig(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static bool is_out(uint32_t backend)
{
	return standing_reasons(rig.shared.balance.pools[0].standing, backend) == STANDING_EJECTED;
}

/* connect_some - @count clients, one after the other, who are gone as soon as they have a backend */
static void connect_some(int count)
{
	while (count-- > 0) {
		struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
		fake_peer_reset(pair.client->conn);
		rig_run(&rig, 2 * RIG_MS);
		rig_drop(pair.client);
		rig_drop(pair.server);
	}
}

static void backend_that_fails_in_a_row_is_out_for_a_time(void **state)
{
	(void)state;
	open_default();
	fake_server_answer(SICK, FAKE_REFUSES);
	connect_some(4 * SERVERS);
	assert_false(is_out(SICK));
	connect_some(2 * SERVERS);
	assert_true(is_out(SICK));
	assert_int_equal(rig_counter(&rig, COUNTER_BACKENDS_EJECTED), 1);
	uint32_t attempts = fake_server_attempts(SICK);
	connect_some(4 * SERVERS);
	assert_int_equal(fake_server_attempts(SICK), attempts);
	rig_run(&rig, 10000 * RIG_MS);
	assert_false(is_out(SICK));
	connect_some(2 * SERVERS);
	assert_true(fake_server_attempts(SICK) > attempts);
}

static void turns_are_told_to_the_log(void **state)
{
	(void)state;
	open_default();
	fake_server_answer(SICK, FAKE_REFUSES);
	connect_some(6 * SERVERS);
	rig_run(&rig, 10000 * RIG_MS);
	const struct record *ejected = NULL, *returned = NULL;
	for (uint32_t i = 0; i < rig.records->head; i++) {
		const struct record *record = &rig.records->records[i];
		ejected = record->kind == RECORD_BACKEND_EJECTED ? record : ejected;
		returned = record->kind == RECORD_BACKEND_RETURNED ? record : returned;
	}
	assert_true(ejected && returned && ejected < returned);
	assert_int_equal(ejected->backend, SICK);
	assert_int_equal(ejected->duration_us, 10000000);
	assert_int_equal(returned->backend, SICK);
}

static void one_answer_ends_the_row(void **state)
{
	(void)state;
	open_default();
	for (int i = 0; i < 10; i++) {
		fake_server_answer(SICK, FAKE_REFUSES_LATER);
		connect_some(4 * SERVERS);
		fake_server_answer(SICK, FAKE_ACCEPTS);
		connect_some(SERVERS);
	}
	assert_int_equal(rig_counter(&rig, COUNTER_BACKENDS_EJECTED), 0);
}

static void lack_of_ports_is_not_held_against_a_backend(void **state)
{
	(void)state;
	open_default();
	fake_server_answer(SICK, FAKE_NO_PORT);
	connect_some(10 * SERVERS);
	assert_int_equal(rig_counter(&rig, COUNTER_BACKENDS_EJECTED), 0);
}

/* fail_sockets - clients of @relay, one after the other, for whose backends there is no socket */
static void fail_sockets(enum rig_relay relay, int error)
{
	struct rig_options options = rig_defaults();
	config_ejection_init(&options.ejection);
	options.unix_pair = true;
	rig_open(&rig, &options);
	rig.source.error = error;
	rig.memory_is_scarce = error == EMFILE; /* or connections ended for it would be a mistake */
	for (int i = 0; i < 10; i++) {
		struct rig_peer *client = rig_dial(&rig, relay);
		rig_run(&rig, 10 * RIG_MS);
		rig_drop(client);
	}
}

static void unix_backend_that_does_not_listen_is_out(void **state)
{
	(void)state;
	fail_sockets(RIG_UNIX, ECONNREFUSED);
	assert_int_equal(rig_counter(&rig, COUNTER_BACKENDS_EJECTED), 1); /* of two, never both */
}

static void socket_that_cannot_be_made_is_not_held_against_a_backend(void **state)
{
	(void)state;
	fail_sockets(RIG_UNIX, EMFILE);
	assert_int_equal(rig_counter(&rig, COUNTER_BACKENDS_EJECTED), 0);
	rig_close(&rig);
	fail_sockets(RIG_AUTO, ENODEV);
	assert_int_equal(rig_counter(&rig, COUNTER_BACKENDS_EJECTED), 0);
}

/* reset_by_server - a client whose backend resets the connection, after an answer where @answers */
static void reset_by_server(bool answers)
{
	struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
	rig_send(&rig, pair.client, 10);
	rig_run(&rig, 2 * RIG_MS);
	rig_receive(&rig, pair.server, 10);
	if (answers)
		rig_send(&rig, pair.server, 1);
	rig_run(&rig, 2 * RIG_MS);
	if (answers)
		rig_receive(&rig, pair.client, 1);
	fake_peer_reset(pair.server->conn);
	rig_run(&rig, 20 * RIG_MS);
	rig_drop(pair.client);
	rig_drop(pair.server);
}

static void resets_before_the_first_byte_eject(void **state)
{
	(void)state;
	open_default();
	for (int i = 0; i < 6 * SERVERS; i++)
		reset_by_server(false);
	assert_int_equal(rig_counter(&rig, COUNTER_BACKENDS_EJECTED), 1); /* half of three */
}

static void resets_after_an_answer_do_not(void **state)
{
	(void)state;
	open_default();
	for (int i = 0; i < 10 * SERVERS; i++)
		reset_by_server(true);
	assert_int_equal(rig_counter(&rig, COUNTER_BACKENDS_EJECTED), 0);
}

static void one_byte_back_ends_the_row_of_resets(void **state)
{
	(void)state;
	open_default();
	for (int i = 0; i < 10; i++) {
		for (int j = 0; j < 4 * SERVERS; j++)
			reset_by_server(false);
		for (int j = 0; j < SERVERS; j++)
			reset_by_server(true);
	}
	assert_int_equal(rig_counter(&rig, COUNTER_BACKENDS_EJECTED), 0);
}

static void no_more_than_the_share_is_out_at_once(void **state)
{
	(void)state;
	struct config_ejection ejection;
	config_ejection_init(&ejection);
	ejection.share_max = CONFIG_FRACTION_ALL;
	open_rig(&ejection);
	for (int i = 0; i < 10 * SERVERS; i++)
		reset_by_server(false);
	assert_int_equal(is_out(0) + is_out(1) + is_out(2), SERVERS - 1); /* never the last */
}

static void time_grows_and_is_forgotten(void **state)
{
	(void)state;
	struct config_ejection ejection;
	config_ejection_init(&ejection);
	ejection.time_max_ms = 25000;
	assert_int_equal(ejection_time_ms(&ejection, 1), 10000);
	assert_int_equal(ejection_time_ms(&ejection, 2), 20000);
	assert_int_equal(ejection_time_ms(&ejection, 3), 25000);
	assert_int_equal(ejection_time_ms(&ejection, UINT32_MAX), 25000);
	open_rig(&ejection);
	fake_server_answer(SICK, FAKE_REFUSES);
	connect_some(6 * SERVERS);
	rig_run(&rig, 11000 * RIG_MS); /* back from the first time */
	connect_some(6 * SERVERS);
	assert_true(is_out(SICK));
	rig_run(&rig, 15000 * RIG_MS);
	assert_true(is_out(SICK)); /* the second time is longer */
	rig_run(&rig, 6000 * RIG_MS);
	assert_false(is_out(SICK));
	rig_run(&rig, 30000 * RIG_MS);
	connect_some(6 * SERVERS);
	assert_true(is_out(SICK));
	rig_run(&rig, 11000 * RIG_MS);
	assert_false(is_out(SICK)); /* a first time again */
}

/* Threads read their clocks at different moments: a backend may have come back at a time that is still ahead here. */
static void return_by_a_thread_whose_clock_is_ahead_is_not_long_ago(void **state)
{
	(void)state;
	open_default();
	fake_server_answer(SICK, FAKE_REFUSES);
	connect_some(6 * SERVERS);
	rig_run(&rig, 11000 * RIG_MS);
	assert_false(is_out(SICK));
	atomic_fetch_add(&rig.shared.ejection.backends[SICK].returned_ms, 3600 * 1000);
	connect_some(6 * SERVERS);
	assert_true(is_out(SICK));
	rig_run(&rig, 15000 * RIG_MS);
	assert_true(is_out(SICK)); /* for the second time, which is longer */
}

static void share_of_a_pool_is_at_least_one_and_never_all(void **state)
{
	(void)state;
	struct config_ejection ejection, off = {0};
	config_ejection_init(&ejection);
	assert_int_equal(ejection_most(&ejection, 1), 0);
	assert_int_equal(ejection_most(&ejection, 2), 1);
	assert_int_equal(ejection_most(&ejection, 3), 1);
	assert_int_equal(ejection_most(&ejection, 10), 5);
	ejection.share_max = 1;
	assert_int_equal(ejection_most(&ejection, 10), 1);
	ejection.share_max = CONFIG_FRACTION_ALL;
	assert_int_equal(ejection_most(&ejection, 10), 9);
	assert_int_equal(ejection_most(&off, 10), 0);
}

#define EJECTION_TEST(name) cmocka_unit_test_teardown(name, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EJECTION_TEST(backend_that_fails_in_a_row_is_out_for_a_time),
		EJECTION_TEST(turns_are_told_to_the_log),
		EJECTION_TEST(one_answer_ends_the_row),
		EJECTION_TEST(lack_of_ports_is_not_held_against_a_backend),
		EJECTION_TEST(unix_backend_that_does_not_listen_is_out),
		EJECTION_TEST(socket_that_cannot_be_made_is_not_held_against_a_backend),
		EJECTION_TEST(resets_before_the_first_byte_eject),
		EJECTION_TEST(resets_after_an_answer_do_not),
		EJECTION_TEST(one_byte_back_ends_the_row_of_resets),
		EJECTION_TEST(no_more_than_the_share_is_out_at_once),
		EJECTION_TEST(time_grows_and_is_forgotten),
		EJECTION_TEST(return_by_a_thread_whose_clock_is_ahead_is_not_long_ago),
		cmocka_unit_test(share_of_a_pool_is_at_least_one_and_never_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
