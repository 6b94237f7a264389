/* SPDX-License-Identifier: Apache-2.0 */
/* The counters: docs/COUNTERS.md says what the table says. */
#include "relay/counters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/nsrelay/metrics_text.h"
#include "tests/unit/app/document.h"
#include "tests/unit/unit.h"

static void documentation_has_every_counter(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	(void)state;
	assert_non_null(out);
	fputs("| counter | what it counts | what to do when it moves |\n|---|---|---|\n", out);
	for (unsigned i = 0; i < COUNTER_COUNT; i++) {
		const char *advice = counter_advice(i);
		fprintf(out, "| `%s` | %s |%s%s |\n", counter_name(i), counter_help(i), advice[0] ? " " : "", advice);
	}
	fputs("\nThat is what `/metrics` has too, each name behind `nsrelay_`, and those by cause as one, `nsrelay_closed_total`. Beside it:\n\n",
	      out);
	metrics_text_document(out);
	fclose(out);
	document_check(DOCUMENT, "## The counters\n\n", text);
	free(text);
}

static void no_two_counters_have_one_name(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNTER_COUNT; i++) {
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(counter_name(i), counter_name(j));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(documentation_has_every_counter),
	        cmocka_unit_test(no_two_counters_have_one_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
