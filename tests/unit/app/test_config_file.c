/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/nsrelay/config_check.h"
#include "app/text/report.h"
#include "app/text/text_file.h"
#include "tests/unit/app/config_rig.h"

#define LISTEN "listen: web/127.0.0.1:80"
#define TO     "to: api/127.0.0.1:80"
#define RELAY  "relays:\n- { name: a, " LISTEN ", " TO " }\n"

static void keys_that_nobody_knows_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
		{RELAY "thread: 4\n", 3, 1, "thread",
		 "unknown key 'thread' in the file; did you mean 'threads'?"},
		{"relays:\n- name: a\n  lisen: /1.2.3.4:1\n  " TO "\n", 3, 3, "lisen",
		 "unknown key 'lisen' in a relay; did you mean 'listen'?"},
		{"relays: [ { name: a, " LISTEN ", " TO ", weight: 1 } ]", 1, 70, "weight",
		 "unknown key 'weight' in a relay; expected one of name, listen, to, mirror, proxy_protocol, intercept, destinations, sni, allow, deny, "
		 "allow_namespaces, deny_namespaces, timeouts, tcp, lane, limits"},
		{"relays:\n- name: a\n  " LISTEN "\n  " TO "\n  proxy_protocol: { accept: [ 10.0.0.0/8 ] }\n", 5, 21,
		 "accept", "unknown key 'accept' in proxy_protocol; expected one of accept_from, send, others, timeout"},
		{"relays:\n- name: a\n  " LISTEN "\n  " TO "\n  proxy_protocol: { accept_from: [ 10.0.0.1/8 ] }\n", 5, 36,
		 "10.0.0.1/8", "'10.0.0.1/8'"},
		{RELAY "log: { color: true }\n", 3, 8, "color",
		 "unknown key 'color' in log; expected one of level, format, rate"},
		{RELAY "defaults: { tcp: { keepalive: { idel: 1s } } }\n", 3, 33, "idel",
		 "unknown key 'idel' in keepalive; did you mean 'idle'?"},
		{RELAY "pools: { p: { backend: [ /1.2.3.4:1 ] } }\n", 3, 15, "backend",
		 "unknown key 'backend' in a pool; did you mean 'backends'?"},
		{RELAY "pools: { p: { backends: [ { address: /1.2.3.4:1, heigth: 2 } ] } }\n", 3, 50,
		 "heigth", "unknown key 'heigth' in a backend; did you mean 'weight'?"},
		{RELAY "namespaces: { x: { pit: 1 } }\n", 3, 20, "pit",
		 "unknown key 'pit' in a namespace; did you mean 'pid'?"},
	};
	RIG_REFUSE(cases);
}

static void values_of_the_wrong_type_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
		{"text\n", 1, 1, "text", "there is text; expected a mapping of KEY: VALUE"},
		{"- a\n", 1, 1, "-", "there is a list; expected a mapping of KEY: VALUE"},
		{"relays: { name: a }\n", 1, 9, "{", "there is a mapping; expected a list of relays"},
		{"relays: [ a ]\n", 1, 11, "a", "there is text; expected a mapping of KEY: VALUE"},
		{"relays:\n", 1, 1, "relays", "there is nothing; expected a list of relays"},
		{RELAY "threads: [ 4 ]\n", 3, 10, "[",
		 "there is a list; expected a whole number from 0 to 1024"},
		{RELAY "threads:\n", 3, 1, "threads",
		 "there is nothing; expected a whole number from 0 to 1024"},
		{RELAY "threads: many\n", 3, 10, "many", "'many' is not a number; expected a whole number"},
		{RELAY "drain: 5\n", 3, 8, "5",
		 "'5' has no unit; expected a duration such as 250ms, 5s, 1m or 2h"},
		{RELAY "log: info\n", 3, 6, "info", "there is text; expected a mapping of KEY: VALUE"},
		{RELAY "log: { level: loud }\n", 3, 15, "loud",
		 "'loud' is not known; expected one of error, warning, info, debug"},
		{RELAY "defaults: { tcp: { nodelay: yes } }\n", 3, 29, "yes",
		 "'yes' is neither true nor false; expected true or false"},
		{"relays:\n- { name: a, listen: { x: y }, " TO " }\n", 2, 22, "{",
		 "there is a mapping; expected an endpoint NETNS/ADDRESS:PORT"},
		{"relays:\n- { name: [ a ], " LISTEN ", " TO " }\n", 2, 11, "[",
		 "there is a list; expected 1 to 63 letters, digits"},
		{RELAY "pools: [ a ]\n", 3, 8, "[",
		 "there is a list; expected a mapping of NAME: { backends: [ ... ] }"},
		{RELAY "pools: { p: { balance: random, backends: [ /1.2.3.4:1 ] } }\n", 3, 24, "random",
		 "'random' is not known; expected one of round_robin, least_connections, two_choices, source_hash"},
		{RELAY "namespaces: web\n", 3, 13, "web", "there is text; expected a mapping of NAME: {}"},
	};
	RIG_REFUSE(cases);
}

