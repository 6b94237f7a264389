/* SPDX-License-Identifier: Apache-2.0 */
/* nsbench: what a path between network namespaces costs. */
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "bench/nsbench/catalogue.h"
#include "bench/nsbench/compare.h"
#include "bench/nsbench/failure.h"
#include "bench/nsbench/files.h"
#include "bench/nsbench/markdown.h"
#include "bench/nsbench/options.h"
#include "bench/nsbench/page.h"
#include "bench/nsbench/suite.h"

using namespace nsbench;

enum {
	EXIT_USAGE = 2,
	EXIT_INTERRUPTED = 130, /* as shells have it for SIGINT */
};

static void write_reports(const std::string &json, const std::string &folder)
{
	Results results = results_read(json);
	std::filesystem::create_directories(folder);
	file_write(folder + "/results.md", markdown_report(results));
	file_write(folder + "/index.html", page_report(results));
	printf("%s/results.md\n%s/index.html\n", folder.c_str(), folder.c_str());
}

static int run(const Options &options)
{
	interrupt_install();
	std::string json = suite_run(options.settings);
	if (json.empty()) {
		fputs("nsbench: nothing has been measured\n", stderr);
	} else {
		printf("%s\n", json.c_str());
		write_reports(json, options.settings.out);
	}
	if (interrupt_asked())
		return EXIT_INTERRUPTED;
	return json.empty() ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int report(const Options &options)
{
	std::string folder = options.settings.out;
	if (folder.empty())
		folder = std::filesystem::absolute(options.files[0]).parent_path().string();
	write_reports(options.files[0], folder);
	return EXIT_SUCCESS;
}

static int compare(const Options &options)
{
	Results before = results_read(options.files[0]), after = results_read(options.files[1]);
	std::vector<Comparison> comparisons = compare_results(before, after);
	fputs((compare_text(comparisons) + compare_drift(before, after)).c_str(), stdout);
	return options.fail && compare_any_worse(comparisons) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int list()
{
	puts("paths:");
	for (const PathSpec &path : paths())
		printf("  %-20s %s%s\n", path.name, path.title, (path.traits & PEER) ? " (--peers)" : "");
	puts("loads:");
	for (const Load &load : loads())
		printf("  %-20s %s\n", load.name.c_str(), load_title(load).c_str());
	return EXIT_SUCCESS;
}

static int dispatch(const Options &options)
{
	switch (options.verb) {
	case Verb::Run:
		return run(options);
	case Verb::Report:
		return report(options);
	case Verb::Compare:
		return compare(options);
	case Verb::List:
		return list();
	case Verb::Help:
		break;
	}
	fputs(options_help().c_str(), stdout);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	bool understood = false;
	try {
		Options options = options_parse(argc, argv);
		understood = true;
		return dispatch(options);
	} catch (const std::exception &error) {
		fprintf(stderr, "nsbench: %s\n", error.what());
		return understood ? EXIT_FAILURE : EXIT_USAGE;
	}
}
