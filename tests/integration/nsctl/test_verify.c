/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two namespaces routed through a third, which is "host" to the topology, and then one thing after the other
 * broken: verify must see it, and say what it is. The networks are made with ip(8), which knows nothing of
 * what is tested here.
 */
#include "nsctl/look/verify.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "nsctl/look/icmp.h"
#include "nsctl/netns.h"
#include "tests/lib/sketch.h"
#include "tests/lib/testns.h"

enum { EXPECTS_MAX = 200, FAILURES_MAX = 8 };

struct failure {
	enum unreachable reason;
	const char *words;
};

/* The running test's own. */
static struct {
	struct topology topology;
	struct verify_result results[EXPECTS_MAX];
	size_t result_count;
	struct failure failures[FAILURES_MAX];
	size_t failure_count;
	int home; /* where the test program came from; -1: it is there */
} rig = {.home = -1};

/* ns2 - a descriptor of that namespace */
static int ns2(void)
{
	return testns_open_named("ns2");
}

static void shell(const char *command)
{
	if (testns_run(-1, TESTNS_ARGV("sh", "-e", "-c", command)) != 0)
		fail_msg("this failed: %s", command);
}

/* Both ways, in both families. */
static const char routed[] =
        "ip link add v1_r type veth peer name v1 netns ns1\n"
        "ip link add v2_r type veth peer name v2 netns ns2\n"
        "ip addr add 10.10.10.1/24 dev v1_r; ip addr add 10.10.20.1/24 dev v2_r\n"
        "ip addr add fd01::1/64 dev v1_r nodad; ip addr add fd02::1/64 dev v2_r nodad\n"
        "ip link set v1_r up; ip link set v2_r up\n"
        "ip -n ns1 addr add 10.10.10.2/24 dev v1; ip -n ns1 addr add fd01::2/64 dev v1 nodad\n"
        "ip -n ns2 addr add 10.10.20.2/24 dev v2; ip -n ns2 addr add fd02::2/64 dev v2 nodad\n"
        "ip -n ns1 link set v1 up; ip -n ns2 link set v2 up\n"
        "ip -n ns1 route add default via 10.10.10.1; ip -n ns1 route add default via fd01::1\n"
        "ip -n ns2 route add default via 10.10.20.1; ip -n ns2 route add default via fd02::1\n"
        "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding\n";

static void sketch(struct topology *topology)
{
	sketch_netns(topology, "host");
	sketch_netns(topology, "ns1");
	sketch_netns(topology, "ns2");
	sketch_veth(topology, "host/v1_r", "10.10.10.1/24", "ns1/v1", "10.10.10.2/24");
	sketch_veth(topology, "host/v2_r", "10.10.20.1/24", "ns2/v2", "10.10.20.2/24");
	sketch_address(topology, "host/v1_r", "fd01::1/64");
	sketch_address(topology, "ns1/v1", "fd01::2/64");
	sketch_address(topology, "host/v2_r", "fd02::1/64");
	sketch_address(topology, "ns2/v2", "fd02::2/64");
	sketch_route(topology, "ns1", "0.0.0.0/0", "10.10.10.1");
	sketch_route(topology, "ns1", "::/0", "fd01::1");
	sketch_route(topology, "ns2", "0.0.0.0/0", "10.10.20.1");
	sketch_route(topology, "ns2", "::/0", "fd02::1");
}

static int set_up(void **state)
{
	struct err err = ERR_INIT;
	int host;

	(void)state;
	memset(&rig.topology, 0, sizeof(rig.topology));
	rig.failure_count = 0;
	host = testns_new();
	testns_new_named("ns1");
	testns_new_named("ns2");
	assert_success(netns_enter(host, &rig.home, &err), &err);
	shell(routed);
	sketch(&rig.topology);
	return 0;
}

static int tear_down(void **state)
{
	netns_leave(rig.home);
	rig.home = -1;
	netns_delete("ns1", NULL);
	netns_delete("ns2", NULL);
	topology_fini(&rig.topology);
	return testns_teardown(state);
}

static void keep_result(void *ctx, const struct topology_expect *expect, const struct verify_result *result)
{
	(void)ctx;
	assert_true(rig.result_count < EXPECTS_MAX);
	assert_ptr_equal(expect, &rig.topology.expects.items[rig.result_count]);
	rig.results[rig.result_count++] = *result;
}

