/* SPDX-License-Identifier: Apache-2.0 */
/* Another configuration for the real daemon while it relays. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/integration/app/listeners.h"
#include "tests/integration/app/load.h"
#include "tests/integration/app/nsctlproc.h"
#include "tests/integration/app/procfs.h"
#include "tests/lib/relayproc.h"

#define PATH "/run/nsrelay.yaml"

enum { RELOADS = 1000, CLIENTS = 3, THREADS = 2 };

static int web, api;
static struct relayproc *relay;

static void write_file(const char *yaml)
{
	FILE *file = fopen(PATH ".new", "w");
	assert_non_null(file);
	fputs(yaml, file);
	fclose(file);
	assert_int_equal(rename(PATH ".new", PATH), 0);
}

static void start(const char *yaml)
{
	testns_require_root();
	web = testns_new_named("web");
	api = testns_new_named("api");
	write_file(yaml);
	relay = relayproc_start(TESTNS_ARGV("-c", PATH));
}

static struct relayproc_record reload(const char *yaml)
{
	struct relayproc_record record;
	write_file(yaml);
	relayproc_signal(relay, SIGHUP);
	relayproc_await_record(relay, "reloaded", &record);
	return record;
}

/* connect_new - a connection to @address more, which @listener gets */
static void connect_new(const char *address, int listener)
{
	int client = testns_connect(web, address);
	testns_assert_connected(client, testns_accept(listener));
}

#define DRAIN(time) "threads: 2\nlog: { rate: 0 }\ndrain: " time "\n"
#define COMMON DRAIN("0s")
#define RELAY_ONE "relays: [ { name: one, listen: web/127.0.0.1:80, to: api/127.0.0.1:80 } ]\n"
#define RELAY_TWO                                                                                            \
	"relays:\n"                                                                                          \
	"  - { name: two, listen: web/127.0.0.1:81, to: api/127.0.0.1:81 }\n"                                  \
	"  - { name: one, listen: web/127.0.0.1:80, to: api/127.0.0.1:80 }\n"
#define ONE COMMON RELAY_ONE
#define TWO COMMON RELAY_TWO

static void what_stays_keeps_its_sockets_and_its_connections(void **state)
{
	(void)state;
	start(ONE);
	int first = testns_listen(api, "127.0.0.1:80"), second = testns_listen(api, "127.0.0.1:81");
	int client = testns_connect(web, "127.0.0.1:80"), server = testns_accept(first);
	struct listeners before = listeners_of(relayproc_pid(relay));
	pid_t child = relayproc_child(relay);
	assert_int_equal(before.count, THREADS);
	struct relayproc_record record = reload(TWO);
	assert_int_equal(relayproc_number(&record, "relays"), 2);
	assert_int_equal(relayproc_number(&record, "listeners"), 2);
	struct listeners after = listeners_of(relayproc_pid(relay)), inside = listeners_of(child);
	assert_int_equal(after.count, 2 * THREADS);
	assert_true(listeners_have(&after, &before));
	listeners_assert_same(&after, &inside);
	testns_assert_connected(client, server);
	connect_new("127.0.0.1:80", first);
	int other = testns_connect(web, "127.0.0.1:81");
	testns_assert_connected(other, testns_accept(second));
	assert_int_equal(relayproc_child(relay), child);
	/* The connection goes by the name of its relay, whose place in the file is another one now. */
	char byte;
	testns_close(client);
	assert_int_equal(recv(server, &byte, 1, 0), 0);
	testns_close(server);
	relayproc_await_closed(relay, "client_closed", &record);
	char text[64];
	assert_string_equal(relayproc_text(&record, "relay", text, sizeof(text)), "one");
	assert_int_equal(relayproc_stop(relay), 0);
}

