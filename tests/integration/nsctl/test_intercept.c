/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod (10.0.0.1, fd00::1) and somebody else (10.0.0.2, fd00::2), joined by a veth pair. What is steered arrives at
 * listeners of the test's own inside the pod: outbound at port 15001, inbound at port 15006.
 */
#include "tests/lib/testns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "nsctl/intercept/intercept.h"
#include "nsctl/nssock.h"
#include "tests/lib/testlink.h"

enum { MARK = 0x4e1, ANSWER = 0x4e2, MASK = 0xfff };

static struct {
	int pod, other;
	int outbound, inbound; /* listeners */
	struct nl *nft, *route;
	struct intercept intercept;
} here;

static void shell(int ns_fd, const char *script)
{
	assert_int_equal(testns_run(ns_fd, TESTNS_ARGV("sh", "-ec", script)), 0);
}

/* shell_says - is @expected in what @script writes? */
static bool shell_says(int ns_fd, const char *script, const char *expected)
{
	return testns_run(ns_fd, TESTNS_ARGV("sh", "-ec", "sh -ec \"$0\" | grep -qF -- \"$1\"", script, expected)) == 0;
}

static void open_netlink(void)
{
	struct err err = ERR_INIT;
	assert_success(nl_open(here.pod, NETLINK_NETFILTER, "pod", &here.nft, &err), &err);
	assert_success(nl_open(here.pod, NETLINK_ROUTE, "pod", &here.route, &err), &err);
}

static void close_netlink(void)
{
	nl_close(here.nft);
	nl_close(here.route);
	here.nft = here.route = NULL;
}

static int teardown(void **state)
{
	if (here.nft)
		close_netlink();
	intercept_fini(&here.intercept);
	memset(&here, 0, sizeof(here));
	return testns_teardown(state);
}

static void begin(void)
{
	here.pod = testns_new();
	here.other = testns_new();
	testns_join(here.pod, here.other);
	here.intercept = (struct intercept){
	        .table = "relay",
	        .mark = MARK,
	        .answer_mark = ANSWER,
	        .mask = MASK,
	        .route_table = 100,
	        .rule_priority = 1000,
	        .outbound.port = 15001,
	        .inbound.port = 15006,
	};
	open_netlink();
}

/* listen_transparent - at the wildcard; TPROXY wants a socket that may have any address */
static int listen_transparent(uint16_t port)
{
	char address[32];
	const int on = 1;
	snprintf(address, sizeof(address), "[::]:%u", port);
	int fd = testns_listen(here.pod, address);
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on)), 0);
	return fd;
}

/* apply - returns whether anything had to be changed */
static bool apply(void)
{
	struct err err = ERR_INIT;
	int rc = intercept_apply(here.nft, here.route, &here.intercept, &err);
	assert_success(rc, &err);
	return rc == 1;
}

static void begin_applied(void)
{
	begin();
	here.outbound = listen_transparent(15001);
	here.inbound = listen_transparent(15006);
	assert_true(apply());
}

/* original_of - where the one at the other end of @fd wanted to go: ADDRESS:PORT, by what REDIRECT has left */
static const char *original_of(int fd)
{
	static char text[INET6_ADDRSTRLEN + 16];
	char host[INET6_ADDRSTRLEN];
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
	socklen_t size = sizeof(in4);
	if (getsockopt(fd, IPPROTO_IP, SO_ORIGINAL_DST, &in4, &size) == 0) {
		snprintf(text, sizeof(text), "%s:%u", inet_ntop(AF_INET, &in4.sin_addr, host, sizeof(host)), ntohs(in4.sin_port));
		return text;
	}
	size = sizeof(in6);
	assert_int_equal(getsockopt(fd, IPPROTO_IPV6, SO_ORIGINAL_DST, &in6, &size), 0);
	snprintf(text, sizeof(text), "[%s]:%u", inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof(host)), ntohs(in6.sin6_port));
	return text;
}

static void assert_steered(int from, const char *address, int listener)
{
	int client = testns_connect(from, address), server = testns_accept(listener);
	testns_assert_connected(client, server);
	assert_string_equal(original_of(server), address);
	testns_close(client);
	testns_close(server);
}

