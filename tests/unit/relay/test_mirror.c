/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of connections: what their receiver gets, and that the connections do not notice. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "relay/proxy_protocol.h"
#include "tests/unit/relay/rig.h"

static struct rig rig;

static struct rig_options mirrored(void)
{
	struct rig_options options = rig_defaults();
	options.mirror = (struct config_mirror){
	        .to = rig_endpoint("ids/127.0.0.1:9006"),
	        .fraction = CONFIG_FRACTION_ALL,
	};
	return options;
}

static void open_with(enum config_mirror_direction direction)
{
	struct rig_options options = mirrored();
	options.mirror.direction = direction;
	rig_open(&rig, &options);
}

/* A copy as its receiver sees it. */
struct copy {
	struct fake_conn *conn;
	const struct rig_peer *original; /* who sent what is copied */
	uint64_t received;
};

static struct copy take_copy(const struct rig_peer *original)
{
	struct copy copy = {.conn = fake_server_accept(RIG_RECEIVER), .original = original};
	assert_non_null(copy.conn);
	return copy;
}

/* read_copy - read what is there; it is what the original sent, without a gap */
static void read_copy(struct copy *copy)
{
	static unsigned char bytes[64 * 1024], expected[64 * 1024];
	for (size_t n; (n = fake_peer_read(copy->conn, bytes, sizeof(bytes))) > 0;) {
		rig_content(copy->original, copy->received, expected, n);
		assert_memory_equal(bytes, expected, n);
		copy->received += n;
	}
}

/* transfer - @original sends @size bytes, and the copy is read meanwhile */
static void transfer(struct rig_peer *original, struct copy *copy, size_t size)
{
	while (size > 0) {
		size_t n = size < 32 * 1024 ? size : 32 * 1024;
		rig_transfer(&rig, original, n);
		rig_run(&rig, RIG_MS);
		read_copy(copy);
		size -= n;
	}
}

/* check_sums - each byte is either mirrored or skipped */
static void check_sums(uint64_t bytes)
{
	rig_run(&rig, RIG_MS);
	assert_int_equal(rig_counter(&rig, COUNTER_MIRRORED) + rig_counter(&rig, COUNTER_MIRROR_SKIPPED),
	                 bytes);
}

static void close_pair(const struct rig_pair *pair)
{
	fake_peer_shutdown(pair->client->conn);
	rig_run(&rig, 5 * RIG_MS);
	fake_peer_shutdown(pair->server->conn);
	for (int i = 0; rig_session(&rig, pair->client); i++) {
		rig_run(&rig, 10 * RIG_MS);
		assert_true(i < 100);
	}
}

/* ---- what is copied ---- */

static void both_directions_are_copied_each_by_itself(void **state)
{
	(void)state;
	for (enum rig_relay relay = RIG_AUTO; relay < RIG_RELAYS; relay++) {
		open_with(CONFIG_MIRROR_BOTH);
		struct rig_pair pair = rig_pair(&rig, relay);
		struct copy up = take_copy(pair.client), down = take_copy(pair.server);
		for (int i = 0; i < 20; i++) {
			transfer(pair.client, &up, 700);
			transfer(pair.server, &down, 7000);
		}
		close_pair(&pair);
		read_copy(&up);
		read_copy(&down);
		assert_int_equal(up.received, 14000);
		assert_int_equal(down.received, 140000);
		assert_true(fake_peer_at_end(up.conn) && fake_peer_at_end(down.conn));
		assert_int_equal(rig_counter(&rig, COUNTER_MIRRORED), 154000);
		assert_int_equal(rig_counter(&rig, COUNTER_MIRROR_SKIPPED), 0);
		rig_close(&rig);
	}
}

static void copy_follows_through_changes_of_lane(void **state)
{
	(void)state;
	open_with(CONFIG_MIRROR_UP);
	struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
	struct copy copy = take_copy(pair.client);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 60; i++)
			transfer(pair.client, &copy, 32 * 1024);
		assert_int_equal(rig_flow(&rig, pair.client), FLOW_BULK);
		for (int i = 0; i < 40; i++)
			transfer(pair.client, &copy, 100);
		assert_int_equal(rig_flow(&rig, pair.client), FLOW_RECV);
	}
	assert_int_equal(copy.received, pair.client->sent);
	check_sums(pair.client->sent);
	assert_null(fake_server_accept(RIG_RECEIVER)); /* down is not copied */
	rig_close(&rig);
}

