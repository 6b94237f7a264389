/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/nsctl_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/nsctl/live.h"
#include "nsctl/topology/ledger.h"
#include "tests/unit/unit.h"

enum { ARGUMENTS_MAX = 24 };

/* parse - read @arguments, which end in NULL, as the command line of nsctl */
static int parse(const char *const *arguments, struct nsctl_options *ret, struct err *err)
{
	static char *argv[ARGUMENTS_MAX + 2]; /* the command is borrowed from it */
	int argc = 1;
	argv[0] = (char *)"nsctl";
	for (; arguments[argc - 1]; argc++)
		argv[argc] = (char *)(uintptr_t)arguments[argc - 1];
	argv[argc] = NULL;
	return nsctl_options_parse(argc, argv, ret, err);
}

#define PARSE(ret, err, ...) parse((const char *const[]){__VA_ARGS__, NULL}, ret, err)

#define ACCEPTED(options, ...)                                                                               \
	do {                                                                                                 \
		struct err err_ = ERR_INIT;                                                                  \
		if (PARSE(options, &err_, __VA_ARGS__) < 0)                                                  \
			fail_msg("%s", err_.text);                                                           \
	} while (0)

#define REFUSED(why, ...)                                                                                    \
	do {                                                                                                 \
		struct nsctl_options options_;                                                               \
		struct err err_ = ERR_INIT;                                                                  \
		assert_true(PARSE(&options_, &err_, __VA_ARGS__) < 0);                                       \
		assert_contains(err_.text, why);                                                             \
	} while (0)

static void verbs_of_one_and_of_two_words_are_found(void **state)
{
	(void)state;
	struct nsctl_options options;
	ACCEPTED(&options, "topology", "plan", "net.yaml");
	assert_int_equal(options.verb, NSCTL_PLAN);
	assert_string_equal(options.file, "net.yaml");
	assert_string_equal(options.state_dir, LEDGER_DIR);
	assert_false(options.json || options.exit_code || options.wants_help);
	ACCEPTED(&options, "inspect");
	assert_int_equal(options.verb, NSCTL_INSPECT);
	assert_int_equal(options.netns.kind, NETNS_SELF);
	ACCEPTED(&options, "version");
	assert_int_equal(options.verb, NSCTL_VERSION);
	ACCEPTED(&options, "--version");
	assert_int_equal(options.verb, NSCTL_VERSION);
}

static void options_may_stand_before_and_behind_arguments(void **state)
{
	(void)state;
	struct nsctl_options options;
	ACCEPTED(&options, "topology", "plan", "--exit-code", "net.yaml", "-j", "--state", "/tmp/x");
	assert_true(options.exit_code && options.json);
	assert_string_equal(options.file, "net.yaml");
	assert_string_equal(options.state_dir, "/tmp/x");
	ACCEPTED(&options, "inspect", "web", "--json");
	assert_true(options.json);
	assert_int_equal(options.netns.kind, NETNS_NAME);
	assert_string_equal(options.netns.text, "web");
	ACCEPTED(&options, "topology", "graph", "-j", "f");
	assert_true(options.json);
	ACCEPTED(&options, "listen", "-j", "web/127.0.0.1:80", "--", "server");
	assert_true(options.json);
	nsctl_options_fini(&options);
}

static void arguments_are_read_as_what_they_are(void **state)
{
	(void)state;
	struct nsctl_options options;
	ACCEPTED(&options, "namespaces", "4242");
	assert_int_equal(options.pid, 4242);
	ACCEPTED(&options, "namespaces");
	assert_int_equal(options.pid, 0);
	ACCEPTED(&options, "topology", "graph", "--format=svg", "--live", "f");
	assert_string_equal(options.format, "svg");
	assert_true(options.live);
	ACCEPTED(&options, "inspect", "pid:7");
	assert_int_equal(options.netns.pid, 7);
}

static void what_follows_two_dashes_is_the_command_untouched(void **state)
{
	(void)state;
	struct nsctl_options options;
	ACCEPTED(&options, "listen", "web/127.0.0.1:80", "--copies", "3", "/[::1]:81", "--also", "true", "--",
	         "server", "-j", "--", "x");
	assert_int_equal(options.endpoints.all.count, 2);
	assert_string_equal(options.endpoints.all.items[0].netns.text, "web");
	assert_int_equal(options.endpoints.all.items[1].addr.family, AF_INET6);
	assert_int_equal(options.copies, 3);
	assert_int_equal(options.also.all.count, 1);
	assert_false(options.json);
	assert_string_equal(options.command[0], "server");
	assert_string_equal(options.command[1], "-j");
	assert_string_equal(options.command[2], "--");
	assert_string_equal(options.command[3], "x");
	assert_null(options.command[4]);
	nsctl_options_fini(&options);
}

