/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/live.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static void bytes_are_rounded_to_a_unit(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
	        {0, "0"},
	        {1023, "1023"},
	        {1024, "1.0K"},
	        {1536, "1.5K"},
	        {1024 * 1024 - 1, "1.0M"}, /* not 1024.0K */
	        {UINT64_C(5) << 30, "5.0G"},
	        {UINT64_MAX, "16.0E"},
	};
	char text[LIVE_TEXT_MAX];
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		assert_string_equal(live_format_bytes(cases[i].bytes, text, sizeof(text)), cases[i].text);
}

static void times_have_the_two_largest_units(void **state)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} cases[] = {
	        {0, "0.0s"},          {999, "0.9s"},       {9999, "9.9s"},      {10000, "10s"},
	        {59999, "59s"},       {60000, "1m00s"},    {3599999, "59m59s"}, {3600000, "1h00m"},
	        {86399999, "23h59m"}, {86400000, "1d00h"},
	};
	char text[LIVE_TEXT_MAX];
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		assert_string_equal(live_format_time(cases[i].ms, text, sizeof(text)), cases[i].text);
}

static void most_comes_first_and_equals_stay(void **state)
{
	json_t *all = json_loads("[{\"id\":0,\"age_ms\":5},{\"id\":1,\"age_ms\":9},{\"id\":2,\"age_ms\":5},"
	                         "{\"id\":3,\"age_ms\":70}]",
	                         0, NULL);
	static const int expected[] = {3, 1, 0, 2};
	(void)state;
	live_sort(all, live_find_order("age"));
	for (size_t i = 0; i < ARRAY_COUNT(expected); i++)
		assert_int_equal(json_integer_value(json_object_get(json_array_get(all, i), "id")),
		                 expected[i]);
	json_decref(all);
	assert_int_equal(live_find_order("name"), -1);
}

/* A daemon of another version may leave out what it does not know. */
static void empty_answers_are_printed(void **state)
{
	static const struct live_list *const lists[] = {&live_counters, &live_relays, &live_backends, &live_connections};
	json_t *nothing = json_object(),
	       *hollow = json_pack("{s:[{}], s:[{}], s:[{}], s:[{}]}", "counters", "relays", "backends", "connections");
	char *text = NULL;
	size_t size;
	(void)state;
	FILE *out = open_memstream(&text, &size);
	assert_int_equal(live_print_status(nothing, out), 0);
	for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
		struct live_table table;
		live_table_init(&table, lists[i], -1);
		assert_int_equal(live_table_add(&table, nothing), 0);
		assert_int_equal(live_table_print(&table, 0, out), 0);
		assert_int_equal(live_table_add(&table, hollow), 0);
		assert_int_equal(live_table_print(&table, 0, out), 0);
		assert_int_equal(table.rows.count, 1);
		live_table_fini(&table);
	}
	fclose(out);
	assert_contains(text, "no connections");
	free(text);
	json_decref(nothing);
	json_decref(hollow);
}

static void rows_of_several_replies_are_sorted_and_cut(void **state)
{
	json_t *one = json_pack("{s:[{s:i,s:i},{s:i,s:i}]}", "connections", "id", 7, "age_ms", 5, "id", 8, "age_ms", 9000),
	       *other = json_pack("{s:[{s:i,s:i}]}", "connections", "id", 9, "age_ms", 7000);
	struct live_table table;
	char *text = NULL;
	size_t size;
	(void)state;
	FILE *out = open_memstream(&text, &size);
	live_table_init(&table, &live_connections, live_find_order("age"));
	assert_int_equal(live_table_add(&table, one), 0);
	assert_int_equal(live_table_add(&table, other), 0);
	assert_int_equal(live_table_print(&table, 2, out), 0);
	live_table_fini(&table);
	fclose(out);
	const char *eight = strstr(text, "8"), *nine = strstr(text, "9  ");
	assert_true(eight && nine && eight < nine);
	assert_null(strstr(text, "7  "));
	free(text);
	json_decref(one);
	json_decref(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(bytes_are_rounded_to_a_unit),
	        cmocka_unit_test(times_have_the_two_largest_units),
	        cmocka_unit_test(most_comes_first_and_equals_stay),
	        cmocka_unit_test(empty_answers_are_printed),
	        cmocka_unit_test(rows_of_several_replies_are_sorted_and_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
