/* SPDX-License-Identifier: Apache-2.0 */
/* `nsctl topology`: from a file to a network and back, as a user sees it. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "nsctl/netns.h"
#include "tests/integration/app/nsctlproc.h"
#include "tests/lib/relayproc.h"
#include "tests/lib/testlink.h"

#define STATE "--state", "/run/nsctl-state"

static const char two_namespaces[] =
        "name: pair\n"
        "namespaces:\n"
        "  host: { sysctls: { ip_forward: true } }\n"
        "  left: { routes: [ { to: default, via: 10.1.0.2 } ] }\n"
        "  right: {}\n"
        "links:\n"
        "  left/eth0: { veth: right/eth0, addresses: [ 10.1.0.1/24 ] }\n"
        "  right/eth0: { addresses: [ 10.1.0.2/24, \"fd01::2/64\" ] }\n"
        "expect:\n"
        "  - { from: left, reaches: 10.1.0.2, ttl: 64 }\n"
        "  - { from: left, reaches: \"10.1.0.2:80\", server: \"right/10.1.0.2:80\" }\n"
        "  - { from: right, cannot_reach: 192.0.2.1, because: no_route }\n";

/* Of that: 2 namespaces, 1 veth pair, 3 addresses, 1 route; 4 links up, 1 setting. */
static const char all_to_add[] = "7 to add, 5 to change, 0 to remove\n";

/* begin - a host, in a /run of this program's own, and the path of a file with @yaml */
static int begin(const char *yaml, char path[64])
{
	testns_hide_run();
	snprintf(path, 64, "%s", relayproc_file(yaml));
	return testns_bare();
}

static bool exists(const char *path)
{
	struct stat stat;

	return lstat(path, &stat) == 0;
}

static void reach(const char *from, const char *to, const char *address)
{
	int listener = testns_listen(testns_open_named(to), address);
	int client = testns_connect(testns_open_named(from), address);

	testns_assert_connected(client, testns_accept(listener));
	testns_close(listener);
}

/* finish - whatever a test has made */
static int finish(void **state)
{
	netns_delete("left", NULL);
	netns_delete("right", NULL);
	return relayproc_teardown(state);
}

static void what_is_planned_is_done_and_then_there_is_nothing_to_do(void **state)
{
	char file[64];
	int host = begin(two_namespaces, file);
	const char *text = nsctlproc_succeed(host, TESTNS_ARGV("topology", "plan", file, STATE));

	(void)state;
	assert_says(text, "+ left: namespace\n");
	assert_says(text, "+ left/eth0: address 10.1.0.1/24\n");
	assert_says(text, all_to_add);
	assert_false(exists(NETNS_RUN_DIR "/left"));
	text = nsctlproc_succeed(host, TESTNS_ARGV("topology", "apply", STATE, file));
	assert_says(text, all_to_add);
	assert_says(text, "\ndone\n");
	reach("left", "right", "10.1.0.2:80");
	assert_string_equal(nsctlproc_succeed(host, TESTNS_ARGV("topology", "plan", file, STATE)),
	                    "nothing to do\n");
	assert_string_equal(nsctlproc_succeed(host, TESTNS_ARGV("topology", "apply", file, STATE)),
	                    "nothing to do\n");
}

static void a_plan_tells_by_its_status_whether_there_is_something_to_do(void **state)
{
	char file[64];
	int host = begin(two_namespaces, file);

	(void)state;
	assert_int_equal(
	        nsctlproc_run(host, TESTNS_ARGV("topology", "plan", "--exit-code", file, STATE))->status, 3);
	nsctlproc_succeed(host, TESTNS_ARGV("topology", "apply", file, STATE));
	assert_int_equal(
	        nsctlproc_run(host, TESTNS_ARGV("topology", "plan", "--exit-code", file, STATE))->status, 0);
}

static void drift_is_planned_and_mended(void **state)
{
	char file[64];
	int host = begin(two_namespaces, file);
	const char *text;

	(void)state;
	nsctlproc_succeed(host, TESTNS_ARGV("topology", "apply", file, STATE));
	testlink_set_up(testns_open_named("left"), "eth0", false); /* and its route is gone */
	text = nsctlproc_succeed(host, TESTNS_ARGV("topology", "plan", file, STATE));
	assert_says(text, "~ left/eth0: up\n");
	assert_says(text, "+ left: route default via 10.1.0.2\n");
	assert_says(text, "1 to add, 1 to change, 0 to remove\n");
	text = nsctlproc_succeed(host, TESTNS_ARGV("topology", "show", file));
	assert_says(text, "left/eth0   veth  down");
	nsctlproc_succeed(host, TESTNS_ARGV("topology", "apply", file, STATE));
	reach("left", "right", "10.1.0.2:80");
}

