/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes what documents the programs, while they are built: it is linked with their own tables, so that pages
 * and completions say what the programs do. Not installed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/manual/completion.h"
#include "app/manual/page.h"
#include "app/manual/programs.h"

static int page(const char *path)
{
	struct err err = ERR_INIT;
	FILE *template = fopen(path, "re");
	if (!template) {
		perror(path);
		return EXIT_FAILURE;
	}
	int r = page_print(template, stdout, &err);
	fclose(template);
	if (r < 0)
		fprintf(stderr, "%s: %s\n", path, err.text);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int completion(const char *shell, const char *program)
{
	const struct manual *manual = programs_find(program);
	if (manual && completion_print(shell, manual, stdout))
		return EXIT_SUCCESS;
	fprintf(stderr, "no completion of %s for %s\n", program, shell);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	int status = EXIT_USAGE;
	if (argc == 3 && strcmp(argv[1], "page") == 0)
		status = page(argv[2]);
	else if (argc == 4 && strcmp(argv[1], "completion") == 0)
		status = completion(argv[2], argv[3]);
	else
		fputs("usage: nsrelay_manual page TEMPLATE\n"
		      "       nsrelay_manual completion SHELL PROGRAM\n",
		      stderr);
	if (fflush(stdout) != 0 || ferror(stdout))
		status = EXIT_FAILURE;
	return status;
}
