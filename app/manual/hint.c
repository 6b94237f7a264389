/* SPDX-License-Identifier: Apache-2.0 */
#include "app/manual/hint.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

static const struct {
	const char *placeholder;
	enum hint hint;
} hints[] = {
        {"FILE", HINT_FILES},       {"PATH", HINT_FILES},       {"DIR", HINT_FOLDERS},
        {"NETNS", HINT_NAMESPACES}, {"PID", HINT_PIDS},         {"RELAY", HINT_RELAYS},
        {"POOL", HINT_POOLS},       {"BACKEND", HINT_BACKENDS}, {"ID", HINT_CONNECTIONS},
        {"VERB", HINT_VERBS},       {"COMMAND", HINT_COMMAND},
};

static enum hint find(const char *word, size_t length)
{
	for (size_t i = 0; i < ARRAY_COUNT(hints); i++)
		if (strlen(hints[i].placeholder) == length && memcmp(hints[i].placeholder, word, length) == 0)
			return hints[i].hint;
	return HINT_NONE;
}

enum hint hint_of(const char *placeholder)
{
	if (!placeholder)
		return HINT_NONE;
	return strchr(placeholder, '|') ? HINT_WORDS : find(placeholder, strlen(placeholder));
}

enum hint hint_of_arguments(const char *arguments)
{
	const char *word = arguments + strspn(arguments, "[");
	size_t length = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	if (length > 0) /* "FILE|-" is a file too; "POOL/ADDRESS" is no pool */
		return word[length] == '/' ? HINT_NONE : find(word, length);
	return strcspn(word, "|") < strcspn(word, " ") ? HINT_WORDS : HINT_NONE;
}

const char *hint_words(const char *placeholder, char *buf, size_t size)
{
	snprintf(buf, size, "%s", placeholder);
	for (char *bar = strchr(buf, '|'); bar; bar = strchr(bar, '|'))
		*bar = ' ';
	return buf;
}

/* Tables of nsctl have a heading; a daemon that does not answer has no names. */
#define FIRST_COLUMN(verb) "nsctl " verb " 2>/dev/null | awk 'NR > 1 { print $1 }'"

const char *hint_live(enum hint hint)
{
	static const char *const commands[HINT_COUNT] = {
	        [HINT_NAMESPACES] = "ls /run/netns 2>/dev/null",
	        [HINT_PIDS] = "ps -Ao pid=",
	        [HINT_RELAYS] = FIRST_COLUMN("relays"),
	        [HINT_POOLS] = FIRST_COLUMN("backends") " | sort -u",
	        [HINT_BACKENDS] = /* in nsrelay's own namespace there is none in front of the address */
	        "nsctl backends 2>/dev/null | awk 'NR > 1 { print $3 ~ /^[0-9]+$/ ? $2 : $2 \"/\" $3 }' | "
	        "sort -u",
	        [HINT_CONNECTIONS] = FIRST_COLUMN("connections"),
	};
	return commands[hint];
}
