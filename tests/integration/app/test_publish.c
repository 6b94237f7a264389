/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports of the program's own namespace that lead into pods with nothing but a loopback. The program's own namespace is one that
 * this test made.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/integration/app/nsctlproc.h"
#include "tests/lib/relayproc.h"

#define CONTROL "/run/control.sock"

static struct {
	int host, pod;
	struct relayproc *relay;
} here;

static void begin(void)
{
	testns_require_root();
	assert_int_equal(testns_run(-1, TESTNS_ARGV("ip", "link", "set", "lo", "up")), 0);
	here.host = testns_keep_fd(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
	here.pod = testns_new_named("pod");
}

static void start(const char *yaml)
{
	static char text[4096];
	snprintf(text, sizeof(text), "log: { level: info }\ncontrol: { path: " CONTROL " }\n%s", yaml);
	here.relay = relayproc_start_config(text);
}

static void assert_led(const char *from, const char *to)
{
	int listener = testns_listen(here.pod, to), client = testns_connect(here.host, from), server = testns_accept(listener);
	testns_assert_connected(client, server);
	testns_close(client);
	testns_close(server);
	testns_close(listener);
}

/* port_of - of a socket's own end */
static int port_of(int fd)
{
	struct sockaddr_in address;
	socklen_t size = sizeof(address);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	return ntohs(address.sin_port);
}

static void ports_lead_into_a_pod_without_any_route(void **state)
{
	(void)state;
	begin();
	start("publish:\n- { from: 8080, to: 'pod/127.0.0.1:80' }\n- { from: '127.0.0.1:9090', to: 'pod/[::1]:90' }\n");
	assert_led("127.0.0.1:8080", "127.0.0.1:80");
	assert_led("[::1]:8080", "127.0.0.1:80");
	assert_led("127.0.0.1:9090", "[::1]:90");
	assert_int_equal(relayproc_stop(here.relay), 0);
}

static void a_thousand_ports_are_one_process(void **state)
{
	(void)state;
	begin();
	start("publish: { from: '127.0.0.1:20000-20999', to: 'pod/127.0.0.1:3000-3999' }\n");
	nsctlproc_succeed(-1, TESTNS_ARGV("status", "-j", "--control", CONTROL));
	assert_string_equal(nsctlproc_json("/listeners"), "1000");
	assert_led("127.0.0.1:20000", "127.0.0.1:3000");
	assert_led("127.0.0.1:20500", "127.0.0.1:3500");
	assert_led("127.0.0.1:20999", "127.0.0.1:3999");
	assert_int_equal(relayproc_stop(here.relay), 0);
}

/* The header that a server gets: relay/proxy_protocol.h */
static void an_announced_client_is_told_to_the_server(void **state)
{
	static const char signature[12] = "\r\n\r\n\0\r\nQUIT\n";
	unsigned char header[28];
	(void)state;
	begin();
	start("publish: { from: '127.0.0.1:8080', to: 'pod/127.0.0.1:80', client: announce }\n");
	int listener = testns_listen(here.pod, "127.0.0.1:80"), client = testns_connect(here.host, "127.0.0.1:8080");
	int server = testns_accept(listener);
	testns_read(server, header, sizeof(header));
	assert_memory_equal(header, signature, sizeof(signature));
	assert_int_equal(header[24] * 256 + header[25], port_of(client));
	assert_int_equal(header[26] * 256 + header[27], 8080);
	testns_assert_connected(client, server);
	testns_close(client);
	testns_close(server);
	assert_int_equal(relayproc_stop(here.relay), 0);
}

/* flag - net.ipv4.tcp_fwmark_accept of the pod */
static bool accepts_marks(void)
{
	return testns_run(here.pod, TESTNS_ARGV("grep", "-q", "1", "/proc/sys/net/ipv4/tcp_fwmark_accept")) == 0;
}

static bool has_rules(void)
{
	return testns_run(here.pod, TESTNS_ARGV("sh", "-c", "nft list tables | grep -q nsrelay || ip rule | grep -q 0x4e2")) == 0;
}

static void assert_seen(int client_ns, const char *from, int listener, const char *source)
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);
	char text[INET6_ADDRSTRLEN];
	int client = testns_connect(client_ns, from), server = testns_accept(listener);
	testns_assert_connected(client, server);
	assert_int_equal(getpeername(server, (struct sockaddr *)&peer, &size), 0);
	const void *address = peer.ss_family == AF_INET ? (const void *)&((struct sockaddr_in *)&peer)->sin_addr
							: (const void *)&((struct sockaddr_in6 *)&peer)->sin6_addr;
	assert_string_equal(inet_ntop(peer.ss_family, address, text, sizeof(text)), source);
	testns_close(client);
	testns_close(server);
}