static void numbers_out_of_range_or_octal_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
		{RELAY "threads: 1025\n", 3, 10, "1025",
		 "'1025' is out of range; expected a whole number from 0 to 1024"},
		{RELAY "threads: 010\n", 3, 10, "010",
		 "'010' begins with 0, as an octal number does; expected"},
		{RELAY "threads: 0x10\n", 3, 10, "0x10", "'0x10' is not a number; expected a whole number"},
		{RELAY "threads: -1\n", 3, 10, "-1", "'-1' is not a number; expected a whole number"},
		{RELAY "threads: 99999999999999999999\n", 3, 10, "99999999999999999999",
		 "'99999999999999999999' is out of range; expected"},
		{RELAY "drain: 169h\n", 3, 8, "169h",
		 "'169h' is out of range; expected a duration from 0s to 168h"},
		{RELAY "defaults: { tcp: { backlog: 0 } }\n", 3, 29, "0",
		 "'0' is out of range; expected a whole number from 1 to 65535"},
		{RELAY "defaults: { tcp: { keepalive: { count: 128 } } }\n", 3, 40, "128",
		 "'128' is out of range"},
		{RELAY "defaults: { tcp: { keepalive: { idle: 1500ms } } }\n", 3, 39, "1500ms",
		 "'1500ms' is not a number of whole seconds; expected a duration of whole seconds"},
		{RELAY "namespaces: { x: { pid: 010 } }\n", 3, 25, "010",
		 "'pid:010' is not a process; expected a pid from 1"},
	};
	RIG_REFUSE(cases);
}

static void bad_endpoints_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
		{"relays:\n- { name: a, listen: web/localhost:80, " TO " }\n", 2, 22, "web/localhost:80",
		 "'localhost' is not an address; expected IPv4 such as 127.0.0.1"},
		{"relays:\n- { name: a, listen: web/127.0.0.1:0, " TO " }\n", 2, 22, "web/127.0.0.1:0",
		 "'0' is not a port; expected a number from 1 to 65535"},
		{"relays:\n- { name: a, listen: 127.0.0.1:80, " TO " }\n", 2, 22, "127.0.0.1:80",
		 "'127.0.0.1:80' has no slash; expected NETNS/ADDRESS:PORT"},
		{"relays:\n- name: a\n  " TO "\n  listen:\n  - 'web/127.0.0.1:70000'\n", 5, 5,
		 "'web/127.0.0.1:70000'", "'70000' is not a port"},
		{"relays:\n- { name: a, " LISTEN ", to: [ /1.2.3.4:1, b ] }\n", 2, 58, "b",
		 "'b' has no slash; expected NETNS/ADDRESS:PORT"},
		{RELAY "pools: { p: { backends: [ { address: web/127.0.0.1 } ] } }\n", 3, 38, "web/127.0.0.1",
		 "'127.0.0.1' has no port; expected NETNS/ADDRESS:PORT"},
	};
	RIG_REFUSE(cases);
}

static void what_is_missing_is_named(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
		{"threads: 4\n", 1, 1, "t",
		 "there is no 'relays' in the file; expected a list of at least one relay"},
		{"relays: []\n", 1, 9, "[", "the list is empty; expected at least one item"},
		{"relays:\n- " LISTEN "\n  " TO "\n", 2, 3, "l",
		 "there is no 'name' in a relay; expected name: NAME"},
		{"relays:\n- name: a\n  " TO "\n", 2, 3, "n",
		 "there is no 'listen' in a relay; expected listen: NETNS/ADDRESS:PORT"},
		{"relays:\n- name: a\n  " LISTEN "\n", 2, 3, "n",
		 "there is no 'to' in a relay; expected to: POOL or to: NETNS/ADDRESS:PORT"},
		{"relays:\n- { name: a, listen: [], " TO " }\n", 2, 22, "[", "the list is empty"},
		{"relays:\n- { name: a, listen: , " TO " }\n", 2, 14, "listen",
		 "there is nothing; expected an endpoint NETNS/ADDRESS:PORT"},
		{"relays:\n- { name: a, " LISTEN ", to: [] }\n", 2, 44, "[", "the list is empty"},
		{RELAY "pools: { p: { balance: round_robin } }\n", 3, 13, "{",
		 "there is no 'backends' in a pool; expected backends: [ NETNS/ADDRESS:PORT ]"},
		{RELAY "pools: { p: }\n", 3, 10, "p", "there is no 'backends' in a pool"},
		{RELAY "pools: { p: { backends: [] } }\n", 3, 25, "[", "the list is empty"},
	};
	RIG_REFUSE(cases);
}

static void an_empty_file_is_refused(void **state)
{
	(void)state;
	static const char *const texts[] = {"", "\n", "# comment\n", "---\n", "null\n"};
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		struct config config;
		assert_int_equal(rig_load(texts[i], &config), -EINVAL);
		assert_contains(rig_printed(),
				"f:1:1: error: the file is empty; expected a list of at least one relay");
	}
}