static void a_wrong_verb_is_refused_with_a_suggestion(void **state)
{
	(void)state;
	REFUSED("unknown verb 'inspct'; did you mean 'inspect'?", "inspct");
	REFUSED("unknown verb 'x'; expected one of topology, inspect, namespaces, listen, status, relays, "
	        "backends, "
	        "connections, counters, dump, kill, drain, ready, maintenance, log, reload, add, remove, weight, enrol, withdraw, enrolled, events, top, version, help",
	        "x");
	REFUSED("unknown verb 'topology aply'; did you mean 'apply'?", "topology", "aply");
	REFUSED("what of the topology? expected one of plan, apply, delete, show, verify, graph", "topology");
	REFUSED("unknown verb 'topo", "topo", "plan", "f");
	REFUSED("'-j' stands before the verb; expected nsctl VERB", "-j", "inspect");
}

static void a_wrong_argument_is_refused_and_the_right_one_named(void **state)
{
	(void)state;
	REFUSED("topology plan: there is too little; expected one FILE", "topology", "plan");
	REFUSED("unexpected argument 'b'; expected one FILE", "topology", "apply", "a", "b");
	REFUSED("unexpected argument 'b'; expected one NETNS", "inspect", "a", "b");
	REFUSED("unexpected argument 'x'; expected nothing more", "version", "x");
	REFUSED("'0' is no PID", "namespaces", "0");
	REFUSED("'12x' is no PID", "namespaces", "12x");
	REFUSED("'4294967297' is no PID", "namespaces", "4294967297");
	REFUSED("inspect takes no '--'", "inspect", "--", "web");
	REFUSED("there is no command", "listen", "web/127.0.0.1:80");
	REFUSED("there is no command", "listen", "web/127.0.0.1:80", "--");
	REFUSED("there is too little; expected ENDPOINT", "listen", "--", "true");
	REFUSED("80", "listen", "127.0.0.1:80", "--", "true");
}

static void a_wrong_option_is_refused_and_the_right_one_named(void **state)
{
	(void)state;
	REFUSED("unknown option '--jsn'; did you mean '--json'?", "inspect", "--jsn");
	REFUSED("unknown option '--exit-code'", "topology", "apply", "--exit-code", "f");
	REFUSED("--state has no argument; expected --state DIR", "topology", "plan", "f", "--state");
	REFUSED("'' is no folder", "topology", "plan", "f", "--state", "");
	REFUSED("unknown format 'sgv'; did you mean 'svg'?", "topology", "graph", "f", "--format", "sgv");
	REFUSED("--copies: ", "listen", "--copies", "x", "/127.0.0.1:1", "--", "true");
	REFUSED("--copies: '0' is out of range; expected 1 to 1024", "listen", "--copies", "0",
	        "/127.0.0.1:1", "--", "true");
	REFUSED("--copies", "listen", "/127.0.0.1:1", "--copies", "--", "true");
}

static void help_is_a_verb_and_an_option(void **state)
{
	(void)state;
	struct nsctl_options options;
	ACCEPTED(&options, "help", "topology", "plan");
	assert_true(options.wants_help && options.verb == NSCTL_PLAN);
	ACCEPTED(&options, "topology", "plan", "--help");
	assert_true(options.wants_help && options.verb == NSCTL_PLAN);
	ACCEPTED(&options, "listen", "-h");
	assert_true(options.wants_help && options.verb == NSCTL_LISTEN);
	ACCEPTED(&options, "topology", "--help");
	assert_true(options.wants_help && options.verb == NSCTL_HELP);
	assert_string_equal(options.topic, "topology");
	ACCEPTED(&options, "help");
	assert_true(options.wants_help && options.verb == NSCTL_HELP && !options.topic);
	REFUSED("unknown verb 'x'", "help", "x");
}

static char *help_of(enum nsctl_verb verb, const char *topic)
{
	const struct nsctl_options options = {.verb = verb, .topic = topic};
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	nsctl_options_print_help(&options, out);
	fclose(out);
	return text;
}

static void help_shows_what_the_verb_takes(void **state)
{
	(void)state;
	char *text = help_of(NSCTL_PLAN, NULL);
	assert_contains(text, "usage: nsctl topology plan [OPTION...] FILE");
	assert_contains(text, "--exit-code");
	assert_contains(text, "-j, --json");
	assert_contains(text, LEDGER_DIR);
	assert_null(strstr(text, "--copies"));
	free(text);
	text = help_of(NSCTL_HELP, NULL);
	assert_contains(text, "topology graph");
	assert_contains(text, "namespaces");
	free(text);
	text = help_of(NSCTL_HELP, "topology");
	assert_contains(text, "topology graph");
	assert_null(strstr(text, "namespaces "));
	free(text);
}

