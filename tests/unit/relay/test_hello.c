/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes by the name that a client of TLS asks for, over the fake kernel. The relay RIG_AUTO has servers 0 to 2; by name its
 * clients go to server 3 or 4.
 */
#include <string.h>

#include "tests/lib/clienthello.h"
#include "tests/unit/relay/rig.h"

enum { TIMEOUT_MS = 50, API_SERVER = 3, OTHERS_SERVER = 4 };

static struct rig rig;
static unsigned char hello[CLIENTHELLO_MAX];
static size_t hello_size;

static struct rig_options with_routes(enum config_unmatched unmatched)
{
	static struct config_sni_route routes[] = {{"api.example.com", 1}, {".example.com", 2}};
	struct rig_options options = rig_defaults();
	options.sni = (struct config_sni){routes, 2, unmatched, TIMEOUT_MS};
	return options;
}

static void open_rig(enum config_unmatched unmatched)
{
	struct rig_options options = with_routes(unmatched);
	rig_open(&rig, &options);
}

static int close_rig(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static void make_hello(const char *name)
{
	hello_size = clienthello_make(name, hello);
}

static struct rig_peer *dial_with(const void *bytes, size_t size)
{
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	assert_int_equal(fake_peer_send(client->conn, bytes, size), size);
	rig_run(&rig, 2 * RIG_MS);
	return client;
}

/* expect_at - server @index has a connection, whose client sent @bytes first; more goes both ways */
static void expect_at(uint32_t index, struct rig_peer *client, const void *bytes, size_t size)
{
	unsigned char seen[CLIENTHELLO_MAX];
	struct rig_peer *server = rig_accept(&rig, index);
	assert_non_null(server);
	assert_ptr_equal(client->partner, server);
	rig_run(&rig, 2 * RIG_MS);
	assert_int_equal(fake_peer_read(server->conn, seen, sizeof(seen)), size);
	assert_memory_equal(seen, bytes, size);
	rig_transfer(&rig, client, 5000);
	rig_transfer(&rig, server, 5000);
}

/* expect_at_own - one of the relay's own pool's servers has it */
static void expect_at_own(struct rig_peer *client, const void *bytes, size_t size)
{
	assert_null(rig_accept(&rig, API_SERVER));
	assert_null(rig_accept(&rig, OTHERS_SERVER));
	for (uint32_t i = 0; i < 3; i++) {
		if (client->partner && fake_server_attempts(i) > 0) {
			expect_at(i, client, bytes, size);
			return;
		}
	}
	fail_msg("no server has it");
}

static void name_decides_where_a_client_goes(void **state)
{
	static const struct {
		const char *name;
		uint32_t server;
	} rows[] = {{"api.example.com", API_SERVER}, {"WWW.Example.Com", OTHERS_SERVER}, {"a.b.example.com", OTHERS_SERVER}};
	(void)state;
	open_rig(CONFIG_UNMATCHED_REFUSE);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_hello(rows[i].name);
		expect_at(rows[i].server, dial_with(hello, hello_size), hello, hello_size);
	}
}

static void hello_may_come_in_pieces(void **state)
{
	(void)state;
	open_rig(CONFIG_UNMATCHED_REFUSE);
	make_hello("api.example.com");
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	for (size_t i = 0; i < hello_size; i++) {
		rig_run(&rig, RIG_MS / 4);
		assert_null(client->partner);
		assert_int_equal(fake_peer_send(client->conn, hello + i, 1), 1);
	}
	rig_run(&rig, 2 * RIG_MS);
	expect_at(API_SERVER, client, hello, hello_size);
}

static void name_without_a_route_goes_to_the_own_pool(void **state)
{
	(void)state;
	open_rig(CONFIG_UNMATCHED_DEFAULT);
	make_hello("example.net");
	expect_at_own(dial_with(hello, hello_size), hello, hello_size);
}

static void what_is_no_hello_goes_to_the_own_pool_at_once(void **state)
{
	(void)state;
	open_rig(CONFIG_UNMATCHED_DEFAULT);
	expect_at_own(dial_with("GET / HTTP/1.1\r\n\r\n", 18), "GET / HTTP/1.1\r\n\r\n", 18);
}

static void silent_client_goes_to_the_own_pool_after_the_timeout(void **state)
{
	(void)state;
	open_rig(CONFIG_UNMATCHED_DEFAULT);
	for (uint32_t i = 0; i < 3; i++)
		fake_server_answer(i, FAKE_ACCEPTS_LATER);
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	rig_run(&rig, (TIMEOUT_MS - 5) * RIG_MS);
	assert_null(client->partner);
	rig_run(&rig, 10 * RIG_MS);
	expect_at_own(client, "", 0);
	assert_int_equal(rig_counter(&rig, COUNTER_CONNECT_FAILURES), 0);
}

