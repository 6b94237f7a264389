/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong with namespaces that come and go: they end under traffic, change under their uids, cannot be entered. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/integration/app/enrolling.h"
#include "tests/integration/app/manager.h"
#include "tests/integration/app/nsctlproc.h"

static struct relayproc *relay;

static void begin(const char *yaml)
{
	testns_require_root();
	testns_hide_run();
	relay = relayproc_start_config(yaml);
}

/* ---- ends under traffic ---- */

enum {
	PODS = 80, /* at the same time */
#ifdef NSRELAY_SANITIZED
	ROUNDS = 1, /* a sanitizer looks on */
#else
	ROUNDS = 13,
#endif
	CONNECTIONS = 2,
};

/* A pod that is joined to a server of its own, to which it has connections with bytes under way. */
struct pod {
	char uid[32];
	int fd, server, listener;
	int process_fd; /* -1: it is enrolled by its namespace */
	pid_t process;
	int clients[CONNECTIONS], servers[CONNECTIONS];
};

static void enrol_pod(struct pod *pod, bool by_process)
{
	pod->process_fd = -1;
	if (by_process) {
		pod->process = testns_spawn(pod->fd, TESTNS_ARGV("sleep", "100"));
		pod->process_fd = testns_keep_fd(pidfd_open(pod->process, 0));
	}
	enrol(pod->uid, by_process ? pod->process_fd : pod->fd);
}

static void fill(int fd)
{
	static const char bytes[32 * 1024];
	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
}

static void start_pod(struct pod *pod, int number, bool by_process)
{
	snprintf(pod->uid, sizeof(pod->uid), "pod-%d", number);
	pod->fd = testns_new();
	pod->server = testns_new();
	testns_join(pod->fd, pod->server);
	pod->listener = testns_listen(pod->server, "10.0.0.2:80");
	enrol_pod(pod, by_process);
	for (int i = 0; i < CONNECTIONS; i++) {
		pod->clients[i] = testns_connect(pod->fd, "10.0.0.2:80");
		pod->servers[i] = testns_accept(pod->listener);
		testns_assert_connected(pod->clients[i], pod->servers[i]);
		fill(pod->clients[i]);
		fill(pod->servers[i]);
	}
}

/* end_pod - in one of three ways, while bytes are under way */
static void end_pod(struct pod *pod, int way)
{
	if (pod->process_fd >= 0)
		kill(pod->process, SIGKILL);
	else if (way % 2)
		withdraw(pod->uid);
	else {
		int other = testns_new();
		enrol(pod->uid, other);
		withdraw(pod->uid);
		testns_close(other);
	}
}

static void leave_pod(struct pod *pod)
{
	for (int i = 0; i < CONNECTIONS; i++) {
		testns_close(pod->clients[i]);
		testns_close(pod->servers[i]);
	}
	testns_close(pod->listener);
	testns_close(pod->fd);
	if (pod->process_fd >= 0) {
		testns_await_exit(pod->process);
		testns_close(pod->process_fd);
	}
}

static bool has_link(int ns_fd)
{
	return testns_run(ns_fd, TESTNS_ARGV("sh", "-c", "ip link show veth0 >/dev/null 2>&1")) == 0;
}

/* A veth ends with the namespace of its other end, and that with the last who holds it. */
static void namespaces_that_end_under_traffic_leave_nothing(void **state)
{
	static struct pod pods[PODS];
	(void)state;
	begin(HEAD RELAYS);
	size_t fds = relayproc_fds(relay);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < PODS; i++)
			start_pod(&pods[i], i, i % 3 == 0);
		for (int i = 0; i < PODS; i++)
			end_pod(&pods[i], i);
		for (int i = 0; i < PODS; i++)
			leave_pod(&pods[i]);
		for (int i = 0; i < PODS; i++) {
			AWAIT(!has_link(pods[i].server));
			testns_close(pods[i].server);
		}
	}
	AWAIT(count_enrolled("", "served") + count_enrolled("", "pending") == 0);
	AWAIT(relayproc_fds(relay) == fds);
	assert_int_equal(relayproc_count_records(relay, "relay process died"), 0);
	assert_int_equal(relayproc_stop(relay), 0);
}

