/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that were made to somebody else: nf_tables steers them into the relay's listeners inside the client's own
 * namespace, and from there they go on to where they were meant to go. The rules are nft's in the first tests, so that what
 * is tested is the relay, and nsrelay's own in the others.
 *
 * pod (10.0.0.1, fd00::1) and server (10.0.0.2, fd00::2) are joined by a veth pair.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/relayproc.h"

#define MARK "1249"

enum { STEP_MS = 50 };

static struct {
	int pod, server;
	struct relayproc *relay;
} here;

/* shell - in @ns_fd; it must succeed */
static void shell(int ns_fd, const char *script)
{
	assert_int_equal(testns_run(ns_fd, TESTNS_ARGV("sh", "-ec", script)), 0);
}

static void begin(void)
{
	testns_require_root();
	if (testns_run(-1, TESTNS_ARGV("sh", "-c", "command -v nft ip >/dev/null")) != 0)
		skip();
	here.pod = testns_new();
	here.server = testns_new();
	testns_join(here.pod, here.server);
}

/* start - a relay with @settings that listens at @listener of the pod, and leads to where its clients wanted to go */
static void start(const char *listener, const char *settings)
{
	char yaml[1024];
	snprintf(yaml, sizeof(yaml), "log: { level: info }\nrelays:\n- { name: out, listen: '%s', to: original, "
		 "intercept: { %s, mark: " MARK " } }\n", relayproc_endpoint(here.pod, listener), settings);
	here.relay = relayproc_start_config(yaml);
}

/* What the pod sends anywhere but by the relay's own sockets is redirected to the relay. */
static void redirect_outbound(void)
{
	shell(here.pod, "nft -f - <<'END'\n"
			"table inet t { chain out { type nat hook output priority -100;\n"
			"meta mark " MARK " return\n oifname lo return\n meta l4proto tcp redirect to :15001\n }\n}\n"
			"END\n");
}

/* What comes to the pod from elsewhere is redirected; answers to the clients' addresses come back to the relay. */
static void redirect_inbound(void)
{
	shell(here.pod, "nft -f - <<'END'\n"
			"table inet t {\n"
			"chain nat { type nat hook prerouting priority dstnat; iifname lo return\n"
			"meta l4proto tcp redirect to :15006\n }\n"
			"chain pre { type filter hook prerouting priority mangle; meta mark " MARK " ct mark set " MARK "\n }\n"
			"chain out { type route hook output priority mangle; ct mark " MARK " meta mark set ct mark\n }\n"
			"}\nEND\n"
			"ip rule add fwmark " MARK " lookup 100; ip route add local default dev lo table 100\n"
			"ip -6 rule add fwmark " MARK " lookup 100; ip -6 route add local default dev lo table 100\n");
}

static void tproxy_inbound(void)
{
	shell(here.pod, "nft -f - <<'END'\n"
			"table inet t {\n"
			"chain pre { type filter hook prerouting priority mangle; iifname lo meta mark " MARK " ct mark set " MARK
			"\n iifname lo return\n meta l4proto tcp tproxy to :15006 meta mark set 7 accept\n }\n"
			"chain out { type route hook output priority mangle; ct mark " MARK " meta mark set ct mark\n }\n"
			"}\nEND\n"
			"ip rule add fwmark " MARK " lookup 100; ip rule add fwmark 7 lookup 100\n"
			"ip -6 rule add fwmark " MARK " lookup 100; ip -6 rule add fwmark 7 lookup 100\n"
			"ip route add local default dev lo table 100; ip -6 route add local default dev lo table 100\n");
}

/* assert_peer - the other end of @fd has the address @expected, in text without its port */
static void assert_peer(int fd, const char *expected)
{
	struct sockaddr_storage addr;
	socklen_t size = sizeof(addr);
	char text[INET6_ADDRSTRLEN];
	assert_int_equal(getpeername(fd, (struct sockaddr *)&addr, &size), 0);
	if (addr.ss_family == AF_INET)
		inet_ntop(AF_INET, &((struct sockaddr_in *)&addr)->sin_addr, text, sizeof(text));
	else
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&addr)->sin6_addr, text, sizeof(text));
	assert_string_equal(text, expected);
}

