/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A router with two backends on a bridge, and a client that has no route to them:
 *
 *	client 192.0.2.2 ---- 192.0.2.1 router 10.0.0.1 ---- br0 ---- 10.0.0.2 backend, 10.0.0.3 neighbour
 *
 * IPv6 alike: fd02::/64 and fd00::/64.
 */
#include "tests/lib/testns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "nsctl/nft/nat.h"

static const char TABLE[] = "nsctl-test";

/* ---- the network ---- */

struct network {
	int router, client, backend, neighbour;
};

static void shell(int ns_fd, const char *script)
{
	assert_int_equal(testns_run(ns_fd, TESTNS_ARGV("sh", "-e", "-c", script)), 0);
}

/* join - a veth pair, `name` in the router and eth0 in the namespace @fd */
static void join(int router, int fd, const char *name)
{
	char script[256];

	snprintf(script, sizeof(script),
	         "ip link add %s type veth peer name eth0 netns /proc/%d/fd/%d; ip link set %s up", name,
	         (int)getpid(), fd, name);
	shell(router, script);
}

static struct network new_network(void)
{
	struct network network = {.router = testns_new()};

	network.client = testns_new();
	network.backend = testns_new();
	network.neighbour = testns_new();
	join(network.router, network.client, "out");
	join(network.router, network.backend, "in1");
	join(network.router, network.neighbour, "in2");
	shell(network.router,
	      "ip link add br0 type bridge; ip link set in1 master br0; ip link set in2 master br0\n"
	      "ip link set br0 up; ip addr add 10.0.0.1/24 dev br0; ip addr add 192.0.2.1/24 dev out\n"
	      "ip addr add fd00::1/64 dev br0 nodad; ip addr add fd02::1/64 dev out nodad\n"
	      "echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
	shell(network.client, "ip addr add 192.0.2.2/24 dev eth0; ip addr add fd02::2/64 dev eth0 nodad; ip "
	                      "link set eth0 up");
	shell(network.backend,
	      "ip addr add 10.0.0.2/24 dev eth0; ip addr add fd00::2/64 dev eth0 nodad; ip link set eth0 up\n"
	      "ip route add default via 10.0.0.1; ip route add default via fd00::1");
	shell(network.neighbour,
	      "ip addr add 10.0.0.3/24 dev eth0; ip link set eth0 up; ip route add default via 10.0.0.1");
	return network;
}

/* await_ip6 - until the kernel has noticed that links have a carrier: IPv6 uses none before */
static void await_ip6(const struct network *network)
{
	const int namespaces[] = {network->router, network->client, network->backend};

	for (size_t i = 0; i < ARRAY_COUNT(namespaces); i++)
		shell(namespaces[i],
		      "while ip -o link show | grep -v ' lo:' | grep -qv ' state UP '; do sleep 0.01; done");
}

/* ---- the translation ---- */

static struct nat nat;
static struct nl *nl;

static int tear_down(void **state)
{
	nat_fini(&nat);
	nl_close(nl);
	nl = NULL;
	return testns_teardown(state);
}

static struct prefix parsed(const char *text)
{
	struct prefix prefix = {.family = AF_UNSPEC};
	struct err err = ERR_INIT;

	if (text)
		assert_success(prefix_parse(text, &prefix, &err), &err);
	return prefix;
}

static void publish(const char *listen, uint16_t port, const char *to, uint16_t to_port)
{
	struct nat_publish *added = vec_push(&nat.publishes);

	assert_non_null(added);
	*added = (struct nat_publish){
	        .listen = parsed(listen), .port = port, .to = parsed(to), .to_port = to_port};
}

static void masquerade(const char *from, const char *out)
{
	struct nat_masquerade *added = vec_push(&nat.masquerades);

	assert_non_null(added);
	added->from = parsed(from);
	snprintf(added->out, sizeof(added->out), "%s", out);
}

static void neighbourhood(const char *network)
{
	struct prefix *added = vec_push(&nat.neighbourhoods);

	assert_non_null(added);
	*added = parsed(network);
}

static struct nl *netfilter_of(int ns_fd)
{
	struct err err = ERR_INIT;

