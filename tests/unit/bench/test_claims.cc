/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/claims.h"

#include <algorithm>

#include "tests/unit/bench/unit.hpp"

using namespace nsbench;

static void put(Results *results, const std::string &path, const std::string &load, const std::string &metric,
                const std::vector<double> &samples)
{
	auto add = [](std::vector<std::string> *list, const std::string &name) {
		if (std::find(list->begin(), list->end(), name) == list->end())
			list->push_back(name);
	};
	add(&results->paths, path);
	add(&results->loads, load);
	for (size_t i = 0; i < samples.size(); i++)
		results->cells[{path, load}].values[metric][static_cast<int>(i)] = samples[i];
}

static void assert_answer(const Spread &share, Answer expected)
{
	assert_int_equal(static_cast<int>(claim_answer(share, .05)), static_cast<int>(expected));
}

static void a_claim_holds_or_fails_only_when_the_spread_is_on_one_side(void **)
{
	assert_answer(spread_of({.01, .02, .03}), Answer::Holds);
	assert_answer(spread_of({.10, .20, .30}), Answer::Fails);
	assert_answer(spread_of({.01, .05, .30}), Answer::Undecided);
}

static void cost_is_taken_within_each_round(void **)
{
	Results results;
	put(&results, "loopback", "bulk_up_x1", "gbit_per_s", {10, 100, 1000});
	put(&results, "veth", "bulk_up_x1", "gbit_per_s", {9, 90, 900});
	auto costs = claim_costs(results);
	assert_int_equal(costs.size(), 1);
	assert_near(costs[0].share.q1, .1);
	assert_near(costs[0].share.q3, .1);
	assert_has(claim_sentence(costs), "No: they cost more than 5 % in 1 of 1");
}

static void without_the_paths_the_claim_is_not_answered(void **)
{
	assert_has(claim_sentence(claim_costs(Results())), "Not measured");
}

static void a_claim_that_holds_everywhere_is_a_yes(void **)
{
	Results results;
	put(&results, "loopback", "bulk_up_x1", "gbit_per_s", {10, 10, 10});
	put(&results, "veth", "bulk_up_x1", "gbit_per_s", {9.9, 9.9, 9.9});
	assert_has(claim_sentence(claim_costs(results)), "Yes, here");
}

/* model_results - paths of which the formula is true, with B = 40 and D = 0, 1, 3, 7 */
static Results model_results()
{
	static const struct {
		const char *path;
		double delay_us;
	} paths[] = {{"veth", 10}, {"bridge", 20}, {"routed", 40}, {"nsrelay", 80}};
	Results results;
	for (const auto &path : paths)
		put(&results, path.path, "ping_64B_x1", "p50_us", {path.delay_us});
	for (const auto &path : paths)
		put(&results, path.path, "bulk_up_x1", "gbit_per_s", {40 * 10 / path.delay_us});
	return results;
}

static void the_formula_fits_what_was_made_by_it(void **)
{
	auto models = model_fit(model_results());
	assert_int_equal(models.size(), 1);
	assert_string_equal(models[0].load.c_str(), "bulk_up_x1");
	assert_near(models[0].literal_explained, 1.);
	assert_near(models[0].fitted_explained, 1.);
	assert_true(models[0].literal_error < 1e-9);
}

static void the_formula_does_not_fit_what_does_not_depend_on_delay(void **)
{
	Results results = model_results();
	for (const char *path : {"bridge", "routed", "nsrelay"})
		results.cells[{path, "bulk_up_x1"}].values["gbit_per_s"][0] = 39;
	auto models = model_fit(results);
	assert_true(models[0].literal_explained < 0);
	assert_true(models[0].literal_error > .3);
}

static void three_paths_are_too_few_for_a_fit(void **)
{
	Results results = model_results();
	results.cells.erase({"nsrelay", "bulk_up_x1"});
	assert_int_equal(model_fit(results).size(), 0);
}

int main()
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_claim_holds_or_fails_only_when_the_spread_is_on_one_side),
	        cmocka_unit_test(cost_is_taken_within_each_round),
	        cmocka_unit_test(without_the_paths_the_claim_is_not_answered),
	        cmocka_unit_test(a_claim_that_holds_everywhere_is_a_yes),
	        cmocka_unit_test(the_formula_fits_what_was_made_by_it),
	        cmocka_unit_test(the_formula_does_not_fit_what_does_not_depend_on_delay),
	        cmocka_unit_test(three_paths_are_too_few_for_a_fit),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
