/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls of the real relay in real namespaces: for each request, each short connection and each MiB.
 *
 * Each load is done in lock-step: the relay is held still until all of a step's bytes, connections or ends
 * wait for it, and the next step begins when it has come to rest. So what it finds at once, and with it the
 * number of calls, is the same on every machine. What was counted while the load was new (first sockets,
 * lanes, growing buffers) is left out.
 */
#include <errno.h>
#include <poll.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "tests/cost/cost.h"
#include "tests/cost/tracer.h"
#include "tests/integration/relay/rig.h"

enum { PAIRS_MAX = 64, MESSAGE_SIZE = 64, MIB = 1 << 20, CHUNK = 256 * 1024 };

/* What is called more seldom than once in so many times is no cost of each, but an accident of time: a timer,
 * a retry. */
enum { SELDOM = 20 };

static struct rig rig;
static struct pair pairs[PAIRS_MAX];

/* ---- steps ---- */

static void send_all(int fd)
{
	static const char message[MESSAGE_SIZE];

	testns_write(fd, message, sizeof(message));
}

static void receive_all(int fd)
{
	char message[MESSAGE_SIZE];

	tracer_await(fd, POLLIN);
	testns_read(fd, message, sizeof(message)); /* so small that it comes in one piece */
}

/* pass_messages - from each client to its server, or the other way */
static void pass_messages(size_t count, bool up)
{
	tracer_hold();
	for (size_t i = 0; i < count; i++)
		send_all(up ? pairs[i].client : pairs[i].server);
	tracer_release();
	for (size_t i = 0; i < count; i++)
		receive_all(up ? pairs[i].server : pairs[i].client);
}

/* connect_with_requests - the requests are there when the relay is asked to accept */
static void connect_with_requests(size_t count)
{
	tracer_hold();
	for (size_t i = 0; i < count; i++) {
		pairs[i].client = testns_connect(rig.front, RIG_FRONT);
		send_all(pairs[i].client);
	}
	tracer_release();
	for (size_t i = 0; i < count; i++) {
		tracer_await(rig.listener, POLLIN);
		pairs[i].server = testns_accept(rig.listener);
		receive_all(pairs[i].server);
	}
}

static void close_all(size_t count)
{
	tracer_hold();
	for (size_t i = 0; i < count; i++)
		testns_close(pairs[i].client);
	tracer_release();
	for (size_t i = 0; i < count; i++)
		tracer_await(pairs[i].server, POLLIN);
	tracer_hold();
	for (size_t i = 0; i < count; i++)
		testns_close(pairs[i].server);
	tracer_release();
}

/* fill - give @fd @size bytes, as far as it takes them without waiting; how many these were */
static size_t fill(int fd, size_t size)
{
	static const char bytes[CHUNK];
	ssize_t n = send(fd, bytes, size, MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN)
		fail_msg("send: %s", strerror(errno));
	return n < 0 ? 0 : (size_t)n;
}

static void drain(int fd, size_t size)
{
	static char bytes[CHUNK];

	while (size > 0) {
		tracer_await(fd, POLLIN);
		ssize_t n = recv(fd, bytes, size < sizeof(bytes) ? size : sizeof(bytes), MSG_DONTWAIT);

		if (n <= 0)
			fail_msg("receive: %s", n == 0 ? "the end" : strerror(errno));
		size -= (size_t)n;
	}
}

/* ---- loads: each does its thing once for each of @count pairs ---- */

static void request(size_t count)
{
	pass_messages(count, true);
	pass_messages(count, false);
}

static void short_connection(size_t count)
{
	connect_with_requests(count);
	pass_messages(count, false);
	close_all(count);
}

/* mebibyte - in chunks that the sockets hold, each of them there when the relay looks */
static void mebibyte(size_t count)
{
	(void)count;
	for (size_t left = MIB; left > 0;) {
		tracer_hold();
		size_t sent = fill(pairs[0].client, left < CHUNK ? left : CHUNK);
		tracer_release();
		drain(pairs[0].server, sent);
		left -= sent;
	}
}

/* ---- counting ---- */

static const struct load {
	const char *name;
	void (*work)(size_t count);
	size_t pairs;
	unsigned warm_up, times;
	bool keeps_connections;
	bool all_on; /* what a relay can be told is configured, and has nothing to do: it may not cost a call more */
} loads[] = {
        {"request", request, 1, 20, 200, true, false},
        {"request, 64 at once", request, 64, 5, 20, true, false},
        {"short connection", short_connection, 1, 20, 100, false, false},
        {"short connection, 32", short_connection, 32, 5, 10, false, false},
        {"MiB, in 4 pieces", mebibyte, 1, 64, 64, true, false},
        {"request", request, 1, 20, 200, true, true},
        {"short connection", short_connection, 1, 20, 100, false, true},
        {"MiB, in 4 pieces", mebibyte, 1, 64, 64, true, true},
};

