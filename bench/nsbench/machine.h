/* SPDX-License-Identifier: Apache-2.0 */
/* The machine: what it is, what it does, and who else is at work on it. */
#ifndef NSRELAY_BENCH_NSBENCH_MACHINE_H
#define NSRELAY_BENCH_NSBENCH_MACHINE_H

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

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

/*
 * Processor time of processes that are not ours. Summed over all of them with the children they have waited
 * for, so that one that began and ended in between is counted with its parent: a build is hundreds of short
 * processes.
 */
class OthersTime
{
      public:
	/* as it is now; @ours: whom to leave out, beside this process and the kernel's threads for packets */
	explicit OthersTime(const std::vector<pid_t> &ours);

	/* Since @before: seconds in all, and the name of the busiest. */
	double since_s(const OthersTime &before) const;
	std::string busiest_since(const OthersTime &before) const;

      private:
	struct Process {
		std::string name;
		double cpu_s;
	};
	std::map<pid_t, Process> processes_;
};

} /* namespace nsbench */

#endif
