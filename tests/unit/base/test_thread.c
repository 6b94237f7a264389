/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include <signal.h>

#include "tests/unit/unit.h"

enum { STACK_SIZE = 256 * 1024 };

/* What a thread sees of itself. */
struct seen {
	sigset_t blocked;
	size_t stack_size;
};

static void *look(void *arg)
{
	struct seen *seen = arg;
	pthread_attr_t attr;
	pthread_sigmask(SIG_SETMASK, NULL, &seen->blocked);
	if (pthread_getattr_np(pthread_self(), &attr) == 0) {
		pthread_attr_getstacksize(&attr, &seen->stack_size);
		pthread_attr_destroy(&attr);
	}
	return arg;
}

static struct seen run_one(void)
{
	struct seen seen = {0};
	pthread_t thread;
	void *result;
	assert_int_equal(thread_start(&thread, STACK_SIZE, look, &seen), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_ptr_equal(result, &seen);
	return seen;
}

static void a_thread_is_interrupted_by_no_signal(void **state)
{
	(void)state;
	struct seen seen = run_one();
	assert_true(sigismember(&seen.blocked, SIGTERM));
	assert_true(sigismember(&seen.blocked, SIGCHLD));
	assert_true(sigismember(&seen.blocked, SIGUSR1));
}

static void who_starts_one_gets_its_signals_as_before(void **state)
{
	(void)state;
	sigset_t own, after;
	sigemptyset(&own);
	sigaddset(&own, SIGUSR2);
	pthread_sigmask(SIG_SETMASK, &own, NULL);
	run_one();
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	assert_true(sigismember(&after, SIGUSR2));
	assert_false(sigismember(&after, SIGTERM));
}

static void its_stack_is_as_small_as_was_asked_for(void **state)
{
	(void)state;
	size_t size = run_one().stack_size;
	assert_true(size >= STACK_SIZE);
#ifndef NSRELAY_SANITIZED
	assert_true(size < 2 * STACK_SIZE);
#endif
}

static void a_thread_that_cannot_be_is_an_error(void **state)
{
	(void)state;
	pthread_t thread = pthread_self();
	/* More than an address space has. */
	assert_true(thread_start(&thread, (size_t)1 << 62, look, NULL) < 0);
	assert_true(pthread_equal(thread, pthread_self()));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_thread_is_interrupted_by_no_signal),
	        cmocka_unit_test(who_starts_one_gets_its_signals_as_before),
	        cmocka_unit_test(its_stack_is_as_small_as_was_asked_for),
	        cmocka_unit_test(a_thread_that_cannot_be_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
