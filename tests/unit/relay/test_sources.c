/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/admission/sources.h"

#include <string.h>

#include "tests/unit/unit.h"

static struct cidr_address numbered(uint32_t number)
{
	struct cidr_address address = {.version = 4};
	memcpy(address.bytes, &number, sizeof(number));
	return address;
}

static uint32_t hold(struct sources *sources, uint32_t number)
{
	struct cidr_address address = numbered(number);
	return sources_hold(sources, &address);
}

static void open_table(struct sources *sources, uint32_t capacity)
{
	assert_int_equal(sources_init(sources, capacity, 4711), 0);
}

static void an_address_has_one_entry(void **state)
{
	struct sources sources;
	(void)state;
	open_table(&sources, 100);
	uint32_t first = hold(&sources, 1), other = hold(&sources, 2);
	assert_int_equal(hold(&sources, 1), first);
	assert_int_not_equal(other, first);
	sources_release(&sources, first);
	assert_int_equal(hold(&sources, 1), first);
	sources_fini(&sources);
}

static void families_are_told_apart(void **state)
{
	struct sources sources;
	struct cidr_address v4 = {.version = 4, .bytes = {10}}, v6 = {.version = 6, .bytes = {10}};
	(void)state;
	open_table(&sources, 100);
	assert_int_not_equal(sources_hold(&sources, &v4), sources_hold(&sources, &v6));
	sources_fini(&sources);
}

static void a_full_table_has_no_entry_for_a_new_address(void **state)
{
	struct sources sources;
	(void)state;
	open_table(&sources, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_not_equal(hold(&sources, i), SOURCES_NONE);
	assert_int_equal(hold(&sources, 3), SOURCES_NONE);
	assert_int_not_equal(hold(&sources, 2), SOURCES_NONE); /* a known one is served */
	sources_fini(&sources);
}

static void the_entry_given_up_longest_ago_makes_room(void **state)
{
	struct sources sources;
	uint32_t entries[3];
	(void)state;
	open_table(&sources, 3);
	for (uint32_t i = 0; i < 3; i++) {
		entries[i] = hold(&sources, i);
		sources_meter(&sources, entries[i])->full_at_ns = 100 + i;
	}
	sources_release(&sources, entries[1]);
	sources_release(&sources, entries[0]);
	uint32_t fresh = hold(&sources, 7);
	assert_int_equal(fresh, entries[1]);
	assert_int_equal(sources_meter(&sources, fresh)->full_at_ns,
	                 0); /* not the bucket of who had it before */
	uint32_t back = hold(&sources, 0);
	assert_int_equal(back, entries[0]);
	assert_int_equal(sources_meter(&sources, back)->full_at_ns, 100); /* still its own */
	assert_int_equal(hold(&sources, 1), SOURCES_NONE);
	sources_fini(&sources);
}

static void an_entry_stays_while_it_is_held(void **state)
{
	struct sources sources;
	(void)state;
	open_table(&sources, 2);
	uint32_t kept = hold(&sources, 1000000);
	assert_int_equal(hold(&sources, 1000000), kept);
	sources_release(&sources, kept);
	for (uint32_t i = 0; i < 1000; i++)
		sources_release(&sources, hold(&sources, i));
	assert_int_equal(hold(&sources, 1000000), kept);
	sources_fini(&sources);
}

/* Thousands of addresses come and go at random; a plain array says what must be. */
static void a_table_agrees_with_a_plain_list(void **state)
{
	enum { ADDRESSES = 300, CAPACITY = 128, STEPS = 100000 };
	struct sources sources;
	static uint32_t held[ADDRESSES], entries[ADDRESSES];
	uint32_t seed = 1, in_use = 0;
	(void)state;
	open_table(&sources, CAPACITY);
	for (int step = 0; step < STEPS; step++) {
		uint32_t i = ((seed = seed * 1103515245 + 12345) >> 8) % ADDRESSES;
		if (seed >> 31 && held[i]) {
			sources_release(&sources, entries[i]);
			in_use -= --held[i] == 0;
			continue;
		}
		uint32_t entry = hold(&sources, i);
		bool expected = held[i] || in_use < CAPACITY;
		assert_int_equal(entry != SOURCES_NONE, expected);
		if (!expected)
			continue;
		assert_true(held[i] == 0 || entries[i] == entry);
		entries[i] = entry;
		in_use += held[i]++ == 0;
	}
	sources_fini(&sources);
}

static void memory_is_told(void **state)
{
	(void)state;
	assert_in_range(sources_memory(16384), 16384 * sizeof(struct source), 2 * 1024 * 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_address_has_one_entry),
	        cmocka_unit_test(families_are_told_apart),
	        cmocka_unit_test(a_full_table_has_no_entry_for_a_new_address),
	        cmocka_unit_test(the_entry_given_up_longest_ago_makes_room),
	        cmocka_unit_test(an_entry_stays_while_it_is_held),
	        cmocka_unit_test(a_table_agrees_with_a_plain_list),
	        cmocka_unit_test(memory_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