/* assert_direct - a connection made in @from to @address arrives at @listener, which has that address */
static void assert_direct(int from, const char *address, int listener)
{
	int client = testns_connect(from, address), server = testns_accept(listener);
	testns_assert_connected(client, server);
	testns_close(client);
	testns_close(server);
}

static void what_a_pod_connects_to_arrives_at_the_relay(void **state)
{
	(void)state;
	begin_applied();
	assert_steered(here.pod, "10.0.0.2:80", here.outbound);
	assert_steered(here.pod, "[fd00::2]:81", here.outbound);
	assert_steered(here.pod, "10.0.0.77:82", here.outbound); /* where nobody is */
}

static void what_connects_to_a_pod_arrives_at_the_relay(void **state)
{
	(void)state;
	begin_applied();
	assert_steered(here.other, "10.0.0.1:80", here.inbound);
	assert_steered(here.other, "[fd00::1]:81", here.inbound);
}

static void a_pod_with_itself_is_left_alone(void **state)
{
	(void)state;
	begin_applied();
	assert_direct(here.pod, "127.0.0.1:80", testns_listen(here.pod, "127.0.0.1:80"));
	assert_direct(here.pod, "10.0.0.1:81", testns_listen(here.pod, "10.0.0.1:81"));
	assert_direct(here.pod, "[::1]:80", testns_listen(here.pod, "[::1]:80"));
}

/* make_own - a socket in the pod as the relay makes them */
static int make_own(sa_family_t family, bool transparent)
{
	const struct nssock_tcp_options options = {.mark = MARK, .transparent = transparent};
	struct err err = ERR_INIT;
	uint32_t count;
	int fd;
	assert_success(nssock_upstream_batch(here.pod, family, &options, NSSOCK_UID_OWN, 1, &fd, &count, &err), &err);
	return testns_keep_fd(fd);
}

static struct endpoint endpoint_of(const char *text)
{
	struct endpoint endpoint;
	struct err err = ERR_INIT;
	assert_success(endpoint_parse(text, &endpoint, &err), &err);
	return endpoint;
}

/* connect_own - @fd to @to; it does not block */
static void connect_own(int fd, const char *to)
{
	const struct endpoint endpoint = endpoint_of(to);
	if (connect(fd, &endpoint.addr.any, endpoint.addr_len) < 0) {
		assert_int_equal(errno, EINPROGRESS);
		assert_int_equal(testns_await(fd, POLLOUT), POLLOUT);
	}
}

static void what_the_relay_connects_to_goes_straight(void **state)
{
	(void)state;
	begin_applied();
	int listener = testns_listen(here.other, "10.0.0.2:80"), fd = make_own(AF_INET, false);
	connect_own(fd, "x/10.0.0.2:80");
	testns_assert_connected(fd, testns_accept(listener));
}

/* assert_borrowed - a server in the pod talks with the address @source, which the relay has taken */
static void assert_borrowed(const char *source, const char *to, const char *listen)
{
	struct endpoint from = endpoint_of(source);
	struct sockaddr_storage peer = {0};
	socklen_t size = sizeof(peer);
	int listener = testns_listen(here.pod, listen), fd = make_own(from.addr.family, true);
	from.addr.in4.sin_port = 0;
	assert_int_equal(bind(fd, &from.addr.any, from.addr_len), 0);
	connect_own(fd, to);
	int server = testns_accept(listener);
	testns_assert_connected(fd, server);
	assert_int_equal(getpeername(server, (struct sockaddr *)&peer, &size), 0);
	if (from.addr.family == AF_INET)
		assert_int_equal(((struct sockaddr_in *)&peer)->sin_addr.s_addr, from.addr.in4.sin_addr.s_addr);
	else
		assert_memory_equal(&((struct sockaddr_in6 *)&peer)->sin6_addr, &from.addr.in6.sin6_addr, 16);
}

