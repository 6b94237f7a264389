/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/group.h"

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <sstream>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/nsbench/files.h"

namespace nsbench
{

enum { TURN_MS = 10, END_TURNS = 500 }; /* a killed process with 18,000 sockets takes a while to end */

/* ---- where cgroups are ---- */

struct Roots {
	std::string cpu, memory; /* "": not to be had */
};

static Roots find_roots()
{
	Roots roots;
	std::string memory_v1, device, folder, type, options, rest;
	std::istringstream mounts(file_read("/proc/mounts"));
	while (mounts >> device >> folder >> type >> options && std::getline(mounts, rest)) {
		if (type == "cgroup2" && roots.cpu.empty())
			roots.cpu = folder;
		else if (type == "cgroup" && ("," + options + ",").find(",memory,") != std::string::npos)
			memory_v1 = folder;
	}
	bool has_v2 = file_read(roots.cpu + "/cgroup.subtree_control").find("memory") != std::string::npos;
	roots.memory = has_v2 ? roots.cpu : memory_v1;
	return roots;
}

static const Roots &roots()
{
	static const Roots found = find_roots();
	return found;
}

/* make_dir - its path, or "" */
static std::string make_dir(const std::string &root, const std::string &name)
{
	std::string dir = root + "/" + name;
	return !root.empty() && mkdir(dir.c_str(), 0755) == 0 ? dir : "";
}

/* number_after - the number behind a word of a file such as cpu.stat */
static uint64_t number_after(const std::string &text, const std::string &word)
{
	std::istringstream stream(text);
	std::string key;
	uint64_t number;
	while (stream >> key >> number)
		if (key == word)
			return number;
	return 0;
}

static std::vector<pid_t> members(const std::string &dir)
{
	std::vector<pid_t> pids;
	std::istringstream list(dir.empty() ? "" : file_read(dir + "/cgroup.procs"));
	for (pid_t pid; list >> pid;)
		pids.push_back(pid);
	return pids;
}

/* remove_group - end its processes and remove it, which it resists a moment longer than they are listed */
static void remove_group(const std::string &dir)
{
	for (int turn = 0; !dir.empty() && turn < END_TURNS; turn++) {
		for (pid_t pid : members(dir))
			kill(pid, SIGKILL);
		if (rmdir(dir.c_str()) == 0 || errno != EBUSY)
			return;
		poll(nullptr, 0, TURN_MS);
	}
}

/* ---- members ---- */

Group::Group(const std::string &name) : cpu_dir_(make_dir(roots().cpu, name))
{
	memory_dir_ = roots().memory == roots().cpu ? cpu_dir_ : make_dir(roots().memory, name);
}

Group::~Group()
{
	remove_group(cpu_dir_);
	if (memory_dir_ != cpu_dir_)
		remove_group(memory_dir_);
}

/* join_dir - put the calling process there; true also when there is no such folder */
static bool join_dir(const std::string &dir)
{
	if (dir.empty())
		return true;
	int fd = open((dir + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC);
	bool joined = fd >= 0 && write(fd, "0", 1) == 1;
	close(fd);
	return joined;
}

bool Group::join() const
{
	return join_dir(cpu_dir_) && join_dir(memory_dir_);
}

std::vector<pid_t> Group::pids() const
{
	return members(cpu_dir_);
}

/* ---- what they cost ---- */

std::optional<double> Group::cpu_s() const
{
	if (cpu_dir_.empty())
		return std::nullopt;
	return static_cast<double>(number_after(file_read(cpu_dir_ + "/cpu.stat"), "usage_usec")) / 1e6;
}

uint64_t Group::anonymous_size() const
{
	uint64_t size = 0;
	for (pid_t pid : pids()) {
		std::istringstream status(file_read("/proc/" + std::to_string(pid) + "/status"));
		for (std::string line; std::getline(status, line);)
			if (line.rfind("RssAnon:", 0) == 0)
				size += std::stoull(line.substr(8)) * 1024;
	}
	return size;
}

std::optional<uint64_t> Group::charged_size() const
{
	if (memory_dir_.empty())
		return std::nullopt;
	bool is_v2 = memory_dir_ == cpu_dir_;
	std::string total = file_line(memory_dir_ + (is_v2 ? "/memory.current" : "/memory.usage_in_bytes"));
	std::string parts = file_read(memory_dir_ + "/memory.stat");
	if (total.empty())
		return std::nullopt;
	return std::stoull(total) - number_after(parts, is_v2 ? "file" : "cache") +
	       number_after(parts, "shmem");
}

/* ---- after a kill ---- */

void Group::remove_leftovers(const std::string &prefix)
{
	for (const std::string &root : {roots().cpu, roots().memory}) {
		std::error_code ignored;
		std::vector<std::string> found;
		if (root.empty())
			continue;
		for (const auto &entry : std::filesystem::directory_iterator(root, ignored))
			if (entry.path().filename().string().rfind(prefix, 0) == 0)
				found.push_back(entry.path().string());
		for (const std::string &dir : found)
			remove_group(dir);
	}
}

} /* namespace nsbench */
