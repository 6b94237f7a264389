/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/suite.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <set>

#include <benchmark/benchmark.h>
#include <unistd.h>

#include "bench/nsbench/failure.h"
#include "bench/nsbench/files.h"
#include "bench/nsbench/collector.h"
#include "bench/nsbench/machine.h"
#include "bench/nsbench/progress.h"
#include "bench/nsbench/relay.h"
#include "bench/nsbench/sample.h"
#include "bench/nsbench/state.h"
#include "bench/nsbench/text.h"
#include "bench/nsbench/tools.h"

namespace nsbench
{

enum {
	DISTURBED_TRIES = 3, /* a sample that others disturb each time is taken as it is, and marked */
	QUICK_REPEATS = 20, /* in all, of --quick: it has to end within two minutes on a machine that is never
	                       quiet */
};

/* ---- what is to be measured ---- */

struct Benchmark {
	const PathSpec *path;
	const Load *load;
};

static bool is_asked(const Settings &settings, const PathSpec &path, const Load &load)
{
	if (settings.only.empty())
		return true;
	return std::any_of(settings.only.begin(), settings.only.end(), [&](const std::regex &only) {
		return std::regex_match(benchmark_name(path, load), only);
	});
}

static bool is_possible(const PathSpec &path, const Load &load)
{
	return load.kind != LoadKind::Namespaces || path.many != SHAPE_COUNT;
}

static bool is_wanted(const Settings &settings, const PathSpec &path, const Load &load)
{
	bool quick = settings.extent != Extent::Quick || (path.traits & load.traits & QUICK);
	return is_possible(path, load) && (settings.peers || !(path.traits & PEER)) && quick &&
	       is_asked(settings, path, load);
}

/* select_load - its benchmarks; with any of them comes that of the path that all are compared to */
static void select_load(const Settings &settings, const Load &load, std::vector<Benchmark> *ret)
{
	bool any = std::any_of(paths().begin(), paths().end(),
	                       [&](const PathSpec &path) { return is_wanted(settings, path, load); });
	for (const PathSpec &path : paths())
		if (is_wanted(settings, path, load) ||
		    (any && path.name == std::string(reference_of(load.kind))))
			ret->push_back({&path, &load});
}

static std::vector<Benchmark> select(const Settings &settings)
{
	std::vector<Benchmark> selected;
	for (const Load &load : loads())
		select_load(settings, load, &selected);
	return selected;
}

/* ---- a suite ---- */

class Suite
{
      public:
	Suite(const Run &run, std::vector<Benchmark> benchmarks);

	/* build - make the paths; those that this machine does not have are noted with the reason */
	void build();

	void measure();

	const Collector &collector() const
	{
		return collector_;
	}

	Facts facts() const;

      private:
	void build_path(const PathSpec &spec);
	void run_round(int round);
	void take(benchmark::State &state, const Benchmark &benchmark);
	Sample take_undisturbed(const Benchmark &benchmark, int *ret_repeats);
	Sample take_once(const Benchmark &benchmark);
	bool is_due(const Benchmark &benchmark, int round) const;

