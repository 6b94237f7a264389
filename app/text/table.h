/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table for people to read: aligned columns under headings.
 *
 *	static const char *const columns[] = {"LINK", ">MTU"};
 *	struct table table = TABLE_INIT(columns);
 *	table_add(&table, "%s", link->name);
 *	table_add(&table, "%u", link->mtu);
 *	table_print(&table, "  ", stdout);
 *	table_fini(&table);
 */
#ifndef NSRELAY_APP_TEXT_TABLE_H
#define NSRELAY_APP_TEXT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/check.h"
#include "base/vec.h"

struct table {
	const char *const *headings; /* of one that begins with '>' the cells are aligned to the right */
	size_t column_count;
	VEC(char *) cells; /* row by row */
	bool is_short;     /* memory ran out */
};

#define TABLE_INIT(array)                                                                                    \
	{                                                                                                    \
		.headings = (array), .column_count = ARRAY_COUNT(array)                                      \
	}

/*
 * table_add - the next cell, "" for nothing; each so many fill a row
 * Control characters, which a terminal might obey, and bytes that are no UTF-8 are shown as \xNN.
 */
void table_add(struct table *table, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* table_add_text - the same of @text as it is; NULL: there was no memory for it */
void table_add_text(struct table *table, const char *text);

/* table_rows - how many have been begun */
size_t table_rows(const struct table *table);

/*
 * table_print - each line behind @indent; a column of which all cells are empty is left out, and of a table
 * without rows nothing is printed
 *
 * Errors: -ENOMEM when a cell could not be kept; nothing is printed then.
 */
int table_print(const struct table *table, const char *indent, FILE *out);

/* table_print_some - of its rows those in @rows, in that order; NULL: the first @count */
int table_print_some(const struct table *table, const char *indent, const size_t *rows, size_t count,
                     FILE *out);
void table_fini(struct table *table);

/* table_visible - @text as table_add() keeps it, allocated; NULL: no memory */
char *table_visible(const char *text);

#endif
