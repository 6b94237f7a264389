/* SPDX-License-Identifier: Apache-2.0 */
/* What has been measured, as the reports see it: read back from Google Benchmark's JSON. */
#ifndef NSRELAY_BENCH_NSBENCH_RESULTS_H
#define NSRELAY_BENCH_NSBENCH_RESULTS_H

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bench/nsbench/stats.h"

namespace nsbench
{

/* The samples of one benchmark. */
struct Cell {
	std::map<std::string, std::map<int, double>> values; /* by figure, then by round */
	std::string failure;                                 /* why there is none; "" */
	int repeats = 0;   /* samples taken again because others were at work */
	int disturbed = 0; /* samples kept although they were */

	bool has(const std::string &metric) const;
	Spread spread(const std::string &metric) const; /* count 0 when there is none */
};

struct Results {
	std::vector<std::pair<std::string, std::string>> context;
	std::vector<std::string> paths, loads; /* in the order of the file */
	std::map<std::pair<std::string, std::string>, Cell> cells;

	/* find - of a path and a load; nullptr when they were not measured together */
	const Cell *find(const std::string &path, const std::string &load) const;

	/* fact - of the context; "" */
	std::string fact(const std::string &name) const;
};

/* results_read - throws Failure when the file cannot be read, or is not of this kind */
Results results_read(const std::string &path);

/* results_parse - the same of a text; @name is for the error */
Results results_parse(const std::string &text, const std::string &name);

/* rate_of, relay_cpu_of, machine_cpu_of - the name of the figure that this cell has; "" */
std::string rate_of(const Cell &cell);
std::string relay_cpu_of(const Cell &cell);
std::string machine_cpu_of(const Cell &cell);

/* paired - of the rounds that both have, @what of (value of @a, value of @b) */
Spread paired(const Cell &a, const Cell &b, const std::string &metric, double (*what)(double, double));

} /* namespace nsbench */

#endif
