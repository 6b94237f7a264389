/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits on bandwidth, on the real program: nothing passes faster than they say by the test's own clock, and
 * nothing is lost, ended early or kept alive for that. That it is not slower either is measured, not tested:
 * docs/FIGURES.md.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/check.h"
#include "tests/integration/relay/rig.h"
#include "tests/integration/relay/stream.h"

enum {
	RATE = 1 << 20, /* bytes a second; what tests call 1MiB/s */
	BURST = RATE / 10,
	/* Bytes are charged after they were read: what one flow may have read last. */
	READ_MAX = 32 * 1024,
	SIZE = 300 * 1024,
	STREAMS_MAX = 4,
};

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static size_t pull(struct stream *stream)
{
	ssize_t n = stream_receive_some(stream->to, stream->tag, stream->received,
	                                stream->size - stream->received);

	if (n == -EAGAIN)
		return 0;
	if (n <= 0)
		fail_msg("stream %llu, after %llu bytes: %s", (unsigned long long)stream->tag,
		         (unsigned long long)stream->received, n < 0 ? strerror((int)-n) : "end");
	stream->received += (uint64_t)n;
	return (size_t)n;
}

/* move - send and receive what can be; how much was received */
static size_t move(struct stream *streams, size_t count)
{
	struct pollfd fds[2 * STREAMS_MAX];
	size_t moved = 0;

	CHECK(count <= STREAMS_MAX);
	for (size_t i = 0; i < count; i++) {
		const struct stream *stream = &streams[i];

		fds[2 * i] = (struct pollfd){stream->sent < stream->size ? stream->from : -1, POLLOUT, 0};
		fds[2 * i + 1] = (struct pollfd){stream->received < stream->size ? stream->to : -1, POLLIN,
		                                 0};
	}
	if (poll(fds, 2 * count, TESTNS_PATIENCE_MS) <= 0)
		fail_msg("no byte moves any more");
	for (size_t i = 0; i < count; i++) {
		struct stream *stream = &streams[i];

		if (fds[2 * i].revents)
			stream->sent += stream_send_some(stream->from, stream->tag, stream->sent,
			                                 stream->size - stream->sent);
		if (fds[2 * i + 1].revents)
			moved += pull(stream);
	}
	return moved;
}

/* carry - all bytes of streams that share a limit of RATE, of which nothing was used before @begin_us */
static void carry(struct stream *streams, size_t count, uint64_t begin_us)
{
	uint64_t size = 0, moved = 0, most;

	for (size_t i = 0; i < count; i++)
		size += streams[i].size;
	while (moved < size) {
		moved += move(streams, count);
		most = BURST + count * READ_MAX + RATE * (now_us() - begin_us) / 1000000;
		if (moved > most)
			fail_msg("%llu bytes after %llu us, %llu would be the most",
			         (unsigned long long)moved, (unsigned long long)(now_us() - begin_us),
			         (unsigned long long)most);
	}
}

static struct stream up(struct pair pair, uint64_t tag)
{
	return (struct stream){.from = pair.client, .to = pair.server, .tag = tag, .size = SIZE};
}

static struct stream down(struct pair pair, uint64_t tag)
{
	return (struct stream){.from = pair.server, .to = pair.client, .tag = tag, .size = SIZE};
}

static void nothing_passes_up_faster_than_the_limit(void **state)
{
	uint64_t begin_us = now_us();
	struct stream stream;
	struct pair pair;
	struct rig rig;

	rig_start(&rig, state, TESTNS_ARGV("--limit-up", "1MiB/s"));
	pair = rig_connect(&rig);
	stream = up(pair, 1);
	carry(&stream, 1, begin_us);
	assert_true(relayproc_counter(rig.relay, "throttled_total") > 0);
	testns_assert_connected(pair.client, pair.server);
}

