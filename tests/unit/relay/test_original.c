/* SPDX-License-Identifier: Apache-2.0 */
/* Intercepted clients go on to where they wanted to go, and nobody goes round in circles. */
#include "relay/original.h"

#include <errno.h>

#include "tests/unit/relay/rig.h"

enum { SETTLED_NS = 20000000, DELAY_NS = 50000000 };
enum { ELSEWHERE = 0xc0000201 /* 192.0.2.1 */, CLIENT = 0xc6336401 /* 198.51.100.1 */ };

static struct rig rig;

static void open_rig(enum config_intercept intercept, enum config_source source)
{
	struct rig_options options = rig_defaults();
	options.intercept = intercept;
	options.source = source;
	rig_open(&rig, &options);
}

static int forget_clients(void **state)
{
	(void)state;
	fake_clients_want(0, 0);
	fake_clients_come_from(0);
	return 0;
}

/* pair_with - a client that wanted to go to server @index */
static struct rig_pair pair_with(uint32_t index)
{
	fake_clients_want(ELSEWHERE, (uint16_t)(FAKE_SERVER_PORT + index));
	struct rig_pair pair = {.client = rig_dial(&rig, RIG_AUTO)};
	rig_run(&rig, SETTLED_NS);
	pair.server = rig_accept(&rig, index);
	assert_non_null(pair.server);
	return pair;
}

static void each_client_goes_where_it_wanted_to_go(void **state)
{
	(void)state;
	open_rig(CONFIG_INTERCEPT_REDIRECT, CONFIG_SOURCE_OWN);
	for (uint32_t i = 0; i < 4; i++) {
		struct rig_pair pair = pair_with(i);
		rig_transfer(&rig, pair.client, 100);
		rig_transfer(&rig, pair.server, 100);
		assert_int_equal(fake_conn_facts(pair.server->conn).bound, 0);
	}
	rig_close(&rig);
}

static void backend_sees_its_clients_address(void **state)
{
	(void)state;
	fake_clients_come_from(CLIENT);
	open_rig(CONFIG_INTERCEPT_REDIRECT, CONFIG_SOURCE_CLIENT);
	assert_int_equal(fake_conn_facts(pair_with(0).server->conn).bound, CLIENT);
	rig_close(&rig);
}

static void assert_not_intercepted(void)
{
	rig_dial(&rig, RIG_AUTO);
	rig_run(&rig, SETTLED_NS);
	assert_int_equal(rig_counter(&rig, COUNTER_CLOSED + CAUSE_NOT_INTERCEPTED), 1);
	for (uint32_t i = 0; i < FAKE_SERVER_COUNT; i++)
		assert_int_equal(fake_server_attempts(i), 0);
	rig_close(&rig);
}

static void client_that_nobody_knows_of_is_refused(void **state)
{
	(void)state;
	open_rig(CONFIG_INTERCEPT_REDIRECT, CONFIG_SOURCE_OWN);
	assert_not_intercepted();
}

/* The rig's listeners have port 80, and are reached at 127.0.0.2. */
static void client_of_the_listener_itself_is_refused(void **state)
{
	(void)state;
	open_rig(CONFIG_INTERCEPT_REDIRECT, CONFIG_SOURCE_OWN);
	fake_clients_want(INADDR_LOOPBACK + 1, 80);
	assert_not_intercepted();
}

static void so_is_one_of_its_port_under_tproxy(void **state)
{
	(void)state;
	open_rig(CONFIG_INTERCEPT_TPROXY, CONFIG_SOURCE_OWN);
	assert_not_intercepted();
}

static void connections_of_before_and_after_a_change_are_kept(void **state)
{
	(void)state;
	open_rig(CONFIG_INTERCEPT_REDIRECT, CONFIG_SOURCE_OWN);
	struct rig_pair before = pair_with(1);
	rig_change(&rig);
	rig_transfer(&rig, before.client, 100);
	struct rig_pair after = pair_with(2);
	rig_transfer(&rig, after.client, 100);
	rig_transfer(&rig, before.server, 100);
	rig_close(&rig);
}

