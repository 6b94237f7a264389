/* SPDX-License-Identifier: Apache-2.0 */
/* Two results side by side: what got better or worse beyond the noise. */
#ifndef NSRELAY_BENCH_NSBENCH_COMPARE_H
#define NSRELAY_BENCH_NSBENCH_COMPARE_H

#include <string>
#include <vector>

#include "bench/nsbench/metrics.h"
#include "bench/nsbench/results.h"

namespace nsbench
{

enum class Verdict { Same, Better, Worse, Unknown };

/*
 * compare_verdict - Better or Worse when the medians differ by more than 3 % and the ranges do not overlap:
 * those between the quartiles, or of all samples where there are fewer than eight, whose quartiles mean
 * little; Unknown with fewer than three
 */
Verdict compare_verdict(const Spread &before, const Spread &after, Better better);

struct Comparison {
	std::string benchmark;
	const Metric *metric;
	Spread before, after;
	Verdict verdict;
};

/* compare_results - of each figure that both have */
std::vector<Comparison> compare_results(const Results &before, const Results &after);

/* compare_text - a table of what got better or worse, and a line that sums up */
std::string compare_text(const std::vector<Comparison> &comparisons);

/*
 * compare_drift - how the references themselves changed, in a sentence: the machine is rarely the same twice,
 * and figures that are no ratio have that in them; "" when they cannot be compared
 */
std::string compare_drift(const Results &before, const Results &after);

bool compare_any_worse(const std::vector<Comparison> &comparisons);

} /* namespace nsbench */

#endif
