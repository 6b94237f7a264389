/* SPDX-License-Identifier: Apache-2.0 */
/* Deaths: of the relay process, which its supervisor survives with the very same listening sockets, and of
 * the supervisor. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "nsctl/netns.h"
#include "tests/integration/app/listeners.h"
#include "tests/integration/app/load.h"
#include "tests/integration/app/procfs.h"
#include "tests/lib/relayproc.h"

enum { THREADS = 2, CLIENTS = 4, DEATHS = 100 };

static int client_ns, server_ns;

static struct relayproc *start_relay(const char *drain)
{
	client_ns = testns_new();
	server_ns = testns_new();
	return relayproc_start(TESTNS_ARGV("--listen", relayproc_endpoint(client_ns, "127.0.0.1:80"), "--to",
	                                   relayproc_endpoint(server_ns, "127.0.0.1:80"), "--threads", "2",
	                                   "--drain-timeout", drain, "--log-rate", "100"));
}

/* freeze - stop the relay process as a whole; returns its pid */
static pid_t freeze(const struct relayproc *relay)
{
	pid_t pid = relayproc_child(relay);
	assert_true(pid > 0);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_true(procfs_await_stopped(pid));
	return pid;
}

static void kill_relay_process(const struct relayproc *relay)
{
	pid_t pid = relayproc_child(relay);
	assert_true(pid > 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
}

/* ---- deaths of the relay process ---- */

/* A relay that lived ten times the pause before its start, 10 ms, is started again after no longer a
 * pause. */
enum { LIFE_MS = 120 };

/* assert_fd_count - the supervisor comes back to having @count descriptors open, and keeps none of each
 * life */
static void assert_fd_count(pid_t pid, size_t count)
{
	size_t now = 0;
	for (int ms = 0; ms < TESTNS_PATIENCE_MS && now != count; ms++) {
		poll(NULL, 0, 1);
		now = procfs_each_fd(pid, NULL, NULL);
	}
	assert_int_equal(now, count);
}

static void hundred_deaths_under_load_refuse_no_connection(void **state)
{
	struct relayproc_record record;
	(void)state;
	struct relayproc *relay = start_relay("1s");
	size_t fds = procfs_each_fd(relayproc_pid(relay), NULL, NULL);
	const struct load_counts *counts = load_start(client_ns, server_ns, "127.0.0.1:80", "127.0.0.1:80",
	                                              CLIENTS);
	struct listeners before = listeners_of(relayproc_pid(relay));
	assert_int_equal(before.count, THREADS);
	for (int i = 0; i < DEATHS; i++) {
		load_await(CLIENTS);
		poll(NULL, 0, LIFE_MS);
		struct listeners inside = listeners_of(relayproc_child(relay));
		listeners_assert_same(&inside, &before);
		kill_relay_process(relay);
		relayproc_await_record(relay, "relay process died", &record);
		relayproc_await_record(relay, "ready again", &record);
	}
	load_await(CLIENTS);
	load_stop();
	print_message("%llu connections answered, %llu cut\n", (unsigned long long)counts->answered,
	              (unsigned long long)counts->cut);
	assert_int_equal(counts->refused, 0);
	assert_int_equal(counts->failed, 0);
	/* At most what was under way: one connection of each client at each death. */
	assert_true(counts->cut <= DEATHS * CLIENTS);
	assert_int_equal(relayproc_count_records(relay, "relay process died"), DEATHS);
	assert_fd_count(relayproc_pid(relay), fds);
	assert_int_equal(relayproc_stop(relay), 0);
}

static void connection_made_while_no_relay_runs_is_served_by_the_next(void **state)
{
	struct relayproc_record record;
	(void)state;
	struct relayproc *relay = start_relay("1s");
	int listener = testns_listen(server_ns, "127.0.0.1:80");
	/* Stopped first: whatever connects before its death is in the queue, not in its hands. */
	pid_t pid = freeze(relay);
	int client = testns_connect(client_ns, "127.0.0.1:80");
	kill(pid, SIGKILL);
	relayproc_await_record(relay, "ready again", &record);
	testns_assert_connected(client, testns_accept(listener));
}

/* kill_until_slow - have it die so often that the pause before the next start is half a second */
static void kill_until_slow(struct relayproc *relay)
{
	struct relayproc_record record;
	for (int i = 0; i < 6; i++) {
		kill_relay_process(relay);
		relayproc_await_record(relay, "ready again", &record);
	}
}

static void stop_while_no_relay_runs_ends_the_daemon(void **state)
{
	struct relayproc_record record;
	(void)state;
	struct relayproc *relay = start_relay("1s");
	kill_until_slow(relay);
	kill_relay_process(relay);
	relayproc_await_record(relay, "relay process died", &record);
	size_t starts = relayproc_count_records(relay, "ready again");
	assert_int_equal(relayproc_stop(relay), 0);
	assert_int_equal(relayproc_count_records(relay, "ready again"), starts);
	testns_await_refused(client_ns, "127.0.0.1:80"); /* the ring of a killed process holds its sockets for some ms */
}

static void relay_process_that_hangs_is_killed_at_the_deadline(void **state)
{
	(void)state;
	struct relayproc *relay = start_relay("0s");
	freeze(relay);
	assert_int_equal(relayproc_stop(relay), 1);
	assert_true(relayproc_says(relay, "signal=Killed"));
	testns_await_refused(client_ns, "127.0.0.1:80"); /* the ring of a killed process holds its sockets for some ms */
}

/* ---- a relay process that has been taken over ---- */

static void send_garbage(void *ctx, int fd, const char *target)
{
	int pidfd = *(const int *)ctx, type = 0;
	socklen_t size = sizeof(type);
	int copy = strncmp(target, "socket:", 7) == 0 ? pidfd_getfd(pidfd, fd, 0) : -1;
	if (copy < 0)
		return;
	/* The channels to the supervisor are the only sockets of this type. */
	if (getsockopt(copy, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET)
		send(copy, "?", 1, MSG_NOSIGNAL);
	close(copy);
}

static void relay_process_that_sends_garbage_is_replaced(void **state)
{
	struct relayproc_record record;
	(void)state;
	struct relayproc *relay = start_relay("1s");
	int listener = testns_listen(server_ns, "127.0.0.1:80");
	pid_t pid = relayproc_child(relay);
	int pidfd = testns_keep_fd(pidfd_open(pid, 0));
	procfs_each_fd(pid, send_garbage, &pidfd);
	relayproc_await_record(relay, "ready again", &record);
	assert_true(relayproc_says(relay, "broker channel: not a request"));
	int client = testns_connect(client_ns, "127.0.0.1:80");
	testns_assert_connected(client, testns_accept(listener));
}

/* ---- commands ---- */

/* await_signals_taken - until no signal is pending for the process */
static void await_signals_taken(pid_t pid)
{
	char path[64], line[256];
	unsigned long long pending = 1;
	for (int i = 0; i < 100000 && pending; i++) {
		snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
		FILE *file = fopen(path, "re");
		assert_non_null(file);
		while (fgets(line, sizeof(line), file))
			sscanf(line, "ShdPnd: %llx", &pending);
		fclose(file);
	}
	assert_int_equal(pending, 0);
}

static void command_to_stop_is_not_lost_in_a_full_channel(void **state)
{
	enum { MORE_THAN_FIT = 1000 }; /* 278 fit into the kernel's default 212,992 bytes */
	(void)state;
	struct relayproc *relay = start_relay("20s");
	pid_t pid = freeze(relay);
	for (int i = 0; i < MORE_THAN_FIT; i++) {
		relayproc_signal(relay, SIGUSR1);
		await_signals_taken(relayproc_pid(relay));
	}
	relayproc_signal(relay, SIGTERM);
	await_signals_taken(relayproc_pid(relay));
	kill(pid, SIGCONT);
	assert_int_equal(relayproc_await_exit(relay), 0);
}

/* ---- stopping ---- */

static int tcp_state(int fd)
{
	struct tcp_info info;
	socklen_t size = sizeof(info);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
	return info.tcpi_state;
}

/* begin_connect - connect without waiting; on loopback the handshake is over by then, if there is one */
static int begin_connect(int like)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	int home, fd;
	assert_int_equal(getpeername(like, (struct sockaddr *)&address, &size), 0);
	assert_int_equal(netns_enter(client_ns, &home, NULL), 0);
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	netns_leave(home);
	testns_keep_fd(fd);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, size), -1);
	assert_int_equal(errno, EINPROGRESS);
	return fd;
}