static void first_bytes_come_before_the_later_ones(void **state)
{
	(void)state;
	for (int greets = 0; greets < 2; greets++) {
		struct rig_options options = mirrored();
		options.mirror.direction = CONFIG_MIRROR_UP;
		options.proxy_send = greets ? CONFIG_PROXY_V1 : CONFIG_PROXY_OFF;
		options.greeting = "PROXY TCP4 127.0.0.1 127.0.0.1 40000 80\r\n";
		options.greeting_size = greets ? strlen(options.greeting) : 0;
		rig_open(&rig, &options);
		struct rig_peer *client = rig_dial(&rig, RIG_AUTO);
		rig_send(&rig, client, 1000); /* before it is accepted */
		rig_run(&rig, 2 * RIG_MS);
		struct rig_peer *server = rig_accept_any(&rig);
		struct copy copy = take_copy(client);
		rig_receive(&rig, server, SIZE_MAX);
		transfer(client, &copy, 1000);
		assert_int_equal(copy.received, 2000);
		check_sums(2000);
		rig_close(&rig);
	}
}

static void header_names_the_ends_in_the_order_of_the_bytes(void **state)
{
	(void)state;
	struct rig_options options = mirrored();
	options.mirror.header = CONFIG_MIRROR_PROXY_V2;
	rig_open(&rig, &options);
	struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
	struct fake_conn *copies[] = {fake_server_accept(RIG_RECEIVER), fake_server_accept(RIG_RECEIVER)};
	rig_transfer(&rig, pair.client, 100);
	rig_run(&rig, 2 * RIG_MS);
	for (int i = 0; i < SIDE_COUNT; i++) {
		uint8_t bytes[1024];
		struct proxy_header header;
		const char *why;
		size_t size = fake_peer_read(copies[i], bytes, sizeof(bytes)), header_size;
		assert_int_equal(proxy_decode(bytes, size, &header, &header_size, &why), PROXY_COMPLETE);
		const struct session_peer *client = i == SIDE_CLIENT ? &header.source : &header.destination;
		const struct session_peer *listener = i == SIDE_CLIENT ? &header.destination : &header.source;
		assert_int_equal(ntohs(client->port), 40000);
		assert_int_equal(ntohs(listener->port), 80);
		assert_int_equal(size - header_size, i == SIDE_CLIENT ? 100 : 0);
	}
	check_sums(100); /* headers are not counted */
	rig_close(&rig);
}

static void fraction_of_the_connections_is_copied(void **state)
{
	static const struct {
		uint32_t fraction, least, most;
	} cases[] = {{0, 0, 0}, {5000, 5, 45}, {9999, 45, 50}};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t count = 0;
		struct rig_options options = mirrored();
		options.mirror.direction = CONFIG_MIRROR_UP;
		options.mirror.fraction = cases[i].fraction;
		rig_open(&rig, &options);
		for (int j = 0; j < 50; j++)
			rig_pair(&rig, RIG_AUTO);
		rig_run(&rig, 2 * RIG_MS);
		while (fake_server_accept(RIG_RECEIVER))
			count++;
		assert_in_range(count, cases[i].least, cases[i].most);
		rig_close(&rig);
	}
}

static void receiver_may_be_a_unix_socket(void **state)
{
	enum { UNIX_RECEIVER = 5 };
	(void)state;
	for (enum rig_relay relay = RIG_AUTO; relay < RIG_UNIX; relay++) {
		struct rig_options options = mirrored();
		options.mirror.to = rig_endpoint("unix:/run/ids");
		options.mirror.direction = CONFIG_MIRROR_UP;
		rig_open(&rig, &options);
		struct rig_pair pair = rig_pair(&rig, relay);
		struct copy copy = {.conn = fake_server_accept(UNIX_RECEIVER), .original = pair.client};
		assert_non_null(copy.conn);
		transfer(pair.client, &copy, 100000);
		close_pair(&pair);
		assert_int_equal(copy.received, 100000);
		assert_true(fake_peer_at_end(copy.conn));
		rig_close(&rig);
	}
}

static void connections_of_some_clients_are_copied(void **state)
{
	/* Clients of the fake kernel are 127.0.0.1. */
	static const struct {
		const char *from;
		bool copied;
	} cases[] = {{"127.0.0.0/8", true}, {"10.0.0.0/8", false}, {"::/0", false}};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cidr cidr;
		struct rig_options options = mirrored();
		assert_int_equal(cidr_parse(cases[i].from, &cidr, NULL), 0);
		options.mirror.from = (struct config_cidrs){&cidr, 1};
		rig_open(&rig, &options);
		rig_pair(&rig, RIG_AUTO);
		rig_run(&rig, 2 * RIG_MS);
		assert_int_equal(fake_server_accept(RIG_RECEIVER) != NULL, cases[i].copied);
		rig_close(&rig);
	}
}

