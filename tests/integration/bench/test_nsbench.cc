/* SPDX-License-Identifier: Apache-2.0 */
/* The real program: the structure of what it measures, and that it leaves nothing behind. Never how fast
 * anything was. */
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#include "tests/lib/testns.h"
}

#include "bench/nsbench/files.h"
#include "bench/nsbench/place.h"
#include "bench/nsbench/results.h"

using namespace nsbench;
namespace fs = std::filesystem;

static ScratchFolder *scratch; /* of the running test */

static int make_scratch(void **)
{
	scratch = new ScratchFolder;
	return 0;
}

static int remove_scratch(void **state)
{
	testns_teardown(state);
	delete scratch;
	return 0;
}

/* start - nsbench run, with its standard error in @log unless that is -1 */
static pid_t start(std::vector<std::string> options, int log)
{
	testns_hide_run();
	options.insert(options.begin(),
	               {NSBENCH_PROGRAM, "run", "--out", scratch->path(), "--tolerate", "100"});
	std::vector<const char *> argv;
	for (const std::string &word : options)
		argv.push_back(word.c_str());
	argv.push_back(nullptr);
	return testns_spawn_logging(-1, argv.data(), log);
}

/* entries_of - of a folder, those whose name begins so */
static std::vector<std::string> entries_of(const std::string &folder, const std::string &beginning)
{
	std::vector<std::string> found;
	std::error_code ignored;
	for (const auto &entry : fs::directory_iterator(folder, ignored))
		if (entry.path().filename().string().rfind(beginning, 0) == 0)
			found.push_back(entry.path().string());
	return found;
}

/* cgroups_of - those of the run by process @pid, in whatever hierarchy */
static std::vector<std::string> cgroups_of(pid_t pid)
{
	std::vector<std::string> found, roots = {"/sys/fs/cgroup"};
	for (const std::string &root : entries_of("/sys/fs/cgroup", ""))
		roots.push_back(root);
	for (const std::string &root : roots)
		for (const std::string &group : entries_of(root, "nsb-" + std::to_string(pid) + "-"))
			found.push_back(group);
	return found;
}

static void assert_nothing_left(pid_t pid)
{
	assert_int_equal(entries_of("/run/netns", "nsb-").size(), 0);
	assert_int_equal(entries_of("/run/nsbench", "").size(), 0);
	assert_int_equal(cgroups_of(pid).size(), 0);
}

enum { PATIENCE_MS = 120000 }; /* for a whole run, on a machine that has other things to do */

static int exit_status_of(pid_t pid)
{
	siginfo_t info = {};
	for (int turn = 0; info.si_pid == 0; turn++) {
		if (turn == PATIENCE_MS / 10)
			fail_msg("nsbench did not end");
		usleep(10000);
		waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT);
	}
	int status = testns_await_exit(pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static Results results()
{
	return results_read(scratch->path() + "/results.json");
}

static void what_is_asked_for_is_measured_and_reported(void **)
{
	pid_t pid = start({"--only", "veth/ping.*", "--rounds", "2", "--seconds", "0.1"}, STDERR_FILENO);
	assert_int_equal(exit_status_of(pid), 0);
	Results found = results();
	assert_int_equal(found.paths.size(), 1);
	assert_int_equal(found.loads.size(), 9);
	for (const std::string &load : found.loads) {
		const Cell *cell = found.find("veth", load);
		assert_string_equal(cell->failure.c_str(), "");
		assert_int_equal(cell->spread("ops_per_s").count, 2);
		assert_true(cell->spread("ops_per_s").min > 0);
		assert_true(cell->spread("p50_us").min <= cell->spread("max_us").max);
		assert_true(cell->spread("ratio").min == 1);
	}
	for (const char *fact : {"kernel", "processors", "model", "congestion_control", "mitigations",
	                         "load_before", "link_of_veth"})
		assert_true(!found.fact(fact).empty());
	assert_true(found.fact("link_of_veth").find("mtu 1500, gso_max_size 65536") != std::string::npos);
	assert_true(fs::file_size(scratch->path() + "/results.md") > 0);
	assert_true(fs::file_size(scratch->path() + "/index.html") > 0);
	assert_nothing_left(pid);
}

static void a_ratio_brings_its_reference_along(void **)
{
	pid_t pid = start({"--only", "loopback/bulk_down_x1", "--rounds", "1", "--seconds", "0.1"},
	                  STDERR_FILENO);
	assert_int_equal(exit_status_of(pid), 0);
	Results found = results();
	assert_non_null(found.find("veth", "bulk_down_x1"));
	assert_int_equal(found.find("loopback", "bulk_down_x1")->spread("ratio").count, 1);
	assert_nothing_left(pid);
}

static void a_relay_is_started_and_its_cost_is_counted(void **)
{
	pid_t pid = start({"--only", "nsrelay/(short_x32|idle_x1000|namespaces_x10)", "--rounds", "1",
	                   "--seconds", "0.1"},
	                  STDERR_FILENO);
	assert_int_equal(exit_status_of(pid), 0);
	Results found = results();
	for (const char *load : {"short_x32", "idle_x1000", "namespaces_x10"})
		assert_string_equal(found.find("nsrelay", load)->failure.c_str(), "");
	if (!entries_of("/sys/fs/cgroup", "").empty())
		assert_true(found.find("nsrelay", "short_x32")->spread("relay_cpu_us_per_connection").min >
		            0);
	assert_true(found.find("nsrelay", "idle_x1000")->spread("held").min == 1000);
	assert_non_null(found.find("bridge", "namespaces_x10"));
	assert_nothing_left(pid);
}

/* others_share - of one sample of @load, as a part of one processor */
static double others_share(const char *load)
{
	pid_t pid = start({"--only", std::string("veth/") + load, "--rounds", "1", "--seconds", "0.5"},
	                  STDERR_FILENO);
	assert_int_equal(exit_status_of(pid), 0);
	Results found = results();
	assert_nothing_left(pid);
	return found.find("veth", load)->spread("others_share").max * std::stod(found.fact("processors"));
}

static void other_programs_are_seen_and_its_own_are_none(void **)
{
	if (entries_of("/sys/fs/cgroup", "").empty())
		skip(); /* without groups nobody can be told from anybody */
	/* Eight streams leave nothing of two processors, whoever else is there. */
	double processors = static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN));
	assert_true(others_share("bulk_up_x8") < std::max(processors - .2, .9));
	const char *const hog[] = {"sh", "-c", "while :; do :; done", nullptr};
	testns_spawn(-1, hog);
	assert_true(others_share("ping_64B_x1") > .1);
}

