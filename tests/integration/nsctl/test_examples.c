/* SPDX-License-Identifier: Apache-2.0 */
/* Each file of examples/topology: applied, its own expectations verified, planned again, deleted, and nothing
 * left. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/nsctl/topology_file.h"
#include "app/nsctl/verb_graph.h"
#include "app/nsctl/verb_verify.h"
#include "nsctl/topology/lab.h"
#include "nsctl/netns.h"
#include "tests/lib/relayproc.h"
#include "tests/lib/testns.h"

/* EXAMPLES: the folder of the files, from CMake */
enum { PATH_SIZE = 512 };

/* In the /run that testns_hide_run() gives this program. */
#define LEDGER "/run/ledger"

static int home = -1; /* where the test program came from; -1: it is there */

static int set_up(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	testns_hide_run();
	assert_success(netns_enter(testns_new(), &home, &err), &err);
	return 0;
}

/* What a failing test has left, so that the next one begins with nothing. */
static void remove_names(void)
{
	DIR *dir = opendir(NETNS_RUN_DIR);

	for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
		if (entry->d_name[0] != '.')
			netns_delete(entry->d_name, NULL);
	}
	if (dir)
		closedir(dir);
}

static int tear_down(void **state)
{
	netns_leave(home);
	home = -1;
	relayproc_teardown(state);
	remove_names();
	return testns_run(-1, TESTNS_ARGV("rm", "-rf", LEDGER));
}

static void load(const char *file, struct topology *ret)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s/%s", EXAMPLES, file);
	assert_int_equal(topology_file_load(path, ret, stderr), 0);
}

static struct lab *open_lab(const struct topology *topology)
{
	struct err err = ERR_INIT;
	struct lab *lab = NULL;

	assert_success(lab_open(topology, LEDGER, &lab, &err), &err);
	return lab;
}

/* apply - -EOPNOTSUPP when this kernel lacks something that the file asks for */
static int apply(const struct topology *topology)
{
	struct err err = ERR_INIT;
	struct lab *lab = open_lab(topology);
	int rc = lab_apply(lab, NULL, NULL, &err);

	lab_close(lab);
	if (rc == -EOPNOTSUPP)
		print_message("%s\n", err.text);
	else
		assert_success(rc, &err);
	return rc;
}

static void assert_nothing_to_do(const struct topology *topology)
{
	struct lab *lab = open_lab(topology);
	size_t count = lab_plan(lab)->all.count;

	for (size_t i = 0; i < count; i++) {
		char text[STEP_TEXT_MAX];

		print_message("%s\n", step_describe(&lab_plan(lab)->all.items[i], lab_names(lab), text,
		                                    sizeof(text)));
	}
	lab_close(lab);
	assert_int_equal(count, 0);
}

static void verify(const struct topology *topology)
{
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int rc;

	assert_non_null(out);
	rc = verb_verify(topology, false, out, &err);
	fclose(out);
	if (rc != 0)
		print_message("%s", text);
	free(text);
	assert_success(rc, &err);
	assert_int_equal(rc, 0);
}

/* assert_drawn_up - every link is up in the picture */
static void assert_drawn_up(const struct topology *topology)
{
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_success(verb_graph(topology, "text", true, out, &err), &err);
	fclose(out);
	if (strstr(text, "missing") || strstr(text, "down") ||
	    (topology->links.count > 0 && !strstr(text, " up ")))
		fail_msg("not all is up:\n%s", text);
	free(text);
}

static void remove_topology(const char *name)
{
	struct topology nothing = {.name = ""};

	snprintf(nothing.name, sizeof(nothing.name), "%s", name);
	assert_int_equal(apply(&nothing), 0);
}

static size_t count_files(const char *path)
{
	DIR *dir = opendir(path);
	size_t count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return dir ? count - 2 : 0; /* "." and ".." */
}

static void assert_nothing_left(void)
{
	struct netstate state = {0};
	struct err err = ERR_INIT;
	struct nl *nl;

	assert_success(nl_open(-1, NETLINK_ROUTE, "of the test", &nl, &err), &err);
	assert_success(netstate_read(nl, NETSTATE_LINKS | NETSTATE_ROUTES, &state, &err), &err);
	assert_int_equal(state.links.count, 1); /* lo */
	netstate_fini(&state);
	nl_close(nl);
	assert_int_equal(count_files(NETNS_RUN_DIR), 0);
}

/* spoil_loopback - of the first namespace: a number */
static void spoil_loopback(const struct topology *topology)
{
	assert_int_not_equal(topology->netns.items[0].loopback_numbers[LINK_GSO_MAX_SIZE], 0);
	assert_int_equal(testns_run(-1, TESTNS_ARGV("ip", "-n", topology->netns.items[0].name, "link", "set",
	                                            "lo", "gso_max_size", "65536")),
	                 0);
}

/* spoil - take something away by hand: a link, where the file makes none an address of a loopback, or where
 * it has no entry either a number */
