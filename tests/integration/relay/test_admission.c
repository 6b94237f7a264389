/* SPDX-License-Identifier: Apache-2.0 */
/* Who may connect, and how much: rules, limits and the queue before them, on the real program. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/check.h"
#include "tests/integration/relay/rig.h"

enum { CLIENTS = 200 };

/* One relay `r` before one server; its clients come over a veth pair or by loopback. */
static struct {
	int front, back, listener;
	struct relayproc *relay;
} here;

/* start - @keys: of the relay beside its name, its listeners for IPv4 and IPv6, and its one backend */
static void start(int threads, const char *keys)
{
	char yaml[2048], v4[256], v6[256];

	here.front = testns_new();
	here.back = testns_new();
	here.listener = testns_listen(here.back, RIG_BACK);
	snprintf(v4, sizeof(v4), "%s", relayproc_endpoint(here.front, "0.0.0.0:8000"));
	snprintf(v6, sizeof(v6), "%s", relayproc_endpoint(here.front, "[::]:8006"));
	snprintf(yaml, sizeof(yaml),
	         "threads: %d\nrelays:\n- name: r\n  listen: [ \"%s\", \"%s\" ]\n  to: \"%s\"\n%s", threads, v4, v6,
	         relayproc_endpoint(here.back, RIG_BACK), keys);
	here.relay = relayproc_start_config(yaml);
}

static int dial(void)
{
	return testns_connect(here.front, RIG_FRONT);
}

/* serve - the backend's end of @client, which was let in */
static int serve(int client)
{
	int server = testns_accept(here.listener);

	testns_assert_connected(client, server);
	return server;
}

/* refused - @client is reset, and the log says why */
static void refused(int client, const char *cause)
{
	struct relayproc_record closed;
	char text[64];

	rig_expect_reset(client);
	relayproc_await_closed(here.relay, cause, &closed);
	assert_string_not_equal(relayproc_text(&closed, "client", text, sizeof(text)), "unknown");
	assert_int_equal(relayproc_number(&closed, "bytes_up"), 0);
}

/* nothing_at - nobody waits at the listener, or nothing for the client */
static void nothing_at(int fd)
{
	struct pollfd poller = {fd, POLLIN, 0};

	assert_int_equal(poll(&poller, 1, 0), 0);
}

/* waits - @client was neither let in nor refused */
static void waits(int client)
{
	nothing_at(here.listener);
	nothing_at(client);
}

/* ---- rules ---- */

static void denied_addresses_are_reset(void **state)
{
	(void)state;
	start(1, "  deny: [ 127.0.6.0/24, \"::1\" ]\n");
	refused(testns_connect_from(here.front, "127.0.6.6", RIG_FRONT), "policy");
	refused(testns_connect(here.front, "[::1]:8006"), "policy");
	/* An IPv4 client of a listener on :: is the same client. */
	refused(testns_connect_from(here.front, "127.0.6.7", "127.0.0.1:8006"), "policy");
	serve(testns_connect_from(here.front, "127.0.7.6", RIG_FRONT));
	serve(testns_connect_from(here.front, "127.0.7.6", "127.0.0.1:8006"));
	assert_int_equal(relayproc_counter(here.relay, "closed_policy_total"), 3);
}

static void only_allowed_addresses_come_in_and_deny_wins(void **state)
{
	int a, b;

	(void)state;
	start(1, "  allow: [ 10.0.0.0/8, \"fd00::2\" ]\n  deny: [ 10.0.0.1 ]\n");
	a = here.front;
	b = testns_new();
	testns_join(a, b);
	serve(testns_connect(b, "10.0.0.1:8000"));
	serve(testns_connect(b, "[fd00::1]:8006"));
	refused(testns_connect(a, "10.0.0.1:8000"), "policy");
	refused(testns_connect(a, "[::1]:8006"), "policy");
	refused(dial(), "policy");
}