static void stop_serves_who_has_connected_and_lets_nobody_else_in(void **state)
{
	struct relayproc_record record;
	(void)state;
	struct relayproc *relay = start_relay("20s");
	int listener = testns_listen(server_ns, "127.0.0.1:80");
	pid_t pid = freeze(relay);
	int before = testns_connect(client_ns, "127.0.0.1:80");
	relayproc_signal(relay, SIGTERM);
	relayproc_await_record(relay, "stopping", &record);
	/* The relay process still has the sockets: only that its supervisor refuses handshakes keeps this one
	 * out. */
	int after = begin_connect(before);
	assert_int_equal(tcp_state(after), TCP_SYN_SENT);
	kill(pid, SIGCONT);
	int server = testns_accept(listener);
	testns_assert_connected(before, server);
	testns_close(before);
	testns_close(server);
	assert_int_equal(relayproc_await_exit(relay), 0);
	assert_int_not_equal(tcp_state(after), TCP_ESTABLISHED);
}

/* ---- death of the supervisor ---- */

static void relay_process_ends_with_its_supervisor(void **state)
{
	char byte;
	(void)state;
	struct relayproc *relay = start_relay("20s");
	int listener = testns_listen(server_ns, "127.0.0.1:80");
	int client = testns_connect(client_ns, "127.0.0.1:80");
	testns_assert_connected(client, testns_accept(listener));
	pid_t pid = relayproc_child(relay);
	int pidfd = testns_keep_fd(pidfd_open(pid, 0));
	relayproc_signal(relay, SIGKILL);
	assert_int_equal(relayproc_await_exit(relay), -1);
	struct pollfd end = {.fd = pidfd, .events = POLLIN};
	bool has_ended = poll(&end, 1, TESTNS_PATIENCE_MS) == 1;
	kill(pid, SIGKILL);    /* nothing is left behind when it has not */
	waitpid(pid, NULL, 0); /* ours since its parent's end */
	assert_true(has_ended);
	assert_int_equal(recv(client, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	testns_await_refused(client_ns, "127.0.0.1:80"); /* the ring of a killed process holds its sockets for some ms */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        load_test(hundred_deaths_under_load_refuse_no_connection),
	        relayproc_test(connection_made_while_no_relay_runs_is_served_by_the_next),
	        relayproc_test(stop_while_no_relay_runs_ends_the_daemon),
	        relayproc_test(relay_process_that_hangs_is_killed_at_the_deadline),
	        relayproc_test(relay_process_that_sends_garbage_is_replaced),
	        relayproc_test(command_to_stop_is_not_lost_in_a_full_channel),
	        relayproc_test(stop_serves_who_has_connected_and_lets_nobody_else_in),
	        relayproc_test(relay_process_ends_with_its_supervisor),
	};
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