static void servers_talk_with_addresses_that_the_relay_has_taken(void **state)
{
	(void)state;
	begin_applied();
	assert_borrowed("x/10.0.0.2:1", "x/10.0.0.1:80", "10.0.0.1:80");
	assert_borrowed("x/[fd00::2]:1", "x/[fd00::1]:80", "[fd00::1]:80");
}

/* assert_diverted - as assert_steered(), with nothing translated: the accepted socket has the address itself */
static void assert_diverted(int from, const char *address, int listener)
{
	char text[ENDPOINT_TEXT_MAX];
	struct sockaddr_storage local = {0};
	socklen_t size = sizeof(local);
	int client = testns_connect(from, address), server = testns_accept(listener);
	testns_assert_connected(client, server);
	assert_int_equal(getsockname(server, (struct sockaddr *)&local, &size), 0);
	endpoint_format_address((struct sockaddr *)&local, text, sizeof(text));
	if (strcmp(text, address) != 0) { /* IPv4, as the socket of IPv6 has it */
		assert_int_equal(strncmp(text, "[::ffff:", 8), 0);
		assert_non_null(strstr(text, "10.0.0.1]:80"));
	}
}

static void tproxy_translates_nothing(void **state)
{
	(void)state;
	begin();
	here.intercept.tproxy = true;
	here.outbound = listen_transparent(15001);
	here.inbound = listen_transparent(15006);
	int listener = testns_listen(here.pod, "10.0.0.1:79");
	int before = testns_connect(here.other, "10.0.0.1:79"), before_end = testns_accept(listener);
	assert_true(apply());
	assert_false(apply());
	assert_diverted(here.other, "10.0.0.1:80", here.inbound);
	assert_diverted(here.other, "[fd00::1]:80", here.inbound);
	assert_direct(here.pod, "10.0.0.1:79", listener);
	testns_assert_connected(before, before_end);
	assert_steered(here.pod, "10.0.0.2:80", here.outbound);
	assert_borrowed("x/10.0.0.2:1", "x/10.0.0.1:81", "10.0.0.1:81");
}

static void tproxy_refuses_when_nobody_listens(void **state)
{
	(void)state;
	begin();
	here.intercept.tproxy = true;
	int listener = testns_listen(here.pod, "10.0.0.1:80");
	assert_true(apply());
	assert_int_equal(testns_try_connect(here.other, "10.0.0.1:80"), -ECONNREFUSED);
	struct err err = ERR_INIT;
	assert_success(intercept_remove(here.nft, here.route, &here.intercept, &err), &err);
	here.intercept.owned = true; /* there the table would have gone */
	assert_true(apply());
	assert_direct(here.other, "10.0.0.1:80", listener);
}

static void add_prefix(struct intercept_direction *direction, const char *text, bool except)
{
	struct err err = ERR_INIT;
	struct prefix *prefix = except ? vec_push(&direction->except) : vec_push(&direction->only);
	assert_non_null(prefix);
	assert_success(prefix_parse(text, prefix, &err), &err);
}

static void add_ports(struct intercept_direction *direction, uint16_t first, uint16_t last, bool except)
{
	struct intercept_ports *ports = except ? vec_push(&direction->except_ports) : vec_push(&direction->only_ports);
	assert_non_null(ports);
	*ports = (struct intercept_ports){first, last};
}

static void exclusions_go_straight(void **state)
{
	(void)state;
	begin();
	here.outbound = listen_transparent(15001);
	here.inbound = listen_transparent(15006);
	add_prefix(&here.intercept.outbound, "fd00::/64", true);
	add_ports(&here.intercept.outbound, 90, 99, true);
	add_ports(&here.intercept.inbound, 22, 22, true);
	apply();
	assert_direct(here.pod, "[fd00::2]:80", testns_listen(here.other, "[fd00::2]:80"));
	assert_direct(here.pod, "10.0.0.2:95", testns_listen(here.other, "10.0.0.2:95"));
	assert_steered(here.pod, "10.0.0.2:89", here.outbound);
	assert_steered(here.pod, "10.0.0.2:100", here.outbound);
	assert_direct(here.other, "10.0.0.1:22", testns_listen(here.pod, "10.0.0.1:22"));
	assert_steered(here.other, "10.0.0.1:23", here.inbound);
}

