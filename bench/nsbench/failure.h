/* SPDX-License-Identifier: Apache-2.0 */
/* What is thrown: an error for people, and the wish to stop. */
#ifndef NSRELAY_BENCH_NSBENCH_FAILURE_H
#define NSRELAY_BENCH_NSBENCH_FAILURE_H

#include <stdexcept>
#include <string>

#include "base/err.h"

namespace nsbench
{

/* One line that says what failed and why. What throws it has let go of all that it had begun. */
struct Failure : std::runtime_error {
	using std::runtime_error::runtime_error;
	explicit Failure(const struct err &err) : std::runtime_error(err.text)
	{
	}
};

/* failure_of - a Failure with errno's text appended */
Failure failure_of(const std::string &what);

/* Somebody pressed Ctrl-C: what is done is kept, what is under way is not. */
struct Interrupted : std::exception {
};

/* interrupt_install - from now on SIGINT and SIGTERM ask to stop, instead of ending the program */
void interrupt_install();

/* interrupt_asked - has anybody? */
bool interrupt_asked();

/* interrupt_check - throw Interrupted if anybody has */
void interrupt_check();

/* interrupt_sleep - for so long, or until Interrupted */
void interrupt_sleep(int duration_ms);

} /* namespace nsbench */

#endif