static void backend_has_its_own_time_after_the_timeout(void **state)
{
	struct rig_options options = with_routes(CONFIG_UNMATCHED_DEFAULT);
	(void)state;
	options.fake.chances.slow_network = 1000;
	rig_open(&rig, &options);
	for (uint32_t i = 0; i < 3; i++)
		fake_server_answer(i, FAKE_ACCEPTS_LATER);
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	rig_turn(&rig);
	const struct session *session = rig_session(&rig, client);
	for (int i = 0; i < 2 * TIMEOUT_MS && session->state != SESSION_CONNECTING; i++) {
		fake_set_horizon(fake_now_ns() + RIG_MS);
		rig_turn(&rig);
	}
	assert_int_equal(session->state, SESSION_CONNECTING); /* and not connected at once: it is told by a completion */
	rig_run(&rig, 20 * RIG_MS);
	assert_int_equal(rig_counter(&rig, COUNTER_CONNECT_FAILURES), 0);
	expect_at_own(client, "", 0);
}

static void half_a_hello_goes_on_after_the_timeout(void **state)
{
	(void)state;
	open_rig(CONFIG_UNMATCHED_DEFAULT);
	make_hello("api.example.com");
	struct rig_peer *client = dial_with(hello, hello_size / 2);
	rig_run(&rig, (TIMEOUT_MS + 5) * RIG_MS);
	expect_at_own(client, hello, hello_size / 2);
}

static void end_within_the_hello_is_passed_on(void **state)
{
	(void)state;
	open_rig(CONFIG_UNMATCHED_DEFAULT);
	make_hello("api.example.com");
	struct rig_peer *client = dial_with(hello, 20);
	fake_peer_shutdown(client->conn);
	rig_run(&rig, 3 * RIG_MS);
	struct rig_peer *server = client->partner;
	assert_non_null(server);
	unsigned char seen[CLIENTHELLO_MAX];
	assert_ptr_equal(rig_accept_any(&rig), server);
	rig_run(&rig, 2 * RIG_MS);
	assert_int_equal(fake_peer_read(server->conn, seen, sizeof(seen)), 20);
	assert_true(fake_peer_at_end(server->conn));
}

static void assert_refused(const struct rig_peer *client)
{
	assert_int_equal(client->cause, CAUSE_UNMATCHED);
	assert_true(fake_peer_was_reset(client->conn));
	assert_null(rig_accept_any(&rig));
}

static void others_are_refused_where_that_is_asked_for(void **state)
{
	(void)state;
	open_rig(CONFIG_UNMATCHED_REFUSE);
	make_hello("example.net");
	assert_refused(dial_with(hello, hello_size));
	assert_refused(dial_with("GET / HTTP/1.1\r\n", 16));
	struct rig_peer *silent = rig_dial(&rig, RIG_AUTO);
	rig_run(&rig, (TIMEOUT_MS + 5) * RIG_MS);
	assert_refused(silent);
}

static void hello_without_end_is_not_waited_for(void **state)
{
	static unsigned char endless[(CLIENT_HELLO_MAX / 6 + 2) * 6];
	(void)state;
	open_rig(CONFIG_UNMATCHED_REFUSE);
	/* Records of one byte each: the message itself is short, what carries it is not. */
	for (size_t i = 0; i < sizeof(endless); i += 6)
		memcpy(endless + i, (const unsigned char[]){22, 3, 1, 0, 1, 0}, 6);
	const struct {
		size_t at; /* in the message */
		unsigned char byte;
	} bytes[] = {{0, 1}, {2, 0x3f}, {42, 0x3e}, {45, 21}, {46, 0x3d}}; /* its type and size; extensions, one of them */
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++)
		endless[6 * bytes[i].at + 5] = bytes[i].byte;
	struct rig_peer *client = dial_with(endless, sizeof(endless));
	rig_run(&rig, 5 * RIG_MS);
	assert_refused(client);
}

static void client_that_resets_meanwhile_is_told_so(void **state)
{
	(void)state;
	open_rig(CONFIG_UNMATCHED_DEFAULT);
	make_hello("api.example.com");
	struct rig_peer *client = dial_with(hello, 20);
	fake_peer_reset(client->conn);
	rig_run(&rig, 2 * RIG_MS);
	assert_int_equal(client->cause, CAUSE_CLIENT_RESET);
	assert_null(rig_accept_any(&rig));
}

static void stop_ends_those_that_are_waited_for(void **state)
{
	(void)state;
	open_rig(CONFIG_UNMATCHED_DEFAULT);
	rig_dial(&rig, RIG_AUTO);
	rig_run(&rig, 2 * RIG_MS); /* closed in close_rig() */
}

#define HELLO_TEST(name) cmocka_unit_test_teardown(name, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HELLO_TEST(name_decides_where_a_client_goes),
		HELLO_TEST(hello_may_come_in_pieces),
		HELLO_TEST(name_without_a_route_goes_to_the_own_pool),
		HELLO_TEST(what_is_no_hello_goes_to_the_own_pool_at_once),
		HELLO_TEST(silent_client_goes_to_the_own_pool_after_the_timeout),
		HELLO_TEST(backend_has_its_own_time_after_the_timeout),
		HELLO_TEST(half_a_hello_goes_on_after_the_timeout),
		HELLO_TEST(end_within_the_hello_is_passed_on),
		HELLO_TEST(others_are_refused_where_that_is_asked_for),
		HELLO_TEST(hello_without_end_is_not_waited_for),
		HELLO_TEST(client_that_resets_meanwhile_is_told_so),
		HELLO_TEST(stop_ends_those_that_are_waited_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
