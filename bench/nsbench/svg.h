/* SPDX-License-Identifier: Apache-2.0 */
/* Plots as SVG elements that stand in a page; their colours come from the page's style sheet, so that they
 * follow its theme. */
#ifndef NSRELAY_BENCH_NSBENCH_SVG_H
#define NSRELAY_BENCH_NSBENCH_SVG_H

#include <string>
#include <utility>
#include <vector>

#include "bench/nsbench/stats.h"

namespace nsbench
{

/* markup_escape - text for XML and HTML, also within double quotes */
std::string markup_escape(const std::string &text);

struct Bar {
	std::string label;
	Spread value;
	std::string style; /* class of the style sheet */
};

/*
 * svg_bars - a horizontal bar for each median, a whisker over the quartiles, the number beside it
 * @mark: where to draw a line through all of them; 0: none
 */
std::string svg_bars(const std::string &title, const std::vector<Bar> &bars, double mark);

struct Series {
	std::string label;
	std::vector<std::pair<double, double>> points; /* by x */
};

enum class Scale { Linear, Log };

struct Axis {
	std::string title;
	Scale scale;
	std::vector<std::pair<double, std::string>> ticks; /* empty: round numbers */
};

/* svg_lines - a line for each series, with a legend; svg_dots - points only, with the diagonal on which x and
 * y are the same */
std::string svg_lines(const std::string &title, const std::vector<Series> &series, const Axis &x,
                      const Axis &y);
std::string svg_dots(const std::string &title, const std::vector<Series> &series, const Axis &x,
                     const Axis &y);

} /* namespace nsbench */

#endif
