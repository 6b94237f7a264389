/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/histogram.h"

#include <math.h>

#include "tests/unit/unit.h"

static struct histogram histogram;

static int empty(void **state)
{
	(void)state;
	histogram = (struct histogram){0};
	return 0;
}

static void an_empty_histogram_has_quantile_zero(void **state)
{
	(void)state;
	assert_true(histogram_quantile(&histogram, .5) == 0);
}

static void every_value_comes_back_within_half_a_percent(void **state)
{
	(void)state;
	for (uint64_t value = 1; value < UINT64_C(1) << HISTOGRAM_VALUE_BITS; value += value / 3 + 1) {
		histogram = (struct histogram){0};
		histogram_add(&histogram, value);
		double found = (double)histogram_quantile(&histogram, .5);
		assert_true(fabs(found - (double)value) <= .005 * (double)value);
	}
}

static void quantiles_split_the_values(void **state)
{
	(void)state;
	for (uint64_t value = 1; value <= 100; value++)
		histogram_add(&histogram, value);
	assert_true(histogram_quantile(&histogram, 0) == 1);
	assert_true(histogram_quantile(&histogram, .5) == 51);
	assert_true(histogram_quantile(&histogram, .99) == 100);
	assert_true(histogram_quantile(&histogram, 1) == 100);
}

static void a_value_beyond_the_range_counts_as_the_largest(void **state)
{
	(void)state;
	histogram_add(&histogram, UINT64_MAX);
	assert_true(histogram.max == UINT64_MAX);
	assert_true(histogram.count[HISTOGRAM_BUCKET_COUNT - 1] == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(an_empty_histogram_has_quantile_zero, empty),
	        cmocka_unit_test_setup(every_value_comes_back_within_half_a_percent, empty),
	        cmocka_unit_test_setup(quantiles_split_the_values, empty),
	        cmocka_unit_test_setup(a_value_beyond_the_range_counts_as_the_largest, empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