static void nothing_passes_down_faster_than_the_limit(void **state)
{
	uint64_t begin_us = now_us();
	struct stream stream;
	struct pair pair;
	struct rig rig;

	rig_start(&rig, state, TESTNS_ARGV("--limit-down", "1MiB/s"));
	pair = rig_connect(&rig);
	stream = down(pair, 1);
	carry(&stream, 1, begin_us);
	assert_true(relayproc_counter(rig.relay, "throttled_total") > 0);
	testns_assert_connected(pair.client, pair.server);
}

static void connections_share_the_limit_of_their_relay(void **state)
{
	uint64_t begin_us = now_us();
	struct stream streams[3];
	struct rig rig;

	rig_start(&rig, state, TESTNS_ARGV("--limit-up", "1MiB/s"));
	for (size_t i = 0; i < ARRAY_COUNT(streams); i++)
		streams[i] = up(rig_connect(&rig), i + 1);
	carry(streams, ARRAY_COUNT(streams), begin_us);
}

/* The directions have a limit each: what is in debt up is free down. */
static void other_direction_is_not_limited(void **state)
{
	struct stream stream;
	struct pair pair;
	struct rig rig;

	rig_start(&rig, state, TESTNS_ARGV("--limit-up", "64KiB/s"));
	pair = rig_connect(&rig);
	stream_send_some(pair.client, 1, 0, SIZE);
	relayproc_await_counter(rig.relay, "throttled_total", 1);
	stream = down(pair, 2);
	stream.size = 4 << 20; /* a minute's worth, if it were */
	stream_run(&stream, 1);
}

static void stream_that_ends_while_it_waits_arrives_whole(void **state)
{
	struct stream stream;
	struct pair pair;
	struct rig rig;

	rig_start(&rig, state, TESTNS_ARGV("--limit-up", "256KiB/s"));
	pair = rig_connect(&rig);
	stream = up(pair, 1);
	stream.size = 100 * 1000;
	stream.finish = true;
	stream_run(&stream, 1);
	assert_true(relayproc_counter(rig.relay, "throttled_total") > 0);
	stream = down(pair, 2);
	stream.finish = true;
	stream_run(&stream, 1);
	rig_expect_closed(&rig, "client_closed", 100 * 1000, SIZE);
}

/* expect_reset_behind_bytes - what came before it may be read or not */
static void expect_reset_behind_bytes(int fd, uint64_t tag)
{
	ssize_t n;
	uint64_t received = 0;

	do {
		testns_await(fd, POLLIN);
		n = stream_receive_some(fd, tag, received, SIZE);
		received += n > 0 ? (uint64_t)n : 0;
	} while (n > 0 || n == -EAGAIN);
	assert_int_equal(n, -ECONNRESET);
}

static void reset_of_the_one_who_waits_is_passed_on(void **state)
{
	struct pair pair;
	struct rig rig;

	rig_start(&rig, state, TESTNS_ARGV("--limit-up", "16KiB/s"));
	pair = rig_connect(&rig);
	stream_send_some(pair.client, 1, 0,
	                 16 * 1024); /* a second's worth: what came before the reset comes first */
	relayproc_await_counter(rig.relay, "throttled_total", 1);
	rig_reset(pair.client);
	expect_reset_behind_bytes(pair.server, 1);
}

static void reset_of_the_receiver_is_passed_on(void **state)
{
	struct pair pair;
	struct rig rig;

	rig_start(&rig, state, TESTNS_ARGV("--limit-up", "16KiB/s"));
	pair = rig_connect(&rig);
	stream_send_some(pair.client, 1, 0, SIZE);
	relayproc_await_counter(rig.relay, "throttled_total", 1);
	rig_reset(pair.server);
	testns_await(pair.client, POLLIN);
	rig_expect_reset(pair.client);
}

static void throttled_connection_may_finish_while_the_relay_stops(void **state)
{
	struct relayproc_record stopping;
	struct stream stream;
	struct rig rig;

	rig_start(&rig, state, TESTNS_ARGV("--limit-up", "256KiB/s", "--drain-timeout", "1h"));
	stream = up(rig_connect(&rig), 1);
	stream.size = 100 * 1000;
	stream.finish = true;
	stream.sent = stream_send_some(stream.from, 1, 0, stream.size - 1);
	relayproc_await_counter(rig.relay, "throttled_total", 1);
	relayproc_signal(rig.relay, SIGTERM);
	relayproc_await_record(rig.relay, "stopping", &stopping);
	stream_run(&stream, 1);
	rig_end(stream.to);
	rig_expect_end(stream.from);
	assert_int_equal(relayproc_await_exit(rig.relay), 0);
}

