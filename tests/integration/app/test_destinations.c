/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intercepted connections that go by where they were to go: on to there, to a pool in another namespace, or nowhere.
 *
 * pod (10.0.0.1, fd00::1) and server (10.0.0.2, fd00::2) are joined by a veth pair, and the pod has its default routes by the
 * server; app and mail have nothing but their loopback. The rules are nsrelay's own.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/integration/app/nsctlproc.h"
#include "tests/lib/relayproc.h"

#define FILE_PATH "/run/relay.yaml"
#define HEAD      "log: { level: info }\ncontrol: { path: /run/control }\n"
#define POOLS                                                                                                \
	"pools: { app: { backends: 'app/127.0.0.1:1' }, mail: { backends: 'mail/[::1]:1' }, spare: { backends: "     \
	"'app/127.0.0.1:2' } }\n"
#define OUT(destinations)                                                                                    \
	HEAD POOLS "relays:\n- { name: out, listen: 'pod/[::]:15001', to: original,\n"                               \
		   "  intercept: { mode: redirect, steer: outbound }, destinations: [ " destinations " ] }\n"
#define IN(destinations)                                                                                     \
	HEAD POOLS "relays:\n- { name: in, listen: 'pod/[::]:15006', to: original,\n"                                \
		   "  intercept: { mode: tproxy, steer: inbound }, destinations: [ " destinations " ] }\n"

#define NETWORKS "{ networks: [ 10.96.0.0/12, 'fd00:96::/112' ], ports: [ 443, 8000-8100 ], to: app }, "
#define SMTP     "{ ports: 25, to: mail }, "
#define REFUSED  "{ networks: [ 192.0.2.0/24, 'fd00:97::/64' ], refuse: true }"

static struct {
	int pod, server, app, mail;          /* namespaces */
	int app_end, mail_end;               /* listeners, the pools' backends */
	struct relayproc *relay;
} here;

static void write_file(const char *yaml)
{
	FILE *file = fopen(FILE_PATH, "we");
	assert_non_null(file);
	fputs(yaml, file);
	assert_int_equal(fclose(file), 0);
}

static void make_namespaces(void)
{
	testns_require_root();
	if (testns_run(-1, TESTNS_ARGV("sh", "-c", "command -v ip >/dev/null")) != 0)
		skip();
	here.pod = testns_new_named("pod");
	here.server = testns_new_named("server");
	here.app = testns_new_named("app");
	here.mail = testns_new_named("mail");
	testns_join(here.pod, here.server);
	assert_int_equal(testns_run(here.pod, TESTNS_ARGV("sh", "-ec",
							  "ip route add default via 10.0.0.2; "
							  "ip -6 route add default via fd00::2")), 0);
}

static void begin(const char *yaml)
{
	make_namespaces();
	here.app_end = testns_listen(here.app, "127.0.0.1:1");
	here.mail_end = testns_listen(here.mail, "[::1]:1");
	write_file(yaml);
	here.relay = relayproc_start(TESTNS_ARGV("-c", FILE_PATH));
}

static void reload(const char *yaml)
{
	struct relayproc_record record;
	write_file(yaml);
	relayproc_signal(here.relay, SIGHUP);
	relayproc_await_record(here.relay, "reloaded", &record);
}

/* assert_served - a connection to @address made in @from arrives at @listener; the log names @pool */
static void assert_served(int from, const char *address, int listener, const char *pool)
{
	struct relayproc_record closed;
	char text[128];
	int client = testns_connect(from, address), server = testns_accept(listener);
	testns_assert_connected(client, server);
	testns_close(client);
	testns_close(server);
	relayproc_await_record(here.relay, "closed", &closed);
	assert_string_equal(relayproc_text(&closed, "destination", text, sizeof(text)), address);
	assert_string_equal(relayproc_text(&closed, "pool", text, sizeof(text)), pool);
}

static void assert_refused(int from, const char *address)
{
	struct relayproc_record closed;
	char text[128], byte;
	int client = testns_connect(from, address);
	assert_int_equal(recv(client, &byte, 1, 0), -1); /* a reset */
	relayproc_await_closed(here.relay, "destination_refused", &closed);
	assert_string_equal(relayproc_text(&closed, "destination", text, sizeof(text)), address);
	testns_close(client);
}

/* Nobody answers at most of these addresses: that the connection arrives is the relay's doing. */
static void redirected_clients_go_by_their_destinations(void **state)
{
	(void)state;
	begin(OUT(NETWORKS SMTP REFUSED));
	assert_served(here.pod, "10.96.0.1:443", here.app_end, "app");
	assert_served(here.pod, "10.111.255.255:8100", here.app_end, "app");
	assert_served(here.pod, "[fd00:96::7]:8000", here.app_end, "app");
	assert_served(here.pod, "10.96.0.1:25", here.mail_end, "mail");
	assert_served(here.pod, "192.0.2.1:25", here.mail_end, "mail"); /* the first that fits */
	assert_served(here.pod, "[fd00::2]:25", here.mail_end, "mail");
	assert_served(here.pod, "10.0.0.2:443", testns_listen(here.server, "10.0.0.2:443"), "out");
	assert_served(here.pod, "[fd00::2]:80", testns_listen(here.server, "[fd00::2]:80"), "out");
	assert_refused(here.pod, "192.0.2.1:80");
	assert_refused(here.pod, "[fd00:97::1]:443");
	assert_int_equal(relayproc_stop(here.relay), 0);
}