/* The pod has no route to anybody: its servers' answers find their way by a mark. */
static void a_kept_clients_address_is_seen_by_the_server(void **state)
{
	(void)state;
	begin();
	int far = testns_new();
	testns_join(here.host, far);
	start("drain: 0s\npublish:\n- { from: 8080, to: 'pod/127.0.0.1:80', client: keep }\n"
	      "- { from: 8081, to: 'pod/[::1]:81', client: keep }\n- { from: 8082, to: 'pod/127.0.0.1:82' }\n");
	assert_true(accepts_marks() && has_rules());
	int four = testns_listen(here.pod, "127.0.0.1:80"), six = testns_listen(here.pod, "[::1]:81");
	int hidden = testns_listen(here.pod, "127.0.0.1:82");
	for (int i = 0; i < 3; i++) { /* sockets that were bound are used again */
		assert_seen(far, "10.0.0.1:8080", four, "10.0.0.2");
		assert_seen(far, "[fd00::1]:8081", six, "fd00::2");
		assert_seen(far, "10.0.0.1:8082", hidden, "127.0.0.1");
		assert_seen(here.host, "127.0.0.1:8080", four, "127.0.0.1");
	}
	assert_int_equal(relayproc_stop(here.relay), 0);
	assert_false(accepts_marks() || has_rules());
	assert_int_equal(testns_run(-1, TESTNS_ARGV("ip", "link", "del", "veth0")), 0);
}

/* Without its loopback a pod gets no routes of ours. */
static void a_pod_whose_answers_cannot_come_back_has_no_marks_accepted(void **state)
{
	(void)state;
	begin();
	start("publish: { from: '127.0.0.1:8080', to: 'pod/127.0.0.1:80' }\n");
	assert_int_equal(testns_run(here.pod, TESTNS_ARGV("ip", "link", "set", "lo", "down")), 0);
	const char *file = relayproc_file("publish: { from: '127.0.0.1:8081', to: 'pod/127.0.0.1:81', client: keep }\n");
	const struct nsctlproc_result *result = nsctlproc_run(-1, TESTNS_ARGV("add", file, "--control", CONTROL));
	assert_int_equal(result->status, 1);
	assert_non_null(strstr(result->errors, "relay 'publish-127.0.0.1-8081': namespace pod: "));
	assert_false(accepts_marks());
	assert_int_equal(relayproc_stop(here.relay), 0);
}

static void ports_come_and_go_while_it_runs(void **state)
{
	(void)state;
	begin();
	start("publish: { from: '127.0.0.1:8080', to: 'pod/127.0.0.1:80' }\n");
	int client = testns_connect(here.host, "127.0.0.1:8080");
	testns_close(client);
	nsctlproc_succeed(-1, TESTNS_ARGV("add", relayproc_file("publish: { from: '127.0.0.1:8081', to: 'pod/127.0.0.1:81' }\n"),
					  "--control", CONTROL));
	assert_led("127.0.0.1:8081", "127.0.0.1:81");
	nsctlproc_succeed(-1, TESTNS_ARGV("remove", "relay", "publish-127.0.0.1-8080", "--control", CONTROL));
	testns_await_refused(here.host, "127.0.0.1:8080");
	assert_led("127.0.0.1:8081", "127.0.0.1:81");
	assert_int_equal(relayproc_stop(here.relay), 0);
}

static void example_publishes(void **state)
{
	(void)state;
	begin();
	here.relay = relayproc_start_example("publish.yaml", "");
	assert_led("127.0.0.1:8080", "127.0.0.1:80");
	assert_led("127.0.0.1:20009", "127.0.0.1:3009");
	int listener = testns_listen(here.pod, "127.0.0.1:443"), client = testns_connect(here.host, "127.0.0.1:8443");
	int server = testns_accept(listener);
	char header[28];
	testns_read(server, header, sizeof(header));
	testns_assert_connected(client, server);
	testns_close(client);
	testns_close(server);
	assert_int_equal(relayproc_stop(here.relay), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		relayproc_test(ports_lead_into_a_pod_without_any_route),
		relayproc_test(a_thousand_ports_are_one_process),
		relayproc_test(an_announced_client_is_told_to_the_server),
		relayproc_test(a_kept_clients_address_is_seen_by_the_server),
		relayproc_test(a_pod_whose_answers_cannot_come_back_has_no_marks_accepted),
		relayproc_test(ports_come_and_go_while_it_runs),
		relayproc_test(example_publishes),
	};
	return testns_result(cmocka_run_group_tests_name("publish", tests, testns_hide_net, NULL));
}
