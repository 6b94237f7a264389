/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of links and loopbacks (MTU, BIG TCP) in a topology: set, kept, missed when somebody else changes
 * them, and given back. What the kernel really has is asked by netlink.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "nsctl/netlink/netstate.h"
#include "nsctl/netns.h"
#include "tests/integration/app/nsctlproc.h"
#include "tests/lib/relayproc.h"

#define STATE "--state", "/run/nsctl-state"

/* begin - a host, in a /run of this program's own */
static int begin(void)
{
	testns_hide_run();
	return testns_new();
}

/* number_of - of the link @name, as the kernel says; 0: it does not know it */
static uint32_t number_of(const char *netns, const char *name, enum link_number number)
{
	int fd = testns_open_named(netns);
	struct netstate state = {0};
	struct err err = ERR_INIT;
	struct nl *nl;
	uint32_t value;

	assert_success(nl_open(fd, NETLINK_ROUTE, netns, &nl, &err), &err);
	assert_success(netstate_read(nl, NETSTATE_LINKS, &state, &err), &err);
	assert_non_null(netstate_link_by_name(&state, name));
	value = netstate_link_by_name(&state, name)->numbers[number];
	netstate_fini(&state);
	nl_close(nl);
	testns_close(fd);
	return value;
}

static void run_ip(int ns_fd, const char *command)
{
	assert_int_equal(testns_run(ns_fd, TESTNS_ARGV("sh", "-c", command)), 0);
}

static const char *apply(int host, const char *yaml)
{
	return nsctlproc_succeed(host, TESTNS_ARGV("topology", "apply", relayproc_file(yaml), STATE));
}

static void delete (int host, const char *yaml)
{
	nsctlproc_succeed(host, TESTNS_ARGV("topology", "delete", relayproc_file(yaml), STATE));
}

/* require_ipv4_sizes - Linux 6.3 */
static void require_ipv4_sizes(int host)
{
	static const char yaml[] = "name: probe\nnamespaces: { probe: {} }\n";
	bool has;

	apply(host, yaml);
	has = number_of("probe", "lo", LINK_GSO_IPV4_MAX_SIZE) > 0;
	delete (host, yaml);
	if (!has)
		skip();
}

/* ---- loopbacks ---- */

static const char big[] = "name: big\n"
                          "namespaces:\n"
                          "  pod: { loopback: { mtu: 65000, gso_max_size: 262144, gro_max_size: 131072 } }\n";

static void loopback_is_set_and_a_second_apply_has_nothing_to_do(void **state)
{
	int host = begin();

	(void)state;
	require_ipv4_sizes(host);
	assert_string_equal(apply(host, big), "+ pod: namespace\n"
	                                      "~ pod/lo: mtu 65536 -> 65000\n"
	                                      "~ pod/lo: gso_max_size 65536 -> 262144\n"
	                                      "~ pod/lo: gro_max_size 65536 -> 131072\n"
	                                      "~ pod/lo: gso_ipv4_max_size 65536 -> 262144\n"
	                                      "~ pod/lo: gro_ipv4_max_size 65536 -> 131072\n"
	                                      "~ pod/lo: up\n"
	                                      "1 to add, 6 to change, 0 to remove\ndone\n");
	assert_int_equal(number_of("pod", "lo", LINK_MTU), 65000);
	assert_int_equal(number_of("pod", "lo", LINK_GSO_MAX_SIZE), 262144);
	assert_int_equal(number_of("pod", "lo", LINK_GSO_IPV4_MAX_SIZE), 262144);
	assert_int_equal(number_of("pod", "lo", LINK_GRO_MAX_SIZE), 131072);
	assert_int_equal(number_of("pod", "lo", LINK_GRO_IPV4_MAX_SIZE), 131072);
	assert_string_equal(apply(host, big), "nothing to do\n");
	delete (host, big);
}

static void change_by_somebody_else_is_noticed_and_mended(void **state)
{
	int host = begin();
	const struct nsctlproc_result *result;

	(void)state;
	require_ipv4_sizes(host);
	apply(host, big);
	assert_says(nsctlproc_succeed(host, TESTNS_ARGV("topology", "verify", relayproc_file(big))),
	            "5 of 5 numbers of links are as in the file\n");
	run_ip(host, "ip -n pod link set lo gso_max_size 60000");
	result = nsctlproc_run(host, TESTNS_ARGV("topology", "verify", relayproc_file(big)));
	assert_int_equal(result->status, 1);
	assert_says(result->output, "FAIL  pod/lo: expected gso_max_size 262144, and it is 60000\n");
	assert_says(result->output, "FAIL  pod/lo: expected gso_ipv4_max_size 262144, and it is 60000\n");
	assert_says(result->output, "3 of 5 numbers of links are as in the file\n");
	assert_says(nsctlproc_succeed(host, TESTNS_ARGV("topology", "show", relayproc_file(big))),
	            "  pod/lo  gso_max_size       262144  60000\n");
	assert_string_equal(apply(host, big), "~ pod/lo: gso_max_size 60000 -> 262144\n"
	                                      "~ pod/lo: gso_ipv4_max_size 60000 -> 262144\n"
	                                      "0 to add, 2 to change, 0 to remove\ndone\n");
	assert_int_equal(number_of("pod", "lo", LINK_GSO_IPV4_MAX_SIZE), 262144);
	delete (host, big);
}

