/* SPDX-License-Identifier: Apache-2.0 */
#include "app/manual/completion.h"

#include <string.h>

#include "app/manual/script.h"
#include "base/check.h"

static const char NAME[] = "PROGRAM";

bool completion_print(const char *shell, const struct manual *manual, FILE *out)
{
	static const struct {
		const char *shell;
		void (*print)(struct script *script);
	} shells[] = {{"bash", script_bash}, {"zsh", script_zsh}, {"fish", script_fish}};
	struct script script = {.out = out, .manual = manual};
	for (size_t i = 0; i < ARRAY_COUNT(shells); i++) {
		if (strcmp(shells[i].shell, shell) == 0) {
			shells[i].print(&script);
			return true;
		}
	}
	return false;
}

void script_put(const struct script *script, const char *text)
{
	for (const char *name; (name = strstr(text, NAME)); text = name + strlen(NAME))
		fprintf(script->out, "%.*s%s", (int)(name - text), text, script->manual->program);
	fputs(text, script->out);
}

void script_quote(const struct script *script, const char *text, const char *escaped)
{
	putc('\'', script->out);
	for (; *text; text++) {
		if (*text == '\'') {
			fputs("'\\''", script->out);
			continue;
		}
		if (strchr(escaped, *text))
			putc('\\', script->out);
		putc(*text, script->out);
	}
	putc('\'', script->out);
}

const char *script_first_word(const char *name, char *buf, size_t size)
{
	snprintf(buf, size, "%.*s", (int)strcspn(name, " "), name);
	return buf;
}

const char *script_second_word(const char *name)
{
	const char *blank = strchr(name, ' ');
	return blank ? blank + 1 : NULL;
}

bool script_is_new_group(struct script *script, const struct manual_verb *verb)
{
	char first[SCRIPT_WORD_MAX];
	if (!script_second_word(verb->name))
		return false;
	script_first_word(verb->name, first, sizeof(first));
	bool is_new = strcmp(first, script->group) != 0;
	memcpy(script->group, first, sizeof(first));
	return is_new;
}

const char *script_list(enum hint hint)
{
	static const char *const names[HINT_COUNT] = {
	        [HINT_NAMESPACES] = "namespaces", [HINT_PIDS] = "pids",
	        [HINT_RELAYS] = "relays",         [HINT_POOLS] = "pools",
	        [HINT_BACKENDS] = "backends",     [HINT_CONNECTIONS] = "connections",
	        [HINT_VERBS] = "verbs",
	};
	return names[hint];
}