static void names_are_checked_against_each_other(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
		{RELAY "- { name: a, listen: web/127.0.0.1:81, " TO " }\n", 3, 11, "a",
		 "there is a relay 'a' already; expected another name"},
		{"relays:\n- { name: a, " LISTEN ", to: bd }\npools: { db: { backends: [ /1.2.3.4:1 ] } }\n",
		 2, 44, "bd", "there is no pool 'bd'; did you mean 'db'?"},
		{"relays:\n- { name: a, " LISTEN
		 ", to: other }\npools: { db: { backends: [ /1.2.3.4:1 ] } }\n",
		 2, 44, "other", "there is no pool 'other'; expected the name of a pool, or an endpoint"},
		{"relays:\n- { name: a b, " LISTEN ", " TO " }\n", 2, 11, "a b",
		 "'a b' holds a character a name may not; expected 1 to 63 letters"},
		{RELAY "pools: { a: { backends: [ /1.2.3.4:1 ] } }\n", 2, 44, "api/127.0.0.1:80",
		 "these endpoints would make a second pool 'a'; expected"},
		{RELAY "namespaces: { host: {} }\n", 3, 15, "host",
		 "'host' has a meaning of its own; expected another name"},
		{RELAY "namespaces: { 'pid:4': {} }\n", 3, 15, "'pid:4'", "'pid:4' has a meaning of its own"},
		{RELAY "namespaces: { a/b: {} }\n", 3, 15, "a/b",
		 "'a/b' is not the name of a namespace; expected"},
		{RELAY "namespaces: { x: { pid: 1, path: /y } }\n", 3, 15, "x",
		 "the namespace 'x' has both pid and path; expected one of them"},
		{RELAY "namespaces: { x: { path: y } }\n", 3, 26, "y",
		 "namespace 'path:y' is not an absolute path; expected path:/run/netns/NAME"},
	};
	RIG_REFUSE(cases);
}

static void listeners_that_collide_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
		{RELAY "- { name: b, " LISTEN ", " TO " }\n", 3, 22, "web/127.0.0.1:80",
		 "web/127.0.0.1:80 is listened on twice, relay 'a' has it already; expected one listener"},
		{"relays:\n- { name: a, listen: [ web/127.0.0.1:80, web/127.0.0.1:80 ], " TO " }\n", 2, 42,
		 "web/127.0.0.1:80", "web/127.0.0.1:80 is listened on twice"},
		{RELAY "- { name: b, listen: web/0.0.0.0:80, " TO " }\n", 3, 22, "web/0.0.0.0:80",
		 "web/0.0.0.0:80 overlaps web/127.0.0.1:80 of relay 'a'; expected another address or port"},
		{RELAY "- { name: b, listen: 'web/[::]:80', " TO " }\n", 3, 22, "'web/[::]:80'",
		 "web/[::]:80 overlaps web/127.0.0.1:80"},
		/* one namespace under two names */
		{"namespaces: { x: { pid: 7 } }\n" RELAY "- { name: b, listen: x/1.2.3.4:1, " TO " }\n"
		 "- { name: c, listen: 'pid:7/1.2.3.4:1', " TO " }\n",
		 5, 22, "'pid:7/1.2.3.4:1'", "pid:7/1.2.3.4:1 is listened on twice"},
	};
	RIG_REFUSE(cases);
}

static void a_relay_that_calls_itself_is_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
		{"relays:\n- { name: a, " LISTEN ", to: web/127.0.0.1:80 }\n", 2, 44, "web/127.0.0.1:80",
		 "backend web/127.0.0.1:80 is reached by listener web/127.0.0.1:80 of the relay 'a' itself; "
		 "expected"},
		{"relays:\n- { name: a, listen: web/0.0.0.0:80, to: p }\n"
		 "pools: { q: { backends: [ /1.2.3.4:1 ] },\n p: { backends: [ api/1.2.3.4:80, "
		 "web/10.0.0.1:80 ] } }\n",
		 4, 35, "web/10.0.0.1:80", "backend web/10.0.0.1:80 is reached by listener web/0.0.0.0:80"},
	};
	RIG_REFUSE(cases);
}

static void mistakes_in_a_mirror_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
		{"relays:\n- name: a\n  " LISTEN "\n  " TO "\n  mirror: { to: web/127.0.0.1:80 }\n", 2, 9, "a",
		 "the mirror of the relay 'a', web/127.0.0.1:80, is reached by its listener web/127.0.0.1:80; "
		 "expected"},
		{"relays:\n- name: a\n  " LISTEN "\n  " TO "\n  mirror: { to: ids/1.2.3.4:1, from: [ 10.0.0.1/8 ] }\n", 5,
		 40, "10.0.0.1/8", "'10.0.0.1/8'"},
		{"relays:\n- name: a\n  " LISTEN "\n  " TO "\n  mirror: { to: ids/1.2.3.4:1, fraction: 101% }\n", 5,
		 42, "101%", "'101%' is out of range; expected a percentage from 0% to 100%"},
		{"relays:\n- name: a\n  " LISTEN "\n  " TO "\n  mirror: { to: ids/1.2.3.4:1, when_slow: wait }\n", 5,
		 43, "wait", "'wait' is not known; expected"},
		{"relays:\n- name: a\n  " LISTEN "\n  " TO "\n  mirror: { to: ids/1.2.3.4:1, proxy_protocol: v1 }\n",
		 5, 48, "v1", "'v1' is not known; did you mean 'v2'?"},
		{"relays:\n- name: a\n  " LISTEN "\n  " TO "\n  mirror: { to: ids/1.2.3.4:1, directon: up }\n", 5, 32,
		 "directon", "unknown key 'directon' in a mirror; did you mean 'direction'?"},
		{"relays:\n- name: a\n  " LISTEN "\n  " TO "\n  mirror: { direction: up }\n", 5, 11,
		 "{", "there is no 'to' in a mirror; expected to: NETNS/ADDRESS:PORT"},
	};
	RIG_REFUSE(cases);
}

