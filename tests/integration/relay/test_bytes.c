/* SPDX-License-Identifier: Apache-2.0 */
/* What comes out is what went in: at any size, in any number at once, past urgent bytes and slow readers. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "tests/integration/relay/rig.h"
#include "tests/integration/relay/stream.h"

enum { UP = 1, DOWN = 2 }; /* tags */

/* A sanitizer makes bytes dear, and has no need of so many. */
#ifdef NSRELAY_SANITIZED
enum { LESS = 16 };
#else
enum { LESS = 1 };
#endif

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* exchange - streams both ways, to their ends */
static void exchange(struct pair pair, uint64_t up, uint64_t down)
{
	struct stream streams[] = {
	        {.from = pair.client, .to = pair.server, .tag = UP, .size = up, .finish = true},
	        {.from = pair.server, .to = pair.client, .tag = DOWN, .size = down, .finish = true},
	};

	stream_run(streams, ARRAY_COUNT(streams));
}

/* ---- sizes ---- */

static void megabytes_go_both_ways_at_once(void **state)
{
	struct rig rig;

	rig_start(&rig, state, NULL);
	exchange(rig_connect(&rig), 64 * MIB / LESS + 1, 48 * MIB / LESS - 1);
	relayproc_await_counter(rig.relay, "bytes_up_total", 64 * MIB / LESS + 1);
	assert_int_equal(relayproc_counter(rig.relay, "bytes_down_total"), 48 * MIB / LESS - 1);
}

/* Were a lane not what its name says, every other test of it would be one of another. */
static void lane_is_the_one_that_was_asked_for(void **state)
{
	const char *lane = rig_variant(state)->lane;
	struct relayproc_record closed;
	struct rig rig;
	uint64_t spliced;

	rig_start(&rig, state, NULL);
	exchange(rig_connect(&rig), 8 * MIB, 8 * MIB);
	relayproc_await_record(rig.relay, "closed", &closed);
	spliced = relayproc_number(&closed, "spliced");
	assert_int_equal(spliced + relayproc_number(&closed, "copied"), 16 * MIB);
	assert_int_equal(relayproc_counter(rig.relay, "bytes_spliced_total"), spliced);
	if (strcmp(lane, "interactive") == 0)
		assert_int_equal(spliced, 0);
	else if (strcmp(lane, "bulk") == 0)
		assert_true(spliced > 12 * MIB); /* what a full receiver leaves in the pipe is read out: 1 MiB at most */
	else
		assert_true(relayproc_counter(rig.relay, "lane_changes_total") > 0);
}

static void gigabyte_goes_both_ways_at_once(void **state)
{
	struct rig rig;

	rig_start(&rig, state, NULL);
	exchange(rig_connect(&rig), GIB / LESS, GIB / LESS);
	relayproc_await_counter(rig.relay, "bytes_up_total", GIB / LESS);
	assert_int_equal(relayproc_counter(rig.relay, "bytes_down_total"), GIB / LESS);
}

/* Figures that do not fit into 32 bits. */
static void more_than_4_gibibytes_are_counted(void **state)
{
	const uint64_t size = 4 * GIB + 12345;
	struct relayproc_record closed;
	struct rig rig;
	struct pair pair;

	if (LESS > 1) {
		print_message("skipped: half a minute with a sanitizer\n");
		skip();
	}
	rig_start(&rig, state, NULL);
	pair = rig_connect(&rig);
	exchange(pair, 1, size);
	relayproc_await_record(rig.relay, "closed", &closed);
	assert_int_equal(relayproc_number(&closed, "bytes_up"), 1);
	assert_int_equal(relayproc_number(&closed, "bytes_down"), size);
	assert_int_equal(relayproc_number(&closed, "spliced") + relayproc_number(&closed, "copied"),
	                 size + 1);
	assert_int_equal(relayproc_counter(rig.relay, "bytes_down_total"), size);
}

static void small_pieces_and_large_ones_keep_their_order(void **state)
{
	static const uint32_t pieces[] = {1, 100, 5000, 20 * 1024, 200 * 1024, 3000, 1, 64 * 1024, 10};
	uint64_t at = 0;
	struct rig rig;
	struct pair pair;

	rig_start(&rig, state, NULL);
	pair = rig_connect(&rig);
	for (size_t i = 0; i < ARRAY_COUNT(pieces); i++) {
		uint64_t size = pieces[i] * UINT64_C(100);
		struct stream streams[] = {
		        {.from = pair.client,
		         .to = pair.server,
		         .tag = UP,
		         .size = at + size,
		         .piece = pieces[i],
		         .sent = at,
		         .received = at},
		        {.from = pair.server,
		         .to = pair.client,
		         .tag = DOWN,
		         .size = at + size,
		         .piece = pieces[i],
		         .sent = at,
		         .received = at},
		};

		stream_run(streams, ARRAY_COUNT(streams));
		at += size;
	}
	rig_end(pair.client);
	rig_expect_end(pair.server);
	rig_end(pair.server);
	rig_expect_end(pair.client);
	rig_expect_closed(&rig, "client_closed", at, at);
}

