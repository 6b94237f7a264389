/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real nsctl, run by a test of the real kernel. NSCTL_BINARY in the environment names another program
 * than the one that was built with the tests.
 */
#ifndef NSRELAY_TESTS_INTEGRATION_APP_NSCTLPROC_H
#define NSRELAY_TESTS_INTEGRATION_APP_NSCTLPROC_H

#include "tests/lib/testns.h"

enum { NSCTLPROC_TEXT_MAX = 256 * 1024 };

struct nsctlproc_result {
	int status;                      /* exit status; -1: a signal ended it */
	char output[NSCTLPROC_TEXT_MAX]; /* standard output ... */
	char errors[NSCTLPROC_TEXT_MAX]; /* ... and standard error */
};

/* nsctlproc_run - `nsctl ARGS...` inside @ns_fd, which then is `host`; in static memory, until the next
 * call */
const struct nsctlproc_result *nsctlproc_run(int ns_fd, const char *const args[]);

/* nsctlproc_succeed - the same; its exit status must be 0. Returns what it wrote. */
const char *nsctlproc_succeed(int ns_fd, const char *const args[]);

/* nsctlproc_argv - `nsctl ARGS...` to be started by testns_spawn(); in static memory, until the next call */
const char *const *nsctlproc_argv(const char *const args[]);

/* assert_says - @text has @part in it */
#define assert_says(text, part)                                                                              \
	do {                                                                                                 \
		if (!strstr((text), (part)))                                                                 \
			fail_msg("`%s` does not say `%s`", (text), (part));                                  \
	} while (0)

/* ---- its JSON ---- */

/*
 * nsctlproc_json - the scalar at @path of what nsctl wrote last, which must be strict JSON
 * @path: "/links/0/name"; NULL when there is none. In static memory, until the next call.
 */
const char *nsctlproc_json(const char *path);

/* nsctlproc_json_count - how many elements the array or object at @path has; -1: there is none */
int nsctlproc_json_count(const char *path);

/*
 * nsctlproc_json_find - path of that element of the array at @path whose member @key is @value, or NULL
 * In static memory, until the next four calls.
 */
const char *nsctlproc_json_find(const char *path, const char *key, const char *value);

/* nsctlproc_json_at - the scalar at @path, then @rest; must be there */
const char *nsctlproc_json_at(const char *path, const char *rest);

#endif
