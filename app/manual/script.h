/* SPDX-License-Identifier: Apache-2.0 */
/* What the completions of all shells are written with. */
#ifndef NSRELAY_APP_MANUAL_SCRIPT_H
#define NSRELAY_APP_MANUAL_SCRIPT_H

#include <stdbool.h>
#include <stdio.h>

#include "app/manual/hint.h"
#include "app/text/manual.h"

enum { SCRIPT_WORD_MAX = 32, SCRIPT_TEXT_MAX = 256 };

struct script {
	FILE *out;
	const struct manual *manual;
	char group[SCRIPT_WORD_MAX]; /* verbs of two words: the first of the one before */
};

void script_bash(struct script *script);
void script_zsh(struct script *script);
void script_fish(struct script *script);

/* script_put - @text, in which PROGRAM stands for the program's name */
void script_put(const struct script *script, const char *text);

/* script_quote - @text in single quotes as bash and zsh read it; characters of @escaped get a backslash */
void script_quote(const struct script *script, const char *text, const char *escaped);

/* script_first_word - of a verb's name. Returns @buf. */
const char *script_first_word(const char *name, char *buf, size_t size);

/* script_second_word - of a verb's name, or NULL */
const char *script_second_word(const char *name);

/* script_is_new_group - has @verb two words, and the first was not that of the verb before? Remembers it. */
bool script_is_new_group(struct script *script, const struct manual_verb *verb);

/* script_list - how the list of a hint's live names is called: "namespaces"; NULL: it has none */
const char *script_list(enum hint hint);

#endif