static void end_of_one_direction_is_the_end_of_its_copy(void **state)
{
	(void)state;
	open_with(CONFIG_MIRROR_BOTH);
	struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
	struct copy up = take_copy(pair.client), down = take_copy(pair.server);
	transfer(pair.client, &up, 100);
	rig_send(&rig, pair.client, 50); /* the last bytes, with their end */
	fake_peer_shutdown(pair.client->conn);
	rig_run(&rig, 5 * RIG_MS);
	read_copy(&up);
	assert_int_equal(up.received, 150);
	assert_true(fake_peer_at_end(up.conn));
	transfer(pair.server, &down, 5000);
	assert_false(fake_peer_at_end(down.conn));
	assert_int_equal(down.received, 5000);
	rig_close(&rig);
}

/* ---- receivers that are slow or gone ---- */

static void stalled_receiver_is_skipped_and_nobody_waits(void **state)
{
	(void)state;
	for (enum rig_relay relay = RIG_AUTO; relay < RIG_RELAYS; relay++) {
		open_with(CONFIG_MIRROR_UP);
		struct rig_pair pair = rig_pair(&rig, relay);
		struct copy copy = take_copy(pair.client);
		for (int i = 0; i < 100; i++)
			rig_transfer(&rig, pair.client, 20000);
		check_sums(2000000);
		uint64_t mirrored = rig_counter(&rig, COUNTER_MIRRORED);
		assert_in_range(mirrored, 100000, 140000); /* what fits into two sockets' buffers */
		assert_int_equal(fake_conn_facts(copy.conn).given, mirrored);
		read_copy(&copy); /* of which the first are whole */
		assert_true(copy.received > 60000);
		rig_run(&rig, 2 * RIG_MS);
		rig_transfer(&rig, pair.client, 20000);
		check_sums(2020000);
		assert_true(rig_counter(&rig, COUNTER_MIRRORED) > mirrored); /* it goes on once it is read */
		close_pair(&pair);
		rig_close(&rig);
	}
}

static void dropped_copy_is_reset_and_has_no_gap(void **state)
{
	(void)state;
	for (enum rig_relay relay = RIG_AUTO; relay < RIG_RELAYS; relay++) {
		struct rig_options options = mirrored();
		options.mirror.direction = CONFIG_MIRROR_UP;
		options.mirror.when_slow = CONFIG_MIRROR_DROP;
		rig_open(&rig, &options);
		struct rig_pair pair = rig_pair(&rig, relay);
		struct copy copy = take_copy(pair.client);
		for (int i = 0; i < 50; i++)
			rig_transfer(&rig, pair.client, 20000);
		check_sums(1000000);
		read_copy(&copy);
		rig_run(&rig, 5 * RIG_MS);
		assert_true(fake_peer_was_reset(copy.conn));
		assert_int_equal(rig_counter(&rig, COUNTER_MIRROR_FAILURES), 1);
		rig_transfer(&rig, pair.client, 1000);
		check_sums(1001000);
		close_pair(&pair);
		rig_close(&rig);
	}
}

static void receiver_that_refuses_is_left_alone_for_a_while(void **state)
{
	static const enum fake_answer answers[] = {FAKE_REFUSES, FAKE_REFUSES_LATER, FAKE_NO_ROUTE};
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		open_with(CONFIG_MIRROR_UP);
		fake_server_answer(RIG_RECEIVER, answers[i]);
		for (int j = 0; j < 5; j++) {
			struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
			rig_transfer(&rig, pair.client, 1000);
		}
		check_sums(5000);
		assert_int_equal(rig_counter(&rig, COUNTER_MIRRORED), 0);
		assert_int_equal(rig_counter(&rig, COUNTER_MIRROR_FAILURES), 1);
		rig_run(&rig, MIRROR_RETRY_MS * RIG_MS);
		fake_server_answer(RIG_RECEIVER, FAKE_ACCEPTS);
		struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
		struct copy copy = take_copy(pair.client);
		transfer(pair.client, &copy, 1000);
		assert_int_equal(copy.received, 1000);
		rig_close(&rig);
	}
}