static void namespaces_can_be_refused(void **state)
{
	char yaml[2048];
	int good = testns_new_named("good"), bad = testns_new_named("bad");

	(void)state;
	here.back = testns_new();
	here.listener = testns_listen(here.back, RIG_BACK);
	for (int i = 0; i < 2; i++) {
		snprintf(yaml, sizeof(yaml),
		         "drain: 0s\nrelays:\n- name: r\n  listen: [ good/127.0.0.1:8000, bad/127.0.0.1:8000 ]\n  to: \"%s\"\n  %s\n",
		         relayproc_endpoint(here.back, RIG_BACK),
		         i ? "deny_namespaces: bad" : "allow_namespaces: [ good ]");
		here.relay = relayproc_start_config(yaml);
		serve(testns_connect(good, RIG_FRONT));
		refused(testns_connect(bad, RIG_FRONT), "policy");
		assert_int_equal(relayproc_stop(here.relay), 0);
	}
}

/* ---- limits ---- */

/* Two threads take what comes at once, and no one above the limit gets in. */
static void as_many_come_in_as_the_limit_says(void **state)
{
	enum { MOST = 20 };
	int clients[CLIENTS];
	size_t reset = 0;

	(void)state;
	start(2, "  limits: { relay: { connections: 20 } }\n");
	for (size_t i = 0; i < CLIENTS; i++)
		clients[i] = dial();
	for (size_t i = 0; i < MOST; i++)
		testns_accept(here.listener);
	relayproc_await_counter(here.relay, "closed_relay_limit_total", CLIENTS - MOST);
	for (size_t i = 0; i < CLIENTS; i++) {
		struct pollfd fd = {clients[i], POLLIN, 0};

		reset += poll(&fd, 1, 0) == 1 && (fd.revents & POLLERR);
	}
	assert_int_equal(reset, CLIENTS - MOST);
	assert_int_equal(relayproc_counter(here.relay, "connected_total"), MOST);
}

static void a_place_that_is_given_back_is_taken_again(void **state)
{
	(void)state;
	start(2, "  limits: { relay: { connections: 1 } }\n");
	for (int i = 0; i < 10; i++) {
		struct relayproc_record closed;
		int client = dial(), server = serve(client);

		refused(dial(), "relay_limit");
		rig_reset(server);
		rig_expect_reset(client);
		relayproc_await_closed(here.relay, "server_reset", &closed);
	}
}

static void each_source_has_a_limit(void **state)
{
	(void)state;
	start(2, "  limits: { source: { connections: 2 } }\n");
	for (int i = 1; i <= 5; i++) {
		char source[32];

		snprintf(source, sizeof(source), "127.0.9.%d", i);
		for (int j = 0; j < 2; j++)
			serve(testns_connect_from(here.front, source, RIG_FRONT));
		refused(testns_connect_from(here.front, source, RIG_FRONT), "source_limit");
	}
}

/* dial_as - by a proxy at 127.0.0.1 whose header says that the client is @source */
static int dial_as(const char *source)
{
	char header[128];
	int client = dial();

	snprintf(header, sizeof(header), "PROXY TCP4 %s 10.0.0.9 40000 80\r\n", source);
	testns_write(client, header, strlen(header));
	return client;
}