static void spoil(const struct topology *topology)
{
	char command[PATH_SIZE], address[PREFIX_TEXT_MAX];
	const struct topology_link *link = topology->links.items;
	const char *netns;

	if (topology->links.count == 0)
		return spoil_loopback(topology);
	netns = topology->netns.items[link->netns].name;
	if (link->existing)
		snprintf(command, sizeof(command), "ip -n %s address delete %s dev %s", netns,
			 prefix_format(&link->addresses.items[0], address, sizeof(address)), link->name);
	else if (strcmp(netns, "host") == 0)
		snprintf(command, sizeof(command), "ip link delete %s", link->name);
	else
		snprintf(command, sizeof(command), "ip -n %s link delete %s", netns, link->name);
	assert_int_equal(testns_run(-1, TESTNS_ARGV("sh", "-c", command)), 0);
}

/* mend - what was spoilt is found, and made again */
static void mend(const struct topology *topology)
{
	struct lab *lab = open_lab(topology);

	assert_true(lab_plan(lab)->all.count > 0);
	lab_close(lab);
	assert_int_equal(apply(topology), 0);
	assert_nothing_to_do(topology);
}

/* try_file - @relay: what nsrelay is to do while it is verified, or NULL */
static void try_file(const char *file, const char *const relay[])
{
	struct topology topology = {0};
	int rc;

	load(file, &topology);
	assert_true(topology.expects.count > 0);
	rc = apply(&topology);
	if (rc == 0) {
		struct relayproc *running = relay ? relayproc_start(relay) : NULL;

		assert_nothing_to_do(&topology);
		assert_drawn_up(&topology);
		verify(&topology);
		assert_nothing_to_do(&topology);
		spoil(&topology);
		mend(&topology);
		verify(&topology);
		if (running)
			assert_int_equal(relayproc_stop(running), 0);
		remove_topology(topology.name);
	}
	assert_nothing_left();
	topology_fini(&topology);
	if (rc == -EOPNOTSUPP) {
		print_message("skipped: %s\n", file);
		skip();
	}
}

static void a_veth_pair(void **state)
{
	(void)state;
	try_file("1-veth-pair.yaml", NULL);
}

static void two_namespaces_routed_through_the_host(void **state)
{
	(void)state;
	try_file("2-routed-1-no-forwarding.yaml", NULL);
	try_file("2-routed-2-one-route.yaml", NULL);
	try_file("2-routed.yaml", NULL);
}

static void the_stages_of_routing_follow_each_other(void **state)
{
	static const char *const stages[] = {"2-routed-1-no-forwarding.yaml", "2-routed-2-one-route.yaml",
	                                     "2-routed.yaml", "2-routed-1-no-forwarding.yaml"};

	(void)state;
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		struct topology topology = {0};

		load(stages[i], &topology);
		assert_int_equal(apply(&topology), 0);
		verify(&topology);
		topology_fini(&topology);
	}
	remove_topology("routed");
	assert_nothing_left();
}

static void a_bridge(void **state)
{
	(void)state;
	try_file("3-bridge.yaml", NULL);
}

static void a_bridge_of_two_subnets(void **state)
{
	(void)state;
	try_file("3-bridge-two-subnets.yaml", NULL);
}

static void a_container_host(void **state)
{
	(void)state;
	try_file("4-container-host.yaml", NULL);
}

static void macvlan(void **state)
{
	(void)state;
	try_file("5-macvlan.yaml", NULL);
}

static void ipvlan(void **state)
{
	(void)state;
	try_file("5-ipvlan.yaml", NULL);
}

static void two_gateways(void **state)
{
	(void)state;
	try_file("6-gateway.yaml", NULL);
}

static void pods_with_nothing_but_a_relay(void **state)
{
	(void)state;
	try_file("7-pods.yaml", TESTNS_ARGV("-c", EXAMPLES "/../pods.yaml"));
}

static void big_tcp_on_two_loopbacks(void **state)
{
	(void)state;
	try_file("big-tcp.yaml", TESTNS_ARGV("--listen", "web/127.0.0.1:8080", "--to", "api/127.0.0.1:80"));
}

/* What the tests above know, so that a new example is not forgotten. */
static void every_example_is_tried(void **state)
{
	enum { KNOWN = 12 };

	(void)state;
	assert_int_equal(count_files(EXAMPLES), KNOWN);
}

#define example_test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        example_test(a_veth_pair),
	        example_test(two_namespaces_routed_through_the_host),
	        example_test(the_stages_of_routing_follow_each_other),
	        example_test(a_bridge),
	        example_test(a_bridge_of_two_subnets),
	        example_test(a_container_host),
	        example_test(macvlan),
	        example_test(ipvlan),
	        example_test(two_gateways),
	        example_test(pods_with_nothing_but_a_relay),
	        example_test(big_tcp_on_two_loopbacks),
	        cmocka_unit_test(every_example_is_tried),
	};

	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
