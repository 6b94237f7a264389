/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a service manager or a shell does around the program: how it is started, what its standard error is,
 * and the socket on which it says how far it is. All of it is undone by manager_teardown().
 */
#ifndef NSRELAY_TESTS_INTEGRATION_APP_MANAGER_H
#define NSRELAY_TESTS_INTEGRATION_APP_MANAGER_H

#include "tests/lib/relayproc.h"

/* A test that cleans up behind itself; relayproc's part included. */
#define manager_test(function) cmocka_unit_test_teardown(function, manager_teardown)

int manager_teardown(void **state);

/*
 * manager_wrap - from now on the program is started by this line of bash, in which "$@" is the program with
 * its arguments
 *
 *     manager_wrap("exec \"$@\" 2>&-");
 */
void manager_wrap(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* manager_give_stderr - from now on the program has @fd as its standard error; @fd is handed on, and not
 * closed */
void manager_give_stderr(int fd);

/* manager_listen - be told by the program, at @path, which starts with '/' or, for an abstract one, with
 * '@' */
void manager_listen(const char *path);

/* manager_await_word - wait for the next word, which must be this one */
void manager_await_word(const char *word);

/* manager_last_word - the last of those that have come since; "" without any. Static memory. */
const char *manager_last_word(void);

#endif
