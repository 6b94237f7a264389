/* SPDX-License-Identifier: Apache-2.0 */
/* examples/sni.yaml: who gets a client of TLS, by the name that it asks for. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "tests/integration/relay/rig.h"
#include "tests/lib/clienthello.h"

enum { SERVERS = 4 };

static struct {
	int front;
	int listeners[SERVERS]; /* of fallback, api, sites, sites-eu */
	struct relayproc *relay;
} here;

/* place - the namespace @name, which outlives a test */
static int place(const char *name)
{
	char path[64];
	snprintf(path, sizeof(path), "/run/netns/%s", name);
	return access(path, F_OK) == 0 ? testns_open_named(name) : testns_new_named(name);
}

static void start_example(const char *more)
{
	static const char *const addresses[SERVERS] = {"127.0.0.1:8440", "127.0.0.1:8441", "127.0.0.1:8442", "127.0.0.1:8443"};
	testns_hide_run();
	here.front = place("web");
	int app = place("app");
	for (size_t i = 0; i < SERVERS; i++)
		here.listeners[i] = testns_listen(app, addresses[i]);
	here.relay = relayproc_start_example("sni.yaml", more);
}

/* expect_at - @client arrives at server @index, and at no other, with @bytes first */
static void expect_at(size_t index, int client, const void *bytes, size_t size)
{
	unsigned char seen[4096];
	struct pollfd fds[SERVERS];
	for (size_t i = 0; i < SERVERS; i++)
		fds[i] = (struct pollfd){here.listeners[i], POLLIN, 0};
	assert_int_equal(poll(fds, SERVERS, TESTNS_PATIENCE_MS), 1);
	assert_true(fds[index].revents & POLLIN);
	int server = testns_accept(here.listeners[index]);
	assert_true(size <= sizeof(seen));
	testns_read(server, seen, size);
	assert_memory_equal(seen, bytes, size);
	testns_assert_connected(client, server);
	testns_close(client);
	testns_close(server);
}

static int dial(void)
{
	return testns_connect(here.front, "127.0.0.1:443");
}

static void names_lead_to_their_pools(void **state)
{
	static const struct {
		const char *name;
		size_t server;
	} rows[] = {{"api.example.com", 1}, {"www.example.com", 2}, {"a.b.example.com", 2},
		    {"shop.eu.example.com", 3}, {"example.com", 0}, {"api.example.net", 0}};
	unsigned char hello[CLIENTHELLO_MAX];
	(void)state;
	start_example("threads: 2\n");
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		int client = dial();
		size_t size = clienthello_make(rows[i].name, hello);
		testns_write(client, hello, size);
		expect_at(rows[i].server, client, hello, size);
	}
}

static void log_tells_the_pool(void **state)
{
	struct relayproc_record closed;
	unsigned char hello[CLIENTHELLO_MAX];
	char text[64];
	(void)state;
	start_example("threads: 1\n");
	int client = dial();
	size_t size = clienthello_make("shop.eu.example.com", hello);
	testns_write(client, hello, size);
	expect_at(3, client, hello, size);
	relayproc_await_record(here.relay, "closed", &closed);
	assert_string_equal(relayproc_text(&closed, "pool", text, sizeof(text)), "sites-eu");
	assert_string_equal(relayproc_text(&closed, "backend", text, sizeof(text)), "127.0.0.1:8443");
}

/* What OpenSSL 3.0 sends to api.example.com, in segments that end where they like. */
static void hello_of_a_real_client_in_segments(void **state)
{
	unsigned char hello[2048];
	(void)state;
	FILE *file = fopen(CORPUS "/tls13", "re");
	assert_non_null(file);
	size_t size = fread(hello, 1, sizeof(hello), file);
	fclose(file);
	start_example("threads: 1\n");
	static const size_t pieces[] = {1, 4, 100};
	for (size_t i = 0; i < ARRAY_COUNT(pieces); i++) {
		int client = dial();
		for (size_t at = 0; at < size; at += pieces[i])
			testns_write(client, hello + at, size - at < pieces[i] ? size - at : pieces[i]);
		expect_at(1, client, hello, size);
	}
}

static void what_is_no_tls_goes_to_the_relays_own_pool(void **state)
{
	(void)state;
	start_example("threads: 1\n");
	int client = dial();
	testns_write(client, "GET / HTTP/1.1\r\n\r\n", 18);
	expect_at(0, client, "GET / HTTP/1.1\r\n\r\n", 18);
}

/* The server may be the one to speak first: after the timeout it can. */
static void silent_client_gets_there_after_the_timeout(void **state)
{
	(void)state;
	start_example("threads: 1\n");
	expect_at(0, dial(), "", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		relayproc_test(names_lead_to_their_pools),
		relayproc_test(log_tells_the_pool),
		relayproc_test(hello_of_a_real_client_in_segments),
		relayproc_test(what_is_no_tls_goes_to_the_relays_own_pool),
		relayproc_test(silent_client_gets_there_after_the_timeout),
	};
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