	if (!nl)
		assert_success(nl_open(ns_fd, NETLINK_NETFILTER, "router", &nl, &err), &err);
	return nl;
}

static void apply(int ns_fd)
{
	struct err err = ERR_INIT;

	assert_success(nat_apply(netfilter_of(ns_fd), TABLE, &nat, &err), &err);
}

static char *text_there(int ns_fd)
{
	struct err err = ERR_INIT;
	char *text = NULL;

	assert_success(nat_read(netfilter_of(ns_fd), TABLE, &text, &err), &err);
	return text;
}

static bool is_as_wanted(int ns_fd)
{
	char *wanted = nat_text(TABLE, &nat), *there = text_there(ns_fd);
	bool is_same;

	assert_non_null(wanted);
	is_same = strcmp(wanted, there) == 0;
	if (!is_same)
		print_message("wanted:\n%sthere:\n%s", wanted, there);
	free(wanted);
	free(there);
	return is_same;
}

/* ---- connections ---- */

/* source_of - where the connection from @from to @to comes from, as whoever listens sees it */
static const char *source_of(int from, const char *to, int listener)
{
	static char text[INET6_ADDRSTRLEN];
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	int client = testns_connect(from, to), server = testns_accept(listener);

	testns_assert_connected(client, server);
	assert_int_equal(getpeername(server, (struct sockaddr *)&address, &size), 0);
	if (address.ss_family == AF_INET)
		inet_ntop(AF_INET, &((struct sockaddr_in *)&address)->sin_addr, text, sizeof(text));
	else
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&address)->sin6_addr, text, sizeof(text));
	testns_close(client);
	testns_close(server);
	return text;
}

static void masquerade_hides_the_network_behind(void **state)
{
	const struct network network = new_network();
	int listener = testns_listen(network.client, "192.0.2.2:7000");

	(void)state;
	masquerade("10.0.0.0/24", "out");
	apply(network.router);
	assert_string_equal(source_of(network.backend, "192.0.2.2:7000", listener), "192.0.2.1");
	assert_string_equal(source_of(network.router, "192.0.2.2:7000", listener), "192.0.2.1");
}

static void masquerade_by_any_link_spares_the_network_itself(void **state)
{
	const struct network network = new_network();
	int outside = testns_listen(network.client, "192.0.2.2:7000");
	int outside6 = testns_listen(network.client, "[fd02::2]:7000");
	int inside = testns_listen(network.neighbour, "0.0.0.0:7000");

	(void)state;
	/* Another link into the same network. */
	shell(network.router, "ip link set in2 nomaster; ip addr add 10.1.0.1/24 dev in2");
	shell(network.neighbour, "ip addr add 10.1.0.2/24 dev eth0; ip addr del 10.0.0.3/24 dev eth0\n"
	                         "ip route replace default via 10.1.0.1");
	masquerade("10.0.0.0/8", "");
	masquerade("fd00::/64", "");
	await_ip6(&network);
	apply(network.router);
	assert_string_equal(source_of(network.backend, "192.0.2.2:7000", outside), "192.0.2.1");
	assert_string_equal(source_of(network.backend, "[fd02::2]:7000", outside6), "fd02::1");
	assert_string_equal(source_of(network.backend, "10.1.0.2:7000", inside), "10.0.0.2");
}

static void masquerade_by_another_link_is_none(void **state)
{
	const struct network network = new_network();
	int listener = testns_listen(network.client, "192.0.2.2:7000");

	(void)state;
	shell(network.client, "ip route add 10.0.0.0/24 via 192.0.2.1");
	masquerade("10.0.0.0/24", "other");
	apply(network.router);
	assert_string_equal(source_of(network.backend, "192.0.2.2:7000", listener), "10.0.0.2");
}