/* ---- numbers ---- */

/* A number of connections that are open at the same time. */
struct crowd {
	struct rig *rig;
	size_t count;
	int *clients;
	struct stream *streams; /* two for each */
};

static void crowd_init(struct crowd *crowd, struct rig *rig, size_t count)
{
	*crowd = (struct crowd){rig, count, calloc(count, sizeof(int)),
	                        calloc(2 * count, sizeof(struct stream))};
	assert_true(crowd->clients && crowd->streams);
}

static void crowd_fini(struct crowd *crowd)
{
	free(crowd->clients);
	free(crowd->streams);
}

/* A size like those of real messages: many small ones, few that are large. */
static uint64_t random_size(uint64_t number, uint64_t largest)
{
	uint64_t hash = (number + 1) * UINT64_C(0x9E3779B97F4A7C15);

	return hash % (1 + (largest >> (hash >> 60)));
}

/*
 * crowd_run - connect all, then let each carry its own streams
 * Connections arrive in any order: each client says first which it is. Tags and sizes follow from its number.
 */
static void crowd_run(struct crowd *crowd, uint64_t first, uint64_t largest)
{
	for (size_t i = 0; i < crowd->count; i++) {
		uint64_t number = first + i;

		crowd->clients[i] = testns_connect(crowd->rig->front, RIG_FRONT);
		testns_write(crowd->clients[i], &number, sizeof(number));
	}
	for (size_t i = 0; i < crowd->count; i++) {
		int server = testns_accept(crowd->rig->listener), client;
		uint64_t number;

		testns_read(server, &number, sizeof(number));
		if (number < first || number >= first + crowd->count)
			fail_msg("a server hears of connection %llu, which there is not",
			         (unsigned long long)number);
		client = crowd->clients[number - first];
		crowd->streams[2 * i] = (struct stream){.from = client,
		                                        .to = server,
		                                        .tag = 2 * number,
		                                        .size = random_size(2 * number, largest),
		                                        .finish = true};
		crowd->streams[2 * i + 1] = (struct stream){.from = server,
		                                            .to = client,
		                                            .tag = 2 * number + 1,
		                                            .size = random_size(2 * number + 1, largest),
		                                            .finish = true};
	}
	stream_run(crowd->streams, 2 * crowd->count);
	for (size_t i = 0; i < crowd->count; i++) {
		testns_close(crowd->streams[2 * i].from);
		testns_close(crowd->streams[2 * i].to);
	}
}

/* await_clean_ends - until @count connections have ended well; which side was first is a matter of chance */
static void await_clean_ends(const struct rig *rig, uint64_t count)
{
	uint64_t ended = 0;

	for (int waited_ms = 0; ended < count && waited_ms < TESTNS_PATIENCE_MS; waited_ms += 10) {
		poll(NULL, 0, 10);
		ended = relayproc_counter(rig->relay, "closed_client_closed_total") +
		        relayproc_counter(rig->relay, "closed_server_closed_total");
	}
	assert_int_equal(ended, count);
	assert_int_equal(relayproc_counter(rig->relay, "accepted_total"), count);
}

static void two_hundred_at_once_are_kept_apart(void **state)
{
	struct crowd crowd;
	struct rig rig;

	rig_start(&rig, state, NULL);
	crowd_init(&crowd, &rig, 200);
	crowd_run(&crowd, 0, 2 * MIB / LESS);
	crowd_fini(&crowd);
	await_clean_ends(&rig, 200);
}

static void thousands_of_short_ones_are_kept_apart(void **state)
{
	enum { TOTAL = 3000, AT_ONCE = 50 };
	struct crowd crowd;
	struct rig rig;

	rig_start(&rig, state, NULL);
	crowd_init(&crowd, &rig, AT_ONCE);
	for (uint64_t first = 0; first < TOTAL; first += AT_ONCE)
		crowd_run(&crowd, first, 4000);
	crowd_fini(&crowd);
	await_clean_ends(&rig, TOTAL);
	assert_int_equal(relayproc_stop(rig.relay), 0); /* at once: it knows of no connection any more */
}

/* ---- small talk ---- */

