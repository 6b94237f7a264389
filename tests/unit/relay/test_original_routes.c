/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes by where intercepted clients wanted to go, over the fake kernel. The relay RIG_AUTO leads to wherever that was; by
 * destination its clients go to server 3 or 4, and by the server's name to 4.
 */
#include "base/log.h"
#include "tests/lib/clienthello.h"
#include "tests/unit/relay/rig.h"

enum { ELSEWHERE = 0x0a600001 /* 10.96.0.1 */, FORBIDDEN = 0xc0000201 /* 192.0.2.1 */, SMTP = 25 };
enum { OWN_SERVER = 1, SERVICE_SERVER = 3, MAIL_SERVER = 4, SERVICES = 1, MAIL = 2 };
enum { DELAY_NS = 50000000 };

static struct rig rig;

static struct cidr services = {.first = {.version = 4, .bytes = {10, 96}}, .prefix = 12};
static struct cidr forbidden = {.first = {.version = 4, .bytes = {192, 0, 2}}, .prefix = 24};
static struct config_port_range smtp = {SMTP, SMTP};
static struct config_destination entries[] = {
        {.networks = {&forbidden, 1}, .refuse = true},
        {.ports = {&smtp, 1}, .pool = MAIL},
        {.networks = {&services, 1}, .pool = SERVICES},
};

static struct rig_options with_destinations(void)
{
	struct rig_options options = rig_defaults();
	options.intercept = CONFIG_INTERCEPT_REDIRECT;
	options.destinations = (struct config_destinations){entries, ARRAY_COUNT(entries)};
	return options;
}

static void open_rig(void)
{
	struct rig_options options = with_destinations();
	rig_open(&rig, &options);
}

static int close_rig(void **state)
{
	(void)state;
	rig_close(&rig);
	fake_clients_want(0, 0);
	log_set_level(LOG_LEVEL_INFO);
	return 0;
}

/* dial - a client that wants to go to @address:@port, and has not been served yet */
static struct rig_peer *dial(uint32_t address, uint16_t port)
{
	fake_clients_want(address, port);
	return rig_dial(&rig, RIG_AUTO);
}

static void assert_served_by(struct rig_peer *client, uint32_t server)
{
	rig_run(&rig, 4 * DELAY_NS);
	assert_non_null(rig_accept(&rig, server));
	rig_transfer(&rig, client, 100);
	rig_transfer(&rig, client->partner, 100);
}

static void assert_refused(uint64_t count)
{
	rig_run(&rig, 4 * DELAY_NS);
	assert_int_equal(rig_counter(&rig, COUNTER_CLOSED + CAUSE_DESTINATION_REFUSED), count);
	assert_null(rig_accept_any(&rig));
}

static void destination_decides_where_a_client_goes(void **state)
{
	(void)state;
	open_rig();
	assert_served_by(dial(ELSEWHERE, 443), SERVICE_SERVER);
	assert_served_by(dial(ELSEWHERE, SMTP), MAIL_SERVER);
	assert_served_by(dial(ELSEWHERE + (1 << 24), SMTP), MAIL_SERVER);
}

static void who_fits_none_goes_to_the_own_pool(void **state)
{
	(void)state;
	open_rig();
	assert_served_by(dial(ELSEWHERE + (1 << 24), FAKE_SERVER_PORT + OWN_SERVER), OWN_SERVER);
}

static void what_is_refused_is_reset_and_goes_nowhere(void **state)
{
	(void)state;
	open_rig();
	struct rig_peer *client = dial(FORBIDDEN, SMTP);
	assert_refused(1);
	assert_true(fake_peer_was_reset(client->conn));
}

/* assert_asked - was the client's address asked for, where nobody but its destination's pool, by @balance, may want it? */
static void assert_asked(enum config_balance balance, sa_family_t expected)
{
	struct rig_options options = with_destinations();
	options.balance = balance;
	rig_open(&rig, &options);
	rig.shared.balance.pools[0].policy = CONFIG_BALANCE_ROUND_ROBIN;
	log_set_level(LOG_LEVEL_WARNING);
	struct rig_peer *client = dial(ELSEWHERE, 443);
	assert_served_by(client, SERVICE_SERVER);
	assert_int_equal(rig_session(&rig, client)->peer.family, expected);
}

static void pool_gets_the_address_that_it_chooses_by(void **state)
{
	(void)state;
	assert_asked(CONFIG_BALANCE_SOURCE_HASH, AF_INET);
}

static void and_it_is_not_asked_for_otherwise(void **state)
{
	(void)state;
	assert_asked(CONFIG_BALANCE_ROUND_ROBIN, AF_UNSPEC);
}

/* ---- and the server's name ---- */

static void open_with_names(void)
{
	static struct config_sni_route routes[] = {{"api.example.com", MAIL}};
	struct rig_options options = with_destinations();
	options.sni = (struct config_sni){routes, 1, CONFIG_UNMATCHED_REFUSE, 10};
	rig_open(&rig, &options);
}

static void say_hello(struct rig_peer *client)
{
	unsigned char hello[CLIENTHELLO_MAX];
	size_t size = clienthello_make("api.example.com", hello);
	assert_int_equal(fake_peer_send(client->conn, hello, size), size);
}

