/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/others.h"

#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

#include "bench/nsbench/files.h"
#include "tests/unit/bench/unit.hpp"

using namespace nsbench;

/* The processes of these tests: a shell, and what it may start. */
enum { INIT = 1, SHELL = 10, CHILD = 11, HOG = 12 };

static Others between(const Processes &before, const Processes &after)
{
	return others_between(before, after);
}

static void what_idles_uses_nothing(void **)
{
	Processes processes = {{SHELL, {"sh", INIT, 5, 70}}};
	Others others = between(processes, processes);
	assert_near(others.seconds, 0.);
	assert_string_equal(others.busiest.c_str(), "");
}

static void the_busiest_is_named(void **)
{
	Others others = between({{SHELL, {"sh", INIT, 5, 70}}, {HOG, {"yes", SHELL, 1, 0}}},
	                        {{SHELL, {"sh", INIT, 5.1, 70}}, {HOG, {"yes", SHELL, 3, 0}}});
	assert_near(others.seconds, 2.1);
	assert_string_equal(others.busiest.c_str(), "yes");
}

static void one_that_began_meanwhile_counts_whole(void **)
{
	assert_near(between({}, {{HOG, {"yes", SHELL, .5, .25}}}).seconds, .75);
}

static void one_that_began_and_ended_counts_with_its_parent(void **)
{
	Others others = between({{SHELL, {"make", INIT, 0, 3}}}, {{SHELL, {"make", INIT, 0, 4}}});
	assert_near(others.seconds, 1.);
	assert_string_equal(others.busiest.c_str(), "make");
}

static void the_past_of_one_that_ended_does_not_count(void **)
{
	Others others = between({{SHELL, {"sh", INIT, 0, 0}}, {CHILD, {"cc", SHELL, 100, 20}}},
	                        {{SHELL, {"sh", INIT, 0, 120.5}}});
	assert_near(others.seconds, .5);
}

static void one_that_nobody_waits_for_hides_no_other(void **)
{
	Others others = between(
	        {{SHELL, {"sh", INIT, 0, 0}}, {CHILD, {"cc", SHELL, 100, 0}}, {HOG, {"yes", INIT, 1, 0}}},
	        {{SHELL, {"sh", INIT, 0, 0}}, {HOG, {"yes", INIT, 2, 0}}});
	assert_near(others.seconds, 1.);
	assert_string_equal(others.busiest.c_str(), "yes");
}

static void an_orphan_s_past_does_not_count_with_whom_it_falls_to(void **)
{
	Others others = between(
	        {{INIT, {"init", 0, 1, 0}}, {SHELL, {"sh", INIT, 2, 0}}, {CHILD, {"cc", SHELL, 50, 0}}},
	        {{INIT, {"init", 0, 1, 52}}});
	assert_near(others.seconds, 0.);
}

static void a_number_used_again_counts_no_less_than_nothing(void **)
{
	assert_near(between({{HOG, {"old", SHELL, 9, 0}}}, {{HOG, {"new", SHELL, 1, 0}}}).seconds, 0.);
}

static void those_that_are_ours_are_left_out(void **)
{
	pid_t child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	Processes all = others_now({}), others = others_now({child});
	kill(child, SIGKILL);
	waitpid(child, nullptr, 0);
	assert_int_equal(all.count(getpid()), 0);
	assert_int_equal(all.count(child), 1);
	assert_int_equal(all[child].parent, getpid());
	assert_int_equal(others.count(child), 0);
}

static void the_kernel_s_threads_are_left_out(void **)
{
	if (file_line("/proc/2/comm") != "kthreadd")
		skip(); /* a container, which has none */
	Processes others = others_now({});
	assert_int_equal(others.count(2), 0);
	for (const auto &[pid, process] : others)
		assert_int_not_equal(process.parent, 2);
}

int main()
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_idles_uses_nothing),
	        cmocka_unit_test(the_busiest_is_named),
	        cmocka_unit_test(one_that_began_meanwhile_counts_whole),
	        cmocka_unit_test(one_that_began_and_ended_counts_with_its_parent),
	        cmocka_unit_test(the_past_of_one_that_ended_does_not_count),
	        cmocka_unit_test(one_that_nobody_waits_for_hides_no_other),
	        cmocka_unit_test(an_orphan_s_past_does_not_count_with_whom_it_falls_to),
	        cmocka_unit_test(a_number_used_again_counts_no_less_than_nothing),
	        cmocka_unit_test(those_that_are_ours_are_left_out),
	        cmocka_unit_test(the_kernel_s_threads_are_left_out),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
