/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/testns.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/endpoint.h"
#include "nsctl/netns.h"
#include "nsctl/nssock.h"

enum { RELAY_UID = 4711, BATCH = 16 };

static const struct nssock_tcp_options plain = {.backlog = 128};

static const struct nssock_tcp_options rich = {
        .nodelay = true,
        .keepalive_idle_s = 61,
        .keepalive_interval_s = 7,
        .keepalive_count = 3,
        .user_timeout_ms = 12345,
        .congestion = "reno",
        .backlog = 128,
};

static struct endpoint parse(const char *text)
{
	struct endpoint endpoint;
	struct err err = ERR_INIT;

	memset(&endpoint, 0, sizeof(endpoint));
	assert_success(endpoint_parse(text, &endpoint, &err), &err);
	return endpoint;
}

static int listen_at(int ns_fd, const char *text, bool reuseport, uid_t uid, struct err *err)
{
	const struct endpoint endpoint = parse(text);
	int fd = nssock_listen(ns_fd, &endpoint, &plain, reuseport, uid, err);

	return fd < 0 ? fd : testns_keep_fd(fd);
}

static int must_listen_at(int ns_fd, const char *text)
{
	struct err err = ERR_INIT;
	int fd = listen_at(ns_fd, text, false, NSSOCK_UID_OWN, &err);

	assert_success(fd, &err);
	return fd;
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &size), 0);
	return value;
}

static void assert_rich(int fd)
{
	char congestion[NSSOCK_CONGESTION_MAX] = "";
	socklen_t size = sizeof(congestion);

	assert_int_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 61);
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 7);
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 12345);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, &size), 0);
	assert_string_equal(congestion, "reno");
}