static void server_may_speak_first(void **state)
{
	struct rig rig;
	struct pair pair;

	rig_start(&rig, state, NULL);
	pair = rig_connect(&rig);
	stream_send(pair.server, DOWN, 0, 100);
	stream_receive(pair.client, DOWN, 0, 100);
	testns_assert_connected(pair.client, pair.server);
}

static void connection_is_heard_after_a_silence(void **state)
{
	struct rig rig;
	struct pair pair;

	rig_start(&rig, state, TESTNS_ARGV("--half-close-timeout", "1s")); /* not meant for this one */
	pair = rig_connect(&rig);
	testns_assert_connected(pair.client, pair.server);
	poll(NULL, 0, 2200); /* longer than PARK_AFTER_MS of session.c */
	testns_assert_connected(pair.client, pair.server);
	testns_assert_connected(pair.server, pair.client);
}

static void set_nodelay(int fd)
{
	int on = 1;

	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
}

static void write_twice_and_read(const struct pair *pair)
{
	char got[2];

	testns_write(pair->client, "a", 1);
	testns_write(pair->client, "b", 1);
	testns_read(pair->server, got, 2);
	testns_write(pair->server, got, 2);
	testns_read(pair->client, got, 2);
	assert_memory_equal(got, "ab", 2);
}

static void two_writes_and_a_read_do_not_wait_for_each_other(void **state)
{
	uint64_t before;
	struct rig rig;
	struct pair pair;

	rig_start(&rig, state, NULL);
	pair = rig_connect(&rig);
	set_nodelay(pair.client);
	set_nodelay(pair.server);
	before = rig_delayed_acks(rig.front);
	for (int i = 0; i < 50; i++)
		write_twice_and_read(&pair);
	assert_in_range(rig_delayed_acks(rig.front) - before, 0, 5);
}

/* Its own kernel holds back the second write until the first was acknowledged, which takes 40 ms if nobody minds. */
static void two_writes_under_nagle_wait_only_at_first(void **state)
{
	uint64_t before;
	struct rig rig;
	struct pair pair;

	rig_start(&rig, state, NULL);
	pair = rig_connect(&rig);
	set_nodelay(pair.server);
	before = rig_delayed_acks(rig.front);
	for (int i = 0; i < 100; i++)
		write_twice_and_read(&pair);
	assert_in_range(rig_delayed_acks(rig.front) - before, 1, 10);
}

/* ---- urgent bytes ---- */

/*
 * receive_around - the stream's bytes 0 .. @size, with the urgent byte '!' behind the first @before or
 * without it. Returns whether it was there.
 */
static bool receive_around(int fd, size_t before, size_t size)
{
	char next;

	stream_receive(fd, UP, 0, before);
	testns_await(fd, POLLIN);
	assert_int_equal(recv(fd, &next, 1, MSG_PEEK), 1);
	if (next == '!')
		assert_int_equal(recv(fd, &next, 1, 0), 1);
	stream_receive(fd, UP, before, size - before);
	return next == '!';
}

static void urgent_byte_in(void **state, size_t before, size_t size)
{
	struct rig rig;
	struct pair pair;
	bool passed;

	rig_start(&rig, state, NULL);
	pair = rig_connect(&rig);
	testns_assert_connected(pair.client, pair.server);
	stream_send(pair.client, UP, 0, before);
	assert_int_equal(send(pair.client, "!", 1, MSG_OOB | MSG_NOSIGNAL), 1);
	stream_send(pair.client, UP, before, size - before);
	passed = receive_around(pair.server, before, size);
	rig_expect_idle(&rig);
	stream_send(pair.client, UP, size, 1000);
	stream_receive(pair.server, UP, size, 1000);
	testns_assert_connected(pair.server, pair.client);
	rig_end(pair.client);
	rig_expect_end(pair.server);
	rig_end(pair.server);
	rig_expect_end(pair.client);
	rig_expect_closed(&rig, "client_closed", 4 + size + 1000 + 4 + passed, 4 + 4);
}

static void urgent_byte_is_stepped_over(void **state)
{
	urgent_byte_in(state, 10, 20);
}

static void urgent_byte_in_the_midst_of_many_is_stepped_over(void **state)
{
	urgent_byte_in(state, 100 * 1000, 200 * 1000);
}

static void urgent_byte_alone_disturbs_nothing(void **state)
{
	struct rig rig;
	struct pair pair;

	rig_start(&rig, state, NULL);
	pair = rig_connect(&rig);
	testns_assert_connected(pair.client, pair.server);
	assert_int_equal(send(pair.client, "!", 1, MSG_OOB | MSG_NOSIGNAL), 1);
	rig_expect_idle(&rig);
	testns_assert_connected(pair.server, pair.client);
	rig_end(pair.server);
	rig_expect_end(pair.client);
	rig_end(pair.client);
	testns_await(pair.server, POLLIN);
}

