/* SPDX-License-Identifier: Apache-2.0 */
/* Who may connect, and how much: rules, limits, who waits and who is refused. */
#include "tests/unit/relay/rig.h"

static struct rig rig;

/* Addresses of clients. */
enum {
	HERE = 0x0a000001 /* 10.0.0.1 */,
	THERE = 0x0a060601 /* 10.6.6.1 */,
	ELSEWHERE = 0xc0000207 /* 192.0.2.7 */
};

static const struct config_limits plain = {
        .ipv6_prefix = 64, .sources = 100, .queue_length = 16, .queue_timeout_ms = 500};

static void open_limited(struct config_limits limits)
{
	struct rig_options options = rig_defaults();
	options.limits = limits;
	fake_clients_come_from(0);
	rig_open(&rig, &options);
}

static struct config_limits queueing(struct config_limits limits)
{
	limits.over = CONFIG_OVER_QUEUE;
	return limits;
}

static uint64_t closed_for(enum cause cause)
{
	return rig_counter(&rig, COUNTER_CLOSED + (unsigned)cause);
}

/* dial - a client at @address of the relay with one backend, given time to be let in */
static struct rig_peer *dial(uint32_t address)
{
	fake_clients_come_from(address);
	struct rig_peer *client = rig_dial(&rig, RIG_INTERACTIVE);
	assert_non_null(client);
	rig_run(&rig, 2 * RIG_MS);
	return client;
}

static void assert_refused(const struct rig_peer *client, enum cause cause)
{
	assert_true(fake_peer_was_reset(client->conn));
	assert_int_equal(client->cause, cause);
}

/* accept_of - the backend's end of @client, which has just been let in */
static struct rig_peer *accept_of(const struct rig_peer *client)
{
	struct rig_peer *server = rig_accept(&rig, 3);
	assert_non_null(server);
	assert_ptr_equal(client->partner, server);
	return server;
}

static void leave(struct rig_peer *client)
{
	fake_peer_reset(client->conn);
	rig_run(&rig, 5 * RIG_MS);
}

/* ---- rules ---- */

static struct cidr block(const char *text)
{
	struct cidr cidr;
	assert_int_equal(cidr_parse(text, &cidr, NULL), 0);
	return cidr;
}

static void open_ruled(const char *allow, const char *deny)
{
	static struct cidr allowed, denied;
	struct rig_options options = rig_defaults();
	if (allow) {
		allowed = block(allow);
		options.allow = (struct config_cidrs){&allowed, 1};
	}
	if (deny) {
		denied = block(deny);
		options.deny = (struct config_cidrs){&denied, 1};
	}
	rig_open(&rig, &options);
}

static void denied_address_is_reset(void **state)
{
	(void)state;
	open_ruled(NULL, "10.6.0.0/16");
	assert_refused(dial(THERE), CAUSE_POLICY);
	accept_of(dial(HERE));
	accept_of(dial(ELSEWHERE));
	assert_int_equal(closed_for(CAUSE_POLICY), 1);
	rig_close(&rig);
}

static void where_some_are_allowed_all_others_are_reset(void **state)
{
	(void)state;
	open_ruled("10.0.0.0/8", NULL);
	accept_of(dial(HERE));
	accept_of(dial(THERE));
	assert_refused(dial(ELSEWHERE), CAUSE_POLICY);
	rig_close(&rig);
}

static void deny_wins_over_an_allow_that_is_more_specific(void **state)
{
	(void)state;
	open_ruled("10.6.6.1", "10.6.0.0/16");
	assert_refused(dial(THERE), CAUSE_POLICY);
	rig_close(&rig);
}

static void refused_client_meets_no_backend(void **state)
{
	(void)state;
	open_ruled("10.0.0.0/8", NULL);
	fake_clients_come_from(ELSEWHERE);
	struct rig_peer *client = rig_dial(&rig, RIG_INTERACTIVE);
	rig_send(&rig, client, 1000);
	rig_run(&rig, 2 * RIG_MS);
	assert_refused(client, CAUSE_POLICY);
	assert_int_equal(fake_server_attempts(3), 0);
	assert_int_equal(rig_counter(&rig, COUNTER_BYTES_UP), 0);
	rig_close(&rig);
}

/* ---- limits ---- */

static void no_more_connections_than_the_relay_s_limit(void **state)
{
	struct config_limits limits = plain;
	struct rig_peer *clients[3];
	(void)state;
	limits.relay.connections = 3;
	open_limited(limits);
	for (size_t i = 0; i < ARRAY_COUNT(clients); i++)
		accept_of(clients[i] = dial(HERE));
	assert_refused(dial(THERE), CAUSE_RELAY_LIMIT);
	leave(clients[1]);
	accept_of(dial(THERE));
	assert_refused(dial(THERE), CAUSE_RELAY_LIMIT);
	rig_close(&rig);
}