static void verify_and_show_tell_numbers_in_json(void **state)
{
	int host = begin();

	(void)state;
	require_ipv4_sizes(host);
	apply(host, big);
	nsctlproc_succeed(host, TESTNS_ARGV("topology", "verify", "-j", relayproc_file(big)));
	assert_string_equal(nsctlproc_json("/ok"), "true");
	assert_int_equal(nsctlproc_json_count("/numbers"), 5);
	run_ip(host, "ip -n pod link set lo mtu 9000");
	assert_int_equal(
	        nsctlproc_run(host, TESTNS_ARGV("topology", "verify", "-j", relayproc_file(big)))->status, 1);
	assert_string_equal(nsctlproc_json("/ok"), "false");
	assert_string_equal(nsctlproc_json("/numbers/0/namespace"), "pod");
	assert_string_equal(nsctlproc_json("/numbers/0/link"), "lo");
	assert_string_equal(nsctlproc_json("/numbers/0/number"), "mtu");
	assert_string_equal(nsctlproc_json("/numbers/0/wanted"), "65000");
	assert_string_equal(nsctlproc_json("/numbers/0/is"), "9000");
	assert_string_equal(nsctlproc_json("/numbers/0/ok"), "false");
	nsctlproc_succeed(host, TESTNS_ARGV("topology", "show", "-j", relayproc_file(big)));
	assert_string_equal(nsctlproc_json("/numbers/0/is"), "9000");
	delete (host, big);
}

static void number_taken_out_goes_back_to_the_default(void **state)
{
	static const char plain[] = "name: big\nnamespaces: { pod: {} }\n";
	int host = begin();

	(void)state;
	require_ipv4_sizes(host);
	apply(host, big);
	apply(host, plain);
	assert_int_equal(number_of("pod", "lo", LINK_MTU), 65536);
	for (enum link_number i = LINK_GSO_MAX_SIZE; i < LINK_NUMBER_COUNT; i++)
		assert_int_equal(number_of("pod", "lo", i), 65536);
	assert_string_equal(apply(host, plain), "nothing to do\n");
	delete (host, plain);
}

static void loopback_of_an_existing_namespace_is_given_back(void **state)
{
	static const char yaml[] =
	        "name: big\nnamespaces: { pod: { existing: true, loopback: { gso_max_size: 262144 } } }\n";
	int host = begin();

	(void)state;
	require_ipv4_sizes(host);
	testns_new_named("pod");
	run_ip(host, "ip -n pod link set lo gso_max_size 50000");
	apply(host, yaml);
	assert_int_equal(number_of("pod", "lo", LINK_GSO_MAX_SIZE), 262144);
	assert_int_equal(number_of("pod", "lo", LINK_GSO_IPV4_MAX_SIZE), 262144);
	delete (host, yaml);
	assert_int_equal(number_of("pod", "lo", LINK_GSO_MAX_SIZE), 50000);
	assert_int_equal(number_of("pod", "lo", LINK_GSO_IPV4_MAX_SIZE), 50000);
	netns_delete("pod", NULL);
}

static void refusal_by_the_kernel_undoes_the_loopback(void **state)
{
	static const char yaml[] = "name: big\n"
	                           "namespaces:\n"
	                           "  pod:\n"
	                           "    existing: true\n"
	                           "    loopback: { mtu: 9000, gso_max_size: 262144 }\n"
	                           "    routes: [ { to: 10.77.0.0/16, via: 192.0.2.1 } ]\n";
	int host = begin();
	const struct nsctlproc_result *result;

	(void)state;
	require_ipv4_sizes(host);
	testns_new_named("pod");
	result = nsctlproc_run(host, TESTNS_ARGV("topology", "apply", relayproc_file(yaml), STATE));
	assert_int_equal(result->status, 1);
	assert_says(result->errors, "add route 10.77.0.0/16");
	assert_int_equal(number_of("pod", "lo", LINK_MTU), 65536);
	assert_int_equal(number_of("pod", "lo", LINK_GSO_MAX_SIZE), 65536);
	assert_int_equal(number_of("pod", "lo", LINK_GSO_IPV4_MAX_SIZE), 65536);
	netns_delete("pod", NULL);
}

/* ---- links ---- */