static int verify(void)
{
	struct err err = ERR_INIT;
	int rc;

	rig.result_count = 0;
	rc = verify_run(&rig.topology, keep_result, NULL, &err);
	assert_success(rc, &err);
	assert_int_equal(rig.result_count, rig.topology.expects.count);
	return rc;
}

static void sketch_expect_not(const char *from, const char *to, enum unreachable reason)
{
	struct topology_expect *expect = sketch_expect(&rig.topology, from, to, NULL);

	expect->reaches = false;
	expect->because = reason;
}

/* fails - @to is not reached, for @reason and with these words, and for no other reason; see
 * verify_failures() */
static void fails(const char *from, const char *to, enum unreachable reason, const char *words)
{
	enum unreachable other = reason == UNREACHABLE_REFUSED ? UNREACHABLE_NO_ROUTE : UNREACHABLE_REFUSED;

	assert_true(rig.failure_count < FAILURES_MAX);
	rig.failures[rig.failure_count++] = (struct failure){reason, words};
	sketch_expect(&rig.topology, from, to, NULL);
	sketch_expect_not(from, to, reason);
	sketch_expect_not(from, to, UNREACHABLE_ANY);
	sketch_expect_not(from, to, other);
}

static void verify_failure(const struct failure *failure, const struct verify_result results[4])
{
	if (!strstr(results[0].text, failure->words) || results[0].reason != failure->reason)
		fail_msg("%s (%s) instead of %s (%s)", results[0].text, unreachable_name(results[0].reason),
		         failure->words, unreachable_name(failure->reason));
	assert_false(results[0].ok || results[0].reached);
	assert_true(results[1].ok && results[2].ok);
	assert_false(results[3].ok);
}

/* verify_failures - all of them at once, since each takes as long as an answer may */
static void verify_failures(void)
{
	verify();
	for (size_t i = 0; i < rig.failure_count; i++)
		verify_failure(&rig.failures[i], &rig.results[4 * i]);
	rig.topology.expects.count = rig.failure_count = 0;
}

/* ---- reached ---- */

static void echo_is_answered_with_its_ttl(void **state)
{
	(void)state;
	sketch_expect(&rig.topology, "ns1", "10.10.20.2", NULL)->ttl = 63;
	sketch_expect(&rig.topology, "ns1", "fd02::2", NULL)->ttl = 63;
	sketch_expect(&rig.topology, "host", "10.10.20.2", NULL)->ttl = 64;
	sketch_expect(&rig.topology, "ns2", "127.0.0.1", NULL);
	sketch_expect(&rig.topology, "ns2", "10.10.20.2", NULL);
	assert_int_equal(verify(), 0);
	assert_true(rig.results[0].reached && rig.results[1].reached);
	assert_int_equal(rig.results[0].ttl, 63);
	assert_int_equal(rig.results[1].ttl, 63);
	assert_true(rig.results[0].round_trip_us > 0);
}

static void another_ttl_is_a_failure(void **state)
{
	(void)state;
	sketch_expect(&rig.topology, "ns1", "10.10.20.2", NULL)->ttl = 64;
	assert_int_equal(verify(), 1);
	assert_true(rig.results[0].reached);
	assert_false(rig.results[0].ok);
}

static void what_must_not_be_reached_and_is_is_a_failure(void **state)
{
	(void)state;
	sketch_expect(&rig.topology, "ns1", "10.10.20.2", NULL)->reaches = false;
	assert_int_equal(verify(), 1);
	assert_true(rig.results[0].reached);
}

/* settle_ipv6 - a busy machine may take longer to bring links up than a neighbour is asked for: once, before it counts */
static void settle_ipv6(void)
{
	testns_listen(ns2(), "[fd02::2]:81");
	testns_close(testns_connect(testns_open_named("ns1"), "[fd02::2]:81"));
}

static void a_server_gets_the_connection(void **state)
{
	(void)state;
	settle_ipv6();
	sketch_expect(&rig.topology, "ns1", "10.10.20.2:80", "ns2/10.10.20.2:80");
	sketch_expect(&rig.topology, "host", "10.10.20.2:80", "ns2/10.10.20.2:80");
	sketch_expect(&rig.topology, "ns1", "[fd02::2]:80", "ns2/[fd02::2]:80");
	assert_int_equal(verify(), 0);
	assert_true(rig.results[0].reached && rig.results[1].reached && rig.results[2].reached);
	/* It listened for the time only. */
	assert_int_equal(testns_try_connect(ns2(), "10.10.20.2:80"), -ECONNREFUSED);
}