static void only_what_is_named_is_steered(void **state)
{
	(void)state;
	begin();
	here.outbound = listen_transparent(15001);
	add_prefix(&here.intercept.outbound, "10.0.0.64/26", false);
	add_prefix(&here.intercept.outbound, "fd00::/64", false);
	add_ports(&here.intercept.outbound, 80, 80, false);
	add_ports(&here.intercept.outbound, 8000, 8010, false);
	here.intercept.inbound.port = 0;
	apply();
	assert_steered(here.pod, "10.0.0.77:80", here.outbound);
	assert_steered(here.pod, "[fd00::77]:8005", here.outbound);
	assert_direct(here.pod, "10.0.0.2:80", testns_listen(here.other, "10.0.0.2:80"));
	assert_direct(here.pod, "[fd00::2]:81", testns_listen(here.other, "[fd00::2]:81"));
	assert_direct(here.other, "10.0.0.1:80", testns_listen(here.pod, "10.0.0.1:80"));
}

static void connections_of_before_stay_as_they_are(void **state)
{
	(void)state;
	begin();
	int out_listener = testns_listen(here.other, "10.0.0.2:80"), in_listener = testns_listen(here.pod, "10.0.0.1:80");
	int out = testns_connect(here.pod, "10.0.0.2:80"), out_end = testns_accept(out_listener);
	int in = testns_connect(here.other, "10.0.0.1:80"), in_end = testns_accept(in_listener);
	here.outbound = listen_transparent(15001);
	here.inbound = listen_transparent(15006);
	apply();
	testns_assert_connected(out, out_end);
	testns_assert_connected(in, in_end);
	assert_steered(here.pod, "10.0.0.2:80", here.outbound);
}

static void steered_connections_outlive_the_steering(void **state)
{
	struct err err = ERR_INIT;
	(void)state;
	begin_applied();
	int client = testns_connect(here.pod, "10.0.0.2:80"), server = testns_accept(here.outbound);
	int caller = testns_connect(here.other, "10.0.0.1:80"), callee = testns_accept(here.inbound);
	here.intercept.outbound.port = here.intercept.inbound.port = 0;
	assert_true(apply());
	testns_assert_connected(client, server);
	testns_assert_connected(caller, callee);
	assert_direct(here.pod, "10.0.0.2:80", testns_listen(here.other, "10.0.0.2:80"));
	assert_direct(here.other, "10.0.0.1:80", testns_listen(here.pod, "10.0.0.1:80"));
	testns_close(client);
	testns_close(caller);
	assert_success(intercept_remove(here.nft, here.route, &here.intercept, &err), &err);
	assert_success(intercept_remove(here.nft, here.route, &here.intercept, &err), &err); /* nothing is there */
	assert_false(shell_says(here.pod, "nft list ruleset", "relay"));
	assert_false(shell_says(here.pod, "ip rule; ip -6 rule", "0x4e2"));
	assert_false(shell_says(here.pod, "ip route show table 100 2>&1; ip -6 route show table 100 2>&1", "local"));
}

static uint64_t count_of(const char *rule)
{
	struct intercept_count counts[32];
	struct err err = ERR_INIT;
	uint64_t packets = 0;
	int count = intercept_counts(here.nft, "relay", counts, ARRAY_COUNT(counts), &err);
	assert_success(count, &err);
	assert_in_range(count, 1, ARRAY_COUNT(counts));
	for (int i = 0; i < count; i++)
		packets += strcmp(counts[i].rule, rule) == 0 ? counts[i].packets : 0;
	return packets;
}

static void the_same_again_changes_nothing(void **state)
{
	(void)state;
	begin_applied();
	assert_steered(here.pod, "10.0.0.2:80", here.outbound);
	assert_int_equal(count_of("outbound: steered to the relay"), 1);
	assert_false(apply());
	assert_int_equal(count_of("outbound: steered to the relay"), 1);
}

