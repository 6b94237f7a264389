/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/failure.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <poll.h>

namespace nsbench
{

static volatile std::sig_atomic_t asked;

static void ask(int)
{
	asked = 1;
}

Failure failure_of(const std::string &what)
{
	return Failure(what + ": " + std::strerror(errno));
}

void interrupt_install()
{
	struct sigaction action = {};
	action.sa_handler = ask; /* no SA_RESTART: whatever waits wakes up and looks */
	sigaction(SIGINT, &action, nullptr);
	sigaction(SIGTERM, &action, nullptr);
}

bool interrupt_asked()
{
	return asked != 0;
}

void interrupt_check()
{
	if (interrupt_asked())
		throw Interrupted();
}

void interrupt_sleep(int duration_ms)
{
	interrupt_check();
	poll(nullptr, 0, duration_ms);
	interrupt_check();
}

} /* namespace nsbench */
