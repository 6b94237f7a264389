/* SPDX-License-Identifier: Apache-2.0 */
/* Which listening sockets a process has: not where they listen, but the very sockets. */
#ifndef NSRELAY_TESTS_INTEGRATION_APP_LISTENERS_H
#define NSRELAY_TESTS_INTEGRATION_APP_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { LISTENERS_MAX = 16 };

struct listeners {
	int pidfd;
	size_t count;
	uint64_t cookies[LISTENERS_MAX]; /* SO_COOKIE: of one socket only, for ever; sorted */
};

struct listeners listeners_of(pid_t pid);

/* listeners_have - are all of @part among @whole? */
bool listeners_have(const struct listeners *whole, const struct listeners *part);

void listeners_assert_same(const struct listeners *a, const struct listeners *b);

#endif
