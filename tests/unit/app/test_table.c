/* SPDX-License-Identifier: Apache-2.0 */
#include "app/text/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/text/brief.h"
#include "tests/unit/unit.h"

static const char *const columns[] = {"NAME", ">MTU", "MODE", "ALIAS"};

static void add_row(struct table *table, const char *name, const char *mtu, const char *mode,
                    const char *alias)
{
	const char *const cells[] = {name, mtu, mode, alias};
	for (size_t i = 0; i < ARRAY_COUNT(cells); i++)
		table_add(table, "%s", cells[i]);
}

static void assert_printed(struct table *table, const char *expected)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_int_equal(table_print(table, "  ", out), 0);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
	table_fini(table);
}

static void columns_are_aligned_and_no_blank_ends_a_line(void **state)
{
	(void)state;
	struct table table = TABLE_INIT(columns);
	add_row(&table, "veth0", "1500", "l2", "");
	add_row(&table, "v", "65536", "", "own");
	add_row(&table, "", "9", "", "");
	assert_int_equal(table_rows(&table), 3);
	assert_printed(&table, "  NAME     MTU  MODE  ALIAS\n"
	                       "  veth0   1500  l2\n"
	                       "  v      65536        own\n"
	                       "             9\n");
}

static void a_column_of_empty_cells_is_left_out(void **state)
{
	(void)state;
	struct table table = TABLE_INIT(columns);
	add_row(&table, "a", "", "", "x");
	add_row(&table, "b", "", "", "");
	assert_printed(&table, "  NAME  ALIAS\n"
	                       "  a     x\n"
	                       "  b\n");
}

static void a_table_without_rows_prints_nothing(void **state)
{
	(void)state;
	struct table table = TABLE_INIT(columns);
	assert_int_equal(table_rows(&table), 0);
	assert_printed(&table, "");
}

static void what_a_terminal_might_obey_is_made_visible(void **state)
{
	(void)state;
	struct table table = TABLE_INIT(columns);
	add_row(&table, "a\x1b[2J\n", "\xff", "\xc2\x9b", "\xc3\xa9");
	assert_printed(&table, "  NAME           MTU  MODE      ALIAS\n"
	                       "  a\\x1b[2J\\x0a  \\xff  \\xc2\\x9b  \xc3\xa9\n");
}

static void characters_count_not_bytes(void **state)
{
	(void)state;
	struct table table = TABLE_INIT(columns);
	add_row(&table, "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", "1", "", "");
	add_row(&table, "abcde", "2", "", "");
	assert_printed(&table, "  NAME   MTU\n"
	                       "  \xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9    1\n"
	                       "  abcde    2\n");
}

/* ---- brief lists ---- */

static void a_brief_list_shows_the_first_and_counts_the_others(void **state)
{
	(void)state;
	struct brief brief;
	brief_init(&brief);
	assert_string_equal(brief_text(&brief), "");
	brief_add(&brief, "nginx %d", 12);
	assert_string_equal(brief_text(&brief), "nginx 12");
	for (int i = 0; i < 3; i++)
		brief_add(&brief, "%d", i);
	assert_string_equal(brief_text(&brief), "nginx 12, 0, 1, 2");
	for (int i = 0; i < 97; i++)
		brief_add(&brief, "more");
	assert_string_equal(brief_text(&brief), "nginx 12, 0, 1, 2 and 97 more");
}

static void a_brief_list_of_long_words_is_cut(void **state)
{
	(void)state;
	char word[BRIEF_TEXT_MAX + 1];
	struct brief brief;
	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	brief_init(&brief);
	for (int i = 0; i < 2 * BRIEF_SHOWN_MAX; i++)
		brief_add(&brief, "%s", word);
	const char *text = brief_text(&brief);
	assert_true(strlen(text) < BRIEF_TEXT_MAX);
	assert_contains(text, "x and 4 more");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(columns_are_aligned_and_no_blank_ends_a_line),
	        cmocka_unit_test(a_column_of_empty_cells_is_left_out),
	        cmocka_unit_test(a_table_without_rows_prints_nothing),
	        cmocka_unit_test(what_a_terminal_might_obey_is_made_visible),
	        cmocka_unit_test(characters_count_not_bytes),
	        cmocka_unit_test(a_brief_list_shows_the_first_and_counts_the_others),
	        cmocka_unit_test(a_brief_list_of_long_words_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