static void questions_have_a_socket_a_filter_and_an_order(void **state)
{
	(void)state;
	struct nsctl_options options;
	ACCEPTED(&options, "connections");
	assert_string_equal(options.control_path, LIVE_CONTROL_PATH);
	assert_int_equal(options.order, -1);
	assert_true(nsctl_filter_is_empty(&options.filter));
	ACCEPTED(&options, "connections", "--control", "/c", "--relay", "r", "--client", "10.0.0.0/8",
	         "--backend", "10.0.0.1:80", "--netns", "n", "--sort", "rtt", "--limit", "7", "-j");
	assert_string_equal(options.control_path, "/c");
	assert_string_equal(options.filter.relay, "r");
	assert_string_equal(options.filter.client, "10.0.0.0/8");
	assert_string_equal(options.filter.backend, "10.0.0.1:80");
	assert_string_equal(options.filter.netns, "n");
	assert_int_equal(options.order, live_find_order("rtt"));
	assert_int_equal(options.limit, 7);
	assert_true(options.json);
	ACCEPTED(&options, "backends", "--pool", "p");
	assert_string_equal(options.pool, "p");
	REFUSED("did you mean 'bytes'?", "connections", "--sort", "byte");
	REFUSED("expected 1 to 4294967295", "connections", "--limit", "0");
	REFUSED("--client: ", "connections", "--client", "x");
	REFUSED("unknown option '--relay'", "status", "--relay", "r");
}

static void connections_are_meant_by_what_they_are(void **state)
{
	(void)state;
	struct nsctl_options options;
	ACCEPTED(&options, "connections", "--pool", "p", "--state", "open", "--lane", "bulk", "--age-over", "5m",
	         "--idle-over", "90s", "--bytes-over", "64KiB", "-l");
	assert_string_equal(options.filter.pool, "p");
	assert_string_equal(options.filter.state, "open");
	assert_string_equal(options.filter.lane, "bulk");
	assert_int_equal(options.filter.age_over_ms, 300000);
	assert_int_equal(options.filter.idle_over_ms, 90000);
	assert_int_equal(options.filter.bytes_over, 65536);
	assert_true(options.details);
	ACCEPTED(&options, "connections", "--bytes-over", "1000");
	assert_int_equal(options.filter.bytes_over, 1000);
	REFUSED("did you mean 'open'?", "connections", "--state", "opne");
	REFUSED("did you mean 'bulk'?", "connections", "--lane", "bulky");
	REFUSED("--backend: ", "connections", "--backend", "x");
	REFUSED("--age-over: ", "connections", "--age-over", "5");
}

static void kill_is_told_which_ones_in_one_way(void **state)
{
	(void)state;
	struct nsctl_options options;
	ACCEPTED(&options, "kill", "5", "16777217");
	assert_int_equal(options.ids.all.count, 2);
	assert_int_equal(options.ids.all.items[1], 16777217);
	nsctl_options_fini(&options);
	ACCEPTED(&options, "kill", "--relay", "r");
	assert_string_equal(options.filter.relay, "r");
	ACCEPTED(&options, "kill", "--all");
	assert_true(options.all);
	REFUSED("expected 100ms to 1h", "top", "--interval", "1ms");
	REFUSED("which ones?", "kill");
	REFUSED("exclude each other", "kill", "5", "--relay", "r");
	REFUSED("exclude each other", "kill", "--all", "--relay", "r");
	REFUSED("'x' is no ID", "kill", "x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(verbs_of_one_and_of_two_words_are_found),
	        cmocka_unit_test(options_may_stand_before_and_behind_arguments),
	        cmocka_unit_test(arguments_are_read_as_what_they_are),
	        cmocka_unit_test(what_follows_two_dashes_is_the_command_untouched),
	        cmocka_unit_test(a_wrong_verb_is_refused_with_a_suggestion),
	        cmocka_unit_test(a_wrong_argument_is_refused_and_the_right_one_named),
	        cmocka_unit_test(a_wrong_option_is_refused_and_the_right_one_named),
	        cmocka_unit_test(help_is_a_verb_and_an_option),
	        cmocka_unit_test(help_shows_what_the_verb_takes),
	        cmocka_unit_test(connections_are_meant_by_what_they_are),
	        cmocka_unit_test(kill_is_told_which_ones_in_one_way),
	        cmocka_unit_test(questions_have_a_socket_a_filter_and_an_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
