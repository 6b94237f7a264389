/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that fall silent: each timeout ends those it is for, under its own name, and no others. */
#include <poll.h>
#include <string.h>

#include "base/check.h"
#include "tests/integration/relay/rig.h"
#include "tests/integration/relay/stream.h"
#include "tests/lib/testlink.h"

/* ---- our own timeouts ---- */

static void silent_connection_ends_by_the_idle_timeout(void **state)
{
	struct rig rig;
	struct pair pair;

	rig_start(&rig, state, TESTNS_ARGV("--idle-timeout", "300ms", "--half-close-timeout", "1h"));
	pair = rig_connect(&rig);
	testns_assert_connected(pair.client, pair.server);
	rig_expect_reset(pair.client);
	rig_expect_reset(pair.server);
	rig_expect_closed(&rig, "idle_timeout", 4, 4);
	relayproc_await_counter(rig.relay, "closed_idle_timeout_total", 1);
}

static void half_closed_connection_ends_by_the_half_close_timeout(void **state)
{
	struct rig rig;
	struct pair pair;

	rig_start(&rig, state, TESTNS_ARGV("--idle-timeout", "1h", "--half-close-timeout", "300ms"));
	pair = rig_connect(&rig);
	testns_assert_connected(pair.client, pair.server);
	rig_end(pair.client);
	rig_expect_end(pair.server);
	testns_await(pair.server, POLLERR);
	rig_expect_reset(pair.client);
	rig_expect_closed(&rig, "half_close_timeout", 4, 4);
	relayproc_await_counter(rig.relay, "closed_half_close_timeout_total", 1);
}

/* talk_on - one direction alone, for longer than a timeout of 2 s */
static void talk_on(int from, int to)
{
	for (uint64_t i = 0; i < 25; i++) {
		poll(NULL, 0, 100);
		stream_send(from, 1, i, 1);
		stream_receive(to, 1, i, 1);
	}
}

static void bytes_in_one_direction_hold_off_the_timeouts(void **state)
{
	struct pair idle, half;
	struct rig rig;

	rig_start(&rig, state, TESTNS_ARGV("--idle-timeout", "2s", "--half-close-timeout", "2s"));
	half = rig_connect(&rig);
	rig_end(half.client);
	rig_expect_end(half.server);
	talk_on(half.server, half.client);
	rig_end(half.server);
	rig_expect_end(half.client);
	rig_expect_closed(&rig, "client_closed", 0, 25);
	idle = rig_connect(&rig);
	talk_on(idle.client, idle.server);
	testns_assert_connected(idle.server, idle.client);
}

/* ---- peers that vanish ---- */

/*
 * A relay whose client, and another whose server, lives beyond a link that can be cut: what they say then is
 * lost, and nobody says that they are gone.
 */
struct outpost {
	int far; /* the namespace beyond the link */
	struct relayproc *relay;
	struct pair pair;
};

#define FAR_LISTEN  "10.0.0.1:8000" /* testns_join(): this end of the link is .1, the far one .2 */
#define FAR_BACKEND "10.0.0.2:9000"

static struct relayproc *start(const char *listen, const char *to, const char *const settings[])
{
	const char *args[32] = {"--threads", "1", "--listen", listen, "--to", to};
	size_t count = 6;

	for (; *settings; settings++)
		args[count++] = *settings;
	return relayproc_start(args);
}

static void open_far_client(struct outpost *outpost, const char *const settings[])
{
	int front = testns_new(), back = testns_new(), listener = testns_listen(back, RIG_BACK);

	outpost->far = testns_new();
	testns_join(front, outpost->far);
	outpost->relay = start(relayproc_endpoint(front, FAR_LISTEN), relayproc_endpoint(back, RIG_BACK),
	                       settings);
	outpost->pair.client = testns_connect(outpost->far, FAR_LISTEN);
	outpost->pair.server = testns_accept(listener);
	testns_assert_connected(outpost->pair.client, outpost->pair.server);
}