/* Where they went is a backend that has gone, in a relay that leads nobody there any more: it has no sockets for it. */
static void they_outlive_the_interception(void **state)
{
	(void)state;
	open_rig(CONFIG_INTERCEPT_REDIRECT, CONFIG_SOURCE_OWN);
	struct rig_pair pair = pair_with(1);
	rig.options.intercept = CONFIG_INTERCEPT_OFF;
	for (int i = 0; i < 2; i++) {
		rig_change(&rig);
		rig_transfer(&rig, pair.client, 100);
		rig_transfer(&rig, pair.server, 100);
	}
	fake_peer_shutdown(pair.client->conn);
	fake_peer_shutdown(pair.server->conn);
	rig_run(&rig, SETTLED_NS);
	assert_int_equal(rig.sessions_closed, 1);
	rig_close(&rig);
}

/* What it waits for was asked for under the configuration before. */
static void one_that_waits_for_a_socket_is_kept_as_well(void **state)
{
	(void)state;
	open_rig(CONFIG_INTERCEPT_REDIRECT, CONFIG_SOURCE_OWN);
	rig.source.delay_ns = DELAY_NS;
	fake_clients_want(ELSEWHERE, FAKE_SERVER_PORT + 3);
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	rig_turn(&rig);
	rig_change(&rig);
	rig_run(&rig, 4 * DELAY_NS);
	assert_non_null(rig_accept(&rig, 3));
	rig_transfer(&rig, client, 100);
	rig_close(&rig);
}

/* It came when nobody asked where it wanted to go, and waits for a socket. */
static void one_that_came_before_the_relay_intercepted_is_told_no(void **state)
{
	(void)state;
	open_rig(CONFIG_INTERCEPT_OFF, CONFIG_SOURCE_OWN);
	rig.source.delay_ns = DELAY_NS;
	rig_dial(&rig, RIG_AUTO);
	rig_turn(&rig);
	rig.options.intercept = CONFIG_INTERCEPT_REDIRECT;
	rig_change(&rig);
	rig_run(&rig, 4 * DELAY_NS);
	assert_int_equal(rig_counter(&rig, COUNTER_CLOSED + CAUSE_CONNECT_FAILED), 1);
	rig_close(&rig);
}

/* Its slot had been that of one who wanted to go to server 1. */
static void and_is_not_taken_for_another_one(void **state)
{
	(void)state;
	open_rig(CONFIG_INTERCEPT_REDIRECT, CONFIG_SOURCE_OWN);
	struct rig_pair earlier = pair_with(1);
	fake_peer_reset(earlier.client->conn);
	rig_run(&rig, SETTLED_NS);
	assert_int_equal(rig.sessions_closed, 1);
	rig.options.intercept = CONFIG_INTERCEPT_OFF;
	rig_change(&rig);
	rig.source.delay_ns = DELAY_NS;
	rig_dial(&rig, RIG_AUTO);
	rig_turn(&rig);
	rig.options.intercept = CONFIG_INTERCEPT_REDIRECT;
	rig_change(&rig);
	rig_run(&rig, 4 * DELAY_NS);
	assert_int_equal(rig_counter(&rig, COUNTER_CLOSED + CAUSE_CONNECT_FAILED), 1);
	assert_null(rig_accept(&rig, 1));
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(each_client_goes_where_it_wanted_to_go, forget_clients),
		cmocka_unit_test_teardown(backend_sees_its_clients_address, forget_clients),
		cmocka_unit_test_teardown(client_that_nobody_knows_of_is_refused, forget_clients),
		cmocka_unit_test_teardown(client_of_the_listener_itself_is_refused, forget_clients),
		cmocka_unit_test_teardown(so_is_one_of_its_port_under_tproxy, forget_clients),
		cmocka_unit_test_teardown(connections_of_before_and_after_a_change_are_kept, forget_clients),
		cmocka_unit_test_teardown(they_outlive_the_interception, forget_clients),
		cmocka_unit_test_teardown(one_that_waits_for_a_socket_is_kept_as_well, forget_clients),
		cmocka_unit_test_teardown(one_that_came_before_the_relay_intercepted_is_told_no, forget_clients),
		cmocka_unit_test_teardown(and_is_not_taken_for_another_one, forget_clients),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
