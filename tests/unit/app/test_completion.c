/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completions, asked for as the shells ask. Where it is about names of a running daemon, the tables that
 * nsctl would print are the real ones, out of a file.
 */
#include "app/manual/completion.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/manual/hint.h"
#include "app/manual/programs.h"
#include "app/nsctl/live.h"
#include "app/nsctl/nsctl_options.h"
#include "app/nsrelay/options.h"
#include "tests/unit/unit.h"

enum { ANSWER_MAX = 65536 };

static char folder[] = "/tmp/nsrelay-completion-XXXXXX";

static FILE *create(const char *name)
{
	char path[sizeof(folder) + 32];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	return file;
}

static void write_completion(const char *shell, const char *program)
{
	char name[32];
	snprintf(name, sizeof(name), "%s.%s", program, shell);
	FILE *file = create(name);
	assert_true(completion_print(shell, programs_find(program), file));
	assert_int_equal(fclose(file), 0);
}

static void write_backends(void)
{
	json_t *reply = json_pack("{s:[{s:s, s:s, s:s, s:i}, {s:s, s:s, s:i}]}", "backends", "pool", "web",
	                          "netns", "pid:42", "address", "10.0.0.1:80", "weight", 1, "pool", "own",
	                          "address", "[::1]:81", "weight", 1);
	FILE *file = create("backends");
	struct live_table table;
	assert_non_null(reply);
	live_table_init(&table, &live_backends, -1);
	assert_int_equal(live_table_add(&table, reply), 0);
	assert_int_equal(live_table_print(&table, 0, file), 0);
	live_table_fini(&table);
	fclose(file);
	json_decref(reply);
}

/* A nsctl that prints the file called as its verb. */
static void write_nsctl(void)
{
	char path[sizeof(folder) + 32];
	FILE *file = create("nsctl");
	fprintf(file, "#!/bin/sh\nexec cat %s/$1\n", folder);
	fclose(file);
	snprintf(path, sizeof(path), "%s/nsctl", folder);
	assert_int_equal(chmod(path, 0700), 0);
}

static int setup(void **state)
{
	static const char *const shells[] = {"bash", "zsh", "fish"};
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	for (size_t i = 0; i < ARRAY_COUNT(shells); i++) {
		write_completion(shells[i], "nsrelay");
		write_completion(shells[i], "nsctl");
	}
	write_backends();
	write_nsctl();
	return 0;
}

static int teardown(void **state)
{
	char command[sizeof(folder) + 16];
	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command); /* NOLINT(cert-env33-c): the path is our own */
}

static bool there_is(const char *shell)
{
	char command[64];
	snprintf(command, sizeof(command), "command -v %s >/dev/null", shell);
	return system(command) == 0; /* NOLINT(cert-env33-c): a word of ours */
}

static void skip_without(const char *shell)
{
	if (there_is(shell))
		return;
	print_message("[  SKIPPED ] there is no %s\n", shell);
	skip();
}

/* answer - what @script of @shell writes; its words stand between blanks */
static char *answer(const char *shell, const char *script)
{
	static char text[ANSWER_MAX];
	char path[sizeof(folder) + 32], command[256];
	FILE *file = create("script");
	fprintf(file, "%s\n", script);
	fclose(file);
	snprintf(path, sizeof(path), "%s/script", folder);
	snprintf(command, sizeof(command), "cd %s && HOME=%s PATH=%s:$PATH %s %s %s 2>&1 | tr '\\n' ' '",
	         folder, folder, folder, shell, strcmp(shell, "zsh") == 0 ? "-f" : "", path);
	FILE *out = popen(command, "re"); /* NOLINT(cert-env33-c): the path is our own */
	assert_non_null(out);
	text[0] = ' ';
	size_t length = fread(text + 1, 1, sizeof(text) - 2, out);
	text[length + 1] = '\0';
	assert_int_equal(pclose(out), 0);
	return text;
}

/* ---- bash ---- */

/* in_bash - what bash offers where @line ends, which it has cut as it does at its $COMP_WORDBREAKS */
static char *in_bash(const char *line)
{
	char script[1024];
	snprintf(script, sizeof(script),
	         "source %s/nsctl.bash; source %s/nsrelay.bash\n"
	         "COMP_LINE='%s' COMP_POINT=${#COMP_LINE}\n"
	         "read -ra COMP_WORDS <<<\"${COMP_LINE//[:=]/ & }\"\n"
	         "[[ $COMP_LINE != *' ' ]] || COMP_WORDS+=('')\n"
	         "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
	         "_${COMP_WORDS[0]}; printf '%%s\\n' \"${COMPREPLY[@]}\"",
	         folder, folder, line);
	return answer("bash", script);
}