/* assert_relayed - a connection to @address made in @from arrives at @listener, from @source; the log says so */
static void assert_relayed(int from, const char *address, int listener, const char *source)
{
	struct relayproc_record closed;
	char text[128];
	int client = testns_connect(from, address), server = testns_accept(listener);
	testns_assert_connected(client, server);
	assert_peer(server, source);
	testns_close(client);
	testns_close(server);
	relayproc_await_record(here.relay, "closed", &closed);
	assert_string_equal(relayproc_text(&closed, "destination", text, sizeof(text)), address);
}

static void redirected_clients_come_to_where_they_wanted_to_go(void **state)
{
	(void)state;
	begin();
	redirect_outbound();
	start("0.0.0.0:15001", "mode: redirect");
	int first = testns_listen(here.server, "10.0.0.2:80"), second = testns_listen(here.server, "10.0.0.2:81");
	for (int i = 0; i < 3; i++) {
		assert_relayed(here.pod, "10.0.0.2:80", first, "10.0.0.1");
		assert_relayed(here.pod, "10.0.0.2:81", second, "10.0.0.1");
	}
}

static void so_do_those_of_ipv6(void **state)
{
	(void)state;
	begin();
	redirect_outbound();
	start("[::]:15001", "mode: redirect");
	int six = testns_listen(here.server, "[fd00::2]:80"), four = testns_listen(here.server, "10.0.0.2:80");
	assert_relayed(here.pod, "[fd00::2]:80", six, "fd00::1");
	assert_relayed(here.pod, "10.0.0.2:80", four, "10.0.0.1"); /* by the same listener */
}

static void a_destination_that_refuses_refuses_the_client(void **state)
{
	struct relayproc_record closed;
	char byte;
	(void)state;
	begin();
	redirect_outbound();
	start("0.0.0.0:15001", "mode: redirect");
	int client = testns_connect(here.pod, "10.0.0.2:9");
	assert_int_equal(recv(client, &byte, 1, 0), -1); /* a reset */
	relayproc_await_closed(here.relay, "connect_failed", &closed);
}

static void who_connects_to_the_listener_itself_is_refused(void **state)
{
	struct relayproc_record closed;
	char byte;
	(void)state;
	begin();
	start("0.0.0.0:15001", "mode: redirect");
	assert_int_equal(recv(testns_connect(here.pod, "127.0.0.1:15001"), &byte, 1, 0), -1);
	relayproc_await_closed(here.relay, "not_intercepted", &closed);
	redirect_outbound(); /* conntrack knows of connections from now on, and tells the listener's own address */
	assert_int_equal(recv(testns_connect(here.pod, "127.0.0.1:15001"), &byte, 1, 0), -1);
	relayproc_await_closed(here.relay, "not_intercepted", &closed);
	assert_int_equal(recv(testns_connect(here.server, "10.0.0.1:15001"), &byte, 1, 0), -1);
	relayproc_await_closed(here.relay, "not_intercepted", &closed);
}

/* serve_inbound - many connections, one after the other, so that sockets that were bound are used again */
static void serve_inbound(const char *address, const char *source)
{
	int listener = testns_listen(here.pod, address);
	for (int i = 0; i < 20; i++)
		assert_relayed(here.server, address, listener, source);
}

static void a_redirected_server_sees_its_clients_addresses(void **state)
{
	(void)state;
	begin();
	redirect_inbound();
	start("[::]:15006", "mode: redirect, source: client");
	serve_inbound("10.0.0.1:80", "10.0.0.2");
	serve_inbound("[fd00::1]:80", "fd00::2");
}

static void so_does_one_behind_tproxy(void **state)
{
	(void)state;
	begin();
	tproxy_inbound();
	start("[::]:15006", "mode: tproxy, source: client");
	serve_inbound("10.0.0.1:80", "10.0.0.2");
	serve_inbound("[fd00::1]:80", "fd00::2");
}

