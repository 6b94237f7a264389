/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/testns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/endpoint.h"
#include "nsctl/netns.h"
#include "tests/lib/testlink.h"

enum { FDS_MAX = 1024, CHILDREN_MAX = 256, NAMES_MAX = 64, NAME_SIZE = 64, NOBODY = 65534 };

/* What testns_teardown() has to end. */
static struct {
	int fds[FDS_MAX];
	size_t fd_count;
	pid_t children[CHILDREN_MAX];
	size_t child_count;
	char names[NAMES_MAX][NAME_SIZE]; /* of namespaces */
	size_t name_count;
} kept;

static size_t skipped_count;

static struct rlimit fd_limit; /* the former one while testns_limit_fds() is in force, else zero */

static void skip_test(const char *why)
{
	skipped_count++;
	print_message("skipped: %s\n", why);
	skip();
}

/* Whatever is undone here stays undone: cmocka runs a test's teardown at its failure too. */
int testns_teardown(void **state)
{
	(void)state;
	testns_unlimit_fds();
	while (kept.child_count > 0) {
		pid_t pid = kept.children[--kept.child_count];

		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	while (kept.fd_count > 0)
		close(kept.fds[--kept.fd_count]);
	while (kept.name_count > 0)
		netns_delete(kept.names[--kept.name_count], NULL);
	return 0;
}

int testns_result(int failures)
{
	return failures == 0 && skipped_count > 0 ? TESTNS_SKIPPED : failures;
}

int testns_keep_fd(int fd)
{
	if (fd < 0)
		fail_msg("not a descriptor: %d", fd);
	if (kept.fd_count == FDS_MAX) {
		close(fd);
		fail_msg("more than %d descriptors in one test", FDS_MAX);
	}
	kept.fds[kept.fd_count++] = fd;
	return fd;
}

void testns_close(int fd)
{
	for (size_t i = 0; i < kept.fd_count; i++) {
		if (kept.fds[i] == fd) {
			kept.fds[i] = kept.fds[--kept.fd_count];
			close(fd);
			return;
		}
	}
	fail_msg("descriptor %d is not one of testns", fd);
}

/* ---- namespaces ---- */

int testns_bare(void)
{
	struct err err = ERR_INIT;
	int fd = netns_create_anonymous(&err);

	if (fd == -EPERM)
		skip_test("making a namespace needs CAP_SYS_ADMIN");
	assert_success(fd, &err);
	return testns_keep_fd(fd);
}

void testns_require_root(void)
{
	testns_close(testns_bare());
}

int testns_new(void)
{
	int fd = testns_bare();

	testlink_set_up(fd, "lo", true);
	return fd;
}

int testns_hide_net(void **state)
{
	(void)state;
	return unshare(CLONE_NEWNET) < 0 && errno != EPERM ? -1 : 0;
}

void testns_hide_run(void)
{
	static bool is_hidden;

	if (is_hidden)
		return;
	testns_require_root();
	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		fail_msg("a private mount namespace: %s", strerror(errno));
	umount2(NETNS_RUN_DIR,
	        MNT_DETACH); /* the machine's own names, if it has any, out of sight and not held */
	if (mount("testns", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
		fail_msg("a private /run: %s", strerror(errno));
	is_hidden = true;
}

int testns_open_named(const char *name)
{
	struct netns_ref ref = {.kind = NETNS_NAME};
	struct err err = ERR_INIT;
	int fd;

	snprintf(ref.text, sizeof(ref.text), "%s", name);
	fd = netns_open(&ref, &err);
	assert_success(fd, &err);
	return testns_keep_fd(fd);
}

int testns_new_named(const char *name)
{
	struct err err = ERR_INIT;
	int fd;

	testns_hide_run();
	assert_true(kept.name_count < NAMES_MAX);
	assert_success(netns_create(name, &err), &err);
	snprintf(kept.names[kept.name_count++], sizeof(kept.names[0]), "%s", name);
	fd = testns_open_named(name);
	testlink_set_up(fd, "lo", true);
	return fd;
}

static void furnish(int ns_fd, const char *v4, const char *v6)
{
	testlink_add_address(ns_fd, "veth0", v4);
	testlink_add_address(ns_fd, "veth0", v6);
	testlink_set_up(ns_fd, "veth0", true);
}

void testns_join(int a, int b)
{
	testlink_join(a, "veth0", b, "veth0");
	furnish(a, "10.0.0.1/24", "fd00::1/64");
	furnish(b, "10.0.0.2/24", "fd00::2/64");
}

/* ---- connections ---- */

static struct endpoint parse_address(const char *address)
{
	char text[ENDPOINT_TEXT_MAX];
	struct endpoint endpoint;
	struct err err = ERR_INIT;

	snprintf(text, sizeof(text), "/%s", address);
	assert_success(endpoint_parse(text, &endpoint, &err), &err);
	return endpoint;
}

static void limit_waiting(int fd)
{
	const struct timeval limit = {.tv_sec = TESTNS_PATIENCE_MS / 1000};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

static int make_socket(int ns_fd, sa_family_t family)
{
	struct err err = ERR_INIT;
	int home, fd;

	assert_success(netns_enter(ns_fd, &home, &err), &err);
	fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	netns_leave(home);
	if (fd < 0)
		fail_msg("socket: %s", strerror(errno));
	limit_waiting(fd);
	return testns_keep_fd(fd);
}

int testns_listen(int ns_fd, const char *address)
{
	struct endpoint endpoint = parse_address(address);
	int fd = make_socket(ns_fd, endpoint.addr.family);
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &endpoint.addr.any, endpoint.addr_len) < 0 || listen(fd, SOMAXCONN) < 0)
		fail_msg("listen on %s: %s", address, strerror(errno));
	return fd;
}

/*
 * connection_that_was_reset - in place of one that was so quickly that connect(2) tells it
 * Whoever waits for the reset shall not have to know which of the two calls was faster. unix(7): who closes a socket with
 * unread bytes in it resets the other end.
 */
static int connection_that_was_reset(void)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 || write(fds[0], "", 1) != 1)
		fail_msg("socketpair: %s", strerror(errno));
	close(fds[1]);
	return testns_keep_fd(fds[0]);
}

