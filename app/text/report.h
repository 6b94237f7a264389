/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mistakes found in one text, each with its place. Printed in the order of the text, as a compiler does:
 *
 *	relay.yaml:3:5: error: unknown key 'lisen' in a relay; did you mean 'listen'?
 *	  lisen: web/127.0.0.1:80
 *	  ^~~~~
 */
#ifndef NSRELAY_APP_TEXT_REPORT_H
#define NSRELAY_APP_TEXT_REPORT_H

#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

/* Mistakes kept; later ones are counted. More than a screen of them helps nobody. */
enum { REPORT_ENTRIES_MAX = 20 };

/* A part of the text to point at, in bytes. */
struct span {
	size_t offset;
	size_t length;
};

struct report {
	const char *name; /* of the file; borrowed, as is the text */
	const char *text;
	size_t size;
	size_t count; /* mistakes found, kept or not */
	struct report_entry {
		struct span at;
		struct err err;
	} entries[REPORT_ENTRIES_MAX]; /* ordered by their place */
};

void report_init(struct report *report, const char *name, const char *text, size_t size);

/* report_add - note a mistake: "what is wrong; what was expected". */
void report_add(struct report *report, struct span at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* report_line - the line, counted from 1, in which @offset lies */
size_t report_line(const struct report *report, size_t offset);

/* report_print - print what was found; @out may be NULL */
void report_print(const struct report *report, FILE *out);

/* report_print_failure - print why the text was refused: @rc is -ENOMEM, or something was found */
void report_print_failure(const struct report *report, int rc, FILE *out);

#endif
