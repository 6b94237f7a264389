/* SPDX-License-Identifier: Apache-2.0 */
/* One daemon, a thousand namespaces. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "nsctl/netns.h"
#include "nsctl/nssock.h"
#include "relay/limits.h"
#include "relay/socket_source.h"
#include "tests/lib/relayproc.h"
#include "tests/lib/testlink.h"

enum {
	NAMESPACES = 1000,
	CONNECTIONS = 2 * NAMESPACES,
	FDS = 20000, /* what a small machine's hard RLIMIT_NOFILE allows a process */
	YAML_PER_RELAY = 160,
	THREADS = 2,
};

/* More than testns keeps. */
static int namespaces[NAMESPACES];
static int listeners[NAMESPACES];
static int clients[CONNECTIONS], servers[CONNECTIONS];

static void close_fd(int *fd)
{
	if (*fd > 0)
		close(*fd);
	*fd = 0;
}

static int close_all(void **state)
{
	int rc = relayproc_teardown(state);
	for (int i = 0; i < CONNECTIONS; i++) {
		close_fd(&clients[i]);
		close_fd(&servers[i]);
	}
	for (int i = 0; i < NAMESPACES; i++) {
		close_fd(&listeners[i]);
		close_fd(&namespaces[i]);
	}
	return rc;
}

/* limit_fds - as on a small machine, for this program and the daemon alike */
static void limit_fds(void)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max < FDS) {
		print_message("skipped: RLIMIT_NOFILE is below %d\n", FDS);
		skip();
	}
	limit = (struct rlimit){FDS, FDS};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static const struct endpoint *parse(const char *text)
{
	static struct endpoint endpoint;
	struct err err = ERR_INIT;
	assert_success(endpoint_parse(text, &endpoint, &err), &err);
	return &endpoint;
}

/* make_namespaces - each with its loopback up and somebody who listens on port 81 */
static void make_namespaces(void)
{
	const struct nssock_tcp_options options = {.backlog = 16};
	struct err err = ERR_INIT;
	testns_require_root();
	for (int i = 0; i < NAMESPACES; i++) {
		assert_success(namespaces[i] = netns_create_anonymous(&err), &err);
		testlink_set_up(namespaces[i], "lo", true);
		assert_success(listeners[i] = nssock_listen(namespaces[i], parse("/127.0.0.1:81"), &options,
		                                            false, NSSOCK_UID_OWN, &err),
		               &err);
	}
}

/* From the loopback of each namespace to that of the next: a thousand listeners and a thousand backends. */
static const char *configuration(void)
{
	static char yaml[NAMESPACES * YAML_PER_RELAY];
	size_t used = (size_t)snprintf(yaml, sizeof(yaml),
	                               "threads: %d\ndrain: 0s\nlog: { rate: 10 }\nrelays:\n", THREADS);
	for (int i = 0; i < NAMESPACES; i++)
		used += (size_t)snprintf(
		        yaml + used, sizeof(yaml) - used, "  - { name: r%d, listen: \"%s\", to: \"%s\" }\n",
		        i, relayproc_endpoint(namespaces[i], "127.0.0.1:80"),
		        relayproc_endpoint(namespaces[(i + 1) % NAMESPACES], "127.0.0.1:81"));
	assert_true(used < sizeof(yaml));
	return relayproc_file(yaml);
}

static int connect_inside(int ns_fd)
{
	struct endpoint to = *parse("/127.0.0.1:80");
	struct nssock_tcp_options options = {.nodelay = true};
	struct err err = ERR_INIT;
	uint32_t count;
	int fd;
	assert_success(nssock_upstream_batch(ns_fd, AF_INET, &options, NSSOCK_UID_OWN, 1, &fd, &count, &err),
	               &err);
	if (connect(fd, &to.addr.any, to.addr_len) < 0 && errno != EINPROGRESS)
		fail_msg("connect: %s", strerror(errno));
	testns_await(fd, POLLOUT);
	return fd;
}

/* relay_a_byte - over connection @i, which is new */
static void relay_a_byte(int i)
{
	int from = i % NAMESPACES, to = (i + 1) % NAMESPACES;
	char byte = (char)i, got;
	clients[i] = connect_inside(namespaces[from]);
	testns_await(listeners[to], POLLIN);
	servers[i] = accept4(listeners[to], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(servers[i] >= 0);
	testns_write(clients[i], &byte, 1);
	testns_read(servers[i], &got, 1);
	assert_int_equal(got, byte);
	testns_write(servers[i], &byte, 1);
	testns_read(clients[i], &got, 1);
	assert_int_equal(got, byte);
}

static void print_usage(const char *when, struct relayproc *relay)
{
	print_message("%s: %zu descriptors, %zu threads, %zu KiB resident, both processes together\n", when,
	              relayproc_fds(relay), relayproc_threads(relay), relayproc_memory(relay) / 1024);
}

static void thousand_namespaces_are_served_within_20000_descriptors(void **state)
{
	struct relayproc_record ready;
	(void)state;
	limit_fds();
	make_namespaces();
	struct relayproc *relay = relayproc_launch(TESTNS_ARGV("run", "-c", configuration()));
	relayproc_await_record(relay, "ready", &ready);
	assert_int_equal(relayproc_number(&ready, "listeners"), NAMESPACES);
	print_usage("started", relay);
	size_t threads = relayproc_threads(relay), fds = relayproc_fds(relay);
	for (int i = 0; i < NAMESPACES; i++)
		relay_a_byte(i);
	print_usage("1,000 connections", relay);
	for (int i = NAMESPACES; i < CONNECTIONS; i++)
		relay_a_byte(i);
	print_usage("2,000 connections", relay);
	assert_int_equal(relayproc_threads(relay), threads);
	/* Two for each connection, and sockets made in advance: not for each of the thousand backends. */
	assert_true(relayproc_fds(relay) <=
	            fds + 2 * CONNECTIONS + THREADS * (LIMIT_IDLE_SOCKETS + SOCKET_BATCH_MAX));
	assert_true(relayproc_fds(relay) < FDS);
	assert_int_equal(relayproc_counter(relay, "accepted_total"), CONNECTIONS);
	assert_int_equal(relayproc_stop(relay), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_teardown(thousand_namespaces_are_served_within_20000_descriptors, close_all),
	};
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
