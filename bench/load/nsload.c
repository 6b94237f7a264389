/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: picks the mode, reads the options, prints the error. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "base/check.h"
#include "base/units.h"
#include "bench/load/net.h"
#include "bench/load/nsload.h"
#include "bench/load/pattern.h"

enum { EXIT_USAGE = 2 };

struct mode {
	const char *name;
	const char *address; /* the option its endpoint is given by; NULL: either will do */
	int (*run)(const struct load_options *options, struct err *err);
	unsigned connections, seconds; /* defaults; 0 connections: takes whatever comes */
	bool takes_command;
	const char *help;
};

static const struct mode modes[] = {
        {"pong", "listen", pong_run, 0, LOAD_SECONDS_MAX, false,
         "answer every message by one of the same size"},
        {"ping", "connect", ping_run, 64, 5, false, "one message at a time on each connection"},
        {"short", "connect", short_run, 32, 5, false, "connect, ask once, close, again"},
        {"idle", "connect", idle_run, 5000, LOAD_SECONDS_MAX, false,
         "hold connections until standard input ends"},
        {"bulk-recv", NULL, bulk_recv_run, 1, 60, false, "count what comes by so many streams"},
        {"bulk-send", NULL, bulk_send_run, 1, 5, false, "fill so many streams"},
        {"listen-exec", "listen", listen_exec_run, 0, 0, true,
         "run a program with this socket, made elsewhere"},
};

static const struct option long_options[] = {
        {"listen", required_argument, NULL, 'a'},     {"connect", required_argument, NULL, 'a'},
        {"size", required_argument, NULL, 's'},       {"connections", required_argument, NULL, 'n'},
        {"clients", required_argument, NULL, 'n'},    {"seconds", required_argument, NULL, 't'},
        {"congestion", required_argument, NULL, 'g'}, {"namespaces", required_argument, NULL, 'm'},
        {"verify", no_argument, NULL, 'v'},           {0},
};

static void print_help(FILE *stream)
{
	fputs("usage: nsload MODE --listen|--connect [NETNS]/ADDRESS:PORT [options] [-- COMMAND]\n\n"
	      "  --size BYTES         of a message and of its answer (64)\n"
	      "  --connections N      held at a time; --clients is the same\n"
	      "  --seconds S          of load, or of waiting at most; 0.5 is half a second\n"
	      "  --namespaces N       ping: connect from NETNS0, NETNS1, ... in turn, N of them\n"
	      "  --verify             look at each byte that comes; both sides must be told so\n"
	      "  --congestion NAME    of every socket (cubic); \"\" leaves the namespace's own\n\n",
	      stream);
	for (size_t i = 0; i < ARRAY_COUNT(modes); i++)
		fprintf(stream, "  %-11s %s%-7s  %s (%u connections, %u s)\n", modes[i].name,
		        modes[i].address ? "--" : "  ", modes[i].address ? modes[i].address : "either",
		        modes[i].help, modes[i].connections, modes[i].seconds);
}

static const struct mode *find_mode(const char *name)
{
	for (size_t i = 0; i < ARRAY_COUNT(modes); i++)
		if (strcmp(modes[i].name, name) == 0)
			return &modes[i];
	return NULL;
}

static int parse_number(const char *option, unsigned max, unsigned *ret, struct err *err)
{
	uint64_t number;
	int result = units_parse_count(optarg, &number, err);
	if (result < 0)
		return err_prefix(err, "--%s", option);
	if (number < 1 || number > max)
		return err_set(err, ERANGE, "--%s %s: expected a number from 1 to %u", option, optarg, max);
	*ret = (unsigned)number;
	return 0;
}

/* parse_seconds - 2, or 0.25: milliseconds in @ret_ms */
static int parse_seconds(uint64_t *ret_ms, struct err *err)
{
	char *end;
	double seconds = strtod(optarg, &end);
	bool is_plain = optarg[strspn(optarg, "0123456789.")] == '\0' && *optarg && *end == '\0';
	if (!is_plain || seconds < .001 || seconds > LOAD_SECONDS_MAX)
		return err_set(err, EINVAL, "--seconds %s: expected a number from 0.001 to %d", optarg,
		               LOAD_SECONDS_MAX);
	*ret_ms = (uint64_t)(seconds * 1000 + .5);
	return 0;
}