#define ADMITTING "relays:\n- name: a\n  " LISTEN "\n  " TO "\n  "

static void rules_of_who_may_connect_are_read(void **state)
{
	(void)state;
	struct config config = rig_accept("namespaces: { batch: { pid: 7 } }\n"
					"defaults: { limits: { source: { connections: 10 }, queue_timeout: 2s } }\n"
					"relays:\n- name: a\n  listen: [ web/127.0.0.1:80, batch/127.0.0.1:80 ]\n  " TO "\n"
					"  allow: [ 10.0.0.0/8, fd00::/8 ]\n  deny: 10.6.6.0/24\n"
					"  allow_namespaces: web\n  deny_namespaces: [ batch ]\n"
					"  limits:\n    relay: { connections: 1000, rate: 500/s, burst: 100 }\n"
					"    namespace: { rate: 7/s }\n    over: queue\n");
	const struct config_access *access = &config.relays[0].access;
	const struct config_limits *limits = &config.relays[0].limits;
	assert_int_equal(access->allow.count, 2);
	assert_int_equal(access->allow.items[1].first.version, 6);
	assert_int_equal(access->deny.count, 1);
	assert_int_equal(access->deny.items[0].prefix, 24);
	assert_string_equal(access->allow_namespaces.items[0].text, "web");
	assert_int_equal(access->deny_namespaces.items[0].pid, 7);
	assert_int_equal(limits->relay.connections, 1000);
	assert_int_equal(limits->relay.rate, 500);
	assert_int_equal(limits->relay.burst, 100);
	assert_int_equal(limits->netns.rate, 7);
	assert_int_equal(limits->source.connections, 10);
	assert_int_equal(limits->over, CONFIG_OVER_QUEUE);
	assert_int_equal(limits->queue_timeout_ms, 2000);
	config_fini(&config);
}

static void clients_that_send_headers_are_read(void **state)
{
	(void)state;
	struct config config = rig_accept("defaults: { proxy_protocol: { send: v2, timeout: 1s } }\n" ADMITTING
					"proxy_protocol: { accept_from: [ 10.0.0.0/8, unix, \"::1\" ], others: refuse }\n");
	const struct config_relay *relay = &config.relays[0];
	assert_int_equal(relay->proxy_send, CONFIG_PROXY_V2);
	assert_int_equal(relay->accept.from.count, 2);
	assert_int_equal(relay->accept.from.items[0].prefix, 8);
	assert_true(relay->accept.from_unix);
	assert_int_equal(relay->accept.others, CONFIG_OTHERS_REFUSE);
	assert_int_equal(relay->accept.timeout_ms, 1000);
	config_fini(&config);
}

static void rules_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
		{ADMITTING "allow: [ 10.0.0.1/8 ]\n", 5, 12, "10.0.0.1/8",
		 "'10.0.0.1/8' has bits set behind its prefix; expected 10.0.0.0/8, or 10.0.0.1 alone"},
		{ADMITTING "deny: all\n", 5, 9, "all", "'all' has no address; expected an address or a block such as"},
		{ADMITTING "allow: [ { a: b } ]\n", 5, 12, "{", "there is a mapping; expected an address, or a block"},
		{ADMITTING "allow: []\n", 5, 10, "[", "the list is empty; expected at least one item"},
		{ADMITTING "allow_namespaces: [ web, wbe ]\n", 2, 9, "a",
		 "the relay 'a' allows or denies the namespace 'wbe', where none of its listeners is; expected"},
		{ADMITTING "limits: { relay: { rate: 500 } }\n", 5, 28, "500",
		 "'500' is not a rate; expected a rate from 0/s to 1000000/s"},
		{ADMITTING "limits: { source: { conections: 5 } }\n", 5, 23, "conections",
		 "unknown key 'conections' in source; did you mean 'connections'?"},
		{ADMITTING "proxy_protocol: { others: refuse }\n", 2, 9, "a",
		 "the relay 'a' refuses all clients that are not in accept_from, which is empty; expected accept_from"},
		{ADMITTING "limits: { source: { burst: 5 } }\n", 2, 9, "a",
		 "the relay 'a' limits the burst of its sources to 5, but not their rate; expected a rate as well"},
		{ADMITTING "limits: { ipv6_prefix: 129 }\n", 5, 26, "129", "'129' is out of range; expected"},
		{ADMITTING "limits: { over: wait }\n", 5, 19, "wait", "'wait' is not known; expected"},
	};
	RIG_REFUSE(cases);
}

