/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/stats.h"

#include "bench/nsbench/text.h"
#include "tests/unit/bench/unit.hpp"

using namespace nsbench;

static void no_samples_have_no_spread(void **)
{
	Spread spread = spread_of({});
	assert_int_equal(spread.count, 0);
	assert_near(spread.median, 0.);
}

static void one_sample_is_all_of_its_quantiles(void **)
{
	Spread spread = spread_of({7});
	assert_near(spread.min, 7.);
	assert_near(spread.q1, 7.);
	assert_near(spread.median, 7.);
	assert_near(spread.max, 7.);
}

static void samples_need_no_order(void **)
{
	Spread spread = spread_of({5, 1, 4, 2, 3});
	assert_near(spread.min, 1.);
	assert_near(spread.q1, 2.);
	assert_near(spread.median, 3.);
	assert_near(spread.q3, 4.);
	assert_near(spread.max, 5.);
}

static void quartiles_lie_between_samples(void **)
{
	Spread spread = spread_of({1, 2, 3, 4});
	assert_near(spread.q1, 1.75);
	assert_near(spread.median, 2.5);
	assert_near(spread.q3, 3.25);
}

static void a_line_through_points_on_it_is_that_line(void **)
{
	Line line = line_fit({{0, 3}, {1, 5}, {4, 11}});
	assert_near(line.intercept, 3.);
	assert_near(line.slope, 2.);
}

static void a_line_passes_between_points_beside_it(void **)
{
	Line line = line_fit({{0, 0}, {0, 2}, {2, 4}, {2, 6}});
	assert_near(line.intercept, 1.);
	assert_near(line.slope, 2.);
}

static void what_is_predicted_exactly_is_all_explained(void **)
{
	assert_near(explained_share({1, 2, 4}, {1, 2, 4}), 1.);
}

static void the_mean_explains_nothing(void **)
{
	assert_near(explained_share({1, 2, 3}, {2, 2, 2}), 0.);
	assert_true(explained_share({1, 2, 3}, {3, 2, 1}) < 0);
}

static void numbers_have_the_digits_that_matter(void **)
{
	assert_string_equal(number(151457.3).c_str(), "151457");
	assert_string_equal(number(445.41).c_str(), "445.4");
	assert_string_equal(number(34.612).c_str(), "34.61");
	assert_string_equal(number(.0752).c_str(), "0.075");
	assert_string_equal(number(3).c_str(), "3");
	assert_string_equal(percent(.0421).c_str(), "4.2 %");
	assert_string_equal(spread_text(spread_of({1, 2, 3})).c_str(), "2 (1.50..2.50)");
	assert_string_equal(spread_text(spread_of({2})).c_str(), "2");
}

int main()
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(no_samples_have_no_spread),
	        cmocka_unit_test(one_sample_is_all_of_its_quantiles),
	        cmocka_unit_test(samples_need_no_order),
	        cmocka_unit_test(quartiles_lie_between_samples),
	        cmocka_unit_test(a_line_through_points_on_it_is_that_line),
	        cmocka_unit_test(a_line_passes_between_points_beside_it),
	        cmocka_unit_test(what_is_predicted_exactly_is_all_explained),
	        cmocka_unit_test(the_mean_explains_nothing),
	        cmocka_unit_test(numbers_have_the_digits_that_matter),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
