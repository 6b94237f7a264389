/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of the PROXY protocol that clients begin with: whom they are believed, and what comes of every way to send one. */
#include <arpa/inet.h>
#include <string.h>

#include "tests/unit/relay/rig.h"

static struct rig rig;

#define LITERAL(text) text, sizeof(text) - 1

#define V1 "PROXY TCP4 192.0.2.7 198.51.100.9 4660 443\r\n"

/* From 192.0.2.7:4660 to 198.51.100.9:443, and what follows: its size before it, its type among it. */
#define V2_SIZE(size) "\r\n\r\n\0\r\nQUIT\n\x21\x11\0" size "\xc0\0\2\7\xc6\x33\x64\x09\x12\x34\x01\xbb"
#define V2_LOCAL      "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"

enum { TIMEOUT_MS = 50 };

static struct rig_options accepting(const char *from)
{
	static struct cidr block;
	struct err err = ERR_INIT;
	struct rig_options options = rig_defaults();
	assert_int_equal(cidr_parse(from, &block, &err), 0);
	options.accept = (struct config_accept){.from = {&block, 1}, .timeout_ms = TIMEOUT_MS};
	return options;
}

static void open_accepting(void)
{
	struct rig_options options = accepting("127.0.0.0/8");
	rig_open(&rig, &options);
}

static void send_raw(struct rig_peer *client, const char *bytes, size_t size)
{
	assert_int_equal(fake_peer_send(client->conn, bytes, size), size);
}

static struct rig_peer *dial_with(const char *bytes, size_t size)
{
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	send_raw(client, bytes, size);
	return client;
}

static void assert_client_is(const struct rig_peer *client, const char *address)
{
	uint8_t expected[4];
	const struct session *session = rig_session(&rig, client);
	assert_non_null(session);
	assert_int_equal(inet_pton(AF_INET, address, expected), 1);
	assert_memory_equal(session->peer.address, expected, sizeof(expected));
}

static void assert_relayed(struct rig_peer *client)
{
	rig_run(&rig, 2 * RIG_MS);
	struct rig_peer *server = rig_accept_any(&rig);
	assert_non_null(server);
	assert_ptr_equal(client->partner, server);
	rig_transfer(&rig, client, 5000);
	rig_transfer(&rig, server, 5000);
}

static void assert_refused(const struct rig_peer *client, enum cause cause)
{
	assert_int_equal(client->cause, cause);
	assert_true(fake_peer_was_reset(client->conn));
	assert_null(rig_accept_any(&rig));
}

static void header_names_the_client_and_is_not_relayed(void **state)
{
	(void)state;
	open_accepting();
	struct rig_peer *client = dial_with(LITERAL(V1));
	assert_relayed(client);
	assert_client_is(client, "192.0.2.7");
	assert_int_equal(rig_counter(&rig, COUNTER_BYTES_UP), 5000);
	rig_close(&rig);
}

static void socket_that_told_is_remembered(void **state)
{
	uint8_t local[] = {127, 0, 0, 1};
	(void)state;
	open_accepting();
	struct rig_peer *client = dial_with(LITERAL(V1));
	assert_relayed(client);
	const struct preread_told *told = preread_told(&rig.worker, rig_session(&rig, client));
	assert_non_null(told);
	assert_memory_equal(told->via.address, local, sizeof(local));
	rig_close(&rig);
}

static void header_in_pieces_of_one_byte_is_one(void **state)
{
	static const char header[] = V2_SIZE("\x12") "\x04\0\3abc";
	(void)state;
	open_accepting();
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	for (size_t i = 0; i < sizeof(header) - 1; i++) {
		rig_turn(&rig);
		send_raw(client, header + i, 1);
		rig_run(&rig, RIG_MS / 10);
	}
	assert_relayed(client);
	assert_client_is(client, "192.0.2.7");
	rig_close(&rig);
}

static void bytes_behind_the_header_share_its_segment(void **state)
{
	(void)state;
	open_accepting();
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	send_raw(client, LITERAL(V1));
	rig_send(&rig, client, 100);
	assert_relayed(client);
	assert_int_equal(rig_counter(&rig, COUNTER_BYTES_UP), 5100);
	rig_close(&rig);
}

static void silence_behind_the_header_is_no_timeout(void **state)
{
	(void)state;
	open_accepting();
	struct rig_peer *client = dial_with(LITERAL(V1));
	rig_run(&rig, 4 * TIMEOUT_MS * RIG_MS);
	assert_relayed(client);
	rig_close(&rig);
}

static void end_right_behind_the_header_is_passed_on(void **state)
{
	(void)state;
	open_accepting();
	struct rig_peer *client = dial_with(LITERAL(V1));
	fake_peer_shutdown(client->conn);
	rig_run(&rig, 2 * RIG_MS);
	struct rig_peer *server = rig_accept_any(&rig);
	rig_read_all(&rig, server);
	assert_true(fake_peer_at_end(server->conn));
	fake_peer_shutdown(server->conn);
	rig_run(&rig, 2 * RIG_MS);
	assert_int_equal(client->cause, CAUSE_CLIENT_CLOSED);
	rig_close(&rig);
}