static void relay_that_is_removed_drains(void **state)
{
	struct relayproc_record record;
	char text[64];
	(void)state;
	start(DRAIN("2s") RELAY_TWO);
	int listener = testns_listen(api, "127.0.0.1:81");
	int client = testns_connect(web, "127.0.0.1:81"), server = testns_accept(listener);
	reload(DRAIN("2s") RELAY_ONE);
	testns_await_refused(web, "127.0.0.1:81");
	testns_assert_connected(client, server);
	relayproc_await_closed(relay, "drained", &record);
	assert_string_equal(relayproc_text(&record, "relay", text, sizeof(text)), "two");
	assert_string_equal(relayproc_text(&record, "backend", text, sizeof(text)), "127.0.0.1:81");
	struct listeners left = listeners_of(relayproc_child(relay));
	assert_int_equal(left.count, THREADS);
	assert_int_equal(relayproc_stop(relay), 0);
}

static void relay_that_comes_back_has_its_connections_again(void **state)
{
	(void)state;
	start(DRAIN("1s") RELAY_TWO);
	int listener = testns_listen(api, "127.0.0.1:81");
	int client = testns_connect(web, "127.0.0.1:81"), server = testns_accept(listener);
	reload(DRAIN("1s") RELAY_ONE);
	reload(DRAIN("1s") RELAY_TWO);
	connect_new("127.0.0.1:81", listener);
	poll(NULL, 0, 1500); /* beyond the drain, which has been called off */
	testns_assert_connected(client, server);
	assert_int_equal(relayproc_stop(relay), 0);
}

/* What waits in the queue of a listener that is given up is served. */
static void connections_in_the_queue_of_a_removed_listener_are_served(void **state)
{
	enum { MANY = 20 };
	int clients[MANY];
	(void)state;
	start(DRAIN("9s") RELAY_TWO);
	int listener = testns_listen(api, "127.0.0.1:81");
	pid_t child = relayproc_child(relay);
	assert_int_equal(kill(child, SIGSTOP), 0);
	assert_true(procfs_await_stopped(child));
	for (int i = 0; i < MANY; i++)
		clients[i] = testns_connect(web, "127.0.0.1:81");
	write_file(DRAIN("9s") RELAY_ONE);
	relayproc_signal(relay, SIGHUP);
	kill(child, SIGCONT);
	for (int i = 0; i < MANY; i++)
		testns_write(clients[i], "x", 1);
	for (int i = 0; i < MANY; i++) {
		char byte;
		testns_read(testns_accept(listener), &byte, 1);
	}
	for (int i = 0; i < MANY; i++)
		testns_close(clients[i]);
	testns_await_refused(web, "127.0.0.1:81");
}

static void invalid_file_changes_nothing_and_says_where(void **state)
{
	struct relayproc_record record;
	char text[512];
	(void)state;
	start(ONE);
	int listener = testns_listen(api, "127.0.0.1:80");
	struct listeners before = listeners_of(relayproc_pid(relay));
	size_t fds = procfs_each_fd(relayproc_pid(relay), NULL, NULL);
	static const struct {
		const char *yaml, *expected;
	} wrong[] = {
	        {"relays: [ { name: one, lissten: web/127.0.0.1:80 } ]\n", "lissten"},
	        {TWO "  - { name: three, listen: nowhere/127.0.0.1:83, to: api/127.0.0.1:80 }\n", "nowhere"},
	        {TWO "  - { name: three, listen: web/192.0.2.1:83, to: api/127.0.0.1:80 }\n", "192.0.2.1:83"},
	        {TWO "  - { name: three, listen: web/127.0.0.1:83, to: nowhere/127.0.0.1:80 }\n", "nowhere"},
	        {"", "relays"},
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		write_file(wrong[i].yaml);
		relayproc_signal(relay, SIGHUP);
		relayproc_await_record(relay, "reload refused; everything is as it was", &record);
		relayproc_text(&record, "error", text, sizeof(text));
		if (!strstr(text, wrong[i].expected))
			fail_msg("`%s` does not say `%s`", text, wrong[i].expected);
		struct listeners after = listeners_of(relayproc_pid(relay));
		listeners_assert_same(&before, &after);
	}
	unlink(PATH);
	relayproc_signal(relay, SIGHUP);
	relayproc_await_record(relay, "reload refused; everything is as it was", &record);
	assert_int_equal(procfs_each_fd(relayproc_pid(relay), NULL, NULL), fds);
	connect_new("127.0.0.1:80", listener);
	assert_int_equal(relayproc_stop(relay), 0);
}

