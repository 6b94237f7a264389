/* SPDX-License-Identifier: Apache-2.0 */
/* What the real daemon says that it works by. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/nsrelay/config_file.h"
#include "app/nsrelay/config_text.h"
#include "app/nsrelay/verb_check.h"
#include "nsctl/netns.h"
#include "tests/integration/app/nsctlproc.h"
#include "tests/lib/relayproc.h"

/* In a /run of this program's own: testns_new_named(). */
#define PATH "/run/control.sock"

#define FILE_PATH "/run/nsrelay.yaml"

static int web, api;
static bool are_made;

static int clean_up(void **state)
{
	int rc = relayproc_teardown(state);
	if (are_made) {
		unlink(PATH);
		unlink(FILE_PATH);
		netns_delete("web", NULL);
		netns_delete("api", NULL);
	}
	are_made = false;
	return rc;
}

static void make_namespaces(void)
{
	testns_require_root();
	testns_hide_run();
	are_made = true;
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
	ask("drain", "api/127.0.0.1:82");
	text = check_diff("threads: 3\nrelays: [ { name: two, listen: \"web/[::]:81\", to: second } ]\ndrain: 0s\n" POOLS, PATH);
	assert_says(text, ")\n"
	                  "control.path: " PATH " -> none (needs a restart)\n"
	                  "pool one: removed\n"
	                  "pool second, backend api/127.0.0.1:82: state: drain -> ready\n"
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_daemon_tells_its_configuration_as_a_file, clean_up),
		cmocka_unit_test_teardown(changes_while_it_runs_are_in_it, clean_up),
		cmocka_unit_test_teardown(what_a_file_would_change_is_told_beforehand, clean_up),
		cmocka_unit_test_teardown(another_configuration_is_told_as_soon_as_it_holds, clean_up),
		cmocka_unit_test_teardown(a_large_configuration_arrives_whole, clean_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
