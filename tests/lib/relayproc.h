/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real program, run by a test of the real kernel: started, listened to, measured and ended.
 *
 * What it writes to its standard error goes into memory, so nothing it logs can make it wait. It is ended,
 * with all its processes, by relayproc_teardown() at the latest, and by a guard should the test program be
 * killed. Functions without a result fail the running test when they cannot do their work, and show the end
 * of the log; nothing waits longer than TESTNS_PATIENCE_MS. NSRELAY_BINARY in the environment names another
 * program than the one that was built with the tests; NSRELAY_TEST_LOG=1 shows every log.
 *
 *     static void one_connection_is_logged(void **state)
 *     {
 *             int a = testns_new(), b = testns_new();
 *             struct relayproc *relay = relayproc_start(TESTNS_ARGV(
 *                     "--listen", relayproc_endpoint(a, "127.0.0.1:80"),
 *                     "--to", relayproc_endpoint(b, "127.0.0.1:80")));
 *             ...
 *             struct relayproc_record closed;
 *             relayproc_await_record(relay, "closed", &closed);
 *             assert_int_equal(relayproc_number(&closed, "bytes_up"), 4);
 *             assert_int_equal(relayproc_stop(relay), 0);
 *     }
 *     ... relayproc_test(one_connection_is_logged) ...
 */
#ifndef NSRELAY_TESTS_LIB_RELAYPROC_H
#define NSRELAY_TESTS_LIB_RELAYPROC_H

#include <stdbool.h>

#include "base/log.h"
#include "tests/lib/testns.h"

/* A test that cleans up behind itself; testns's part included. */
#define relayproc_test(function) cmocka_unit_test_teardown(function, relayproc_teardown)

struct relayproc;

/* relayproc_teardown - end every program that this file has started, then call testns_teardown(). Returns
 * 0. */
int relayproc_teardown(void **state);

/* relayproc_start - `nsrelay run ARGS...`; returns when it is ready */
struct relayproc *relayproc_start(const char *const args[]);

/* relayproc_start_config - `nsrelay run -c FILE`, a file with @yaml in it; returns when it is ready */
struct relayproc *relayproc_start_config(const char *yaml);

/* relayproc_start_example - `nsrelay run -c FILE`, examples/@name with the lines of @more before it; returns
 * when it is ready */
struct relayproc *relayproc_start_example(const char *name, const char *more);

/* relayproc_launch - run it with just these arguments, and wait for nothing */
struct relayproc *relayproc_launch(const char *const args[]);

/* relayproc_file - a path under which the program can read @text; nothing to be removed. Valid until the next
 * call. */
const char *relayproc_file(const char *text);

/* relayproc_endpoint - @address inside namespace @ns_fd as the program is told; valid for the next 63
 * calls */
const char *relayproc_endpoint(int ns_fd, const char *address);

/* ---- its end ---- */

/* relayproc_pid - of the supervisor; relayproc_child - of the relay process, 0 while there is none */
pid_t relayproc_pid(const struct relayproc *proc);
pid_t relayproc_child(const struct relayproc *proc);

void relayproc_signal(const struct relayproc *proc, int signal);

/* relayproc_await_exit - wait for its end; the exit status, or -1 when a signal ended it */
int relayproc_await_exit(struct relayproc *proc);

/* relayproc_stop - SIGTERM, then wait for its end */
int relayproc_stop(struct relayproc *proc);

/* ---- its log ---- */

struct relayproc_record {
	char text[LOG_RECORD_MAX + 1]; /* logfmt, without the line's end */
};

/*
 * relayproc_await_record - wait for the next record with msg=@message
 * "Next" is behind the one returned last; those in between are skipped, so ask in the order in which they
 * come.
 */
void relayproc_await_record(struct relayproc *proc, const char *message, struct relayproc_record *ret);

/* relayproc_count_records - how many records with msg=@message there have been so far */
size_t relayproc_count_records(const struct relayproc *proc, const char *message);

/* relayproc_says - is @text anywhere in what it has written? */
bool relayproc_says(const struct relayproc *proc, const char *text);

/* relayproc_text - copy the value of field @key to @buf, without quotes; returns @buf. No such field fails
 * the test. */
const char *relayproc_text(const struct relayproc_record *record, const char *key, char *buf, size_t size);

/* relayproc_number - the integer in field @key */
uint64_t relayproc_number(const struct relayproc_record *record, const char *key);

/* relayproc_await_closed - wait for the next record of a closed connection, which must be for @cause */
void relayproc_await_closed(struct relayproc *proc, const char *cause, struct relayproc_record *ret);

/* relayproc_counter - its counter @name, asked for now */
uint64_t relayproc_counter(const struct relayproc *proc, const char *name);

/* relayproc_await_counter - wait until @name is at least @value */
void relayproc_await_counter(const struct relayproc *proc, const char *name, uint64_t value);

/* ---- what it uses: supervisor and relay process together ---- */

uint64_t relayproc_cpu_us(const struct relayproc *proc);
size_t relayproc_memory(const struct relayproc *proc); /* resident bytes */
size_t relayproc_threads(const struct relayproc *proc);
size_t relayproc_fds(const struct relayproc *proc);

/* relayproc_socket_of - a duplicate of the relay's socket that @fd is connected to; to be closed by
 * testns_close() */
int relayproc_socket_of(const struct relayproc *proc, int fd);

#endif
