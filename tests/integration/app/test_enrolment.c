/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces that are enrolled while the daemon runs: by descriptor, name and process; withdrawn; found again.
 *
 * The relays of the policy `pods` steer what a pod sends and what comes to it. pod (10.0.0.1) and server (10.0.0.2) are
 * joined by a veth pair; the server is in no policy.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/varlink/client.h"
#include "nsctl/netns.h"
#include "tests/integration/app/enrolling.h"
#include "tests/integration/app/manager.h"
#include "tests/integration/app/nsctlproc.h"
#include "tests/lib/relayproc.h"

static struct {
	int pod, server;
	struct relayproc *relay;
} here;

static void begin_with(const char *yaml)
{
	testns_require_root();
	testns_hide_run();
	here.pod = testns_new();
	here.server = testns_new();
	testns_join(here.pod, here.server);
	here.relay = relayproc_start_config(yaml);
}

static void begin(void)
{
	begin_with(HEAD RELAYS);
}

/* ---- what there is in a namespace ---- */

static bool says(int ns_fd, const char *command, const char *text)
{
	char script[256];
	snprintf(script, sizeof(script), "%s | grep -q -- '%s'", command, text);
	return testns_run(ns_fd, TESTNS_ARGV("sh", "-c", script)) == 0;
}

static void assert_relayed(int from, const char *address, int listener)
{
	struct relayproc_record closed;
	char text[128];
	int client = testns_connect(from, address), server = testns_accept(listener);
	testns_assert_connected(client, server);
	testns_close(client);
	testns_close(server);
	relayproc_await_record(here.relay, "closed", &closed);
	assert_string_equal(relayproc_text(&closed, "destination", text, sizeof(text)), address);
}