static void behind_a_proxy_it_is_the_client_who_counts(void **state)
{
	(void)state;
	start(2, "  proxy_protocol: { accept_from: [ 127.0.0.1 ] }\n  deny: [ 10.6.6.0/24 ]\n"
	         "  limits: { source: { connections: 1 } }\n");
	serve(dial_as("10.0.0.1"));
	serve(dial_as("10.0.0.2"));
	refused(dial_as("10.0.0.1"), "source_limit");
	refused(dial_as("10.6.6.1"), "policy");
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* However slow the machine is: the burst comes in, and beyond it no more than the time that has passed brings. */
static void no_more_come_in_than_burst_and_rate(void **state)
{
	enum { RATE = 2, BURST = 10 };
	uint64_t begin = now_ms(), in, out;

	(void)state;
	start(2, "  limits: { relay: { rate: 2/s, burst: 10 } }\n");
	for (size_t i = 0; i < CLIENTS; i++)
		dial();
	for (size_t i = 0; i < BURST; i++)
		testns_accept(here.listener);
	do {
		assert_true(now_ms() - begin < TESTNS_PATIENCE_MS);
		in = relayproc_counter(here.relay, "connected_total");
		out = relayproc_counter(here.relay, "closed_rate_limit_total");
	} while (in + out < CLIENTS);
	assert_int_equal(in + out, CLIENTS);
	assert_in_range(in, BURST, BURST + 1 + RATE * (now_ms() - begin) / 1000);
}

/* ---- waiting ---- */

static void who_waits_is_served_when_there_is_room(void **state)
{
	int server, second, third;

	(void)state;
	start(2, "  limits: { relay: { connections: 1 }, over: queue, queue_timeout: 60s }\n");
	server = serve(dial());
	second = dial();
	relayproc_await_counter(here.relay, "pending_total", 1);
	testns_write(second, "hello", 5);
	third = dial();
	relayproc_await_counter(here.relay, "pending_total", 2);
	waits(third);
	rig_reset(server);
	server = testns_accept(here.listener); /* of either: they may be on two threads */
	nothing_at(here.listener);
	rig_reset(server);
	testns_accept(here.listener);
}

static void who_waits_too_long_is_refused(void **state)
{
	int waiting;

	(void)state;
	start(1, "  limits: { source: { connections: 1 }, over: queue, queue_timeout: 100ms }\n");
	serve(dial());
	waiting = dial();
	refused(waiting, "queue_timeout");
}

static void who_waits_holds_no_other_source_up(void **state)
{
	int waiting;

	(void)state;
	start(1, "  limits: { source: { connections: 1 }, over: queue, queue_timeout: 60s }\n");
	serve(dial());
	waiting = dial();
	relayproc_await_counter(here.relay, "pending_total", 1);
	serve(testns_connect_from(here.front, "127.0.9.1", RIG_FRONT));
	waits(waiting);
}

/* A relay that is told to end does not wait for those whom it has not let in. */
static void a_stop_does_not_wait_for_who_waits(void **state)
{
	(void)state;
	start(2, "  limits: { relay: { connections: 1 }, over: queue, queue_timeout: 60s }\ndrain: 0s\n");
	serve(dial());
	dial();
	relayproc_await_counter(here.relay, "pending_total", 1);
	assert_int_equal(relayproc_stop(here.relay), 0);
}

/* ---- the example ---- */

static void the_example_limits_what_it_says(void **state)
{
	int office = testns_new_named("office"), guests = testns_new_named("guests");

	(void)state;
	here.listener = testns_listen(testns_new_named("app"), "127.0.0.1:80");
	here.relay = relayproc_start_example("limits.yaml", "");
	serve(testns_connect_from(office, "127.0.0.1", "127.0.0.1:8001"));
	refused(testns_connect_from(office, "127.6.6.6", "127.0.0.1:8001"), "policy");
	refused(testns_connect(guests, "127.0.0.1:8001"), "policy");
	for (int i = 0; i < 2; i++)
		serve(testns_connect(guests, "127.0.0.1:8002"));
	refused(testns_connect(guests, "127.0.0.1:8002"), "source_limit");
	serve(testns_connect_from(guests, "127.0.0.9", "127.0.0.1:8002"));
	serve(testns_connect(office, "127.0.0.1:8003"));
	testns_connect(office, "127.0.0.1:8003");
	relayproc_await_counter(here.relay, "pending_total", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        relayproc_test(denied_addresses_are_reset),
	        relayproc_test(only_allowed_addresses_come_in_and_deny_wins),
	        relayproc_test(namespaces_can_be_refused),
	        relayproc_test(as_many_come_in_as_the_limit_says),
	        relayproc_test(a_place_that_is_given_back_is_taken_again),
	        relayproc_test(each_source_has_a_limit),
	        relayproc_test(behind_a_proxy_it_is_the_client_who_counts),
	        relayproc_test(no_more_come_in_than_burst_and_rate),
	        relayproc_test(who_waits_is_served_when_there_is_room),
	        relayproc_test(who_waits_too_long_is_refused),
	        relayproc_test(who_waits_holds_no_other_source_up),
	        relayproc_test(a_stop_does_not_wait_for_who_waits),
	        relayproc_test(the_example_limits_what_it_says),
	};
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