int testns_try_connect(int ns_fd, const char *address)
{
	struct endpoint endpoint = parse_address(address);
	int fd = make_socket(ns_fd, endpoint.addr.family);
	int code;

	if (connect(fd, &endpoint.addr.any, endpoint.addr_len) == 0)
		return fd;
	code = errno;
	testns_close(fd);
	return code == ECONNRESET ? connection_that_was_reset() : -code;
}

void testns_await_refused(int ns_fd, const char *address)
{
	int rc = 0;

	for (int ms = 0; ms < TESTNS_PATIENCE_MS && rc != -ECONNREFUSED; ms++) {
		poll(NULL, 0, 1);
		rc = testns_try_connect(ns_fd, address);
		if (rc >= 0)
			testns_close(rc);
	}
	assert_int_equal(rc, -ECONNREFUSED);
}

/* A busy machine may take longer to bring a link up than neighbour discovery asks on it: 3 s, RFC 4861, section 10. */
enum { UNREACHABLE_TRIES = 3 };

int testns_connect(int ns_fd, const char *address)
{
	int fd = -EHOSTUNREACH;

	for (int tries = 0; fd == -EHOSTUNREACH && tries < UNREACHABLE_TRIES; tries++)
		fd = testns_try_connect(ns_fd, address);
	if (fd < 0)
		fail_msg("connect to %s: %s", address, strerror(-fd));
	return fd;
}

int testns_connect_from(int ns_fd, const char *source, const char *address)
{
	char with_port[64];
	struct endpoint from, to = parse_address(address);
	int fd = make_socket(ns_fd, to.addr.family);

	snprintf(with_port, sizeof(with_port), "%s:1", source);
	from = parse_address(with_port);
	from.addr.in4.sin_port = 0; /* any; sin6_port is at the same place */
	if (bind(fd, &from.addr.any, from.addr_len) == 0 && connect(fd, &to.addr.any, to.addr_len) == 0)
		return fd;
	if (errno != ECONNRESET)
		fail_msg("connect from %s to %s: %s", source, address, strerror(errno));
	testns_close(fd);
	return connection_that_was_reset();
}

int testns_accept(int listener)
{
	int fd;

	testns_await(listener, POLLIN);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		fail_msg("accept: %s", strerror(errno));
	limit_waiting(fd);
	return testns_keep_fd(fd);
}

short testns_await(int fd, short events)
{
	struct pollfd pollfd = {.fd = fd, .events = events};

	if (poll(&pollfd, 1, TESTNS_PATIENCE_MS) != 1)
		fail_msg("nothing happened on descriptor %d", fd);
	return pollfd.revents;
}

void testns_write(int fd, const void *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = send(fd, (const char *)data + done, size - done, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			testns_await(fd, POLLOUT);
		else if (n < 0)
			fail_msg("send: %s", strerror(errno));
		done += n > 0 ? (size_t)n : 0;
	}
}