static void somebody_elses_server_will_do_when_none_is_asked_for(void **state)
{
	(void)state;
	testns_listen(ns2(), "10.10.20.2:80");
	sketch_expect(&rig.topology, "ns1", "10.10.20.2:80", NULL);
	assert_int_equal(verify(), 0);
}

static void a_server_behind_translation_gets_the_connection(void **state)
{
	(void)state;
	shell("nft 'table ip t { chain c { type nat hook prerouting priority dstnat;"
	      " ip daddr 10.10.10.1 tcp dport 8080 dnat to 10.10.20.2:80; }; "
	      " chain d { type nat hook postrouting priority srcnat; masquerade; }; }\n'");
	sketch_expect(&rig.topology, "ns1", "10.10.10.1:8080", "ns2/10.10.20.2:80");
	assert_int_equal(verify(), 0);
}

static void another_server_is_not_the_one(void **state)
{
	(void)state;
	testns_listen(ns2(), "10.10.20.2:81");
	sketch_expect(&rig.topology, "ns1", "10.10.20.2:80", "ns2/10.10.20.2:80");
	sketch_expect(&rig.topology, "ns1", "10.10.20.2:81", "ns2/10.10.20.2:80");
	assert_int_equal(verify(), 1);
	assert_true(rig.results[0].reached);
	assert_false(rig.results[1].reached);
	assert_non_null(strstr(rig.results[1].text,
	                       "no answer from ns2/10.10.20.2:80: another one took the connection"));
}

/* close_first - a server that resets its first connection (it lingers for 0 s); none comes: poll gives up */
static void *close_first(void *listener)
{
	struct pollfd pollfd = {.fd = *(int *)listener, .events = POLLIN};

	if (poll(&pollfd, 1, TESTNS_PATIENCE_MS) == 1)
		close(accept4(pollfd.fd, NULL, NULL, SOCK_CLOEXEC));
	return NULL;
}

static void a_connection_that_is_reset_did_not_reach_its_server(void **state)
{
	const struct linger reset = {.l_onoff = 1};
	int listener = testns_listen(ns2(), "10.10.20.2:81");
	pthread_t closer;

	(void)state;
	assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
	assert_int_equal(pthread_create(&closer, NULL, close_first, &listener), 0);
	sketch_expect(&rig.topology, "ns1", "10.10.20.2:81", "ns2/10.10.20.2:80");
	assert_int_equal(verify(), 1);
	assert_int_equal(pthread_join(closer, NULL), 0);
	assert_int_equal(rig.results[0].reason, UNREACHABLE_REFUSED);
	assert_non_null(strstr(rig.results[0].text, "reset before it came to ns2/10.10.20.2:80"));
}

/* ---- not reached ---- */

static void no_route_is_named(void **state)
{
	(void)state;
	shell("ip -n ns1 route del default");
	fails("ns1", "10.10.20.2", UNREACHABLE_NO_ROUTE, "no route to 10.10.20.2 in ns1");
	fails("ns1", "10.10.20.2:80", UNREACHABLE_NO_ROUTE, "no route to 10.10.20.2 in ns1");
	verify_failures();
	shell("ip -n ns1 route del default via fd01::1");
	fails("ns1", "fd02::2", UNREACHABLE_NO_ROUTE, "no route to fd02::2 in ns1");
	verify_failures();
}

static void forwarding_that_is_off_is_named(void **state)
{
	(void)state;
	shell("echo 0 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv6/conf/all/forwarding");
	fails("ns1", "10.10.20.2", UNREACHABLE_FORWARDING, "forwarding is off in host");
	fails("ns1", "10.10.20.2:80", UNREACHABLE_FORWARDING, "forwarding is off in host");
	fails("ns1", "fd02::2", UNREACHABLE_FORWARDING, "forwarding is off in host");
	verify_failures();
}

