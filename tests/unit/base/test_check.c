/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/* in_child - run CHECK(@holds) in a child; returns its wait status, what it wrote is in @buf */
static int in_child(int holds, char *buf, size_t size)
{
	int pipe_fds[2], status;
	assert_int_equal(pipe(pipe_fds), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_DUMPABLE, 0); /* leave no core file behind */
		signal(SIGABRT, SIG_DFL);
		dup2(pipe_fds[1], STDERR_FILENO);
		CHECK(holds == 1);
		_exit(0);
	}
	close(pipe_fds[1]);
	ssize_t length = read(pipe_fds[0], buf, size - 1);
	buf[length > 0 ? length : 0] = '\0';
	close(pipe_fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void broken_invariant_aborts_and_names_itself(void **state)
{
	(void)state;
	char text[512];
	int status = in_child(0, text, sizeof(text));
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_contains(text, "test_check.c");
	assert_contains(text, "broken invariant: holds == 1\n");
}

static void kept_invariant_is_silent(void **state)
{
	(void)state;
	char text[512];
	assert_int_equal(in_child(1, text, sizeof(text)), 0);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(broken_invariant_aborts_and_names_itself),
		cmocka_unit_test(kept_invariant_is_silent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
