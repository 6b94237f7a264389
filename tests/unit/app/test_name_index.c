/* SPDX-License-Identifier: Apache-2.0 */
#include "app/text/name_index.h"

#include <stdio.h>

#include "tests/unit/unit.h"

static void an_empty_index_finds_nothing(void **state)
{
	(void)state;
	struct name_index index = {0};
	assert_int_equal(name_index_find(&index, "a"), NAME_INDEX_NONE);
	assert_int_equal(name_index_find(&index, ""), NAME_INDEX_NONE);
	name_index_fini(&index);
}

static void each_of_many_names_keeps_its_value(void **state)
{
	(void)state;
	enum { COUNT = 10000 };
	struct name_index index = {0};
	char name[16];
	for (uint32_t i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(name_index_find(&index, name), NAME_INDEX_NONE);
		assert_true(name_index_add(&index, name, i));
	}
	for (uint32_t i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(name_index_find(&index, name), i);
	}
	assert_int_equal(name_index_find(&index, "n10000"), NAME_INDEX_NONE);
	name_index_fini(&index);
}

static void the_empty_name_is_a_name(void **state)
{
	(void)state;
	struct name_index index = {0};
	assert_true(name_index_add(&index, "", 7));
	assert_int_equal(name_index_find(&index, ""), 7);
	name_index_fini(&index);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_empty_index_finds_nothing),
	        cmocka_unit_test(each_of_many_names_keeps_its_value),
	        cmocka_unit_test(the_empty_name_is_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
