/* SPDX-License-Identifier: Apache-2.0 */
/* What a run tells while it lasts, on standard error: one line that changes on a terminal, else a line a
 * round. */
#ifndef NSRELAY_BENCH_NSBENCH_PROGRESS_H
#define NSRELAY_BENCH_NSBENCH_PROGRESS_H

#include <cstddef>
#include <cstdint>
#include <string>

namespace nsbench
{

class Progress
{
      public:
	Progress();

	/* say - on a terminal only, until the next call */
	void say(const std::string &text) const;

	/* note - a line that stays */
	void note(const std::string &text) const;

	void begin_round(int round, int rounds, size_t steps);
	void step(const std::string &name);
	void end() const;

      private:
	bool is_terminal_;
	std::string round_;
	size_t steps_ = 0, done_ = 0;
	int rounds_left_ = 0;
	uint64_t start_ns_ = 0; /* of the round */
};

} /* namespace nsbench */

#endif