static const struct {
	const char *line, *offered, *not_offered;
} questions[] = {
        {"nsctl ", " topology ", " plan "},
        {"nsctl topology ", " plan ", " inspect "},
        {"nsctl topology pl", " plan ", " apply "},
        {"nsctl topology plan -", " --exit-code ", " --format "},
        {"nsctl topology graph --format ", " mermaid ", " --live "},
        {"nsctl topology graph --format=s", " svg ", " dot "},
        {"nsctl topology plan scr", " script ", " --state "},
        {"nsctl log ", " debug ", " --json "},
        {"nsctl help to", " topology ", " plan "},
        {"nsctl backends --pool ", " web ", " POOL "},
        {"nsctl connections --backend ", " pid:42/10.0.0.1:80 ", " web/pid:42 "},
        {"nsctl connections --backend [::1]", " ", " [::1] "},
        {"nsctl connections --backend [::1]:", " 81 ", " [::1]:81 "},
        {"nsctl connections --backend pid:", " 42/10.0.0.1:80 ", " 81 "},
        {"nsctl listen x/0.0.0.0:80 -- tru", " true ", " trap_of_nothing "},
        {"nsrelay ", " doctor ", " topology "},
        {"nsrelay run --la", " --lane ", " --listen "},
        {"nsrelay run --lane ", " interactive ", " --listen "},
        {"nsrelay check -c scr", " script ", " --listen "},
};

static void bash_completes(void **state)
{
	(void)state;
	skip_without("bash");
	for (size_t i = 0; i < ARRAY_COUNT(questions); i++) {
		char *text = in_bash(questions[i].line);
		if (!strstr(text, questions[i].offered) || strstr(text, questions[i].not_offered))
			fail_msg("'%s' is completed to '%s'; expected '%s', not '%s'", questions[i].line,
			         text, questions[i].offered, questions[i].not_offered);
	}
}

static void scripts_of_bash_are_clean(void **state)
{
	(void)state;
	skip_without("shellcheck");
	assert_string_equal(answer("sh", "shellcheck --shell=bash *.bash"), " ");
}

/* ---- fish ---- */

static void fish_completes(void **state)
{
	static const struct {
		const char *line, *offered;
	} lines[] = {
	        {"nsctl ", " topology "},
	        {"nsctl topology ", " plan "},
	        {"nsctl topology graph --format ", " mermaid "},
	        {"nsctl topology plan --ex", " --exit-code "},
	        {"nsctl topology plan scr", " script "},
	        {"nsctl backends --pool ", " web "},
	        {"nsctl log ", " debug "},
	        {"nsctl help ", " counters "},
	        {"nsrelay run --lane ", " bulk "},
	};
	char script[1024];
	(void)state;
	skip_without("fish");
	for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
		snprintf(script, sizeof(script),
		         "source nsctl.fish; source nsrelay.fish\n"
		         "complete -C '%s' | string split -f 1 \\t",
		         lines[i].line);
		assert_contains(answer("fish", script), lines[i].offered);
	}
}

/* ---- zsh ---- */

/* Its own functions need a terminal: in their places, some that tell how they were called. */
static void zsh_is_told(void **state)
{
	static const struct {
		const char *words, *told;
		int current;
	} lines[] = {
	        {"nsctl ''", "topology:more verbs", 2},
	        {"nsctl topology ''", "plan:show what apply would do", 3},
	        {"nsctl topology graph ''",
	         "*--format[how it is drawn \\[text\\]]:value:(text dot mermaid svg)", 4},
	        {"nsctl topology graph ''", "*:value:_files", 4},
	        {"nsctl inspect ''", "*:value:_nsctl_namespaces", 3},
	        {"nsctl log ''", "*:value:(error warning info debug)", 3},
	        {"nsctl listen x/1.2.3.4:5 -- ls ''", "normal ls 2", 6},
	        {"nsrelay run ''", "*--lane[", 3},
	};
	char script[1024];
	(void)state;
	skip_without("zsh");
	for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
		snprintf(script, sizeof(script),
		         "_arguments() { print -rl -- \"$@\" }\n"
		         "_describe() { print -rl -- ${(P)2} }\n"
		         "_normal() { print -r -- normal $words $CURRENT }\n"
		         "words=(%s) CURRENT=%d; source $PWD/$words[1].zsh",
		         lines[i].words, lines[i].current);
		assert_contains(answer("zsh", script), lines[i].told);
	}
	assert_string_equal(answer("sh", "for f in *.zsh; do zsh -n $f; done"), " ");
}

