/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/compare.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "bench/nsbench/text.h"

namespace nsbench
{

enum { SAMPLES_MIN = 3, QUARTILES_MIN = 8 };
static constexpr double NOISE = .03;

/* overlap - do the ranges? */
static bool overlap(const Spread &a, const Spread &b)
{
	bool few = a.count < QUARTILES_MIN || b.count < QUARTILES_MIN;
	return few ? a.min <= b.max && b.min <= a.max : a.q1 <= b.q3 && b.q1 <= a.q3;
}

Verdict compare_verdict(const Spread &before, const Spread &after, Better better)
{
	if (before.count < SAMPLES_MIN || after.count < SAMPLES_MIN)
		return Verdict::Unknown;
	if (std::fabs(after.median - before.median) <= NOISE * std::fabs(before.median))
		return Verdict::Same;
	if (overlap(before, after))
		return Verdict::Same;
	bool is_higher = after.median > before.median;
	return is_higher == (better == Better::Higher) ? Verdict::Better : Verdict::Worse;
}

std::vector<Comparison> compare_results(const Results &before, const Results &after)
{
	std::vector<Comparison> all;
	for (const auto &[key, cell] : before.cells) {
		const Cell *other = after.find(key.first, key.second);
		for (const Metric &metric : metrics()) {
			if (!other || !metric.compared || !cell.has(metric.name) || !other->has(metric.name))
				continue;
			Spread a = cell.spread(metric.name), b = other->spread(metric.name);
			all.push_back({key.first + "/" + key.second, &metric, a, b,
			               compare_verdict(a, b, metric.better)});
		}
	}
	return all;
}

static size_t count_of(const std::vector<Comparison> &comparisons, Verdict verdict)
{
	return static_cast<size_t>(
	        std::count_if(comparisons.begin(), comparisons.end(),
	                      [=](const Comparison &one) { return one.verdict == verdict; }));
}

static std::string change_text(const Comparison &one)
{
	char text[32];
	snprintf(text, sizeof(text), "%+.1f %%", (one.after.median / one.before.median - 1) * 100);
	return text;
}

static std::string row(const Comparison &one)
{
	char text[256];
	snprintf(text, sizeof(text), "%-7s %-32s %-22s %9s  %s -> %s\n",
	         one.verdict == Verdict::Better ? "better" : "worse", one.benchmark.c_str(),
	         one.metric->title, change_text(one).c_str(), spread_text(one.before).c_str(),
	         spread_text(one.after).c_str());
	return text;
}

std::string compare_text(const std::vector<Comparison> &comparisons)
{
	std::string text;
	for (Verdict verdict : {Verdict::Worse, Verdict::Better})
		for (const Comparison &one : comparisons)
			if (one.verdict == verdict)
				text += row(one);
	size_t unknown = count_of(comparisons, Verdict::Unknown);
	text += std::to_string(comparisons.size()) +
	        " figures compared: " + std::to_string(count_of(comparisons, Verdict::Better)) + " better, " +
	        std::to_string(count_of(comparisons, Verdict::Worse)) + " worse, " +
	        std::to_string(count_of(comparisons, Verdict::Same)) + " the same within the noise";
	if (unknown > 0)
		text += ", " + std::to_string(unknown) + " with too few samples to tell";
	return text + "\n";
}

std::string compare_drift(const Results &before, const Results &after)
{
	std::vector<double> changes;
	for (const std::string &load : before.loads) {
		const Cell *a = before.find("veth", load), *b = after.find("veth", load);
		if (a && b && !rate_of(*a).empty() && b->has(rate_of(*a)))
			changes.push_back(b->spread(rate_of(*a)).median / a->spread(rate_of(*a)).median - 1);
	}
	if (changes.empty())
		return "";
	Spread spread = spread_of(changes);
	return "the direct veth path itself changed by " + percent(spread.median) + " in the median (" +
	       percent(spread.min) + " .. " + percent(spread.max) +
	       "): figures that are no ratio have that in them\n";
}

bool compare_any_worse(const std::vector<Comparison> &comparisons)
{
	return count_of(comparisons, Verdict::Worse) > 0;
}

} /* namespace nsbench */
