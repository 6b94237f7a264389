/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/relay/rig.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/check.h"
#include "nsctl/netns.h"

enum { ARGS_MAX = 32, NAMES_MAX = 128, IDLE_MS = 300 };

static struct variant variants[] = {{"auto", "1"}, {"interactive", "1"}, {"bulk", "1"}, {"auto", "2"}};
_Static_assert(ARRAY_COUNT(variants) == RIG_VARIANTS, "rig.h says how many");

void rig_in_every_lane(const struct CMUnitTest *tests, size_t count, struct CMUnitTest *ret)
{
	static char names[NAMES_MAX][128];
	static size_t name_count;

	for (size_t i = 0; i < count * RIG_VARIANTS; i++) {
		struct variant *variant = &variants[i / count];
		char *name = names[name_count++];

		CHECK(name_count <= NAMES_MAX);
		snprintf(name, sizeof(names[0]), "%s [lane %s, threads %s]", tests[i % count].name,
		         variant->lane, variant->threads);
		ret[i] = tests[i % count];
		ret[i].name = name;
		ret[i].initial_state = variant;
	}
}

const struct variant *rig_variant(void **state)
{
	return *state ? *state : &variants[0];
}

void rig_open(struct rig *rig)
{
	rig->front = testns_new();
	rig->back = testns_new();
	rig->listener = testns_listen(rig->back, RIG_BACK);
	rig->relay = NULL;
}

void rig_run(struct rig *rig, void **state, const char *const more[])
{
	const struct variant *variant = rig_variant(state);
	const char *args[ARGS_MAX] = {"--lane",     variant->lane,
	                              "--threads",  variant->threads,
	                              "--log-rate", "0",
	                              "--listen",   relayproc_endpoint(rig->front, RIG_FRONT),
	                              "--to",       relayproc_endpoint(rig->back, RIG_BACK)};
	size_t count = 10;

	for (; more && *more; more++) {
		CHECK(count < ARGS_MAX - 1);
		args[count++] = *more;
	}
	rig->relay = relayproc_start(args);
}

void rig_start(struct rig *rig, void **state, const char *const more[])
{
	rig_open(rig);
	rig_run(rig, state, more);
}

struct pair rig_connect(const struct rig *rig)
{
	struct pair pair = {.client = testns_connect(rig->front, RIG_FRONT)};

	pair.server = testns_accept(rig->listener);
	return pair;
}

void rig_end(int fd)
{
	if (shutdown(fd, SHUT_WR) < 0)
		fail_msg("shutdown: %s", strerror(errno));
}

void rig_reset(int fd)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	testns_close(fd);
}

/* end_of - what a read says when something is there: a byte (1), the end (0), or -errno */
static ssize_t end_of(int fd)
{
	char byte;
	ssize_t n;

	testns_await(fd, POLLIN);
	n = recv(fd, &byte, 1, MSG_DONTWAIT);
	return n < 0 ? -errno : n;
}

void rig_expect_end(int fd)
{
	ssize_t n = end_of(fd);

	if (n != 0)
		fail_msg("expected the end of the stream, not %s", n > 0 ? "a byte" : strerror((int)-n));
}

void rig_expect_reset(int fd)
{
	ssize_t n = end_of(fd);

	if (n != -ECONNRESET)
		fail_msg("expected a reset, not %s", n > 0    ? "a byte"
		                                     : n == 0 ? "the end"
		                                              : strerror((int)-n));
}

void rig_expect_closed(const struct rig *rig, const char *cause, uint64_t bytes_up, uint64_t bytes_down)
{
	struct relayproc_record closed;

	relayproc_await_closed(rig->relay, cause, &closed);
	assert_int_equal(relayproc_number(&closed, "bytes_up"), bytes_up);
	assert_int_equal(relayproc_number(&closed, "bytes_down"), bytes_down);
}

/* One that spins uses all of the time, or half of it on a busy machine; one that waits, next to nothing. */
void rig_expect_idle(const struct rig *rig)
{
	uint64_t before_us = relayproc_cpu_us(rig->relay), used_us;

	poll(NULL, 0, IDLE_MS);
	used_us = relayproc_cpu_us(rig->relay) - before_us;
	if (used_us > IDLE_MS * 1000 / 4)
		fail_msg("the relay has nothing to do, and used the processor for %llu of %d ms",
		         (unsigned long long)used_us / 1000, IDLE_MS);
}

/* open_inside - a file that shows the caller's namespace */
static FILE *open_inside(int ns_fd, const char *path, const char *mode)
{
	FILE *file;
	int home;

	assert_int_equal(netns_enter(ns_fd, &home, NULL), 0);
	file = fopen(path, mode);
	netns_leave(home);
	if (!file)
		fail_msg("%s: %s", path, strerror(errno));
	return file;
}

void rig_sysctl(int ns_fd, const char *name, const char *value)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	file = open_inside(ns_fd, path, "we");
	fputs(value, file);
	if (fclose(file) != 0)
		fail_msg("write %s to %s: %s", value, path, strerror(errno));
}

/* column - the number at place @index of a line */
static uint64_t column(char *line, size_t index)
{
	char *rest = NULL, *word = strtok_r(line, " \n", &rest);

	while (word && index-- > 0)
		word = strtok_r(NULL, " \n", &rest);
	return word ? strtoull(word, NULL, 10) : 0;
}

/* column_index - the place of @name in a line; proc_net(5): a line of names, then one of numbers */
static size_t column_index(char *line, const char *name)
{
	char *rest = NULL;
	size_t index = 0;

	for (char *word = strtok_r(line, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest), index++) {
		if (strcmp(word, name) == 0)
			return index;
	}
	fail_msg("the kernel does not count %s", name);
	return 0;
}

/* kernel_counter - the number called @name in the group "Tcp:" or "TcpExt:" of one of /proc/net's files */
static uint64_t kernel_counter(int ns_fd, const char *path, const char *group, const char *name)
{
	FILE *file = open_inside(ns_fd, path, "re");
	char line[8192];
	size_t index = 0;

	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, group, strlen(group)) != 0)
			continue;
		if (index > 0)
			break;
		index = column_index(line, name);
	}
	fclose(file);
	return column(line, index);
}

uint64_t rig_resets(int ns_fd)
{
	return kernel_counter(ns_fd, "/proc/thread-self/net/snmp", "Tcp:", "OutRsts");
}

uint64_t rig_delayed_acks(int ns_fd)
{
	return kernel_counter(ns_fd, "/proc/thread-self/net/netstat", "TcpExt:", "DelayedACKs");
}

size_t rig_unacknowledged(int fd)
{
	int bytes = 0;

	assert_int_equal(ioctl(fd, SIOCOUTQ, &bytes), 0);
	return (size_t)bytes;
}
