/* SPDX-License-Identifier: Apache-2.0 */
#include "app/manual/script.h"

static const char begin[] = "_PROGRAM() {\n"
                            "\tlocal curcontext=$curcontext verb\n"
                            "\tlocal -i dashes=${words[(i)--]}\n"
                            "\tif (( dashes < CURRENT )); then\n"
                            "\t\tshift $dashes words\n"
                            "\t\t(( CURRENT -= dashes ))\n"
                            "\t\t_normal\n"
                            "\t\treturn\n"
                            "\tfi\n"
                            "\tif (( CURRENT == 2 )); then\n"
                            "\t\t_PROGRAM_verbs\n"
                            "\t\treturn\n"
                            "\tfi\n"
                            "\tverb=$words[2]\n"
                            "\tcase $verb in\n";

static const char middle[] = "\tesac\n"
                             "\tshift words\n"
                             "\t(( CURRENT-- ))\n"
                             "\tcase $verb in\n";

static const char tail[] = "\tesac\n"
                           "}\n"
                           "\n"
                           "_PROGRAM";

/* put_described - 'WORD:what it is' */
static void put_described(const struct script *script, const char *indent, const char *word, const char *help)
{
	char text[SCRIPT_TEXT_MAX];
	snprintf(text, sizeof(text), "%s:%s", word, help);
	fputs(indent, script->out);
	script_quote(script, text, "");
	putc('\n', script->out);
}

static void put_first_word(void *ctx, const struct manual_verb *verb)
{
	struct script *script = ctx;
	if (script_is_new_group(script, verb))
		put_described(script, "\t\t", script->group, "more verbs");
	else if (!script_second_word(verb->name))
		put_described(script, "\t\t", verb->name, verb->help);
}

static void put_lists(struct script *script)
{
	for (enum hint hint = 0; hint < HINT_COUNT; hint++) {
		if (!hint_live(hint))
			continue;
		script_put(script, "_PROGRAM_");
		fprintf(script->out, "%s() {\n\tlocal -a names=(${(f)\"$(%s)\"})\n\tcompadd -a names\n}\n\n",
		        script_list(hint), hint_live(hint));
	}
	script_put(script, "_PROGRAM_verbs() {\n\tlocal -a verbs=(\n");
	script->manual->each_verb(put_first_word, script);
	script_put(script, "\t)\n\t_describe verb verbs\n}\n\n");
}

static void end_group(struct script *script)
{
	fputs("\t\t\t)\n\t\t\t_describe verb verbs\n\t\t\treturn\n\t\tfi\n\t\tverb+=\" "
	      "$words[3]\"\n\t\tshift words\n"
	      "\t\t(( CURRENT-- ))\n\t\t;;\n",
	      script->out);
	*script->group = '\0';
}

/* put_second_word - `topology) ... ;;` gathers the verbs that begin so, which follow each other in the
 * table */
static void put_second_word(void *ctx, const struct manual_verb *verb)
{
	struct script *script = ctx;
	const char *second = script_second_word(verb->name);
	if (*script->group && !second)
		end_group(script);
	if (script_is_new_group(script, verb))
		fprintf(script->out, "\t%s)\n\t\tif (( CURRENT == 3 )); then\n\t\t\tlocal -a verbs=(\n",
		        script->group);
	if (second)
		put_described(script, "\t\t\t\t", second, verb->help);
}

/* put_action - ":WHAT:how it is completed" */
static void put_action(const struct script *script, enum hint hint, const char *placeholder)
{
	char text[SCRIPT_TEXT_MAX];
	fputs("':value:", script->out);
	switch (hint) {
	case HINT_WORDS:
		fprintf(script->out, "(%s)", hint_words(placeholder, text, sizeof(text)));
		break;
	case HINT_FILES:
		fputs("_files", script->out);
		break;
	case HINT_FOLDERS:
		fputs("_files -/", script->out);
		break;
	case HINT_COMMAND:
		fputs("_command_names", script->out);
		break;
	default:
		if (script_list(hint))
			script_put(script, "_PROGRAM_");
		fputs(script_list(hint) ? script_list(hint) : " ", script->out);
	}
	putc('\'', script->out);
}

/* put_option - {-j,--json}'[write JSON]', with what its value is; those with one may come again */
static void put_option(const struct script *script, const struct cli_option *option)
{
	char help[SCRIPT_TEXT_MAX];
	fprintf(script->out, " \\\n\t\t\t%s", option->placeholder ? "'*'" : "");
	if (option->letter)
		fprintf(script->out, "{-%c,--%s}", option->letter, option->name);
	else
		fprintf(script->out, "--%s", option->name);
	script_quote(script, "[", "");
	snprintf(help, sizeof(help), "%s", option->help);
	script_quote(script, help, "[]:\\");
	script_quote(script, "]", "");
	if (option->placeholder)
		put_action(script, hint_of(option->placeholder), option->placeholder);
}

static void put_options(void *ctx, const struct manual_verb *verb)
{
	const struct script *script = ctx;
	enum hint hint = hint_of_arguments(verb->arguments);
	fprintf(script->out, "\t'%s')\n\t\t_arguments", verb->name);
	for (size_t i = 0; i < verb->option_count; i++)
		put_option(script, &verb->options[i]);
	if (hint != HINT_NONE) {
		fputs(" \\\n\t\t\t'*'", script->out);
		put_action(script, hint, verb->arguments);
	}
	fputs("\n\t\t;;\n", script->out);
}

void script_zsh(struct script *script)
{
	const struct manual *manual = script->manual;
	script_put(script, "#compdef PROGRAM\n# zsh completion for PROGRAM, made from its own tables\n\n");
	put_lists(script);
	script_put(script, begin);
	*script->group = '\0';
	manual->each_verb(put_second_word, script);
	script_put(script, middle);
	manual->each_verb(put_options, script);
	script_put(script, tail);
	fputs(" \"$@\"\n", script->out);
}