/* accept_behind_checks - the first connection at a listener that is checked too which says something: *@ret_byte */
static int accept_behind_checks(int listener, char *ret_byte)
{
	int server;
	do {
		server = testns_accept(listener);
	} while (recv(server, ret_byte, 1, 0) == 0);
	return server;
}

/* What takes memory for each connection, or descriptors of its own, may come with a reload as well. */
static void everything_may_come_with_a_reload(void **state)
{
	static const char header[] = "PROXY TCP4 192.0.2.7 192.0.2.8 7 8\r\n";
	struct relayproc_record record;
	char byte, text[64];
	(void)state;
	start(ONE);
	int first = testns_listen(api, "127.0.0.1:80"), other = testns_listen(api, "127.0.0.1:81");
	int onlooker = testns_listen(api, "127.0.0.1:82");
	connect_new("127.0.0.1:80", first);
	reload(COMMON "relays:\n"
	              "  - name: one\n"
	              "    listen: web/127.0.0.1:80\n"
	              "    to: b\n"
	              "    proxy_protocol: { accept_from: [ 127.0.0.0/8 ] }\n"
	              "    sni: { routes: { example.com: b } }\n"
	              "    mirror: { to: api/127.0.0.1:82, direction: up }\n"
	              "    limits: { source: { connections: 3 }, relay: { up: 1000MiB/s } }\n"
	              "pools:\n"
	              "  b: { balance: source_hash, sticky: { by: source }, backends: [ api/127.0.0.1:81 ],\n"
	              "       ejection: { failures: 3 }, health: { interval: 1h } }\n");
	int client = testns_connect(web, "127.0.0.1:80");
	testns_write(client, header, sizeof(header) - 1);
	testns_write(client, "x", 1);
	int server = accept_behind_checks(other, &byte);
	assert_int_equal(byte, 'x');
	testns_read(testns_accept(onlooker), &byte, 1);
	assert_int_equal(byte, 'x');
	testns_close(client);
	assert_int_equal(recv(server, &byte, 1, 0), 0);
	testns_close(server);
	relayproc_await_closed(relay, "client_closed", &record);
	assert_string_equal(relayproc_text(&record, "client", text, sizeof(text)), "192.0.2.7:7");
	reload(ONE);
	connect_new("127.0.0.1:80", first);
	assert_int_equal(relayproc_stop(relay), 0);
}

#define CONTROL "control: { path: /run/control.sock }\n"
#define nsctl(...) nsctlproc_run(-1, TESTNS_ARGV(__VA_ARGS__, "--control", "/run/control.sock"))

static void nsctl_reloads_and_tells_what_is_wrong(void **state)
{
	(void)state;
	start(ONE CONTROL);
	int listener = testns_listen(api, "127.0.0.1:81");
	write_file(TWO CONTROL);
	assert_int_equal(nsctl("reload")->status, 0);
	connect_new("127.0.0.1:81", listener); /* it has returned: so it is */
	write_file(TWO CONTROL "lissten: 3\n");
	const struct nsctlproc_result *said = nsctl("reload");
	assert_int_equal(said->status, 1);
	assert_says(said->errors, "lissten");
	assert_says(said->errors, "nsrelay.yaml:");
	connect_new("127.0.0.1:81", listener);
	assert_int_equal(nsctl("relays")->status, 0);
	assert_int_equal(relayproc_stop(relay), 0);
	assert_int_equal(nsctl("reload")->status, 1);
}

#define POOL(limit, backends)                                                                                \
	COMMON "relays: [ { name: one, listen: web/127.0.0.1:80, to: pool, limits: { relay: { connections: " limit   \
	       " } } } ]\n"                                                                                  \
	       "pools: { pool: { balance: least_connections, backends: [ " backends " ] } }\n"

