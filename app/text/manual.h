/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command line as whoever documents it sees it: what the tables of options.c and nsctl_options.c say, of
 * which manual pages (app/manual/page.h) and shells' completions (app/manual/completion.h) are made.
 */
#ifndef NSRELAY_APP_TEXT_MANUAL_H
#define NSRELAY_APP_TEXT_MANUAL_H

#include <stddef.h>

#include "app/text/cli.h"

struct manual_verb {
	const char *name;      /* one word, or two */
	const char *arguments; /* behind [OPTION...]: "FILE", "[NETNS]"; "": none */
	const char *help;      /* one line */
	const char *notes;     /* more lines, each ended by a newline; "": none */
	const struct cli_option *options;
	size_t option_count;
};

/* What it is told lives until it returns. */
typedef void manual_fn(void *ctx, const struct manual_verb *verb);

struct manual {
	const char *program;
	void (*each_verb)(manual_fn *tell, void *ctx);
};

#endif
