/* SPDX-License-Identifier: Apache-2.0 */
/* Mirrors: copies hold what passed, and connections do not notice what becomes of their copies. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "tests/integration/relay/rig.h"
#include "tests/integration/relay/stream.h"

enum { UP = 1, DOWN = 2 }; /* tags of streams */

static struct {
	struct rig rig;
	int ids;      /* the receiver's namespace */
	int receiver; /* listens there */
} here;

#define RECEIVER "127.0.0.1:7000"

/* start - the rig's relay with a mirror; @settings: of the mirror, ", key: value" */
static void start(void **state, const char *settings)
{
	const struct variant *variant = rig_variant(state);
	char yaml[2048];

	rig_open(&here.rig);
	here.ids = testns_new();
	here.receiver = testns_listen(here.ids, RECEIVER);
	snprintf(yaml, sizeof(yaml),
	         "threads: %s\nlog: { rate: 0 }\nrelays:\n- name: mirrored\n  lane: %s\n  listen: \"%s\"\n  to: \"%s\"\n"
	         "  mirror: { to: \"%s\"%s }\n",
	         variant->threads, variant->lane, relayproc_endpoint(here.rig.front, RIG_FRONT),
	         relayproc_endpoint(here.rig.back, RIG_BACK), relayproc_endpoint(here.ids, RECEIVER), settings);
	here.rig.relay = relayproc_start_config(yaml);
}

/* end - both streams of @pair, and the copies' accounts in the record of it; bytes each way as given */
static void end(struct pair pair, uint64_t up, uint64_t down, struct relayproc_record *ret)
{
	rig_end(pair.client);
	rig_expect_end(pair.server);
	rig_end(pair.server);
	rig_expect_end(pair.client);
	relayproc_await_closed(here.rig.relay, "client_closed", ret);
	assert_int_equal(relayproc_number(ret, "bytes_up"), up);
	assert_int_equal(relayproc_number(ret, "bytes_down"), down);
}

static void assert_sums(const struct relayproc_record *closed, uint64_t bytes)
{
	assert_int_equal(relayproc_number(closed, "mirrored") + relayproc_number(closed, "mirror_skipped"), bytes);
	assert_int_equal(relayproc_counter(here.rig.relay, "mirrored_bytes_total") +
	                         relayproc_counter(here.rig.relay, "mirror_skipped_bytes_total"),
	                 bytes);
}

static void copies_are_what_has_passed(void **state)
{
	enum { PIECE = 50000, PIECES = 200 };
	struct relayproc_record closed;

	/* On a busy machine copies yield, which is another test's matter. */
	start(state, ", when_busy: copy");
	struct pair pair = rig_connect(&here.rig);
	int up = testns_accept(here.receiver), down = testns_accept(here.receiver);
	for (uint64_t at = 0; at < (uint64_t)PIECE * PIECES; at += PIECE) {
		stream_send(pair.client, UP, at, PIECE);
		stream_receive(pair.server, UP, at, PIECE);
		stream_receive(up, UP, at, PIECE);
		stream_send(pair.server, DOWN, at, PIECE);
		stream_receive(pair.client, DOWN, at, PIECE);
		stream_receive(down, DOWN, at, PIECE);
	}
	end(pair, PIECE * PIECES, PIECE * PIECES, &closed);
	rig_expect_end(up);
	rig_expect_end(down);
	assert_int_equal(relayproc_number(&closed, "mirror_skipped"), 0);
	assert_sums(&closed, 2 * PIECE * PIECES);
}

/* carry - @mib MiB each way, at once */
static void carry(struct pair pair, uint64_t mib)
{
	struct stream streams[] = {
		{.from = pair.client, .to = pair.server, .tag = UP, .size = mib << 20},
		{.from = pair.server, .to = pair.client, .tag = DOWN, .size = mib << 20},
	};
	stream_run(streams, ARRAY_COUNT(streams));
}

static void receiver_that_never_reads_stops_nobody(void **state)
{
	enum { MIB = 64 };
	struct relayproc_record closed;

	start(state, "");
	struct pair pair = rig_connect(&here.rig);
	testns_accept(here.receiver);
	testns_accept(here.receiver);
	carry(pair, MIB);
	end(pair, MIB << 20, MIB << 20, &closed);
	assert_true(relayproc_number(&closed, "mirror_skipped") > MIB << 20);
	assert_sums(&closed, 2 * (MIB << 20));
	assert_int_equal(relayproc_counter(here.rig.relay, "mirror_failures_total"), 0);
}

/* It says something that nobody reads, does not read either, and goes: by a reset, and by a close with bytes unread. */
static void receiver_that_talks_and_dies_stops_nobody(void **state)
{
	enum { MIB = 32 };
	struct relayproc_record closed;

	/* A copy that yields might not come to notice that nobody is there. */
	start(state, ", proxy_protocol: v2, when_busy: copy");
	struct pair pair = rig_connect(&here.rig);
	int up = testns_accept(here.receiver), down = testns_accept(here.receiver);
	testns_write(up, "who is there?", 13);
	struct stream streams[] = {
		{.from = pair.client, .to = pair.server, .tag = UP, .size = MIB << 19},
		{.from = pair.server, .to = pair.client, .tag = DOWN, .size = MIB << 19},
	};
	stream_run(streams, ARRAY_COUNT(streams));
	rig_reset(up);
	testns_close(down);
	streams[0].size = streams[1].size = MIB << 20;
	stream_run(streams, ARRAY_COUNT(streams));
	end(pair, MIB << 20, MIB << 20, &closed);
	assert_sums(&closed, 2 * (MIB << 20));
	assert_int_equal(relayproc_counter(here.rig.relay, "mirror_failures_total"), 2);
}

static void receiver_that_is_not_there_stops_nobody(void **state)
{
	struct relayproc_record closed;

	start(state, ", when_slow: drop");
	testns_close(here.receiver);
	for (uint64_t i = 1; i <= 3; i++) {
		struct pair pair = rig_connect(&here.rig);
		carry(pair, 1);
		end(pair, 1 << 20, 1 << 20, &closed);
		assert_int_equal(relayproc_number(&closed, "mirrored"), 0);
		assert_int_equal(relayproc_number(&closed, "mirror_skipped"), 2 << 20);
	}
}

static void dropped_copy_is_reset(void **state)
{
	enum { MIB = 32 };
	struct relayproc_record closed;
	static char bytes[1 << 16];
	ssize_t n;

	start(state, ", when_slow: drop, direction: up");
	struct pair pair = rig_connect(&here.rig);
	int up = testns_accept(here.receiver);
	carry(pair, MIB);
	end(pair, MIB << 20, MIB << 20, &closed);
	assert_sums(&closed, MIB << 20);
	assert_true(relayproc_number(&closed, "mirror_skipped") > 0);
	while ((n = recv(up, bytes, sizeof(bytes), 0)) > 0)
		;
	assert_true(n < 0 && errno == ECONNRESET);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		relayproc_test(copies_are_what_has_passed),
		relayproc_test(receiver_that_never_reads_stops_nobody),
		relayproc_test(receiver_that_talks_and_dies_stops_nobody),
		relayproc_test(receiver_that_is_not_there_stops_nobody),
		relayproc_test(dropped_copy_is_reset),
	};
	static struct CMUnitTest all[ARRAY_COUNT(tests) * RIG_VARIANTS];

	rig_in_every_lane(tests, ARRAY_COUNT(tests), all);
	return testns_result(cmocka_run_group_tests(all, NULL, NULL));
}