static void a_reload_takes_and_leaves_connections_that_were_redirected(void **state)
{
	(void)state;
	begin();
	redirect_outbound();
	start("0.0.0.0:15001", "mode: redirect");
	int listener = testns_listen(here.server, "10.0.0.2:80");
	int client = testns_connect(here.pod, "10.0.0.2:80"), server = testns_accept(listener);
	relayproc_signal(here.relay, SIGHUP);
	struct relayproc_record reloaded;
	relayproc_await_record(here.relay, "reloaded", &reloaded);
	testns_assert_connected(client, server);
	assert_relayed(here.pod, "10.0.0.2:80", listener, "10.0.0.1");
	testns_assert_connected(client, server);
}

/* ---- rules of nsrelay's own ---- */

#define FILE_PATH "/run/relay.yaml"
#define HEAD      "log: { level: info }\ndrain: 1s\nrelays:\n"
#define OUT(more)                                                                                                      \
	"- { name: out, listen: 'pod/[::]:15001', to: original, intercept: { mode: redirect, steer: outbound" more " } }\n"
#define IN(mode, more)                                                                                                 \
	"- { name: in, listen: 'pod/[::]:15006', to: original, intercept: { mode: " mode                               \
	", source: client, steer: inbound" more " } }\n"
#define OTHER "- { name: other, listen: server/127.0.0.1:1, to: server/127.0.0.1:2 }\n"

static void write_file(const char *yaml)
{
	FILE *file = fopen(FILE_PATH, "we");
	assert_non_null(file);
	fputs(yaml, file);
	assert_int_equal(fclose(file), 0);
}

static void begin_named(const char *yaml)
{
	testns_require_root();
	if (testns_run(-1, TESTNS_ARGV("sh", "-c", "command -v nft ip >/dev/null")) != 0)
		skip();
	here.pod = testns_new_named("pod");
	here.server = testns_new_named("server");
	testns_join(here.pod, here.server);
	write_file(yaml);
	here.relay = relayproc_start(TESTNS_ARGV("-c", FILE_PATH));
}

/* says - is @expected in what @script writes? */
static bool says(const char *script, const char *expected)
{
	return testns_run(here.pod, TESTNS_ARGV("sh", "-ec", "sh -ec \"$0\" | grep -qF -- \"$1\"", script, expected)) == 0;
}

static void await_says(const char *script, const char *expected, bool expectation)
{
	for (int waited = 0; says(script, expected) != expectation; waited += STEP_MS) {
		assert_true(waited < TESTNS_PATIENCE_MS);
		poll(NULL, 0, STEP_MS);
	}
}

/* assert_direct - a connection that no relay knows of */
static void assert_direct(int from, const char *address, int listener)
{
	int client = testns_connect(from, address), server = testns_accept(listener);
	testns_assert_connected(client, server);
	testns_close(client);
	testns_close(server);
}

static void reload(const char *yaml)
{
	struct relayproc_record record;
	write_file(yaml);
	relayproc_signal(here.relay, SIGHUP);
	relayproc_await_record(here.relay, "reloaded", &record);
}

static void pod_is_steered_by_nsrelays_own_rules(void **state)
{
	(void)state;
	begin_named(HEAD OUT("") IN("redirect", ""));
	assert_relayed(here.pod, "10.0.0.2:80", testns_listen(here.server, "10.0.0.2:80"), "10.0.0.1");
	assert_relayed(here.pod, "[fd00::2]:80", testns_listen(here.server, "[fd00::2]:80"), "fd00::1");
	assert_relayed(here.server, "10.0.0.1:80", testns_listen(here.pod, "10.0.0.1:80"), "10.0.0.2");
	assert_relayed(here.server, "[fd00::1]:80", testns_listen(here.pod, "[fd00::1]:80"), "fd00::2");
	assert_direct(here.pod, "10.0.0.1:81", testns_listen(here.pod, "10.0.0.1:81")); /* with itself */
	assert_int_equal(relayproc_stop(here.relay), 0);
	assert_false(says("nft list ruleset; ip rule; ip -6 rule", "nsrelay"));
	assert_false(says("ip rule; ip -6 rule", "0x4e2"));
}

