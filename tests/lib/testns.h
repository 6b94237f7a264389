/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network namespaces, connections and processes for tests of the real kernel.
 *
 * Everything made here ends with the test: testns_teardown() closes and kills it, and should the test program
 * itself be killed, the kernel does, for a namespace is held by descriptors alone, a child by its parent's
 * life, and a name by a private mount. Functions without a result fail the running test when they cannot do
 * their work; nothing waits longer than TESTNS_PATIENCE_MS. Without the privilege to make a namespace the
 * running test is skipped.
 *
 *     static void two_namespaces_can_talk(void **state)
 *     {
 *             int a = testns_new(), b = testns_new();
 *             testns_join(a, b);
 *             int listener = testns_listen(b, "10.0.0.2:80");
 *             int client = testns_connect(a, "10.0.0.2:80");
 *             int server = testns_accept(listener);
 *             ...
 *     }
 *     int main(void)
 *     {
 *             const struct CMUnitTest tests[] = {testns_test(two_namespaces_can_talk)};
 *             return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
 *     }
 *
 * One thread only.
 */
#ifndef NSRELAY_TESTS_LIB_TESTNS_H
#define NSRELAY_TESTS_LIB_TESTNS_H

/* cmocka.h wants these four first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/types.h>

#include "base/err.h"

/* When something that must happen has not happened by now, it never will. Not a measure of anything. */
enum { TESTNS_PATIENCE_MS = 10000 };

/* Exit status of a test program some of whose tests were skipped, as automake and CTest's SKIP_RETURN_CODE
 * have it. */
enum { TESTNS_SKIPPED = 77 };

/* A test that cleans up behind itself. */
#define testns_test(function) cmocka_unit_test_teardown(function, testns_teardown)

/* Fail with the error's own text unless @rc is a success. */
#define assert_success(rc, err)                                                                              \
	do {                                                                                                 \
		if ((rc) < 0)                                                                                \
			fail_msg("%s", (err)->text);                                                         \
	} while (0)

/* The error is @expected, and says @part. */
#define assert_refusal(rc, expected, err, part)                                                              \
	do {                                                                                                 \
		assert_int_equal(rc, -(expected));                                                           \
		assert_int_equal((err)->code, expected);                                                     \
		if (!strstr((err)->text, part))                                                              \
			fail_msg("`%s` does not say `%s`", (err)->text, part);                               \
	} while (0)

/* testns_teardown - close the namespaces, sockets and processes that this file made. For cmocka; returns
 * 0. */
int testns_teardown(void **state);

/* testns_result - what main() returns: the failures, or TESTNS_SKIPPED when there was none but a test was
 * skipped */
int testns_result(int failures);

/* testns_require_root - skip the running test unless it may make namespaces */
void testns_require_root(void);

/* testns_new - a namespace without a name, loopback up. Closed by testns_teardown(). */
int testns_new(void);

/* testns_bare - the same with its loopback down, as the kernel makes it */
int testns_bare(void);

/*
 * testns_new_named - one that /run/netns/NAME names, loopback up; for programs that are told a name
 *
 * The first call gives this program a /run of its own, which its children share: nobody else sees the name. The name
 * goes with the test, unless somebody has removed it before.
 */
int testns_new_named(const char *name);

/* testns_open_named - the one that /run/netns/NAME names, whoever made it. Closed by testns_teardown(). */
int testns_open_named(const char *name);

/*
 * testns_hide_net - move this program into a network namespace of its own, so that what it tests cannot change the
 * machine's, not even when it is wrong. A cmocka group's setup; without the privilege it does nothing. Returns 0.
 */
int testns_hide_net(void **state);

/* testns_hide_run - give this program an empty /run of its own. Done once. */
void testns_hide_run(void);

/* testns_join - a veth pair: `veth0` in @a with 10.0.0.1/24 and fd00::1/64, `veth0` in @b with 10.0.0.2/24
 * and fd00::2/64 */
void testns_join(int a, int b);

/* testns_keep_fd - have testns_teardown() close @fd; to do so before, use testns_close(). Returns @fd. */
int testns_keep_fd(int fd);

/*
 * TCP in a namespace, with ADDRESS:PORT as in 127.0.0.1:80 or [::1]:80. The sockets block, for as long as
 * TESTNS_PATIENCE_MS; they are closed by testns_teardown() or, before, by testns_close().
 */
int testns_listen(int ns_fd, const char *address);
int testns_connect(int ns_fd, const char *address);
int testns_accept(int listener);
void testns_close(int fd);

/* testns_connect_from - the same as the client @source: a local ADDRESS without a port, IPv6 in brackets */
int testns_connect_from(int ns_fd, const char *source, const char *address);

/* testns_try_connect - as testns_connect(), but a failure is the result: -errno */
int testns_try_connect(int ns_fd, const char *address);

/* testns_await_refused - connect until nobody listens at @address any more */
void testns_await_refused(int ns_fd, const char *address);

/* testns_write, testns_read - all of @size bytes */
void testns_write(int fd, const void *data, size_t size);
void testns_read(int fd, void *data, size_t size);

/* testns_await - wait until poll(2) reports one of @events, or an error or hang-up. Returns what it
 * reported. */
short testns_await(int fd, short events);

/* testns_assert_connected - what goes in at @a comes out at @b, and the other way */
void testns_assert_connected(int a, int b);

/* testns_count_fds - how many descriptors this process has open */
size_t testns_count_fds(void);

/* testns_limit_fds - let this process open only @room more, until testns_unlimit_fds() or the end of the
 * test */
void testns_limit_fds(size_t room);
void testns_unlimit_fds(void);

/* A command line for the functions below. */
#define TESTNS_ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

/*
 * testns_spawn - run a program, inside @ns_fd unless that is -1; argv[0] is looked up in PATH
 *
 * By the time it returns, the program has been started in its namespace. It is killed by testns_teardown() at
 * the latest.
 */
pid_t testns_spawn(int ns_fd, const char *const argv[]);

/* testns_spawn_logging - the same, with @log_fd as its standard error */
pid_t testns_spawn_logging(int ns_fd, const char *const argv[], int log_fd);

/* testns_await_exit - wait for the end of a child; its wait status, see waitpid(2) */
int testns_await_exit(pid_t pid);

/* testns_run - spawn, await, and return the exit status (-1: a signal ended it) */
int testns_run(int ns_fd, const char *const argv[]);

/*
 * testns_as_nobody - call @work in a child process inside @ns_fd, as uid and gid 65534 and without any
 * capability. Returns what @work returned, 0 .. 255. cmocka's assertions must not be used in @work.
 */
int testns_as_nobody(int ns_fd, int (*work)(void *arg), void *arg);

#endif
