/* SPDX-License-Identifier: Apache-2.0 */
/* Who else is at work on the machine: processes that are not ours, and what they used between two looks. */
#ifndef NSRELAY_BENCH_NSBENCH_OTHERS_H
#define NSRELAY_BENCH_NSBENCH_OTHERS_H

#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

namespace nsbench
{

/* What /proc says of a process, processor time in seconds. */
struct Process {
	std::string name;
	pid_t parent;
	double own_s;
	double reaped_s; /* of the children it has waited for, and of those that they had waited for */
};

using Processes = std::map<pid_t, Process>;

/* others_now - all but @ours, this process, and the kernel's threads, which carry packets and clean up for
 * us */
Processes others_now(const std::vector<pid_t> &ours);

struct Others {
	double seconds; /* of processor time */
	std::string
	        busiest; /* name of the one that used most of it, itself or through its children; "": none */
};

/*
 * others_between - what they used between the two looks
 *
 * One that began and ended in between is counted with its parent: a build is hundreds of short processes. One
 * that ended moves all its time there, of which only what is new counts.
 */
Others others_between(const Processes &before, const Processes &after);

} /* namespace nsbench */

#endif
