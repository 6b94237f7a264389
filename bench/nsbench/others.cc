/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/others.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>

#include <unistd.h>

#include "bench/nsbench/files.h"

namespace nsbench
{

/* PF_KTHREAD of linux/sched.h, in the flags that proc(5) tells since Linux 2.6.27 */
static constexpr unsigned long KERNEL_THREAD = 0x200000;

/*
 * parse - proc(5): PID (NAME) STATE PPID and, after 9 more fields, utime stime cutime cstime. A name may
 * contain anything. False when the process is gone.
 */
static bool parse(const std::string &stat, Process *ret)
{
	static const auto ticks_per_s = static_cast<double>(sysconf(_SC_CLK_TCK));
	size_t open = stat.find('('), close = stat.rfind(')');
	if (open == std::string::npos || close == std::string::npos)
		return false;
	std::istringstream fields(stat.substr(close + 1));
	std::string skipped;
	double ticks[4] = {};
	unsigned long flags = 0;
	fields >> skipped >> ret->parent;
	fields >> skipped >> skipped >> skipped >> skipped >> flags;
	fields >> skipped >> skipped >> skipped >> skipped;
	for (double &field : ticks)
		fields >> field;
	ret->name = stat.substr(open + 1, close - open - 1);
	ret->own_s = (ticks[0] + ticks[1]) / ticks_per_s;
	ret->reaped_s = (ticks[2] + ticks[3]) / ticks_per_s;
	return !(flags & KERNEL_THREAD);
}

Processes others_now(const std::vector<pid_t> &ours)
{
	std::error_code ignored;
	std::set<pid_t> left_out(ours.begin(), ours.end());
	left_out.insert(getpid());
	Processes found;
	for (const auto &entry : std::filesystem::directory_iterator("/proc", ignored)) {
		Process process;
		pid_t pid = std::atoi(entry.path().filename().c_str());
		if (pid > 0 && !left_out.count(pid) &&
		    parse(file_line(entry.path().string() + "/stat"), &process))
			found[pid] = process;
	}
	return found;
}

/* add_ended - for those of @before that are gone: take back from each parent what it is given at their end */
static void add_ended(const Processes &before, const Processes &after, std::map<pid_t, double> *reaped_s)
{
	for (const auto &[pid, process] : before)
		if (!after.count(pid))
			(*reaped_s)[process.parent] -= process.own_s + process.reaped_s;
}

Others others_between(const Processes &before, const Processes &after)
{
	std::map<pid_t, double> reaped_s;
	double own_s = 0, all_reaped_s = 0, most_s = 0;
	Others others = {0, ""};
	add_ended(before, after, &reaped_s);
	for (const auto &[pid, process] : after) {
		auto found = before.find(pid);
		Process old = found == before.end() ? Process{"", 0, 0, 0} : found->second;
		double mine_s = std::max(process.own_s - old.own_s, 0.);
		own_s += mine_s;
		mine_s += std::max(reaped_s[pid] += process.reaped_s - old.reaped_s, 0.);
		if (mine_s > most_s) {
			most_s = mine_s;
			others.busiest = process.name;
		}
	}
	/* Below zero when nobody waits for one that ended: its time is lost, but hides nobody else's. */
	for (const auto &[pid, seconds] : reaped_s)
		all_reaped_s += seconds;
	others.seconds = own_s + std::max(all_reaped_s, 0.);
	return others;
}

} /* namespace nsbench */
