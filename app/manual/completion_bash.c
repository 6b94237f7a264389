/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bash cuts words at ':' and '=', which are inside of endpoints and options: the words come from the line
 * instead, and what stands before the last ':' is not repeated.
 */
#include "app/manual/script.h"

static const char head[] = "# bash completion for PROGRAM, made from its own tables\n"
                           "\n"
                           "_PROGRAM_words() {\n"
                           "\tlocal prefix=\n"
                           "\t[[ $cur != *:* ]] || prefix=${cur%:*}:\n"
                           "\tmapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\")\n"
                           "\tCOMPREPLY=(\"${COMPREPLY[@]#\"$prefix\"}\")\n"
                           "}\n"
                           "\n"
                           "_PROGRAM_names() {\n"
                           "\tcompopt -o filenames 2>/dev/null\n"
                           "\tmapfile -t COMPREPLY < <(compgen \"$1\" -- \"$cur\")\n"
                           "}\n"
                           "\n"
                           "# _PROGRAM_command: what stands behind \"--\" is completed as if it stood alone\n"
                           "_PROGRAM_command() {\n"
                           "\tlocal i\n"
                           "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
                           "\t\t[[ ${COMP_WORDS[i]} == -- ]] || continue\n"
                           "\t\tif declare -F _command_offset >/dev/null; then\n"
                           "\t\t\t_command_offset $((i + 1))\n"
                           "\t\telif ((i + 1 == COMP_CWORD)); then\n"
                           "\t\t\t_PROGRAM_names -c\n"
                           "\t\telse\n"
                           "\t\t\t_PROGRAM_names -f\n"
                           "\t\tfi\n"
                           "\t\treturn 0\n"
                           "\tdone\n"
                           "\treturn 1\n"
                           "}\n"
                           "\n";

static const char begin[] = "_PROGRAM() {\n"
                            "\tlocal words cur prev verb options=\n"
                            "\tCOMPREPLY=()\n"
                            "\tread -ra words <<<\"${COMP_LINE:0:COMP_POINT}\"\n"
                            "\t[[ ${COMP_LINE:0:COMP_POINT} != *[[:space:]] ]] || words+=(\"\")\n"
                            "\tcur=${words[-1]} prev=${words[-2]}\n"
                            "\tif ((${#words[@]} == 2)); then\n"
                            "\t\t_PROGRAM_words \"$(_PROGRAM_list_verbs)\"\n"
                            "\t\treturn\n"
                            "\tfi\n"
                            "\tverb=${words[1]}\n"
                            "\tcase $verb in\n";

static const char middle[] = "\tesac\n"
                             "\tif _PROGRAM_command; then\n"
                             "\t\treturn\n"
                             "\tfi\n"
                             "\tif [[ $cur == --*=* ]]; then\n"
                             "\t\tprev=${cur%%=*} cur=${cur#*=}\n"
                             "\tfi\n"
                             "\tcase \"$verb $prev\" in\n";

static const char tail[] = "\t*) return ;;\n"
                           "\tesac\n"
                           "\t[[ $cur == -* || -z ${COMPREPLY[*]} ]] || return\n"
                           "\t_PROGRAM_words \"$options\"\n"
                           "}\n"
                           "\n"
                           "complete -F _PROGRAM PROGRAM\n";

static void put_first_word(void *ctx, const struct manual_verb *verb)
{
	struct script *script = ctx;
	char first[SCRIPT_WORD_MAX];
	if (!script_second_word(verb->name) || script_is_new_group(script, verb))
		fprintf(script->out, " %s", script_first_word(verb->name, first, sizeof(first)));
}

static void put_lists(struct script *script)
{
	for (enum hint hint = 0; hint < HINT_COUNT; hint++) {
		if (!hint_live(hint))
			continue;
		script_put(script, "_PROGRAM_list_");
		fprintf(script->out, "%s() {\n\t%s\n}\n\n", script_list(hint), hint_live(hint));
	}
	script_put(script, "_PROGRAM_list_verbs() {\n\techo");
	script->manual->each_verb(put_first_word, script);
	fputs("\n}\n\n", script->out);
}

/* put_second_word - `topology) ... ;;` gathers the verbs that begin so, which follow each other in the
 * table */
static void put_second_word(void *ctx, const struct manual_verb *verb)
{
	struct script *script = ctx;
	const char *second = script_second_word(verb->name);
	bool was_inside = *script->group, is_new = script_is_new_group(script, verb);
	if (was_inside && (is_new || !second)) {
		script_put(script, "\"\n\t\t\treturn\n\t\tfi\n\t\tverb+=\" ${words[2]}\"\n\t\t;;\n");
		if (!second)
			*script->group = '\0';
	}
	if (is_new)
		fprintf(script->out, "\t%s)\n\t\tif ((${#words[@]} == 3)); then\n", script->group);
	if (is_new)
		script_put(script, "\t\t\t_PROGRAM_words \"");
	if (second)
		fprintf(script->out, "%s%s", is_new ? "" : " ", second);
}

static void put_action(const struct script *script, enum hint hint, const char *placeholder)
{
	char text[SCRIPT_TEXT_MAX];
	switch (hint) {
	case HINT_WORDS:
		script_put(script, "_PROGRAM_words ");
		script_quote(script, hint_words(placeholder, text, sizeof(text)), "");
		break;
	case HINT_FILES:
		script_put(script, "_PROGRAM_names -f");
		break;
	case HINT_FOLDERS:
		script_put(script, "_PROGRAM_names -d");
		break;
	case HINT_COMMAND:
		script_put(script, "_PROGRAM_names -c");
		break;
	default:
		if (!script_list(hint)) {
			putc(':', script->out);
			break;
		}
		script_put(script, "_PROGRAM_words \"$(_PROGRAM_list_");
		fprintf(script->out, "%s)\"", script_list(hint));
	}
}

static void put_values(void *ctx, const struct manual_verb *verb)
{
	const struct script *script = ctx;
	for (size_t i = 0; i < verb->option_count; i++) {
		const struct cli_option *option = &verb->options[i];
		if (!option->placeholder)
			continue;
		fprintf(script->out, "\t'%s --%s'", verb->name, option->name);
		if (option->letter)
			fprintf(script->out, " | '%s -%c'", verb->name, option->letter);
		fputs(")\n\t\t", script->out);
		put_action(script, hint_of(option->placeholder), option->placeholder);
		fputs("\n\t\treturn\n\t\t;;\n", script->out);
	}
}

static void put_options(void *ctx, const struct manual_verb *verb)
{
	const struct script *script = ctx;
	fprintf(script->out, "\t'%s')\n\t\toptions='", verb->name);
	for (size_t i = 0; i < verb->option_count; i++)
		fprintf(script->out, "%s--%s", i ? " " : "", verb->options[i].name);
	fputs("'\n\t\t", script->out);
	put_action(script, hint_of_arguments(verb->arguments), verb->arguments);
	fputs("\n\t\t;;\n", script->out);
}

void script_bash(struct script *script)
{
	const struct manual *manual = script->manual;
	script_put(script, head);
	put_lists(script);
	script_put(script, begin);
	*script->group = '\0';
	manual->each_verb(put_second_word, script);
	script_put(script, middle);
	manual->each_verb(put_values, script);
	script_put(script, "\tesac\n\tcase $verb in\n");
	manual->each_verb(put_options, script);
	script_put(script, tail);
}