static void assert_nonblocking_cloexec(int fd)
{
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

/* ---- TCP listeners ---- */

static void listener_is_reached_from_its_own_namespace_only(void **state)
{
	int inside = testns_new(), other = testns_new();
	int listener = must_listen_at(inside, "web/127.0.0.1:80");
	int client = testns_connect(inside, "127.0.0.1:80");

	(void)state;
	assert_nonblocking_cloexec(listener);
	testns_assert_connected(client, testns_accept(listener));
	assert_int_equal(testns_try_connect(other, "127.0.0.1:80"), -ECONNREFUSED);
}

static void accepted_socket_inherits_every_option(void **state)
{
	const struct endpoint endpoint = parse("web/127.0.0.1:80");
	int inside = testns_new();
	int listener = testns_keep_fd(nssock_listen(inside, &endpoint, &rich, true, NSSOCK_UID_OWN, NULL));

	(void)state;
	testns_connect(inside, "127.0.0.1:80");
	assert_rich(testns_accept(listener));
}

static void option_out_of_range_is_named(void **state)
{
	const struct nssock_tcp_options wrong = {.keepalive_count = 128}; /* MAX_TCP_KEEPCNT is 127, tcp(7) */
	const struct endpoint endpoint = parse("web/127.0.0.1:80");
	struct err err = ERR_INIT;

	(void)state;
	assert_refusal(nssock_listen(testns_new(), &endpoint, &wrong, false, NSSOCK_UID_OWN, &err), EINVAL,
	               &err, "listen on web/127.0.0.1:80: set TCP_KEEPCNT to 128");
}

static void wildcard_of_ipv6_takes_ipv4_too(void **state)
{
	int inside = testns_new();
	int listener = must_listen_at(inside, "web/[::]:80");

	(void)state;
	testns_connect(inside, "127.0.0.1:80");
	testns_accept(listener);
	testns_connect(inside, "[::1]:80");
	testns_accept(listener);
}

static void listener_binds_while_loopback_is_down(void **state)
{
	(void)state;
	must_listen_at(testns_bare(), "web/127.0.0.1:80");
}

static void reuseport_group_is_closed_to_other_users(void **state)
{
	int inside = testns_new();
	struct err err = ERR_INIT;

	(void)state;
	assert_success(listen_at(inside, "web/127.0.0.1:80", true, RELAY_UID, &err), &err);
	assert_success(listen_at(inside, "web/127.0.0.1:80", true, RELAY_UID, &err), &err);
	assert_refusal(listen_at(inside, "web/127.0.0.1:80", true, NSSOCK_UID_OWN, &err), EADDRINUSE, &err,
	               "listen on web/127.0.0.1:80: bind");
	assert_refusal(listen_at(inside, "web/127.0.0.1:80", true, RELAY_UID + 1, &err), EADDRINUSE, &err,
	               "another socket has it");
}

static void own_user_is_restored(void **state)
{
	int before = setfsuid((uid_t)-1);

	(void)state;
	listen_at(testns_new(), "web/127.0.0.1:80", true, RELAY_UID, NULL);
	assert_int_equal(setfsuid((uid_t)-1), before);
}

static void address_in_use_without_reuseport_is_refused(void **state)
{
	int inside = testns_new();
	struct err err = ERR_INIT;
	size_t before;

	(void)state;
	must_listen_at(inside, "web/127.0.0.1:80");
	before = testns_count_fds();
	assert_refusal(listen_at(inside, "web/127.0.0.1:80", false, NSSOCK_UID_OWN, &err), EADDRINUSE, &err,
	               "another socket has it");
	assert_int_equal(testns_count_fds(), before);
}

static int occupant = -1;

static void leave_port(int signal_number)
{
	(void)signal_number;
	close(occupant);
}

static void address_that_becomes_free_soon_is_taken(void **state)
{
	const struct sigaction on_alarm = {.sa_handler = leave_port};
	const struct itimerval soon = {.it_value = {.tv_usec = 20 * 1000}};
	const struct endpoint endpoint = parse("web/127.0.0.1:80");
	int inside = testns_new();

	(void)state;
	occupant = nssock_listen(inside, &endpoint, &plain, false, NSSOCK_UID_OWN, NULL);
	assert_true(occupant >= 0);
	assert_int_equal(sigaction(SIGALRM, &on_alarm, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	must_listen_at(inside, "web/127.0.0.1:80");
}

static void address_of_another_namespace_is_refused(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_refusal(listen_at(testns_new(), "web/192.0.2.1:80", false, NSSOCK_UID_OWN, &err),
	               EADDRNOTAVAIL, &err, "the namespace has no such address");
}

static int listen_unprivileged(void *arg)
{
	const struct netns_ref self = {.kind = NETNS_SELF};
	int own = netns_open(&self, NULL);
	struct endpoint high, low;
	struct err err = ERR_INIT;

	(void)arg;
	if (own < 0 || endpoint_parse("/127.0.0.1:8080", &high, NULL) < 0 ||
	    endpoint_parse("/127.0.0.1:80", &low, NULL) < 0)
		return 1;
	if (nssock_listen(own, &high, &plain, true, NSSOCK_UID_OWN, NULL) < 0)
		return 2;
	if (nssock_listen(own, &low, &plain, true, NSSOCK_UID_OWN, &err) != -EACCES)
		return 3;
	if (!strstr(err.text, "CAP_NET_BIND_SERVICE"))
		return 4;
	if (nssock_listen(own, &high, &plain, true, RELAY_UID, &err) != -EPERM)
		return 5;
	return strstr(err.text, "CAP_SETUID") ? 0 : 6;
}

static void program_without_privilege_listens_in_its_own_namespace(void **state)
{
	(void)state;
	assert_int_equal(testns_as_nobody(testns_new(), listen_unprivileged, NULL), 0);
}

/* ---- congestion control ---- */

static bool is_allowed(const char *name)
{
	FILE *file = fopen("/proc/sys/net/ipv4/tcp_allowed_congestion_control", "re");
	char line[256] = "";

	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	fclose(file);
	return strstr(line, name);
}

static int choose_cubic(void *expected)
{
	const struct nssock_tcp_options options = {.congestion = "cubic"};
	const struct netns_ref self = {.kind = NETNS_SELF};
	char got[NSSOCK_CONGESTION_MAX] = "";
	socklen_t size = sizeof(got);
	uint32_t count;
	int fd, rc;

	rc = nssock_upstream_batch(netns_open(&self, NULL), AF_INET, &options, NSSOCK_UID_OWN, 1, &fd, &count,
	                           NULL);
	if (rc < 0 || getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, got, &size) < 0)
		return 1;
	return strcmp(got, expected) ? 2 : 0;
}

static void cubic_gives_way_to_reno_where_it_is_not_allowed(void **state)
{
	char cubic[] = "cubic", reno[] = "reno";

	(void)state;
	assert_int_equal(testns_as_nobody(testns_new(), choose_cubic, is_allowed("cubic") ? cubic : reno), 0);
}

static void unknown_congestion_control_is_refused(void **state)
{
	const struct nssock_tcp_options options = {.congestion = "nosuch"};
	struct err err = ERR_INIT;
	uint32_t count = 77;
	int fd;

	(void)state;
	assert_refusal(
	        nssock_upstream_batch(testns_new(), AF_INET, &options, NSSOCK_UID_OWN, 1, &fd, &count, &err),
	        ENOENT, &err, "congestion control nosuch");
	assert_int_equal(count, 0);
}

/* ---- upstream sockets ---- */

static void upstream_sockets_belong_to_their_namespace(void **state)
{
	static const struct {
		sa_family_t family;
		const char *address;
	} cases[] = {{AF_INET, "127.0.0.1:80"}, {AF_INET6, "[::1]:80"}};
	int inside = testns_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		int listener = testns_listen(inside, cases[i].address);
		char text[64];
		struct endpoint to;
		struct err err = ERR_INIT;
		uint32_t count;
		int fds[BATCH];

		snprintf(text, sizeof(text), "/%s", cases[i].address);
		to = parse(text);
		assert_success(nssock_upstream_batch(inside, cases[i].family, &rich, RELAY_UID, BATCH, fds,
		                                     &count, &err),
		               &err);
		assert_int_equal(count, BATCH);
		for (uint32_t j = 0; j < count; j++) {
			testns_keep_fd(fds[j]);
			assert_nonblocking_cloexec(fds[j]);
			assert_rich(fds[j]);
			assert_true(connect(fds[j], &to.addr.any, to.addr_len) == 0 || errno == EINPROGRESS);
			testns_await(fds[j], POLLOUT);
			testns_assert_connected(fds[j], testns_accept(listener));
		}
	}
}

static void upstream_batch_keeps_what_was_made_before_the_limit(void **state)
{
	int inside = testns_new();
	struct err err = ERR_INIT;
	int fds[BATCH], rc;
	uint32_t count;

	(void)state;
	testns_limit_fds(5 + 1); /* one is for the way home */
	rc = nssock_upstream_batch(inside, AF_INET, &plain, NSSOCK_UID_OWN, BATCH, fds, &count, &err);
	testns_unlimit_fds();
	assert_refusal(rc, EMFILE, &err, "socket: Too many open files");
	assert_int_equal(count, 5);
	while (count > 0)
		close(fds[--count]);
}

static void upstream_batch_outside_a_namespace_is_refused(void **state)
{
	int file = testns_keep_fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
	struct err err = ERR_INIT;
	uint32_t count = 77;
	int fds[BATCH];

	(void)state;
	testns_require_root();
	assert_refusal(nssock_upstream_batch(file, AF_INET, &plain, NSSOCK_UID_OWN, BATCH, fds, &count, &err),
	               EINVAL, &err, "enter namespace");
	assert_int_equal(count, 0);
}

/* ---- unix sockets ---- */

static char folder[64];
static char path[sizeof(folder) + sizeof("/socket")];
static char unix_endpoint[sizeof("unix:") + sizeof(path)];

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test_nssock.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/socket", folder);
	snprintf(unix_endpoint, sizeof(unix_endpoint), "unix:%s", path);
	return 0;
}

