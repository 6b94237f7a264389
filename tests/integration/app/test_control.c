/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket of the real daemon, asked by nsctl. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/varlink/client.h"
#include "base/check.h"
#include "nsctl/nssock.h"
#include "relay/limits.h"
#include "tests/integration/app/controlled.h"
#include "tests/integration/app/load.h"

enum { MANY = 2000 };

static int crowd[MANY]; /* more than testns keeps */

static int clean_up(void **state)
{
	for (int i = 0; i < MANY; i++) {
		if (crowd[i] > 0)
			close(crowd[i]);
		crowd[i] = 0;
	}
	return load_teardown(state);
}

/* ---- what it tells ---- */

static void daemon_tells_of_itself(void **state)
{
	char pid[16], child[16];
	(void)state;
	struct relayproc *relay = start();
	snprintf(pid, sizeof(pid), "%d", (int)relayproc_pid(relay));
	snprintf(child, sizeof(child), "%d", (int)relayproc_child(relay));
	ask("status", "-j");
	assert_member("/pid", pid);
	assert_member("/relay_pid", child);
	assert_member("/threads", "2");
	assert_member("/relays", "2");
	assert_member("/listeners", "2");
	assert_member("/connections", "0");
	assert_says(ask("status"), "2 relays, 2 listeners, 2 threads");
	ask("relays", "-j");
	assert_member("/relays/0/name", "one");
	assert_member("/relays/1/listeners/0", "web/[::]:81");
	assert_member("/relays/1/pool", "second");
	assert_says(ask("relays"), "web/127.0.0.1:80");
	ask("backends", "-j", "--pool", "second");
	assert_int_equal(nsctlproc_json_count("/backends"), 2);
	assert_member("/backends/0/address", "127.0.0.1:81");
	assert_member("/backends/0/netns", "api");
	assert_member("/backends/0/weight", "3");
	assert_member("/backends/0/connections", "0");
	assert_int_equal(nsctlproc_json_count("/backends/0/reasons"), 0);
	assert_member("/backends/1/reasons/0", "maintenance");
	ask("backends", "-j");
	assert_int_equal(nsctlproc_json_count("/backends"), 3);
	assert_says(ask("counters"), "accepted_total");
	assert_int_equal(relayproc_stop(relay), 0);
}

static const char *address_of(int fd)
{
	static char text[ENDPOINT_TEXT_MAX];
	struct sockaddr_storage addr;
	socklen_t size = sizeof(addr);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &size), 0);
	endpoint_format_address((struct sockaddr *)&addr, text, sizeof(text));
	return text;
}

static int count_connections(const char *option, const char *value)
{
	ask("connections", "-j", option, value);
	return nsctlproc_json_count("/connections");
}

static void connection_is_told_with_both_its_sides(void **state)
{
	char bytes[16];
	(void)state;
	struct relayproc *relay = start();
	int listener = testns_listen(api, "127.0.0.1:80"), other = testns_listen(api, "127.0.0.1:81");
	int client = testns_connect(web, "127.0.0.1:80"), server = testns_accept(listener);
	testns_connect(web, "[::1]:81");
	testns_accept(other);
	testns_write(client, "12345", 5);
	testns_read(server, bytes, 5);
	testns_write(server, "1234567", 7);
	testns_read(client, bytes, 7);
	ask("connections", "-j", "--relay", "one");
	assert_int_equal(nsctlproc_json_count("/connections"), 1);
	assert_member("/connections/0/relay", "one");
	assert_member("/connections/0/state", "open");
	assert_member("/connections/0/listener", "web/127.0.0.1:80");
	assert_member("/connections/0/backend", "api/127.0.0.1:80");
	assert_member("/connections/0/client/netns", "web");
	assert_member("/connections/0/client/local", "127.0.0.1:80");
	assert_member("/connections/0/client/remote", address_of(client));
	assert_member("/connections/0/client/bytes", "5");
	assert_null(nsctlproc_json("/connections/0/client/spliced_bytes"));
	assert_member("/connections/0/client/receive_queue_bytes", "0");
	assert_non_null(nsctlproc_json("/connections/0/client/rtt_us"));
	assert_member("/connections/0/server/netns", "api");
	assert_member("/connections/0/server/remote", "127.0.0.1:80");
	assert_member("/connections/0/server/bytes", "7");
	assert_non_null(nsctlproc_json("/connections/0/server/congestion_window"));
	assert_says(ask("connections", "--sort", "bytes", "--limit", "1"), address_of(client));
	assert_int_equal(count_connections("--netns", "web"), 2);
	assert_int_equal(count_connections("--netns", "host"), 0);
	assert_int_equal(count_connections("--client", "127.0.0.0/8"), 1);
	assert_int_equal(count_connections("--client", "::1"), 1);
	assert_int_equal(count_connections("--client", "10.0.0.0/8"), 0);
	assert_int_equal(count_connections("--backend", "api/127.0.0.1:81"), 1);
	assert_int_equal(count_connections("--backend", "127.0.0.1:80"), 1);
	assert_int_equal(count_connections("--backend", "web/127.0.0.1:80"), 0);
	assert_int_equal(count_connections("--pool", "second"), 1);
	assert_int_equal(count_connections("--state", "open"), 2);
	assert_int_equal(count_connections("--lane", "bulk"), 0);
	assert_int_equal(count_connections("--bytes-over", "11"), 1);
	assert_int_equal(count_connections("--age-over", "1h"), 0);
	assert_int_equal(count_connections("--limit", "1"), 1);
	assert_int_equal(count_connections("--sort", "age"), 2);
	ask("backends", "-j", "--pool", "second");
	assert_member("/backends/0/connections", "1");
	assert_int_equal(relayproc_stop(relay), 0);
}

