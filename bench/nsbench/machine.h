/* SPDX-License-Identifier: Apache-2.0 */
/* The machine: what it is, and what it does. */
#ifndef NSRELAY_BENCH_NSBENCH_MACHINE_H
#define NSRELAY_BENCH_NSBENCH_MACHINE_H

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace nsbench
{

/* What goes into the context of the results: names and texts, in this order. */
using Facts = std::vector<std::pair<std::string, std::string>>;

/* machine_facts - kernel, processors, mitigations, TCP's buffers, load */
Facts machine_facts();

unsigned machine_processors();

/* machine_first_cpu - the first processor that this program may run on */
int machine_first_cpu();

/* machine_slab_size - bytes of the kernel's own objects, of which sockets are: Slab of /proc/meminfo */
uint64_t machine_slab_size();

/* Processor time of the whole machine since it started, /proc/stat. */
struct MachineTime {
	double busy_s;   /* all but idle and waiting for disks */
	double stolen_s; /* by the host of a virtual machine */
};
MachineTime machine_time();

} /* namespace nsbench */

#endif