static void local_header_leaves_the_sockets_own_address(void **state)
{
	(void)state;
	open_accepting();
	struct rig_peer *client = dial_with(LITERAL(V2_LOCAL));
	assert_relayed(client);
	assert_client_is(client, "127.0.0.1");
	assert_null(preread_told(&rig.worker, rig_session(&rig, client)));
	rig_close(&rig);
}

static void what_is_no_header_is_refused(void **state)
{
	(void)state;
	open_accepting();
	struct rig_peer *other = dial_with(LITERAL("GET / HTTP/1.1\r\n\r\n"));
	struct rig_peer *malformed = dial_with(LITERAL("PROXY TCP4 192.0.2.7\r\n"));
	struct rig_peer *ended = dial_with(LITERAL("PROXY TCP4 "));
	fake_peer_shutdown(ended->conn);
	rig_run(&rig, 2 * RIG_MS);
	assert_refused(other, CAUSE_BAD_HEADER);
	assert_refused(malformed, CAUSE_BAD_HEADER);
	assert_refused(ended, CAUSE_BAD_HEADER);
	rig_close(&rig);
}

static void header_that_is_not_complete_in_time_is_refused(void **state)
{
	(void)state;
	open_accepting();
	struct rig_peer *silent = rig_dial(&rig, RIG_AUTO), *slow = dial_with(LITERAL("PROXY "));
	for (int i = 0; i < 4; i++) { /* time is not won by sending */
		rig_run(&rig, (TIMEOUT_MS / 5) * RIG_MS);
		send_raw(slow, &"TCP4"[i], 1);
	}
	assert_int_equal(silent->cause, -1);
	rig_run(&rig, (TIMEOUT_MS / 5 + 5) * RIG_MS);
	assert_refused(silent, CAUSE_HEADER_TIMEOUT);
	assert_refused(slow, CAUSE_HEADER_TIMEOUT);
	rig_close(&rig);
}

static void sessions_that_have_sent_nothing_hold_no_memory(void **state)
{
	(void)state;
	open_accepting();
	for (int i = 0; i < 10; i++)
		rig_dial(&rig, RIG_AUTO);
	rig_run(&rig, RIG_MS);
	assert_int_equal(rig.worker.sessions.used, 10);
	assert_int_equal(rig.worker.spill.chunks.used, 0);
	rig_run(&rig, 2 * TIMEOUT_MS * RIG_MS);
	assert_int_equal(rig.worker.sessions.used, 0);
	rig_close(&rig);
}

static void reset_in_the_middle_of_a_header_is_the_clients(void **state)
{
	(void)state;
	open_accepting();
	struct rig_peer *client = dial_with(LITERAL("PROXY TCP4 "));
	rig_run(&rig, RIG_MS);
	fake_peer_reset(client->conn);
	rig_run(&rig, RIG_MS);
	assert_int_equal(client->cause, CAUSE_CLIENT_RESET);
	rig_close(&rig);
}

static void stopping_ends_those_who_have_sent_half_a_header(void **state)
{
	(void)state;
	open_accepting();
	struct rig_peer *client = dial_with(LITERAL("PROXY TCP4 "));
	rig_run(&rig, RIG_MS);
	rig.told_to_stop = true;
	worker_stop(&rig.worker);
	rig_run(&rig, RIG_MS);
	assert_int_equal(client->cause, CAUSE_DRAINED);
	rig_close(&rig);
}

static void headers_of_others_are_bytes_like_any(void **state)
{
	struct rig_options options = accepting("10.0.0.0/8");
	(void)state;
	rig_open(&rig, &options);
	struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
	rig_transfer(&rig, pair.client, 100);
	assert_client_is(pair.client, "127.0.0.1");
	rig_close(&rig);
}

static void others_are_refused_where_that_is_asked_for(void **state)
{
	struct rig_options options = accepting("10.0.0.0/8");
	(void)state;
	options.accept.others = CONFIG_OTHERS_REFUSE;
	rig_open(&rig, &options);
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	rig_run(&rig, RIG_MS);
	assert_refused(client, CAUSE_POLICY);
	rig_close(&rig);
}

static void backends_are_told_what_the_header_told(void **state)
{
	static const char told[] = V2_SIZE("\x12") "\x04\0\3abc";
	static const char greeting[] = V2_SIZE("\x1b") "\x04\0\3abc" "\x30\0\6client";
	struct rig_options options = accepting("127.0.0.1");
	(void)state;
	options.proxy_send = CONFIG_PROXY_V2;
	options.greeting = greeting;
	options.greeting_size = sizeof(greeting) - 1;
	rig_open(&rig, &options);
	struct rig_peer *client = dial_with(told, sizeof(told) - 1);
	rig_send(&rig, client, 10);
	assert_relayed(client);
	assert_int_equal(client->partner->greeted, sizeof(greeting) - 1);
	rig_close(&rig);
}