#define ENOUGH "{ connections: 100000, rate: 1000000/s, burst: 1000000 }"

static void start_with_all_on(void)
{
	char yaml[2048];

	rig_open(&rig);
	snprintf(yaml, sizeof(yaml),
	         "threads: 1\nlog: { rate: 0 }\n"
	         "relays:\n- name: r\n  listen: \"%s\"\n  to: p\n"
	         "  allow: [ 0.0.0.0/0 ]\n  deny: [ 192.0.2.0/24 ]\n"
	         "  limits: { relay: " ENOUGH ", namespace: " ENOUGH ", source: " ENOUGH " }\n"
	         "  proxy_protocol: { accept_from: [ 192.0.2.0/24 ] }\n"
	         "  sni: { routes: { x.example: p } }\n"
	         "  mirror: { to: \"%s\", fraction: 0%% }\n"
	         "pools:\n  p:\n    queue: { length: 1000 }\n    sticky: { by: source }\n    slow_start: 1h\n"
	         "    health: { interval: 1h, fast_interval: 1h }\n    ejection: {}\n"
	         "    backends: [ { address: \"%s\", max_connections: 1000 } ]\n",
	         relayproc_endpoint(rig.front, RIG_FRONT), relayproc_endpoint(rig.back, "127.0.0.1:9"),
	         relayproc_endpoint(rig.back, RIG_BACK));
	rig.relay = relayproc_start_config(yaml);
}

static void start(const struct load *load)
{
	if (load->all_on)
		start_with_all_on();
	else
		rig_start(&rig, (void *[]){NULL}, NULL);
	for (size_t i = 0; load->keeps_connections && i < load->pairs; i++)
		pairs[i] = rig_connect(&rig);
	tracer_attach(rig.relay);
	/* The servers speak first, or a client that is slow with its first request is taken for one that
	 * waits for an ACK. */
	if (load->keeps_connections)
		pass_messages(load->pairs, false);
}

/* await_log - until each of @count connections has its record */
static void await_log(size_t count)
{
	for (int ms = 0; ms < TESTNS_PATIENCE_MS && relayproc_count_records(rig.relay, "closed") < count;
	     ms++) {
		tracer_pump();
		poll(NULL, 0, 1);
	}
}

/* repeat - @times more; @done before */
static void repeat(const struct load *load, unsigned times, unsigned done)
{
	for (unsigned i = 0; i < times; i++)
		load->work(load->pairs);
	tracer_settle();
	if (!load->keeps_connections)
		await_log(load->pairs * (done + times));
}

static void check_counts(const struct load *load, const struct tracer_counts *before,
                         const struct tracer_counts *after)
{
	static const char *const roles[TRACER_ROLES] = {"relay", "log", "broker"};
	uint64_t times = load->times * load->pairs;

	for (int role = 0; role < TRACER_ROLES; role++) {
		for (int call = 0; call < TRACER_CALLS; call++) {
			uint64_t count = after->calls[role][call] - before->calls[role][call];
			char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call), cost[64];

			snprintf(cost, sizeof(cost), "%s: %s", roles[role], name ? name : "unknown call");
			free(name);
			if (count * SELDOM > times)
				cost_check(load->name, cost, count, times);
		}
	}
	cost_verdict();
}

static void system_calls_are_as_few_as_they_were(void **state)
{
	const struct load *load = *state;
	struct tracer_counts before, after;

	start(load);
	repeat(load, load->warm_up, 0);
	tracer_read(&before);
	repeat(load, load->times, load->warm_up);
	tracer_read(&after);
	check_counts(load, &before, &after);
}

static int teardown(void **state)
{
	tracer_detach();
	return relayproc_teardown(state);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_COUNT(loads)];
	char names[ARRAY_COUNT(loads)][96];

	for (size_t i = 0; i < ARRAY_COUNT(loads); i++) {
		snprintf(names[i], sizeof(names[i]), "system_calls_are_as_few_as_they_were [%s%s]",
		         loads[i].name, loads[i].all_on ? ", all on" : "");
		tests[i] = (struct CMUnitTest){
		        .name = names[i],
		        .test_func = system_calls_are_as_few_as_they_were,
		        .teardown_func = teardown,
		        .initial_state = (void *)(uintptr_t)&loads[i],
		};
	}
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