static void text_that_is_no_yaml_is_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
		{"relays: [ a\n", 1, 12, "", "flow sequence without a closing bracket; expected valid YAML"},
		{RELAY "threads: 1\nthreads: 2\n", 4, 1, "threads",
		 "the key 'threads' is given twice; expected once"},
	};
	struct config config;
	assert_int_equal(rig_load(cases[0].text, &config), -EINVAL);
	assert_contains(rig_printed(),
			"f:1:12: error: flow sequence without a closing bracket; expected valid YAML");
	rig_refuse(&cases[1], 1);
}

static void all_mistakes_are_reported_in_order(void **state)
{
	(void)state;
	struct config config;
	assert_int_equal(rig_load("threads: x\n"
			      "relays:\n"
			      "- { name: a, listen: web/1.2.3.4:80, to: nowhere }\n"
			      "- { name: a, listen: web/0.0.0.0:80, to: api/1.2.3.4:0 }\n",
			      &config),
			 -EINVAL);
	static const char *const heads[] = {"f:1:10: ", "f:3:42: ", "f:4:11: ", "f:4:22: ", "f:4:42: "};
	const char *at = rig_printed();
	for (size_t i = 0; i < ARRAY_COUNT(heads); i++) {
		at = strstr(at, heads[i]);
		if (!at)
			fail_msg("%s is not in order in\n%s", heads[i], rig_printed());
	}
	assert_null(strstr(at + 1, "f:"));
}

static void mistakes_beyond_a_screenful_are_counted(void **state)
{
	(void)state;
	struct config config;
	char text[4096] = RELAY;
	for (int i = 0; i < REPORT_ENTRIES_MAX + 3; i++)
		sprintf(text + strlen(text), "unknown%d: x\n", i);
	assert_int_equal(rig_load(text, &config), -EINVAL);
	assert_contains(rig_printed(), "f: 3 more mistakes are not shown\n");
}

static void a_configuration_too_large_is_refused(void **state)
{
	(void)state;
	struct config config;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	fprintf(out, "relays:\n- name: a\n  " TO "\n  listen:\n");
	for (int i = 0; i <= CONFIG_LISTENERS_MAX; i++)
		fprintf(out, "  - web/10.0.%d.%d:80\n", i / 256, i % 256);
	fclose(out);
	assert_int_equal(rig_load(text, &config), -EINVAL);
	assert_contains(rig_printed(), "f:4101:5: error: there are 4097 listeners; expected at most 4096");
	free(text);
}

static void defaults_hold_unless_something_else_is_written(void **state)
{
	(void)state;
	struct config config = rig_accept(RELAY), plain;
	struct config_relay relay;
	config_init(&plain);
	config_relay_init(&relay);
	assert_int_equal(config.drain_ms, plain.drain_ms);
	assert_int_equal(config.log_rate, plain.log_rate);
	assert_memory_equal(&config.relays[0].timeouts, &relay.timeouts, sizeof(relay.timeouts));
	assert_int_equal(config.relays[0].tcp.backlog, relay.tcp.backlog);
	assert_string_equal(config.relays[0].tcp.congestion, relay.tcp.congestion);
	config_fini(&config);
}

static void every_setting_reaches_its_field(void **state)
{
	(void)state;
	struct config config = rig_accept(
		"threads: 3\nmax_connections: 99\ndrain: 7s\nuser: relay-1\n"
		"log: { level: debug, format: json, rate: 5 }\n"
		"relays:\n- name: a\n  " LISTEN "\n  " TO "\n  lane: bulk\n"
		"  timeouts: { connect: 250ms, idle: 2h, half_close: 0s }\n"
		"  tcp:\n    nodelay: false\n    user_timeout: 1m\n    congestion: ''\n    backlog: 7\n"
		"    keepalive: { idle: 1m, interval: 2s, count: 4 }\n");
	const struct config_relay *relay = &config.relays[0];
	assert_int_equal(config.threads, 3);
	assert_int_equal(config.max_connections, 99);
	assert_int_equal(config.drain_ms, 7000);
	assert_string_equal(config.user, "relay-1");
	assert_int_equal(config.log_level, CONFIG_LOG_DEBUG);
	assert_int_equal(config.log_format, CONFIG_LOG_JSON);
	assert_int_equal(config.log_rate, 5);
	assert_int_equal(relay->lane, CONFIG_LANE_BULK);
	assert_int_equal(relay->timeouts.connect_ms, 250);
	assert_int_equal(relay->timeouts.idle_ms, 7200000);
	assert_int_equal(relay->timeouts.half_close_ms, 0);
	assert_false(relay->tcp.nodelay);
	assert_int_equal(relay->tcp.user_timeout_ms, 60000);
	assert_string_equal(relay->tcp.congestion, "");
	assert_int_equal(relay->tcp.backlog, 7);
	assert_int_equal(relay->tcp.keepalive_idle_s, 60);
	assert_int_equal(relay->tcp.keepalive_interval_s, 2);
	assert_int_equal(relay->tcp.keepalive_count, 4);
	config_fini(&config);
}

