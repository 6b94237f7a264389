/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/app/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = calloc(1, 1 << 20);
	assert_non_null(file);
	assert_non_null(text);
	assert_in_range(fread(text, 1, (1 << 20) - 1, file), 1, (1 << 20) - 2);
	fclose(file);
	return text;
}

void document_check(const char *path, const char *heading, const char *text)
{
	char *document = read_file(path), *end = strstr(document, heading);
	assert_non_null(end);
	end += strlen(heading);
	if (getenv("NSRELAY_WRITE_DOCS") && strcmp(end, text) != 0) {
		FILE *file = fopen(path, "we");
		assert_non_null(file);
		fprintf(file, "%.*s%s", (int)(end - document), document, text);
		assert_int_equal(fclose(file), 0);
	} else if (strcmp(end, text) != 0) {
		fail_msg("%s is not what the tables say: run this test with NSRELAY_WRITE_DOCS=1", path);
	}
	free(document);
}
