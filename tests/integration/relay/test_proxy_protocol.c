/* SPDX-License-Identifier: Apache-2.0 */
/* examples/proxy-protocol.yaml: what its backend gets before the client's bytes. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "relay/proxy_protocol.h"
#include "tests/integration/relay/rig.h"

static struct {
	int web, batch, listener;
	struct relayproc *relay;
} here;

static void start_example(void)
{
	here.web = testns_new_named("web");
	here.batch = testns_new_named("batch");
	here.listener = testns_listen(testns_new_named("app"), "127.0.0.1:80");
	here.relay = relayproc_start_example("proxy-protocol.yaml", "");
}

/* port_of - the client's own, in network order, by either family */
static uint16_t port_of(int client)
{
	struct sockaddr_storage addr;
	socklen_t size = sizeof(addr);
	struct session_peer peer;

	assert_return_code(getsockname(client, (struct sockaddr *)&addr, &size), 0);
	peer_set(&peer, (const struct sockaddr *)&addr);
	return peer.port;
}

static void expect_bytes(int server, const void *expected, size_t size)
{
	uint8_t got[PROXY_ENCODED_MAX];

	assert_true(size <= sizeof(got));
	testns_read(server, got, size);
	assert_memory_equal(got, expected, size);
}

/* expect_line - v1, and then the bytes of both sides */
static void expect_line(int client, const char *addresses, unsigned port)
{
	char line[PROXY_V1_MAX + 1];
	int server = testns_accept(here.listener);
	int size = snprintf(line, sizeof(line), "PROXY %s %u %u\r\n", addresses, ntohs(port_of(client)), port);

	expect_bytes(server, line, (size_t)size);
	testns_assert_connected(client, server);
}

static void expect_binary(int client, int family, const char *source, const char *destination, const char *netns)
{
	struct proxy_header header = {.source = {.family = (uint16_t)family, .port = port_of(client)},
	                              .destination = {.family = (uint16_t)family, .port = htons(8002)}};
	uint8_t expected[PROXY_ENCODED_MAX];
	int server = testns_accept(here.listener);

	assert_int_equal(inet_pton(family, source, header.source.address), 1);
	assert_int_equal(inet_pton(family, destination, header.destination.address), 1);
	expect_bytes(server, expected, proxy_encode_v2(&header, netns, expected));
	testns_assert_connected(client, server);
}

static void backend_reads_a_line_with_the_clients_address(void)
{
	expect_line(testns_connect(here.web, "127.0.0.1:8001"), "TCP4 127.0.0.1 127.0.0.1", 8001);
}

static void backend_is_told_namespace_and_destination(void)
{
	expect_binary(testns_connect(here.web, "127.0.0.2:8002"), AF_INET, "127.0.0.1", "127.0.0.2", "web");
	expect_binary(testns_connect(here.batch, "[::1]:8002"), AF_INET6, "::1", "::1", "batch");
}

/* testns_assert_connected() begins with the client; here the server has to wait for nobody. */
static void server_that_speaks_first_has_been_told(void)
{
	int client = testns_connect(here.web, "127.0.0.1:8001"), server = testns_accept(here.listener);
	char got[6];

	testns_read(server, got, sizeof(got));
	assert_memory_equal(got, "PROXY ", sizeof(got));
	testns_write(server, "hello", 5);
	testns_read(client, got, 5);
	assert_memory_equal(got, "hello", 5);
}

static void header_is_not_counted(void)
{
	struct relayproc_record closed;

	int client = testns_connect(here.web, "127.0.0.1:8001"), server = testns_accept(here.listener);
	testns_write(client, "four", 4);
	testns_close(client);
	while (testns_await(server, POLLIN), recv(server, (char[256]){0}, 256, 0) > 0)
		;
	testns_close(server);
	relayproc_await_closed(here.relay, "client_closed", &closed);
	assert_int_equal(relayproc_number(&closed, "bytes_up"), 4);
}

static void nothing_is_sent_unless_asked_for(void)
{
	int client = testns_connect(here.web, "127.0.0.1:8003"), server = testns_accept(here.listener);
	testns_assert_connected(client, server);
}

static void believed_client_is_told_on_and_logged(void)
{
	static const char line[] = "PROXY TCP4 192.0.2.7 198.51.100.9 4660 443\r\n";
	struct relayproc_record closed;
	char via[64], text[64];
	int client = testns_connect(here.web, "127.0.0.1:8004");

	testns_write(client, line, 10);
	testns_write(client, line + 10, sizeof(line) - 1 - 10);
	int server = testns_accept(here.listener);
	expect_bytes(server, line, sizeof(line) - 1);
	testns_assert_connected(client, server);
	snprintf(via, sizeof(via), "127.0.0.1:%u", ntohs(port_of(client)));
	testns_close(client);
	while (testns_await(server, POLLIN), recv(server, text, sizeof(text), 0) > 0)
		;
	testns_close(server);
	relayproc_await_closed(here.relay, "client_closed", &closed);
	assert_string_equal(relayproc_text(&closed, "client", text, sizeof(text)), "192.0.2.7:4660");
	assert_string_equal(relayproc_text(&closed, "via", text, sizeof(text)), via);
}

static void client_without_its_header_is_refused(void)
{
	struct relayproc_record closed;
	int client = testns_connect(here.web, "127.0.0.1:8004");

	testns_write(client, "hello", 5);
	relayproc_await_closed(here.relay, "bad_header", &closed);
}

static void example_does_what_it_says(void **state)
{
	(void)state;
	start_example();
	backend_reads_a_line_with_the_clients_address();
	backend_is_told_namespace_and_destination();
	server_that_speaks_first_has_been_told();
	header_is_not_counted();
	nothing_is_sent_unless_asked_for();
	believed_client_is_told_on_and_logged();
	client_without_its_header_is_refused();
}

int main(void)
{
	const struct CMUnitTest tests[] = {relayproc_test(example_does_what_it_says)};

	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
