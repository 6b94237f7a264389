/* SPDX-License-Identifier: Apache-2.0 */
/* What the real daemon says that it works by. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/nsrelay/config_file.h"
#include "app/nsrelay/config_text.h"
#include "app/nsrelay/verb_check.h"
#include "tests/integration/app/nsctlproc.h"
#include "tests/lib/relayproc.h"

/* In a /run of this program's own: testns_new_named(). */
#define PATH "/run/control.sock"

#define FILE_PATH     "/run/nsrelay.yaml"
#define FRAGMENT_PATH "/run/fragment.yaml"

static int web, api;

static void make_namespaces(void)
{
	testns_require_root();
	web = testns_new_named("web");
	api = testns_new_named("api");
}

static void write_file(const char *yaml)
{
	FILE *file = fopen(FILE_PATH, "we");
	assert_non_null(file);
	fputs(yaml, file);
	assert_int_equal(fclose(file), 0);
}

#define ask(...) nsctlproc_succeed(-1, TESTNS_ARGV(__VA_ARGS__, "--control", PATH))

#define RELAYS                                                                                               \
	"relays:\n"                                                                                          \
	"  - { name: one, listen: web/127.0.0.1:80, to: api/127.0.0.1:80, timeouts: { idle: 5m } }\n"        \
	"  - { name: two, listen: \"web/[::]:81\", to: second }\n"                                           \
	"drain: 0s\n"                                                                                        \
	"control: { path: " PATH " }\n"
#define POOLS                                                                                                \
	"pools:\n"                                                                                           \
	"  second:\n"                                                                                        \
	"    health: { interval: 1h, send: 'PING\\r\\n', expect: '+PONG' }\n"                                \
	"    backends: [ { address: api/127.0.0.1:81, weight: 3 }, api/127.0.0.1:82 ]\n"

static struct config load(const char *text)
{
	struct config config;
	if (config_text_load(text, strlen(text), "dump", &config, stderr) < 0)
		fail_msg("it is not read: %s", text);
	return config;
}

static void assert_dump_is(const char *text)
{
	struct config expected = load(text), dumped = load(ask("dump"));
	assert_true(config_equal(&expected, &dumped));
	config_fini(&expected);
	config_fini(&dumped);
}

static void a_daemon_tells_its_configuration_as_a_file(void **state)
{
	(void)state;
	make_namespaces();
	struct relayproc *relay = relayproc_start_config(RELAYS POOLS);
	assert_dump_is(RELAYS POOLS);
	const char *text = ask("dump");
	assert_says(text, "      idle: 5m\n");
	assert_null(strstr(text, "half_close")); /* a default */
	text = ask("dump", "--defaults");
	assert_says(text, "      half_close: 50s\n");
	struct config all = load(text), expected = load(RELAYS POOLS);
	assert_true(config_equal(&all, &expected));
	config_fini(&all);
	config_fini(&expected);
	assert_int_equal(relayproc_stop(relay), 0);
}

static void changes_while_it_runs_are_in_it(void **state)
{
	(void)state;
	make_namespaces();
	struct relayproc *relay = relayproc_start_config(RELAYS POOLS);
	ask("drain", "api/127.0.0.1:81");
	ask("maintenance", "api/127.0.0.1:82");
	ask("log", "debug");
	assert_dump_is(RELAYS "log: { level: debug }\n"
	                      "pools:\n"
	                      "  second:\n"
	                      "    health: { interval: 1h, send: 'PING\\r\\n', expect: '+PONG' }\n"
	                      "    backends:\n"
	                      "      - { address: api/127.0.0.1:81, weight: 3, state: drain }\n"
	                      "      - { address: api/127.0.0.1:82, state: maintenance }\n");
	ask("ready", "api/127.0.0.1:81");
	ask("ready", "api/127.0.0.1:82");
	ask("log", "info");
	assert_dump_is(RELAYS POOLS);
	assert_int_equal(relayproc_stop(relay), 0);
}

