/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/collector.h"

#include <fstream>

#include "bench/nsbench/catalogue.h"
#include "bench/nsbench/failure.h"
#include "bench/nsbench/metrics.h"
#include "bench/nsbench/stats.h"

namespace nsbench
{

using GoogleRun = benchmark::BenchmarkReporter::Run;
using Runs = std::vector<GoogleRun>;

/* ---- collecting ---- */

void Collector::begin_round(int round)
{
	round_ = round;
}

bool Collector::ReportContext(const Context &)
{
	return true;
}

void Collector::ReportRuns(const std::vector<Run> &runs)
{
	for (const Run &run : runs) {
		if (run.run_type != Run::RT_Iteration ||
		    (run.error_occurred && run.error_message == INTERRUPTED))
			continue;
		runs_.push_back(run);
		Run &kept = runs_.back();
		kept.run_name.iterations
		        .clear(); /* which would only say that each sample is one iteration ... */
		kept.run_name.time_type.clear(); /* ... and who took the time */
		kept.repetition_index = round_;
	}
}

/* ---- what follows from the samples ---- */

static Runs runs_named(const Runs &runs, const std::string &name)
{
	Runs found;
	for (const GoogleRun &run : runs)
		if (run.benchmark_name() == name)
			found.push_back(run);
	return found;
}

static const GoogleRun *of_round(const Runs &runs, int64_t round)
{
	for (const GoogleRun &run : runs)
		if (run.repetition_index == round && !run.error_occurred)
			return &run;
	return nullptr;
}

/* add_ratio - "ratio" from @metric, when both have it */
static void add_ratio(GoogleRun *run, const GoogleRun &reference, const std::string &metric,
                      const std::string &ratio)
{
	auto mine = run->counters.find(metric);
	auto other = reference.counters.find(metric);
	if (mine != run->counters.end() && other != reference.counters.end() && other->second.value > 0)
		run->counters[ratio] = mine->second.value / other->second.value;
}

static void add_ratios(Runs *runs, const Runs &references)
{
	for (GoogleRun &run : *runs) {
		const GoogleRun *reference = of_round(references, run.repetition_index);
		if (!reference)
			continue;
		for (const std::string &metric : rate_metrics())
			add_ratio(&run, *reference, metric, "ratio");
		add_ratio(&run, *reference, "p50_us", "p50_ratio");
	}
}

static GoogleRun aggregate(const Runs &runs, const std::string &name, double Spread::*which)
{
	std::map<std::string, std::vector<double>> values;
	std::vector<double> times;
	for (const GoogleRun &run : runs) {
		if (run.error_occurred)
			continue;
		times.push_back(run.real_accumulated_time);
		for (const auto &[metric, counter] : run.counters)
			values[metric].push_back(counter.value);
	}
	GoogleRun result = runs.front();
	result.run_type = GoogleRun::RT_Aggregate;
	result.aggregate_name = name;
	result.iterations = static_cast<int64_t>(times.size());
	result.real_accumulated_time = spread_of(times).*which * static_cast<double>(times.size());
	result.cpu_accumulated_time = 0;
	result.counters.clear();
	for (const auto &[metric, list] : values)
		result.counters[metric] = spread_of(list).*which;
	return result;
}

/* append_benchmark - its samples, and its aggregates if there is more than one */
static void append_benchmark(const Runs &runs, Runs *ret)
{
	Runs good;
	for (const GoogleRun &run : runs)
		if (!run.error_occurred)
			good.push_back(run);
	ret->insert(ret->end(), runs.begin(), runs.end());
	if (good.size() < 2)
		return;
	ret->push_back(aggregate(good, "median", &Spread::median));
	ret->push_back(aggregate(good, "q1", &Spread::q1));
	ret->push_back(aggregate(good, "q3", &Spread::q3));
}

static Runs finish(const Runs &runs)
{
	Runs all;
	for (const Load &load : loads()) {
		Runs references = runs_named(runs, std::string(reference_of(load.kind)) + "/" + load.name);
		for (const PathSpec &path : paths()) {
			Runs found = runs_named(runs, benchmark_name(path, load));
			add_ratios(&found, references);
			for (GoogleRun &run : found)
				run.repetitions = static_cast<int64_t>(found.size());
			append_benchmark(found, &all);
		}
	}
	return all;
}

/* ---- writing ---- */

bool Collector::write(const std::string &path, const Facts &facts) const
{
	if (runs_.empty())
		return false;
	std::ofstream file(path);
	benchmark::JSONReporter reporter;
	reporter.SetOutputStream(&file);
	for (const auto &[name, text] : facts)
		benchmark::AddCustomContext(name, text);
	reporter.ReportContext(Context());
	reporter.ReportRuns(finish(runs_));
	reporter.Finalize();
	file.close();
	if (!file)
		throw failure_of("cannot write " + path);
	return true;
}

} /* namespace nsbench */
