/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/metrics.h"

namespace nsbench
{

const std::vector<Metric> &metrics()
{
	static const std::vector<Metric> all = {
	        {"gbit_per_s", "Gbit/s", Better::Higher, true},
	        {"ops_per_s", "ops/s", Better::Higher, true},
	        {"connections_per_s", "connections/s", Better::Higher, true},
	        {"ratio", "x reference", Better::Higher, true},
	        {"p50_us", "p50 us", Better::Lower, true},
	        {"p90_us", "p90 us", Better::Lower, false},
	        {"p99_us", "p99 us", Better::Lower, true},
	        {"p99_9_us", "p99.9 us", Better::Lower, false},
	        {"max_us", "max us", Better::Lower, false},
	        {"relay_cpu_s_per_gb", "relay CPU s/GB", Better::Lower, true},
	        {"machine_cpu_s_per_gb", "machine CPU s/GB", Better::Lower, true},
	        {"relay_cpu_us_per_op", "relay CPU us/op", Better::Lower, true},
	        {"machine_cpu_us_per_op", "machine CPU us/op", Better::Lower, true},
	        {"relay_cpu_us_per_connection", "relay CPU us each", Better::Lower, true},
	        {"machine_cpu_us_per_connection", "machine CPU us each", Better::Lower, true},
	        {"held", "held", Better::Higher, false},
	        {"relay_user_kib", "relay KiB each, user", Better::Lower, true},
	        {"relay_kernel_kib", "relay KiB each, kernel", Better::Lower, true},
	        {"machine_slab_kib", "machine KiB each, slab", Better::Lower, true},
	};
	return all;
}

const Metric *metric_find(const std::string &name)
{
	for (const Metric &metric : metrics())
		if (name == metric.name)
			return &metric;
	return nullptr;
}

const std::vector<std::string> &rate_metrics()
{
	static const std::vector<std::string> all = {"gbit_per_s", "ops_per_s", "connections_per_s"};
	return all;
}

const std::vector<std::string> &relay_cpu_metrics()
{
	static const std::vector<std::string> all = {"relay_cpu_s_per_gb", "relay_cpu_us_per_op",
	                                             "relay_cpu_us_per_connection"};
	return all;
}

const std::vector<std::string> &machine_cpu_metrics()
{
	static const std::vector<std::string> all = {"machine_cpu_s_per_gb", "machine_cpu_us_per_op",
	                                             "machine_cpu_us_per_connection"};
	return all;
}

const std::vector<Quantile> &quantiles()
{
	static const std::vector<Quantile> all = {
	        {"p1_us", .01},  {"p10_us", .10}, {"p25_us", .25}, {"p50_us", .50},    {"p75_us", .75},
	        {"p90_us", .90}, {"p95_us", .95}, {"p99_us", .99}, {"p99_9_us", .999}, {"p99_99_us", .9999},
	};
	return all;
}

} /* namespace nsbench */
