/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions that the relay itself carries out, in user space, for each request, each short connection and
 * each MiB.
 *
 * One relay thread runs over the fake kernel under callgrind, which counts them exactly and without any of
 * the processor's counters. What is counted is what the functions of relay/, io/ and base/ do in the course
 * of worker_turn(): neither the fake kernel and the test, nor the C library, nor io/ring.c and io/sys.c, in
 * whose place the fake kernel stands. Each load is run twice, once longer; the difference is what it costs,
 * without start and stop.
 *
 * It takes a build with -O2 -g.
 */
#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "tests/cost/cost.h"
#include "tests/unit/relay/rig.h"

enum { MESSAGE_SIZE = 64, PAIRS_MAX = 32, MIB = 1 << 20 };

/* ---- loads: over the fake kernel, in a process of their own ---- */

static struct rig rig;
static struct rig_pair pairs[PAIRS_MAX];

static void pass_messages(size_t count, bool up)
{
	for (size_t i = 0; i < count; i++)
		rig_send(&rig, up ? pairs[i].client : pairs[i].server, MESSAGE_SIZE);
	rig_run(&rig, RIG_MS);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(rig_receive(&rig, up ? pairs[i].server : pairs[i].client, SIZE_MAX),
		                 MESSAGE_SIZE);
}

static void request(size_t count)
{
	pass_messages(count, true);
	pass_messages(count, false);
}

static void connect_all(size_t count, enum rig_relay relay)
{
	for (size_t i = 0; i < count; i++)
		pairs[i] = rig_pair(&rig, relay);
}

static void short_connection(size_t count)
{
	connect_all(count, RIG_AUTO);
	request(count);
	for (size_t i = 0; i < count; i++)
		fake_peer_close(pairs[i].client->conn);
	rig_run(&rig, RIG_MS);
	for (size_t i = 0; i < count; i++)
		fake_peer_close(pairs[i].server->conn);
	rig_run(&rig, RIG_MS);
	for (size_t i = 0; i < count; i++) {
		rig_drop(pairs[i].client);
		rig_drop(pairs[i].server);
	}
}

static void mebibyte(size_t count)
{
	(void)count;
	rig_transfer(&rig, pairs[0].client, MIB);
}

/* ALL_ON: what a relay can be told is configured, and has nothing to do: no limit is reached, nobody is ill. */
enum settings { PLAIN, ALL_ON };

static const struct load {
	const char *name;
	void (*work)(size_t count);
	size_t pairs;
	unsigned times; /* in the shorter run; twice as often in the longer one */
	bool keeps_connections;
	enum settings settings;
} loads[] = {
        {"request", request, 1, 200, true, PLAIN},
        {"request, 32 at once", request, 32, 10, true, PLAIN},
        {"short connection", short_connection, 1, 50, false, PLAIN},
        {"MiB", mebibyte, 1, 4, true, PLAIN},
        {"request, all on", request, 1, 200, true, ALL_ON},
        {"short, all on", short_connection, 1, 50, false, ALL_ON},
        {"MiB, all on", mebibyte, 1, 4, true, ALL_ON},
};

static void switch_all_on(struct rig_options *options)
{
	enum { HOUR_MS = 3600 * 1000, ENOUGH = 1000000 };
	const struct config_limit enough = {.connections = ENOUGH, .rate = ENOUGH, .burst = ENOUGH};

	options->queue = (struct config_queue){.length = ENOUGH, .timeout_ms = HOUR_MS};
	options->sticky = (struct config_sticky){CONFIG_STICKY_SOURCE, HOUR_MS, 65536};
	options->slow_start_ms = HOUR_MS;
	options->backend_most = ENOUGH;
	config_health_init(&options->health);
	options->health.interval_ms = options->health.fast_interval_ms = HOUR_MS; /* checks are not what is counted */
	config_ejection_init(&options->ejection);
	options->limits.relay = options->limits.netns = options->limits.source = enough;
	static struct cidr nobody, everybody;
	CHECK(cidr_parse("192.0.2.0/24", &nobody, NULL) == 0 && cidr_parse("0.0.0.0/0", &everybody, NULL) == 0);
	options->allow = (struct config_cidrs){&everybody, 1};
	options->deny = options->accept.from = (struct config_cidrs){&nobody, 1};
	options->accept.timeout_ms = HOUR_MS;
	options->metrics = (struct config_metrics){.path = "/metrics", .series_max = ENOUGH};
}

