/* SPDX-License-Identifier: Apache-2.0 */
#include "app/text/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

/* In characters: how much of a line is shown, and how much before a caret that is further right. */
enum { SHOWN_MAX = 120, SHOWN_BEFORE = 60 };

void report_init(struct report *report, const char *name, const char *text, size_t size)
{
	report->name = name;
	report->text = text;
	report->size = size;
	report->count = 0;
}

static size_t kept(const struct report *report)
{
	return report->count < REPORT_ENTRIES_MAX ? report->count : REPORT_ENTRIES_MAX;
}

void report_add(struct report *report, struct span at, const char *fmt, ...)
{
	size_t i = kept(report);
	report->count++;
	if (i == REPORT_ENTRIES_MAX)
		return;
	for (; i > 0 && report->entries[i - 1].at.offset > at.offset; i--)
		report->entries[i] = report->entries[i - 1];

	char text[ERR_TEXT_MAX];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	report->entries[i].at = at;
	err_set(&report->entries[i].err, EINVAL, "%s", text);
}

/* breaks_line - does a line end at @offset? YAML 1.2, 5.4: at LF, CR LF, or CR alone */
static bool breaks_line(const struct report *report, size_t offset)
{
	char c = report->text[offset];
	bool lf_follows = offset + 1 < report->size && report->text[offset + 1] == '\n';
	return c == '\n' || (c == '\r' && !lf_follows);
}

static size_t line_start(const struct report *report, size_t offset)
{
	while (offset > 0 && !breaks_line(report, offset - 1))
		offset--;
	return offset;
}

size_t report_line(const struct report *report, size_t offset)
{
	size_t line = 1;
	for (size_t i = 0; i < offset; i++)
		line += breaks_line(report, i);
	return line;
}

/* next - the offset of the character after the one at @offset, which is not the text's end */
static size_t next(const struct report *report, size_t offset, uint32_t *ret_c)
{
	size_t length = utf8_decode(report->text + offset, report->size - offset, ret_c);
	if (length > 0)
		return offset + length;
	*ret_c = '?';
	return offset + 1;
}

/* characters_between - how many characters there are from @start up to @end, which may lie inside the last */
static size_t characters_between(const struct report *report, size_t start, size_t end)
{
	size_t count = 0;
	uint32_t c;
	for (; start < end; count++)
		start = next(report, start, &c);
	return count;
}

/* print_source - the line from @start on, without its first @skip characters; returns how many it printed */
static size_t print_source(const struct report *report, size_t start, size_t skip, FILE *out)
{
	size_t shown = 0, offset = start;
	while (offset < report->size && !strchr("\r\n", report->text[offset]) && shown < SHOWN_MAX) {
		uint32_t c;
		size_t end = next(report, offset, &c);
		if (skip > 0)
			skip--;
		else if (shown++, end - offset == 1 || utf8_is_control(c))
			fputc(c < ' ' || utf8_is_control(c) ? ' ' : (int)c, out); /* a tab is one column */
		else
			fwrite(report->text + offset, end - offset, 1, out);
		offset = end;
	}
	fputc('\n', out);
	return shown;
}

static void print_caret(size_t indent, size_t length, size_t shown, FILE *out)
{
	for (size_t i = 0; i < indent; i++)
		fputc(' ', out);
	fputc('^', out);
	for (size_t i = 1; i < length && indent + i < shown; i++)
		fputc('~', out);
	fputc('\n', out);
}

static void print_entry(const struct report *report, const struct report_entry *entry, FILE *out)
{
	size_t offset = entry->at.offset < report->size ? entry->at.offset : report->size;
	size_t end = offset + entry->at.length < report->size ? offset + entry->at.length : report->size;
	size_t start = line_start(report, offset);
	size_t before = characters_between(report, start, offset);
	size_t skip = before < SHOWN_MAX ? 0 : before - SHOWN_BEFORE;
	fprintf(out, "%s:%zu:%zu: error: %s\n", report->name, report_line(report, offset), before + 1,
		entry->err.text);
	if (report->size == 0)
		return;
	size_t shown = print_source(report, start, skip, out);
	print_caret(before - skip, characters_between(report, offset, end), shown, out);
}

void report_print(const struct report *report, FILE *out)
{
	if (!out)
		return;
	for (size_t i = 0; i < kept(report); i++)
		print_entry(report, &report->entries[i], out);
	if (report->count > REPORT_ENTRIES_MAX)
		fprintf(out, "%s: %zu more mistakes are not shown\n", report->name,
			report->count - REPORT_ENTRIES_MAX);
}

void report_print_failure(const struct report *report, int rc, FILE *out)
{
	if (rc == -ENOMEM && out)
		fprintf(out, "%s: error: out of memory\n", report->name);
	else
		report_print(report, out);
}
