/* SPDX-License-Identifier: Apache-2.0 */
#include "app/text/suggest.h"

#include <stdio.h>
#include <string.h>

enum { WORD_MAX = 32 };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * distance - how many letters to insert, delete, replace or swap with their neighbour to turn @a into @b
 *
 * The optimal string alignment distance, by the usual table of which three rows are kept.
 */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1];
	size_t a_length = strlen(a), b_length = strlen(b);
	if (a_length > WORD_MAX || b_length > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= b_length; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *second = rows[(i + 1) % 3];
		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			row[j] = least(above[j - 1] + (a[i - 1] != b[j - 1]),
				       least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], second[j - 2] + 1);
		}
	}
	return rows[a_length % 3][b_length];
}

void suggest_init(struct suggest *suggest, const char *word)
{
	*suggest = (struct suggest){.word = word, .best_distance = WORD_MAX};
}

void suggest_add(struct suggest *suggest, const char *candidate)
{
	size_t length = strlen(suggest->all);
	snprintf(suggest->all + length, sizeof(suggest->all) - length, "%s%s", length ? ", " : "", candidate);

	/* One slip in a short word, two in a longer one; "a" is not meant to be "to". */
	size_t tolerated = strlen(candidate) > 5 ? 2 : 1;
	size_t d = distance(suggest->word, candidate);
	if (d <= tolerated && d < strlen(candidate) / 2 + 1 && d < suggest->best_distance) {
		suggest->best = candidate;
		suggest->best_distance = d;
	}
}

const char *suggest_text(struct suggest *suggest)
{
	if (suggest->best)
		snprintf(suggest->text, sizeof(suggest->text), "did you mean '%s'?", suggest->best);
	else
		snprintf(suggest->text, sizeof(suggest->text), "expected %s%.300s",
			 strchr(suggest->all, ',') ? "one of " : "", suggest->all);
	return suggest->text;
}
