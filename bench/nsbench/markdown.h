/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSRELAY_BENCH_NSBENCH_MARKDOWN_H
#define NSRELAY_BENCH_NSBENCH_MARKDOWN_H

#include <string>

#include "bench/nsbench/results.h"

namespace nsbench
{

/* markdown_report - a table for each load, of medians with their quartiles; what was not measured, and why */
std::string markdown_report(const Results &results);

} /* namespace nsbench */

#endif