/* ---- what is offered is taken ---- */

static int parse_nsrelay(int argc, char **argv, struct err *err)
{
	struct options options;
	int r = options_parse(argc, argv, &options, err);
	if (r == 0)
		options_fini(&options);
	return r;
}

static int parse_nsctl(int argc, char **argv, struct err *err)
{
	struct nsctl_options options;
	int r = nsctl_options_parse(argc, argv, &options, err);
	if (r == 0)
		nsctl_options_fini(&options);
	return r;
}

struct trial {
	const char *program;
	int (*parse)(int argc, char **argv, struct err *err);
	size_t count; /* of words tried */
};

/* try_word - the parser may want more than this, but must not complain of the word, which errors quote */
static void try_word(struct trial *trial, const struct manual_verb *verb, const char *option, char *word)
{
	char name[64], flag[64], quoted[80], *argv[8] = {(char *)"x"}, *save = NULL;
	struct err err = ERR_INIT;
	int argc = 1;
	snprintf(name, sizeof(name), "%s", verb->name);
	for (char *part = strtok_r(name, " ", &save); part; part = strtok_r(NULL, " ", &save))
		argv[argc++] = part;
	snprintf(flag, sizeof(flag), "--%s", option ? option : "");
	if (option)
		argv[argc++] = flag;
	argv[argc++] = word;
	snprintf(quoted, sizeof(quoted), "'%s'", word);
	if (trial->parse(argc, argv, &err) < 0 && strstr(err.text, quoted))
		fail_msg("%s %s %s %s: %s", trial->program, verb->name, option ? flag : "", word, err.text);
	trial->count++;
}

static void try_words(struct trial *trial, const struct manual_verb *verb, const char *option,
                      const char *placeholder)
{
	char words[256], *save = NULL;
	hint_words(placeholder, words, sizeof(words));
	for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save))
		try_word(trial, verb, option, word);
}

static void try_verb(void *ctx, const struct manual_verb *verb)
{
	struct trial *trial = ctx;
	for (size_t i = 0; i < verb->option_count; i++)
		if (hint_of(verb->options[i].placeholder) == HINT_WORDS)
			try_words(trial, verb, verb->options[i].name, verb->options[i].placeholder);
	if (hint_of_arguments(verb->arguments) == HINT_WORDS)
		try_words(trial, verb, NULL, verb->arguments);
}

static void words_that_are_offered_are_taken(void **state)
{
	struct trial trials[] = {{"nsrelay", parse_nsrelay, 0}, {"nsctl", parse_nsctl, 0}};
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(trials); i++) {
		programs_find(trials[i].program)->each_verb(try_verb, &trials[i]);
		assert_true(trials[i].count > 10);
	}
}

static void what_a_value_can_be_is_told_by_its_placeholder(void **state)
{
	char words[32];
	(void)state;
	assert_int_equal(hint_of(NULL), HINT_NONE);
	assert_int_equal(hint_of("FILE"), HINT_FILES);
	assert_int_equal(hint_of("DURATION"), HINT_NONE);
	assert_int_equal(hint_of("on|off"), HINT_WORDS);
	assert_string_equal(hint_words("a|b|c", words, sizeof(words)), "a b c");
	assert_int_equal(hint_of_arguments("[NETNS]"), HINT_NAMESPACES);
	assert_int_equal(hint_of_arguments("FILE"), HINT_FILES);
	assert_int_equal(hint_of_arguments("[ID...]"), HINT_CONNECTIONS);
	assert_int_equal(hint_of_arguments("(-c FILE | --listen ENDPOINT)"), HINT_NONE);
	assert_int_equal(hint_of_arguments("debug|info"), HINT_WORDS);
	assert_int_equal(hint_of_arguments("FILE|-"), HINT_FILES);
	assert_int_equal(hint_of_arguments("POOL/ADDRESS N"), HINT_NONE);
	assert_int_equal(hint_of_arguments("relay NAME|pool NAME"), HINT_NONE);
	assert_false(completion_print("csh", programs_find("nsctl"), stderr));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(bash_completes),
	        cmocka_unit_test(scripts_of_bash_are_clean),
	        cmocka_unit_test(fish_completes),
	        cmocka_unit_test(zsh_is_told),
	        cmocka_unit_test(words_that_are_offered_are_taken),
	        cmocka_unit_test(what_a_value_can_be_is_told_by_its_placeholder),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
