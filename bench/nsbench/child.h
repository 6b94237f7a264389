/* SPDX-License-Identifier: Apache-2.0 */
/* A process of the suite: a load, a server, a relay. It ends with the object that stands for it. */
#ifndef NSRELAY_BENCH_NSBENCH_CHILD_H
#define NSRELAY_BENCH_NSBENCH_CHILD_H

#include <string>
#include <vector>

#include <sys/types.h>

#include "bench/nsbench/group.h"

namespace nsbench
{

struct Command {
	std::vector<std::string> argv; /* argv[0] is looked up in PATH */
	std::string netns;             /* to run in; "": ours */
	std::vector<int> cpus;         /* to run on; empty: any */
	std::string log; /* a file for both outputs; "": they are read here, see read_line() and errors() */
};

class Child
{
      public:
	/* Throws Failure when the process cannot be made. That its program cannot be run shows in its
	 * exit. */
	Child(const Command &command, const Group &group);

	/* Asks it to end (SIGTERM), and ends it when it does not. */
	~Child();
	Child(const Child &) = delete;
	Child &operator=(const Child &) = delete;

	/* read_line - the next line of its standard output; throws Failure when it ends or takes too long,
	 * Interrupted */
	std::string read_line(int patience_ms);

	/* close_input - end its standard input */
	void close_input();

	/* await - its end; throws Failure, with what it wrote to standard error, unless it exits with 0 in
	 * time */
	void await(int patience_ms);

	/* has_ended - has it? */
	bool has_ended();

      private:
	std::string errors();
	bool fill(int patience_ms);
	bool ends_within(int patience_ms);
	void start(const Command &command, const Group &group, const int (&far)[3]);

	std::string name_, buffer_, last_error_;
	pid_t pid_ = -1; /* -1: it has been waited for */
	int pidfd_ = -1; /* becomes readable when it ends, pidfd_open(2) */
	int status_ = 0;
	int input_ = -1, output_ = -1, errors_ = -1; /* our ends; -1: none */
};

} /* namespace nsbench */

#endif