static void throttled_connection_is_reset_at_the_drain_deadline(void **state)
{
	struct relayproc_record closed;
	struct pair pair;
	struct rig rig;

	rig_start(&rig, state, TESTNS_ARGV("--limit-up", "16KiB/s", "--drain-timeout", "300ms"));
	pair = rig_connect(&rig);
	stream_send_some(pair.client, 1, 0, SIZE);
	relayproc_await_counter(rig.relay, "throttled_total", 1);
	relayproc_signal(rig.relay, SIGTERM);
	expect_reset_behind_bytes(pair.server, 1);
	rig_expect_reset(pair.client);
	relayproc_await_closed(rig.relay, "drained", &closed);
	assert_int_equal(relayproc_await_exit(rig.relay), 0);
}

/* ---- the limits of clients ---- */

static void start_sources(struct rig *rig, void **state, const char *limit)
{
	char yaml[1024];

	rig_open(rig);
	snprintf(yaml, sizeof(yaml),
	         "threads: %s\nrelays:\n- name: r\n  listen: \"%s\"\n  to: \"%s\"\n  lane: %s\n"
	         "  limits: { source: { up: %s } }\n",
	         rig_variant(state)->threads, relayproc_endpoint(rig->front, RIG_FRONT),
	         relayproc_endpoint(rig->back, RIG_BACK), rig_variant(state)->lane, limit);
	rig->relay = relayproc_start_config(yaml);
}

static struct pair dial_from(const struct rig *rig, const char *source)
{
	struct pair pair = {.client = testns_connect_from(rig->front, source, RIG_FRONT)};

	pair.server = testns_accept(rig->listener);
	return pair;
}

static void connections_of_one_client_share_its_limit(void **state)
{
	uint64_t begin_us = now_us();
	struct stream streams[2];
	struct rig rig;

	start_sources(&rig, state, "1MiB/s");
	streams[0] = up(dial_from(&rig, "127.0.1.2"), 1);
	streams[1] = up(dial_from(&rig, "127.0.1.2"), 2);
	carry(streams, ARRAY_COUNT(streams), begin_us);
	assert_true(relayproc_counter(rig.relay, "throttled_total") > 0);
}

static void client_does_not_wait_for_another(void **state)
{
	struct pair pair, other;
	uint64_t throttled;
	struct rig rig;

	start_sources(&rig, state, "16KiB/s");
	pair = dial_from(&rig, "127.0.1.2");
	stream_send_some(pair.client, 1, 0, SIZE);
	relayproc_await_counter(rig.relay, "throttled_total", 1);
	rig_reset(pair.server);
	rig_expect_reset(pair.client);
	throttled = relayproc_counter(rig.relay, "throttled_total");
	other = dial_from(&rig, "127.0.1.3");
	testns_assert_connected(other.client, other.server);
	assert_int_equal(relayproc_counter(rig.relay, "throttled_total"), throttled);
}

/* ---- the limits of namespaces ---- */

/* start_namespaces - one relay that listens twice in @front[0] and once in @front[1]; the server's
 * listener */
static int start_namespaces(struct rig *rig, void **state, int front[2], const char *limit)
{
	char yaml[1024], first[128], second[128], other[128];

	front[0] = testns_new();
	front[1] = testns_new();
	rig->back = testns_new();
	rig->listener = testns_listen(rig->back, RIG_BACK);
	snprintf(first, sizeof(first), "%s", relayproc_endpoint(front[0], RIG_FRONT));
	snprintf(second, sizeof(second), "%s", relayproc_endpoint(front[0], "127.0.0.1:8001"));
	snprintf(other, sizeof(other), "%s", relayproc_endpoint(front[1], RIG_FRONT));
	snprintf(yaml, sizeof(yaml),
	         "threads: %s\nrelays:\n- name: r\n  listen: [ \"%s\", \"%s\", \"%s\" ]\n  to: \"%s\"\n  "
	         "lane: %s\n"
	         "  limits: { namespace: { up: %s } }\n",
	         rig_variant(state)->threads, first, second, other, relayproc_endpoint(rig->back, RIG_BACK),
	         rig_variant(state)->lane, limit);
	rig->relay = relayproc_start_config(yaml);
	return rig->listener;
}