static void destination_comes_before_the_name(void **state)
{
	(void)state;
	open_with_names();
	struct rig_peer *client = dial(ELSEWHERE, 443);
	say_hello(client);
	rig_run(&rig, 4 * DELAY_NS);
	assert_non_null(rig_accept(&rig, SERVICE_SERVER));
}

/* Its server speaks first: it would say no name. */
static void who_has_a_destination_is_not_waited_for(void **state)
{
	(void)state;
	open_with_names();
	assert_served_by(dial(ELSEWHERE, SMTP), MAIL_SERVER);
	assert_int_equal(rig_counter(&rig, COUNTER_CLOSED + CAUSE_UNMATCHED), 0);
}

static void who_fits_none_goes_by_its_name(void **state)
{
	(void)state;
	open_with_names();
	struct rig_peer *client = dial(ELSEWHERE + (1 << 24), 443);
	say_hello(client);
	rig_run(&rig, 4 * DELAY_NS);
	assert_non_null(rig_accept(&rig, MAIL_SERVER));
	dial(ELSEWHERE + (1 << 24), 443);
	rig_run(&rig, 4 * DELAY_NS);
	assert_int_equal(rig_counter(&rig, COUNTER_CLOSED + CAUSE_UNMATCHED), 1);
}

/* ---- another configuration ---- */

static void connections_stay_where_they_are(void **state)
{
	(void)state;
	open_rig();
	struct rig_peer *client = dial(ELSEWHERE, 443);
	assert_served_by(client, SERVICE_SERVER);
	rig.options.destinations.count = 1; /* nothing leads there any more */
	rig_change(&rig);
	rig_transfer(&rig, client, 100);
	rig_transfer(&rig, client->partner, 100);
	assert_served_by(dial(ELSEWHERE, FAKE_SERVER_PORT + OWN_SERVER), OWN_SERVER);
	rig.options.destinations.count = ARRAY_COUNT(entries);
	rig_change(&rig);
	rig_transfer(&rig, client, 100);
	assert_served_by(dial(ELSEWHERE, FAKE_SERVER_PORT + OWN_SERVER), SERVICE_SERVER);
}

/* hold_up - a client that waits for a socket to where it is led, or wanted to go itself, while the configuration becomes another */
static struct rig_peer *hold_up(uint32_t address, uint16_t port, size_t before, size_t after)
{
	struct rig_options options = with_destinations();
	options.destinations.items += ARRAY_COUNT(entries) - before;
	options.destinations.count = before;
	rig_open(&rig, &options);
	rig.source.delay_ns = DELAY_NS;
	struct rig_peer *client = dial(address, port);
	rig_turn(&rig);
	rig.options.destinations = (struct config_destinations){entries + ARRAY_COUNT(entries) - after,
	                                                        after};
	rig_change(&rig);
	return client;
}

static void who_waits_for_what_is_no_more_is_asked_for_again(void **state)
{
	(void)state;
	struct rig_peer *client = hold_up(ELSEWHERE, SMTP, 2, 1);
	assert_served_by(client, SERVICE_SERVER);
}

static void who_waits_to_be_let_in_goes_as_the_new_one_says(void **state)
{
	struct rig_options options = with_destinations();
	(void)state;
	options.limits.relay.connections = 1;
	options.limits.over = CONFIG_OVER_QUEUE;
	options.limits.queue_length = 4;
	options.limits.queue_timeout_ms = 60000;
	rig_open(&rig, &options);
	struct rig_peer *first = dial(ELSEWHERE, 443), *second;
	assert_served_by(first, SERVICE_SERVER);
	second = dial(ELSEWHERE, SMTP);
	rig_run(&rig, DELAY_NS);
	rig.options.destinations = (struct config_destinations){entries + 2, 1};
	rig_change(&rig);
	fake_peer_reset(first->conn);
	assert_served_by(second, SERVICE_SERVER);
}

/* It came when no entry said anything of it, and waits for a socket of a pool that goes. */
static void and_may_be_refused(void **state)
{
	static struct config_destination refusal = {.networks = {&services, 1}, .refuse = true};
	(void)state;
	hold_up(ELSEWHERE, SMTP, 2, 2);
	rig.options.destinations = (struct config_destinations){&refusal, 1};
	rig_change(&rig);
	assert_refused(1);
}

#define ROUTES_TEST(name) cmocka_unit_test_teardown(name, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        ROUTES_TEST(destination_decides_where_a_client_goes),
	        ROUTES_TEST(who_fits_none_goes_to_the_own_pool),
	        ROUTES_TEST(what_is_refused_is_reset_and_goes_nowhere),
	        ROUTES_TEST(pool_gets_the_address_that_it_chooses_by),
	        ROUTES_TEST(and_it_is_not_asked_for_otherwise),
	        ROUTES_TEST(destination_comes_before_the_name),
	        ROUTES_TEST(who_has_a_destination_is_not_waited_for),
	        ROUTES_TEST(who_fits_none_goes_by_its_name),
	        ROUTES_TEST(connections_stay_where_they_are),
	        ROUTES_TEST(who_waits_for_what_is_no_more_is_asked_for_again),
	        ROUTES_TEST(who_waits_to_be_let_in_goes_as_the_new_one_says),
	        ROUTES_TEST(and_may_be_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