static void delete_removes_what_was_made_and_puts_settings_back(void **state)
{
	char file[64];
	int host = begin(two_namespaces, file);
	const char *text;

	(void)state;
	nsctlproc_succeed(host, TESTNS_ARGV("topology", "apply", file, STATE));
	nsctlproc_succeed(host, TESTNS_ARGV("inspect", "-j"));
	assert_string_equal(nsctlproc_json("/sysctls/ip_forward"), "1");
	text = nsctlproc_succeed(host, TESTNS_ARGV("topology", "delete", file, STATE));
	assert_says(text, "- left: namespace\n");
	assert_says(text, "done\n");
	assert_false(exists(NETNS_RUN_DIR "/left") || exists(NETNS_RUN_DIR "/right"));
	nsctlproc_succeed(host, TESTNS_ARGV("inspect", "-j"));
	assert_string_equal(nsctlproc_json("/sysctls/ip_forward"), "0");
	assert_int_equal(nsctlproc_json_count("/links"), 1);
	assert_string_equal(nsctlproc_succeed(host, TESTNS_ARGV("topology", "delete", file, STATE)),
	                    "nothing to do\n");
}

static void plans_and_results_are_json_when_that_is_asked_for(void **state)
{
	char file[64];
	int host = begin(two_namespaces, file);

	(void)state;
	nsctlproc_succeed(host, TESTNS_ARGV("topology", "plan", "-j", file, STATE));
	assert_string_equal(nsctlproc_json("/topology"), "pair");
	assert_string_equal(nsctlproc_json("/state"), "planned");
	assert_string_equal(nsctlproc_json("/add"), "7");
	assert_int_equal(nsctlproc_json_count("/steps"), 12);
	assert_string_equal(nsctlproc_json("/steps/0/action"), "add");
	assert_string_equal(nsctlproc_json("/steps/0/what"), "namespace");
	nsctlproc_succeed(host, TESTNS_ARGV("topology", "apply", "-j", file, STATE));
	assert_string_equal(nsctlproc_json("/state"), "done");
	nsctlproc_succeed(host, TESTNS_ARGV("topology", "apply", "-j", file, STATE));
	assert_int_equal(nsctlproc_json_count("/steps"), 0);
	nsctlproc_succeed(host, TESTNS_ARGV("topology", "show", "-j", file));
	assert_string_equal(nsctlproc_json("/namespaces/1/name"), "left");
	assert_string_equal(nsctlproc_json("/namespaces/1/routes/0/state"), "there");
	assert_string_equal(nsctlproc_json("/namespaces/0/sysctls/ip_forward/is"), "1");
	assert_string_equal(nsctlproc_json("/links/0/state"), "up");
	assert_string_equal(nsctlproc_json("/links/0/other_end"), "right/eth0");
	assert_string_equal(nsctlproc_json("/links/1/addresses/1/state"), "there");
	nsctlproc_succeed(host, TESTNS_ARGV("topology", "verify", "-j", file));
	nsctlproc_succeed(host, TESTNS_ARGV("topology", "delete", "-j", file, STATE));
	assert_string_not_equal(nsctlproc_json("/remove"), "0");
	assert_non_null(nsctlproc_json_find("/steps", "action", "remove"));
}

static void what_is_missing_is_shown_as_missing(void **state)
{
	char file[64];
	int host = begin(two_namespaces, file);
	const char *text = nsctlproc_succeed(host, TESTNS_ARGV("topology", "show", file));

	(void)state;
	assert_says(text, "  left       missing\n");
	assert_says(text, "left/eth0   veth  missing  right/eth0  10.1.0.1/24 (missing)\n");
	assert_says(text, "left       default  10.1.0.2  missing\n");
	assert_says(text, "  host  ip_forward  1       0\n");
}

static void expectations_are_tried_and_a_failed_one_is_status_1(void **state)
{
	char file[64];
	int host = begin(two_namespaces, file);
	const struct nsctlproc_result *result;

	(void)state;
	nsctlproc_succeed(host, TESTNS_ARGV("topology", "apply", file, STATE));
	assert_says(nsctlproc_succeed(host, TESTNS_ARGV("topology", "verify", file)),
	            "ok    left -> 10.1.0.2");
	testlink_set_up(testns_open_named("right"), "eth0", false);
	result = nsctlproc_run(host, TESTNS_ARGV("topology", "verify", file));
	assert_int_equal(result->status, 1);
	assert_says(result->output, "FAIL  left -> 10.1.0.2");
}

static void a_topology_is_drawn(void **state)
{
	char file[64];
	int host = begin(two_namespaces, file);

	(void)state;
	assert_says(nsctlproc_succeed(host, TESTNS_ARGV("topology", "graph", file)), "left");
	assert_says(nsctlproc_succeed(host, TESTNS_ARGV("topology", "graph", "--format", "svg", file)),
	            "<svg");
	assert_says(nsctlproc_succeed(host, TESTNS_ARGV("topology", "graph", "--live", file)), "missing");
}

