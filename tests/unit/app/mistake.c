/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/app/mistake.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static void assert_caret(const char *entry, const struct mistake *mistake)
{
	const char *source = strchr(entry, '\n') + 1;
	const char *caret = strchr(source, '\n') + 1;
	size_t indent = strspn(caret, " ");
	size_t length = strcspn(caret, "\n") - indent;
	assert_int_equal(indent, mistake->column - 1);
	assert_int_equal(length, strlen(mistake->at));
	assert_memory_equal(source + indent, mistake->at, length);
}

void mistake_assert_reported(const char *printed, const struct mistake *mistake)
{
	char head[32];
	snprintf(head, sizeof(head), "f:%d:%d: error: ", mistake->line, mistake->column);
	const char *entry = strstr(printed, head);
	if (!entry || strncmp(entry + strlen(head), mistake->message, strlen(mistake->message)) != 0)
		fail_msg("expected %s%s\nfound %s\nin %s", head, mistake->message, printed, mistake->text);
	assert_caret(entry, mistake);
}
