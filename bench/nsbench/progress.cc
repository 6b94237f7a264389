/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/progress.h"

#include <cmath>
#include <cstdio>

#include <unistd.h>

#include "bench/load/clock.h"

namespace nsbench
{

Progress::Progress() : is_terminal_(isatty(STDERR_FILENO) == 1)
{
}

void Progress::say(const std::string &text) const
{
	if (is_terminal_)
		fprintf(stderr, "\r\033[K%s", text.c_str()); /* the line is erased first: ECMA-48, EL */
}

void Progress::note(const std::string &text) const
{
	say("");
	fprintf(stderr, "%s\n", text.c_str());
}

void Progress::begin_round(int round, int rounds, size_t steps)
{
	round_ = "round " + std::to_string(round + 1) + " of " + std::to_string(rounds);
	rounds_left_ = rounds - round - 1;
	steps_ = steps;
	done_ = 0;
	start_ns_ = clock_now_ns();
	if (!is_terminal_)
		note(round_ + ", " + std::to_string(steps) + " benchmarks");
}

void Progress::step(const std::string &name)
{
	std::string left;
	if (done_ > 0) {
		double each_s = clock_seconds_since(start_ns_) / static_cast<double>(done_);
		auto steps = static_cast<double>(steps_ - done_ + static_cast<size_t>(rounds_left_) * steps_);
		left = ", about " + std::to_string(std::lround(each_s * steps)) + " s left";
	}
	done_++;
	say(round_ + ": " + std::to_string(done_) + " of " + std::to_string(steps_) + left + ": " + name);
}

void Progress::end() const
{
	say("");
}

} /* namespace nsbench */