static void first_bytes_are_held_for_a_receiver_that_answers_late(void **state)
{
	(void)state;
	for (enum rig_relay relay = RIG_AUTO; relay < RIG_RELAYS; relay++) {
		struct rig_options options = mirrored();
		options.mirror.direction = CONFIG_MIRROR_UP;
		rig_open(&rig, &options);
		rig_pair(&rig, relay); /* fills the pools */
		rig_run(&rig, 2 * RIG_MS);
		fake_conn_forget(fake_server_accept(RIG_RECEIVER));
		fake_server_answer(RIG_RECEIVER, FAKE_SILENT);
		struct rig_pair pair = rig_pair(&rig, relay);
		rig_transfer(&rig, pair.client, 3000);
		check_sums(0);
		rig_transfer(&rig, pair.client, 20000); /* more than is held */
		uint64_t skipped = rig_counter(&rig, COUNTER_MIRROR_SKIPPED);
		assert_int_equal(skipped, 23000 - TAP_HOLD_BYTES);
		fake_chances()->delay = 900; /* it may not be closed before its poll has come back */
		rig_run(&rig, (TAP_PATIENCE_MS + 5) * RIG_MS);
		fake_chances()->delay = 0;
		check_sums(23000);
		assert_int_equal(rig_counter(&rig, COUNTER_MIRRORED), 0);
		assert_int_equal(rig_counter(&rig, COUNTER_MIRROR_FAILURES), 1);
		rig_close(&rig);
	}
}

static void short_connection_is_copied_after_its_end(void **state)
{
	(void)state;
	struct rig_options options = mirrored();
	options.mirror.direction = CONFIG_MIRROR_UP;
	rig_open(&rig, &options);
	fake_server_answer(RIG_RECEIVER, FAKE_ACCEPTS_LATER);
	struct rig_pair pair = rig_pair(&rig, RIG_BULK);
	rig_transfer(&rig, pair.client, 500);
	close_pair(&pair);
	rig_run(&rig, 5 * RIG_MS);
	struct copy copy = take_copy(pair.client);
	read_copy(&copy);
	assert_int_equal(copy.received, 500);
	assert_true(fake_peer_at_end(copy.conn));
	check_sums(500);
	rig_close(&rig);
}

static void sockets_that_cannot_be_made_cost_the_copy_alone(void **state)
{
	(void)state;
	open_with(CONFIG_MIRROR_BOTH);
	struct rig_pair pair = rig_pair(&rig, RIG_INTERACTIVE);
	close_pair(&pair);
	/* Two copies a connection: their pool is empty before the backends' is. */
	rig.source.error = EMFILE;
	uint64_t bytes = 0;
	for (; rig_counter(&rig, COUNTER_MIRROR_FAILURES) == 0; bytes += 100) {
		pair = rig_pair(&rig, RIG_INTERACTIVE);
		rig_transfer(&rig, pair.client, 100);
		close_pair(&pair);
		assert_true(bytes < 5000);
	}
	check_sums(bytes);
	rig_close(&rig);
}

static void reset_of_the_receiver_is_not_the_sessions(void **state)
{
	(void)state;
	for (enum rig_relay relay = RIG_AUTO; relay < RIG_RELAYS; relay++) {
		open_with(CONFIG_MIRROR_UP);
		struct rig_pair pair = rig_pair(&rig, relay);
		struct copy copy = take_copy(pair.client);
		transfer(pair.client, &copy, 5000);
		fake_peer_reset(copy.conn);
		rig_transfer(&rig, pair.client, 200000);
		check_sums(205000);
		assert_int_equal(rig_counter(&rig, COUNTER_MIRROR_FAILURES), 1);
		close_pair(&pair);
		assert_int_equal(pair.client->cause, CAUSE_CLIENT_CLOSED);
		rig_close(&rig);
	}
}

static void what_the_receiver_says_is_thrown_away(void **state)
{
	(void)state;
	open_with(CONFIG_MIRROR_UP);
	struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
	struct copy copy = take_copy(pair.client);
	fake_peer_send(copy.conn, "hello", 5);
	transfer(pair.client, &copy, 100);
	close_pair(&pair);
	rig_run(&rig, 5 * RIG_MS);
	assert_true(fake_peer_at_end(copy.conn));
	assert_false(fake_peer_was_reset(copy.conn));
	assert_int_equal(pair.server->received, 100);
	rig_close(&rig);
}

/* ---- a machine without time ---- */

/* exchange - @count messages of 100 bytes, one each ms */
static void exchange(const struct rig_pair *pair, struct copy *copy, uint32_t count)
{
	while (count-- > 0) {
		rig_transfer(&rig, pair->client, 100);
		rig_run(&rig, RIG_MS);
		fake_peer_read(copy->conn, (unsigned char[256]){0}, 256);
	}
}

