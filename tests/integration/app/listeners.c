/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/app/listeners.h"

#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "tests/integration/app/procfs.h"
#include "tests/lib/testns.h"

static void note_listener(void *ctx, int fd, const char *target)
{
	struct listeners *listeners = ctx;
	int listens = 0;
	socklen_t int_size = sizeof(listens), cookie_size = sizeof(uint64_t);
	int copy = strncmp(target, "socket:", 7) == 0 ? pidfd_getfd(listeners->pidfd, fd, 0) : -1;
	if (copy < 0)
		return;
	if (getsockopt(copy, SOL_SOCKET, SO_ACCEPTCONN, &listens, &int_size) == 0 && listens) {
		CHECK(listeners->count < LISTENERS_MAX);
		uint64_t *cookie = &listeners->cookies[listeners->count++];
		CHECK(getsockopt(copy, SOL_SOCKET, SO_COOKIE, cookie, &cookie_size) == 0);
	}
	close(copy);
}

static int compare_cookies(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

struct listeners listeners_of(pid_t pid)
{
	struct listeners listeners = {.pidfd = pidfd_open(pid, 0)};
	procfs_each_fd(pid, note_listener, &listeners);
	close(listeners.pidfd);
	qsort(listeners.cookies, listeners.count, sizeof(listeners.cookies[0]), compare_cookies);
	return listeners;
}

void listeners_assert_same(const struct listeners *a, const struct listeners *b)
{
	assert_int_equal(a->count, b->count);
	assert_memory_equal(a->cookies, b->cookies, a->count * sizeof(a->cookies[0]));
}

bool listeners_have(const struct listeners *whole, const struct listeners *part)
{
	for (size_t i = 0; i < part->count; i++) {
		const uint64_t *cookie = &part->cookies[i];
		if (!bsearch(cookie, whole->cookies, whole->count, sizeof(*cookie), compare_cookies))
			return false;
	}
	return true;
}
