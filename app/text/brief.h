/* SPDX-License-Identifier: Apache-2.0 */
/* A list that is cut for a reader who wants an idea of it: "nginx 12, nginx 13, sshd 40 and 97 more". */
#ifndef NSRELAY_APP_TEXT_BRIEF_H
#define NSRELAY_APP_TEXT_BRIEF_H

#include <stddef.h>

enum {
	BRIEF_SHOWN_MAX = 4,  /* fits a line of a table */
	BRIEF_TEXT_MAX = 320, /* cut when these are longer */
};

struct brief {
	size_t count;
	char text[BRIEF_TEXT_MAX];
};

void brief_init(struct brief *brief);
void brief_add(struct brief *brief, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* brief_text - "" for an empty list; good until something is added. Ends the list. */
const char *brief_text(struct brief *brief);

#endif
