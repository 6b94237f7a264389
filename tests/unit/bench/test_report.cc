/* SPDX-License-Identifier: Apache-2.0 */
/* From a file of results to what people read. */
#include "bench/nsbench/failure.h"
#include "bench/nsbench/files.h"
#include "bench/nsbench/markdown.h"
#include "bench/nsbench/page.h"
#include "tests/unit/bench/unit.hpp"

using namespace nsbench;

static const Results &golden()
{
	static const Results results = results_read(NSBENCH_GOLDEN);
	return results;
}

static void results_are_read_back_by_path_load_and_round(void **)
{
	const Cell *cell = golden().find("nsrelay", "bulk_up_x1");
	assert_non_null(cell);
	assert_int_equal(cell->spread("gbit_per_s").count, 3);
	assert_string_equal(rate_of(*cell).c_str(), "gbit_per_s");
	assert_string_equal(relay_cpu_of(*cell).c_str(), "relay_cpu_s_per_gb");
	assert_int_equal(cell->repeats, 1);
	assert_null(golden().find("nginx", "namespaces_x10"));
	assert_string_equal(golden().fact("kernel").c_str(), "6.18.0 x86_64");
}

static void paths_come_in_the_order_of_the_catalogue(void **)
{
	assert_string_equal(golden().paths.front().c_str(), "loopback");
	assert_string_equal(golden().paths.back().c_str(), "nginx");
}

static void aggregates_are_not_taken_for_samples(void **)
{
	Results results = results_parse(R"({"context": {}, "benchmarks": [
		{"run_name": "veth/short_x1", "run_type": "aggregate", "aggregate_name": "median", "ops_per_s": 3}]})",
	                                "text");
	assert_int_equal(results.cells.size(), 0);
}

static std::string refusal(const std::string &text)
{
	try {
		results_parse(text, "a.json");
	} catch (const Failure &failure) {
		return failure.what();
	}
	return "accepted";
}

static void what_is_not_results_is_refused_by_its_name(void **)
{
	for (const char *text : {"", "{", "[]", "{\"context\": {}}", "{\"context\": {}, \"benchmarks\": [1]}",
	                         "{\"context\": {}, \"benchmarks\": [{\"run_name\": 1}]}"})
		assert_has(refusal(text), "a.json: not results of nsbench");
}

static void the_markdown_has_a_table_for_each_load(void **)
{
	std::string text = markdown_report(golden());
	assert_has(text, "## bulk, client to server, 1 stream\n\n| path | Gbit/s | x reference |");
	assert_has(text, "\n| nsrelay | ");
	assert_has(text, "64 B request/response, 1000 connections from 10 namespaces");
	assert_has(text, "| relay KiB each, user |");
}

static void what_was_not_measured_is_told_once_with_the_reason(void **)
{
	std::string text = markdown_report(golden());
	size_t first = text.find("- ipvlan: this kernel has no");
	assert_true(first != std::string::npos);
	assert_true(text.find("- ipvlan", first + 1) == std::string::npos);
}

static void repeated_samples_are_told(void **)
{
	std::string text = markdown_report(golden());
	assert_has(text, " samples were taken again because meanwhile other programs used");
	assert_has(text, "more than 5.0 % of the machine");
}

static void the_page_has_a_plot_of_every_kind(void **)
{
	std::string page = page_report(golden());
	for (const char *part :
	     {"relative to a direct veth pair", "<h2>Latency</h2>", "processor time", "As connections and",
	      "Memory of an idle connection", "Does T = B/(1+D) fit?", "less than 5 %?", "Not measured",
	      "class=\"whisker\"", "<polyline", "<circle"})
		assert_has(page, part);
}

static void the_page_needs_neither_network_nor_scripts(void **)
{
	std::string page = page_report(golden());
	assert_has_not(page, "<script");
	assert_has_not(page, "src=");
	assert_has_not(page, "href=");
	assert_has_not(page, "url(");
	assert_has_not(page, "@import");
}

static void what_comes_from_outside_is_escaped(void **)
{
	std::string page = page_report(golden());
	assert_has(page, "this kernel has no &lt;ipvlan&gt; &amp; says &quot;so&quot;");
	assert_has_not(page, "<ipvlan>");
	assert_has_not(page, "nan");
	assert_has_not(page, "\"inf");
}

/* is_well_formed - as Python's XML parser has it */
static bool is_well_formed(const std::string &page)
{
	ScratchFolder folder;
	std::string path = folder.path() + "/page.html";
	file_write(path, page);
	std::string command = "python3 -c 'import sys, xml.etree.ElementTree as e; e.parse(sys.argv[1])' " +
	                      path;
	return std::system(command.c_str()) == 0;
}

static void require_python()
{
	if (std::system("python3 -c 'import xml.etree' 2>/dev/null") != 0) {
		print_message("skipped: there is no python3\n");
		skip();
	}
}

static void the_page_is_well_formed(void **)
{
	require_python();
	assert_true(is_well_formed(page_report(golden())));
	assert_false(is_well_formed(page_report(golden()) + "<p>")); /* or the check is worth nothing */
}

static void the_page_of_nothing_is_well_formed_too(void **)
{
	require_python();
	assert_true(is_well_formed(page_report(Results())));
}

int main()
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(results_are_read_back_by_path_load_and_round),
	        cmocka_unit_test(paths_come_in_the_order_of_the_catalogue),
	        cmocka_unit_test(aggregates_are_not_taken_for_samples),
	        cmocka_unit_test(what_is_not_results_is_refused_by_its_name),
	        cmocka_unit_test(the_markdown_has_a_table_for_each_load),
	        cmocka_unit_test(what_was_not_measured_is_told_once_with_the_reason),
	        cmocka_unit_test(repeated_samples_are_told),
	        cmocka_unit_test(the_page_has_a_plot_of_every_kind),
	        cmocka_unit_test(the_page_needs_neither_network_nor_scripts),
	        cmocka_unit_test(what_comes_from_outside_is_escaped),
	        cmocka_unit_test(the_page_is_well_formed),
	        cmocka_unit_test(the_page_of_nothing_is_well_formed_too),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