static void await_reset(int fd)
{
	char byte;
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	assert_int_equal(poll(&pollfd, 1, TESTNS_PATIENCE_MS), 1);
	assert_int_equal(recv(fd, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
}

/* pair - a client of @address in web, and its backend, accepted */
struct pair {
	int client, server;
};

static struct pair make_pair(const char *address, int listener)
{
	struct pair pair = {.client = testns_connect(web, address)};
	pair.server = testns_accept(listener);
	return pair;
}

static void killed_connections_are_reset_at_both_ends_and_others_are_not(void **state)
{
	char id[32], bytes[4];
	struct relayproc_record record;
	(void)state;
	struct relayproc *relay = start();
	int listener = testns_listen(api, "127.0.0.1:80"), other = testns_listen(api, "127.0.0.1:81");
	struct pair one = make_pair("127.0.0.1:80", listener), two = make_pair("127.0.0.1:80", listener),
	            third = make_pair("[::1]:81", other);
	testns_write(one.client, "12", 2);
	testns_read(one.server, bytes, 2);
	ask("connections", "-j", "--bytes-over", "1");
	assert_int_equal(nsctlproc_json_count("/connections"), 1);
	snprintf(id, sizeof(id), "%s", nsctlproc_json("/connections/0/id"));
	assert_says(ask("kill", id), "1 connection killed");
	await_reset(one.client);
	await_reset(one.server);
	relayproc_await_closed(relay, "killed", &record);
	assert_int_equal(refused("kill", id)->status, 1);
	assert_says(refused("kill", id)->errors, "no connection");
	assert_int_equal(refused("kill")->status, 2);
	assert_int_equal(refused("kill", "--relay", "tow")->status, 1);
	ask("kill", "--relay", "one", "-j");
	assert_member("/killed", "1");
	await_reset(two.client);
	await_reset(two.server);
	testns_write(third.client, "1234", 4);
	testns_read(third.server, bytes, 4);
	ask("kill", "--all", "-j");
	assert_member("/killed", "1");
	await_reset(third.client);
	assert_int_equal(relayproc_stop(relay), 0);
}

static const char *state_of_first(void)
{
	ask("backends", "-j", "--pool", "second");
	return nsctlproc_json("/backends/0/reasons/0");
}

/* port_of_next - which backend of pool second a new connection goes to: 81 or 82; 0: none */
static int port_of_next(int first, int second)
{
	struct pollfd fds[] = {
	        {.fd = first, .events = POLLIN}, {.fd = second, .events = POLLIN}, {.events = POLLIN}};
	fds[2].fd = testns_connect(web, "[::1]:81");
	assert_in_range(poll(fds, 3, TESTNS_PATIENCE_MS), 1, 3);
	for (int i = 0; i < 2; i++) {
		if (fds[i].revents) {
			testns_accept(fds[i].fd);
			return 81 + i;
		}
	}
	return 0;
}

static void operator_decides_who_gets_connections_at_once(void **state)
{
	(void)state;
	struct relayproc *relay = start();
	int first = testns_listen(api, "127.0.0.1:81"), second = testns_listen(api, "127.0.0.1:82");
	assert_int_equal(port_of_next(first, second), 81);
	ask("drain", "api/127.0.0.1:81", "-j");
	assert_member("/pools/0", "second");
	assert_string_equal(state_of_first(), "drain");
	assert_int_equal(port_of_next(first, second), 0); /* the other one is in maintenance */
	assert_says(ask("ready", "second/127.0.0.1:82"), "ready in pool second");
	assert_int_equal(port_of_next(first, second), 82);
	ask("maintenance", "second/api/127.0.0.1:81");
	assert_string_equal(state_of_first(), "maintenance"); /* in place of the other */
	ask("ready", "127.0.0.1:81");
	assert_null(state_of_first());
	ask("maintenance", "127.0.0.1:82");
	assert_int_equal(port_of_next(first, second), 81);
	assert_int_equal(refused("drain", "127.0.0.1:83")->status, 1);
	assert_says(refused("drain", "api/127.0.0.1:83")->errors, "did you mean 'api/127.0.0.1:8");
	assert_says(refused("drain", "second")->errors, "NotFound");
	assert_int_equal(refused("drain")->status, 2);
	assert_int_equal(relayproc_stop(relay), 0);
}

/* await_event - the next one that is called @name; the caller's to json_decref() */
static json_t *await_event(struct varlink_client *client, const char *name)
{
	struct err err = ERR_INIT;
	json_t *reply, *found = NULL;
	bool continues;
	while (!found) {
		assert_success(varlink_receive(client, &reply, &continues, &err), &err);
		const json_t *events = json_object_get(reply, "events");
		for (size_t i = 0; i < json_array_size(events) && !found; i++) {
			json_t *event = json_array_get(events, i);
			if (strcmp(json_string_value(json_object_get(event, "event")), name) == 0)
				found = json_incref(event);
		}
		json_decref(reply);
	}
	return found;
}

static void assert_event(struct varlink_client *client, const char *name, const char *key, const char *value)
{
	json_t *event = await_event(client, name);
	assert_string_equal(json_string_value(json_object_get(event, key)), value);
	json_decref(event);
}

static void what_happens_is_told_to_who_watches(void **state)
{
	struct varlink_client client;
	struct err err = ERR_INIT;
	json_t *reply, *event;
	bool continues;
	(void)state;
	struct relayproc *relay = start();
	int listener = testns_listen(api, "127.0.0.1:80");
	assert_success(varlink_connect(&client, PATH, &err), &err);
	assert_success(varlink_send(&client, "io.nsrelay.Control.WatchEvents", NULL, true, &err), &err);
	assert_success(varlink_receive(&client, &reply, &continues, &err), &err); /* from here on */
	assert_true(continues);
	json_decref(reply);
	ask("drain", "api/127.0.0.1:81");
	assert_event(&client, "backend_drain", "endpoint", "api/127.0.0.1:81");
	ask("ready", "api/127.0.0.1:81");
	assert_event(&client, "backend_ready", "pool", "second");
	make_pair("127.0.0.1:80", listener);
	ask("kill", "--relay", "one");
	assert_event(&client, "killed", "relay", "one");
	relayproc_signal(relay, SIGHUP);
	json_decref(await_event(&client, "reloaded"));
	ask("add", relayproc_file("relays: [ { name: new, listen: web/127.0.0.1:82, to: second } ]\n"));
	assert_event(&client, "listener_added", "endpoint", "web/127.0.0.1:82");
	ask("remove", "relay", "new");
	assert_event(&client, "listener_removed", "relay", "new");
	refused("remove", "pool", "second");
	event = await_event(&client, "reload_failed");
	assert_says(json_string_value(json_object_get(event, "reason")), "the relay 'two' leads to the pool 'second'");
	json_decref(event);
	relayproc_signal(relay, SIGTERM);
	json_decref(await_event(&client, "draining"));
	varlink_disconnect(&client);
	assert_int_equal(relayproc_await_exit(relay), 0);
}

static void operators_word_outlives_a_reload(void **state)
{
	struct relayproc_record record;
	(void)state;
	struct relayproc *relay = start();
	int first = testns_listen(api, "127.0.0.1:81"), second = testns_listen(api, "127.0.0.1:82");
	ask("drain", "127.0.0.1:81");
	ask("ready", "127.0.0.1:82"); /* which the file has in maintenance */
	relayproc_signal(relay, SIGHUP);
	relayproc_await_record(relay, "reloaded", &record);
	assert_string_equal(state_of_first(), "drain");
	assert_int_equal(port_of_next(first, second), 82);
	assert_int_equal(relayproc_stop(relay), 0);
}

/* Its replies fill the socket, and then it is not written to; it is not let go for that. */
static void who_watches_and_does_not_read_is_told_how_much_was_lost(void **state)
{
	enum { MORE = 4000 }; /* events than the socket and the ring have room for */
	struct varlink_client client, operator;
	struct err err = ERR_INIT;
	json_t *reply;
	bool continues;
	uint64_t count = 0, lost = 0;
	(void)state;
	struct relayproc *relay = start();
	assert_success(varlink_connect(&client, PATH, &err), &err);
	assert_success(varlink_connect(&operator, PATH, &err), &err);
	assert_success(varlink_send(&client, "io.nsrelay.Control.WatchEvents", NULL, true, &err), &err);
	assert_success(varlink_receive(&client, &reply, &continues, &err), &err);
	json_decref(reply);
	for (int i = 0; i < MORE; i++) {
		json_t *set = json_pack("{s:s, s:s}", "backend", "127.0.0.1:81", "state", "ready");
		assert_success(
		        varlink_send(&operator, "io.nsrelay.Control.SetBackendState", set, false, &err),
		        &err);
		assert_success(varlink_receive(&operator, & reply, &continues, &err), &err);
		json_decref(reply);
	}
	while (count + lost < MORE) {
		assert_success(varlink_receive(&client, &reply, &continues, &err), &err);
		lost += (uint64_t)json_integer_value(json_object_get(reply, "lost"));
		count += json_array_size(json_object_get(reply, "events"));
		json_decref(reply);
	}
	assert_true(lost > 0);
	assert_int_equal(count + lost, MORE);
	varlink_disconnect(&client);
	varlink_disconnect(&operator);
	assert_int_equal(relayproc_stop(relay), 0);
}

static void log_level_changes_while_it_runs(void **state)
{
	struct relayproc_record record;
	(void)state;
	struct relayproc *relay = start();
	int listener = testns_listen(api, "127.0.0.1:80");
	struct pair quiet, loud;
	assert_says(ask("log", "warning"), "warning");
	quiet = make_pair("127.0.0.1:80", listener);
	testns_close(quiet.client);
	testns_close(quiet.server);
	do
		ask("status", "-j");
	while (strcmp(nsctlproc_json("/connections"), "0") != 0);
	ask("log", "info");
	loud = make_pair("127.0.0.1:80", listener);
	testns_close(loud.client);
	testns_close(loud.server);
	relayproc_await_record(relay, "closed", &record);
	assert_int_equal(relayproc_count_records(relay, "closed"), 1);
	assert_int_equal(refused("log", "loud")->status, 2);
	assert_int_equal(relayproc_stop(relay), 0);
}

static void what_waits_in_a_queue_is_told(void **state)
{
	static char flood[1 << 16];
	(void)state;
	struct relayproc *relay = start();
	int listener = testns_listen(api, "127.0.0.1:80");
	int client = testns_connect(web, "127.0.0.1:80"), server = testns_accept(listener);
	/* Nobody reads it: sooner or later it stands in the relay's queue to the backend. */
	for (ssize_t n = 1; n > 0;)
		n = send(client, flood, sizeof(flood), MSG_DONTWAIT | MSG_NOSIGNAL);
	int ms = 0;
	do {
		ask("connections", "-j");
	} while (strcmp(nsctlproc_json("/connections/0/server/send_queue_bytes"), "0") == 0 &&
	         ms++ < TESTNS_PATIENCE_MS);
	assert_true(ms < TESTNS_PATIENCE_MS);
	(void)server;
	assert_int_equal(relayproc_stop(relay), 0);
}

static void mistakes_come_with_advice(void **state)
{
	(void)state;
	struct relayproc *relay = start();
	assert_int_equal(refused("connections", "--relay", "on")->status, 1);
	assert_says(refused("connections", "--relay", "on")->errors, "did you mean 'one'?");
	assert_says(refused("backends", "--pool", "x")->errors, "expected one of ");
	assert_int_equal(refused("connections", "--client", "x")->status, 2);
	assert_says(refused("connections", "--pool", "secnd")->errors, "did you mean 'second'?");
	assert_int_equal(refused("connections", "--sort", "colour")->status, 2);
	assert_says(nsctlproc_run(-1, TESTNS_ARGV("status", "--control", "/run/none.sock"))->errors,
	            "is nsrelay running");
	assert_int_equal(relayproc_stop(relay), 0);
}

/* ---- many ---- */

static const struct endpoint *parse(const char *text)
{
	static struct endpoint endpoint;
	struct err err = ERR_INIT;
	assert_success(endpoint_parse(text, &endpoint, &err), &err);
	return &endpoint;
}

static void connect_crowd(void)
{
	struct nssock_tcp_options options = {.nodelay = true};
	const struct endpoint *to = parse("/127.0.0.1:81");
	struct err err = ERR_INIT;
	uint32_t count;
	for (int i = 0; i < MANY; i++) {
		assert_success(nssock_upstream_batch(web, AF_INET, &options, NSSOCK_UID_OWN, 1, &crowd[i],
		                                     &count, &err),
		               &err);
		if (connect(crowd[i], &to->addr.any, to->addr_len) < 0 && errno != EINPROGRESS)
			fail_msg("connect: %s", strerror(errno));
	}
}

static int compare_ids(const void *a, const void *b)
{
	json_int_t one = *(const json_int_t *)a, other = *(const json_int_t *)b;
	return (one > other) - (one < other);
}

/* A listing of the connections of relay two. */
struct listing {
	struct varlink_client client;
	json_int_t ids[2 * MANY];
	size_t count;
};

static void listing_begin(struct listing *listing)
{
	struct err err = ERR_INIT;
	json_t *filter = json_pack("{s:s}", "relay", "two");
	listing->count = 0;
	assert_success(varlink_connect(&listing->client, PATH, &err), &err);
	assert_success(
	        varlink_send(&listing->client, "io.nsrelay.Control.ListConnections", filter, true, &err),
	        &err);
}

/* listing_read - one reply; false when it was the last */
static bool listing_read(struct listing *listing)
{
	struct err err = ERR_INIT;
	bool continues;
	json_t *reply;
	assert_success(varlink_receive(&listing->client, &reply, &continues, &err), &err);
	const json_t *all = json_object_get(reply, "connections");
	for (size_t i = 0; i < json_array_size(all) && listing->count < ARRAY_COUNT(listing->ids); i++)
		listing->ids[listing->count++] = json_integer_value(
		        json_object_get(json_array_get(all, i), "id"));
	json_decref(reply);
	return continues;
}

/* listing_end - the crowd was listed, each of it once */
static void listing_end(struct listing *listing)
{
	varlink_disconnect(&listing->client);
	assert_int_equal(listing->count, MANY);
	qsort(listing->ids, MANY, sizeof(listing->ids[0]), compare_ids);
	for (size_t i = 1; i < MANY; i++)
		assert_true(listing->ids[i - 1] != listing->ids[i]);
}

/* list_crowd - twice at once, so that the two take turns */
static void list_crowd(void)
{
	static struct listing a, b;
	bool more = true;
	listing_begin(&a);
	listing_begin(&b);
	while (more)
		more = listing_read(&a);
	do
		more = listing_read(&b);
	while (more);
	listing_end(&a);
	listing_end(&b);
}

static void allow_fds(void)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max < 3 * MANY) {
		print_message("skipped: RLIMIT_NOFILE is below %d\n", 3 * MANY);
		skip();
	}
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void each_of_2000_connections_is_listed_and_killed_once_while_others_come_and_go(void **state)
{
	const struct nssock_tcp_options options = {.backlog = 2 * MANY};
	char killed[16];
	struct err err = ERR_INIT;
	(void)state;
	allow_fds();
	struct relayproc *relay = start();
	/* Nobody accepts them: the kernel does. */
	assert_success(testns_keep_fd(nssock_listen(api, parse("/127.0.0.1:81"), &options, false,
	                                            NSSOCK_UID_OWN, &err)),
	               &err);
	connect_crowd();
	relayproc_await_counter(relay, "connected_total", MANY);
	const struct load_counts *counts = load_start(web, api, "127.0.0.1:80", "127.0.0.1:80", 2);
	for (int i = 0; i < 20; i++) {
		load_await(10);
		list_crowd();
	}
	/* The crowd is one relay's, the load the other's. */
	ask("kill", "--relay", "two", "-j");
	snprintf(killed, sizeof(killed), "%d", MANY);
	assert_member("/killed", killed);
	load_await(10);
	load_stop();
	assert_int_equal(counts->failed + counts->cut + counts->refused, 0);
	assert_int_equal(relayproc_stop(relay), 0);
}

#define control_test(function) cmocka_unit_test_teardown(function, clean_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        control_test(daemon_tells_of_itself),
	        control_test(connection_is_told_with_both_its_sides),
	        control_test(killed_connections_are_reset_at_both_ends_and_others_are_not),
	        control_test(operator_decides_who_gets_connections_at_once),
	        control_test(what_happens_is_told_to_who_watches),
	        control_test(operators_word_outlives_a_reload),
	        control_test(who_watches_and_does_not_read_is_told_how_much_was_lost),
	        control_test(log_level_changes_while_it_runs),
	        control_test(what_waits_in_a_queue_is_told),
	        control_test(mistakes_come_with_advice),
	        control_test(each_of_2000_connections_is_listed_and_killed_once_while_others_come_and_go),
	};
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