/* A pool that takes several replies, among others that share one. */
static void a_large_configuration_arrives_whole(void **state)
{
	enum { BACKENDS = 5000 };
	char *text;
	size_t size;
	(void)state;
	make_namespaces();
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	fputs(RELAYS POOLS, out);
	fputs("  large:\n    backends:\n", out);
	for (int i = 0; i < BACKENDS; i++)
		fprintf(out, "      - 'unix:/run/\"%d\"'\n", i);
	for (int i = 0; i < 100; i++)
		fprintf(out, "  p%d: { backends: unix:/run/x }\n", i);
	fclose(out);
	struct relayproc *relay = relayproc_start_config(text);
	assert_dump_is(text);
	free(text);
	assert_int_equal(relayproc_stop(relay), 0);
}

/* check_diff - `nsrelay check --diff` beside the running daemon, to be given to free(3) */
static char *check_diff(const char *yaml, const char *control)
{
	struct options options;
	char *text;
	size_t size;
	char *argv[] = {(char *)"nsrelay", (char *)"check", (char *)"--diff", (char *)FILE_PATH,
	                (char *)(control ? "--control" : NULL), (char *)control, NULL};
	FILE *out = open_memstream(&text, &size);
	write_file(yaml);
	assert_int_equal(options_parse(control ? 6 : 4, argv, &options, NULL), 0);
	assert_int_equal(verb_check(&options, out, stderr), 0);
	options_fini(&options);
	fclose(out);
	return text;
}

static void what_a_file_would_change_is_told_beforehand(void **state)
{
	(void)state;
	make_namespaces();
	struct relayproc *relay = relayproc_start_config(RELAYS POOLS);
	char *text = check_diff(RELAYS POOLS, NULL); /* the file says where the daemon is */
	assert_says(text, ")\nnothing would change\n");
	free(text);
	ask("drain", "api/127.0.0.1:82"); /* which a reload leaves as it is */
	text = check_diff("threads: 3\nrelays: [ { name: two, listen: \"web/[::]:81\", to: second } ]\ndrain: 0s\n" POOLS, PATH);
	assert_says(text, ")\n"
	                  "control.path: " PATH " -> none (needs a restart)\n"
	                  "pool one: removed\n"
	                  "relay one: removed\n"
	                  "threads: 0 -> 3 (needs a restart)\n");
	free(text);
	assert_int_equal(relayproc_stop(relay), 0);
}

/* What is left over of the earlier one is served, and not told. */
static void another_configuration_is_told_as_soon_as_it_holds(void **state)
{
	static const char next[] = "relays: [ { name: two, listen: web/127.0.0.1:81, to: [ api/127.0.0.1:81, api/127.0.0.1:82 ] } ]\n"
	                           "drain: 30s\n"
	                           "control: { path: " PATH " }\n";
	static const char first[] = "relays:\n"
	                            "  - { name: one, listen: web/127.0.0.1:80, to: api/127.0.0.1:80 }\n"
	                            "  - { name: two, listen: web/127.0.0.1:81, to: [ api/127.0.0.1:80, api/127.0.0.1:81 ] }\n"
	                            "drain: 30s\n"
	                            "control: { path: " PATH " }\n";
	struct relayproc_record record;
	(void)state;
	make_namespaces();
	int server = testns_listen(api, "127.0.0.1:80");
	write_file(first);
	struct relayproc *relay = relayproc_start(TESTNS_ARGV("-c", FILE_PATH));
	int one = testns_connect(web, "127.0.0.1:80"), at_one = testns_accept(server);
	int two = testns_connect(web, "127.0.0.1:81"), at_two = testns_accept(server);
	write_file(next);
	relayproc_signal(relay, SIGHUP);
	relayproc_await_record(relay, "reloaded", &record);
	assert_dump_is(next);
	testns_assert_connected(one, at_one);
	testns_assert_connected(two, at_two);
}

/* ---- changes by nsctl ---- */

#define refused(...) nsctlproc_run(-1, TESTNS_ARGV(__VA_ARGS__, "--control", PATH))

static struct relayproc *start_file(void)
{
	make_namespaces();
	write_file(RELAYS POOLS);
	return relayproc_start(TESTNS_ARGV("-c", FILE_PATH));
}