static void a_missing_way_back_is_named(void **state)
{
	(void)state;
	shell("ip -n ns2 route del default; ip -n ns2 route del default via fd02::1");
	fails("ns1", "10.10.20.2", UNREACHABLE_NO_ROUTE, "ns2 has no route back to 10.10.10.2");
	fails("ns1", "fd02::2", UNREACHABLE_NO_ROUTE, "ns2 has no route back to fd01::2");
	verify_failures();
}

static void a_router_without_a_route_is_named(void **state)
{
	(void)state;
	fails("ns1", "10.99.0.1", UNREACHABLE_NO_ROUTE,
	      "10.10.10.1 (v1_r in host) has no route to 10.99.0.1");
	fails("ns1", "10.99.0.1:80", UNREACHABLE_NO_ROUTE,
	      "10.10.10.1 (v1_r in host) has no route to 10.99.0.1");
	fails("ns1", "fd99::1", UNREACHABLE_NO_ROUTE, "fd01::1 (v1_r in host) has no route to fd99::1");
	verify_failures();
}

static void a_link_that_is_down_is_named_wherever_it_is(void **state)
{
	static const struct {
		const char *netns, *link, *words;
	} links[] = {
	        {"ns1", "v1", "link v1 in ns1 is down"},
	        {"ns2", "v2", "link v2 in ns2 is down"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		char command[128];

		snprintf(command, sizeof(command), "ip -n %s link set %s down", links[i].netns,
		         links[i].link);
		shell(command);
		fails("ns1", "10.10.20.2", UNREACHABLE_LINK_DOWN, links[i].words);
		fails("ns1", "10.10.20.2:80", UNREACHABLE_LINK_DOWN, links[i].words);
		verify_failures();
		snprintf(command, sizeof(command),
		         "ip -n %s link set %s up; ip -n ns1 route replace default via 10.10.10.1",
		         links[i].netns, links[i].link);
		shell(command);
	}
	shell("ip link set v1_r down");
	fails("ns1", "10.10.20.2", UNREACHABLE_LINK_DOWN, "link v1_r in host is down");
	verify_failures();
	shell("ip link set v1_r up; ip link set v2_r down");
	fails("ns1", "10.10.20.2", UNREACHABLE_LINK_DOWN, "link v2_r in host is down");
	verify_failures();
}

static void a_loopback_that_is_down_is_named(void **state)
{
	(void)state;
	shell("ip -n ns2 link set lo down");
	fails("ns2", "10.10.20.2", UNREACHABLE_LINK_DOWN, "link lo in ns2 is down");
	verify_failures();
}

static void a_refusal_is_named(void **state)
{
	(void)state;
	fails("ns1", "10.10.20.2:80", UNREACHABLE_REFUSED, "refused: nobody listens on 10.10.20.2:80 in ns2");
	fails("ns1", "[fd02::2]:80", UNREACHABLE_REFUSED, "refused: nobody listens on [fd02::2]:80 in ns2");
	verify_failures();
}

static void an_address_that_was_taken_away_is_named(void **state)
{
	(void)state;
	shell("ip -n ns2 addr del 10.10.20.2/24 dev v2; ip -n ns2 addr add 10.10.20.3/24 dev v2");
	fails("ns1", "10.10.20.2", UNREACHABLE_NO_ANSWER, "v2 in ns2 does not have 10.10.20.2");
	verify_failures();
}

static void an_address_that_nobody_has_is_named(void **state)
{
	(void)state;
	fails("ns1", "10.10.20.9", UNREACHABLE_NO_ANSWER, "nobody in this topology has 10.10.20.9");
	verify_failures();
}

static void a_source_that_rp_filter_refuses_is_named(void **state)
{
	(void)state;
	shell("ip link add d0 type bridge; ip link set d0 up; ip route add 10.10.10.2/32 dev d0;"
	      "echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter");
	fails("ns1", "10.10.20.2", UNREACHABLE_NO_ANSWER, "rp_filter in host drops packets from 10.10.10.2");
	verify_failures();
}

static void silence_on_a_whole_way_points_to_a_firewall(void **state)
{
	(void)state;
	shell("nft 'table ip t { chain c { type filter hook forward priority 0; policy drop; }; }\n'");
	fails("ns1", "10.10.20.2", UNREACHABLE_NO_ANSWER, "though routes lead there and back: a firewall?");
	fails("ns1", "10.10.20.2:80", UNREACHABLE_NO_ANSWER,
	      "though routes lead there and back: a firewall?");
	verify_failures();
}

static void ones_own_firewall_is_named(void **state)
{
	(void)state;
	shell("ip netns exec ns1 nft 'table ip t { chain c { type filter hook output priority 0; policy "
	      "drop; }; }\n'");
	fails("ns1", "10.10.20.2", UNREACHABLE_NO_ANSWER, "a firewall in ns1 does not let it out");
	verify_failures();
}

/* A rule knows more than the routing does. */
static void what_a_router_says_is_told(void **state)
{
	(void)state;
	shell("nft 'table inet t { chain c { type filter hook forward priority 0;"
	      " ip daddr 10.10.20.2 reject with icmp type net-unreachable;"
	      " ip6 daddr fd02::2 reject with icmpv6 type admin-prohibited; }; }\n'");
	fails("ns1", "10.10.20.2", UNREACHABLE_NO_ROUTE,
	      "10.10.10.1 (v1_r in host) answers for 10.10.20.2: Network");
	fails("ns1", "10.10.20.2:80", UNREACHABLE_NO_ROUTE,
	      "10.10.10.1 (v1_r in host) answers for 10.10.20.2: Network");
	fails("ns1", "fd02::2", UNREACHABLE_NO_ANSWER,
	      "fd01::1 (v1_r in host) answers for fd02::2: Permission");
	verify_failures();
}

/* Another program's echoes, of an id of their own, to one that answers and one that a router answers for. */
struct other {
	int fds[2];
	atomic_bool is_over;
};

static void other_open(struct other *other)
{
	const char *const addresses[] = {"10.10.20.2", "10.10.20.3"};
	struct err err = ERR_INIT;
	int ns1 = testns_open_named("ns1");

	for (int i = 0; i < 2; i++) {
		struct prefix to;

		assert_success(prefix_parse(addresses[i], &to, &err), &err);
		other->fds[i] = testns_keep_fd(icmp_open(ns1, &to, &err));
	}
}

enum { OTHER_ID = 77 };

static void *other_run(void *arg)
{
	const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
	struct other *other = arg;

	for (uint16_t sequence = 0; !atomic_load(&other->is_over); sequence++) {
		icmp_send(other->fds[0], AF_INET, OTHER_ID, sequence % VERIFY_TRIES);
		icmp_send(other->fds[1], AF_INET, OTHER_ID, sequence % VERIFY_TRIES);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static void somebody_elses_echo_is_not_taken_for_ones_own(void **state)
{
	struct other other = {.is_over = false};
	pthread_t thread;

	(void)state;
	shell("nft 'table ip t { chain c { type filter hook forward priority 0; policy drop;"
	      " icmp type echo-reply accept; ip daddr 10.10.20.2 icmp id 77 accept;"
	      " ip daddr 10.10.20.3 icmp id 77 reject with icmp type net-unreachable; }; }\n'");
	other_open(&other);
	sketch_expect(&rig.topology, "ns1", "10.10.20.2", NULL);
	sketch_expect(&rig.topology, "ns1", "10.10.20.3", NULL);
	assert_int_equal(pthread_create(&thread, NULL, other_run, &other), 0);
	verify();
	atomic_store(&other.is_over, true);
	pthread_join(thread, NULL);
	assert_false(rig.results[0].reached);
	assert_int_equal(rig.results[1].reason, UNREACHABLE_NO_ANSWER);
}

static void a_routing_loop_is_named(void **state)
{
	(void)state;
	shell("ip route add 10.50.0.0/16 via 10.10.20.2; echo 1 > /proc/sys/net/ipv4/conf/all/forwarding;"
	      "ip netns exec ns2 sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'");
	fails("ns1", "10.50.0.1", UNREACHABLE_NO_ANSWER, "go round in a circle");
	verify_failures();
}

/* ---- the run ---- */

static void a_port_in_use_is_told(void **state)
{
	struct topology_expect *expect;

	(void)state;
	testns_listen(ns2(), "10.10.20.2:80");
	expect = sketch_expect(&rig.topology, "ns1", "10.10.20.2:80", "ns2/10.10.20.2:80");
	expect->reaches = false;
	assert_int_equal(verify(), 1);
	assert_int_equal(rig.results[0].error, EADDRINUSE);
	assert_non_null(strstr(rig.results[0].text, "listen on ns2/10.10.20.2:80"));
}

static void a_namespace_that_is_not_there_is_told(void **state)
{
	(void)state;
	assert_int_equal(netns_delete("ns1", NULL), 0);
	sketch_expect(&rig.topology, "ns1", "10.10.20.2", NULL);
	sketch_expect(&rig.topology, "host", "10.10.20.2", NULL);
	assert_int_equal(verify(), 1);
	assert_int_equal(rig.results[0].error, ENOENT);
	assert_non_null(
	        strstr(rig.results[0].text, "namespace ns1 is not there; `nsctl topology apply` makes it"));
	assert_true(rig.results[1].ok);
}

static int verify_as_nobody(void *arg)
{
	struct err err = ERR_INIT;

	(void)arg;
	return verify_run(&rig.topology, keep_result, NULL, &err) == 1 && rig.results[0].error == EPERM ? 0
	                                                                                                : 1;
}

static void missing_privilege_is_told(void **state)
{
	(void)state;
	sketch_expect(&rig.topology, "ns1", "10.10.20.2", NULL);
	rig.result_count = 0;
	assert_int_equal(testns_as_nobody(-1, verify_as_nobody, NULL), 0);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* One after the other they would take minutes: 2.1 s each. */
static void many_are_waited_for_together(void **state)
{
	int64_t begin = now_ms();

	(void)state;
	shell("nft 'table ip t { chain c { type filter hook forward priority 0; policy drop; }; }\n'");
	for (int i = 0; i < VERIFY_AT_ONCE + 6; i++)
		sketch_expect(&rig.topology, "ns1", i % 2 ? "10.10.20.2" : "10.10.20.2:80", NULL);
	assert_int_equal(verify(), VERIFY_AT_ONCE + 6);
	assert_true(now_ms() - begin < 3 * TESTNS_PATIENCE_MS);
}

static void nothing_stays_open(void **state)
{
	size_t before = testns_count_fds();

	(void)state;
	sketch_expect(&rig.topology, "ns1", "10.10.20.2:80", "ns2/10.10.20.2:80");
	sketch_expect(&rig.topology, "ns1", "10.10.20.2", NULL);
	sketch_expect(&rig.topology, "ns1", "10.99.0.1", NULL);
	sketch_expect(&rig.topology, "ns1", "10.10.20.9:80", NULL);
	assert_int_equal(verify(), 2);
	assert_int_equal(testns_count_fds(), before);
}

#define verify_test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        verify_test(echo_is_answered_with_its_ttl),
	        verify_test(another_ttl_is_a_failure),
	        verify_test(what_must_not_be_reached_and_is_is_a_failure),
	        verify_test(a_server_gets_the_connection),
	        verify_test(somebody_elses_server_will_do_when_none_is_asked_for),
	        verify_test(a_server_behind_translation_gets_the_connection),
	        verify_test(another_server_is_not_the_one),
	        verify_test(a_connection_that_is_reset_did_not_reach_its_server),
	        verify_test(no_route_is_named),
	        verify_test(forwarding_that_is_off_is_named),
	        verify_test(a_missing_way_back_is_named),
	        verify_test(a_router_without_a_route_is_named),
	        verify_test(a_link_that_is_down_is_named_wherever_it_is),
	        verify_test(a_loopback_that_is_down_is_named),
	        verify_test(a_refusal_is_named),
	        verify_test(an_address_that_was_taken_away_is_named),
	        verify_test(an_address_that_nobody_has_is_named),
	        verify_test(a_source_that_rp_filter_refuses_is_named),
	        verify_test(silence_on_a_whole_way_points_to_a_firewall),
	        verify_test(ones_own_firewall_is_named),
	        verify_test(what_a_router_says_is_told),
	        verify_test(somebody_elses_echo_is_not_taken_for_ones_own),
	        verify_test(a_routing_loop_is_named),
	        verify_test(a_port_in_use_is_told),
	        verify_test(a_namespace_that_is_not_there_is_told),
	        verify_test(missing_privilege_is_told),
	        verify_test(many_are_waited_for_together),
	        verify_test(nothing_stays_open),
	};

	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
