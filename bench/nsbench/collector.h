/* SPDX-License-Identifier: Apache-2.0 */
/* The samples of a run, as Google Benchmark reports them, and the JSON that it writes of them. */
#ifndef NSRELAY_BENCH_NSBENCH_COLLECTOR_H
#define NSRELAY_BENCH_NSBENCH_COLLECTOR_H

#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/nsbench/machine.h"

namespace nsbench
{

class Collector : public benchmark::BenchmarkReporter
{
      public:
	/* What SkipWithError() is told by a sample that was broken off: it is forgotten. */
	static constexpr const char *INTERRUPTED = "interrupted";

	/* begin_round - what is reported from now on belongs to it; rounds count from 0 */
	void begin_round(int round);

	bool ReportContext(const Context &context) override;
	void ReportRuns(const std::vector<Run> &runs) override;

	/*
	 * write - all samples in the order of the catalogue, with their ratio to the reference of the same
	 * round, and behind those of each benchmark their quartiles, as aggregates; @facts go into the
	 * context False when there is not one. Throws Failure.
	 */
	bool write(const std::string &path, const Facts &facts) const;

      private:
	int round_ = 0;
	std::vector<Run> runs_;
};

} /* namespace nsbench */

#endif
