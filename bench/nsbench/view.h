/* SPDX-License-Identifier: Apache-2.0 */
/* What Markdown and page have in common: which rows and columns there are, and how they are called. */
#ifndef NSRELAY_BENCH_NSBENCH_VIEW_H
#define NSRELAY_BENCH_NSBENCH_VIEW_H

#include <string>
#include <utility>
#include <vector>

#include "bench/nsbench/metrics.h"
#include "bench/nsbench/results.h"

namespace nsbench
{

/* view_load_title - of a load by its name; the name itself when the catalogue does not know it */
std::string view_load_title(const std::string &load);

/* view_columns - the figures that any path has under this load */
std::vector<const Metric *> view_columns(const Results &results, const std::string &load);

/* view_missing - paths, or single benchmarks of paths that were measured otherwise, which could not be, and
 * why */
std::vector<std::pair<std::string, std::string>> view_missing(const Results &results);

/* view_conditions - in one sentence: when, where, how long, how often */
std::string view_conditions(const Results &results);

/* view_reference - the path that those of a load are compared to */
std::string view_reference(const std::string &load);

/* view_disturbances - how many samples others disturbed; "" when none */
std::string view_disturbances(const Results &results);

} /* namespace nsbench */

#endif