void testns_read(int fd, void *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n;

		testns_await(fd, POLLIN);
		n = recv(fd, (char *)data + done, size - done, 0);
		if (n <= 0)
			fail_msg("recv, %zu of %zu bytes there: %s", done, size,
			         n < 0 ? strerror(errno) : "end");
		done += (size_t)n;
	}
}

void testns_assert_connected(int a, int b)
{
	char got[4];

	testns_write(a, "ping", 4);
	testns_read(b, got, 4);
	assert_memory_equal(got, "ping", 4);
	testns_write(b, "pong", 4);
	testns_read(a, got, 4);
	assert_memory_equal(got, "pong", 4);
}

size_t testns_count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 3; /* ".", ".." and the directory itself */
}

/* The limit is on the numbers, lowest first, and there may be gaps: try which are the next @room + 1. */
static int find_limit(size_t room)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int limit = room == 0 ? fd : find_limit(room - 1);

	if (fd < 0)
		fail_msg("open /dev/null: %s", strerror(errno));
	close(fd);
	return limit;
}

void testns_limit_fds(size_t room)
{
	struct rlimit limit;

	testns_unlimit_fds();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	fd_limit = limit;
	limit.rlim_cur = (rlim_t)find_limit(room);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

void testns_unlimit_fds(void)
{
	if (fd_limit.rlim_cur > 0)
		setrlimit(RLIMIT_NOFILE, &fd_limit);
	fd_limit.rlim_cur = 0;
}

/* ---- processes ---- */

/* In a child: die with the parent, which may have died already. */
static void follow_parent(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
}

static void move_into(int ns_fd)
{
	int home;

	if (ns_fd >= 0 && netns_enter(ns_fd, &home, NULL) < 0)
		_exit(1);
}

/* Fork, and in the child be inside the namespace. */
static pid_t fork_into(int ns_fd)
{
	pid_t parent = getpid();
	pid_t pid;

	if (kept.child_count == CHILDREN_MAX)
		fail_msg("more than %d processes in one test", CHILDREN_MAX);
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		fail_msg("fork: %s", strerror(errno));
	if (pid == 0) {
		follow_parent(parent);
		move_into(ns_fd);
		return 0;
	}
	kept.children[kept.child_count++] = pid;
	return pid;
}

static _Noreturn void exec_or_tell(const char *const argv[], int log_fd, int report)
{
	int code;

	if (log_fd >= 0)
		dup2(log_fd, STDERR_FILENO);

	/* execve(2) changes nothing in them; the prototype is older than const. */
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	code = errno;
	(void)!write(report, &code, sizeof(code));
	_exit(127);
}

pid_t testns_spawn_logging(int ns_fd, const char *const argv[], int log_fd)
{
	int report[2], code;
	pid_t pid;

	assert_int_equal(pipe2(report, O_CLOEXEC), 0);
	pid = fork_into(ns_fd);
	if (pid == 0)
		exec_or_tell(argv, log_fd, report[1]);
	close(report[1]);
	/* End of file: execve(2) has closed the other end. */
	if (read(report[0], &code, sizeof(code)) != sizeof(code))
		code = 0;
	close(report[0]);
	if (code)
		fail_msg("run %s: %s", argv[0], strerror(code));
	return pid;
}

pid_t testns_spawn(int ns_fd, const char *const argv[])
{
	return testns_spawn_logging(ns_fd, argv, -1);
}

static void forget_child(pid_t pid)
{
	for (size_t i = 0; i < kept.child_count; i++) {
		if (kept.children[i] == pid)
			kept.children[i] = kept.children[--kept.child_count];
	}
}

int testns_await_exit(pid_t pid)
{
	int pidfd = testns_keep_fd(pidfd_open(pid, 0));
	int status;

	testns_await(pidfd, POLLIN);
	testns_close(pidfd);
	if (waitpid(pid, &status, 0) != pid)
		fail_msg("waitpid %d: %s", (int)pid, strerror(errno));
	forget_child(pid);
	return status;
}

static int exit_code(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int testns_run(int ns_fd, const char *const argv[])
{
	return exit_code(testns_await_exit(testns_spawn(ns_fd, argv)));
}

int testns_as_nobody(int ns_fd, int (*work)(void *arg), void *arg)
{
	pid_t pid = fork_into(ns_fd);

	if (pid > 0)
		return exit_code(testns_await_exit(pid));
	/* The change of uid ends PDEATHSIG as well as all capabilities. */
	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0)
		_exit(255);
	alarm(TESTNS_PATIENCE_MS / 1000);
	_exit(work(arg));
}