static void published_port_keeps_the_clients_address(void **state)
{
	const struct network network = new_network();
	int listener = testns_listen(network.backend, "10.0.0.2:80"),
	    listener6 = testns_listen(network.backend, "[fd00::2]:80");

	(void)state;
	publish("192.0.2.1", 8080, "10.0.0.2", 80);
	publish("fd02::1", 8080, "fd00::2", 80);
	neighbourhood("10.0.0.0/24");
	await_ip6(&network);
	apply(network.router);
	assert_string_equal(source_of(network.client, "192.0.2.1:8080", listener), "192.0.2.2");
	assert_string_equal(source_of(network.client, "[fd02::1]:8080", listener6), "fd02::2");
	assert_int_equal(testns_try_connect(network.client, "192.0.2.1:8081"), -ECONNREFUSED);
}

static void port_published_on_any_address_is_on_each_of_the_namespace(void **state)
{
	const struct network network = new_network();
	int listener = testns_listen(network.backend, "10.0.0.2:80"),
	    listener6 = testns_listen(network.backend, "[fd00::2]:80");

	(void)state;
	publish(NULL, 8080, "10.0.0.2", 80);
	publish(NULL, 8080, "fd00::2", 80);
	await_ip6(&network);
	apply(network.router);
	assert_string_equal(source_of(network.client, "192.0.2.1:8080", listener), "192.0.2.2");
	assert_string_equal(source_of(network.client, "[fd02::1]:8080", listener6), "fd02::2");
	shell(network.client, "ip route add 10.0.0.0/24 via 192.0.2.1");
	assert_string_equal(source_of(network.client, "10.0.0.1:8080", listener), "192.0.2.2");
	/* Not its own: what only passes through goes where it was going. */
	assert_int_equal(testns_try_connect(network.client, "10.0.0.3:8080"), -ECONNREFUSED);
}

static void namespace_reaches_what_it_publishes(void **state)
{
	const struct network network = new_network();
	int listener = testns_listen(network.backend, "10.0.0.2:80");

	(void)state;
	publish("192.0.2.1", 8080, "10.0.0.2", 80);
	publish(NULL, 8081, "10.0.0.2", 80);
	apply(network.router);
	source_of(network.router, "192.0.2.1:8080", listener);
	source_of(network.router, "10.0.0.1:8081", listener);
	/* What cannot leave the namespace is left alone. */
	assert_int_equal(testns_try_connect(network.router, "127.0.0.1:8081"), -ECONNREFUSED);
}

static void backend_reaches_itself_through_the_published_port(void **state)
{
	const struct network network = new_network();
	int listener = testns_listen(network.backend, "10.0.0.2:80");

	(void)state;
	shell(network.router,
	      "ip link set in1 nomaster; ip addr del 10.0.0.1/24 dev br0; ip addr add 10.0.0.1/24 dev in1");
	publish("192.0.2.1", 8080, "10.0.0.2", 80);
	apply(network.router);
	assert_string_equal(source_of(network.backend, "192.0.2.1:8080", listener), "10.0.0.1");
}

/*
 * Where frames on a bridge go through iptables' hooks (net.bridge.bridge-nf-call-iptables, br_netfilter), a
 * translated one is sent on by the bridge itself, which gives a port its own frames back only in hairpin
 * mode.
 */
static void backend_on_a_bridge_in_hairpin_mode_reaches_itself(void **state)
{
	const struct network network = new_network();
	int listener = testns_listen(network.backend, "10.0.0.2:80");

	(void)state;
	shell(network.router, "ip link set in1 type bridge_slave hairpin on");
	publish("192.0.2.1", 8080, "10.0.0.2", 80);
	apply(network.router);
	assert_string_equal(source_of(network.backend, "192.0.2.1:8080", listener), "10.0.0.1");
}

