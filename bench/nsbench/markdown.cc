/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/markdown.h"

#include "bench/nsbench/claims.h"
#include "bench/nsbench/text.h"
#include "bench/nsbench/view.h"

namespace nsbench
{

static std::string row(const std::vector<std::string> &cells)
{
	std::string text = "|";
	for (const std::string &cell : cells)
		text += " " + cell + " |";
	return text + "\n";
}

static std::string table(const Results &results, const std::string &load)
{
	std::vector<const Metric *> columns = view_columns(results, load);
	std::vector<std::string> head = {"path"}, rule = {"---"};
	for (const Metric *column : columns) {
		head.emplace_back(column->title);
		rule.emplace_back("---");
	}
	std::string text = row(head) + row(rule);
	for (const std::string &path : results.paths) {
		const Cell *cell = results.find(path, load);
		std::vector<std::string> cells = {path};
		for (const Metric *column : columns)
			cells.push_back(cell && cell->has(column->name)
			                        ? spread_text(cell->spread(column->name))
			                        : "-");
		if (cell && !cell->values.empty())
			text += row(cells);
	}
	return text;
}

static std::string claims(const Results &results)
{
	std::string text = "## Do veth and bridge cost less than 5 %?\n\n" +
	                   claim_sentence(claim_costs(results)) + "\n\n## Does T = B/(1+D) fit?\n\n";
	std::vector<Model> models = model_fit(results);
	if (models.empty())
		return text + "Not measured: it takes ping_64B_x1 and another load on at least four paths.\n";
	for (const Model &model : models)
		text += "- " + view_load_title(model.load) + ": " + model_sentence(model) + "\n";
	return text;
}

std::string markdown_report(const Results &results)
{
	std::string text =
	        "# What a path between namespaces costs\n\n" + view_conditions(results) +
	        ". Medians, with the range between the quartiles in brackets; ratios are to the direct veth "
	        "path of the same round (of many namespaces: to the bridge).\n";
	std::string disturbances = view_disturbances(results);
	if (!disturbances.empty())
		text += "\n" + disturbances + "\n";
	for (const std::string &load : results.loads)
		if (!view_columns(results, load).empty())
			text += "\n## " + view_load_title(load) + "\n\n" + table(results, load);
	text += "\n" + claims(results);
	auto missing = view_missing(results);
	if (!missing.empty())
		text += "\n## Not measured\n\n";
	for (const auto &[path, why] : missing)
		text += "- " + path + ": " + why + "\n";
	text += "\n## The machine\n\n";
	for (const auto &[name, value] : results.context)
		if (!value.empty() && value[0] != '[' && value[0] != '{')
			text += "- " + name + ": " + value + "\n";
	return text;
}

} /* namespace nsbench */