static int run_load(const struct load *load, unsigned times)
{
	struct rig_options options = rig_defaults();

	if (load->settings == ALL_ON)
		switch_all_on(&options);
	rig_open(&rig, &options);
	if (load->keeps_connections)
		connect_all(load->pairs, load->work == mebibyte ? RIG_BULK : RIG_AUTO);
	while (times-- > 0)
		load->work(load->pairs);
	rig_close(&rig);
	return EXIT_SUCCESS;
}

/* ---- callgrind ---- */

#define ONLY_TURNS "--toggle-collect=worker_turn"

/* run_counted - this program under callgrind, as `test_cost_instructions LOAD TIMES`; its exit status */
static int run_counted(size_t load, unsigned times, const char *output_path)
{
	char self[4096] = "", output[128], load_text[16], times_text[16];
	const char *const argv[] = {"valgrind",
	                            "--tool=callgrind",
	                            "--quiet",
	                            ONLY_TURNS,
	                            "--compress-strings=no",
	                            "--compress-pos=no",
	                            output,
	                            self,
	                            load_text,
	                            times_text,
	                            NULL};
	pid_t pid;
	int status;

	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	snprintf(output, sizeof(output), "--callgrind-out-file=%s", output_path);
	snprintf(load_text, sizeof(load_text), "%zu", load);
	snprintf(times_text, sizeof(times_text), "%u", times);
	if (posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, environ) != 0)
		return 127;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* is_ours - is it a file of the rooms? @path is as the debug information has it, maybe by way of the build
 * directory */
static bool is_ours(const char *path)
{
	static const char *const rooms[] = {"/relay/", "/io/", "/base/"};
	char sources[PATH_MAX], file[PATH_MAX];

	if (!realpath(SOURCES, sources) || !realpath(path, file))
		return false; /* "???" */
	size_t length = strlen(sources);
	for (size_t i = 0; i < ARRAY_COUNT(rooms); i++) {
		if (strncmp(file, sources, length) == 0 &&
		    strncmp(file + length, rooms[i], strlen(rooms[i])) == 0)
			return true;
	}
	return false;
}

/*
 * sum_ours - add up what our functions did themselves; "Callgrind Format Specification" in valgrind's manual
 * "fl=" says in which file the next function is, a line of two numbers where in it how many instructions were
 * carried out, and such a line after "calls=" what a called function did, which is told where that function
 * is.
 */
static uint64_t sum_ours(FILE *profile)
{
	char line[4096];
	bool ours = false, called = false;
	uint64_t sum = 0, position, count;

	while (fgets(line, sizeof(line), profile)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "fl=", 3) == 0)
			ours = is_ours(line + 3);
		else if (strncmp(line, "calls=", 6) == 0)
			called = true;
		else if (sscanf(line, "%lu %lu", &position, &count) == 2) {
			sum += ours && !called ? count : 0;
			called = false;
		}
	}
	return sum;
}

/* count_instructions - of one run; skips the test without valgrind */
static uint64_t count_instructions(size_t load, unsigned times)
{
	char path[64];
	FILE *profile = fdopen(memfd_create("profile", MFD_CLOEXEC), "r");
	int status;
	uint64_t sum;

	assert_non_null(profile);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fileno(profile));
	status = run_counted(load, times, path);
	sum = sum_ours(profile);
	fclose(profile);
	if (status == 127) {
		print_message("skipped: there is no valgrind\n");
		skip();
	}
	assert_int_equal(status, EXIT_SUCCESS);
	return sum;
}

/* ---- the tests ---- */

static void instructions_are_as_few_as_they_were(void **state)
{
	const struct load *load = *state;
	size_t index = (size_t)(load - loads);
	uint64_t shorter = count_instructions(index, load->times),
	         longer = count_instructions(index, 2 * load->times);

	assert_true(shorter > 0 && longer > shorter);
	cost_check(load->name, "relay: instructions", longer - shorter, load->times * load->pairs);
	cost_verdict();
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[ARRAY_COUNT(loads)];
	char names[ARRAY_COUNT(loads)][96];

	if (argc == 3)
		return run_load(&loads[atoi(argv[1])], (unsigned)atoi(argv[2]));
	for (size_t i = 0; i < ARRAY_COUNT(loads); i++) {
		snprintf(names[i], sizeof(names[i]), "instructions_are_as_few_as_they_were [%s]",
		         loads[i].name);
		tests[i] = (struct CMUnitTest){
		        .name = names[i],
		        .test_func = instructions_are_as_few_as_they_were,
		        .initial_state = (void *)(uintptr_t)&loads[i],
		};
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