static void a_relay_overrides_the_defaults_of_all(void **state)
{
	(void)state;
	/* `defaults` stands last: the order in the file is of no matter. */
	struct config config = rig_accept(
		"relays:\n"
		"- { name: a, " LISTEN ", " TO " }\n"
		"- { name: b, listen: web/127.0.0.1:81, " TO ", timeouts: { idle: 1m } }\n"
		"defaults: { timeouts: { idle: 5s, connect: 6s }, tcp: { backlog: 9 } }\n");
	assert_int_equal(config.relays[0].timeouts.idle_ms, 5000);
	assert_int_equal(config.relays[1].timeouts.idle_ms, 60000);
	assert_int_equal(config.relays[1].timeouts.connect_ms, 6000);
	assert_int_equal(config.relays[1].tcp.backlog, 9);
	config_fini(&config);
}

static void assert_endpoint(const struct endpoint *endpoint, const char *expected)
{
	char text[ENDPOINT_TEXT_MAX];
	assert_string_equal(endpoint_format(endpoint, text, sizeof(text)), expected);
}

static void pools_say_how_they_balance(void **state)
{
	(void)state;
	struct config config = rig_accept(
		RELAY "pools:\n"
		      "  plain: { backends: [ a/1.2.3.4:1 ] }\n"
		      "  full:\n    balance: source_hash\n    retries: 2\n    backends:\n"
		      "    - { address: a/1.2.3.4:1, weight: 256 }\n"
		      "    - b/1.2.3.4:1\n"
		      "    - { backup: true, address: c/1.2.3.4:1 }\n");
	const struct config_pool *plain = &config.pools[0], *full = &config.pools[1];
	assert_int_equal(plain->balance, CONFIG_BALANCE_ROUND_ROBIN);
	assert_int_equal(plain->retries, CONFIG_RETRIES_MAX);
	assert_int_equal(plain->backends[0].weight, 1);
	assert_int_equal(full->balance, CONFIG_BALANCE_SOURCE_HASH);
	assert_int_equal(full->retries, 2);
	assert_int_equal(full->backends[0].weight, 256);
	assert_false(full->backends[0].backup);
	assert_int_equal(full->backends[1].weight, 1);
	assert_true(full->backends[2].backup);
	assert_endpoint(&full->backends[2].endpoint, "c/1.2.3.4:1");
	config_fini(&config);
}

static void pools_say_who_may_be_chosen(void **state)
{
	(void)state;
	struct config config = rig_accept(
		RELAY "pools:\n"
		      "  plain: { backends: [ a/1.2.3.4:1 ] }\n"
		      "  full:\n    queue: { length: 0, timeout: 0s }\n    sticky: { by: source, timeout: 1m, size: 8 }\n"
		      "    slow_start: 30s\n    backends:\n"
		      "    - { address: a/1.2.3.4:1, state: drain, max_connections: 7 }\n"
		      "    - { address: b/1.2.3.4:1, state: maintenance }\n");
	const struct config_pool *plain = &config.pools[0], *full = &config.pools[1];
	assert_int_equal(plain->queue.length, 128);
	assert_int_equal(plain->queue.timeout_ms, 5000);
	assert_int_equal(plain->sticky.by, CONFIG_STICKY_OFF);
	assert_int_equal(plain->slow_start_ms, 0);
	assert_int_equal(plain->backends[0].state, CONFIG_STATE_READY);
	assert_int_equal(plain->backends[0].max_connections, 0);
	assert_int_equal(full->queue.length, 0);
	assert_int_equal(full->queue.timeout_ms, 0);
	assert_int_equal(full->sticky.by, CONFIG_STICKY_SOURCE);
	assert_int_equal(full->sticky.timeout_ms, 60000);
	assert_int_equal(full->sticky.size, 8);
	assert_int_equal(full->slow_start_ms, 30000);
	assert_int_equal(full->backends[0].state, CONFIG_STATE_DRAIN);
	assert_int_equal(full->backends[0].max_connections, 7);
	assert_int_equal(full->backends[1].state, CONFIG_STATE_MAINTENANCE);
	config_fini(&config);
}

