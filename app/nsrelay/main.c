/* SPDX-License-Identifier: Apache-2.0 */
/* nsrelay: from the command line to one verb. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/nsrelay/options.h"
#include "app/nsrelay/supervisor.h"
#include "app/nsrelay/verb_check.h"
#include "app/nsrelay/verb_doctor.h"
#include "base/check.h"
#include "base/log.h"

_Static_assert((int)CONFIG_LOG_DEBUG == (int)LOG_LEVEL_DEBUG && (int)CONFIG_LOG_ERROR == (int)LOG_LEVEL_ERROR &&
		       (int)CONFIG_LOG_JSON == (int)LOG_FORMAT_JSON,
	       "the configuration's log settings are the log's own");

static int run(struct options *options)
{
	struct err err = ERR_INIT;
	if (options_load(options, stderr) < 0)
		return EXIT_USAGE;
	struct config config = options->config;
	options->config = (struct config){0}; /* the supervisor's from now on */
	log_configure((enum log_level)config.log_level, (enum log_format)config.log_format, config.log_rate);
	if (supervisor_run(&config, options->config_path, !options->no_sandbox, &err) == 0)
		return EXIT_SUCCESS;
	fprintf(stderr, "nsrelay: %s\n", err.text);
	return EXIT_FAILURE;
}

static int check(struct options *options)
{
	return verb_check(options, stdout, stderr);
}

static int doctor(struct options *options)
{
	(void)options;
	return verb_doctor(stdout);
}

static int version(struct options *options)
{
	(void)options;
	puts("nsrelay " NSRELAY_VERSION);
	return EXIT_SUCCESS;
}

static int help(struct options *options)
{
	options_print_help(options->verb, stdout);
	return EXIT_SUCCESS;
}

static int (*const verbs[VERB_COUNT])(struct options *) = {
	[VERB_RUN] = run, [VERB_CHECK] = check, [VERB_DOCTOR] = doctor, [VERB_VERSION] = version, [VERB_HELP] = help,
};

int main(int argc, char **argv)
{
	struct options options;
	struct err err = ERR_INIT;
	if (options_parse(argc, argv, &options, &err) < 0) {
		fprintf(stderr, "nsrelay: %s\n", err.text);
		options_print_usage(argc, argv, stderr);
		return EXIT_USAGE;
	}
	int status = options.wants_help ? help(&options) : verbs[options.verb](&options);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "nsrelay: write to standard output: %s\n", strerror(errno));
		status = EXIT_FAILURE;
	}
	options_fini(&options);
	return status;
}