static int parse_address(const struct mode *mode, const char *option, struct load_options *options,
                         struct err *err)
{
	if (mode->address && strcmp(option, mode->address) != 0)
		return err_set(err, EINVAL, "%s takes --%s, not --%s", mode->name, mode->address, option);
	int result = endpoint_parse(optarg, &options->at, err);
	if (result == 0 && options->at.addr.family == AF_UNIX)
		result = err_set(err, EINVAL, "--%s %s: expected a TCP endpoint", option, optarg);
	options->listens = strcmp(option, "listen") == 0;
	return result;
}

static int parse_option(const struct mode *mode, int letter, const char *option, struct load_options *options,
                        struct err *err)
{
	switch (letter) {
	case 'a':
		return parse_address(mode, option, options, err);
	case 's':
		return parse_number(option, LOAD_SIZE_MAX, &options->size, err);
	case 'n':
		return parse_number(option, LOAD_CONNECTIONS_MAX, &options->connections, err);
	case 't':
		return parse_seconds(&options->duration_ms, err);
	case 'm':
		return parse_number(option, LOAD_CONNECTIONS_MAX, &options->namespaces, err);
	case 'v':
		options->verifies = true;
		return 0;
	case 'g':
		options->congestion = optarg;
		return 0;
	default:
		return err_set(err, EINVAL, "unknown option, or one without its value; see nsload --help");
	}
}

static int parse_options(const struct mode *mode, int argc, char **argv, struct load_options *options,
                         struct err *err)
{
	int letter, index = 0;
	opterr = 0; /* reported as every other mistake is */
	while ((letter = getopt_long(argc, argv, "+", long_options, &index)) != -1) {
		int result = parse_option(mode, letter, long_options[index].name, options, err);
		if (result < 0)
			return result;
	}
	if (options->at.addr_len == 0)
		return err_set(err, EINVAL, "%s needs --%s", mode->name,
		               mode->address ? mode->address : "listen or --connect");
	if (mode->takes_command != (optind < argc))
		return err_set(err, EINVAL,
		               mode->takes_command ? "%s needs a command after --" : "%s takes no command",
		               mode->name);
	options->command = argv + optind;
	return 0;
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

void load_numbered_netns(const struct load_options *options, unsigned index, struct netns_ref *ret)
{
	*ret = options->at.netns;
	size_t length = strlen(ret->text);
	snprintf(ret->text + length, sizeof(ret->text) - length, "%u", index);
}

void load_end_after(uint64_t duration_ms)
{
	const struct itimerval after = {.it_value = {.tv_sec = (time_t)(duration_ms / 1000),
	                                             .tv_usec = (suseconds_t)(duration_ms % 1000 * 1000)}};
	setitimer(ITIMER_REAL, &after, NULL);
}

static int run(const struct mode *mode, const struct load_options *options, struct err *err)
{
	if (mode->takes_command) /* enters the namespace for the socket alone, and keeps the limits for the
	                            command */
		return mode->run(options, err);
	raise_descriptor_limit();
	pattern_init();
	int result = options->namespaces ? 0 : net_enter(&options->at.netns, err);
	return result < 0 ? result : mode->run(options, err);
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	bool wants_help = argc > 1 && strcmp(argv[1], "--help") == 0;
	const struct mode *mode = argc > 1 ? find_mode(argv[1]) : NULL;
	if (!mode) {
		print_help(wants_help ? stdout : stderr);
		return wants_help ? EXIT_SUCCESS : EXIT_USAGE;
	}
	struct load_options options = {.size = 64,
	                               .connections = mode->connections,
	                               .duration_ms = UINT64_C(1000) * mode->seconds,
	                               .congestion = "cubic"};
	if (parse_options(mode, argc - 1, argv + 1, &options, &err) < 0) {
		fprintf(stderr, "nsload: %s\n", err.text);
		return EXIT_USAGE;
	}
	if (run(mode, &options, &err) == 0)
		return EXIT_SUCCESS;
	fprintf(stderr, "nsload %s: %s\n", mode->name, err.text);
	return EXIT_FAILURE;
}