static void pools_that_cannot_work_are_refused(void **state)
{
	(void)state;
	static const struct mistake cases[] = {
		{RELAY "pools: { p: { backends: [ { address: /1.2.3.4:1, state: off } ] } }\n", 3, 57, "off",
		 "'off' is not known; expected one of ready, drain, maintenance"},
		{RELAY "pools: { p: { sticky: { by: source, size: 7 }, backends: [ /1.2.3.4:1 ] } }\n", 3, 43, "7",
		 "'7' is out of range; expected a whole number from 8 to 16777216"},
		{RELAY "pools: { p: { queue: { lenght: 7 }, backends: [ /1.2.3.4:1 ] } }\n", 3, 24, "lenght",
		 "unknown key 'lenght' in queue; did you mean 'length'?"},
		{RELAY "pools: { p: { backends: [ { address: /1.2.3.4:1, weight: 0 } ] } }\n", 3, 58, "0",
		 "'0' is out of range; expected a whole number from 1 to 256"},
		{RELAY "pools: { p: { retries: 255, backends: [ /1.2.3.4:1 ] } }\n", 3, 24, "255",
		 "'255' is out of range; expected a whole number from 0 to 254"},
		{RELAY "pools: { p: { backends: [ { weight: 2 } ] } }\n", 3, 27, "{",
		 "there is no 'address' in a backend; expected address: NETNS/ADDRESS:PORT"},
		{RELAY "pools: { p: { backends: [ { address: /1.2.3.4:1, backup: true } ] } }\n", 3, 38,
		 "/1.2.3.4:1", "every backend of the pool 'p' is a backup; expected one that is not"},
		{RELAY "pools: { p: { retries: 1, backends: [ a/1.2.3.4:1, b/1.2.3.4:1,\n"
		       "  { address: c/1.2.3.4:1, backup: true } ] } }\n", 4, 14, "c/1.2.3.4:1",
		 "this backup is never tried, as connections to the pool 'p' try 2 of the 2 others; expected "
		 "retries of at least 2"},
	};
	RIG_REFUSE(cases);
}

static void declared_namespaces_are_resolved(void **state)
{
	(void)state;
	struct config config = rig_accept(
		"relays:\n"
		"- { name: a, listen: [ p/1.2.3.4:1, q/1.2.3.4:1 ], to: [ plain/1.2.3.4:1, r/1.2.3.4:1 ] }\n"
		"namespaces: { p: { pid: 42 }, q: { path: /run/x }, r: }\n");
	assert_endpoint(&config.relays[0].listeners[0], "pid:42/1.2.3.4:1");
	assert_endpoint(&config.relays[0].listeners[1], "path:/run/x/1.2.3.4:1");
	assert_endpoint(&config.pools[0].backends[0].endpoint, "plain/1.2.3.4:1");
	assert_endpoint(&config.pools[0].backends[1].endpoint, "r/1.2.3.4:1");
	config_fini(&config);
}

static void relays_find_their_pools(void **state)
{
	(void)state;
	struct config config = rig_accept(
		"relays:\n"
		"- { name: own, listen: /1.2.3.4:1, to: [ a/1.2.3.4:1, b/1.2.3.4:1 ] }\n"
		"- { name: one, listen: /1.2.3.4:2, to: 'unix:/run/x.sock' }\n"
		"- { name: named, listen: /1.2.3.4:3, to: second }\n"
		"pools:\n"
		"  unused: { backends: [ a/1.2.3.4:1 ] }\n"
		"  second: { balance: round_robin, backends: [ c/1.2.3.4:1, { address: d/1.2.3.4:1 } ] }\n");
	const struct config_pool *own = &config.pools[config.relays[0].pool];
	const struct config_pool *one = &config.pools[config.relays[1].pool];
	const struct config_pool *named = &config.pools[config.relays[2].pool];
	assert_int_equal(config.pool_count, 4);
	assert_string_equal(own->name, "own");
	assert_int_equal(own->backend_count, 2);
	assert_string_equal(one->name, "one");
	assert_endpoint(&one->backends[0].endpoint, "unix:/run/x.sock");
	assert_string_equal(named->name, "second");
	assert_int_equal(named->backend_count, 2);
	assert_endpoint(&named->backends[1].endpoint, "d/1.2.3.4:1");
	config_fini(&config);
}