static void a_drawing_is_told_in_json(void **state)
{
	char file[64];
	int host = begin(two_namespaces, file);

	(void)state;
	nsctlproc_succeed(host, TESTNS_ARGV("topology", "graph", "-j", file));
	assert_string_equal(nsctlproc_json("/topology"), "pair");
	assert_string_equal(nsctlproc_json("/namespaces/1/name"), "left");
	assert_string_equal(nsctlproc_json("/namespaces/1/state"), "planned");
	assert_string_equal(nsctlproc_json("/links/0/link"), "left/eth0");
	assert_string_equal(nsctlproc_json("/links/0/kind"), "veth");
	assert_string_equal(nsctlproc_json("/links/0/addresses/0"), "10.1.0.1/24");
	assert_int_equal(nsctlproc_json_count("/lines"), 1);
	assert_string_equal(nsctlproc_json("/lines/0/from"), "left/eth0");
	assert_string_equal(nsctlproc_json("/lines/0/to"), "right/eth0");
	assert_string_equal(nsctlproc_json("/lines/0/kind"), "veth");
	nsctlproc_succeed(host, TESTNS_ARGV("topology", "graph", "-j", "--live", file));
	assert_string_equal(nsctlproc_json("/links/0/state"), "missing");
	nsctlproc_succeed(host, TESTNS_ARGV("topology", "apply", file, STATE));
	nsctlproc_succeed(host, TESTNS_ARGV("topology", "graph", "-j", "--live", file));
	assert_string_equal(nsctlproc_json("/links/0/state"), "up");
	assert_string_equal(nsctlproc_json("/lines/0/state"), "up");
}

static void a_mistake_in_the_file_is_shown_with_its_place(void **state)
{
	char file[64];
	int host = begin("namespaces:\n  a: {}\nlinks:\n  a/x: { vteh: a/y }\n", file);
	const struct nsctlproc_result *result = nsctlproc_run(host,
	                                                      TESTNS_ARGV("topology", "apply", file, STATE));

	(void)state;
	assert_int_equal(result->status, 2);
	assert_says(result->errors, ":4:10: error: ");
	assert_says(result->errors, "did you mean 'veth'?");
	assert_says(result->errors, "^~~~");
	result = nsctlproc_run(host, TESTNS_ARGV("topology", "apply", "/nosuch/file", STATE));
	assert_int_equal(result->status, 2);
	assert_says(result->errors, "/nosuch/file");
}

static void a_conflict_changes_nothing_and_is_told(void **state)
{
	char file[64];
	int host = begin(two_namespaces, file);
	const struct nsctlproc_result *result;

	(void)state;
	testns_new_named("right");
	result = nsctlproc_run(host, TESTNS_ARGV("topology", "apply", file, STATE));
	assert_int_equal(result->status, 1);
	assert_says(result->errors, "right");
	assert_says(result->errors, "not made by nsctl topology pair");
	assert_string_equal(result->output, "");
	assert_false(exists(NETNS_RUN_DIR "/left"));
	assert_says(nsctlproc_succeed(host, TESTNS_ARGV("topology", "show", file)), "right      there");
}

static void two_states_do_not_know_of_each_other(void **state)
{
	char file[64];
	int host = begin("name: own\nnamespaces:\n  host: { sysctls: { ip_forward: true } }\n", file);

	(void)state;
	nsctlproc_succeed(host, TESTNS_ARGV("topology", "apply", file, "--state", "/run/state-a"));
	assert_true(exists("/run/state-a"));
	assert_string_equal(
	        nsctlproc_succeed(host, TESTNS_ARGV("topology", "delete", file, "--state", "/run/state-b")),
	        "nothing to do\n");
	assert_says(
	        nsctlproc_succeed(host, TESTNS_ARGV("topology", "delete", file, "--state", "/run/state-a")),
	        "~ host: ip_forward 1 -> 0\n");
}

#define topology_test(function) cmocka_unit_test_teardown(function, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        topology_test(what_is_planned_is_done_and_then_there_is_nothing_to_do),
	        topology_test(a_plan_tells_by_its_status_whether_there_is_something_to_do),
	        topology_test(drift_is_planned_and_mended),
	        topology_test(delete_removes_what_was_made_and_puts_settings_back),
	        topology_test(plans_and_results_are_json_when_that_is_asked_for),
	        topology_test(what_is_missing_is_shown_as_missing),
	        topology_test(expectations_are_tried_and_a_failed_one_is_status_1),
	        topology_test(a_topology_is_drawn),
	        topology_test(a_drawing_is_told_in_json),
	        topology_test(a_mistake_in_the_file_is_shown_with_its_place),
	        topology_test(a_conflict_changes_nothing_and_is_told),
	        topology_test(two_states_do_not_know_of_each_other),
	};
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
