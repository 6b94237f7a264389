/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/state.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include <unistd.h>

#include "bench/nsbench/failure.h"
#include "bench/nsbench/group.h"
#include "bench/nsbench/place.h"

namespace nsbench
{

static const char *const STATE_DIR = "/run/nsbench";

std::string state_run_name(const std::string &pid)
{
	return "nsb-" + pid;
}

StateFolder::StateFolder() : path_(std::string(STATE_DIR) + "/" + std::to_string(getpid()))
{
	std::error_code error;
	std::filesystem::create_directories(path_, error);
	if (error)
		throw Failure("cannot make " + path_ + ": " + error.message() +
		              (geteuid() == 0 ? "" : "; to make namespaces takes root"));
}

StateFolder::~StateFolder()
{
	std::error_code ignored;
	std::filesystem::remove_all(path_, ignored);
	rmdir(STATE_DIR); /* unless another run has its folder there */
}

void StateFolder::note_scratch(const std::string &path) const
{
	std::error_code ignored; /* only a kill would leave it behind */
	std::filesystem::create_symlink(path, path_ + "/scratch", ignored);
}

/* remove_run - of process @pid, which is gone; its folder is @dir */
static void remove_run(const std::string &pid, const std::string &dir)
{
	std::error_code ignored;
	std::string name = state_run_name(pid) + "-";
	Group::remove_leftovers(name);
	for (const auto &ledger : std::filesystem::directory_iterator(dir, ignored)) {
		std::string topology = ledger.path().filename().string();
		if (topology.rfind(name, 0) == 0)
			place_remove(topology.c_str(), dir.c_str(), nullptr);
	}
	std::filesystem::path scratch = std::filesystem::read_symlink(dir + "/scratch", ignored);
	if (!scratch.empty())
		std::filesystem::remove_all(scratch, ignored);
	std::filesystem::remove_all(dir, ignored);
}

void state_remove_leftovers()
{
	std::error_code ignored;
	for (const auto &entry : std::filesystem::directory_iterator(STATE_DIR, ignored)) {
		std::string pid = entry.path().filename().string();
		int number = std::atoi(pid.c_str());
		if (number > 0 && kill(number, 0) < 0)
			remove_run(pid, entry.path().string());
	}
}

} /* namespace nsbench */