static void the_examples_are_right(void **state)
{
	(void)state;
	glob_t files;
	assert_int_equal(glob(EXAMPLES "/*.yaml", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		struct config config;
		assert_int_equal(config_file_load(files.gl_pathv[i], &config, stderr), 0);
		assert_true(config.relay_count > 0);
		config_fini(&config);
	}
	globfree(&files);
}

/* balance.yaml says that it spells out the defaults. */
static void the_example_tells_the_defaults(void **state)
{
	(void)state;
	struct config config, plain;
	struct config_relay relay;
	config_init(&plain);
	config_relay_init(&relay);
	assert_int_equal(config_file_load(EXAMPLES "/balance.yaml", &config, stderr), 0);
	const struct config_relay *api = &config.relays[1];
	assert_memory_equal(&api->timeouts, &relay.timeouts, sizeof(relay.timeouts));
	assert_int_equal(api->tcp.nodelay, relay.tcp.nodelay);
	assert_int_equal(api->tcp.keepalive_idle_s, relay.tcp.keepalive_idle_s);
	assert_int_equal(api->tcp.keepalive_interval_s, relay.tcp.keepalive_interval_s);
	assert_int_equal(api->tcp.keepalive_count, relay.tcp.keepalive_count);
	assert_int_equal(api->tcp.user_timeout_ms, relay.tcp.user_timeout_ms);
	assert_string_equal(api->tcp.congestion, relay.tcp.congestion);
	assert_int_equal(api->tcp.backlog, relay.tcp.backlog);
	const struct config_pool *db = &config.pools[0];
	const struct config_pool *implied = &config.pools[config.relays[1].pool];
	assert_int_equal(db->balance, implied->balance);
	assert_int_equal(db->retries, implied->retries);
	assert_int_equal(db->backends[1].weight, implied->backends[1].weight);
	assert_int_equal(db->backends[1].backup, implied->backends[1].backup);
	assert_int_equal(db->backends[1].state, implied->backends[1].state);
	assert_int_equal(db->backends[1].max_connections, implied->backends[1].max_connections);
	assert_memory_equal(&db->queue, &implied->queue, sizeof(db->queue));
	assert_memory_equal(&db->sticky, &implied->sticky, sizeof(db->sticky));
	assert_int_equal(db->slow_start_ms, implied->slow_start_ms);
	assert_int_equal(config.threads, plain.threads);
	assert_int_equal(config.max_connections, plain.max_connections);
	assert_int_equal(config.drain_ms, plain.drain_ms);
	assert_string_equal(config.user, plain.user);
	assert_int_equal(config.log_level, plain.log_level);
	assert_int_equal(config.log_format, plain.log_format);
	assert_int_equal(config.log_rate, plain.log_rate);
	config_fini(&config);
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
	(void)state;
	assert_int_equal(rig_load_file("/nonexistent/x.yaml"), -ENOENT);
	assert_string_equal(
		rig_printed(), "/nonexistent/x.yaml: error: the file cannot be opened: No such file or directory; "
			 "expected a readable file\n");
	assert_int_equal(rig_load_file("/"), -EISDIR);
	assert_string_equal(rig_printed(),
			    "/: error: the file cannot be read: Is a directory; expected a readable file\n");
}

static void an_unreadable_file_is_named(void **state)
{
	(void)state;
	char path[] = "/tmp/nsrelay-test-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	fchmod(fd, 0);
	close(fd);
	bool readable = access(path, R_OK) == 0;
	int r = readable ? -EACCES : rig_load_file(path);
	unlink(path);
	if (readable)
		skip(); /* the superuser reads everything */
	assert_int_equal(r, -EACCES);
	assert_contains(rig_printed(), "the file cannot be opened: Permission denied; expected a readable file");
}

static void a_file_over_4_mib_is_refused(void **state)
{
	(void)state;
	char path[64];
	int fd = memfd_create("config", MFD_CLOEXEC);
	assert_true(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(pwrite(fd, RELAY "#", strlen(RELAY) + 1, 0), strlen(RELAY) + 1);
	char *filler = malloc(TEXT_FILE_SIZE_MAX);
	assert_non_null(filler);
	memset(filler, '#', TEXT_FILE_SIZE_MAX);
	size_t rest = TEXT_FILE_SIZE_MAX - strlen(RELAY);
	assert_int_equal(pwrite(fd, filler, rest, (off_t)strlen(RELAY)), rest);
	int exact = rig_load_file(path);
	assert_int_equal(pwrite(fd, "#", 1, TEXT_FILE_SIZE_MAX), 1);
	int beyond = rig_load_file(path);
	close(fd);
	free(filler);
	assert_int_equal(beyond, -EFBIG);
	assert_contains(rig_printed(), "error: the file is too large; expected a configuration of at most 4 MiB\n");
	assert_int_equal(exact, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_that_nobody_knows_are_refused),
		cmocka_unit_test(values_of_the_wrong_type_are_refused),
		cmocka_unit_test(numbers_out_of_range_or_octal_are_refused),
		cmocka_unit_test(bad_endpoints_are_refused),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(an_empty_file_is_refused),
		cmocka_unit_test(names_are_checked_against_each_other),
		cmocka_unit_test(listeners_that_collide_are_refused),
		cmocka_unit_test(a_relay_that_calls_itself_is_refused),
		cmocka_unit_test(mistakes_in_a_mirror_are_refused),
		cmocka_unit_test(rules_of_who_may_connect_are_read),
		cmocka_unit_test(clients_that_send_headers_are_read),
		cmocka_unit_test(rules_that_make_no_sense_are_refused),
		cmocka_unit_test(text_that_is_no_yaml_is_refused),
		cmocka_unit_test(all_mistakes_are_reported_in_order),
		cmocka_unit_test(mistakes_beyond_a_screenful_are_counted),
		cmocka_unit_test(a_configuration_too_large_is_refused),
		cmocka_unit_test(defaults_hold_unless_something_else_is_written),
		cmocka_unit_test(every_setting_reaches_its_field),
		cmocka_unit_test(a_relay_overrides_the_defaults_of_all),
		cmocka_unit_test(pools_say_how_they_balance),
		cmocka_unit_test(pools_say_who_may_be_chosen),
		cmocka_unit_test(pools_that_cannot_work_are_refused),
		cmocka_unit_test(declared_namespaces_are_resolved),
		cmocka_unit_test(relays_find_their_pools),
		cmocka_unit_test(the_examples_are_right),
		cmocka_unit_test(the_example_tells_the_defaults),
		cmocka_unit_test(a_file_that_cannot_be_read_is_named),
		cmocka_unit_test(an_unreadable_file_is_named),
		cmocka_unit_test(a_file_over_4_mib_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, rig_teardown);
}
