/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/stats.h"

#include <algorithm>
#include <numeric>

namespace nsbench
{

/* quantile - of sorted samples, which there are */
static double quantile(const std::vector<double> &sorted, double fraction)
{
	double position = fraction * static_cast<double>(sorted.size() - 1);
	auto below = static_cast<size_t>(position);
	size_t above = std::min(below + 1, sorted.size() - 1);
	return sorted[below] + (sorted[above] - sorted[below]) * (position - static_cast<double>(below));
}

Spread spread_of(std::vector<double> samples)
{
	if (samples.empty())
		return {};
	std::sort(samples.begin(), samples.end());
	return {samples.size(),         samples.front(),        quantile(samples, .25),
	        quantile(samples, .50), quantile(samples, .75), samples.back()};
}

Line line_fit(const std::vector<std::pair<double, double>> &points)
{
	double x_sum = 0, y_sum = 0, products = 0, squares = 0;
	for (const auto &[x, y] : points) {
		x_sum += x;
		y_sum += y;
	}
	auto count = static_cast<double>(points.size());
	double x_mean = x_sum / count, y_mean = y_sum / count;
	for (const auto &[x, y] : points) {
		products += (x - x_mean) * (y - y_mean);
		squares += (x - x_mean) * (x - x_mean);
	}
	double slope = products / squares;
	return {y_mean - slope * x_mean, slope};
}

double explained_share(const std::vector<double> &measured, const std::vector<double> &predicted)
{
	double mean = std::accumulate(measured.begin(), measured.end(), 0.) /
	              static_cast<double>(measured.size());
	double residuals = 0, distances = 0;
	for (size_t i = 0; i < measured.size(); i++) {
		residuals += (measured[i] - predicted[i]) * (measured[i] - predicted[i]);
		distances += (measured[i] - mean) * (measured[i] - mean);
	}
	return 1 - residuals / distances;
}

} /* namespace nsbench */