/* One pod calls another by its address: through the relay twice, and both know nothing of it. */
static void the_example_relays_between_pods(void **state)
{
	struct relayproc_record closed;
	char text[128];
	(void)state;
	testns_require_root();
	here.pod = testns_new_named("pod-a");
	here.server = testns_new_named("pod-b");
	testns_join(here.pod, here.server);
	here.relay = relayproc_start_example("intercept.yaml", "");
	int listener = testns_listen(here.server, "10.0.0.2:80");
	int client = testns_connect(here.pod, "10.0.0.2:80"), server = testns_accept(listener);
	testns_assert_connected(client, server);
	assert_peer(server, "10.0.0.1");
	testns_close(client);
	testns_close(server);
	for (int i = 0; i < 2; i++) {
		relayproc_await_record(here.relay, "closed", &closed);
		assert_string_equal(relayproc_text(&closed, "destination", text, sizeof(text)), "10.0.0.2:80");
	}
	assert_int_equal(relayproc_stop(here.relay), 0);
}

static void so_it_is_with_tproxy(void **state)
{
	(void)state;
	begin_named(HEAD OUT("") IN("tproxy", ""));
	assert_relayed(here.pod, "10.0.0.2:80", testns_listen(here.server, "10.0.0.2:80"), "10.0.0.1");
	assert_relayed(here.server, "10.0.0.1:80", testns_listen(here.pod, "10.0.0.1:80"), "10.0.0.2");
	assert_relayed(here.server, "[fd00::1]:80", testns_listen(here.pod, "[fd00::1]:80"), "fd00::2");
	assert_int_equal(relayproc_stop(here.relay), 0);
}

static void what_is_excluded_goes_straight(void **state)
{
	(void)state;
	begin_named(HEAD OUT(", except: 'fd00::/64', except_ports: [ 90-99 ]") IN("redirect", ", only_ports: 80"));
	assert_direct(here.pod, "[fd00::2]:80", testns_listen(here.server, "[fd00::2]:80"));
	assert_direct(here.pod, "10.0.0.2:95", testns_listen(here.server, "10.0.0.2:95"));
	assert_relayed(here.pod, "10.0.0.2:80", testns_listen(here.server, "10.0.0.2:80"), "10.0.0.1");
	assert_relayed(here.server, "10.0.0.1:80", testns_listen(here.pod, "10.0.0.1:80"), "10.0.0.2");
	assert_direct(here.server, "10.0.0.1:22", testns_listen(here.pod, "10.0.0.1:22"));
	assert_int_equal(relayproc_count_records(here.relay, "closed"), 2);
	assert_int_equal(relayproc_stop(here.relay), 0);
}

static void pods_come_and_go_by_reload(void **state)
{
	(void)state;
	begin_named(HEAD OTHER);
	int listener = testns_listen(here.server, "10.0.0.2:80");
	int before = testns_connect(here.pod, "10.0.0.2:80"), before_end = testns_accept(listener);
	reload(HEAD OTHER OUT(""));
	testns_assert_connected(before, before_end);
	int steered = testns_connect(here.pod, "10.0.0.2:80"), steered_end = testns_accept(listener);
	testns_assert_connected(steered, steered_end);
	reload(HEAD OTHER);
	assert_direct(here.pod, "10.0.0.2:80", listener);
	testns_assert_connected(steered, steered_end); /* until the drain is over */
	testns_assert_connected(before, before_end);
	await_says("nft list ruleset", "nsrelay", false);
	await_says("ip rule", "0x4e2", false);
	testns_assert_connected(before, before_end);
	assert_int_equal(relayproc_stop(here.relay), 0);
}

static void kill_it(void)
{
	pid_t child = relayproc_child(here.relay);
	relayproc_signal(here.relay, SIGKILL);
	relayproc_await_exit(here.relay);
	kill(child, SIGKILL);
}

static void without_a_daemon_connections_pass(void **state)
{
	(void)state;
	begin_named(HEAD OUT(""));
	int listener = testns_listen(here.server, "10.0.0.2:80");
	assert_relayed(here.pod, "10.0.0.2:80", listener, "10.0.0.1");
	kill_it();
	await_says("nft list ruleset", "nsrelay", false);
	assert_direct(here.pod, "10.0.0.2:80", listener);
}

