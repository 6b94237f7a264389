/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/pattern.h"

#include <string.h>

#include "tests/unit/unit.h"

static int fill(void **state)
{
	(void)state;
	pattern_init();
	return 0;
}

static void a_stream_matches_itself_wherever_it_is_cut(void **state)
{
	(void)state;
	for (uint64_t offset = 0; offset < 5 * PATTERN_PERIOD; offset += 977)
		assert_true(pattern_matches(pattern_at(offset), 4096, offset));
}

static void a_lost_byte_is_seen(void **state)
{
	(void)state;
	assert_false(pattern_matches(pattern_at(1001), 4096, 1000));
}

static void a_segment_in_another_ones_place_is_seen(void **state)
{
	(void)state;
	for (uint64_t segment = 1; segment <= 64; segment++)
		assert_false(pattern_matches(pattern_at(segment * 65536), 1448, 0));
}

static void a_changed_byte_is_seen(void **state)
{
	(void)state;
	char bytes[512];
	memcpy(bytes, pattern_at(7), sizeof(bytes));
	bytes[511] ^= 1;
	assert_false(pattern_matches(bytes, sizeof(bytes), 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_stream_matches_itself_wherever_it_is_cut),
	        cmocka_unit_test(a_lost_byte_is_seen),
	        cmocka_unit_test(a_segment_in_another_ones_place_is_seen),
	        cmocka_unit_test(a_changed_byte_is_seen),
	};
	return cmocka_run_group_tests(tests, fill, NULL);
}