	const Run &run_;
	std::vector<Benchmark> benchmarks_;
	std::map<std::string, std::unique_ptr<Path>> paths_;
	std::map<std::string, std::string> missing_; /* paths that are not to be had, and why */
	Group loads_;
	Collector collector_;
	Progress progress_;
	Facts facts_;
	int repeats_left_;
};

Suite::Suite(const Run &run, std::vector<Benchmark> benchmarks)
    : run_(run), benchmarks_(std::move(benchmarks)), loads_(run.name + "-load"), facts_(machine_facts()),
      repeats_left_(run.settings.extent == Extent::Quick ? QUICK_REPEATS : std::numeric_limits<int>::max())
{
}

/* ---- building ---- */

void Suite::build_path(const PathSpec &spec)
{
	progress_.say("building " + std::string(spec.name));
	try {
		auto path = std::make_unique<Path>(run_, spec, 0);
		sample_verify(run_, *path, loads_);
		paths_[spec.name] = std::move(path);
	} catch (const Failure &failure) {
		missing_[spec.name] = failure.what();
		progress_.note(std::string(spec.name) + ": not measured: " + failure.what());
	}
}

void Suite::build()
{
	std::set<const PathSpec *> wanted;
	for (const Benchmark &benchmark : benchmarks_)
		if (benchmark.load->kind != LoadKind::Namespaces)
			wanted.insert(benchmark.path);
	for (const PathSpec &spec : paths()) {
		interrupt_check();
		if (wanted.count(&spec))
			build_path(spec);
	}
}

/* ---- measuring ---- */

Sample Suite::take_once(const Benchmark &benchmark)
{
	if (benchmark.load->kind == LoadKind::Namespaces) {
		Path many(run_, *benchmark.path, benchmark.load->count);
		return sample_take(run_, many, *benchmark.load, loads_);
	}
	auto missing = missing_.find(benchmark.path->name);
	if (missing != missing_.end())
		throw Failure(missing->second);
	return sample_take(run_, *paths_.at(benchmark.path->name), *benchmark.load, loads_);
}

/* blame - for people: what disturbed it */
static std::string blame(const Sample &sample)
{
	if (sample.stolen > sample.others)
		return "the host withheld " + percent(sample.stolen) + " of the machine";
	return "others used " + percent(sample.others) + " of the machine" +
	       (sample.busiest.empty() ? "" : ", most of it " + sample.busiest);
}

Sample Suite::take_undisturbed(const Benchmark &benchmark, int *ret_repeats)
{
	Sample best = take_once(benchmark), last = best;
	for (int tries = 1; last.disturbance() > run_.settings.tolerance && tries < DISTURBED_TRIES;
	     tries++) {
		if (repeats_left_-- <= 0)
			break;
		progress_.note(benchmark_name(*benchmark.path, *benchmark.load) + ": again, for " +
		               blame(last));
		++*ret_repeats;
		last = take_once(benchmark);
		if (last.disturbance() < best.disturbance())
			best = last;
	}
	return best;
}

/* take - the body of a benchmark: its one iteration */
void Suite::take(benchmark::State &state, const Benchmark &benchmark)
{
	progress_.step(benchmark_name(*benchmark.path, *benchmark.load));
	for (auto _ : state) { /* NOLINT(clang-analyzer-deadcode.DeadStores): as Google Benchmark has it */
		try {
			int repeats = 0;
			Sample sample = take_undisturbed(benchmark, &repeats);
			state.SetIterationTime(sample.seconds);
			for (const auto &[name, value] : sample.figures)
				state.counters[name] = value;
			state.counters["others_share"] = sample.others;
			state.counters["stolen_share"] = sample.stolen;
			state.counters["repeats"] = repeats;
			state.counters["disturbed"] = sample.disturbance() > run_.settings.tolerance;
		} catch (const Failure &failure) {
			state.SkipWithError(failure.what());
		} catch (const Interrupted &) {
			state.SkipWithError(Collector::INTERRUPTED);
		}
	}
}

/* is_due - what is missing is told in the first round, what varies little is measured in it */
bool Suite::is_due(const Benchmark &benchmark, int round) const
{
	bool many = benchmark.load->kind == LoadKind::Namespaces;
	return round == 0 ||
	       (!(benchmark.load->traits & ONCE) && (many || !missing_.count(benchmark.path->name)));
}

void Suite::run_round(int round)
{
	std::vector<Benchmark> due;
	for (const Benchmark &benchmark : benchmarks_)
		if (is_due(benchmark, round))
			due.push_back(benchmark);
	if (round % 2)
		std::reverse(due.begin(), due.end());
	benchmark::ClearRegisteredBenchmarks();
	for (const Benchmark &benchmark : due)
		benchmark::RegisterBenchmark(
		        benchmark_name(*benchmark.path, *benchmark.load).c_str(),
		        [this, benchmark](benchmark::State &state) { take(state, benchmark); })
		        ->Iterations(1)
		        ->UseManualTime()
		        ->Unit(benchmark::kMillisecond);
	collector_.begin_round(round);
	progress_.begin_round(round, run_.settings.rounds, due.size());
	benchmark::RunSpecifiedBenchmarks(&collector_, nullptr, ".");
}

void Suite::measure()
{
	for (int round = 0; round < run_.settings.rounds && !interrupt_asked(); round++)
		run_round(round);
	progress_.end();
}

/* ---- the context ---- */

static std::string pin_text(const Settings &settings)
{
	if (settings.pin.client.empty())
		return "no";
	return "client " + std::to_string(settings.pin.client[0]) + ", server " +
	       std::to_string(settings.pin.server[0]) + ", relay " + std::to_string(settings.pin.relay[0]);
}

Facts Suite::facts() const
{
	static const char *const extents[] = {"quick", "normal", "full"};
	const Settings &settings = run_.settings;
	Facts facts = facts_;
	facts.emplace_back("load_after", file_line("/proc/loadavg"));
	facts.emplace_back("nsbench_version", NSRELAY_VERSION);
	facts.emplace_back("extent", extents[static_cast<int>(settings.extent)]);
	facts.emplace_back("congestion_control", run_.congestion);
	facts.emplace_back("seconds_each", number(settings.seconds));
	facts.emplace_back("rounds", std::to_string(settings.rounds));
	facts.emplace_back("pinned", pin_text(settings));
	facts.emplace_back("disturbance_tolerated", percent(settings.tolerance));
	for (const auto &[name, path] : paths_) {
		facts.emplace_back("link_of_" + name, path->link_features());
		if (path->relay())
			facts.emplace_back("version_of_" + name, relay_version(run_, path->spec().relay));
	}
	return facts;
}

/* ---- a run ---- */

static Run make_run(const Settings &settings, const ScratchFolder &scratch, const StateFolder &state)
{
	const char *congestion;
	struct err err = {};
	if (place_congestion(&congestion, &err) < 0)
		throw Failure(err);
	Run run = {settings,
	           state_run_name(std::to_string(getpid())),
	           scratch.path(),
	           state.path(),
	           congestion,
	           tool_find("nsload"),
	           tool_find("nsrelay")};
	if (run.nsload.empty())
		throw Failure("there is no nsload, neither beside nsbench nor in PATH");
	return run;
}

std::string suite_run(const Settings &settings)
{
	std::vector<Benchmark> benchmarks = select(settings);
	if (benchmarks.empty())
		throw Failure("no benchmark has such a name; see nsbench list");
	state_remove_leftovers();
	ScratchFolder scratch;
	StateFolder state;
	state.note_scratch(scratch.path());
	Run run = make_run(settings, scratch, state);
	Suite suite(run, benchmarks);
	try {
		suite.build();
		suite.measure();
	} catch (const Interrupted &) {
		return ""; /* before anything was measured */
	}
	std::string path = settings.out + "/results.json";
	std::filesystem::create_directories(settings.out);
	return suite.collector().write(path, suite.facts()) ? path : "";
}

} /* namespace nsbench */
