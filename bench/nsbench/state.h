/* SPDX-License-Identifier: Apache-2.0 */
/* What is left behind by a run that is killed, and how the next one finds it: a folder for each run, named by
 * its process. */
#ifndef NSRELAY_BENCH_NSBENCH_STATE_H
#define NSRELAY_BENCH_NSBENCH_STATE_H

#include <string>

namespace nsbench
{

/* state_run_name - how all names of process @pid's run begin: its namespaces, cgroups and topologies */
std::string state_run_name(const std::string &pid);

/* The folder for the ledgers of this run's topologies. */
class StateFolder
{
      public:
	StateFolder(); /* throws Failure */
	~StateFolder();
	StateFolder(const StateFolder &) = delete;
	StateFolder &operator=(const StateFolder &) = delete;

	/* note_scratch - a folder elsewhere that goes with this one */
	void note_scratch(const std::string &path) const;

	const std::string &path() const
	{
		return path_;
	}

      private:
	std::string path_;
};

/* state_remove_leftovers - of runs whose processes are gone: namespaces, processes and cgroups */
void state_remove_leftovers();

} /* namespace nsbench */

#endif