static void backend_reaches_its_neighbour_through_the_published_port(void **state)
{
	const struct network network = new_network();
	int listener = testns_listen(network.backend, "10.0.0.2:80");

	(void)state;
	publish("192.0.2.1", 8080, "10.0.0.2", 80);
	neighbourhood("10.0.0.1/24");
	apply(network.router);
	assert_string_equal(source_of(network.neighbour, "192.0.2.1:8080", listener), "10.0.0.1");
	assert_string_equal(source_of(network.client, "192.0.2.1:8080", listener), "192.0.2.2");
}

/* ---- the table ---- */

static void fill(void)
{
	publish("192.0.2.1", 8080, "10.0.0.2", 80);
	publish(NULL, 8081, "10.0.0.2", 81);
	publish("fd02::1", 8080, "fd00::2", 80);
	publish(NULL, 8081, "fd00::2", 81);
	masquerade("10.0.0.0/24", "out");
	masquerade("10.1.0.0/9", "");
	masquerade("0.0.0.0/0", "out");
	masquerade("fd00::/63", "");
	neighbourhood("10.0.0.1/24");
}

static void table_reads_as_it_was_wanted(void **state)
{
	int inside = testns_new();
	char *text;

	(void)state;
	fill();
	apply(inside);
	assert_true(is_as_wanted(inside));
	text = text_there(inside);
	assert_non_null(strstr(text, "\t\tip daddr 192.0.2.1 tcp dport 8080 dnat ip to 10.0.0.2:80 "
	                             "comment \"publish 192.0.2.1:8080\"\n"));
	assert_non_null(strstr(
	        text,
	        "\t\tfib daddr type local ip daddr != 127.0.0.0/8 tcp dport 8081 dnat ip to 10.0.0.2:81 "
	        "comment \"publish 8081\"\n"));
	assert_non_null(
	        strstr(text, "\t\tct status dnat ip saddr 10.0.0.0/24 ip daddr 10.0.0.0/24 masquerade\n"));
	assert_non_null(strstr(text, "\t\tip6 saddr fd00::/63 ip6 daddr != fd00::/63 masquerade\n"));
	free(text);
}

static void applying_again_changes_nothing(void **state)
{
	int inside = testns_new();

	(void)state;
	fill();
	apply(inside);
	apply(inside);
	assert_true(is_as_wanted(inside));
}

static void lost_rule_is_noticed_and_mended(void **state)
{
	int inside = testns_new();

	(void)state;
	if (testns_run(-1, TESTNS_ARGV("sh", "-c", "command -v nft >/dev/null")) != 0)
		skip();
	fill();
	apply(inside);
	shell(inside,
	      "nft delete rule inet nsctl-test publish handle "
	      "$(nft -a list table inet nsctl-test | sed -n 's/.*dport 8081.* handle //p' | head -1)");
	assert_false(is_as_wanted(inside));
	apply(inside);
	assert_true(is_as_wanted(inside));
}

static void many_ports_are_published_at_once(void **state)
{
	enum { PORTS = 500 };
	const struct network network = new_network();
	int listener = testns_listen(network.backend, "10.0.0.2:80");

	(void)state;
	for (int i = 0; i < PORTS; i++)
		publish("192.0.2.1", (uint16_t)(8000 + i), "10.0.0.2", 80);
	apply(network.router);
	assert_true(is_as_wanted(network.router));
	assert_string_equal(source_of(network.client, "192.0.2.1:8000", listener), "192.0.2.2");
	assert_string_equal(source_of(network.client, "192.0.2.1:8499", listener), "192.0.2.2");
}

static void nothing_wanted_removes_the_table(void **state)
{
	int inside = testns_new();
	char *text;

	(void)state;
	fill();
	apply(inside);
	for (int i = 0; i < 2; i++) { /* the second time there is none */
		assert_int_equal(nat_apply(netfilter_of(inside), TABLE, NULL, NULL), 0);
		text = text_there(inside);
		assert_string_equal(text, "");
		free(text);
	}
}

