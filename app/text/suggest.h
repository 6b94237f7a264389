/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Did you mean": of the words that would have been right, the one nearest to what was written, and the list
 * of all.
 *
 *	suggest_init(&suggest, "lisen");
 *	suggest_add(&suggest, "name");
 *	suggest_add(&suggest, "listen");
 *	suggest_text(&suggest)              "did you mean 'listen'?"
 */
#ifndef NSRELAY_APP_TEXT_SUGGEST_H
#define NSRELAY_APP_TEXT_SUGGEST_H

#include <stddef.h>

struct suggest {
	const char *word; /* borrowed */
	const char *best; /* borrowed; NULL while nothing is near */
	size_t best_distance;
	char all[320];
	char text[352];
};

void suggest_init(struct suggest *suggest, const char *word);

/* suggest_add - @candidate would have been right; it outlives @suggest */
void suggest_add(struct suggest *suggest, const char *candidate);

/* suggest_text - "did you mean 'X'?", or "expected one of A, B, C" */
const char *suggest_text(struct suggest *suggest);

#endif
