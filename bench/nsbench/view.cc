/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/view.h"

#include <algorithm>

#include "bench/nsbench/catalogue.h"

namespace nsbench
{

std::string view_load_title(const std::string &load)
{
	for (const Load &known : loads())
		if (known.name == load)
			return load_title(known);
	return load;
}

std::string view_reference(const std::string &load)
{
	for (const Load &known : loads())
		if (known.name == load)
			return reference_of(known.kind);
	return "veth";
}

std::vector<const Metric *> view_columns(const Results &results, const std::string &load)
{
	std::vector<const Metric *> columns;
	for (const Metric &metric : metrics()) {
		bool any = false;
		for (const std::string &path : results.paths) {
			const Cell *cell = results.find(path, load);
			any = any || (cell && cell->has(metric.name));
		}
		if (any)
			columns.push_back(&metric);
	}
	return columns;
}

/* is_measured - under any load? */
static bool is_measured(const Results &results, const std::string &path)
{
	return std::any_of(results.loads.begin(), results.loads.end(), [&](const std::string &load) {
		const Cell *cell = results.find(path, load);
		return cell && !cell->values.empty();
	});
}

std::vector<std::pair<std::string, std::string>> view_missing(const Results &results)
{
	std::vector<std::pair<std::string, std::string>> missing;
	for (const std::string &path : results.paths) {
		bool partly = is_measured(results, path);
		for (const std::string &load : results.loads) {
			const Cell *cell = results.find(path, load);
			if (!cell || cell->failure.empty())
				continue;
			missing.emplace_back(partly ? path + "/" + load : path, cell->failure);
			if (!partly)
				break;
		}
	}
	return missing;
}

std::string view_conditions(const Results &results)
{
	return results.fact("date") + ", Linux " + results.fact("kernel") + ", " +
	       results.fact("processors") + " processors (" + results.fact("model") + "), " +
	       results.fact("congestion_control") + " on all sockets, " + results.fact("rounds") +
	       " rounds of " + results.fact("seconds_each") + " s, pinned: " + results.fact("pinned");
}

std::string view_disturbances(const Results &results)
{
	int repeats = 0, disturbed = 0;
	for (const auto &[key, cell] : results.cells) {
		repeats += cell.repeats;
		disturbed += cell.disturbed;
	}
	if (repeats == 0 && disturbed == 0)
		return "";
	return std::to_string(repeats) +
	       " samples were taken again because meanwhile other programs used, or the host of a virtual "
	       "machine withheld, more than " +
	       results.fact("disturbance_tolerated") + " of the machine; " + std::to_string(disturbed) +
	       " were disturbed each time, and are kept.";
}

} /* namespace nsbench */
