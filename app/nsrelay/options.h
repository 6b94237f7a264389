/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of nsrelay. Options that are settings come from the table in setting.c, the others from
 * one in options.c; parser and help are made from these, and the help reads its defaults from config_init()
 * and config_relay_init().
 */
#ifndef NSRELAY_APP_NSRELAY_OPTIONS_H
#define NSRELAY_APP_NSRELAY_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "app/text/manual.h"
#include "relay/config.h"

enum verb { VERB_RUN, VERB_CHECK, VERB_DOCTOR, VERB_VERSION, VERB_HELP, VERB_COUNT };

struct options {
	enum verb verb;
	bool wants_help; /* print the help of @verb (of all for VERB_HELP) instead of doing it */
	const char
		*config_path; /* of argv; NULL: the relay was described by options, and @config is complete */
	bool no_sandbox;
	bool diff;                /* check: what would change as well */
	const char *against_path; /* ... the configuration in this file; NULL: the running daemon's */
	char control_path[CONFIG_SOCKET_PATH_MAX]; /* ... whose control socket this is; "": where @config says */
	struct config config; /* with a @config_path: only defaults, until options_load() */
};

/*
 * options_parse - read the command line
 *
 * Without arguments the verb is VERB_HELP. On failure @ret holds nothing to free.
 * Errors: EINVAL or ERANGE; the text names the argument and says what was expected. ENOMEM.
 */
int options_parse(int argc, char **argv, struct options *ret, struct err *err);

/* options_load - read the file named by -c, if any, into @options->config; as config_file_load() */
int options_load(struct options *options, FILE *report);

void options_fini(struct options *options);

/* The verbs and their options. */
extern const struct manual options_manual;

/* options_print_usage - one line, for a command line that was refused: how its verb is used */
void options_print_usage(int argc, char **argv, FILE *out);

/* options_print_help - print how @verb is used, every option and default; VERB_HELP: which verbs there are */
void options_print_help(enum verb verb, FILE *out);

#endif
