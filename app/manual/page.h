/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manual pages: what a person has written for scdoc(5) in docs/man/, and in the places of these lines what
 * the tables say:
 *
 *	%verbs PROGRAM     each verb with its options, as sections
 *	%keys FILE         each key of a file, a section for each mapping
 */
#ifndef NSRELAY_APP_MANUAL_PAGE_H
#define NSRELAY_APP_MANUAL_PAGE_H

#include <stdio.h>

#include "app/text/schema.h"
#include "base/err.h"

/* page_print - @template with those lines replaced. Errors: EINVAL, a line that asks for what there is
 * not. */
int page_print(FILE *template, FILE *out, struct err *err);

/* page_put - @text so that scdoc takes no character of it for its own */
void page_put(FILE *out, const char *text);

/* page_print_keys - see %keys. Errors: EINVAL, settings whose defaults app/manual/page_keys.c does not
 * know. */
int page_print_keys(const struct schema *schema, FILE *out, struct err *err);

#endif