static void tables_of_others_are_left_alone(void **state)
{
	int inside = testns_new();
	struct err err = ERR_INIT;
	char *before, *after;

	(void)state;
	masquerade("10.9.0.0/16", "");
	assert_success(nat_apply(netfilter_of(inside), "other", &nat, &err), &err);
	assert_success(nat_read(netfilter_of(inside), "other", &before, &err), &err);
	fill();
	apply(inside);
	assert_int_equal(nat_apply(netfilter_of(inside), TABLE, NULL, NULL), 0);
	assert_success(nat_read(netfilter_of(inside), "other", &after, &err), &err);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

/* change_for_ever - one and the other, in a process of its own, which ends with this one */
static pid_t change_for_ever(int ns_fd, const struct nat *one, const struct nat *other)
{
	struct nl *own = NULL;
	pid_t pid;

	assert_int_equal(nl_open(ns_fd, NETLINK_NETFILTER, "router", &own, NULL), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid > 0) {
		nl_close(own);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (nat_apply(own, TABLE, one, NULL) == 0 && nat_apply(own, TABLE, other, NULL) == 0)
		;
	_exit(1);
}

static void changing_table_is_read_at_one_moment(void **state)
{
	enum { READS = 1000 };
	struct nat other = {0};
	int inside = testns_new(), counts[2] = {0};
	char *texts[2], *text;
	pid_t pid;

	(void)state;
	masquerade("10.0.0.0/24", "out");
	other = nat;
	nat = (struct nat){0};
	publish("192.0.2.1", 8080, "10.0.0.2", 80);
	texts[0] = nat_text(TABLE, &nat);
	texts[1] = nat_text(TABLE, &other);
	apply(inside);
	pid = change_for_ever(inside, &nat, &other);
	for (int i = 0; i < READS; i++) {
		if (nat_read(netfilter_of(inside), TABLE, &text, NULL) == -EAGAIN)
			continue; /* too often: that is told as well */
		bool is_other = strcmp(text, texts[1]) == 0;

		if (!is_other)
			assert_string_equal(text, texts[0]);
		counts[is_other]++;
		free(text);
	}
	assert_true(counts[0] + counts[1] > 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	nat_fini(&other);
	free(texts[0]);
	free(texts[1]);
}

static int apply_as_nobody(void *arg)
{
	struct err err = ERR_INIT;
	struct nl *own;

	(void)arg;
	if (nl_open(-1, NETLINK_NETFILTER, "router", &own, &err) < 0)
		return 1;
	int rc = nat_apply(own, TABLE, &nat, &err);
	nl_close(own);
	return rc == -EPERM && strstr(err.text, "namespace router: ") ? 0 : 2;
}

static void without_privilege_it_is_refused(void **state)
{
	int inside = testns_new();

	(void)state;
	fill();
	assert_int_equal(testns_as_nobody(inside, apply_as_nobody, NULL), 0);
}

#define nat_test(function) cmocka_unit_test_teardown(function, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        nat_test(masquerade_hides_the_network_behind),
	        nat_test(masquerade_by_any_link_spares_the_network_itself),
	        nat_test(masquerade_by_another_link_is_none),
	        nat_test(published_port_keeps_the_clients_address),
	        nat_test(port_published_on_any_address_is_on_each_of_the_namespace),
	        nat_test(namespace_reaches_what_it_publishes),
	        nat_test(backend_reaches_itself_through_the_published_port),
	        nat_test(backend_on_a_bridge_in_hairpin_mode_reaches_itself),
	        nat_test(backend_reaches_its_neighbour_through_the_published_port),
	        nat_test(table_reads_as_it_was_wanted),
	        nat_test(applying_again_changes_nothing),
	        nat_test(lost_rule_is_noticed_and_mended),
	        nat_test(many_ports_are_published_at_once),
	        nat_test(nothing_wanted_removes_the_table),
	        nat_test(tables_of_others_are_left_alone),
	        nat_test(changing_table_is_read_at_one_moment),
	        nat_test(without_privilege_it_is_refused),
	};

	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