static void counts_go_on(void **state)
{
	char byte;
	(void)state;
	start(POOL("5", "api/127.0.0.1:81, api/127.0.0.1:82"));
	int first = testns_listen(api, "127.0.0.1:81"), second = testns_listen(api, "127.0.0.1:82");
	int third = testns_listen(api, "127.0.0.1:83");
	int to_first = testns_connect(web, "127.0.0.1:80");
	struct pollfd ready[] = {{.fd = first, .events = POLLIN}, {.fd = second, .events = POLLIN}};
	assert_int_equal(poll(ready, 2, TESTNS_PATIENCE_MS), 1);
	int gone = testns_accept(ready[0].revents ? first : second);
	connect_new("127.0.0.1:80", ready[0].revents ? second : first);
	/* One connection each: a new backend, without any, gets the next one. */
	reload(POOL("5", "api/127.0.0.1:83, api/127.0.0.1:81, api/127.0.0.1:82"));
	connect_new("127.0.0.1:80", third);
	/* A backend that is removed keeps what it has, and gets nothing. */
	reload(POOL("5", "api/127.0.0.1:83"));
	testns_assert_connected(to_first, gone);
	connect_new("127.0.0.1:80", third);
	connect_new("127.0.0.1:80", third);
	/* Five are there: the limit of five counts those that came before it was read again. */
	int sixth = testns_connect(web, "127.0.0.1:80");
	assert_int_equal(recv(sixth, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	reload(POOL("6", "api/127.0.0.1:83"));
	connect_new("127.0.0.1:80", third);
	testns_close(to_first);
	assert_int_equal(recv(gone, &byte, 1, 0), 0);
	testns_close(gone);
	relayproc_await_counter(relay, "closed_client_closed_total", 1);
	connect_new("127.0.0.1:80", third);
	assert_int_equal(relayproc_stop(relay), 0);
}

#define CHECKED(extra)                                                                                       \
	COMMON "relays: [ { name: one, listen: web/127.0.0.1:80, to: pool } ]\n"                             \
	       "pools: { pool: { backends: [ api/127.0.0.1:81, api/127.0.0.1:82 " extra " ],\n"              \
	       "  health: { interval: 1h, fast_interval: 10ms, fall: 2, rise: 2 } } }\n"

static void connect_behind_checks(int listener)
{
	int client = testns_connect(web, "127.0.0.1:80");
	char byte;
	testns_write(client, "x", 1);
	testns_assert_connected(client, accept_behind_checks(listener, &byte));
}

static void verdicts_of_checks_go_on(void **state)
{
	struct relayproc_record record;
	(void)state;
	start(CHECKED(""));
	relayproc_await_record(relay, "backend down", &record);
	relayproc_await_record(relay, "backend down", &record);
	/* The next checks are an hour away: what is known is known from before. */
	reload(CHECKED(", api/127.0.0.1:83"));
	int third = testns_listen(api, "127.0.0.1:83");
	for (int i = 0; i < 6; i++)
		connect_behind_checks(third);
	assert_int_equal(relayproc_count_records(relay, "backend down"), 2);
	assert_int_equal(relayproc_stop(relay), 0);
}

/* What waits for room, and for a place under a limit, goes on waiting, and is served when there is some. */
#define NARROW(timeout)                                                                                      \
	COMMON "relays: [ { name: one, listen: web/127.0.0.1:80, to: pool, timeouts: { idle: " timeout " },\n"  \
	       "    limits: { over: queue, queue_length: 100, queue_timeout: 1m, relay: { connections: 2 } } } ]\n" \
	       "pools: { pool: { queue: { length: 10, timeout: 1m },\n"                                         \
	       "  backends: [ { address: api/127.0.0.1:81, max_connections: 1 } ] } }\n"

static void those_who_wait_go_on_waiting(void **state)
{
	int clients[3];
	(void)state;
	start(NARROW("1m"));
	int listener = testns_listen(api, "127.0.0.1:81");
	clients[0] = testns_connect(web, "127.0.0.1:80");
	int server = testns_accept(listener);
	clients[1] = testns_connect(web, "127.0.0.1:80"); /* for room at the backend */
	relayproc_await_counter(relay, "queued_total", 1);
	clients[2] = testns_connect(web, "127.0.0.1:80"); /* for a place in the relay */
	relayproc_await_counter(relay, "pending_total", 1);
	reload(NARROW("2m"));
	for (int i = 1; i < 3; i++) {
		testns_close(clients[i - 1]);
		testns_close(server);
		server = testns_accept(listener);
		testns_assert_connected(clients[i], server);
	}
	assert_int_equal(relayproc_stop(relay), 0);
}

/* ---- under load ---- */

/* yaml_of - number @i of a row of configurations in which much changes */
static const char *yaml_of(int i)
{
	static char yaml[2048];
	bool extra = i % 40 >= 20;
	snprintf(yaml, sizeof(yaml),
	         COMMON "relays:\n%s"
	                "  - { name: one, listen: web/127.0.0.1:80, to: %s, timeouts: { idle: %dm } }\n"
	                "  - { name: long, listen: web/127.0.0.1:82, to: c }\n"
	                "pools:\n"
	                "  a: { balance: %s, backends: [ { address: api/127.0.0.1:80, weight: %d } ] }\n"
	                "  b: { backends: [ api/127.0.0.1:80 ] }\n"
	                "  c: { backends: [ api/127.0.0.1:%d ] }\n",
	         extra ? "  - { name: two, listen: web/127.0.0.1:81, to: a }\n" : "", i % 3 ? "a" : "b", 1 + i % 5,
	         i % 2 ? "least_connections" : "round_robin", 1 + i % 7, i < RELOADS / 2 ? 82 : 83);
	return yaml;
}

/* A connection through relay "long", both ends of it. */
struct pair {
	int client, server;
};

static struct pair connect_long(int listener)
{
	struct pair pair = {.client = testns_connect(web, "127.0.0.1:82")};
	pair.server = testns_accept(listener);
	testns_assert_connected(pair.client, pair.server);
	return pair;
}

static void assert_byte(int from, int to, char byte)
{
	char got = 0;
	testns_write(from, &byte, 1);
	testns_read(to, &got, 1);
	assert_int_equal(got, byte);
}

static void thousand_reloads_under_load_cost_no_connection(void **state)
{
	char byte;
	(void)state;
	start(yaml_of(0));
	int listener = testns_listen(api, "127.0.0.1:82");
	struct pair both = connect_long(listener), half = connect_long(listener);
	shutdown(half.client, SHUT_WR);
	assert_int_equal(recv(half.server, &byte, 1, 0), 0);
	const struct load_counts *counts = load_start(web, api, "127.0.0.1:80", "127.0.0.1:80", CLIENTS);
	load_await(CLIENTS);
	size_t fds = 0;
	for (int i = 1; i <= RELOADS; i++) {
		reload(yaml_of(i));
		assert_byte(both.client, both.server, (char)i);
		assert_byte(both.server, both.client, (char)i);
		assert_byte(half.server, half.client, (char)i);
		if (i == 40)
			fds = procfs_each_fd(relayproc_pid(relay), NULL, NULL);
	}
	load_await(CLIENTS);
	load_stop();
	print_message("%llu connections answered\n", (unsigned long long)counts->answered);
	assert_int_equal(counts->refused, 0);
	assert_int_equal(counts->failed, 0);
	assert_int_equal(counts->cut, 0);
	assert_int_equal(procfs_each_fd(relayproc_pid(relay), NULL, NULL), fds);
	testns_close(half.server);
	assert_int_equal(recv(half.client, &byte, 1, 0), 0);
	assert_int_equal(relayproc_stop(relay), 0);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	const struct CMUnitTest tests[] = {
	        load_test(what_stays_keeps_its_sockets_and_its_connections),
	        load_test(relay_that_is_removed_drains),
	        load_test(relay_that_comes_back_has_its_connections_again),
	        load_test(connections_in_the_queue_of_a_removed_listener_are_served),
	        load_test(invalid_file_changes_nothing_and_says_where),
	        load_test(nsctl_reloads_and_tells_what_is_wrong),
	        load_test(everything_may_come_with_a_reload),
	        load_test(counts_go_on),
	        load_test(verdicts_of_checks_go_on),
	        load_test(those_who_wait_go_on_waiting),
	        load_test(thousand_reloads_under_load_cost_no_connection),
	};
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
