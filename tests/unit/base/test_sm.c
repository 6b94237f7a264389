/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sm.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

enum { RED, GREEN, YELLOW, COUNT };

static const struct sm_state states[COUNT] = {
	[RED] = {"red", SM_BIT(GREEN)},
	[GREEN] = {"green", SM_BIT(YELLOW)},
	[YELLOW] = {"yellow", SM_BIT(RED) | SM_BIT(YELLOW)},
};

static const struct sm machine = {"light", states, COUNT};

static void listed_moves_are_made(void **state)
{
	(void)state;
	uint8_t light = RED;
	sm_move(&machine, NULL, &light, GREEN);
	sm_move(&machine, NULL, &light, YELLOW);
	sm_move(&machine, NULL, &light, YELLOW);
	sm_move(&machine, NULL, &light, RED);
	assert_int_equal(light, RED);
}

/* aborts - does the move end the process? What it wrote is in @text. */
static int aborts(uint8_t from, uint8_t to, char *text, size_t size)
{
	int pipe_fds[2], status;
	assert_int_equal(pipe(pipe_fds), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_DUMPABLE, 0); /* leave no core file behind */
		signal(SIGABRT, SIG_DFL);
		dup2(pipe_fds[1], STDERR_FILENO);
		sm_move(&machine, NULL, &from, to);
		_exit(0);
	}
	close(pipe_fds[1]);
	ssize_t length = read(pipe_fds[0], text, size - 1);
	text[length > 0 ? length : 0] = '\0';
	close(pipe_fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void other_moves_abort_and_are_named(void **state)
{
	(void)state;
	char text[512];
	assert_true(aborts(GREEN, RED, text, sizeof(text)));
	assert_contains(text, "light: no edge green -> red");
	assert_true(aborts(RED, RED, text, sizeof(text)));
	assert_true(aborts(RED, COUNT, text, sizeof(text)));
	assert_true(aborts(COUNT, RED, text, sizeof(text)));
	assert_false(aborts(RED, GREEN, text, sizeof(text)));
}

static const void *traced_object;
static uint8_t traced_from, traced_to, traced_current;
static uint8_t light_seen;

static void trace(const struct sm *sm, const void *object, uint8_t from, uint8_t to)
{
	assert_ptr_equal(sm, &machine);
	traced_object = object;
	traced_from = from;
	traced_to = to;
	traced_current = light_seen;
}

static void each_move_is_traced_before_it_is_made(void **state)
{
	(void)state;
	light_seen = GREEN;
	sm_trace = trace;
	sm_move(&machine, &light_seen, &light_seen, YELLOW);
	sm_trace = NULL;
	assert_ptr_equal(traced_object, &light_seen);
	assert_int_equal(traced_from, GREEN);
	assert_int_equal(traced_to, YELLOW);
	assert_int_equal(traced_current, GREEN);
	assert_int_equal(light_seen, YELLOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listed_moves_are_made),
		cmocka_unit_test(other_moves_abort_and_are_named),
		cmocka_unit_test(each_move_is_traced_before_it_is_made),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