static void assert_reset(int fd)
{
	char byte;
	assert_int_equal(recv(fd, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
}

/* ---- coming ---- */

static void enrolled_namespace_is_served(void **state)
{
	(void)state;
	begin();
	int out = testns_listen(here.server, "10.0.0.2:80"), in = testns_listen(here.pod, "[::]:80");
	enrol("pod", here.pod);
	assert_relayed(here.pod, "10.0.0.2:80", out);
	assert_relayed(here.server, "10.0.0.1:80", in);
	assert_relayed(here.server, "[fd00::1]:80", in);
	assert_int_equal(count_enrolled("", "served"), 1);
	assert_int_equal(relayproc_stop(here.relay), 0);
	assert_int_equal(rules(here.pod), 0);
}

static void enrolling_it_again_changes_nothing(void **state)
{
	(void)state;
	begin();
	enrol("pod", here.pod);
	int out = testns_listen(here.server, "10.0.0.2:80");
	int client = testns_connect(here.pod, "10.0.0.2:80"), server = testns_accept(out);
	for (int i = 0; i < 3; i++)
		enrol_as(json_pack("{s:s, s:s}", "uid", "pod", "name", "another-name"), here.pod, "served");
	testns_assert_connected(client, server);
	assert_int_equal(relayproc_count_records(here.relay, "enrolled"), 1);
	assert_int_equal(rules(here.pod), 11);
}

static void a_pod_with_a_service_is_enrolled_by_its_name(void **state)
{
	(void)state;
	testns_require_root();
	here.server = testns_new();
	here.pod = testns_new_named("web");
	testns_join(here.pod, here.server);
	here.relay = relayproc_start_config(HEAD RELAYS);
	nsctlproc_succeed(-1, TESTNS_ARGV("enrol", "web", "--name", "shop/web", "--control", ENROLLING_CONTROL));
	assert_relayed(here.pod, "10.0.0.2:80", testns_listen(here.server, "10.0.0.2:80"));
	nsctlproc_succeed(-1, TESTNS_ARGV("enrolled", "we", "-j", "--control", ENROLLING_CONTROL));
	assert_string_equal(nsctlproc_json("/enrolments/0/name"), "shop/web");
	nsctlproc_succeed(-1, TESTNS_ARGV("withdraw", "web", "--control", ENROLLING_CONTROL));
	assert_int_equal(count_enrolled("", "served"), 0);
}

static void one_that_was_enrolled_by_its_process_ends_with_it(void **state)
{
	char pid[32];
	(void)state;
	begin();
	pid_t process = testns_spawn(here.pod, TESTNS_ARGV("sleep", "100"));
	snprintf(pid, sizeof(pid), "pid:%d", (int)process);
	nsctlproc_succeed(-1, TESTNS_ARGV("enrol", pid, "--uid", "pod", "--control", ENROLLING_CONTROL));
	assert_relayed(here.pod, "10.0.0.2:80", testns_listen(here.server, "10.0.0.2:80"));
	kill(process, SIGKILL);
	AWAIT(count_enrolled("", "served") == 0);
	testns_await_refused(here.pod, "127.0.0.1:15001");
	AWAIT(rules(here.pod) == 0);
}

static void a_process_that_has_ended_is_refused(void **state)
{
	(void)state;
	begin();
	pid_t process = testns_spawn(here.pod, TESTNS_ARGV("sleep", "100"));
	int pid_fd = testns_keep_fd(pidfd_open(process, 0));
	kill(process, SIGKILL);
	testns_await_exit(process); /* its pid may be another's from now on */
	enrolling_refused(CALL("Enrol"), json_pack("{s:s}", "uid", "pod"), pid_fd, "NamespaceRefused", "has ended");
	assert_int_equal(count_enrolled("", "served") + count_enrolled("", "pending"), 0);
}

static void what_cannot_be_enrolled_is_refused(void **state)
{
	int pipe_fds[2];
	(void)state;
	begin();
	assert_int_equal(pipe(pipe_fds), 0);
	int host = testns_keep_fd(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
	int mounts = testns_keep_fd(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
	int file = testns_keep_fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
	const int wrong[] = {testns_keep_fd(pipe_fds[0]), testns_keep_fd(pipe_fds[1]), mounts, file};
	for (size_t i = 0; i < 4; i++)
		enrolling_refused(CALL("Enrol"), json_pack("{s:s}", "uid", "pod"), wrong[i], "NamespaceRefused",
			    "neither a network namespace nor a process");
	enrolling_refused(CALL("Enrol"), json_pack("{s:s}", "uid", "pod"), -1, "NamespaceRefused", "no descriptor came");
	enrolling_refused(CALL("Enrol"), json_pack("{s:s}", "uid", "pod"), host, "NamespaceRefused", "the daemon's own");
	enrolling_refused(CALL("Enrol"), json_pack("{s:s}", "uid", "a pod"), here.pod, "NamespaceRefused", "blanks");
	enrolling_refused(CALL("Enrol"), json_pack("{s:s}", "uid", ""), here.pod, "NamespaceRefused", "empty");
	enrolling_refused(CALL("Enrol"), json_pack("{s:s}", "uid", "a\nb"), here.pod, "NamespaceRefused", "control characters");
	enrolling_refused(CALL("Enrol"), json_pack("{s:s, s:s}", "uid", "pod", "policy", "pod"), here.pod, "NamespaceRefused",
		    "did you mean 'pods'?");
	enrol("pod", here.pod);
	enrolling_refused(CALL("Enrol"), json_pack("{s:s}", "uid", "twin"), here.pod, "NamespaceRefused", "enrolled as 'pod' already");
	assert_int_equal(count_enrolled("", "served"), 1);
}

static void who_has_no_relay_for_it_is_told(void **state)
{
	(void)state;
	begin_with(HEAD "relays: [ { name: a, listen: '/127.0.0.1:9', to: '/127.0.0.1:10' } ]\n");
	enrolling_refused(CALL("Enrol"), json_pack("{s:s}", "uid", "pod"), here.pod, "NamespaceRefused",
		    "no relay listens in enrolled namespaces");
}

/* ---- going ---- */

static void withdrawn_namespace_is_left_alone(void **state)
{
	(void)state;
	begin();
	enrol("pod", here.pod);
	int out = testns_listen(here.server, "10.0.0.2:80");
	int client = testns_connect(here.pod, "10.0.0.2:80"), server = testns_accept(out);
	struct relayproc_record closed;
	testns_assert_connected(client, server);
	withdraw("pod");
	assert_reset(client);
	relayproc_await_closed(here.relay, "namespace_gone", &closed);
	testns_close(server);
	testns_await_refused(here.pod, "127.0.0.1:15001");
	AWAIT(rules(here.pod) == 0);
	int straight = testns_connect(here.pod, "10.0.0.2:80");
	testns_assert_connected(straight, testns_accept(out));
	withdraw("pod"); /* once more is no error */
}

static void connections_of_a_withdrawn_one_may_drain(void **state)
{
	(void)state;
	begin_with(HEAD "enrolment: { drain: 1m }\n" RELAYS);
	enrol("pod", here.pod);
	int out = testns_listen(here.server, "10.0.0.2:80");
	int client = testns_connect(here.pod, "10.0.0.2:80"), server = testns_accept(out);
	testns_assert_connected(client, server);
	withdraw("pod");
	testns_await_refused(here.pod, "127.0.0.1:15001");
	testns_assert_connected(client, server);
	int straight = testns_connect(here.pod, "10.0.0.2:80");
	testns_assert_connected(straight, testns_accept(out));
	assert_int_equal(relayproc_count_records(here.relay, "closed"), 0);
}

/* A veth ends with the namespace of either end. */
static void nothing_of_ours_holds_a_withdrawn_namespace(void **state)
{
	(void)state;
	begin();
	enrol("pod", here.pod);
	int out = testns_listen(here.server, "10.0.0.2:80");
	for (int i = 0; i < 4; i++) /* sockets in the pod are kept for the next ones */
		assert_relayed(here.pod, "10.0.0.2:80", out);
	int client = testns_connect(here.pod, "10.0.0.2:80"), server = testns_accept(out);
	testns_assert_connected(client, server);
	withdraw("pod");
	assert_reset(client);
	testns_close(client);
	assert_true(says(here.server, "ip link", "veth0"));
	testns_close(here.pod);
	AWAIT(!says(here.server, "ip link", "veth0"));
}

static void uid_with_another_namespace_means_that_one(void **state)
{
	(void)state;
	begin();
	int next = testns_new(), beyond = testns_new(), out = testns_listen(here.server, "10.0.0.2:80");
	enrol("pod", here.pod);
	assert_relayed(here.pod, "10.0.0.2:80", out);
	testns_join(next, beyond);
	enrol("pod", next);
	assert_int_equal(count_enrolled("", "served"), 1);
	testns_await_refused(here.pod, "127.0.0.1:15001");
	AWAIT(rules(here.pod) == 0);
	assert_int_equal(rules(next), 11);
	assert_relayed(next, "10.0.0.2:80", testns_listen(beyond, "10.0.0.2:80"));
}

static void one_that_is_enrolled_again_at_once_is_served(void **state)
{
	(void)state;
	begin();
	int out = testns_listen(here.server, "10.0.0.2:80");
	for (int i = 0; i < 5; i++) {
		enrol("pod", here.pod);
		for (int j = 0; j < 4; j++)
			assert_relayed(here.pod, "10.0.0.2:80", out);
		withdraw("pod");
	}
	AWAIT(rules(here.pod) == 0);
}

/* ---- what an agent knows ---- */

static void what_is_not_in_a_snapshot_is_withdrawn(void **state)
{
	(void)state;
	begin();
	int second = testns_new(), third = testns_new(), fourth = testns_new();
	enrol("agent/1", here.pod);
	enrol("agent/2", second);
	enrol("agent/3", third);
	enrol("other", fourth);
	enrolling_refused(CALL("Keep"), json_pack("{s:s, s:s}", "uid", "agent/9", "snapshot", "b"), -1, "NotFound", "agent/9");
	enrolling_succeed(CALL("Keep"), json_pack("{s:s, s:s}", "uid", "agent/1", "snapshot", "b"));
	enrol_as(json_pack("{s:s, s:s}", "uid", "agent/2", "snapshot", "b"), second, "served");
	enrolling_succeed(CALL("SnapshotSent"), json_pack("{s:s, s:s}", "snapshot", "b", "prefix", "agent/"));
	assert_int_equal(count_enrolled("agent/", "served"), 2);
	assert_int_equal(count_enrolled("agent/3", "served"), 0);
	assert_int_equal(count_enrolled("other", "served"), 1);
	enrolling_succeed(CALL("SnapshotSent"), json_pack("{s:s}", "snapshot", "c"));
	assert_int_equal(count_enrolled("", "served"), 0);
	AWAIT(rules(third) == 0);
}

/* ---- failures ---- */

static void failed_start_is_tried_again(void **state)
{
	(void)state;
	begin();
	int taken = testns_listen(here.pod, "[::]:15001");
	enrol_as(json_pack("{s:s, s:i}", "uid", "pod", "deadline_ms", 20), here.pod, "pending");
	assert_int_equal(count_enrolled("", "pending"), 1);
	testns_close(taken);
	AWAIT(count_enrolled("", "served") == 1);
	assert_relayed(here.pod, "10.0.0.2:80", testns_listen(here.server, "10.0.0.2:80"));
}

static void one_that_keeps_failing_is_given_up_and_stops_nobody(void **state)
{
	struct relayproc_record record;
	char text[256];
	(void)state;
	begin();
	int good = testns_new();
	testns_listen(here.pod, "[::]:15001");
	enrol_as(json_pack("{s:s, s:i}", "uid", "bad", "deadline_ms", 1), here.pod, "pending");
	enrol("good", good);
	enrolling_refused(CALL("Enrol"), json_pack("{s:s}", "uid", "bad"), here.pod, "EnrolmentFailed", "15001");
	relayproc_await_record(here.relay, "enrolment_failed", &record);
	assert_string_equal(relayproc_text(&record, "uid", text, sizeof(text)), "bad");
	assert_int_equal(count_enrolled("", "served"), 1);
	assert_int_equal(count_enrolled("", "pending"), 0);
}

static void pods_without_ipv6_and_with_rules_of_their_own_are_served(void **state)
{
	(void)state;
	begin();
	assert_int_equal(testns_run(here.pod, TESTNS_ARGV("sh", "-ec", "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6")), 0);
	enrol("pod", here.pod);
	assert_relayed(here.pod, "10.0.0.2:80", testns_listen(here.server, "10.0.0.2:80"));
	int closed = testns_new();
	assert_int_equal(testns_run(closed, TESTNS_ARGV("nft", "add table inet own; add chain inet own in { type filter hook input "
							"priority 0; policy drop; }; add chain inet own out { type filter hook "
							"output priority 0; policy drop; }")), 0);
	enrol("closed", closed);
	assert_int_equal(rules(closed), 11);
	assert_true(says(closed, "nft list tables", "own"));
}

/* ---- the daemon's own end ---- */

static void killed_daemon_finds_them_again(void **state)
{
	enum { PODS = 50 };
	int pods[PODS];
	char uid[32];
	(void)state;
	begin_with(HEAD RELAYS);
	int out = testns_listen(here.server, "10.0.0.2:80");
	pid_t process = testns_spawn(here.pod, TESTNS_ARGV("sleep", "100"));
	snprintf(uid, sizeof(uid), "pid:%d", (int)process);
	nsctlproc_succeed(-1, TESTNS_ARGV("enrol", uid, "--control", ENROLLING_CONTROL));
	for (int i = 1; i < PODS; i++) {
		snprintf(uid, sizeof(uid), "pod-%d", i);
		pods[i] = testns_new_named(uid); /* or nobody could find it */
		enrol(uid, pods[i]);
	}
	pid_t child = relayproc_child(here.relay);
	relayproc_signal(here.relay, SIGKILL);
	relayproc_await_exit(here.relay);
	kill(child, SIGKILL);
	here.relay = relayproc_start_config(HEAD RELAYS);
	AWAIT(count_enrolled("", "served") == PODS);
	assert_relayed(here.pod, "10.0.0.2:80", out);
	assert_int_equal(rules(here.pod), 11);
	for (int i = 1; i < PODS; i++)
		assert_int_equal(rules(pods[i]), 11);
	kill(process, SIGKILL);
	AWAIT(count_enrolled("", "served") == PODS - 1);
}

static void example_serves_who_is_enrolled(void **state)
{
	(void)state;
	testns_require_root();
	testns_hide_run();
	here.pod = testns_new();
	here.server = testns_new();
	testns_join(here.pod, here.server);
	assert_int_equal(mkdir("/run/nsrelay", 0755), 0);
	here.relay = relayproc_start_example("enrolment.yaml", "");
	struct err err = ERR_INIT;
	json_t *reply = NULL;
	assert_success(varlink_call("/run/nsrelay/control.sock", CALL("Enrol"), json_pack("{s:s}", "uid", "pod"), here.pod, &reply,
				    &err), &err);
	json_decref(reply);
	assert_relayed(here.pod, "10.0.0.2:80", testns_listen(here.server, "10.0.0.2:80"));
	assert_int_equal(relayproc_stop(here.relay), 0);
	unlink("/run/nsrelay/control.sock.enrolled");
	assert_int_equal(rmdir("/run/nsrelay"), 0);
}

/* says_ready - what /readyz says */
static bool says_ready(const char *status)
{
	static const char question[] = "GET /readyz HTTP/1.0\r\n\r\n";
	char answer[512] = "";
	int host = testns_keep_fd(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
	int fd = testns_connect(host, "127.0.0.1:9100");
	testns_write(fd, question, strlen(question));
	ssize_t n = recv(fd, answer, sizeof(answer) - 1, MSG_WAITALL);
	testns_close(fd);
	testns_close(host);
	return n > 0 && strncmp(answer + strlen("HTTP/1.x "), status, 3) == 0;
}

static void it_is_ready_when_those_from_before_are_served(void **state)
{
	(void)state;
	begin();
	assert_int_equal(testns_run(-1, TESTNS_ARGV("ip", "link", "set", "lo", "up")), 0); /* of the test's own namespace */
	testns_spawn(here.pod, TESTNS_ARGV("sleep", "100")); /* or nobody could find it */
	enrol("pod", here.pod);
	assert_int_equal(relayproc_stop(here.relay), 0);
	int taken = testns_listen(here.pod, "[::]:15001");
	manager_listen("/run/notify");
	here.relay = relayproc_start_config(HEAD "metrics: { listen: 127.0.0.1:9100 }\n" RELAYS);
	assert_true(says_ready("503"));
	assert_int_equal(count_enrolled("", "pending"), 1);
	testns_close(taken);
	manager_await_word("READY=1");
	assert_int_equal(count_enrolled("", "served"), 1);
	AWAIT(says_ready("200"));
}

/* ---- names ---- */

#define WATCH "enrolment: { watch: { pods: [ 'web-*', db ] } }\n"

static void names_that_appear_are_enrolled_and_withdrawn_as_they_vanish(void **state)
{
	struct err err = ERR_INIT;
	(void)state;
	testns_require_root();
	here.server = testns_new();
	here.pod = testns_new_named("web-1");
	testns_join(here.pod, here.server);
	testns_new_named("other");
	here.relay = relayproc_start_config(HEAD WATCH RELAYS);
	AWAIT(count_enrolled("netns/web-1", "served") == 1);
	assert_relayed(here.pod, "10.0.0.2:80", testns_listen(here.server, "10.0.0.2:80"));
	testns_new_named("db");
	testns_new_named("web-2");
	AWAIT(count_enrolled("netns/", "served") == 3);
	assert_int_equal(count_enrolled("netns/other", "served"), 0);
	assert_success(netns_delete("web-1", &err), &err);
	AWAIT(count_enrolled("", "served") == 2);
	AWAIT(rules(here.pod) == 0);
	int again = testns_new_named("web-1"); /* another namespace */
	AWAIT(count_enrolled("netns/web-1", "served") == 1);
	assert_int_equal(rules(again), 11);
	assert_int_equal(rules(here.pod), 0);
}

static void file_that_is_no_namespace_is_looked_at_for_a_while(void **state)
{
	struct relayproc_record record;
	char text[256];
	(void)state;
	testns_require_root();
	testns_new_named("db");
	assert_int_equal(symlink("/dev/null", "/run/netns/web-1"), 0);
	here.relay = relayproc_start_config(HEAD WATCH RELAYS);
	AWAIT(count_enrolled("netns/db", "served") == 1);
	relayproc_await_record(here.relay, "a namespace is not enrolled", &record);
	assert_non_null(strstr(relayproc_text(&record, "error", text, sizeof(text)), "is not a network namespace"));
	assert_int_equal(unlink("/run/netns/web-1"), 0);
}

/* ---- many ---- */

static void many_at_once_are_served_but_the_bad_one(void **state)
{
	enum { PODS = 200 };
	pid_t asking[PODS];
	int pods[PODS];
	char path[64], uid[16];
	(void)state;
	begin();
	for (int i = 0; i < PODS; i++)
		pods[i] = testns_new();
	testns_listen(pods[77], "[::]:15001");
	for (int i = 0; i < PODS; i++) {
		snprintf(path, sizeof(path), "path:/proc/%d/fd/%d", (int)getpid(), pods[i]);
		snprintf(uid, sizeof(uid), "pod-%d", i);
		asking[i] = testns_spawn(-1, nsctlproc_argv(TESTNS_ARGV("enrol", path, "--uid", uid, "--control", ENROLLING_CONTROL)));
	}
	for (int i = 0; i < PODS; i++) {
		int status = testns_await_exit(asking[i]);
		assert_int_equal(WEXITSTATUS(status), i == 77 ? 1 : 0);
	}
	assert_int_equal(count_enrolled("", "served"), PODS - 1);
	for (int i = 0; i < PODS; i++)
		assert_int_equal(rules(pods[i]), i == 77 ? 0 : 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		relayproc_test(enrolled_namespace_is_served),
		relayproc_test(enrolling_it_again_changes_nothing),
		relayproc_test(a_pod_with_a_service_is_enrolled_by_its_name),
		relayproc_test(one_that_was_enrolled_by_its_process_ends_with_it),
		relayproc_test(a_process_that_has_ended_is_refused),
		relayproc_test(what_cannot_be_enrolled_is_refused),
		relayproc_test(who_has_no_relay_for_it_is_told),
		relayproc_test(withdrawn_namespace_is_left_alone),
		relayproc_test(connections_of_a_withdrawn_one_may_drain),
		relayproc_test(nothing_of_ours_holds_a_withdrawn_namespace),
		relayproc_test(uid_with_another_namespace_means_that_one),
		relayproc_test(one_that_is_enrolled_again_at_once_is_served),
		relayproc_test(what_is_not_in_a_snapshot_is_withdrawn),
		relayproc_test(failed_start_is_tried_again),
		relayproc_test(one_that_keeps_failing_is_given_up_and_stops_nobody),
		relayproc_test(pods_without_ipv6_and_with_rules_of_their_own_are_served),
		relayproc_test(killed_daemon_finds_them_again),
		manager_test(it_is_ready_when_those_from_before_are_served),
		relayproc_test(names_that_appear_are_enrolled_and_withdrawn_as_they_vanish),
		relayproc_test(file_that_is_no_namespace_is_looked_at_for_a_while),
		relayproc_test(example_serves_who_is_enrolled),
		relayproc_test(many_at_once_are_served_but_the_bad_one),
	};
	return testns_result(cmocka_run_group_tests_name("enrolment", tests, testns_hide_net, NULL));
}