static void relays_have_limits_of_their_own(void **state)
{
	struct config_limits limits = plain;
	(void)state;
	limits.relay.connections = 1;
	open_limited(limits);
	rig_pair(&rig, RIG_INTERACTIVE);
	rig_pair(&rig, RIG_BULK);
	rig_close(&rig);
}

static void one_source_does_not_use_up_another_s_limit(void **state)
{
	struct config_limits limits = plain;
	(void)state;
	limits.source.connections = 2;
	open_limited(limits);
	struct rig_peer *first = dial(HERE);
	accept_of(first);
	accept_of(dial(HERE));
	assert_refused(dial(HERE), CAUSE_SOURCE_LIMIT);
	accept_of(dial(THERE));
	leave(first);
	accept_of(dial(HERE));
	assert_refused(dial(HERE), CAUSE_SOURCE_LIMIT);
	rig_close(&rig);
}

static void namespace_has_its_limit(void **state)
{
	struct config_limits limits = plain;
	(void)state;
	limits.netns.connections = 1;
	open_limited(limits);
	accept_of(dial(HERE));
	assert_refused(dial(THERE), CAUSE_NAMESPACE_LIMIT);
	rig_close(&rig);
}

static void burst_comes_in_and_then_the_rate(void **state)
{
	struct config_limits limits = plain;
	(void)state;
	limits.relay = (struct config_limit){.rate = 10, .burst = 4};
	open_limited(limits);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < (round ? 1 : 4); i++)
			accept_of(dial(HERE));
		assert_refused(dial(HERE), CAUSE_RATE_LIMIT);
		rig_run(&rig, 97 * RIG_MS);
	}
	rig_close(&rig);
}

static void who_is_refused_uses_up_nobody_s_limit(void **state)
{
	struct config_limits limits = plain;
	(void)state;
	limits.relay = (struct config_limit){.connections = 10, .rate = 1, .burst = 3};
	limits.source.connections = 1;
	open_limited(limits);
	accept_of(dial(HERE));
	for (int i = 0; i < 20; i++)
		assert_refused(dial(HERE), CAUSE_SOURCE_LIMIT);
	accept_of(dial(THERE));
	accept_of(dial(ELSEWHERE));
	assert_refused(dial(ELSEWHERE + 1), CAUSE_RATE_LIMIT);
	rig_close(&rig);
}

static void new_source_is_refused_when_all_known_ones_are_connected(void **state)
{
	struct config_limits limits = plain;
	(void)state;
	limits.sources = 2;
	limits.source.connections = 5;
	open_limited(limits);
	struct rig_peer *first = dial(HERE);
	accept_of(first);
	accept_of(dial(THERE));
	assert_refused(dial(ELSEWHERE), CAUSE_SOURCE_LIMIT);
	accept_of(dial(THERE));
	leave(first);
	accept_of(dial(ELSEWHERE));
	rig_close(&rig);
}

/* ---- waiting ---- */

static void who_waits_comes_in_when_there_is_room(void **state)
{
	struct config_limits limits = queueing(plain);
	(void)state;
	limits.relay.connections = 1;
	open_limited(limits);
	struct rig_peer *first = dial(HERE), *second, *third;
	accept_of(first);
	second = dial(HERE);
	rig_send(&rig, second, 3000);
	third = dial(THERE);
	assert_null(rig_accept(&rig, 3));
	assert_int_equal(rig_counter(&rig, COUNTER_PENDING), 2);
	assert_int_equal(rig_counter(&rig, COUNTER_BYTES_UP), 0); /* unread */
	leave(first);
	struct rig_peer *server = accept_of(second);
	rig_read_all(&rig, server);
	assert_int_equal(server->received, 3000);
	assert_null(rig_accept(&rig, 3));
	leave(second);
	accept_of(third);
	rig_close(&rig);
}

/* The place is given back by another thread: who waits here has not been looked at when the next client comes. */
static void who_comes_later_stands_behind(void **state)
{
	struct config_limits limits = queueing(plain);
	(void)state;
	limits.relay.connections = 1;
	open_limited(limits);
	struct meter *meter = &rig.shared.admission.relays[RIG_INTERACTIVE].meter;
	meter->connections = 1; /* another thread's */
	struct rig_peer *second = dial(HERE);
	meter->connections = 0;
	struct rig_peer *third = dial(HERE);
	rig_run(&rig, 20 * RIG_MS);
	accept_of(second);
	assert_null(rig_accept(&rig, 3));
	leave(second);
	accept_of(third);
	rig_close(&rig);
}

static void token_that_comes_with_time_lets_one_in(void **state)
{
	struct config_limits limits = queueing(plain);
	(void)state;
	limits.source = (struct config_limit){.rate = 10, .burst = 1};
	open_limited(limits);
	accept_of(dial(HERE));
	struct rig_peer *second = dial(HERE);
	rig_run(&rig, 80 * RIG_MS);
	assert_null(rig_accept(&rig, 3));
	rig_run(&rig, 40 * RIG_MS);
	accept_of(second);
	rig_close(&rig);
}

