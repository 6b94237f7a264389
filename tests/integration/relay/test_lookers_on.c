/* SPDX-License-Identifier: Apache-2.0 */
/* examples/mirror.yaml and examples/fan-in.yaml, with programs that others use: tcpdump looks on, syslog-ng collects. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/proxy_protocol.h"
#include "tests/integration/relay/output.h"
#include "tests/integration/relay/rig.h"

static struct output output;

/* named - a namespace that the examples name; more than one test wants the same */
static int named(const char *name)
{
	char path[64];

	testns_hide_run();
	snprintf(path, sizeof(path), "/run/netns/%s", name);
	return access(path, F_OK) == 0 ? testns_open_named(name) : testns_new_named(name);
}

static void tcpdump_sees_both_directions_of_a_mirror(void **state)
{
	(void)state;
	output_require("tcpdump");
	int web = named("web"), ids = named("ids");
	int server_listener = testns_listen(named("app"), "127.0.0.1:80");
	int receiver = testns_listen(ids, "127.0.0.1:9000");
	output_start(&output, ids, "tcpdump -Z root -i lo -l --immediate-mode -A tcp dst port 9000");
	output_await(&output, "listening on lo");
	relayproc_start_example("mirror.yaml", "");

	int client = testns_connect(web, "127.0.0.1:8080"), server = testns_accept(server_listener);
	testns_accept(receiver);
	testns_accept(receiver);
	testns_write(client, "attack at dawn", 14);
	output_await(&output, "attack at dawn");
	testns_write(server, "retreat at dusk", 15);
	output_await(&output, "retreat at dusk");

	/* Nobody receives the other relay's copies. */
	client = testns_connect(web, "127.0.0.1:8081");
	testns_assert_connected(client, testns_accept(server_listener));
}

static const struct source {
	const char *netns, *address;
} sources[] = {{"web", "127.1.0.1:514"}, {"db", "127.1.0.2:514"}, {"batch", "127.1.0.3:514"}};

enum { SOURCES = sizeof(sources) / sizeof(sources[0]) };

static void start_fan_in(int ret_netns[SOURCES])
{
	for (size_t i = 0; i < SOURCES; i++)
		ret_netns[i] = named(sources[i].netns);
	relayproc_start_example("fan-in.yaml", "");
}

static uint16_t port_of(int client)
{
	struct sockaddr_in addr;
	socklen_t size = sizeof(addr);

	assert_return_code(getsockname(client, (struct sockaddr *)&addr, &size), 0);
	return addr.sin_port;
}

/* log_line - send @source's message to the collector, and find it there with where it came from */
static void log_line(const struct source *source, int netns)
{
	char line[256], expected[256];

	int client = testns_connect(netns, source->address);
	int size = snprintf(line, sizeof(line), "<13>Jan  1 00:00:00 host app: hello of %s\n", source->netns);
	testns_write(client, line, (size_t)size);
	snprintf(expected, sizeof(expected), "netns=%s client=127.0.0.1:%u app: hello of %s\n", source->netns,
	         ntohs(port_of(client)), source->netns);
	output_await(&output, expected);
	testns_close(client);
}

static void collector_is_told_the_namespace_of_each_message(void **state)
{
	int netns[SOURCES];

	(void)state;
	output_require("syslog-ng");
	int logs = named("logs");
	/* /run is this test's own by now. */
	output_start(&output, logs,
	             "syslog-ng -F --stderr --no-caps -f " EXAMPLES "/fan-in.syslog-ng.conf"
	             " -p /run/syslog-ng.pid -R /run/syslog-ng.persist -c /run/syslog-ng.ctl");
	output_await(&output, "syslog-ng starting up");
	start_fan_in(netns);
	for (size_t i = 0; i < SOURCES; i++)
		log_line(&sources[i], netns[i]);
}

static void version_2_names_the_namespace(void **state)
{
	int netns[SOURCES];

	(void)state;
	int collector = testns_listen(named("logs"), "127.0.0.1:1514");
	start_fan_in(netns);
	for (size_t i = 0; i < SOURCES; i++) {
		int client = testns_connect(netns[i], "127.0.0.1:1514"), server = testns_accept(collector);
		struct proxy_header header = {.source = {{127, 0, 0, 1}, port_of(client), AF_INET},
		                              .destination = {{127, 0, 0, 1}, htons(1514), AF_INET}};
		uint8_t expected[PROXY_ENCODED_MAX], got[PROXY_ENCODED_MAX];
		size_t size = proxy_encode_v2(&header, sources[i].netns, expected);

		testns_read(server, got, size);
		assert_memory_equal(got, expected, size);
		testns_assert_connected(client, server);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		relayproc_test(tcpdump_sees_both_directions_of_a_mirror),
		relayproc_test(collector_is_told_the_namespace_of_each_message),
		relayproc_test(version_2_names_the_namespace),
	};

	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
