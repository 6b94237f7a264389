/* SPDX-License-Identifier: Apache-2.0 */
#include "app/text/brief.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What " and N more" may take. */
enum { REST_MAX = sizeof(" and 18446744073709551615 more") };

void brief_init(struct brief *brief)
{
	*brief = (struct brief){0};
}

void brief_add(struct brief *brief, const char *fmt, ...)
{
	size_t length = strlen(brief->text);
	char word[BRIEF_TEXT_MAX];
	va_list args;
	va_start(args, fmt);
	vsnprintf(word, sizeof(word), fmt, args);
	va_end(args);
	if (brief->count++ < BRIEF_SHOWN_MAX)
		snprintf(brief->text + length, sizeof(brief->text) - REST_MAX - length, "%s%s",
		         brief->count > 1 ? ", " : "", word);
}

const char *brief_text(struct brief *brief)
{
	size_t length = strlen(brief->text);
	if (brief->count > BRIEF_SHOWN_MAX)
		snprintf(brief->text + length, sizeof(brief->text) - length, " and %zu more",
		         brief->count - BRIEF_SHOWN_MAX);
	return brief->text;
}