static const char *fragment(const char *yaml)
{
	FILE *file = fopen(FRAGMENT_PATH, "we");
	assert_non_null(file);
	fputs(yaml, file);
	assert_int_equal(fclose(file), 0);
	return FRAGMENT_PATH;
}

static void assert_served(const char *address, int listener)
{
	int client = testns_connect(web, address);
	testns_assert_connected(client, testns_accept(listener));
}

static void what_is_added_is_served_and_what_is_removed_is_not(void **state)
{
	(void)state;
	struct relayproc *relay = start_file();
	int server = testns_listen(api, "127.0.0.1:90"), first = testns_listen(api, "127.0.0.1:80");
	testns_await_refused(web, "127.0.0.1:82");
	assert_says(ask("add", fragment("relays: [ { name: new, listen: web/127.0.0.1:82, to: api/127.0.0.1:90 } ]\n")),
	            "added\n");
	assert_served("127.0.0.1:82", server);
	assert_served("127.0.0.1:80", first);
	assert_says(ask("remove", "relay", "new"), "relay new: removed\n");
	testns_await_refused(web, "127.0.0.1:82");
	assert_served("127.0.0.1:80", first);
	assert_dump_is(RELAYS POOLS); /* its pool has gone with it */
	assert_int_equal(relayproc_stop(relay), 0);
}

/* assert_served_behind_checks - as assert_served(), where checks come too: they say PING */
static void assert_served_behind_checks(const char *address, int listener)
{
	char said[4] = "PING";
	int client = testns_connect(web, address), server = -1;
	testns_write(client, "ping", 4);
	while (memcmp(said, "PING", 4) == 0) {
		server = testns_accept(listener);
		testns_read(server, said, 4);
	}
	assert_memory_equal(said, "ping", 4);
	testns_assert_connected(client, server);
}

static void a_backend_is_added_to_a_pool(void **state)
{
	(void)state;
	struct relayproc *relay = start_file();
	int server = testns_listen(api, "127.0.0.1:90");
	ask("maintenance", "127.0.0.1:81");
	assert_says(ask("add", fragment("pools: { second: { backends: api/127.0.0.1:90 } }\n")), "added\n");
	ask("maintenance", "127.0.0.1:82");
	assert_served_behind_checks("127.0.0.1:81", server);
	assert_says(ask("backends"), "127.0.0.1:90");
	assert_int_equal(relayproc_stop(relay), 0);
}

static void an_added_relay_outlives_its_process(void **state)
{
	struct relayproc_record record;
	(void)state;
	struct relayproc *relay = start_file();
	int server = testns_listen(api, "127.0.0.1:90");
	ask("add", fragment("relays: [ { name: new, listen: web/127.0.0.1:82, to: api/127.0.0.1:90 } ]\n"));
	kill(relayproc_child(relay), SIGKILL);
	relayproc_await_record(relay, "ready again", &record);
	assert_served("127.0.0.1:82", server);
	assert_says(ask("dump"), "- name: new\n");
	assert_int_equal(relayproc_stop(relay), 0);
}

static void a_weight_is_told_as_it_is_now_until_the_file_is_read_again(void **state)
{
	(void)state;
	struct relayproc *relay = start_file();
	assert_says(ask("weight", "second/127.0.0.1:81", "7"), "second/127.0.0.1:81: weight 7\n");
	assert_says(ask("backends"), " 7 ");
	assert_says(ask("dump"), "weight: 7\n");
	ask("reload");
	assert_dump_is(RELAYS POOLS);
	assert_int_equal(relayproc_stop(relay), 0);
}

static void a_backend_and_a_namespace_are_removed(void **state)
{
	(void)state;
	struct relayproc *relay = start_file();
	ask("remove", "backend", "second/127.0.0.1:82");
	assert_null(strstr(ask("dump"), "127.0.0.1:82"));
	ask("add", fragment("relays: [ { name: new, listen: host/127.0.0.1:82, to: second } ]\n"));
	ask("remove", "namespace", "web"); /* relays one and two are there alone */
	const char *text = ask("dump");
	assert_says(text, "- name: new\n");
	assert_null(strstr(text, "- name: one\n"));
	assert_null(strstr(text, "- name: two\n"));
	assert_int_equal(relayproc_stop(relay), 0);
}

