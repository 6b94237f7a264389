/* SPDX-License-Identifier: Apache-2.0 */
#include "app/manual/script.h"

static const char head[] =
        "# fish completion for PROGRAM, made from its own tables\n"
        "\n"
        "# __PROGRAM_at WORD...: is the command line about that verb?\n"
        "function __PROGRAM_at\n"
        "\tset -l words (commandline -opc)\n"
        "\tset -l last (math 1 + (count $argv))\n"
        "\ttest \"$words[2..$last]\" = \"$argv\"\n"
        "\tand not contains -- -- $words\n"
        "end\n"
        "\n"
        "# __PROGRAM_begins WORD...: are these words all there is?\n"
        "function __PROGRAM_begins\n"
        "\tset -l words (commandline -opc)\n"
        "\ttest \"$words[2..-1]\" = \"$argv\"\n"
        "end\n"
        "\n"
        "# __PROGRAM_command: what stands behind \"--\" is completed as if it stood alone\n"
        "function __PROGRAM_command\n"
        "\tcomplete -C (string split -m 1 -- ' -- ' (commandline -cp))[2]\n"
        "end\n"
        "\n"
        "complete -c PROGRAM -f\n"
        "complete -c PROGRAM -n 'contains -- -- (commandline -opc)' -a '(__PROGRAM_command)'\n";

/* put_condition - the line is about @verb */
static void put_condition(const struct script *script, const struct manual_verb *verb)
{
	script_put(script, "complete -c PROGRAM -n '__PROGRAM_at ");
	fprintf(script->out, "%s'", verb->name);
}

static void put_lists(const struct script *script)
{
	for (enum hint hint = 0; hint < HINT_COUNT; hint++) {
		if (!hint_live(hint))
			continue;
		script_put(script, "function __PROGRAM_list_");
		fprintf(script->out, "%s\n\t%s\nend\n\n", script_list(hint), hint_live(hint));
	}
}

static void put_word(const struct script *script, const char *begins, const char *word, const char *help)
{
	script_put(script, "complete -c PROGRAM -n '__PROGRAM_begins");
	fprintf(script->out, "%s%s' -a '%s' -d ", *begins ? " " : "", begins, word);
	script_quote(script, help, "\\");
	putc('\n', script->out);
}

/* put_values - what an option's value or a verb's argument can be */
static void put_values(const struct script *script, enum hint hint, const char *placeholder)
{
	char text[SCRIPT_TEXT_MAX];
	switch (hint) {
	case HINT_NONE:
		break;
	case HINT_FILES:
		fputs(" -F", script->out);
		break;
	case HINT_WORDS:
		fprintf(script->out, " -a '%s'", hint_words(placeholder, text, sizeof(text)));
		break;
	case HINT_FOLDERS:
		fputs(" -a '(__fish_complete_directories)'", script->out);
		break;
	case HINT_COMMAND:
		fputs(" -a '(__fish_complete_command)'", script->out);
		break;
	case HINT_VERBS: /* those are put where there is no verb yet */
		script_put(script, " -a '(complete -C \"PROGRAM \")'");
		break;
	default:
		script_put(script, " -a '(__PROGRAM_list_");
		fprintf(script->out, "%s)'", script_list(hint));
	}
}

static void put_verb(void *ctx, const struct manual_verb *verb)
{
	struct script *script = ctx;
	const char *second = script_second_word(verb->name);
	enum hint hint = hint_of_arguments(verb->arguments);
	if (script_is_new_group(script, verb))
		put_word(script, "", script->group, "more verbs");
	put_word(script, second ? script->group : "", second ? second : verb->name, verb->help);
	if (hint == HINT_NONE)
		return;
	put_condition(script, verb);
	put_values(script, hint, verb->arguments);
	putc('\n', script->out);
}

static void put_value(const struct script *script, const char *placeholder)
{
	enum hint hint = hint_of(placeholder);
	fputs(hint == HINT_FILES ? " -r" : " -x", script->out);
	put_values(script, hint, placeholder);
}

static void put_options(void *ctx, const struct manual_verb *verb)
{
	const struct script *script = ctx;
	for (size_t i = 0; i < verb->option_count; i++) {
		const struct cli_option *option = &verb->options[i];
		put_condition(script, verb);
		fprintf(script->out, " -l %s", option->name);
		if (option->letter)
			fprintf(script->out, " -s %c", option->letter);
		if (option->placeholder)
			put_value(script, option->placeholder);
		fputs(" -d ", script->out);
		script_quote(script, option->help, "\\");
		putc('\n', script->out);
	}
}

void script_fish(struct script *script)
{
	put_lists(script);
	script_put(script, head);
	script->manual->each_verb(put_verb, script);
	script->manual->each_verb(put_options, script);
}