static void open_far_server(struct outpost *outpost, const char *const settings[])
{
	int front = testns_new(), back = testns_new(), listener;

	outpost->far = testns_new();
	testns_join(back, outpost->far);
	listener = testns_listen(outpost->far, FAR_BACKEND);
	outpost->relay = start(relayproc_endpoint(front, RIG_FRONT), relayproc_endpoint(back, FAR_BACKEND),
	                       settings);
	outpost->pair.client = testns_connect(front, RIG_FRONT);
	outpost->pair.server = testns_accept(listener);
	testns_assert_connected(outpost->pair.client, outpost->pair.server);
}

static void cut_link(int ns_fd)
{
	testlink_set_up(ns_fd, "veth0", false);
}

/* delete_link - both ends of it: the relay's own address and route go too, as when the other namespace is
 * deleted */
static void delete_link(int ns_fd)
{
	testlink_delete(ns_fd, "veth0");
}

static void expect_loss(struct outpost *outpost, int left, const char *cause)
{
	struct relayproc_record closed;
	char text[32];

	rig_expect_reset(left);
	relayproc_await_closed(outpost->relay, cause, &closed);
	print_message("%s after %s ms\n", cause, relayproc_text(&closed, "duration_ms", text, sizeof(text)));
}

/* lose_both - both peers vanish; @speak: the other side says something that will never be acknowledged */
static void lose_both(void (*vanish)(int ns_fd), bool speak, const char *const settings[])
{
	struct outpost client, server;

	open_far_client(&client, settings);
	open_far_server(&server, settings);
	vanish(client.far);
	vanish(server.far);
	if (speak) {
		testns_write(client.pair.server, "x", 1);
		testns_write(server.pair.client, "x", 1);
	}
	expect_loss(&client, client.pair.server, "client_lost");
	expect_loss(&server, server.pair.client, "server_lost");
}

static void peer_that_acknowledges_nothing_is_lost(void **state)
{
	(void)state;
	lose_both(cut_link, true, TESTNS_ARGV("--user-timeout", "500ms", "--keepalive-idle", "0s"));
}

static void silent_peer_that_is_gone_is_lost(void **state)
{
	(void)state;
	lose_both(cut_link, false,
	          TESTNS_ARGV("--user-timeout", "1s", "--keepalive-idle", "1s", "--keepalive-interval", "1s",
	                      "--keepalive-count", "1"));
}

static void peer_whose_link_is_deleted_is_lost(void **state)
{
	(void)state;
	lose_both(delete_link, true, TESTNS_ARGV("--user-timeout", "500ms", "--keepalive-idle", "0s"));
}

/* Nothing is read from a client that has ended: its loss is noticed all the same. */
static void client_that_has_ended_is_lost(void **state)
{
	struct outpost client;

	(void)state;
	open_far_client(&client, TESTNS_ARGV("--user-timeout", "500ms", "--keepalive-idle", "0s"));
	rig_end(client.pair.client);
	rig_expect_end(client.pair.server);
	cut_link(client.far);
	testns_write(client.pair.server, "x", 1);
	testns_await(client.pair.server, POLLERR);
	relayproc_await_counter(client.relay, "closed_client_lost_total", 1);
}

int main(void)
{
	const struct CMUnitTest rows[] = {
	        relayproc_test(silent_connection_ends_by_the_idle_timeout),
	        relayproc_test(half_closed_connection_ends_by_the_half_close_timeout),
	};
	const struct CMUnitTest once[] = {
	        relayproc_test(bytes_in_one_direction_hold_off_the_timeouts),
	        relayproc_test(peer_that_acknowledges_nothing_is_lost),
	        relayproc_test(silent_peer_that_is_gone_is_lost),
	        relayproc_test(peer_whose_link_is_deleted_is_lost),
	        relayproc_test(client_that_has_ended_is_lost),
	};
	struct CMUnitTest tests[RIG_VARIANTS * ARRAY_COUNT(rows)];
	int failures = cmocka_run_group_tests(once, NULL, NULL);

	rig_in_every_lane(rows, ARRAY_COUNT(rows), tests);
	failures += cmocka_run_group_tests(tests, NULL, NULL);
	return testns_result(failures);
}
