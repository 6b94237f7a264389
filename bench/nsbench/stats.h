/* SPDX-License-Identifier: Apache-2.0 */
/* Middle and spread of a few samples, and a straight line through some points. */
#ifndef NSRELAY_BENCH_NSBENCH_STATS_H
#define NSRELAY_BENCH_NSBENCH_STATS_H

#include <cstddef>
#include <utility>
#include <vector>

namespace nsbench
{

struct Spread {
	size_t count = 0;
	double min = 0, q1 = 0, median = 0, q3 = 0, max = 0;
};

/*
 * spread_of - by linear interpolation between the samples next to a quartile: R. J. Hyndman, Y. Fan, "Sample
 * Quantiles in Statistical Packages", 1996, definition 7. All 0 without samples.
 */
Spread spread_of(std::vector<double> samples);

/* y = intercept + slope * x by least squares. */
struct Line {
	double intercept, slope;
};

/* line_fit - the x of at least two points must differ */
Line line_fit(const std::vector<std::pair<double, double>> &points);

/* explained_share - R squared: 1 - (squared residuals) / (squared distances from the mean). At most 1;
 * negative: worse than the mean. */
double explained_share(const std::vector<double> &measured, const std::vector<double> &predicted);

} /* namespace nsbench */

#endif
