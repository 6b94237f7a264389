/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of reading a command line that all verbs of all programs share: getopt_long(3) over a table, with
 * errors that say what was expected.
 */
#ifndef NSRELAY_APP_TEXT_CLI_H
#define NSRELAY_APP_TEXT_CLI_H

#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

enum { CLI_OPTIONS_MAX = 64 };

/* Exit status for a wrong command line. sysexits.h would be 64; 2 is what shells, grep and systemctl use. */
enum { EXIT_USAGE = 2 };

struct cli_option {
	const char *name;        /* without "--" */
	char letter;             /* 0: none */
	const char *placeholder; /* what the help calls its value; NULL: it takes none */
	const char *help;
};

/* What a verb takes, and who is told what was found. */
struct cli {
	const struct cli_option *options;
	size_t count; /* at most CLI_OPTIONS_MAX */

	/* Option @index was given, with @value (NULL: it takes none). 0, 1 to read no further, or -errno. */
	int (*on_option)(void *ctx, size_t index, const char *value, struct err *err);

	/* What is no option, nor an option's value; options may follow. The same results. */
	int (*on_argument)(void *ctx, char *argument, struct err *err);
	void *ctx;
};

/*
 * cli_parse - read @argv, whose first is passed over
 *
 * Errors: EINVAL (an unknown option, with a suggestion; a value that is missing, or too many); those of the
 * functions told, of which the options' get "--NAME: " in front.
 */
int cli_parse(const struct cli *cli, int argc, char **argv, struct err *err);

/* cli_print_option - two lines of a help text */
void cli_print_option(const struct cli_option *option, FILE *out);

#endif
