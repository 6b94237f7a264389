/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: every pair of a path and a load is a benchmark of Google Benchmark's, whose one
 * iteration is one sample, timed by the load generator. All paths stand side by side for the whole run, those
 * that are not measured lying idle. A round measures all benchmarks once, load by load and path by path, so
 * that what the machine does to one it does to all; every other round goes backwards, so that none always
 * runs behind the same one. Ratios are taken within a round.
 */
#ifndef NSRELAY_BENCH_NSBENCH_SUITE_H
#define NSRELAY_BENCH_NSBENCH_SUITE_H

#include <string>

#include "bench/nsbench/settings.h"

namespace nsbench
{

/*
 * suite_run - measure what @settings asks for; results.json in its folder
 *
 * Interrupted, it writes what is done. Returns the file's path, "" when nothing has been measured. Throws
 * Failure.
 */
std::string suite_run(const Settings &settings);

} /* namespace nsbench */

#endif
