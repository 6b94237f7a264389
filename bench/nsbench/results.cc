/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/results.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "bench/nsbench/catalogue.h"
#include "bench/nsbench/failure.h"
#include "bench/nsbench/files.h"
#include "bench/nsbench/metrics.h"

namespace nsbench
{

using Json = nlohmann::json;

/* ---- cells ---- */

bool Cell::has(const std::string &metric) const
{
	return values.count(metric) > 0;
}

Spread Cell::spread(const std::string &metric) const
{
	std::vector<double> samples;
	auto found = values.find(metric);
	if (found != values.end())
		for (const auto &[round, value] : found->second)
			samples.push_back(value);
	return spread_of(samples);
}

static std::string first_of(const Cell &cell, const std::vector<std::string> &metrics)
{
	for (const std::string &metric : metrics)
		if (cell.has(metric))
			return metric;
	return "";
}

std::string rate_of(const Cell &cell)
{
	return first_of(cell, rate_metrics());
}

std::string relay_cpu_of(const Cell &cell)
{
	return first_of(cell, relay_cpu_metrics());
}

std::string machine_cpu_of(const Cell &cell)
{
	return first_of(cell, machine_cpu_metrics());
}

Spread paired(const Cell &a, const Cell &b, const std::string &metric, double (*what)(double, double))
{
	std::vector<double> samples;
	auto of_a = a.values.find(metric), of_b = b.values.find(metric);
	if (of_a == a.values.end() || of_b == b.values.end())
		return {};
	for (const auto &[round, value] : of_a->second) {
		auto other = of_b->second.find(round);
		if (other != of_b->second.end())
			samples.push_back(what(value, other->second));
	}
	return spread_of(samples);
}

/* ---- results ---- */

const Cell *Results::find(const std::string &path, const std::string &load) const
{
	auto found = cells.find({path, load});
	return found == cells.end() ? nullptr : &found->second;
}

std::string Results::fact(const std::string &name) const
{
	for (const auto &[key, text] : context)
		if (key == name)
			return text;
	return "";
}

/* ---- reading ---- */

static void add_once(std::vector<std::string> *list, const std::string &name)
{
	if (std::find(list->begin(), list->end(), name) == list->end())
		list->push_back(name);
}

/* is_figure - a number that Google Benchmark has not put there itself */
static bool is_figure(const std::string &key, const Json &value)
{
	static const std::vector<std::string> own = {"family_index", "per_family_instance_index",
	                                             "repetitions",  "repetition_index",
	                                             "threads",      "iterations",
	                                             "real_time",    "cpu_time"};
	return value.is_number() && std::find(own.begin(), own.end(), key) == own.end();
}

static void read_sample(const Json &run, Cell *cell)
{
	int round = run.at("repetition_index");
	if (run.value("error_occurred", false)) {
		cell->failure = run.value("error_message", "failed");
		return;
	}
	cell->repeats += static_cast<int>(run.value("repeats", 0.));
	cell->disturbed += run.value("disturbed", 0.) != 0;
	for (const auto &[key, value] : run.items())
		if (is_figure(key, value))
			cell->values[key][round] = value.get<double>();
}

static void read_run(const Json &run, Results *ret)
{
	std::string name = run.at("run_name");
	size_t slash = name.find('/');
	if (run.at("run_type") != "iteration" || slash == std::string::npos)
		return;
	std::string path = name.substr(0, slash), load = name.substr(slash + 1);
	add_once(&ret->paths, path);
	add_once(&ret->loads, load);
	read_sample(run, &ret->cells[{path, load}]);
}

/* sort_paths - as the catalogue has them; those that it does not know come last */
static void sort_paths(std::vector<std::string> *names)
{
	auto place = [](const std::string &name) {
		return std::find_if(paths().begin(), paths().end(),
		                    [&](const PathSpec &path) { return name == path.name; });
	};
	std::stable_sort(names->begin(), names->end(),
	                 [&](const std::string &a, const std::string &b) { return place(a) < place(b); });
}

static std::string text_of(const Json &value)
{
	return value.is_string() ? value.get<std::string>() : value.dump();
}

Results results_parse(const std::string &text, const std::string &name)
{
	Results results;
	try {
		/* The order in which Google Benchmark wrote them is that of the catalogue. */
		auto root = nlohmann::ordered_json::parse(text);
		for (const auto &[key, value] : root.at("context").items())
			results.context.emplace_back(key, text_of(value));
		for (const auto &run : root.at("benchmarks"))
			read_run(run, &results);
	} catch (const nlohmann::json::exception &error) {
		throw Failure(name + ": not results of nsbench: " + error.what());
	}
	sort_paths(&results.paths);
	return results;
}

Results results_read(const std::string &path)
{
	std::string text = file_read(path);
	if (text.empty())
		throw failure_of("cannot read " + path);
	return results_parse(text, path);
}

} /* namespace nsbench */
