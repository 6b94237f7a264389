/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/child.h"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#include <sys/pidfd.h> /* says nothing of C++ before glibc 2.37 */
}

#include "bench/nsbench/failure.h"
#include "bench/nsbench/place.h"

namespace nsbench
{

enum {
	EXIT_CANNOT_RUN = 127, /* as shells have it */
	TERM_PATIENCE_MS = 2000,
};

/* ---- between fork and exec ---- */

static bool set_cpus(const std::vector<int> &cpus)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	for (int cpu : cpus)
		CPU_SET(cpu, &set);
	return cpus.empty() || sched_setaffinity(0, sizeof(set), &set) == 0;
}

/* raise_descriptors - to the hard limit: nine thousand connections are two descriptors each in a relay */
static void raise_descriptors()
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* become - never returns */
static void become(const Command &command, const Group &group)
{
	struct err err = {};
	std::vector<char *> argv;
	for (const std::string &word : command.argv)
		argv.push_back(const_cast<char *>(word.c_str()));
	argv.push_back(nullptr);
	setpgid(0, 0); /* a terminal's Ctrl-C is for nsbench, which ends the others in order */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	raise_descriptors();
	if (!group.join() || !set_cpus(command.cpus))
		dprintf(STDERR_FILENO, "cannot join the group or its processors: %s\n", std::strerror(errno));
	else if (!command.netns.empty() && place_enter(command.netns.c_str(), &err) < 0)
		dprintf(STDERR_FILENO, "%s\n", err.text);
	else if (execvp(argv[0], argv.data()) < 0)
		dprintf(STDERR_FILENO, "cannot run %s: %s\n", argv[0], std::strerror(errno));
	_exit(EXIT_CANNOT_RUN);
}

void Child::start(const Command &command, const Group &group, const int (&far)[3])
{
	pid_ = fork();
	if (pid_ < 0)
		throw failure_of("cannot make a process for " + name_);
	if (pid_ == 0) {
		for (int fd = 0; fd < 3; fd++)
			dup2(far[fd], fd);
		become(command, group);
	}
	pidfd_ = pidfd_open(pid_, 0);
}

/* open_pipe - [0] is for reading; all or nothing */
static void open_pipe(int (&ends)[2])
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		throw failure_of("cannot make a pipe");
}

Child::Child(const Command &command, const Group &group) : name_(command.argv[0])
{
	int input[2], output[2], errors[2];
	open_pipe(input);
	open_pipe(output);
	open_pipe(errors);
	input_ = input[1];
	output_ = output[0];
	errors_ = errors[0];
	int log = command.log.empty()
	                  ? -1
	                  : open(command.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	start(command, group, {input[0], log < 0 ? output[1] : log, log < 0 ? errors[1] : log});
	for (int fd : {input[0], output[1], errors[1], log})
		if (fd >= 0)
			close(fd);
}

Child::~Child()
{
	if (pid_ > 0) {
		kill(pid_, SIGTERM);
		if (!ends_within(TERM_PATIENCE_MS)) {
			kill(pid_, SIGKILL);
			waitpid(pid_, nullptr, 0);
		}
	}
	for (int fd : {input_, output_, errors_, pidfd_})
		if (fd >= 0)
			close(fd);
}

/* ---- its end ---- */

bool Child::ends_within(int patience_ms)
{
	struct pollfd end = {pidfd_, POLLIN, 0};
	if (pid_ > 0 && poll(&end, 1, patience_ms) > 0 && waitpid(pid_, &status_, 0) == pid_)
		pid_ = -1;
	return pid_ < 0;
}

bool Child::has_ended()
{
	return ends_within(0);
}

void Child::close_input()
{
	close(input_);
	input_ = -1;
}

void Child::await(int patience_ms)
{
	bool ended = ends_within(patience_ms);
	interrupt_check();
	if (!ended)
		throw Failure(name_ + " did not end in time");
	if (WIFEXITED(status_) && WEXITSTATUS(status_) == 0)
		return;
	std::string why = errors();
	throw Failure(why.empty() ? name_ + " failed" : why);
}

/* ---- what it says ---- */

/* fill - wait for more of its output; false when there will be none, or none came in time */
bool Child::fill(int patience_ms)
{
	char chunk[4096];
	struct pollfd output = {output_, POLLIN, 0};
	int count = poll(&output, 1, patience_ms);
	interrupt_check();
	ssize_t size = count > 0 ? read(output_, chunk, sizeof(chunk)) : 0;
	if (size > 0)
		buffer_.append(chunk, static_cast<size_t>(size));
	return size > 0;
}

std::string Child::read_line(int patience_ms)
{
	size_t end;
	while ((end = buffer_.find('\n')) == std::string::npos) {
		if (!fill(patience_ms)) {
			std::string why = errors();
			throw Failure(why.empty() ? name_ + " said nothing" : why);
		}
	}
	std::string line = buffer_.substr(0, end);
	buffer_.erase(0, end + 1);
	return line;
}

/* errors - the last line of what it wrote to standard error so far */
std::string Child::errors()
{
	static char text[65536]; /* what a pipe holds, pipe(7) */
	struct pollfd errors = {errors_, POLLIN, 0};
	ssize_t size = poll(&errors, 1, 0) > 0 ? read(errors_, text, sizeof(text)) : 0;
	if (size > 0)
		last_error_.assign(text, static_cast<size_t>(size));
	while (!last_error_.empty() && last_error_.back() == '\n')
		last_error_.pop_back();
	return last_error_.substr(last_error_.find_last_of('\n') + 1);
}

} /* namespace nsbench */
