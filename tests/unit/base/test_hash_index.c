/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash_index.h"

#include "tests/unit/unit.h"

static size_t count_chain(const struct hash_index *index, uint32_t hash)
{
	size_t count = 0;
	for (uint32_t i = hash_index_first(index, hash); i != HASH_INDEX_END; i = hash_index_next(index, i))
		count++;
	return count;
}

static void each_element_is_in_the_chain_of_its_hash(void **state)
{
	struct hash_index index;
	(void)state;
	assert_int_equal(hash_index_init(&index, 100), 0);
	for (uint32_t i = 0; i < 100; i++)
		hash_index_add(&index, i / 10, i);
	for (uint32_t hash = 0; hash < 10; hash++) {
		assert_int_equal(count_chain(&index, hash), 10);
		assert_int_equal(hash_index_first(&index, hash), hash * 10 + 9);
	}
	assert_int_equal(count_chain(&index, 10), 0);
	hash_index_fini(&index);
}

static void more_find_room_and_chains_stay(void **state)
{
	struct hash_index index;
	(void)state;
	assert_int_equal(hash_index_init(&index, 0), 0);
	assert_int_equal(hash_index_reserve(&index, 1000), 0);
	for (uint32_t i = 0; i < 1000; i++)
		hash_index_add(&index, 0xffffffff, i);
	assert_int_equal(hash_index_reserve(&index, 5), 0); /* there is more already */
	assert_int_equal(count_chain(&index, 0xffffffff), 1000);
	hash_index_fini(&index);
}

static void hash_is_of_all_bytes_and_what_was_before(void **state)
{
	(void)state;
	assert_int_equal(hash_index_bytes("", 0, 0), 0x811c9dc5); /* of the algorithm's own test values */
	assert_int_equal(hash_index_bytes("a", 1, 0), 0xe40c292c);
	assert_int_equal(hash_index_bytes("foobar", 6, 0), 0xbf9cf968);
	assert_true(hash_index_bytes("a", 1, 1) != hash_index_bytes("a", 1, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_element_is_in_the_chain_of_its_hash),
		cmocka_unit_test(more_find_room_and_chains_stay),
		cmocka_unit_test(hash_is_of_all_bytes_and_what_was_before),
	};
	return cmocka_run_group_tests_name("hash index", tests, NULL, NULL);
}
