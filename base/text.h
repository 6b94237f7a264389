/* SPDX-License-Identifier: Apache-2.0 */
/* A text that grows as it is written. Running out of memory is remembered, so that only the end of the work
 * asks. */
#ifndef NSRELAY_BASE_TEXT_H
#define NSRELAY_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed: empty. */
struct text {
	char *bytes;
	size_t size, capacity; /* without, and with, the NUL */
	bool failed;           /* memory ran out: what is here is not whole */
};

void text_fini(struct text *text);

void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* text_get - the text so far, "" when there is none; good until it grows */
const char *text_get(const struct text *text);

/* text_take - the whole text, owned by the caller, and @text empty; NULL when memory ran out */
char *text_take(struct text *text);

#endif