static void busy_machine_copies_less_and_recovers(void **state)
{
	(void)state;
	open_with(CONFIG_MIRROR_UP);
	struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
	struct copy copy = take_copy(pair.client);
	exchange(&pair, &copy, 10);
	fake_set_load(100);
	exchange(&pair, &copy, 2000);
	check_sums(201000);
	assert_in_range(rig_counter(&rig, COUNTER_MIRRORED), 1000, 41000);
	fake_set_load(50);
	exchange(&pair, &copy, 1000);
	uint64_t skipped = rig_counter(&rig, COUNTER_MIRROR_SKIPPED);
	exchange(&pair, &copy, 100);
	assert_int_equal(rig_counter(&rig, COUNTER_MIRROR_SKIPPED), skipped);
	rig_close(&rig);
}

static void busy_machine_copies_all_when_told_to(void **state)
{
	(void)state;
	struct rig_options options = mirrored();
	options.mirror.direction = CONFIG_MIRROR_UP;
	options.mirror.when_busy = CONFIG_MIRROR_COPY;
	rig_open(&rig, &options);
	struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
	struct copy copy = take_copy(pair.client);
	fake_set_load(100);
	exchange(&pair, &copy, 1000);
	rig_run(&rig, RIG_MS);
	assert_int_equal(rig_counter(&rig, COUNTER_MIRRORED), 100000);
	rig_close(&rig);
}

/* ---- an unkind kernel ---- */

static void each_byte_is_counted_whatever_the_kernel_does(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct rig_options options = mirrored();
		options.fake.seed = seed;
		options.fake.chances = (struct fake_chances){.slow_network = 200,
		                                             .delay = 50,
		                                             .overflow = 20,
		                                             .no_buffers = 20,
		                                             .short_send = 200};
		options.fake.send_buffer = options.fake.receive_buffer = seed % 2 ? 4000 : 65536;
		options.mirror.when_slow = seed % 3 == 0 ? CONFIG_MIRROR_DROP : CONFIG_MIRROR_SKIP;
		options.mirror.header = seed % 5 == 0 ? CONFIG_MIRROR_PROXY_V2 : CONFIG_MIRROR_PLAIN;
		rig_open(&rig, &options);
		fake_server_answer(RIG_RECEIVER, seed % 4 == 0 ? FAKE_ACCEPTS_LATER : FAKE_ACCEPTS);
		struct rig_pair pair = rig_pair(&rig, (enum rig_relay)(seed % RIG_RELAYS));
		struct fake_conn *copies[] = {fake_server_accept(RIG_RECEIVER), fake_server_accept(RIG_RECEIVER)};
		for (uint64_t i = 0; i < 60; i++) {
			static unsigned char bytes[64 * 1024];
			rig_transfer(&rig, pair.client, 1 + (i * seed * 977) % 30000);
			rig_transfer(&rig, pair.server, 1 + (i * seed * 577) % 30000);
			for (size_t j = 0; j < 2; j++)
				if (copies[j] && i % 3 == 0)
					fake_peer_read(copies[j], bytes, sizeof(bytes));
			if (i == 40 && copies[0] && seed % 7 == 0)
				fake_peer_reset(copies[0]);
		}
		close_pair(&pair);
		rig_run(&rig, 2000 * RIG_MS);
		assert_int_equal(rig.worker.mirrors.slab.used, 0);
		check_sums(pair.client->sent + pair.server->sent);
		rig_close(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(both_directions_are_copied_each_by_itself),
	        cmocka_unit_test(copy_follows_through_changes_of_lane),
	        cmocka_unit_test(first_bytes_come_before_the_later_ones),
	        cmocka_unit_test(header_names_the_ends_in_the_order_of_the_bytes),
	        cmocka_unit_test(fraction_of_the_connections_is_copied),
	        cmocka_unit_test(receiver_may_be_a_unix_socket),
	        cmocka_unit_test(connections_of_some_clients_are_copied),
	        cmocka_unit_test(end_of_one_direction_is_the_end_of_its_copy),
	        cmocka_unit_test(stalled_receiver_is_skipped_and_nobody_waits),
	        cmocka_unit_test(dropped_copy_is_reset_and_has_no_gap),
	        cmocka_unit_test(receiver_that_refuses_is_left_alone_for_a_while),
	        cmocka_unit_test(first_bytes_are_held_for_a_receiver_that_answers_late),
	        cmocka_unit_test(short_connection_is_copied_after_its_end),
	        cmocka_unit_test(sockets_that_cannot_be_made_cost_the_copy_alone),
	        cmocka_unit_test(reset_of_the_receiver_is_not_the_sessions),
	        cmocka_unit_test(what_the_receiver_says_is_thrown_away),
	        cmocka_unit_test(busy_machine_copies_less_and_recovers),
		cmocka_unit_test(busy_machine_copies_all_when_told_to),
	        cmocka_unit_test(each_byte_is_counted_whatever_the_kernel_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