/* ---- readers that do not read ---- */

/* fill - write until nothing has been taken for a while; how much was */
static uint64_t fill(int fd, uint64_t tag)
{
	uint64_t sent = 0;

	while (poll(&(struct pollfd){fd, POLLOUT, 0}, 1, 300) > 0)
		sent += stream_send_some(fd, tag, sent, MIB);
	return sent;
}

/* sysctl - the third of the three numbers in a file of /proc/sys/net/ipv4: the most that autotuning gives a
 * socket */
static uint64_t buffer_max(const char *name)
{
	char path[64];
	unsigned long long max;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%*u %*u %llu", &max), 1);
	fclose(file);
	return max;
}

/* expect_bounded - fill a connection whose server does not read; how much it took */
static uint64_t expect_bounded(const struct rig *rig, struct pair pair)
{
	enum { OWN_MAX = 4 << 20 };
	size_t memory = relayproc_memory(rig->relay);
	uint64_t absorbed = fill(pair.client, UP);

	rig_expect_idle(rig);
	print_message("absorbed %llu bytes\n", (unsigned long long)absorbed);
	/* The socket buffers on the way, two each of senders and receivers, and the relay's own memory. */
	assert_in_range(absorbed, 1, 2 * buffer_max("tcp_wmem") + 2 * buffer_max("tcp_rmem") + OWN_MAX);
	if (LESS == 1)
		assert_true(relayproc_memory(rig->relay) <= memory + OWN_MAX);
	return absorbed;
}

static void server_that_does_not_read_stops_the_relay(void **state)
{
	struct rig rig;
	struct pair pair;
	uint64_t absorbed;
	char got[4];

	rig_start(&rig, state, NULL);
	pair = rig_connect(&rig);
	testns_assert_connected(pair.client, pair.server);
	absorbed = expect_bounded(&rig, pair);
	testns_write(pair.server, "pong", 4); /* the other direction is as before */
	testns_read(pair.client, got, 4);
	stream_receive(pair.server, UP, 0, absorbed);
	rig_end(pair.client);
	rig_expect_end(pair.server);
}

/* A poll for writing reports the receiver's own end too: whoever waits with one must not spin. */
static void server_that_has_ended_and_does_not_read_stops_the_relay(void **state)
{
	struct rig rig;
	struct pair pair;
	uint64_t absorbed;

	rig_start(&rig, state, NULL);
	pair = rig_connect(&rig);
	rig_end(pair.server);
	rig_expect_end(pair.client);
	absorbed = expect_bounded(&rig, pair);
	stream_receive(pair.server, UP, 0, absorbed);
	rig_end(pair.client);
	rig_expect_end(pair.server);
	rig_expect_closed(&rig, "server_closed", absorbed, 0);
}

int main(void)
{
	const struct CMUnitTest rows[] = {
	        relayproc_test(megabytes_go_both_ways_at_once),
	        relayproc_test(lane_is_the_one_that_was_asked_for),
	        relayproc_test(small_pieces_and_large_ones_keep_their_order),
	        relayproc_test(two_hundred_at_once_are_kept_apart),
	        relayproc_test(server_may_speak_first),
	        relayproc_test(two_writes_and_a_read_do_not_wait_for_each_other),
	        relayproc_test(urgent_byte_is_stepped_over),
	        relayproc_test(urgent_byte_in_the_midst_of_many_is_stepped_over),
	        relayproc_test(urgent_byte_alone_disturbs_nothing),
	        relayproc_test(server_that_does_not_read_stops_the_relay),
	        relayproc_test(server_that_has_ended_and_does_not_read_stops_the_relay),
	};
	const struct CMUnitTest once[] = {
	        relayproc_test(two_writes_under_nagle_wait_only_at_first),
	        relayproc_test(gigabyte_goes_both_ways_at_once),
	        relayproc_test(more_than_4_gibibytes_are_counted),
	        relayproc_test(thousands_of_short_ones_are_kept_apart),
	        relayproc_test(connection_is_heard_after_a_silence),
	};
	struct CMUnitTest tests[RIG_VARIANTS * ARRAY_COUNT(rows)];

	rig_in_every_lane(rows, ARRAY_COUNT(rows), tests);
	int failures = cmocka_run_group_tests(tests, NULL, NULL);
	failures += cmocka_run_group_tests(once, NULL, NULL);
	return testns_result(failures);
}
