/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group of processes in cgroups of its own: what they cost together, whoever of them has ended meanwhile,
 * and a way to end them all. cgroup v2 for CPU time, whose cpu.stat needs no controller; the memory
 * controller wherever it is, v2 or v1.
 */
#ifndef NSRELAY_BENCH_NSBENCH_GROUP_H
#define NSRELAY_BENCH_NSBENCH_GROUP_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace nsbench
{

class Group
{
      public:
	/* A group without accounting where cgroups cannot be made: then its figures are left out. */
	explicit Group(const std::string &name);

	/* Ends what a Child has left behind: relays make processes of their own. */
	~Group();
	Group(const Group &) = delete;
	Group &operator=(const Group &) = delete;

	/* join - make the calling process a member. For a child between fork and exec: false on failure. */
	bool join() const;

	/* counts - is there accounting? */
	bool counts() const
	{
		return !cpu_dir_.empty();
	}

	/* pids - its members; none without accounting */
	std::vector<pid_t> pids() const;

	/* cpu_s - CPU seconds of all its processes since it was made */
	std::optional<double> cpu_s() const;

	/* anonymous_size - bytes of anonymous memory resident (RssAnon); pages shared after a fork count in
	 * each */
	uint64_t anonymous_size() const;

	/*
	 * charged_size - bytes charged to its memory cgroup, less the page cache of files: anonymous and
	 * shared memory, sockets and other slab, page tables, stacks, pipes
	 */
	std::optional<uint64_t> charged_size() const;

	/* remove_leftovers - groups whose name begins so, with their processes: what a killed run left
	 * behind */
	static void remove_leftovers(const std::string &prefix);

      private:
	std::string cpu_dir_, memory_dir_; /* "": none; may be the same */
};

} /* namespace nsbench */

#endif