static void nobody_waits_longer_than_the_timeout(void **state)
{
	struct config_limits limits = queueing(plain);
	(void)state;
	limits.relay.connections = 1;
	open_limited(limits);
	accept_of(dial(HERE));
	struct rig_peer *second = dial(HERE);
	rig_run(&rig, 490 * RIG_MS);
	assert_false(fake_peer_was_reset(second->conn));
	rig_run(&rig, 20 * RIG_MS);
	assert_refused(second, CAUSE_QUEUE_TIMEOUT);
	rig_close(&rig);
}

static void no_more_wait_than_the_queue_is_long(void **state)
{
	struct config_limits limits = queueing(plain);
	(void)state;
	limits.relay.connections = 1;
	open_limited(limits);
	accept_of(dial(HERE));
	for (int i = 0; i < 16; i++)
		assert_false(fake_peer_was_reset(dial(HERE)->conn));
	assert_refused(dial(HERE), CAUSE_RELAY_LIMIT);
	rig_close(&rig);
}

static void excess_of_one_source_holds_nobody_else_up(void **state)
{
	struct config_limits limits = queueing(plain);
	(void)state;
	limits.source.connections = 1;
	open_limited(limits);
	accept_of(dial(HERE));
	for (int i = 0; i < 2; i++) /* an eighth of the queue */
		assert_false(fake_peer_was_reset(dial(HERE)->conn));
	assert_refused(dial(HERE), CAUSE_SOURCE_LIMIT);
	accept_of(dial(THERE));
	assert_false(fake_peer_was_reset(dial(THERE)->conn));
	rig_close(&rig);
}

static void client_that_resets_gives_its_place_in_the_queue_up(void **state)
{
	struct config_limits limits = queueing(plain);
	(void)state;
	limits.relay.connections = 1;
	limits.queue_length = 1;
	open_limited(limits);
	accept_of(dial(HERE));
	struct rig_peer *second = dial(HERE);
	leave(second);
	assert_int_equal(second->cause, CAUSE_CLIENT_RESET);
	assert_false(fake_peer_was_reset(dial(HERE)->conn));
	rig_close(&rig);
}

static void end_of_a_client_that_waits_is_passed_on(void **state)
{
	struct config_limits limits = queueing(plain);
	(void)state;
	limits.relay.connections = 1;
	open_limited(limits);
	struct rig_peer *first = dial(HERE), *second;
	accept_of(first);
	second = dial(HERE);
	rig_send(&rig, second, 100);
	fake_peer_shutdown(second->conn);
	rig_run(&rig, 5 * RIG_MS);
	leave(first);
	struct rig_peer *server = accept_of(second);
	rig_read_all(&rig, server);
	assert_int_equal(server->received, 100);
	assert_true(fake_peer_at_end(server->conn));
	rig_close(&rig);
}

/* Whoever waits has nothing: rig_close() finds every count at zero. */
static void a_stop_ends_those_who_wait(void **state)
{
	struct config_limits limits = queueing(plain);
	(void)state;
	limits.source = (struct config_limit){.connections = 1, .rate = 1000};
	limits.relay.connections = 2;
	open_limited(limits);
	for (uint32_t i = 0; i < 8; i++)
		dial(HERE + i % 3);
	rig_close(&rig);
	assert_true(rig.by_cause[CAUSE_DRAINED] >= 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(denied_address_is_reset),
	        cmocka_unit_test(where_some_are_allowed_all_others_are_reset),
	        cmocka_unit_test(deny_wins_over_an_allow_that_is_more_specific),
	        cmocka_unit_test(refused_client_meets_no_backend),
	        cmocka_unit_test(no_more_connections_than_the_relay_s_limit),
	        cmocka_unit_test(relays_have_limits_of_their_own),
	        cmocka_unit_test(one_source_does_not_use_up_another_s_limit),
	        cmocka_unit_test(namespace_has_its_limit),
	        cmocka_unit_test(burst_comes_in_and_then_the_rate),
	        cmocka_unit_test(who_is_refused_uses_up_nobody_s_limit),
	        cmocka_unit_test(new_source_is_refused_when_all_known_ones_are_connected),
	        cmocka_unit_test(who_waits_comes_in_when_there_is_room),
	        cmocka_unit_test(who_comes_later_stands_behind),
	        cmocka_unit_test(token_that_comes_with_time_lets_one_in),
	        cmocka_unit_test(nobody_waits_longer_than_the_timeout),
	        cmocka_unit_test(no_more_wait_than_the_queue_is_long),
	        cmocka_unit_test(excess_of_one_source_holds_nobody_else_up),
	        cmocka_unit_test(client_that_resets_gives_its_place_in_the_queue_up),
	        cmocka_unit_test(end_of_a_client_that_waits_is_passed_on),
	        cmocka_unit_test(a_stop_ends_those_who_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
