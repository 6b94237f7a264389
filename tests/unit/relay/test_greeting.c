/* SPDX-License-Identifier: Apache-2.0 */
/* The header of the PROXY protocol that backends get first: whom it names, and that it is first whatever happens. */
#include <string.h>

#include "tests/unit/relay/rig.h"

static struct rig rig;

#define LITERAL(text) text, sizeof(text) - 1

#define V1 "PROXY TCP4 127.0.0.1 127.0.0.1 40000 80\r\n"

/* From 127.0.0.1:40000 to 127.0.0.1:80, and what follows: its size before it, its type among it. */
#define V2_SIZE(size) "\r\n\r\n\0\r\nQUIT\n\x21\x11\0" size "\x7f\0\0\1\x7f\0\0\1\x9c\x40\0\x50"
#define V2            V2_SIZE("\x15") "\x30\0\6client"

static struct rig_options greeting_options(enum config_proxy version, const char *greeting, size_t size)
{
	struct rig_options options = rig_defaults();
	options.proxy_send = version;
	options.greeting = greeting;
	options.greeting_size = size;
	return options;
}

static void open_greeting(enum config_proxy version, const char *greeting, size_t size)
{
	struct rig_options options = greeting_options(version, greeting, size);
	rig_open(&rig, &options);
}

static void assert_greeted(struct rig_peer *server)
{
	rig_read_all(&rig, server);
	assert_int_equal(server->greeted, rig.options.greeting_size);
}

static void transfer_both_ways(enum rig_relay relay)
{
	struct rig_pair pair = rig_pair(&rig, relay);
	rig_transfer(&rig, pair.client, 100000);
	rig_transfer(&rig, pair.server, 100000);
	assert_greeted(pair.server);
	fake_peer_shutdown(pair.client->conn);
	rig_run(&rig, 5 * RIG_MS);
	fake_peer_shutdown(pair.server->conn);
	rig_run(&rig, 5 * RIG_MS);
	assert_int_equal(pair.client->cause, CAUSE_CLIENT_CLOSED);
}

static void backends_of_every_kind_are_greeted_in_both_versions(void **state)
{
	(void)state;
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		open_greeting(CONFIG_PROXY_V1, LITERAL(V1));
		transfer_both_ways(relay);
		rig_close(&rig);
		open_greeting(CONFIG_PROXY_V2, LITERAL(V2));
		transfer_both_ways(relay);
		rig_close(&rig);
	}
}

static void greeting_comes_before_a_server_that_speaks_first(void **state)
{
	(void)state;
	open_greeting(CONFIG_PROXY_V2, LITERAL(V2));
	struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
	assert_greeted(pair.server);
	rig_transfer(&rig, pair.server, 10);
	rig_transfer(&rig, pair.client, 10);
	rig_close(&rig);
}

static void greeting_shares_a_segment_with_the_first_bytes(void **state)
{
	(void)state;
	open_greeting(CONFIG_PROXY_V1, LITERAL(V1));
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO), *server = NULL;
	rig_send(&rig, client, 100);
	while (!server || fake_peer_waiting(server->conn) == 0) {
		rig_turn(&rig);
		server = server ? server : rig_accept_any(&rig);
	}
	assert_int_equal(fake_peer_waiting(server->conn), sizeof(V1) - 1 + 100);
	rig_close(&rig);
}

static void every_attempt_begins_with_the_greeting_once(void **state)
{
	(void)state;
	open_greeting(CONFIG_PROXY_V1, LITERAL(V1));
	fake_server_answer(0, FAKE_REFUSES_LATER);
	fake_server_answer(1, FAKE_REFUSES);
	for (int i = 0; i < 3; i++) {
		struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
		rig_transfer(&rig, pair.client, 1000);
		assert_greeted(pair.server);
	}
	assert_int_equal(fake_server_attempts(2), 3);
	rig_close(&rig);
}

/* The fake kernel's sockets know another address than the configuration. */
static void address_behind_a_wildcard_is_the_sockets_own(void **state)
{
	static const char greeting[] = "PROXY TCP4 127.0.0.1 127.0.0.2 40000 80\r\n";
	struct rig_options options = greeting_options(CONFIG_PROXY_V1, greeting, sizeof(greeting) - 1);
	(void)state;
	options.listener = "client/0.0.0.0:80";
	rig_open(&rig, &options);
	assert_greeted(rig_pair(&rig, RIG_AUTO).server);
	rig_close(&rig);
}

static void own_namespace_has_no_name(void **state)
{
	struct rig_options options = greeting_options(CONFIG_PROXY_V2, LITERAL(V2_SIZE("\x0c")));
	(void)state;
	options.listener = "/127.0.0.1:80";
	rig_open(&rig, &options);
	assert_greeted(rig_pair(&rig, RIG_AUTO).server);
	rig_close(&rig);
}

static void client_is_refused_when_there_is_no_memory_for_its_greeting(void **state)
{
	struct rig_options options = greeting_options(CONFIG_PROXY_V1, LITERAL(V1));
	(void)state;
	options.spill_chunks = 1;
	rig_open(&rig, &options);
	for (uint32_t i = 0; i < FAKE_SERVER_COUNT; i++)
		fake_server_answer(i, FAKE_SILENT);
	rig.memory_is_scarce = true;
	struct rig_peer *first = rig_dial(&rig, RIG_AUTO), *second = rig_dial(&rig, RIG_AUTO);
	rig_run(&rig, RIG_MS);
	assert_int_equal(first->cause, -1);
	assert_int_equal(second->cause, CAUSE_RESOURCE_LIMIT);
	assert_true(fake_peer_was_reset(second->conn));
	rig_close(&rig);
}

static void greeting_is_not_counted_as_the_clients_bytes(void **state)
{
	(void)state;
	open_greeting(CONFIG_PROXY_V1, LITERAL(V1));
	struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
	rig_transfer(&rig, pair.client, 10);
	assert_int_equal(rig_counter(&rig, COUNTER_BYTES_UP), 10);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(backends_of_every_kind_are_greeted_in_both_versions),
		cmocka_unit_test(greeting_comes_before_a_server_that_speaks_first),
		cmocka_unit_test(greeting_shares_a_segment_with_the_first_bytes),
		cmocka_unit_test(every_attempt_begins_with_the_greeting_once),
		cmocka_unit_test(address_behind_a_wildcard_is_the_sockets_own),
		cmocka_unit_test(own_namespace_has_no_name),
		cmocka_unit_test(client_is_refused_when_there_is_no_memory_for_its_greeting),
		cmocka_unit_test(greeting_is_not_counted_as_the_clients_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
