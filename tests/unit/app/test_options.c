/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define LISTEN "--listen", "web/127.0.0.1:80"
#define TO     "--to", "api/127.0.0.1:80"

enum { ARGUMENTS_MAX = 24 };

/* parse - read @arguments, which end in NULL, as the command line of nsrelay */
static int parse(const char *const *arguments, struct options *ret, struct err *err)
{
	char *argv[ARGUMENTS_MAX + 2] = {(char *)"nsrelay"};
	int argc = 1;
	for (; arguments[argc - 1]; argc++)
		argv[argc] = (char *)arguments[argc - 1];
	return options_parse(argc, argv, ret, err);
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
		struct options options_;                                                                     \
		struct err err_ = ERR_INIT;                                                                  \
		assert_true(PARSE(&options_, &err_, __VA_ARGS__) < 0);                                       \
		assert_contains(err_.text, why);                                                             \
	} while (0)

static void options_describe_one_relay(void **state)
{
	(void)state;
	struct options options;
	char text[ENDPOINT_TEXT_MAX];
	ACCEPTED(&options, "run", LISTEN, "--listen", "web/127.0.0.1:81", TO, "--to=api/127.0.0.1:81");
	const struct config *config = &options.config;
	assert_int_equal(options.verb, VERB_RUN);
	assert_null(options.config_path);
	assert_false(options.no_sandbox || options.wants_help);
	assert_int_equal(config->relay_count, 1);
	assert_int_equal(config->pool_count, 1);
	assert_string_equal(config->relays[0].name, "relay");
	assert_string_equal(config->pools[0].name, "relay");
	assert_int_equal(config->relays[0].pool, 0);
	assert_int_equal(config->relays[0].listener_count, 2);
	assert_int_equal(config->pools[0].backend_count, 2);
	assert_string_equal(endpoint_format(&config->pools[0].backends[1].endpoint, text, sizeof(text)),
			    "api/127.0.0.1:81");
	options_fini(&options);
}

static void every_option_reaches_its_field(void **state)
{
	(void)state;
	struct options options;
	ACCEPTED(&options, "run", LISTEN, TO, "--name", "db", "--threads", "3", "--connect-timeout", "250ms",
		 "--idle-timeout", "2m", "--half-close-timeout", "0s", "--congestion", "bbr", "--lane",
		 "bulk", "--no-sandbox");
	const struct config_relay *relay = &options.config.relays[0];
	assert_string_equal(relay->name, "db");
	assert_string_equal(options.config.pools[0].name, "db");
	assert_int_equal(options.config.threads, 3);
	assert_int_equal(relay->timeouts.connect_ms, 250);
	assert_int_equal(relay->timeouts.idle_ms, 120000);
	assert_int_equal(relay->timeouts.half_close_ms, 0);
	assert_string_equal(relay->tcp.congestion, "bbr");
	assert_int_equal(relay->lane, CONFIG_LANE_BULK);
	assert_true(options.no_sandbox);
	options_fini(&options);
	ACCEPTED(&options, "check", LISTEN, TO, "--drain-timeout", "1h", "--max-connections", "9", "--user",
		 "me", "--log-level", "debug", "--log-format", "json", "--log-rate", "0");
	assert_int_equal(options.config.drain_ms, 3600000);
	assert_int_equal(options.config.max_connections, 9);
	assert_string_equal(options.config.user, "me");
	assert_int_equal(options.config.log_level, CONFIG_LOG_DEBUG);
	assert_int_equal(options.config.log_format, CONFIG_LOG_JSON);
	assert_int_equal(options.config.log_rate, 0);
	options_fini(&options);
}

static void a_file_replaces_the_description(void **state)
{
	(void)state;
	struct options options;
	ACCEPTED(&options, "run", "-c", "relay.yaml", "--no-sandbox");
	assert_string_equal(options.config_path, "relay.yaml");
	assert_true(options.no_sandbox);
	assert_int_equal(options.config.relay_count, 0);
	options_fini(&options);
	ACCEPTED(&options, "check", "--config=relay.yaml");
	assert_string_equal(options.config_path, "relay.yaml");
	options_fini(&options);
	REFUSED("--threads does not go with -c; expected it in 'relay.yaml'", "run", "-c", "relay.yaml",
		"--threads", "1");
	REFUSED("--listen does not go with -c", "run", LISTEN, "-c", "relay.yaml");
	REFUSED("--config: '' is no file; expected", "run", "-c", "");
}

static void half_a_relay_is_refused(void **state)
{
	(void)state;
	REFUSED("there is nothing to run; expected -c FILE, or --listen and --to", "run");
	REFUSED("there is nothing to check; expected", "check", "--threads", "1");
	REFUSED("--listen without --to; expected --to", "run", LISTEN);
	REFUSED("--to without --listen; expected --listen", "run", TO);
}

static void a_relay_is_checked_as_one_in_a_file(void **state)
{
	(void)state;
	REFUSED("--listen: web/127.0.0.1:80 is listened on twice", "run", LISTEN, LISTEN, TO);
	REFUSED("--listen: web/0.0.0.0:80 overlaps web/127.0.0.1:80", "run", LISTEN, "--listen",
		"web/0.0.0.0:80", TO);
	REFUSED("--to: backend web/127.0.0.1:80 is reached by listener", "run", LISTEN, "--to",
		"web/127.0.0.1:80");
}

