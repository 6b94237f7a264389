/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/claims.h"

#include <algorithm>
#include <cmath>

#include "bench/nsbench/text.h"

namespace nsbench
{

static constexpr double CLAIMED = .05;
static const char *const DELAY_LOAD = "ping_64B_x1";
enum { POINTS_MIN = 4 }; /* two parameters fit any two points */

/* ---- the 5 % ---- */

static double share_lost(double mine, double base)
{
	return 1 - mine / base;
}

Answer claim_answer(const Spread &share, double limit)
{
	if (share.q3 < limit)
		return Answer::Holds;
	return share.q1 > limit ? Answer::Fails : Answer::Undecided;
}

static void add_cost(const Results &results, const char *path, const char *base, const std::string &load,
                     std::vector<Cost> *ret)
{
	const Cell *mine = results.find(path, load), *other = results.find(base, load);
	if (!mine || !other)
		return;
	Spread share = paired(*mine, *other, rate_of(*mine), share_lost);
	if (share.count > 0)
		ret->push_back({path, base, load, share, claim_answer(share, CLAIMED)});
}

std::vector<Cost> claim_costs(const Results &results)
{
	static const struct {
		const char *path, *base;
	} pairs[] = {{"veth", "loopback"}, {"bridge", "loopback"}, {"bridge", "veth"}};
	std::vector<Cost> costs;
	for (const auto &pair : pairs)
		for (const std::string &load : results.loads)
			add_cost(results, pair.path, pair.base, load, &costs);
	return costs;
}

std::string claim_sentence(const std::vector<Cost> &costs)
{
	size_t counts[3] = {};
	for (const Cost &cost : costs)
		counts[static_cast<int>(cost.answer)]++;
	size_t holds = counts[static_cast<int>(Answer::Holds)],
	       fails = counts[static_cast<int>(Answer::Fails)];
	if (costs.empty())
		return "Not measured: it takes the paths loopback, veth and bridge.";
	std::string of = " of " + std::to_string(costs.size()) + " measured cases";
	std::string rest = counts[static_cast<int>(Answer::Undecided)] > 0
	                           ? "; in the others the spread does not let it be told"
	                           : "";
	if (fails == 0 && holds == costs.size())
		return "Yes, here: it holds in all" + of + ".";
	if (fails > holds)
		return "No: they cost more than 5 % in " + std::to_string(fails) + of + ", less in " +
		       std::to_string(holds) + rest + ".";
	return "It depends on the load: they cost less than 5 % in " + std::to_string(holds) + of +
	       ", more in " + std::to_string(fails) + rest + ".";
}

/* ---- the model ---- */

static double median_error(const std::vector<ModelPoint> &points, double ModelPoint::*predicted)
{
	std::vector<double> errors;
	for (const ModelPoint &point : points)
		errors.push_back(std::fabs(point.*predicted / point.measured - 1));
	return spread_of(errors).median;
}

static double explained(const std::vector<ModelPoint> &points, double ModelPoint::*predicted)
{
	std::vector<double> measured, values;
	for (const ModelPoint &point : points) {
		measured.push_back(point.measured);
		values.push_back(point.*predicted);
	}
	return explained_share(measured, values);
}

static std::vector<ModelPoint> model_points(const Results &results, const std::string &load)
{
	std::vector<ModelPoint> points;
	for (const std::string &path : results.paths) {
		const Cell *cell = results.find(path, load), *delay = results.find(path, DELAY_LOAD);
		if (!cell || !delay || rate_of(*cell).empty() || !delay->has("p50_us"))
			continue;
		points.push_back(
		        {path, cell->spread(rate_of(*cell)).median, delay->spread("p50_us").median, 0, 0});
	}
	return points;
}

static void predict(const ModelPoint &reference, std::vector<ModelPoint> *points)
{
	std::vector<std::pair<double, double>> inverse;
	for (const ModelPoint &point : *points)
		inverse.emplace_back(point.delay_us, 1 / point.measured);
	Line line = line_fit(inverse);
	for (ModelPoint &point : *points) {
		double delay = point.delay_us / reference.delay_us - 1;
		point.literal = reference.measured / (1 + delay);
		point.fitted = 1 / (line.intercept + line.slope * point.delay_us);
	}
}

static const ModelPoint *point_of(const std::vector<ModelPoint> &points, const std::string &path)
{
	auto found = std::find_if(points.begin(), points.end(),
	                          [&](const ModelPoint &point) { return point.path == path; });
	return found == points.end() ? nullptr : &*found;
}

std::vector<Model> model_fit(const Results &results)
{
	std::vector<Model> models;
	for (const std::string &load : results.loads) {
		std::vector<ModelPoint> points = model_points(results, load);
		const ModelPoint *reference = point_of(points, "veth");
		if (load == DELAY_LOAD || points.size() < POINTS_MIN || !reference)
			continue; /* of that load the rate is the delay's inverse */
		predict(ModelPoint(*reference), &points);
		Model model = {load, rate_of(*results.find("veth", load)), points, 0, 0, 0, 0};
		model.literal_explained = explained(points, &ModelPoint::literal);
		model.fitted_explained = explained(points, &ModelPoint::fitted);
		model.literal_error = median_error(points, &ModelPoint::literal);
		model.fitted_error = median_error(points, &ModelPoint::fitted);
		models.push_back(model);
	}
	return models;
}

std::string model_sentence(const Model &model)
{
	auto part = [](double error, double share) {
		return "misses by " + percent(error) + " in the median, R squared " + number(share);
	};
	return "read literally it " + part(model.literal_error, model.literal_explained) + "; fitted it " +
	       part(model.fitted_error, model.fitted_explained);
}

} /* namespace nsbench */