static void what_is_refused_changes_nothing_and_is_told_why(void **state)
{
	(void)state;
	struct relayproc *relay = start_file();
	const struct nsctlproc_result *result =
	        refused("add", fragment("relays:\n- { name: new, listen: web/127.0.0.1:82, to: secund }\n"));
	assert_int_equal(result->status, EXIT_FAILURE);
	assert_says(result->errors, "fragment:2:46: error: there is no pool 'secund'; did you mean 'second'?");
	assert_says(result->errors, "\n- { name: new, listen: web/127.0.0.1:82, to: secund }\n"); /* the place, in lines of its own */
	assert_says(result->errors, "nsctl: the daemon refuses that; everything is as it was\n");
	result = refused("add", fragment("pools: { new: { backends: api/127.0.0.1:1 } }\n"
	                                 "relays: [ { name: new, listen: nowhere/127.0.0.1:82, to: new } ]\n"));
	assert_int_equal(result->status, EXIT_FAILURE);
	assert_says(result->errors, "nowhere");
	result = refused("remove", "pool", "second");
	assert_int_equal(result->status, EXIT_FAILURE);
	assert_says(result->errors, "the relay 'two' leads to the pool 'second'");
	result = refused("weight", "second/127.0.0.1:83", "7");
	assert_int_equal(result->status, EXIT_FAILURE);
	assert_says(result->errors, "the pool 'second' has no backend 127.0.0.1:83");
	assert_dump_is(RELAYS POOLS);
	assert_int_equal(relayproc_stop(relay), 0);
}

static void a_fragment_may_come_by_standard_input(void **state)
{
	char script[256];
	(void)state;
	struct relayproc *relay = start_file();
	int server = testns_listen(api, "127.0.0.1:90");
	const char *const *argv = nsctlproc_argv(TESTNS_ARGV("add", "-", "--control", PATH));
	snprintf(script, sizeof(script), "exec \"$0\" \"$@\" < %s",
	         fragment("relays: [ { name: new, listen: web/127.0.0.1:82, to: api/127.0.0.1:90 } ]\n"));
	assert_int_equal(testns_run(-1, TESTNS_ARGV("sh", "-c", script, argv[0], argv[1], argv[2], argv[3], argv[4])), 0);
	assert_served("127.0.0.1:82", server);
	assert_int_equal(relayproc_stop(relay), 0);
}

static void a_daemon_without_a_file_is_changed_as_well(void **state)
{
	(void)state;
	make_namespaces();
	struct relayproc *relay = relayproc_start(TESTNS_ARGV("--listen", "web/127.0.0.1:80", "--to", "api/127.0.0.1:80",
	                                                      "--control", PATH, "--drain-timeout", "0s"));
	int server = testns_listen(api, "127.0.0.1:90");
	ask("add", fragment("relays: [ { name: new, listen: web/127.0.0.1:82, to: api/127.0.0.1:90 } ]\n"));
	assert_served("127.0.0.1:82", server);
	assert_int_equal(relayproc_stop(relay), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		relayproc_test(a_daemon_tells_its_configuration_as_a_file),
		relayproc_test(changes_while_it_runs_are_in_it),
		relayproc_test(what_a_file_would_change_is_told_beforehand),
		relayproc_test(another_configuration_is_told_as_soon_as_it_holds),
		relayproc_test(what_is_added_is_served_and_what_is_removed_is_not),
		relayproc_test(a_backend_is_added_to_a_pool),
		relayproc_test(an_added_relay_outlives_its_process),
		relayproc_test(a_weight_is_told_as_it_is_now_until_the_file_is_read_again),
		relayproc_test(a_backend_and_a_namespace_are_removed),
		relayproc_test(what_is_refused_changes_nothing_and_is_told_why),
		relayproc_test(a_fragment_may_come_by_standard_input),
		relayproc_test(a_daemon_without_a_file_is_changed_as_well),
		relayproc_test(a_large_configuration_arrives_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
