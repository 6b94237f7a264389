/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSRELAY_BENCH_NSBENCH_OPTIONS_H
#define NSRELAY_BENCH_NSBENCH_OPTIONS_H

#include <string>
#include <vector>

#include "bench/nsbench/settings.h"

namespace nsbench
{

enum class Verb { Run, Report, Compare, List, Help };

struct Options {
	Verb verb = Verb::Help;
	Settings settings;              /* Run; of Report only the folder */
	std::vector<std::string> files; /* Report: one; Compare: two */
	bool fail = false;              /* Compare: exit with 1 when something got worse */
};

/* options_parse - throws Failure with what was expected */
Options options_parse(int argc, char **argv);

std::string options_help();

} /* namespace nsbench */

#endif
