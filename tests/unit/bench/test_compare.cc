/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/compare.h"

#include "tests/unit/bench/unit.hpp"

using namespace nsbench;

static Verdict verdict(const std::vector<double> &before, const std::vector<double> &after, Better better)
{
	return compare_verdict(spread_of(before), spread_of(after), better);
}

static void assert_verdict(Verdict found, Verdict expected)
{
	assert_int_equal(static_cast<int>(found), static_cast<int>(expected));
}

/* results - of one benchmark with three samples of a figure */
static Results results(const char *metric, double value)
{
	Results all;
	all.paths = {"veth"};
	all.loads = {"ping_64B_x1"};
	for (int round = 0; round < 3; round++)
		all.cells[{"veth", "ping_64B_x1"}].values[metric][round] = value;
	return all;
}

static void more_is_better_where_higher_is(void **)
{
	assert_verdict(verdict({10, 11, 12}, {20, 21, 22}, Better::Higher), Verdict::Better);
	assert_verdict(verdict({20, 21, 22}, {10, 11, 12}, Better::Higher), Verdict::Worse);
}

static void more_is_worse_where_lower_is_better(void **)
{
	assert_verdict(verdict({10, 11, 12}, {20, 21, 22}, Better::Lower), Verdict::Worse);
	assert_verdict(verdict({20, 21, 22}, {10, 11, 12}, Better::Lower), Verdict::Better);
}

static void a_difference_within_the_spread_is_noise(void **)
{
	assert_verdict(verdict({10, 15, 20}, {12, 18, 22}, Better::Higher), Verdict::Same);
}

static void many_samples_are_told_apart_by_their_quartiles(void **)
{
	std::vector<double> low = {10, 10, 10, 10, 10, 10, 10, 30}, high = {5, 20, 20, 20, 20, 20, 20, 20};
	assert_verdict(verdict(low, high, Better::Higher), Verdict::Better);
	low.pop_back(), low.erase(low.begin()), low.push_back(30);
	assert_verdict(verdict(low, high, Better::Higher),
	               Verdict::Same); /* seven of them: by the whole range */
}

static void the_drift_of_the_reference_is_told(void **)
{
	assert_has(compare_drift(results("ops_per_s", 100), results("ops_per_s", 110)),
	           "changed by 10.0 % in the median");
	assert_string_equal(compare_drift(Results(), Results()).c_str(), "");
}

static void a_difference_of_three_percent_is_noise_however_small_the_spread(void **)
{
	assert_verdict(verdict({100, 100, 100}, {103, 103, 103}, Better::Higher), Verdict::Same);
	assert_verdict(verdict({100, 100, 100}, {104, 104, 104}, Better::Higher), Verdict::Better);
}

static void two_samples_tell_nothing(void **)
{
	assert_verdict(verdict({10, 10}, {20, 20, 20}, Better::Higher), Verdict::Unknown);
	assert_verdict(verdict({10, 10, 10}, {20, 20}, Better::Higher), Verdict::Unknown);
}

static void each_figure_that_both_have_is_compared(void **)
{
	auto found = compare_results(results("p50_us", 10), results("p50_us", 20));
	assert_int_equal(found.size(), 1);
	assert_string_equal(found[0].benchmark.c_str(), "veth/ping_64B_x1");
	assert_verdict(found[0].verdict, Verdict::Worse);
	assert_true(compare_any_worse(found));
	assert_int_equal(compare_results(results("p50_us", 10), results("ops_per_s", 20)).size(), 0);
}

static void the_table_tells_what_changed_and_by_how_much(void **)
{
	std::string text = compare_text(
	        compare_results(results("ops_per_s", 100), results("ops_per_s", 150)));
	assert_has(text, "better  veth/ping_64B_x1");
	assert_has(text, "+50.0 %");
	assert_has(text, "1 figures compared: 1 better, 0 worse, 0 the same");
}

static void what_did_not_change_is_counted_only(void **)
{
	auto found = compare_results(results("ops_per_s", 100), results("ops_per_s", 101));
	assert_has_not(compare_text(found), "ping_64B");
	assert_has(compare_text(found), "1 the same");
	assert_false(compare_any_worse(found));
}

int main()
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(more_is_better_where_higher_is),
	        cmocka_unit_test(more_is_worse_where_lower_is_better),
	        cmocka_unit_test(a_difference_within_the_spread_is_noise),
	        cmocka_unit_test(many_samples_are_told_apart_by_their_quartiles),
	        cmocka_unit_test(the_drift_of_the_reference_is_told),
	        cmocka_unit_test(a_difference_of_three_percent_is_noise_however_small_the_spread),
	        cmocka_unit_test(two_samples_tell_nothing),
	        cmocka_unit_test(each_figure_that_both_have_is_compared),
	        cmocka_unit_test(the_table_tells_what_changed_and_by_how_much),
	        cmocka_unit_test(what_did_not_change_is_counted_only),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