static void or_are_refused(void **state)
{
	(void)state;
	begin_named(HEAD OUT(", when_gone: refuse"));
	int listener = testns_listen(here.server, "10.0.0.2:80");
	assert_relayed(here.pod, "10.0.0.2:80", listener, "10.0.0.1");
	kill_it();
	testns_await_refused(here.pod, "10.0.0.2:80");
	here.relay = relayproc_start(TESTNS_ARGV("-c", FILE_PATH));
	assert_relayed(here.pod, "10.0.0.2:80", listener, "10.0.0.1");
	assert_int_equal(testns_run(here.pod, TESTNS_ARGV("sh", "-ec", "test $(ip rule | grep -c 0x4e2) = 1")), 0);
	assert_int_equal(relayproc_stop(here.relay), 0);
	testns_await_refused(here.pod, "10.0.0.2:80");
}

static void rules_that_somebody_took_away_come_back(void **state)
{
	struct relayproc_record record;
	(void)state;
	begin_named(HEAD OUT(", when_gone: refuse"));
	int listener = testns_listen(here.server, "10.0.0.2:80");
	shell(here.pod, "nft flush ruleset");
	relayproc_await_record(here.relay, "rules that somebody had changed are as they were", &record);
	assert_relayed(here.pod, "10.0.0.2:80", listener, "10.0.0.1");
	assert_int_equal(relayproc_stop(here.relay), 0);
}

static void pod_that_cannot_be_steered_changes_nothing(void **state)
{
	struct relayproc_record record;
	char text[512];
	(void)state;
	begin_named(HEAD OTHER);
	shell(here.pod, "ip link set lo down");
	write_file(HEAD OTHER OUT(""));
	relayproc_signal(here.relay, SIGHUP);
	relayproc_await_record(here.relay, "reload refused; everything is as it was", &record);
	relayproc_text(&record, "error", text, sizeof(text));
	assert_non_null(strstr(text, "relay 'out': namespace pod: "));
	assert_false(says("nft list ruleset", "nsrelay"));
	assert_false(says("ip rule; ip -6 rule", "0x4e2"));
	assert_false(says("ip route show table all", "1249"));
	shell(here.pod, "ip link set lo up");
	testns_await_refused(here.pod, "127.0.0.1:15001");
	assert_int_equal(relayproc_stop(here.relay), 0);
}

/* From the pod into the server's namespace: the relay connects inside it, and has rules there that bring the answers back. */
static void the_clients_address_is_kept_into_another_namespace(void **state)
{
	(void)state;
	begin_named(HEAD "- { name: out, listen: 'pod/[::]:15001', to: 'server/127.0.0.1:80', intercept: { mode: redirect, steer: outbound, "
			 "source: client } }\n");
	int listener = testns_listen(here.server, "127.0.0.1:80");
	for (int i = 0; i < 3; i++)
		assert_relayed(here.pod, "10.0.0.2:80", listener, "10.0.0.1");
	assert_relayed(here.pod, "10.0.0.77:80", listener, "10.0.0.1"); /* where nobody is */
	assert_int_equal(relayproc_stop(here.relay), 0);
	assert_int_equal(testns_run(here.server, TESTNS_ARGV("sh", "-c", "nft list tables | grep -q nsrelay")), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		relayproc_test(redirected_clients_come_to_where_they_wanted_to_go),
		relayproc_test(so_do_those_of_ipv6),
		relayproc_test(a_destination_that_refuses_refuses_the_client),
		relayproc_test(who_connects_to_the_listener_itself_is_refused),
		relayproc_test(a_redirected_server_sees_its_clients_addresses),
		relayproc_test(so_does_one_behind_tproxy),
		relayproc_test(a_reload_takes_and_leaves_connections_that_were_redirected),
		relayproc_test(pod_is_steered_by_nsrelays_own_rules),
		relayproc_test(the_example_relays_between_pods),
		relayproc_test(so_it_is_with_tproxy),
		relayproc_test(what_is_excluded_goes_straight),
		relayproc_test(the_clients_address_is_kept_into_another_namespace),
		relayproc_test(pods_come_and_go_by_reload),
		relayproc_test(without_a_daemon_connections_pass),
		relayproc_test(or_are_refused),
		relayproc_test(rules_that_somebody_took_away_come_back),
		relayproc_test(pod_that_cannot_be_steered_changes_nothing),
	};
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
