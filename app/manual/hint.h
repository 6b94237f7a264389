/* SPDX-License-Identifier: Apache-2.0 */
/* What a value can be, by the word a help text calls it: "FILE", "auto|bulk", "RELAY". */
#ifndef NSRELAY_APP_MANUAL_HINT_H
#define NSRELAY_APP_MANUAL_HINT_H

#include <stddef.h>

enum hint {
	HINT_NONE,  /* only its user knows */
	HINT_WORDS, /* one of those in the placeholder, between '|' */
	HINT_FILES,
	HINT_FOLDERS,
	HINT_NAMESPACES, /* a name in /run/netns */
	HINT_PIDS,
	HINT_RELAYS, /* of a running daemon, as are: */
	HINT_POOLS,
	HINT_BACKENDS,
	HINT_CONNECTIONS,
	HINT_VERBS,
	HINT_COMMAND, /* one of the shell's own, or of $PATH, with its arguments */
	HINT_COUNT,
};

/* hint_of - of an option's @placeholder; NULL: it takes no value */
enum hint hint_of(const char *placeholder);

/* hint_of_arguments - of the first of a verb's arguments: "[NETNS]", "FILE", "debug|info" */
enum hint hint_of_arguments(const char *arguments);

/* hint_words - the words of a placeholder "a|b", with blanks between them. Returns @buf. */
const char *hint_words(const char *placeholder, char *buf, size_t size);

/* hint_live - the shell's command that lists such names one a line, or NULL */
const char *hint_live(enum hint hint);

#endif
