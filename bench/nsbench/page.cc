/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/page.h"

#include <algorithm>
#include <map>

#include "bench/nsbench/catalogue.h"
#include "bench/nsbench/claims.h"
#include "bench/nsbench/svg.h"
#include "bench/nsbench/text.h"
#include "bench/nsbench/view.h"

namespace nsbench
{

/* Ten colours that differ in lightness too, so that a print without colour can be read; and three families of
 * bars. */
static const char STYLE[] = R"(
:root { --back: #ffffff; --text: #1b1f24; --dim: #5a6572; --grid: #e3e7ec; --mark: #b3261e; --box: #f4f6f8;
  --kernel: #8fa3b8; --own: #1f6feb; --peer: #c9a26b;
  --c0: #1f6feb; --c1: #d1591b; --c2: #17835a; --c3: #8a3ffc; --c4: #b0862a; --c5: #0e8aa8; --c6: #c2347a; --c7: #6b7a3a;
  --c8: #5a6572; --c9: #a3352c; }
@media (prefers-color-scheme: dark) {
  :root { --back: #14171b; --text: #e6e9ed; --dim: #9aa5b1; --grid: #2b3138; --mark: #ff8a80; --box: #1d2228;
    --kernel: #6f8499; --own: #5b9dff; --peer: #b8925c;
    --c0: #6ba6ff; --c1: #ff935c; --c2: #4cc38a; --c3: #b98cff; --c4: #e0b354; --c5: #4cc3dd; --c6: #ff7fb6; --c7: #b0c26b;
    --c8: #aab4bf; --c9: #ff9a90; } }
body { background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; max-width: 900px;
  margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.6em; } h2 { font-size: 1.25em; margin-top: 2em; } h3 { font-size: 1em; margin: 1.4em 0 .3em; }
p.dim, figcaption { color: var(--dim); } figure { margin: 0; }
.answer { background: var(--box); border-left: 4px solid var(--own); padding: .6em 1em; margin: 1em 0; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25em .8em .25em 0; border-bottom: 1px solid var(--grid); white-space: nowrap; }
td.long { white-space: normal; } summary { cursor: pointer; }
svg { width: 100%; height: auto; }
svg text { fill: var(--text); font: 12px system-ui, sans-serif; paint-order: stroke; stroke: var(--back); stroke-width: 3px; }
.bar.kernel { fill: var(--kernel); } .bar.own { fill: var(--own); } .bar.peer { fill: var(--peer); }
.whisker { stroke: var(--text); } .grid { stroke: var(--grid); } .mark { stroke: var(--mark); stroke-dasharray: 4 3; }
.line { fill: none; stroke-width: 2; }
.key { display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 1em; }
)";

/* style_sheet - with the classes c0 .. c9 of the plots */
static std::string style_sheet()
{
	std::string text = STYLE;
	for (int i = 0; i < 10; i++) {
		std::string name = "c" + std::to_string(i), colour = "var(--" + name + ")";
		text += ".line." + name + " { stroke: " + colour + "; } .dot." + name + " { fill: " + colour +
		        "; stroke: " + colour + "; }\n";
	}
	return text + ".hollow { fill: var(--back) !important; stroke-width: 2; }\n";
}

/* ---- elements ---- */

static std::string heading(const std::string &text)
{
	return "<h2>" + markup_escape(text) + "</h2>\n";
}

static std::string subheading(const std::string &text)
{
	return "<h3>" + markup_escape(text) + "</h3>\n";
}

static std::string paragraph(const std::string &text, const std::string &style = "")
{
	return "<p" + (style.empty() ? "" : " class=\"" + style + "\"") + ">" + markup_escape(text) +
	       "</p>\n";
}

static std::string figure(const std::string &picture)
{
	return "<figure>" + picture + "</figure>\n";
}

using Row = std::vector<std::string>;

static std::string table(const Row &head, const std::vector<Row> &rows)
{
	std::string text = "<div class=\"wide\"><table>\n<tr>";
	for (const std::string &cell : head)
		text += "<th>" + markup_escape(cell) + "</th>";
	text += "</tr>\n";
	for (const Row &row : rows) {
		text += "<tr>";
		for (const std::string &cell : row)
			text += std::string(cell.size() > 60 ? "<td class=\"long\">" : "<td>") +
			        markup_escape(cell) + "</td>";
		text += "</tr>\n";
	}
	return text + "</table></div>\n";
}

static const PathSpec *spec_of(const std::string &path)
{
	for (const PathSpec &spec : paths())
		if (path == spec.name)
			return &spec;
	return nullptr;
}

static std::string family(const std::string &path)
{
	const PathSpec *spec = spec_of(path);
	if (!spec || spec->relay == RelayKind::None)
		return "kernel";
	return (spec->traits & PEER) ? "peer" : "own";
}

/* ---- bars ---- */

/* bars_of - of each path that has this figure */
static std::vector<Bar> bars_of(const Results &results, const std::string &load, const std::string &metric)
{
	std::vector<Bar> bars;
	for (const std::string &path : results.paths) {
		const Cell *cell = results.find(path, load);
		if (cell && cell->has(metric))
			bars.push_back({path, cell->spread(metric), family(path)});
	}
	return bars;
}

/* metric_of - that which the paths have under this load, as @which tells of a cell; "" */
static std::string metric_of(const Results &results, const std::string &load,
                             std::string (*which)(const Cell &))
{
	for (const std::string &path : results.paths) {
		const Cell *cell = results.find(path, load);
		if (cell && !which(*cell).empty())
			return which(*cell);
	}
	return "";
}

static std::string title_of(const std::string &metric)
{
	const Metric *known = metric_find(metric);
	return known ? known->title : metric;
}

static std::string ratio_section(const Results &results)
{
	std::string text = heading("Throughput, relative to a direct veth pair");
	text += "<p class=\"dim\">Medians of the ratio within each round; whiskers are the quartiles. "
	        "<span class=\"key\" style=\"background:var(--kernel)\"></span>the kernel's own paths"
	        "<span class=\"key\" style=\"background:var(--own)\"></span>nsrelay"
	        "<span class=\"key\" style=\"background:var(--peer)\"></span>other relays</p>\n";
	for (const std::string &load : results.loads) {
		std::vector<Bar> bars = bars_of(results, load, "ratio");
		if (bars.size() > 1) /* not the reference alone */
			text += subheading(view_load_title(load)) +
			        figure(svg_bars(view_load_title(load), bars, 1));
	}
	return text;
}

static std::string cpu_section(const Results &results)
{
	std::string text = heading("What it costs in processor time");
	text += paragraph("Of the relay, all its processes together; and of the whole machine, load "
	                  "generators included.",
	                  "dim");
	for (const std::string &load : results.loads) {
		for (auto *which : {relay_cpu_of, machine_cpu_of}) {
			std::string metric = metric_of(results, load, which);
			std::vector<Bar> bars = bars_of(results, load, metric);
			std::string title = view_load_title(load) + ": " + title_of(metric);
			if (!metric.empty() && !bars.empty())
				text += subheading(title) + figure(svg_bars(title, bars, 0));
		}
	}
	return text;
}

static std::string memory_section(const Results &results)
{
	std::string bars;
	for (const std::string &load : results.loads) {
		for (const char *metric : {"relay_user_kib", "relay_kernel_kib", "machine_slab_kib"}) {
			std::vector<Bar> found = bars_of(results, load, metric);
			std::string title = view_load_title(load) + ": " + title_of(metric);
			if (!found.empty())
				bars += subheading(title) + figure(svg_bars(title, found, 0));
		}
	}
	return bars.empty() ? "" : heading("Memory of an idle connection") + bars;
}

/* ---- curves ---- */

/* tail - where on the axis a fraction is: one tick for each nine of it */
static double tail(double fraction)
{
	return 1 / (1 - fraction);
}

static Series latency_curve(const std::string &path, const Cell &cell)
{
	Series series = {path, {}};
	for (const Quantile &quantile : quantiles())
		if (cell.has(quantile.name))
			series.points.emplace_back(tail(quantile.fraction),
			                           cell.spread(quantile.name).median);
	return series;
}

static std::string latency_plot(const Results &results, const std::string &load, const char *title,
                                bool relays, size_t least)
{
	static const Axis x = {"percentile",
	                       Scale::Log,
	                       {{tail(.01), "1"},
	                        {tail(.5), "50"},
	                        {tail(.75), "75"},
	                        {tail(.9), "90"},
	                        {tail(.99), "99"},
	                        {tail(.999), "99.9"},
	                        {tail(.9999), "99.99"}}};
	const std::string reference = view_reference(load);
	std::vector<Series> series;
	for (const std::string &path : results.paths) {
		const Cell *cell = results.find(path, load);
		bool is_relay = family(path) != "kernel";
		if (cell && cell->has("p50_us") && (is_relay == relays || path == reference))
			series.push_back(latency_curve(path, *cell));
	}
	if (series.size() < least)
		return "";
	std::string name = view_load_title(load) + ", " + title;
	return subheading(name) + figure(svg_lines(name, series, x, {"us", Scale::Log, {}}));
}

static std::string latency_section(const Results &results)
{
	std::string text = heading("Latency");
	for (const std::string &load : results.loads) {
		std::string plots = latency_plot(results, load, "the kernel's own paths", false, 2) +
		                    latency_plot(results, load, "relays", true, 2);
		if (plots.empty()) /* one path alone */
			plots = latency_plot(results, load, "the only path", false, 1);
		text += plots;
	}
	return text;
}

/* ---- growth ---- */

/* A family of loads that differ in one number: "ping_64B_x" of ping_64B_x1, ping_64B_x16 and ping_64B_x64. */
static std::vector<std::string> growing_loads(const Results &results)
{
	std::vector<std::string> stems;
	for (const std::string &load : results.loads) {
		std::string stem = load.substr(0, load.rfind("_x") + 2);
		auto same = [&](const std::string &other) { return other.rfind(stem, 0) == 0; };
		auto count = std::count_if(results.loads.begin(), results.loads.end(), same);
		if (count > 1 && std::find(stems.begin(), stems.end(), stem) == stems.end())
			stems.push_back(stem);
	}
	return stems;
}

static Series growth_curve(const Results &results, const std::string &path, const std::string &stem,
                           const std::string &metric)
{
	Series series = {path, {}};
	for (const std::string &load : results.loads) {
		const Cell *cell = results.find(path, load);
		if (load.rfind(stem, 0) == 0 && cell && cell->has(metric))
			series.points.emplace_back(std::stod(load.substr(stem.size())),
			                           cell->spread(metric).median);
	}
	return series;
}

static std::string growth_plot(const Results &results, const std::string &stem, const std::string &metric)
{
	std::vector<Series> series;
	std::map<double, std::string> counts;
	for (const std::string &path : results.paths) {
		Series curve = growth_curve(results, path, stem, metric);
		for (const auto &[count, value] : curve.points)
			counts[count] = number(count);
		if (curve.points.size() > 1)
			series.push_back(curve);
	}
	if (series.empty())
		return "";
	const char *what = stem.rfind("namespaces", 0) == 0 ? "namespaces"
	                   : stem.rfind("bulk", 0) == 0     ? "streams"
	                                                    : "connections";
	std::string load = view_load_title(stem + counts.begin()->second);
	std::string title = load.substr(0, load.rfind(", ")) + ", more " + what + ": " + title_of(metric);
	Axis x = {what, Scale::Log, {counts.begin(), counts.end()}};
	return subheading(title) + figure(svg_lines(title, series, x, {title_of(metric), Scale::Log, {}}));
}

static std::string growth_section(const Results &results)
{
	std::string text;
	for (const std::string &stem : growing_loads(results)) {
		auto begins = [&](const std::string &load) { return load.rfind(stem, 0) == 0; };
		std::string load = *std::find_if(results.loads.begin(), results.loads.end(), begins);
		for (auto *which : {rate_of, machine_cpu_of, relay_cpu_of}) {
			std::string metric = metric_of(results, load, which);
			if (!metric.empty())
				text += growth_plot(results, stem, metric);
		}
	}
	return text.empty() ? "" : heading("As connections and namespaces grow") + text;
}

/* ---- claims ---- */

static std::string claim_section(const Results &results)
{
	static const char *const answers[] = {"less than 5 %", "more than 5 %", "cannot be told"};
	std::vector<Cost> costs = claim_costs(results);
	std::vector<Row> rows;
	for (const Cost &cost : costs)
		rows.push_back({cost.path + " instead of " + cost.base, view_load_title(cost.load),
		                percent(cost.share.median),
		                percent(cost.share.q1) + " .. " + percent(cost.share.q3),
		                answers[static_cast<int>(cost.answer)]});
	std::string text = heading("Do veth and bridge cost less than 5 %?");
	text += "<div class=\"answer\">" + markup_escape(claim_sentence(costs)) + "</div>\n";
	if (rows.empty())
		return text;
	text += paragraph("Throughput lost, within the same round; below zero it carried more.", "dim");
	return text + table({"crossing", "load", "lost", "quartiles", "which is"}, rows);
}

static std::string model_plot(const Model &model)
{
	std::vector<Series> series;
	for (const ModelPoint &point : model.points)
		series.push_back({point.path, {{point.measured, point.fitted}}});
	std::string unit = title_of(model.rate),
	            title = view_load_title(model.load) + ": measured and fitted " + unit;
	return subheading(title) + figure(svg_dots(title, series, {"measured", Scale::Linear, {}},
	                                           {"fitted", Scale::Linear, {}}));
}

static std::string model_section(const Results &results)
{
	std::vector<Model> models = model_fit(results);
	std::string text = heading("Does T = B/(1+D) fit?");
	text += paragraph("The formula does not say in what unit the delay D is. Read literally: B is what "
	                  "the direct veth pair "
	                  "carries, and D how much longer a single small message takes than there, in times "
	                  "of the veth pair's. "
	                  "Fitted: B and the unit of D are chosen so that 1/T = (1+D)/B comes closest.",
	                  "dim");
	if (models.empty())
		return text +
		       paragraph(
		               "Not measured: it takes ping_64B_x1 and another load on at least four paths.");
	std::vector<Row> rows;
	for (const Model &model : models)
		rows.push_back({view_load_title(model.load), percent(model.literal_error),
		                number(model.literal_explained), percent(model.fitted_error),
		                number(model.fitted_explained)});
	text += table({"load", "literal: median error", "R squared", "fitted: median error", "R squared"},
	              rows);
	for (const Model &model : models)
		text += model_plot(model);
	return text;
}

/* ---- tables ---- */

static std::string load_table(const Results &results, const std::string &load)
{
	Row head = {"path"};
	std::vector<const Metric *> columns = view_columns(results, load);
	std::vector<Row> rows;
	for (const Metric *column : columns)
		head.emplace_back(column->title);
	for (const std::string &path : results.paths) {
		const Cell *cell = results.find(path, load);
		Row row = {path};
		for (const Metric *column : columns)
			row.push_back(cell && cell->has(column->name)
			                      ? spread_text(cell->spread(column->name))
			                      : "-");
		if (cell && !cell->values.empty())
			rows.push_back(row);
	}
	return subheading(view_load_title(load)) + table(head, rows);
}

static std::string tables_section(const Results &results)
{
	std::string text = heading("All figures") +
	                   "<details><summary>Medians, with the quartiles in brackets</summary>\n";
	for (const std::string &load : results.loads)
		if (!view_columns(results, load).empty())
			text += load_table(results, load);
	return text + "</details>\n";
}

static std::string missing_section(const Results &results)
{
	std::vector<Row> rows;
	for (const auto &[path, why] : view_missing(results))
		rows.push_back({path, why});
	return rows.empty() ? "" : heading("Not measured") + table({"path", "why"}, rows);
}

static std::string paths_section(const Results &results)
{
	std::vector<Row> rows;
	for (const std::string &path : results.paths) {
		const PathSpec *spec = spec_of(path);
		rows.push_back({path, spec ? spec->title : "", results.fact("link_of_" + path)});
	}
	return heading("The paths") + table({"path", "what it is", "the client's link"}, rows);
}

static std::string machine_section(const Results &results)
{
	std::vector<Row> rows;
	for (const auto &[name, value] : results.context)
		if (!value.empty() && value[0] != '[' && value[0] != '{' && name.rfind("link_of_", 0) != 0)
			rows.push_back({name, value});
	return heading("The machine") + table({"", ""}, rows);
}

/* ---- the page ---- */

std::string page_report(const Results &results)
{
	const std::string title = "What a path between namespaces costs";
	std::string text =
	        "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n"
	        "<meta charset=\"utf-8\"/>\n"
	        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>" +
	        title + "</title>\n<style>" + style_sheet() + "</style>\n</head>\n<body>\n<h1>" + title +
	        "</h1>\n" + paragraph(view_conditions(results) + ".", "dim");
	std::string disturbances = view_disturbances(results);
	if (!disturbances.empty())
		text += paragraph(disturbances);
	for (auto *section :
	     {claim_section, ratio_section, latency_section, cpu_section, growth_section, memory_section,
	      model_section, missing_section, paths_section, tables_section, machine_section})
		text += section(results);
	return text + "</body>\n</html>\n";
}

} /* namespace nsbench */
