/* SPDX-License-Identifier: Apache-2.0 */
/* The figures: how each is called in the results, and to people. */
#ifndef NSRELAY_BENCH_NSBENCH_METRICS_H
#define NSRELAY_BENCH_NSBENCH_METRICS_H

#include <string>
#include <vector>

namespace nsbench
{

enum class Better { Higher, Lower };

struct Metric {
	const char *name;  /* in the results */
	const char *title; /* "relay CPU, us/op" */
	Better better;
	bool compared; /* by `nsbench compare` */
};

/* metrics - those that tables show, in their order */
const std::vector<Metric> &metrics();

/* metric_find - nullptr for a name that is none of them */
const Metric *metric_find(const std::string &name);

/* rate_metrics - how much a path carries; each load has one of them, if it has any */
const std::vector<std::string> &rate_metrics();

/* relay_cpu_metrics, machine_cpu_metrics - what it costs, in the order of rate_metrics() */
const std::vector<std::string> &relay_cpu_metrics();
const std::vector<std::string> &machine_cpu_metrics();

/* Points of the latency curve: the figure's name and the fraction of samples below. */
struct Quantile {
	const char *name;
	double fraction;
};
const std::vector<Quantile> &quantiles();

} /* namespace nsbench */

#endif
