/* SPDX-License-Identifier: Apache-2.0 */
/* Running out: what is established goes on, what is new waits or is refused, nothing spins, and it passes. */
#include <poll.h>
#include <string.h>
#include <sys/resource.h>

#include "base/check.h"
#include "tests/integration/relay/rig.h"

enum { CONNECTIONS = 3, WHILE_MS = 500 };

struct fd_limit {
	pid_t pid;
	struct rlimit now;
};

static int set_fd_limit(void *arg)
{
	const struct fd_limit *limit = arg;

	return prlimit(limit->pid, RLIMIT_NOFILE, &limit->now, NULL) < 0;
}

/*
 * limit_fds - let a process have no descriptor numbered @limit or above; returns its former limit
 * As the process's own user, be it the test's or nobody: on another's it takes CAP_SYS_RESOURCE, which containers lack.
 */
static rlim_t limit_fds(const struct rig *rig, pid_t pid, rlim_t limit)
{
	struct fd_limit wanted = {.pid = pid};
	rlim_t former; /* the daemon has raised it to the hard limit, which is that of the test */

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &wanted.now), 0);
	former = wanted.now.rlim_max;
	wanted.now.rlim_cur = limit;
	if (set_fd_limit(&wanted) != 0)
		assert_int_equal(testns_as_nobody(rig->front, set_fd_limit, &wanted), 0);
	return former;
}

/* open_all - as many connections as the relay may have; it then accepts no more */
static void open_all(struct rig *rig, void **state, struct pair pairs[CONNECTIONS])
{
	rig_start(rig, state, TESTNS_ARGV("--max-connections", "3", "--user", "nobody"));
	for (int i = 0; i < CONNECTIONS; i++) {
		pairs[i] = rig_connect(rig);
		testns_assert_connected(pairs[i].client, pairs[i].server);
	}
	relayproc_await_counter(rig->relay, "accept_pauses_total", 1);
}

static void expect_nobody(int listener)
{
	assert_int_equal(poll(&(struct pollfd){listener, POLLIN, 0}, 1, WHILE_MS), 0);
}

static void close_pair(struct pair pair)
{
	testns_close(pair.client);
	rig_expect_end(pair.server);
	testns_close(pair.server);
}

static void connection_above_the_limit_waits_for_its_turn(void **state)
{
	struct pair pairs[CONNECTIONS];
	struct rig rig;
	int waiting;

	open_all(&rig, state, pairs);
	waiting = testns_connect(rig.front, RIG_FRONT); /* in the kernel's queue */
	expect_nobody(rig.listener);
	rig_expect_idle(&rig);
	for (int i = 0; i < CONNECTIONS; i++)
		testns_assert_connected(pairs[i].client, pairs[i].server);
	close_pair(pairs[0]);
	testns_assert_connected(waiting, testns_accept(rig.listener));
	assert_int_equal(relayproc_counter(rig.relay, "closed_resource_limit_total"), 0);
}

/*
 * The ring takes the limit on descriptors as it is when an accept is armed: to have it armed again there has
 * to be a pause first, for which the limit on connections is good.
 */
static void accepting_waits_while_there_are_no_descriptors(void **state)
{
	struct pair pairs[CONNECTIONS];
	struct rig rig;
	uint64_t pauses;
	rlim_t former;
	int waiting;
	pid_t child;

	open_all(&rig, state, pairs);
	child = relayproc_child(rig.relay);
	former = limit_fds(&rig, child, 5);
	waiting = testns_connect(rig.front, RIG_FRONT);
	pauses = relayproc_counter(rig.relay, "accept_pauses_total");
	close_pair(pairs[0]);
	relayproc_await_counter(rig.relay, "accept_pauses_total", pauses + 1);
	pauses = relayproc_counter(rig.relay, "accept_pauses_total");
	expect_nobody(rig.listener);
	/* One a tenth of a second: not one for each time that the kernel says no. */
	assert_in_range(relayproc_counter(rig.relay, "accept_pauses_total"), pauses, pauses + 20);
	rig_expect_idle(&rig);
	testns_assert_connected(pairs[1].client, pairs[1].server);
	limit_fds(&rig, child, former);
	testns_assert_connected(waiting, testns_accept(rig.listener));
	testns_assert_connected(pairs[1].client, pairs[1].server);
	assert_int_equal(relayproc_counter(rig.relay, "closed_resource_limit_total"), 0);
}

/* connect_until_refused - new connections until one is reset instead of served; those served stay open */
static void connect_until_refused(const struct rig *rig)
{
	for (int i = 0; i < 200; i++) {
		int client = testns_connect(rig->front, RIG_FRONT);
		struct pollfd fds[] = {{client, POLLIN, 0}, {rig->listener, POLLIN, 0}};

		if (poll(fds, ARRAY_COUNT(fds), TESTNS_PATIENCE_MS) <= 0)
			fail_msg("connection %d is neither served nor reset", i);
		if (fds[0].revents) {
			rig_expect_reset(client);
			return;
		}
		testns_assert_connected(client, testns_accept(rig->listener));
	}
	fail_msg("no connection was refused");
}

static void broker_without_descriptors_is_a_resource_limit(void **state)
{
	struct relayproc_record closed;
	struct pair before, after;
	struct rig rig;
	rlim_t former;
	pid_t broker;

	rig_start(&rig, state, NULL);
	before = rig_connect(&rig);
	broker = relayproc_pid(rig.relay);
	former = limit_fds(&rig, broker, 5); /* it has more; and poll(2) takes no more than that: those that it looks at */
	connect_until_refused(&rig);
	relayproc_await_closed(rig.relay, "resource_limit", &closed);
	assert_true(relayproc_counter(rig.relay, "socket_failures_total") >= 1);
	rig_expect_idle(&rig);
	testns_assert_connected(before.client, before.server);
	limit_fds(&rig, broker, former);
	after = rig_connect(&rig);
	testns_assert_connected(after.client, after.server);
}

int main(void)
{
	const struct CMUnitTest rows[] = {
	        relayproc_test(connection_above_the_limit_waits_for_its_turn),
	        relayproc_test(accepting_waits_while_there_are_no_descriptors),
	        relayproc_test(broker_without_descriptors_is_a_resource_limit),
	};

	return testns_result(cmocka_run_group_tests(rows, NULL, NULL));
}
