/* SPDX-License-Identifier: Apache-2.0 */
/* One sample: a load on a path, and what it cost. */
#ifndef NSRELAY_BENCH_NSBENCH_SAMPLE_H
#define NSRELAY_BENCH_NSBENCH_SAMPLE_H

#include <map>
#include <string>

#include "bench/nsbench/path.h"

namespace nsbench
{

struct Sample {
	double seconds = 0; /* of load, by the generator's clock */
	std::map<std::string, double> figures;
	double others = 0;   /* share of all processors that programs not ours used */
	double stolen = 0;   /* share that the host of a virtual machine withheld */
	std::string busiest; /* of those programs; "" */

	/* disturbance - the larger share; 0 when it is too little time to be told from counting in ticks */
	double disturbance() const;
	double all_s = 0; /* of processor time that there was, all processors together */
};

/*
 * sample_take - run @load on @path
 * @loads: the group for the generators
 *
 * Figures, as far as the load has them: gbit_per_s, ops_per_s, connections_per_s; p1_us ... p99_99_us,
 * max_us; relay_cpu_s_per_gb, relay_cpu_us_per_op, relay_cpu_us_per_connection, and the same of the machine;
 * of idle connections held, relay_user_kib, relay_kernel_kib, machine_slab_kib, each for one connection.
 *
 * Throws Failure, Interrupted.
 */
Sample sample_take(const Run &run, const Path &path, const Load &load, const Group &loads);

/* sample_verify - let bytes through, each of which is looked at. Throws Failure when one is not what was
 * sent, Interrupted. */
void sample_verify(const Run &run, const Path &path, const Group &loads);

} /* namespace nsbench */

#endif