static struct pair dial(int front, const char *address, int listener)
{
	struct pair pair = {.client = testns_connect(front, address)};

	pair.server = testns_accept(listener);
	return pair;
}

static void listeners_of_one_namespace_share_its_limit(void **state)
{
	uint64_t begin_us = now_us();
	struct stream streams[2];
	int front[2], listener;
	struct rig rig;

	listener = start_namespaces(&rig, state, front, "1MiB/s");
	streams[0] = up(dial(front[0], RIG_FRONT, listener), 1);
	streams[1] = up(dial(front[0], "127.0.0.1:8001", listener), 2);
	carry(streams, ARRAY_COUNT(streams), begin_us);
	assert_true(relayproc_counter(rig.relay, "throttled_total") > 0);
}

static void namespace_does_not_wait_for_another(void **state)
{
	struct pair pair, other;
	int front[2], listener;
	uint64_t throttled;
	struct rig rig;

	listener = start_namespaces(&rig, state, front, "16KiB/s");
	pair = dial(front[0], RIG_FRONT, listener);
	stream_send_some(pair.client, 1, 0, SIZE);
	relayproc_await_counter(rig.relay, "throttled_total", 1);
	rig_reset(pair.server);
	rig_expect_reset(pair.client);
	throttled = relayproc_counter(rig.relay, "throttled_total");
	other = dial(front[1], RIG_FRONT, listener);
	testns_assert_connected(other.client, other.server);
	assert_int_equal(relayproc_counter(rig.relay, "throttled_total"), throttled);
}

/* ---- the example ---- */

/* The guests' 8 Mbit/s are below RATE. */
static void the_example_limits_what_it_says(void **state)
{
	int guests, listener;
	uint64_t begin_us = now_us();
	struct relayproc *relay;
	struct stream stream;

	(void)state;
	testns_new_named("office");
	guests = testns_new_named("guests");
	listener = testns_listen(testns_new_named("app"), "127.0.0.1:80");
	relay = relayproc_start_example("bandwidth.yaml", "");
	stream = up(dial(guests, "127.0.0.1:8001", listener), 1);
	carry(&stream, 1, begin_us);
	assert_true(relayproc_counter(relay, "throttled_total") > 0);
}

int main(void)
{
	const struct CMUnitTest rows[] = {
	        relayproc_test(nothing_passes_up_faster_than_the_limit),
	        relayproc_test(nothing_passes_down_faster_than_the_limit),
	        relayproc_test(connections_share_the_limit_of_their_relay),
	        relayproc_test(other_direction_is_not_limited),
	        relayproc_test(stream_that_ends_while_it_waits_arrives_whole),
	        relayproc_test(reset_of_the_one_who_waits_is_passed_on),
	        relayproc_test(reset_of_the_receiver_is_passed_on),
	        relayproc_test(throttled_connection_may_finish_while_the_relay_stops),
	        relayproc_test(throttled_connection_is_reset_at_the_drain_deadline),
	        relayproc_test(listeners_of_one_namespace_share_its_limit),
	        relayproc_test(namespace_does_not_wait_for_another),
	        relayproc_test(connections_of_one_client_share_its_limit),
	        relayproc_test(client_does_not_wait_for_another),
	};
	struct CMUnitTest tests[RIG_VARIANTS * ARRAY_COUNT(rows) + 1];

	rig_in_every_lane(rows, ARRAY_COUNT(rows), tests);
	tests[ARRAY_COUNT(tests) - 1] = (struct CMUnitTest)relayproc_test(the_example_limits_what_it_says);
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
