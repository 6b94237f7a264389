/* SPDX-License-Identifier: Apache-2.0 */
#include "app/text/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static char *printed;

static const char *print_failure(const struct report *report, int rc)
{
	size_t size;
	free(printed);
	FILE *out = open_memstream(&printed, &size);
	assert_non_null(out);
	report_print_failure(report, rc, out);
	fclose(out);
	return printed;
}

static const char *print(const struct report *report)
{
	return print_failure(report, -EINVAL);
}

static int free_printed(void **state)
{
	(void)state;
	free(printed);
	printed = NULL;
	return 0;
}

static void mistake_shows_its_line_and_a_caret(void **state)
{
	(void)state;
	struct report report;
	const char *text = "a: 1\n  lisen: x\n";
	report_init(&report, "f.yaml", text, strlen(text));
	report_add(&report, (struct span){7, 5}, "unknown key '%s'; expected 'listen'", "lisen");
	assert_string_equal(print(&report), "f.yaml:2:3: error: unknown key 'lisen'; expected 'listen'\n"
					    "  lisen: x\n"
					    "  ^~~~~\n");
}

static void mistakes_are_printed_in_the_order_of_the_text(void **state)
{
	(void)state;
	struct report report;
	report_init(&report, "f", "ab\ncd\n", 6);
	report_add(&report, (struct span){4, 1}, "third");
	report_add(&report, (struct span){0, 1}, "first");
	report_add(&report, (struct span){3, 1}, "second");
	assert_string_equal(print(&report), "f:1:1: error: first\nab\n^\n"
					    "f:2:1: error: second\ncd\n^\n"
					    "f:2:2: error: third\ncd\n ^\n");
}

static void columns_count_characters_and_tabs_are_one(void **state)
{
	(void)state;
	struct report report;
	const char *text = "\xc3\xa9\t\xe2\x82\xac: \xc3\xa9\xc3\xa9!";
	report_init(&report, "f", text, strlen(text));
	report_add(&report, (struct span){8, 4}, "x");
	assert_string_equal(print(&report),
			    "f:1:6: error: x\n\xc3\xa9 \xe2\x82\xac: \xc3\xa9\xc3\xa9!\n     ^~\n");
}

static void lines_end_at_any_of_the_three_breaks(void **state)
{
	(void)state;
	struct report report;
	report_init(&report, "f", "a\r\nb\rc\nd", 8);
	static const size_t offsets[] = {0, 3, 5, 7};
	for (size_t i = 0; i < ARRAY_COUNT(offsets); i++)
		assert_int_equal(report_line(&report, offsets[i]), i + 1);
	report_add(&report, (struct span){5, 1}, "x");
	assert_string_equal(print(&report), "f:3:1: error: x\nc\n^\n");
}

static void bytes_a_terminal_obeys_are_not_shown(void **state)
{
	(void)state;
	struct report report;
	report_init(&report, "f", "a\x1b[31m\xff\xc2\x9b!", 10);
	report_add(&report, (struct span){9, 1}, "bad\x1b");
	assert_string_equal(print(&report), "f:1:9: error: bad?\na [31m? !\n        ^\n");
}

static void place_at_or_beyond_the_end_is_allowed(void **state)
{
	(void)state;
	struct report report;
	report_init(&report, "f", "ab", 2);
	report_add(&report, (struct span){2, 1}, "x");
	assert_string_equal(print(&report), "f:1:3: error: x\nab\n  ^\n");
	report_init(&report, "f", "ab", 2);
	report_add(&report, (struct span){(size_t)-1, (size_t)-1}, "x");
	assert_string_equal(print(&report), "f:1:3: error: x\nab\n  ^\n");
	report_init(&report, "f", "", 0);
	report_add(&report, (struct span){0}, "x");
	assert_string_equal(print(&report), "f:1:1: error: x\n");
}

static void long_line_is_shown_around_the_caret(void **state)
{
	(void)state;
	struct report report;
	char text[1000];
	memset(text, '.', sizeof(text));
	text[500] = '!';
	report_init(&report, "f", text, sizeof(text));
	report_add(&report, (struct span){500, 400}, "x");
	const char *source = strchr(print(&report), '\n') + 1;
	const char *caret = strchr(source, '\n') + 1;
	assert_int_equal(strncmp(printed, "f:1:501: ", 9), 0);
	assert_int_equal(source[strchr(caret, '^') - caret], '!');
	assert_true(strlen(caret) <= (size_t)(caret - source));
}

static void later_mistakes_are_only_counted(void **state)
{
	(void)state;
	struct report report;
	report_init(&report, "f", "a", 1);
	for (int i = 0; i < REPORT_ENTRIES_MAX + 5; i++)
		report_add(&report, (struct span){0, 1}, "x");
	assert_int_equal(report.count, REPORT_ENTRIES_MAX + 5);
	assert_contains(print(&report), "\nf: 5 more mistakes are not shown\n");
}

static void nothing_is_printed_without_mistakes_or_a_stream(void **state)
{
	(void)state;
	struct report report;
	report_init(&report, "f", "a", 1);
	assert_string_equal(print(&report), "");
	report_print(&report, NULL);
}

static void lack_of_memory_is_told_in_place_of_mistakes(void **state)
{
	(void)state;
	struct report report;
	report_init(&report, "f", "a", 1);
	report_add(&report, (struct span){0, 1}, "x");
	assert_string_equal(print_failure(&report, -ENOMEM), "f: error: out of memory\n");
	report_print_failure(&report, -ENOMEM, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistake_shows_its_line_and_a_caret),
		cmocka_unit_test(mistakes_are_printed_in_the_order_of_the_text),
		cmocka_unit_test(columns_count_characters_and_tabs_are_one),
		cmocka_unit_test(lines_end_at_any_of_the_three_breaks),
		cmocka_unit_test(bytes_a_terminal_obeys_are_not_shown),
		cmocka_unit_test(place_at_or_beyond_the_end_is_allowed),
		cmocka_unit_test(long_line_is_shown_around_the_caret),
		cmocka_unit_test(later_mistakes_are_only_counted),
		cmocka_unit_test(nothing_is_printed_without_mistakes_or_a_stream),
		cmocka_unit_test(lack_of_memory_is_told_in_place_of_mistakes),
	};
	return cmocka_run_group_tests(tests, NULL, free_printed);
}
