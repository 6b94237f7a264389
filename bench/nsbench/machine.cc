/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/machine.h"

#include <filesystem>
#include <set>
#include <sstream>

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench/nsbench/files.h"

namespace nsbench
{

/* ---- what it is ---- */

static std::string kernel()
{
	struct utsname name;
	uname(&name);
	return std::string(name.release) + " " + name.machine;
}

/* value_of - the text behind `key :` in a file such as /proc/cpuinfo */
static std::string value_of(const std::string &text, const std::string &key)
{
	size_t at = text.find("\n" + key);
	size_t colon = text.find(':', at);
	if (at == std::string::npos || colon == std::string::npos)
		return "";
	size_t begin = text.find_first_not_of(" \t", colon + 1);
	return text.substr(begin, text.find('\n', begin) - begin);
}

/* mitigations - which of the processor's vulnerabilities cost something here: "spectre_v2: Mitigation: ...;
 * ..." */
static std::string mitigations()
{
	std::set<std::string> lines;
	std::error_code ignored;
	for (const auto &entry :
	     std::filesystem::directory_iterator("/sys/devices/system/cpu/vulnerabilities", ignored)) {
		std::string state = file_line(entry.path().string());
		if (state != "Not affected" && !state.empty())
			lines.insert(entry.path().filename().string() + ": " + state);
	}
	std::string text;
	for (const std::string &line : lines)
		text += (text.empty() ? "" : "; ") + line;
	return text.empty() ? "none needed" : text;
}

Facts machine_facts()
{
	const std::string net = "/proc/sys/net/";
	return {
	        {"kernel", kernel()},
	        {"processors", std::to_string(machine_processors())},
	        {"model", value_of(file_read("/proc/cpuinfo"), "model name")},
	        {"clock_source",
	         file_line("/sys/devices/system/clocksource/clocksource0/current_clocksource")},
	        {"memory", value_of("\n" + file_read("/proc/meminfo"), "MemTotal")},
	        {"mitigations", mitigations()},
	        {"tcp_rmem", file_line(net + "ipv4/tcp_rmem")},
	        {"tcp_wmem", file_line(net + "ipv4/tcp_wmem")},
	        {"load_before", file_line("/proc/loadavg")},
	};
}

unsigned machine_processors()
{
	return static_cast<unsigned>(sysconf(_SC_NPROCESSORS_ONLN));
}

int machine_first_cpu()
{
	cpu_set_t set;
	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof(set), &set);
	int cpu = 0;
	while (cpu < CPU_SETSIZE && !CPU_ISSET(cpu, &set))
		cpu++;
	return cpu;
}

/* ---- what it does ---- */

uint64_t machine_slab_size()
{
	return std::stoull("0" + value_of(file_read("/proc/meminfo"), "Slab:")) * 1024;
}

static double seconds_of(double ticks)
{
	static const auto ticks_per_s = static_cast<double>(sysconf(_SC_CLK_TCK));
	return ticks / ticks_per_s;
}

MachineTime machine_time()
{
	/* proc(5): user, nice, system, idle, iowait, irq, softirq, steal */
	double ticks[8] = {};
	std::istringstream line(file_line("/proc/stat"));
	std::string word;
	line >> word;
	for (double &field : ticks)
		line >> field;
	return {seconds_of(ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]), seconds_of(ticks[7])};
}

} /* namespace nsbench */
