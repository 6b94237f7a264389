/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both programs say to a wrong command line, and that they say it by their exit status too: each verb
 * with each of its options. Nothing is done, as no command line here is right but those that ask for help.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/manual/programs.h"
#include "tests/unit/unit.h"

enum { TEXT_MAX = 16384, LINE_MAX = 512 };

static const struct {
	const char *name, *path;
} programs[] = {{"nsrelay", NSRELAY_BINARY}, {"nsctl", NSCTL_BINARY}};

struct walk {
	const char *name, *path;
	size_t count; /* of command lines tried */
};

struct said {
	int status;
	char output[TEXT_MAX], errors[TEXT_MAX];
};

static void read_whole(FILE *file, char *ret)
{
	rewind(file);
	size_t size = fread(ret, 1, TEXT_MAX - 1, file);
	ret[size] = '\0';
	fclose(file);
}

/* run - the program with words that the shell cuts @line into */
static struct said *run(struct walk *walk, const char *line)
{
	static struct said said;
	char command[LINE_MAX];
	FILE *out = tmpfile(), *errors = tmpfile();
	assert_true(out && errors);
	snprintf(command, sizeof(command), "exec %s %s >/dev/fd/%d 2>/dev/fd/%d </dev/null", walk->path, line,
	         fileno(out), fileno(errors));
	int status = system(command); /* NOLINT(cert-env33-c): words of ours */
	said.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	read_whole(out, said.output);
	read_whole(errors, said.errors);
	walk->count++;
	return &said;
}

/* assert_refused - status 2, nothing but two lines on standard error: what is wrong with @word, and the usage
 * of @verb */
static void assert_refused(struct walk *walk, const char *line, const char *word, const char *verb)
{
	char usage[LINE_MAX];
	const struct said *said = run(walk, line);
	snprintf(usage, sizeof(usage), "\nusage: %s %s", walk->name, verb);
	if (said->status != 2 || *said->output || !strstr(said->errors, word) ||
	    !strstr(said->errors, usage) || strncmp(said->errors, walk->name, strlen(walk->name)) != 0)
		fail_msg("%s %s: status %d, output '%s', errors '%s'", walk->name, line, said->status,
		         said->output, said->errors);
}

static void try_option(struct walk *walk, const struct manual_verb *verb, const struct cli_option *option)
{
	char line[LINE_MAX], word[64];
	snprintf(word, sizeof(word), "--%s", option->name);
	snprintf(line, sizeof(line), "%s --%s%s", verb->name, option->name, option->placeholder ? "" : "=x");
	assert_refused(walk, line, word, verb->name);
}

static bool is_help(const struct manual_verb *verb)
{
	return strcmp(verb->name, "help") == 0; /* its words are verbs: see bad_words_are_refused() */
}

static void refuse_verb(void *ctx, const struct manual_verb *verb)
{
	struct walk *walk = ctx;
	char line[LINE_MAX];
	if (is_help(verb))
		return;
	snprintf(line, sizeof(line), "%s --no-such-option", verb->name);
	assert_refused(walk, line, "--no-such-option", verb->name);
	for (size_t i = 0; i < verb->option_count; i++)
		try_option(walk, verb, &verb->options[i]);
}

static void bad_options_of_every_verb_are_refused_by_name_and_usage(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(programs); i++) {
		struct walk walk = {programs[i].name, programs[i].path, 0};
		programs_find(walk.name)->each_verb(refuse_verb, &walk);
		assert_true(walk.count > 20);
	}
}

/* assert_helped - status 0, nothing on standard error, and no colours or other controls */
static void assert_helped(struct walk *walk, const char *line, const char *part)
{
	const struct said *said = run(walk, line);
	if (said->status != 0 || *said->errors || !strstr(said->output, part) || strchr(said->output, '\033'))
		fail_msg("%s %s: status %d, output '%s', errors '%s'", walk->name, line, said->status,
		         said->output, said->errors);
}

static void help_with_verb(void *ctx, const struct manual_verb *verb)
{
	struct walk *walk = ctx;
	char line[LINE_MAX], part[LINE_MAX];
	snprintf(part, sizeof(part), "usage: %s %s", walk->name, is_help(verb) ? "VERB" : verb->name);
	snprintf(line, sizeof(line), "%s --help", verb->name);
	if (!is_help(verb))
		assert_helped(walk, line, part);
	snprintf(line, sizeof(line), "help %s", verb->name);
	assert_helped(walk, line, part);
}

static void every_verb_helps(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(programs); i++) {
		struct walk walk = {programs[i].name, programs[i].path, 0};
		programs_find(walk.name)->each_verb(help_with_verb, &walk);
		assert_helped(&walk, "", "usage: ");
		assert_helped(&walk, "--help", "usage: ");
		assert_helped(&walk, "--version", walk.name);
	}
}

static void bad_words_are_refused(void **state)
{
	static const char *const lines[] = {"no-such-verb", "help no-such-verb", "--no-such-verb"};
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(programs); i++) {
		struct walk walk = {programs[i].name, programs[i].path, 0};
		for (size_t k = 0; k < ARRAY_COUNT(lines); k++)
			assert_refused(&walk, lines[k], "no-such-verb", "VERB");
	}
}

static void output_that_nobody_gets_is_a_failure(void **state)
{
	(void)state;
	if (access("/dev/full", W_OK) != 0)
		skip();
	for (size_t i = 0; i < ARRAY_COUNT(programs); i++) {
		struct walk walk = {programs[i].name, programs[i].path, 0};
		char command[LINE_MAX];
		snprintf(command, sizeof(command), "exec %s help >/dev/full 2>/dev/null", walk.path);
		int status = system(command); /* NOLINT(cert-env33-c): words of ours */
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(bad_options_of_every_verb_are_refused_by_name_and_usage),
	        cmocka_unit_test(every_verb_helps),
	        cmocka_unit_test(bad_words_are_refused),
	        cmocka_unit_test(output_that_nobody_gets_is_a_failure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
