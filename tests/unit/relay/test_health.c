/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of backends, over the fake kernel: its servers 0, 1 and 2 are the pool of the relay RIG_AUTO. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/relay/rig.h"

enum { SERVERS = 3, CHECKED = 1, UNIX_SERVER = 5 };

static struct rig rig;

static void open_rig(const char *send, const char *expect)
{
	struct rig_options options = rig_defaults();
	struct err err = ERR_INIT;
	config_health_init(&options.health);
	assert_int_equal(octets_parse(send, &options.health.send, &err), 0);
	assert_int_equal(octets_parse(expect, &options.health.expect, &err), 0);
	rig_open(&rig, &options);
}

static int close_rig(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static bool is_down(uint32_t backend)
{
	return standing_reasons(rig.shared.balance.pools[0].standing, backend) == STANDING_DOWN;
}

/* serve - let server @index answer all that wait at it: once @heard has come it says @answer, and closes */
static void serve(uint32_t index, const char *heard, const char *answer)
{
	char buffer[64] = "";
	for (struct fake_conn *conn; (conn = fake_server_accept(index));) {
		for (int ms = 0; ms < 10 && fake_peer_waiting(conn) < strlen(heard); ms++)
			rig_run(&rig, RIG_MS);
		assert_int_equal(fake_peer_read(conn, buffer, sizeof(buffer)), strlen(heard));
		assert_memory_equal(buffer, heard, strlen(heard));
		for (const char *c = answer; *c; c++) { /* in pieces */
			fake_peer_send(conn, c, 1);
			rig_run(&rig, RIG_MS);
		}
		fake_peer_close(conn);
		fake_conn_forget(conn);
	}
}

/* serve_others - those servers that have no part in the test succeed in what they are asked */
static void serve_others(const char *heard, const char *answer)
{
	for (uint32_t i = 0; i < FAKE_SERVER_COUNT; i++) {
		if (i != CHECKED)
			serve(i, heard, answer);
	}
}

static void pass(uint32_t ms, const char *heard, const char *answer, const char *answer_of_checked)
{
	for (uint32_t i = 0; i < ms; i += 10) {
		serve_others(heard, answer);
		if (answer_of_checked)
			serve(CHECKED, heard, answer_of_checked);
		rig_run(&rig, 10 * RIG_MS);
	}
}

static void each_backend_is_checked_once_an_interval(void **state)
{
	(void)state;
	open_rig("", "");
	pass(500, "", "", "");
	uint32_t before[SERVERS];
	for (uint32_t i = 0; i < SERVERS; i++)
		before[i] = fake_server_attempts(i);
	pass(20000, "", "", "");
	for (uint32_t i = 0; i < SERVERS; i++) {
		uint32_t checks = fake_server_attempts(i) - before[i];
		assert_in_range(checks, 8, 12); /* every 1.8 to 2.2 s */
		assert_false(is_down(i));
	}
	assert_int_equal(rig_counter(&rig, COUNTER_CHECK_FAILURES), 0);
}

static void refusing_backend_goes_down_and_comes_back(void **state)
{
	(void)state;
	open_rig("", "");
	fake_server_answer(CHECKED, FAKE_REFUSES);
	pass(5000, "", "", "");
	assert_true(is_down(CHECKED));
	assert_false(is_down(0));
	assert_int_equal(rig_counter(&rig, COUNTER_BACKENDS_DOWN), 1);
	assert_int_equal(rig.records->records[0].kind, RECORD_BACKEND_DOWN);
	assert_int_equal(rig.records->records[0].backend, CHECKED);
	fake_server_answer(CHECKED, FAKE_ACCEPTS_LATER);
	pass(5000, "", "", "");
	assert_false(is_down(CHECKED));
	assert_int_equal(rig_counter(&rig, COUNTER_BACKENDS_UP), 1);
	assert_int_equal(rig.records->records[1].kind, RECORD_BACKEND_UP);
}

static void clients_go_to_the_backends_that_are_up(void **state)
{
	(void)state;
	open_rig("", "");
	fake_server_answer(CHECKED, FAKE_REFUSES);
	pass(5000, "", "", "");
	uint32_t attempts = fake_server_attempts(CHECKED);
	for (int i = 0; i < 30; i++) {
		struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
		fake_peer_reset(pair.client->conn);
		rig_run(&rig, RIG_MS);
		rig_drop(pair.client);
		rig_drop(pair.server);
	}
	assert_int_equal(fake_server_attempts(CHECKED), attempts);
}

static void backend_that_never_answers_times_out(void **state)
{
	(void)state;
	open_rig("", "");
	fake_server_answer(CHECKED, FAKE_SILENT);
	pass(8000, "", "", "");
	assert_true(is_down(CHECKED));
	assert_int_equal(rig.records->records[0].failure, CHECK_TIMED_OUT);
}

static void expected_answer_in_pieces_is_a_success(void **state)
{
	(void)state;
	open_rig("PING\\r\\n", "+PONG");
	pass(20000, "PING\r\n", "+PONG\r\n", "+PONG and more");
	assert_false(is_down(CHECKED));
	assert_int_equal(rig_counter(&rig, COUNTER_CHECK_FAILURES), 0);
}

static void assert_answer_fails(const char *answer, enum check_failure failure)
{
	open_rig("PING\\r\\n", "+PONG");
	pass(8000, "PING\r\n", "+PONG\r\n", answer);
	assert_true(is_down(CHECKED));
	assert_false(is_down(0));
	assert_int_equal(rig.records->records[0].failure, failure);
}

static void another_answer_is_a_failure(void **state)
{
	(void)state;
	assert_answer_fails("-ERR loading", CHECK_MISANSWERED);
}

static void end_before_the_answer_is_a_failure(void **state)
{
	(void)state;
	assert_answer_fails("+PO", CHECK_CUT_SHORT);
}

static void silence_in_place_of_the_answer_is_a_failure(void **state)
{
	(void)state;
	assert_answer_fails(NULL, CHECK_TIMED_OUT);
}

static void lack_of_sockets_is_not_held_against_a_backend(void **state)
{
	(void)state;
	open_rig("", "");
	rig.source.refuses = true;
	pass(20000, "", "", "");
	assert_true(rig_counter(&rig, COUNTER_CHECK_FAILURES) >= 3 * SERVERS);
	for (uint32_t i = 0; i < SERVERS; i++)
		assert_false(is_down(i));
	rig.source.refuses = false;
}

static void lack_of_ports_is_not_held_against_a_backend(void **state)
{
	(void)state;
	open_rig("", "");
	fake_server_answer(CHECKED, FAKE_NO_PORT);
	pass(20000, "", "", "");
	assert_false(is_down(CHECKED));
	assert_true(rig_counter(&rig, COUNTER_CHECK_FAILURES) >= 3);
}

static void unix_backend_is_checked_too(void **state)
{
	(void)state;
	open_rig("hi", "there");
	pass(2000, "hi", "there", "there");
	const struct check *check = NULL;
	for (uint32_t i = 0; i < rig.worker.health.count; i++) {
		if (rig.plan.routes[rig.worker.health.checks[i].route].relay == RIG_UNIX)
			check = &rig.worker.health.checks[i];
	}
	assert_non_null(check);
	assert_int_equal(check->failure, CHECK_SUCCEEDED);
	assert_int_equal(check->matched, strlen("there"));
}

static void checks_under_way_do_not_keep_a_thread_from_stopping(void **state)
{
	(void)state;
	open_rig("", "never");
	pass(700, "", "", NULL); /* closed in close_rig() */
	assert_true(fake_server_attempts(CHECKED) > 0);
}

#define HEALTH_TEST(name) cmocka_unit_test_teardown(name, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HEALTH_TEST(each_backend_is_checked_once_an_interval),
		HEALTH_TEST(refusing_backend_goes_down_and_comes_back),
		HEALTH_TEST(clients_go_to_the_backends_that_are_up),
		HEALTH_TEST(backend_that_never_answers_times_out),
		HEALTH_TEST(expected_answer_in_pieces_is_a_success),
		HEALTH_TEST(another_answer_is_a_failure),
		HEALTH_TEST(end_before_the_answer_is_a_failure),
		HEALTH_TEST(silence_in_place_of_the_answer_is_a_failure),
		HEALTH_TEST(lack_of_sockets_is_not_held_against_a_backend),
		HEALTH_TEST(lack_of_ports_is_not_held_against_a_backend),
		HEALTH_TEST(unix_backend_is_checked_too),
		HEALTH_TEST(checks_under_way_do_not_keep_a_thread_from_stopping),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