static int remove_folder(void **state)
{
	unlink(path);
	rmdir(folder);
	return testns_teardown(state);
}

static int must_connect_unix(void)
{
	struct err err = ERR_INIT;
	int fd = nssock_connect_unix(path, &err);

	assert_success(fd, &err);
	return testns_keep_fd(fd);
}

static void unix_listener_is_connected_to(void **state)
{
	int listener = must_listen_at(-1, unix_endpoint);
	int client = must_connect_unix();

	(void)state;
	assert_nonblocking_cloexec(listener);
	assert_nonblocking_cloexec(client);
	testns_assert_connected(client, testns_accept(listener));
}

static void unix_socket_file_is_for_user_and_group(void **state)
{
	mode_t former = umask(0);
	struct stat stat_buf;

	(void)state;
	must_listen_at(-1, unix_endpoint);
	assert_int_equal(umask(former), 0);
	assert_int_equal(stat(path, &stat_buf), 0);
	assert_int_equal(stat_buf.st_mode & 07777, 0660);
}

static void stale_unix_socket_is_replaced(void **state)
{
	(void)state;
	testns_close(must_listen_at(-1, unix_endpoint));
	assert_int_equal(access(path, F_OK), 0);
	must_listen_at(-1, unix_endpoint);
	must_connect_unix();
}

