/* SPDX-License-Identifier: Apache-2.0 */
#include "app/text/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "app/text/suggest.h"
#include "base/check.h"

/* What getopt_long(3) returns for the long option at an index; above any letter. */
enum { OPTION_VALUE = 256 };

/* long_options - the table getopt_long(3) wants; @ret has room for one more, its end */
static void long_options(const struct cli *cli, struct option *ret)
{
	for (size_t i = 0; i < cli->count; i++) {
		ret[i] = (struct option){
		        .name = cli->options[i].name,
		        .has_arg = cli->options[i].placeholder ? required_argument : no_argument,
		        .val = OPTION_VALUE + (int)i,
		};
	}
	ret[cli->count] = (struct option){0};
}

/* short_options - "+:c:h" */
static void short_options(const struct cli *cli, char *ret)
{
	*ret++ = '+'; /* stop at what is no option */
	*ret++ = ':'; /* tell a missing value from an unknown option */
	for (size_t i = 0; i < cli->count; i++) {
		if (!cli->options[i].letter)
			continue;
		*ret++ = cli->options[i].letter;
		if (cli->options[i].placeholder)
			*ret++ = ':';
	}
	*ret = '\0';
}

/* find_option - the option getopt_long(3) means by @value, or NULL */
static const struct cli_option *find_option(const struct cli *cli, int value)
{
	if (value >= OPTION_VALUE)
		return &cli->options[value - OPTION_VALUE];
	for (size_t i = 0; i < cli->count; i++)
		if (cli->options[i].letter == value && value)
			return &cli->options[i];
	return NULL;
}

static int refuse_unknown(const struct cli *cli, const char *argument, struct err *err)
{
	struct suggest suggest;
	char word[64];
	const char *name = argument + strspn(argument, "-");
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(name, "="), name);
	suggest_init(&suggest, word);
	for (size_t i = 0; i < cli->count; i++)
		suggest_add(&suggest, cli->options[i].name);
	if (suggest.best)
		return err_set(err, EINVAL, "unknown option '%.64s'; did you mean '--%s'?", argument,
		               suggest.best);
	return err_set(err, EINVAL, "unknown option '%.64s'; expected one that --help shows", argument);
}

/* refuse - say why getopt_long(3) returned ':' (no value) or '?' */
static int refuse(const struct cli *cli, int value, const char *argument, struct err *err)
{
	const struct cli_option *option = find_option(cli, optopt);
	if (value == '?' && option)
		return err_set(err, EINVAL, "'%.64s' has an argument; expected --%s alone", argument,
		               option->name);
	if (value == '?' && optopt)
		return err_set(err, EINVAL, "unknown option '-%c'; expected one that --help shows", optopt);
	if (value == '?')
		return refuse_unknown(cli, argument, err);
	return err_set(err, EINVAL, "--%s has no argument; expected --%s %s", option->name, option->name,
	               option->placeholder);
}

static int take_option(const struct cli *cli, const struct cli_option *option, struct err *err)
{
	int r = cli->on_option(cli->ctx, (size_t)(option - cli->options), optarg, err);
	return r < 0 ? err_prefix(err, "--%s", option->name) : r;
}

int cli_parse(const struct cli *cli, int argc, char **argv, struct err *err)
{
	struct option longs[CLI_OPTIONS_MAX + 1];
	char shorts[2 * CLI_OPTIONS_MAX + 3];
	int r = 0;
	CHECK(cli->count <= CLI_OPTIONS_MAX);
	long_options(cli, longs);
	short_options(cli, shorts);
	optind = 0; /* glibc, getopt(3): start anew */
	opterr = 0;
	while (r == 0) {
		int value = getopt_long(argc, argv, shorts, longs, NULL);
		if (value == '?' || value == ':')
			r = refuse(cli, value, argv[optind - 1], err);
		else if (value != -1)
			r = take_option(cli, find_option(cli, value), err);
		else if (optind < argc)
			r = cli->on_argument(cli->ctx, argv[optind++], err);
		else
			break;
	}
	return r < 0 ? r : 0;
}

void cli_print_option(const struct cli_option *option, FILE *out)
{
	if (option->letter)
		fprintf(out, "  -%c, ", option->letter);
	else
		fprintf(out, "  ");
	fprintf(out, "--%s%s%s\n        %s\n", option->name, option->placeholder ? " " : "",
	        option->placeholder ? option->placeholder : "", option->help);
}