static void deny_looks_at_the_client_that_the_header_names(void **state)
{
	struct rig_options options = accepting("127.0.0.1");
	struct cidr denied;
	struct err err = ERR_INIT;
	(void)state;
	assert_int_equal(cidr_parse("192.0.2.0/24", &denied, &err), 0);
	options.deny = (struct config_cidrs){&denied, 1};
	rig_open(&rig, &options);
	struct rig_peer *client = dial_with(LITERAL(V1)), *local = dial_with(LITERAL(V2_LOCAL));
	rig_run(&rig, RIG_MS);
	assert_int_equal(client->cause, CAUSE_POLICY);
	assert_int_equal(local->cause, -1);
	rig_close(&rig);
}

static void bytes_behind_the_header_are_charged_to_the_client_it_names(void **state)
{
	enum { RATE = 1000, BYTES = 3000 };
	struct rig_options options = accepting("127.0.0.1");
	(void)state;
	options.limits = (struct config_limits){.source.bandwidth.up = RATE, .sources = 10};
	rig_open(&rig, &options);
	struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
	send_raw(client, LITERAL(V1));
	rig_send(&rig, client, BYTES);
	rig_run(&rig, 2 * RIG_MS);
	const struct session *session = rig_session(&rig, client);
	const struct sources *sources = &rig.shared.admission.relays[RIG_AUTO].sources;
	const struct shaper *shaper = sources_shaper(sources, session->source, SIDE_CLIENT);
	uint64_t took_ns = shaper->paid_at_ns - session->accepted_ns, price_ns = BYTES * 1000 * RIG_MS / RATE;
	assert_in_range(took_ns, price_ns - SHAPER_BURST_MS * RIG_MS, price_ns);
	assert_int_equal(rig_counter(&rig, COUNTER_THROTTLED), 1);
	assert_int_equal(rig_counter(&rig, COUNTER_BYTES_UP), BYTES);
	rig_accept_any(&rig);
	fake_peer_close(client->conn);
	rig_close(&rig);
}

/* All that one chunk holds: what is charged later, and given back, is the same. */
static void client_named_by_a_header_owes_for_its_bytes_and_no_more(void **state)
{
	enum { RATE = 100000, BYTES = SPILL_CHUNK_SIZE };
	struct rig_options options = accepting("127.0.0.1");
	(void)state;
	options.limits = (struct config_limits){.source.bandwidth.up = RATE, .sources = 10};
	rig_open(&rig, &options);
	uint64_t began_ns = fake_now_ns();
	for (int i = 0; i < 100; i++) {
		struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
		send_raw(client, LITERAL(V1));
		rig_send(&rig, client, BYTES);
		rig_run(&rig, RIG_MS);
		struct rig_peer *server = rig_accept_any(&rig);
		while (server->received < BYTES) {
			rig_run(&rig, RIG_MS);
			rig_receive(&rig, server, SIZE_MAX);
		}
		fake_peer_close(client->conn);
		fake_peer_close(server->conn);
		rig_run(&rig, RIG_MS);
	}
	uint64_t ideal_ns = UINT64_C(100) * BYTES * 1000 * RIG_MS / RATE;
	assert_in_range(fake_now_ns() - began_ns, ideal_ns * 95 / 100, ideal_ns * 130 / 100);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_names_the_client_and_is_not_relayed),
		cmocka_unit_test(socket_that_told_is_remembered),
		cmocka_unit_test(header_in_pieces_of_one_byte_is_one),
		cmocka_unit_test(bytes_behind_the_header_share_its_segment),
		cmocka_unit_test(silence_behind_the_header_is_no_timeout),
		cmocka_unit_test(end_right_behind_the_header_is_passed_on),
		cmocka_unit_test(local_header_leaves_the_sockets_own_address),
		cmocka_unit_test(what_is_no_header_is_refused),
		cmocka_unit_test(header_that_is_not_complete_in_time_is_refused),
		cmocka_unit_test(sessions_that_have_sent_nothing_hold_no_memory),
		cmocka_unit_test(reset_in_the_middle_of_a_header_is_the_clients),
		cmocka_unit_test(stopping_ends_those_who_have_sent_half_a_header),
		cmocka_unit_test(headers_of_others_are_bytes_like_any),
		cmocka_unit_test(others_are_refused_where_that_is_asked_for),
		cmocka_unit_test(backends_are_told_what_the_header_told),
		cmocka_unit_test(deny_looks_at_the_client_that_the_header_names),
		cmocka_unit_test(bytes_behind_the_header_are_charged_to_the_client_it_names),
		cmocka_unit_test(client_named_by_a_header_owes_for_its_bytes_and_no_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