static void bad_values_name_their_option(void **state)
{
	(void)state;
	REFUSED("--threads: 'x' is not a number; expected a whole number", "run", LISTEN, TO, "--threads",
		"x");
	REFUSED("--threads: '1025' is out of range; expected a whole number from 0 to 1024", "run",
		"--threads=1025");
	REFUSED("--idle-timeout: '5' has no unit; expected a duration", "run", "--idle-timeout", "5");
	REFUSED("--lane: 'fast' is not known; expected one of auto", "run", "--lane", "fast");
	REFUSED("--listen: 'web' has no slash; expected NETNS/ADDRESS:PORT", "run", "--listen", "web");
	REFUSED("--to: '0' is not a port; expected", "run", "--to", "web/127.0.0.1:0");
	REFUSED("--accept-proxy: '10.0.0.1/8' has bits set behind its prefix; expected", "run", "--accept-proxy",
		"10.0.0.1/8");
	REFUSED("--name: 'a b' holds a character a name may not; expected", "run", "--name", "a b");
}

static void bad_usage_names_the_argument(void **state)
{
	(void)state;
	REFUSED("unknown verb 'rnu'; did you mean 'run'?", "rnu");
	REFUSED("unknown verb 'x'; expected one of run, check, doctor, version, help", "x");
	REFUSED("'--listen' stands before the verb; expected nsrelay VERB", LISTEN, "run");
	REFUSED("unknown option '--thraeds'; did you mean '--threads'?", "run", "--thraeds", "1");
	REFUSED("unknown option '--thraeds=1'; did you mean '--threads'?", "run", "--thraeds=1");
	REFUSED("unknown option '--xyz'; expected one that --help shows", "run", "--xyz");
	REFUSED("unknown option '-x'; expected", "run", "-x");
	REFUSED("--threads has no argument; expected --threads N", "run", "--threads");
	REFUSED("--config has no argument; expected --config FILE", "run", "-c");
	REFUSED("'--no-sandbox=1' has an argument; expected --no-sandbox alone", "run", "--no-sandbox=1");
	REFUSED("unexpected argument 'web'; expected an option", "run", LISTEN, TO, "web");
	REFUSED("unknown option '--no-sandbox'", "check", "--no-sandbox");
	REFUSED("unknown option '--listen'", "doctor", LISTEN);
	REFUSED("unexpected argument 'x'", "version", "x");
	REFUSED("unknown verb 'x'", "help", "x");
}

static void help_is_a_verb_and_an_option_of_each(void **state)
{
	(void)state;
	struct options options;
	ACCEPTED(&options, "help");
	assert_true(options.wants_help && options.verb == VERB_HELP);
	ACCEPTED(&options, "--help");
	assert_true(options.wants_help && options.verb == VERB_HELP);
	ACCEPTED(&options, "help", "run");
	assert_true(options.wants_help && options.verb == VERB_RUN);
	ACCEPTED(&options, "check", "-h");
	assert_true(options.wants_help && options.verb == VERB_CHECK);
	ACCEPTED(&options, "run", "--listen", "web/127.0.0.1:80",
		 "--help"); /* half a relay is no matter then */
	assert_true(options.wants_help);
	options_fini(&options);
	ACCEPTED(&options, "--version");
	assert_true(!options.wants_help && options.verb == VERB_VERSION);
	assert_int_equal(parse((const char *const[]){NULL}, &options, NULL), 0);
	assert_true(options.wants_help && options.verb == VERB_HELP);
}

static char *help_of(enum verb verb)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	options_print_help(verb, out);
	fclose(out);
	return text;
}

static void help_shows_every_default(void **state)
{
	(void)state;
	static const char *const shown[] = {
		"usage: nsrelay run ",
		"-c, --config FILE\n",
		"--listen ENDPOINT\n",
		"--to ENDPOINT\n",
		"--no-sandbox\n",
		"--name NAME\n",
		"[relay]\n",
		"--connect-timeout DURATION\n",
		"[5s]\n",
		"--idle-timeout DURATION\n",
		"[1h]\n",
		"--half-close-timeout DURATION\n",
		"[50s]\n",
		"--congestion NAME\n",
		"[cubic]\n",
		"--lane auto|interactive|bulk\n",
		"[auto]\n",
		"--threads N\n",
		"[0]\n",
		"--max-connections N\n",
		"--drain-timeout DURATION\n",
		"[30s]\n",
		"--user NAME\n",
		"[none]\n",
		"--log-level error|warning|info|debug\n",
		"[info]\n",
		"--log-format logfmt|json\n",
		"[logfmt]\n",
		"--log-rate N\n",
		"[1000]\n",
	};
	char *text = help_of(VERB_RUN);
	for (size_t i = 0; i < ARRAY_COUNT(shown); i++)
		assert_contains(text, shown[i]);
	free(text);
}

static void help_shows_only_what_the_verb_takes(void **state)
{
	(void)state;
	char *check = help_of(VERB_CHECK), *doctor = help_of(VERB_DOCTOR), *all = help_of(VERB_HELP);
	assert_null(strstr(check, "--no-sandbox\n"));
	assert_contains(check, "--threads");
	assert_null(strstr(doctor, "--listen"));
	for (int i = 0; i < VERB_COUNT; i++)
		assert_contains(all, ((const char *const[]){"\n  run ", "\n  check ", "\n  doctor ",
							    "\n  version ", "\n  help "})[i]);
	free(check);
	free(doctor);
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_describe_one_relay),
		cmocka_unit_test(every_option_reaches_its_field),
		cmocka_unit_test(a_file_replaces_the_description),
		cmocka_unit_test(half_a_relay_is_refused),
		cmocka_unit_test(a_relay_is_checked_as_one_in_a_file),
		cmocka_unit_test(bad_values_name_their_option),
		cmocka_unit_test(bad_usage_names_the_argument),
		cmocka_unit_test(help_is_a_verb_and_an_option_of_each),
		cmocka_unit_test(help_shows_every_default),
		cmocka_unit_test(help_shows_only_what_the_verb_takes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
