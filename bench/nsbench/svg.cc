/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/svg.h"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <limits>

#include "bench/nsbench/text.h"

namespace nsbench
{

/* Sizes in units of the picture, which a page scales to its own width. */
static constexpr double WIDTH = 860, BAR_STEP = 22, BAR_HEIGHT = 12, LABEL_WIDTH = 160, VALUE_WIDTH = 170;
static constexpr double PLOT_HEIGHT = 320, PLOT_LEFT = 70, PLOT_RIGHT = 620, PLOT_TOP = 14, PLOT_BOTTOM = 270;
enum { COLOURS = 10 }; /* classes c0 .. c9 of the style sheet */

std::string markup_escape(const std::string &text)
{
	std::string escaped;
	for (char c : text) {
		if (c == '&')
			escaped += "&amp;";
		else if (c == '<')
			escaped += "&lt;";
		else if (c == '>')
			escaped += "&gt;";
		else if (c == '"')
			escaped += "&quot;";
		else if (static_cast<unsigned char>(c) >= ' ' || c == '\n' || c == '\t')
			escaped += c;
	}
	return escaped;
}

__attribute__((format(printf, 1, 2))) static std::string print(const char *format, ...)
{
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return text;
}

static std::string open_picture(const std::string &title, double height)
{
	return print("<svg viewBox=\"0 0 %g %g\" role=\"img\" aria-label=\"%s\">\n", WIDTH, height,
	             markup_escape(title).c_str());
}

static std::string line(double x1, double y1, double x2, double y2, const char *style)
{
	return print("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n", x1, y1, x2, y2,
	             style);
}

static std::string label(double x, double y, const char *anchor, const std::string &text)
{
	return print("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor,
	             markup_escape(text).c_str());
}

/* ---- bars ---- */

/* bar_end - where its value may be written */
static double bar_end(const Bar &bar, double scale)
{
	double most = std::max(bar.value.median, bar.value.count > 1 ? bar.value.q3 : 0);
	return LABEL_WIDTH + std::max(most * scale, 0.);
}

static std::string bar_shape(const Bar &bar, double y, double scale)
{
	double middle = y + BAR_HEIGHT / 2, width = std::max(bar.value.median * scale, 0.);
	std::string text = print("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"bar "
	                         "%s\"><title>%s</title></rect>\n",
	                         LABEL_WIDTH, y, width, BAR_HEIGHT, bar.style.c_str(),
	                         markup_escape(bar.label + ": " + spread_text(bar.value)).c_str());
	if (bar.value.count > 1) {
		double low = LABEL_WIDTH + std::max(bar.value.q1 * scale, 0.),
		       high = LABEL_WIDTH + bar.value.q3 * scale;
		text += line(low, middle, high, middle, "whisker") +
		        line(low, middle - 4, low, middle + 4, "whisker") +
		        line(high, middle - 4, high, middle + 4, "whisker");
	}
	return text;
}

static std::string bar_labels(const Bar &bar, double y, double scale)
{
	double base = y + BAR_HEIGHT / 2 + 4;
	return label(LABEL_WIDTH - 8, base, "end", bar.label) +
	       label(bar_end(bar, scale) + 8, base, "start", spread_text(bar.value));
}

std::string svg_bars(const std::string &title, const std::vector<Bar> &bars, double mark)
{
	double most = mark, height = static_cast<double>(bars.size()) * BAR_STEP + 8;
	for (const Bar &one : bars)
		most = std::max({most, one.value.median, one.value.count > 1 ? one.value.q3 : 0});
	double scale = most > 0 ? (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / most : 0, y = 4;
	std::string text = open_picture(title, height), labels;
	for (const Bar &one : bars) {
		text += bar_shape(one, y, scale);
		labels += bar_labels(one, y, scale);
		y += BAR_STEP;
	}
	if (mark > 0)
		text += line(LABEL_WIDTH + mark * scale, 0, LABEL_WIDTH + mark * scale, height, "mark");
	return text + labels + "</svg>\n"; /* over the mark, so that they stay legible */
}

/* ---- axes ---- */

/* Maps values onto one side of the plot. */
struct Ruler {
	Axis axis;
	double low, high, start, end; /* of values; of the picture */

	double at(double value) const
	{
		double from = low, to = high;
		if (axis.scale == Scale::Log) {
			from = std::log10(low);
			to = std::log10(high);
			value = std::log10(value);
		}
		return start + (value - from) / (to - from) * (end - start);
	}
};

using Side = double std::pair<double, double>::*;

static bool fits(double value, Scale scale)
{
	return std::isfinite(value) && (scale == Scale::Linear || value > 0);
}

/* round_down - to 1, 2 or 5 times a power of ten; of a positive number */
static double round_down(double value)
{
	double power = std::pow(10, std::floor(std::log10(value)));
	for (double factor : {5., 2.})
		if (value >= factor * power)
			return factor * power;
	return power;
}

static double round_up(double value)
{
	double below = round_down(value);
	return below == value ? value : round_down(below * 2.5); /* 1, 2 and 5 lead to 2, 5 and 10 */
}

static Ruler make_ruler(const Axis &axis, const std::vector<Series> &series, Side side, double start,
                        double end)
{
	double low = std::numeric_limits<double>::infinity(), high = -low;
	for (const Series &one : series) {
		for (const auto &point : one.points) {
			if (!fits(point.*side, axis.scale))
				continue;
			low = std::min(low, point.*side);
			high = std::max(high, point.*side);
		}
	}
	if (axis.scale == Scale::Linear)
		low = std::min(low, 0.);
	if (!(low < high)) { /* one value only, or none */
		low = std::isfinite(low) && low > 0 ? low / 2 : .5;
		high = low * 4;
	}
	if (axis.scale == Scale::Log && axis.ticks.empty())
		return {axis, round_down(low), round_up(high), start, end};
	return {axis, low, high, start, end};
}

/* step_of - 1, 2 or 5 times a power of ten, so that there are about five of them */
static double step_of(double range)
{
	double step = std::pow(10, std::floor(std::log10(range / 5)));
	for (double factor : {2., 2.5, 2.})
		if (range / step > 6)
			step *= factor;
	return step;
}

static std::vector<std::pair<double, std::string>> ticks_of(const Ruler &ruler)
{
	std::vector<std::pair<double, std::string>> ticks = ruler.axis.ticks;
	if (!ticks.empty())
		return ticks;
	if (ruler.axis.scale == Scale::Linear) {
		double step = step_of(ruler.high - ruler.low);
		auto count = static_cast<int>(ruler.high / step + 1e-6);
		for (int i = 0; i <= count; i++)
			ticks.emplace_back(i * step, number(i * step));
		return ticks;
	}
	bool few = ruler.high / ruler.low < 1000;
	auto last = static_cast<int>(std::floor(std::log10(ruler.high)));
	for (auto power = static_cast<int>(std::floor(std::log10(ruler.low))); power <= last; power++) {
		for (int factor : {1, 2, 5}) {
			double at = factor * std::pow(10, power);
			if ((few || factor == 1) && at >= ruler.low && at <= ruler.high)
				ticks.emplace_back(at, number(at));
		}
	}
	return ticks;
}

static std::string draw_axes(const Ruler &x, const Ruler &y)
{
	std::string text;
	for (const auto &[value, name] : ticks_of(x)) {
		if (value < x.low || value > x.high)
			continue;
		text += line(x.at(value), PLOT_TOP, x.at(value), PLOT_BOTTOM, "grid");
		text += label(x.at(value), PLOT_BOTTOM + 16, "middle", name);
	}
	for (const auto &[value, name] : ticks_of(y)) {
		text += line(PLOT_LEFT, y.at(value), PLOT_RIGHT, y.at(value), "grid");
		text += label(PLOT_LEFT - 8, y.at(value) + 4, "end", name);
	}
	text += label((PLOT_LEFT + PLOT_RIGHT) / 2, PLOT_BOTTOM + 38, "middle", x.axis.title);
	return text + label(PLOT_LEFT - 60, PLOT_TOP - 2, "start", y.axis.title);
}

/* ---- what is in the plot ---- */

static std::string draw_series(const Series &series, size_t index, const Ruler &x, const Ruler &y,
                               bool is_line)
{
	std::string path, dots;
	int colour = static_cast<int>(index % COLOURS);
	for (const auto &[px, py] : series.points) {
		if (!fits(px, x.axis.scale) || !fits(py, y.axis.scale))
			continue;
		path += print("%.1f,%.1f ", x.at(px), y.at(py));
		dots += print("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%s\" class=\"dot "
		              "c%d%s\"><title>%s</title></circle>\n",
		              x.at(px), y.at(py), is_line ? "2.5" : "4", colour,
		              index >= COLOURS ? " hollow" : "",
		              markup_escape(series.label + ": " + number(px) + ", " + number(py)).c_str());
	}
	const char *dashes = index >= COLOURS ? " stroke-dasharray=\"5 3\"" : "";
	if (is_line)
		dots = print("<polyline class=\"line c%d\"%s points=\"", colour, dashes) + path + "\"/>\n" +
		       dots;
	return dots;
}

static std::string draw_legend(const std::vector<Series> &series)
{
	std::string text;
	for (size_t i = 0; i < series.size(); i++) {
		double y = PLOT_TOP + 6 + static_cast<double>(i) * 18;
		text += print("<rect x=\"%.1f\" y=\"%.1f\" width=\"14\" height=\"8\" class=\"dot c%d%s\"/>\n",
		              PLOT_RIGHT + 20, y - 4, static_cast<int>(i % COLOURS),
		              i >= COLOURS ? " hollow" : "");
		text += label(PLOT_RIGHT + 42, y + 4, "start", series[i].label);
	}
	return text;
}

static std::string plot(const std::string &title, const std::vector<Series> &series, const Axis &x_axis,
                        const Axis &y_axis, bool is_line)
{
	Ruler x = make_ruler(x_axis, series, &std::pair<double, double>::first, PLOT_LEFT + 10,
	                     PLOT_RIGHT - 10);
	Ruler y = make_ruler(y_axis, series, &std::pair<double, double>::second, PLOT_BOTTOM, PLOT_TOP + 10);
	double height = std::max(PLOT_HEIGHT, PLOT_TOP + static_cast<double>(series.size()) * 18 + 12);
	std::string text = open_picture(title, height) + draw_axes(x, y);
	if (!is_line) {
		double low = std::max(x.low, y.low), high = std::min(x.high, y.high);
		text += line(x.at(low), y.at(low), x.at(high), y.at(high), "mark");
	}
	for (size_t i = 0; i < series.size(); i++)
		text += draw_series(series[i], i, x, y, is_line);
	return text + draw_legend(series) + "</svg>\n";
}

std::string svg_lines(const std::string &title, const std::vector<Series> &series, const Axis &x,
                      const Axis &y)
{
	return plot(title, series, x, y, true);
}

std::string svg_dots(const std::string &title, const std::vector<Series> &series, const Axis &x,
                     const Axis &y)
{
	return plot(title, series, x, y, false);
}

} /* namespace nsbench */