static void so_do_those_behind_tproxy(void **state)
{
	(void)state;
	begin(IN("{ ports: 80, networks: [ 10.0.0.1, 'fd00::1' ], to: app }, { ports: [ 81-82 ], networks: 'fd00::/64', to: mail "
		 "}, { ports: 83, refuse: true }"));
	assert_served(here.server, "10.0.0.1:80", here.app_end, "app");
	assert_served(here.server, "[fd00::1]:80", here.app_end, "app");
	assert_served(here.server, "[fd00::1]:82", here.mail_end, "mail");
	assert_served(here.server, "10.0.0.1:82", testns_listen(here.pod, "10.0.0.1:82"), "in");
	assert_refused(here.server, "10.0.0.1:83");
	assert_int_equal(relayproc_stop(here.relay), 0);
}

static void exceptions_go_on_to_where_they_were_to_go(void **state)
{
	(void)state;
	begin(HEAD POOLS "relays:\n- { name: out, listen: 'pod/[::]:15001', to: mail,\n"
			 "  intercept: { mode: redirect, steer: outbound }, destinations: [ { networks: 10.0.0.2, ports: 80, to: "
			 "original }, { networks: 10.0.0.0/8, to: app } ] }\n");
	assert_served(here.pod, "10.0.0.2:80", testns_listen(here.server, "10.0.0.2:80"), "original");
	assert_served(here.pod, "10.0.0.2:81", here.app_end, "app");
	assert_served(here.pod, "[fd00::2]:80", here.mail_end, "mail");
	assert_int_equal(relayproc_stop(here.relay), 0);
}

static void a_reload_leads_new_clients_elsewhere(void **state)
{
	(void)state;
	begin(OUT(SMTP));
	int client = testns_connect(here.pod, "10.0.0.2:25"), server = testns_accept(here.mail_end);
	testns_assert_connected(client, server);
	reload(OUT("{ ports: 25, to: app }"));
	testns_assert_connected(client, server);
	assert_served(here.pod, "10.0.0.2:25", here.app_end, "app");
	reload(OUT(NETWORKS "{ ports: 25, refuse: true }"));
	testns_assert_connected(client, server);
	assert_refused(here.pod, "10.0.0.2:25");
	assert_served(here.pod, "10.96.0.1:443", here.app_end, "app");
	testns_close(client);
	testns_close(server);
	assert_int_equal(relayproc_stop(here.relay), 0);
}

static const char *const *nsctl(const char *const args[])
{
	static const char *all[8];
	size_t count = 0;
	for (; args[count]; count++)
		all[count] = args[count];
	all[count] = "--control=/run/control";
	all[count + 1] = NULL;
	return all;
}

static void nsctl_knows_where_they_lead(void **state)
{
	(void)state;
	begin(OUT(NETWORKS SMTP REFUSED));
	int client = testns_connect(here.pod, "192.0.2.1:25"), server = testns_accept(here.mail_end);
	testns_assert_connected(client, server);
	assert_says(nsctlproc_succeed(here.pod, nsctl(TESTNS_ARGV("connections", "--pool=mail"))), "192.0.2.1:25");
	const struct nsctlproc_result *result = nsctlproc_run(here.pod, nsctl(TESTNS_ARGV("remove", "pool", "mail")));
	assert_int_not_equal(result->status, 0);
	assert_says(result->errors, "the relay 'out' leads to the pool 'mail'; expected the relay to be removed before");
	nsctlproc_succeed(here.pod, nsctl(TESTNS_ARGV("remove", "pool", "spare")));
	testns_assert_connected(client, server);
	testns_close(client);
	testns_close(server);
	assert_int_equal(relayproc_stop(here.relay), 0);
}

static void the_example_leads_where_it_says(void **state)
{
	(void)state;
	make_namespaces();
	int app = testns_listen(here.app, "127.0.0.1:8443"), mail = testns_listen(here.mail, "127.0.0.1:25");
	here.relay = relayproc_start_example("destinations.yaml", "");
	assert_served(here.pod, "10.96.0.1:443", app, "services");
	assert_served(here.pod, "[fd00:96::1]:8080", app, "services");
	assert_served(here.pod, "192.0.2.1:25", mail, "mail");
	assert_served(here.pod, "10.0.0.2:80", testns_listen(here.server, "10.0.0.2:80"), "outbound");
	assert_refused(here.pod, "192.0.2.1:26");
	assert_int_equal(relayproc_stop(here.relay), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		relayproc_test(redirected_clients_go_by_their_destinations),
		relayproc_test(so_do_those_behind_tproxy),
		relayproc_test(exceptions_go_on_to_where_they_were_to_go),
		relayproc_test(a_reload_leads_new_clients_elsewhere),
		relayproc_test(nsctl_knows_where_they_lead),
		relayproc_test(the_example_leads_where_it_says),
	};
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