/* await_text - until the file has it, which process @pid writes */
static void await_text(pid_t pid, const std::string &path, const std::string &text)
{
	for (int turn = 0; file_read(path).find(text) == std::string::npos; turn++) {
		siginfo_t info = {};
		waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT);
		if (info.si_pid != 0 || turn == PATIENCE_MS / 10)
			fail_msg("'%s' never said '%s'", file_read(path).c_str(), text.c_str());
		usleep(10000);
	}
}

/* start_long - a run that would take minutes, once it is in its second round */
static pid_t start_long()
{
	std::string log = scratch->path() + "/log";
	int fd = testns_keep_fd(open(log.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	pid_t pid = start(
	        {"--only", "veth/ping_64B_x1", "nsrelay/ping_64B_x1", "--rounds", "1000", "--seconds", "0.1"},
	        fd);
	await_text(pid, log, "round 2 of");
	return pid;
}

static void an_interrupted_run_keeps_what_is_done(void **)
{
	pid_t pid = start_long();
	kill(pid, SIGINT);
	assert_int_equal(exit_status_of(pid), 130);
	const Results found = results();
	assert_string_equal(found.find("veth", "ping_64B_x1")->failure.c_str(), "");
	assert_true(found.find("veth", "ping_64B_x1")->spread("ops_per_s").count >= 1);
	assert_true(fs::exists(scratch->path() + "/index.html"));
	assert_nothing_left(pid);
}

static void what_a_killed_run_leaves_the_next_one_removes(void **)
{
	pid_t killed = start_long();
	kill(killed, SIGKILL);
	testns_await_exit(killed);
	assert_true(!entries_of("/run/netns", "nsb-").empty()); /* else there is nothing to be removed */
	pid_t pid = start({"--only", "veth/ping_64B_x1", "--rounds", "1", "--seconds", "0.1"}, STDERR_FILENO);
	assert_int_equal(exit_status_of(pid), 0);
	assert_nothing_left(pid);
	assert_nothing_left(killed);
}

/* With a duration of 10 ms it once gave up on a receiver that a busy machine had held back for longer. */
static void a_sender_waits_for_its_receiver(void **)
{
	const char *const sender[] = {NSLOAD_PROGRAM, "bulk-send", "--listen", "bulk/127.0.0.1:9",
	                              "--seconds",    "0.01",      nullptr};
	const char *const receiver[] = {NSLOAD_PROGRAM, "bulk-recv", "--connect", "bulk/127.0.0.1:9",
	                                nullptr};
	testns_new_named("bulk");
	pid_t pid = testns_spawn(-1, sender);
	while (place_listens("bulk", 9) != 1)
		usleep(10000);
	usleep(100000); /* as if it were held back */
	assert_int_equal(testns_run(-1, receiver), 0);
	assert_int_equal(testns_await_exit(pid), 0);
}

#define nsbench_test(function) cmocka_unit_test_setup_teardown(function, make_scratch, remove_scratch)

int main()
{
	const struct CMUnitTest tests[] = {
	        nsbench_test(a_sender_waits_for_its_receiver),
	        nsbench_test(what_is_asked_for_is_measured_and_reported),
	        nsbench_test(a_ratio_brings_its_reference_along),
	        nsbench_test(a_relay_is_started_and_its_cost_is_counted),
	        nsbench_test(other_programs_are_seen_and_its_own_are_none),
	        nsbench_test(an_interrupted_run_keeps_what_is_done),
	        nsbench_test(what_a_killed_run_leaves_the_next_one_removes),
	};
	return testns_result(cmocka_run_group_tests(tests, nullptr, nullptr));
}