/* A link of each kind whose MTU the kernel chooses by another link's; %s: what is said of those. */
#define LINKS                                                                                                \
	"name: mtus\n"                                                                                       \
	"namespaces: { a: {}, b: {} }\n"                                                                     \
	"links:\n"                                                                                           \
	"  a/v: { veth: b/v, mtu: 4000 }\n"                                                                  \
	"  b/v: { mtu: 4000 }\n"                                                                             \
	"  a/p: { veth: b/p%s }\n"                                                                           \
	"  b/br: { bridge: [ v, p ]%s }\n"                                                                   \
	"  a/x4: { vxlan: 4, over: a/v, remote: 10.0.0.2%s }\n"                                              \
	"  a/x6: { vxlan: 6, over: a/v, remote: \"fd00::2\"%s }\n"                                           \
	"  a/x0: { vxlan: 7%s }\n"                                                                           \
	"  a/mv: { macvlan: a/v%s }\n"

static const struct {
	const char *netns, *name;
} chosen[] = {{"a", "p"}, {"b", "br"}, {"a", "x4"}, {"a", "x6"}, {"a", "x0"}, {"a", "mv"}};

static void read_mtus(uint32_t ret[ARRAY_COUNT(chosen)])
{
	for (size_t i = 0; i < ARRAY_COUNT(chosen); i++)
		ret[i] = number_of(chosen[i].netns, chosen[i].name, LINK_MTU);
}

static void mtu_goes_back_to_what_the_kernel_would_have_chosen(void **state)
{
	static const char mtu[] = ", mtu: 1400";
	uint32_t fresh[ARRAY_COUNT(chosen)], after[ARRAY_COUNT(chosen)];
	char with[1024], without[1024];
	int host = begin();

	(void)state;
	snprintf(with, sizeof(with), LINKS, mtu, mtu, mtu, mtu, mtu, mtu);
	snprintf(without, sizeof(without), LINKS, "", "", "", "", "", "");
	if (nsctlproc_run(host, TESTNS_ARGV("topology", "apply", relayproc_file(without), STATE))->status)
		skip(); /* this kernel lacks a kind */
	read_mtus(fresh);
	delete (host, without);
	apply(host, with);
	apply(host, without);
	read_mtus(after);
	for (size_t i = 0; i < ARRAY_COUNT(chosen); i++) {
		if (fresh[i] != after[i])
			fail_msg("%s/%s: %u, not %u", chosen[i].netns, chosen[i].name, after[i], fresh[i]);
	}
	assert_string_equal(apply(host, without), "nothing to do\n");
	delete (host, without);
}

/* Bridges with an MTU below, above, and at that which the kernel gives new ones; ports with others. */
static void bridge_keeps_its_mtu_whichever_ports_join(void **state)
{
	static const char yaml[] = "name: bridges\n"
	                           "namespaces: { a: {}, b: {} }\n"
	                           "links:\n"
	                           "  a/low: { bridge: [ p0 ], mtu: 1400 }\n"
	                           "  a/same: { bridge: [ p1, p2 ], mtu: 1500 }\n"
	                           "  a/high: { bridge: [ p3 ], mtu: 9000 }\n"
	                           "  a/free: { bridge: [ p4 ] }\n"
	                           "  a/p0: { veth: b/p0, mtu: 1300 }\n"
	                           "  a/p1: { veth: b/p1, mtu: 9000 }\n"
	                           "  a/p2: { veth: b/p2, mtu: 4000 }\n"
	                           "  a/p3: { veth: b/p3 }\n"
	                           "  a/p4: { veth: b/p4, mtu: 1300 }\n";
	int host = begin();

	(void)state;
	assert_non_null(strstr(apply(host, yaml), "+ a/low: bridge\n"));
	assert_int_equal(number_of("a", "low", LINK_MTU), 1400);
	assert_int_equal(number_of("a", "same", LINK_MTU), 1500);
	assert_int_equal(number_of("a", "high", LINK_MTU), 9000);
	assert_int_equal(number_of("a", "free", LINK_MTU), 1300);
	assert_string_equal(apply(host, yaml), "nothing to do\n");
	run_ip(host, "ip -n a link set p2 mtu 1280");
	assert_int_equal(number_of("a", "same", LINK_MTU), 1500);
	delete (host, yaml);
}

static int finish(void **state)
{
	static const char *const names[] = {"pod", "probe", "a", "b"};

	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		netns_delete(names[i], NULL);
	return relayproc_teardown(state);
}

#define numbers_test(function) cmocka_unit_test_teardown(function, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        numbers_test(loopback_is_set_and_a_second_apply_has_nothing_to_do),
	        numbers_test(change_by_somebody_else_is_noticed_and_mended),
	        numbers_test(verify_and_show_tell_numbers_in_json),
	        numbers_test(number_taken_out_goes_back_to_the_default),
	        numbers_test(loopback_of_an_existing_namespace_is_given_back),
	        numbers_test(refusal_by_the_kernel_undoes_the_loopback),
	        numbers_test(mtu_goes_back_to_what_the_kernel_would_have_chosen),
	        numbers_test(bridge_keeps_its_mtu_whichever_ports_join),
	};
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
