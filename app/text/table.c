/* SPDX-License-Identifier: Apache-2.0 */
#include "app/text/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

enum { ESCAPE_SIZE = sizeof("\\x1b") - 1, GAP = 2 };

/* ---- cells ---- */

/* copy_visible - the character at @text, of @size bytes, to @out, which is moved on; returns how many it
 * took */
static size_t copy_visible(const char *text, size_t size, char **out)
{
	uint32_t c;
	size_t length = utf8_decode(text, size, &c);
	if (length > 0 && !utf8_is_control(c)) {
		memcpy(*out, text, length);
		*out += length;
		return length;
	}
	size_t escaped = length > 0 ? length : 1;
	for (size_t i = 0; i < escaped; i++)
		*out += sprintf(*out, "\\x%02x", (unsigned char)text[i]);
	return escaped;
}

/* is_plain - is there nothing to be shown as something else? So it is nearly always. */
static bool is_plain(const char *text)
{
	while (*text >= ' ' && *text <= '~')
		text++;
	return *text == '\0';
}

char *table_visible(const char *text)
{
	if (is_plain(text))
		return strdup(text);
	size_t size = strlen(text);
	char *visible = malloc(size * ESCAPE_SIZE + 1), *out = visible;
	if (!visible)
		return NULL;
	for (size_t at = 0; at < size;)
		at += copy_visible(text + at, size - at, &out);
	*out = '\0';
	return visible;
}

/* Many cells are this: it is nobody's. */
static char empty[] = "";

static void free_cell(char *cell)
{
	if (cell != empty)
		free(cell);
}

void table_add_text(struct table *table, const char *text)
{
	char *visible = !text ? NULL : *text ? table_visible(text) : empty;
	char **cell = visible ? vec_push(&table->cells) : NULL;
	if (cell)
		*cell = visible;
	else
		free_cell(visible);
	table->is_short |= !cell;
}

void table_add(struct table *table, const char *fmt, ...)
{
	char *text;
	va_list args;
	va_start(args, fmt);
	int length = vasprintf(&text, fmt, args);
	va_end(args);
	table_add_text(table, length < 0 ? NULL : text);
	if (length >= 0)
		free(text);
}

size_t table_rows(const struct table *table)
{
	return (table->cells.count + table->column_count - 1) / table->column_count;
}

void table_fini(struct table *table)
{
	for (size_t i = 0; i < table->cells.count; i++)
		free_cell(table->cells.items[i]);
	vec_clear(&table->cells);
}

/* ---- printing ---- */

/* width_of - in characters; wide ones are taken for narrow */
static size_t width_of(const char *text)
{
	size_t width = 0;
	for (; *text; text++)
		width += (*text & 0xc0) != 0x80; /* RFC 3629: bytes that continue a character */
	return width;
}

static const char *cell_at(const struct table *table, size_t row, size_t column)
{
	return table->cells.items[row * table->column_count + column];
}

static bool is_to_the_right(const struct table *table, size_t column)
{
	return table->headings[column][0] == '>';
}

static const char *heading_of(const struct table *table, size_t column)
{
	return table->headings[column] + is_to_the_right(table, column);
}

/* width_of_column - 0: all its cells are empty */
static size_t width_of_column(const struct table *table, size_t column, const size_t *rows, size_t count)
{
	size_t width = 0, heading = width_of(heading_of(table, column));
	for (size_t i = 0; i < count; i++) {
		size_t cell = width_of(cell_at(table, rows ? rows[i] : i, column));
		width = cell > width ? cell : width;
	}
	return width > 0 && heading > width ? heading : width;
}

static void put_spaces(size_t count, FILE *out)
{
	while (count-- > 0)
		putc_unlocked(' ', out);
}

/* A line that is being printed; spaces are owed until something follows them, so that none end a line. */
struct line {
	FILE *out;
	size_t owed;
};

static void put_cell(struct line *line, const char *text, size_t width, bool to_the_right)
{
	size_t rest = width - width_of(text);
	if (to_the_right)
		line->owed += rest;
	if (*text) {
		put_spaces(line->owed, line->out);
		fputs_unlocked(text, line->out);
		line->owed = 0;
	}
	line->owed += (to_the_right ? 0 : rest) + GAP;
}

/* print_line - the headings (@row SIZE_MAX) or a row */
static void print_line(const struct table *table, const size_t *widths, size_t row, const char *indent,
                       FILE *out)
{
	struct line line = {.out = out};
	fputs(indent, out);
	for (size_t i = 0; i < table->column_count; i++) {
		if (widths[i] > 0)
			put_cell(&line, row == SIZE_MAX ? heading_of(table, i) : cell_at(table, row, i),
			         widths[i], is_to_the_right(table, i));
	}
	putc('\n', out);
}

int table_print_some(const struct table *table, const char *indent, const size_t *rows, size_t count,
                     FILE *out)
{
	size_t *widths = calloc(table->column_count, sizeof(*widths));
	if (!widths || table->is_short) {
		free(widths);
		return -ENOMEM;
	}
	CHECK(table->cells.count % table->column_count == 0);
	for (size_t i = 0; i < table->column_count; i++)
		widths[i] = width_of_column(table, i, rows, count);
	if (count > 0)
		print_line(table, widths, SIZE_MAX, indent, out);
	for (size_t i = 0; i < count; i++)
		print_line(table, widths, rows ? rows[i] : i, indent, out);
	free(widths);
	return 0;
}

int table_print(const struct table *table, const char *indent, FILE *out)
{
	return table_print_some(table, indent, NULL, table_rows(table), out);
}