static void what_somebody_took_away_is_seen_and_put_back(void **state)
{
	(void)state;
	begin_applied();
	shell(here.pod, "nft flush chain inet relay inbound");
	assert_true(apply());
	assert_steered(here.other, "10.0.0.1:80", here.inbound);
	shell(here.pod, "ip -6 rule del fwmark 0x4e2/0xfff");
	assert_true(apply());
	shell(here.pod, "ip route flush table 100");
	assert_true(apply());
	shell(here.pod, "nft add rule inet relay outbound drop");
	assert_true(apply());
	assert_steered(here.pod, "10.0.0.2:80", here.outbound);
	assert_false(apply());
}

static void other_peoples_rules_are_left_alone(void **state)
{
	(void)state;
	begin();
	here.outbound = listen_transparent(15001);
	shell(here.pod, "nft add table ip theirs; nft add chain ip theirs c; nft add rule ip theirs c tcp dport 1 drop\n"
			"ip rule add fwmark 7 lookup 7 priority 7");
	apply();
	assert_true(shell_says(here.pod, "nft list table ip theirs", "tcp dport 1 drop"));
	shell(here.pod, "nft add table ip relay; nft add chain ip relay c; nft add rule ip relay c tcp dport 1 counter drop");
	assert_false(apply()); /* another family's of the same name */
	assert_true(shell_says(here.pod, "nft list table ip relay", "tcp dport 1 counter"));
	assert_true(shell_says(here.pod, "ip rule", "fwmark 0x7 lookup 7"));
}

static void owned_table_goes_with_its_owner_and_is_nobody_elses(void **state)
{
	(void)state;
	begin();
	here.outbound = listen_transparent(15001);
	here.intercept.owned = true;
	assert_true(apply());
	assert_false(apply());
	assert_steered(here.pod, "10.0.0.2:80", here.outbound);
	assert_int_not_equal(testns_run(here.pod, TESTNS_ARGV("sh", "-c", "nft delete table inet relay 2>/dev/null")), 0);
	close_netlink();
	assert_false(shell_says(here.pod, "nft list ruleset", "relay"));
	assert_direct(here.pod, "10.0.0.2:80", testns_listen(here.other, "10.0.0.2:80"));
	open_netlink();
}

static void a_pod_without_ipv6_is_served(void **state)
{
	(void)state;
	begin();
	shell(here.pod, "for c in all default lo veth0; do echo 1 >/proc/sys/net/ipv6/conf/$c/disable_ipv6; done");
	here.outbound = testns_listen(here.pod, "0.0.0.0:15001");
	assert_true(apply());
	assert_steered(here.pod, "10.0.0.2:80", here.outbound);
}

static void a_pod_whose_loopback_is_down_is_told(void **state)
{
	struct err err = ERR_INIT;
	(void)state;
	begin();
	testlink_set_up(here.pod, "lo", false);
	assert_refusal(intercept_apply(here.nft, here.route, &here.intercept, &err), ENETDOWN, &err,
		       "make the rule and route of intercepted connections");
}

#define intercept_test(function) cmocka_unit_test_teardown(function, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        intercept_test(what_a_pod_connects_to_arrives_at_the_relay),
	        intercept_test(what_connects_to_a_pod_arrives_at_the_relay),
	        intercept_test(a_pod_with_itself_is_left_alone),
	        intercept_test(what_the_relay_connects_to_goes_straight),
	        intercept_test(servers_talk_with_addresses_that_the_relay_has_taken),
	        intercept_test(tproxy_translates_nothing),
	        intercept_test(tproxy_refuses_when_nobody_listens),
	        intercept_test(exclusions_go_straight),
	        intercept_test(only_what_is_named_is_steered),
	        intercept_test(connections_of_before_stay_as_they_are),
	        intercept_test(steered_connections_outlive_the_steering),
	        intercept_test(the_same_again_changes_nothing),
	        intercept_test(what_somebody_took_away_is_seen_and_put_back),
	        intercept_test(other_peoples_rules_are_left_alone),
	        intercept_test(owned_table_goes_with_its_owner_and_is_nobody_elses),
	        intercept_test(a_pod_without_ipv6_is_served),
	        intercept_test(a_pod_whose_loopback_is_down_is_told),
	};
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