/* ---- others ---- */

static void namespace_that_may_not_be_entered_is_refused(void **state)
{
	(void)state;
	testns_require_root();
	testns_hide_run();
	int pod = testns_new();
	manager_wrap("exec setpriv --bounding-set -sys_admin \"$@\"");
	relay = relayproc_start_config(HEAD RELAYS);
	size_t fds = relayproc_fds(relay);
	enrolling_refused(CALL("Enrol"), json_pack("{s:s}", "uid", "pod"), pod, "NamespaceRefused", "CAP_SYS_ADMIN is needed");
	assert_int_equal(count_enrolled("", "pending"), 0);
	AWAIT(relayproc_fds(relay) == fds);
	assert_int_equal(relayproc_stop(relay), 0);
}

static void relay_that_dies_serves_them_again(void **state)
{
	struct relayproc_record record;
	(void)state;
	begin(HEAD RELAYS);
	int pod = testns_new(), server = testns_new();
	testns_join(pod, server);
	enrol("pod", pod);
	kill(relayproc_child(relay), SIGKILL);
	relayproc_await_record(relay, "ready again", &record);
	int listener = testns_listen(server, "10.0.0.2:80"), client = testns_connect(pod, "10.0.0.2:80");
	testns_assert_connected(client, testns_accept(listener));
}

/* A policy's relays go, and come back: who is enrolled under it is served again. */
static void policy_without_relays_waits_for_them(void **state)
{
	(void)state;
	begin(HEAD RELAYS "- { name: other, listen: '/127.0.0.1:7', to: '/127.0.0.1:8' }\n");
	int pod = testns_new();
	enrol("pod", pod);
	assert_int_equal(rules(pod), 11);
	nsctlproc_succeed(-1, TESTNS_ARGV("remove", "relay", "out", "--control", ENROLLING_CONTROL));
	nsctlproc_succeed(-1, TESTNS_ARGV("remove", "relay", "in", "--control", ENROLLING_CONTROL));
	AWAIT(rules(pod) == 0);
	testns_await_refused(pod, "127.0.0.1:15001");
	nsctlproc_succeed(-1, TESTNS_ARGV("add", relayproc_file(RELAYS), "--control", ENROLLING_CONTROL));
	assert_int_equal(rules(pod), 11);
	assert_int_equal(count_enrolled("pod", "served"), 1);
	assert_int_equal(relayproc_stop(relay), 0);
}

/* A link to a namespace is one; a link to anything else, and a file, are not. */
static void what_a_name_leads_to_is_looked_at(void **state)
{
	(void)state;
	begin(HEAD RELAYS);
	testns_new_named("web");
	assert_int_equal(symlink("/run/netns/web", "/run/netns/link"), 0);
	assert_int_equal(symlink("/dev/null", "/run/netns/wrong"), 0);
	nsctlproc_succeed(-1, TESTNS_ARGV("enrol", "link", "--control", ENROLLING_CONTROL));
	const struct nsctlproc_result *result =
		nsctlproc_run(-1, TESTNS_ARGV("enrol", "wrong", "--control", ENROLLING_CONTROL));
	assert_int_equal(result->status, 1);
	assert_non_null(strstr(result->errors, "is not a network namespace"));
	result = nsctlproc_run(-1, TESTNS_ARGV("enrol", "nobody", "--control", ENROLLING_CONTROL));
	assert_non_null(strstr(result->errors, "does not exist"));
	assert_int_equal(count_enrolled("", "served"), 1);
	assert_int_equal(unlink("/run/netns/link") | unlink("/run/netns/wrong"), 0);
	assert_int_equal(relayproc_stop(relay), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		relayproc_test(namespaces_that_end_under_traffic_leave_nothing),
		manager_test(namespace_that_may_not_be_entered_is_refused),
		relayproc_test(relay_that_dies_serves_them_again),
		relayproc_test(policy_without_relays_waits_for_them),
		relayproc_test(what_a_name_leads_to_is_looked_at),
	};
	return testns_result(cmocka_run_group_tests_name("enrolment faults", tests, testns_hide_net, NULL));
}