static void living_unix_socket_is_left_alone(void **state)
{
	int listener = must_listen_at(-1, unix_endpoint);
	struct err err = ERR_INIT;
	int client;

	(void)state;
	assert_refusal(listen_at(-1, unix_endpoint, false, NSSOCK_UID_OWN, &err), EADDRINUSE, &err,
	               "another program listens on");
	testns_accept(listener); /* the question */
	client = must_connect_unix();
	testns_assert_connected(client, testns_accept(listener));
}

static void ordinary_file_in_the_way_is_left_alone(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_refusal(listen_at(-1, unix_endpoint, false, NSSOCK_UID_OWN, &err), EADDRINUSE, &err,
	               "is not a socket");
	assert_int_equal(access(path, F_OK), 0);
}

static void missing_unix_socket_is_named(void **state)
{
	char text[128];
	struct err err = ERR_INIT;

	(void)state;
	snprintf(text, sizeof(text), "connect to unix:%s: No such file", path);
	assert_refusal(nssock_connect_unix(path, &err), ENOENT, &err, text);
}

static void unix_path_too_long_is_refused(void **state)
{
	char name[200];
	struct err err = ERR_INIT;

	(void)state;
	memset(name, 'x', sizeof(name));
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	assert_refusal(nssock_connect_unix(name, &err), ENAMETOOLONG, &err, "connect to unix:/xxx");
}

static void full_unix_queue_says_try_again(void **state)
{
	const struct nssock_tcp_options shallow = {.backlog = 0};
	const struct endpoint endpoint = parse(unix_endpoint);
	struct err err = ERR_INIT;
	int fd;

	(void)state;
	testns_keep_fd(nssock_listen(-1, &endpoint, &shallow, false, NSSOCK_UID_OWN, NULL));
	while ((fd = nssock_connect_unix(path, &err)) >= 0)
		testns_keep_fd(fd);
	assert_int_equal(fd, -EAGAIN);
}

#define unix_test(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        testns_test(listener_is_reached_from_its_own_namespace_only),
	        testns_test(accepted_socket_inherits_every_option),
	        testns_test(option_out_of_range_is_named),
	        testns_test(wildcard_of_ipv6_takes_ipv4_too),
	        testns_test(listener_binds_while_loopback_is_down),
	        testns_test(reuseport_group_is_closed_to_other_users),
	        testns_test(own_user_is_restored),
	        testns_test(address_in_use_without_reuseport_is_refused),
	        testns_test(address_that_becomes_free_soon_is_taken),
	        testns_test(address_of_another_namespace_is_refused),
	        testns_test(program_without_privilege_listens_in_its_own_namespace),
	        testns_test(cubic_gives_way_to_reno_where_it_is_not_allowed),
	        testns_test(unknown_congestion_control_is_refused),
	        testns_test(upstream_sockets_belong_to_their_namespace),
	        testns_test(upstream_batch_keeps_what_was_made_before_the_limit),
	        testns_test(upstream_batch_outside_a_namespace_is_refused),
	        unix_test(unix_listener_is_connected_to),
	        unix_test(unix_socket_file_is_for_user_and_group),
	        unix_test(stale_unix_socket_is_replaced),
	        unix_test(living_unix_socket_is_left_alone),
	        unix_test(ordinary_file_in_the_way_is_left_alone),
	        unix_test(missing_unix_socket_is_named),
	        unix_test(unix_path_too_long_is_refused),
	        unix_test(full_unix_queue_says_try_again),
	};

	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
