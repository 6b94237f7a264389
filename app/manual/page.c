/* SPDX-License-Identifier: Apache-2.0 */
#include "app/manual/page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/manual/programs.h"

void page_put(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("\\*_#[]<>|+-.~", *text))
			putc('\\', out);
		putc(*text, out);
	}
}

/* put_notes - lines that stay as they are broken would be a picture; these are prose */
static void put_notes(FILE *out, const char *notes)
{
	if (*notes)
		putc('\n', out);
	page_put(out, notes);
}

static void put_option(FILE *out, const struct cli_option *option)
{
	fputs("\n*", out);
	if (option->letter)
		fprintf(out, "\\-%c*, *", option->letter);
	page_put(out, "--");
	page_put(out, option->name);
	putc('*', out);
	if (option->placeholder) {
		fputs(" ", out);
		page_put(out, option->placeholder);
	}
	fputs("\n\t", out);
	page_put(out, option->help);
	putc('\n', out);
}

static void put_verb(void *ctx, const struct manual_verb *verb)
{
	FILE *out = ctx;
	fprintf(out, "\n## %s [OPTION...]", verb->name);
	if (*verb->arguments)
		fprintf(out, " %s", verb->arguments);
	fputs("\n\n", out);
	page_put(out, verb->help);
	putc('\n', out);
	for (size_t i = 0; i < verb->option_count; i++)
		put_option(out, &verb->options[i]);
	put_notes(out, verb->notes);
}

static int put_verbs(const char *program, FILE *out, struct err *err)
{
	const struct manual *manual = programs_find(program);
	if (!manual)
		return err_set(err, EINVAL, "%%verbs %s: there is no such program", program);
	manual->each_verb(put_verb, out);
	return 0;
}

static int put_keys(const char *file, FILE *out, struct err *err)
{
	const struct schema *schema = programs_find_file(file);
	if (!schema)
		return err_set(err, EINVAL, "%%keys %s: there is no such file", file);
	return page_print_keys(schema, out, err);
}

static int put_line(char *line, FILE *out, struct err *err)
{
	char *name = strchr(line, ' ');
	if (*line != '%') {
		fputs(line, out);
		return 0;
	}
	line[strcspn(line, "\n")] = '\0';
	if (name && strncmp(line, "%verbs ", 7) == 0)
		return put_verbs(name + 1, out, err);
	if (name && strncmp(line, "%keys ", 6) == 0)
		return put_keys(name + 1, out, err);
	return err_set(err, EINVAL, "'%.64s' is no directive; expected %%verbs PROGRAM or %%keys FILE", line);
}

int page_print(FILE *template, FILE *out, struct err *err)
{
	char *line = NULL;
	size_t size = 0;
	int r = 0;
	while (r == 0 && getline(&line, &size, template) >= 0)
		r = put_line(line, out, err);
	free(line);
	return r;
}
