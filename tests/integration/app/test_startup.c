/* SPDX-License-Identifier: Apache-2.0 */
/* Starting, which is all or nothing, and what is left after a stop. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "nsctl/netns.h"
#include "tests/integration/app/manager.h"
#include "tests/integration/app/procfs.h"

/* In a /run of this program's own: testns_new_named(). */
#define UNIX_PATH   "/run/relay.sock"
#define NOTIFY_PATH "/run/notify.sock"

static int web;
static bool are_made; /* then all names below are this test's own */

static void make_namespaces(void)
{
	testns_hide_run();
	are_made = true;
	web = testns_new_named("web");
	testns_new_named("api");
}

static int remove_namespaces(void **state)
{
	if (are_made) {
		unlink(UNIX_PATH);
		unlink(NOTIFY_PATH);
		netns_delete("web", NULL);
		netns_delete("api", NULL);
	}
	are_made = false;
	return manager_teardown(state);
}

static bool exists(const char *path)
{
	struct stat stat;
	return lstat(path, &stat) == 0;
}

/* ---- what cannot be started ---- */

/* Two relays: one that could be opened, with a listener of each kind, and one with @listen and @to. */
static const char *two_relays(const char *listen, const char *to, const char *more)
{
	static char yaml[1024];
	snprintf(yaml, sizeof(yaml),
	         "relays:\n"
	         "  - name: good\n"
	         "    listen: [ \"web/127.0.0.1:8080\", \"unix:" UNIX_PATH "\" ]\n"
	         "    to: \"api/127.0.0.1:80\"\n"
	         "  - name: bad\n"
	         "    listen: \"%s\"\n"
	         "    to: \"%s\"\n"
	         "%s",
	         listen, to, more);
	return relayproc_file(yaml);
}

static void assert_says(const struct relayproc *relay, const char *const *parts, size_t count)
{
	for (size_t i = 0; i < count && parts[i]; i++) {
		if (!relayproc_says(relay, parts[i]))
			fail_msg("it does not say `%s`", parts[i]);
	}
}

/* refuse_start - it ends with status 1, says why, and leaves nothing */
static void refuse_start(const char *path, const char *const *parts, size_t count)
{
	struct relayproc *relay = relayproc_launch(TESTNS_ARGV("run", "-c", path));
	assert_int_equal(relayproc_await_exit(relay), 1);
	assert_says(relay, parts, count);
	assert_false(relayproc_says(relay, "msg=ready"));
	assert_int_equal(testns_try_connect(web, "127.0.0.1:8080"), -ECONNREFUSED);
	assert_false(exists(UNIX_PATH));
}

static void start_is_all_or_nothing_and_says_which_relay_and_why(void **state)
{
	static const struct {
		const char *listen, *to, *more;
		const char *says[4];
	} cases[] = {
	        {"nosuch/127.0.0.1:80",
	         "api/127.0.0.1:80",
	         "",
	         {"relay 'bad'", "nosuch/127.0.0.1:80", "/run/netns/nosuch does not exist"}},
	        {"web/127.0.0.1:80",
	         "nosuch/127.0.0.1:80",
	         "",
	         {"relay 'bad'", "backend nosuch/127.0.0.1:80", "/run/netns/nosuch does not exist"}},
	        {"web/127.0.0.1:81",
	         "api/127.0.0.1:80",
	         "",
	         {"relay 'bad'", "web/127.0.0.1:81", "Address already in use", "another socket has it"}},
	        {"web/10.9.9.9:80",
	         "api/127.0.0.1:80",
	         "",
	         {"relay 'bad'", "web/10.9.9.9:80", "has no such address"}},
	        {"web/127.0.0.1:80", "api/127.0.0.1:80", "user: nosuch\n", {"user 'nosuch' does not exist"}},
	        {"web/127.0.0.1:80", "api/127.0.0.1:80", "user: root\n", {"user 'root' is the superuser"}},
	        {"web/127.0.0.1:80",
	         "api/127.0.0.1:80",
	         "    tcp: { congestion: nosuch }\n",
	         {"relay 'bad'", "congestion control nosuch", "tcp_allowed_congestion_control"}},
	        {"unix:/nosuch/socket",
	         "api/127.0.0.1:80",
	         "",
	         {"relay 'bad'", "unix:/nosuch/socket", "No such file"}},
	        {"web/127.0.0.1:80",
	         "api/127.0.0.1:80",
	         "max_connections: 1000000\n",
	         {"max_connections 1000000", "RLIMIT_NOFILE"}},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		make_namespaces();
		testns_listen(web, "127.0.0.1:81");
		refuse_start(two_relays(cases[i].listen, cases[i].to, cases[i].more), cases[i].says,
		             ARRAY_COUNT(cases[i].says));
		remove_namespaces(NULL);
	}
}

static void congestion_control_of_a_backend_is_tried_at_start(void **state)
{
	(void)state;
	make_namespaces();
	struct relayproc *relay = relayproc_launch(TESTNS_ARGV("run", "--listen", "unix:" UNIX_PATH, "--to",
	                                                       "api/127.0.0.1:80", "--congestion", "nosuch",
	                                                       "--name", "db"));
	assert_int_equal(relayproc_await_exit(relay), 1);
	assert_says(relay, TESTNS_ARGV("relay 'db'", "backend api/127.0.0.1:80", "congestion control nosuch"),
	            3);
	assert_false(exists(UNIX_PATH));
}

static void port_below_1024_without_the_capability_is_refused(void **state)
{
	const char *const says[] = {"relay 'bad'", "web/127.0.0.1:80", "CAP_NET_BIND_SERVICE"};
	(void)state;
	make_namespaces();
	manager_wrap("exec setpriv --bounding-set -net_bind_service \"$@\"");
	refuse_start(two_relays("web/127.0.0.1:80", "api/127.0.0.1:80", ""), says, ARRAY_COUNT(says));
}

static void more_listeners_than_descriptors_are_refused(void **state)
{
	const char *const says[] = {"3 listening sockets", "RLIMIT_NOFILE"};
	(void)state;
	make_namespaces();
	manager_wrap("ulimit -n 200; exec \"$@\"");
	refuse_start(two_relays("web/127.0.0.1:80", "api/127.0.0.1:80", ""), says, ARRAY_COUNT(says));
}

/* Rings of an unprivileged user, which the relay process is, count against it. */
static void too_little_memory_for_rings_is_refused(void **state)
{
	const char *const says[] = {"io_uring", "RLIMIT_MEMLOCK"};
	(void)state;
	make_namespaces();
	manager_wrap("ulimit -l 16; exec \"$@\"");
	refuse_start(two_relays("web/127.0.0.1:80", "api/127.0.0.1:80", ""), says, ARRAY_COUNT(says));
}

static void program_that_may_not_enter_namespaces_says_so(void **state)
{
	const char *const says[] = {"relay 'good'", "CAP_SYS_ADMIN"};
	(void)state;
	make_namespaces();
	manager_wrap("exec setpriv --bounding-set -sys_admin \"$@\"");
	refuse_start(two_relays("web/127.0.0.1:80", "api/127.0.0.1:80", ""), says, ARRAY_COUNT(says));
}

/* ---- mistakes in what it is told ---- */

static void wrong_command_line_is_status_2(void **state)
{
	static const struct {
		const char *args[8];
		const char *says;
	} cases[] = {
	        {{"frobnicate"}, "unknown verb 'frobnicate'"},
	        {{"run"}, "there is nothing to run"},
	        {{"run", "--listen", "web/127.0.0.1:80"}, "--to"},
	        {{"run", "--lisen", "web/127.0.0.1:80"}, "did you mean '--listen'?"},
	        {{"run", "--listen", "web", "--to", "api/127.0.0.1:80"}, "--listen"},
	        {{"run", "--listen", "web/127.0.0.1:80", "--to", "api/127.0.0.1:80", "--threads", "x"},
	         "--threads"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct relayproc *relay = relayproc_launch(cases[i].args);
		assert_int_equal(relayproc_await_exit(relay), 2);
		assert_says(relay, &cases[i].says, 1);
		manager_teardown(NULL);
	}
}

static void mistake_in_a_file_is_status_2_and_has_a_place(void **state)
{
	char place[128];
	(void)state;
	const char *path = relayproc_file("relays:\n"
	                                  "  - name: web\n"
	                                  "    lisen: web/127.0.0.1:80\n"
	                                  "    to: api/127.0.0.1:80\n");
	struct relayproc *relay = relayproc_launch(TESTNS_ARGV("run", "-c", path));
	assert_int_equal(relayproc_await_exit(relay), 2);
	snprintf(place, sizeof(place), "%s:3:5: error: ", path);
	assert_true(relayproc_says(relay, place));
	assert_true(relayproc_says(relay, "did you mean 'listen'?"));
}

static void file_that_is_not_there_is_status_2(void **state)
{
	(void)state;
	struct relayproc *relay = relayproc_launch(TESTNS_ARGV("run", "-c", "/nosuch/relay.yaml"));
	assert_int_equal(relayproc_await_exit(relay), 2);
	assert_true(relayproc_says(relay, "/nosuch/relay.yaml"));
}

/* ---- telling the service manager ---- */

#define ONE_RELAY "--listen", "web/127.0.0.1:80", "--to", "api/127.0.0.1:80"

static void manager_is_told_of_the_start_and_of_the_stop(void **state)
{
	char abstract[64];
	(void)state;
	make_namespaces();
	snprintf(abstract, sizeof(abstract), "@nsrelay-test-%d", (int)getpid());
	const char *const paths[] = {NOTIFY_PATH, abstract};
	for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
		manager_listen(paths[i]);
		struct relayproc *relay = relayproc_launch(TESTNS_ARGV("run", ONE_RELAY));
		manager_await_word("READY=1");
		/* By then it does accept. */
		testns_close(testns_connect(web, "127.0.0.1:80"));
		relayproc_signal(relay, SIGTERM);
		manager_await_word("STOPPING=1");
		assert_int_equal(relayproc_await_exit(relay), 0);
		assert_string_equal(manager_last_word(), "");
	}
}

static void start_that_fails_tells_the_manager_nothing(void **state)
{
	(void)state;
	make_namespaces();
	manager_listen(NOTIFY_PATH);
	struct relayproc *relay = relayproc_launch(
	        TESTNS_ARGV("run", "--listen", "nosuch/127.0.0.1:80", "--to", "api/127.0.0.1:80"));
	assert_int_equal(relayproc_await_exit(relay), 1);
	assert_string_equal(manager_last_word(), "");
}

/* ---- stopping ---- */

enum { MANY = 200, PORT = 2000 };

/* A relay with a unix listener first and so many others that opening them takes a while. */
static const char *many_listeners(void)
{
	static char yaml[64 * MANY + 1024];
	size_t used = (size_t)snprintf(yaml, sizeof(yaml),
	                               "relays:\n  - name: many\n    to: api/127.0.0.1:80\n"
	                               "    listen: [ \"unix:" UNIX_PATH "\"");
	for (int i = 0; i < MANY; i++)
		used += (size_t)snprintf(yaml + used, sizeof(yaml) - used, ", \"web/127.0.0.1:%d\"",
		                         PORT + i);
	snprintf(yaml + used, sizeof(yaml) - used, " ]\n");
	return relayproc_file(yaml);
}

static void stop_in_the_middle_of_the_start_leaves_nothing(void **state)
{
	(void)state;
	make_namespaces();
	manager_listen(NOTIFY_PATH);
	struct relayproc *relay = relayproc_launch(TESTNS_ARGV("run", "-c", many_listeners()));
	while (!exists(UNIX_PATH))
		assert_true(procfs_count_threads(relayproc_pid(relay)) > 0);
	assert_int_equal(relayproc_stop(relay), 0);
	assert_false(exists(UNIX_PATH));
	assert_int_equal(testns_try_connect(web, "127.0.0.1:2000"), -ECONNREFUSED);
	assert_string_equal(manager_last_word(), "STOPPING=1");
}

static int connect_to_file(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = testns_keep_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	strcpy(address.sun_path, path);
	return connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : fd;
}

static void listen_on_file(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = testns_keep_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
}

static struct relayproc *start_on_file(void)
{
	make_namespaces();
	return relayproc_start(TESTNS_ARGV("--listen", "unix:" UNIX_PATH, "--to", "api/127.0.0.1:80",
	                                   "--drain-timeout", "20s"));
}

static void file_of_a_unix_listener_goes_with_the_stop(void **state)
{
	struct relayproc_record record;
	(void)state;
	struct relayproc *relay = start_on_file();
	/* A connection that goes on: the file is gone before the drain is over, so that the next daemon may
	 * have it. */
	int client = connect_to_file(UNIX_PATH);
	assert_true(client >= 0);
	relayproc_signal(relay, SIGTERM);
	relayproc_await_record(relay, "stopping", &record);
	assert_false(exists(UNIX_PATH));
	testns_close(client);
	assert_int_equal(relayproc_await_exit(relay), 0);
}

static void file_that_somebody_else_has_made_meanwhile_stays(void **state)
{
	(void)state;
	struct relayproc *relay = start_on_file();
	assert_int_equal(unlink(UNIX_PATH), 0);
	listen_on_file(UNIX_PATH);
	assert_int_equal(relayproc_stop(relay), 0);
	assert_true(connect_to_file(UNIX_PATH) >= 0);
}

/* ---- odd surroundings ---- */

static void without_a_sandbox_it_is_one_process(void **state)
{
	(void)state;
	make_namespaces();
	struct relayproc *relay = relayproc_start(TESTNS_ARGV(ONE_RELAY, "--no-sandbox"));
	int listener = testns_listen(testns_keep_fd(open("/run/netns/api", O_RDONLY | O_CLOEXEC)),
	                             "127.0.0.1:80");
	assert_int_equal(relayproc_child(relay), 0);
	int client = testns_connect(web, "127.0.0.1:80");
	int server = testns_accept(listener);
	testns_assert_connected(client, server);
	testns_close(client);
	testns_close(server);
	assert_int_equal(relayproc_stop(relay), 0);
	assert_int_equal(testns_try_connect(web, "127.0.0.1:80"), -ECONNREFUSED);
}

static void check_standard_stream(void *ctx, int fd, const char *target)
{
	(void)ctx;
	if (fd <= STDERR_FILENO && strcmp(target, "/dev/null") != 0)
		fail_msg("descriptor %d is %s", fd, target);
}

static void closed_standard_streams_are_no_room_for_sockets(void **state)
{
	(void)state;
	make_namespaces();
	manager_listen(NOTIFY_PATH);
	manager_wrap("exec \"$@\" <&- >&- 2>&-");
	struct relayproc *relay = relayproc_launch(TESTNS_ARGV("run", ONE_RELAY));
	manager_await_word("READY=1");
	procfs_each_fd(relayproc_pid(relay), check_standard_stream, NULL);
	procfs_each_fd(relayproc_child(relay), check_standard_stream, NULL);
	assert_int_equal(relayproc_stop(relay), 0);
}

static void ignored_sigchld_is_not_inherited(void **state)
{
	struct relayproc_record record;
	(void)state;
	make_namespaces();
	manager_wrap("trap '' CHLD; exec \"$@\"");
	struct relayproc *relay = relayproc_start(TESTNS_ARGV(ONE_RELAY));
	kill(relayproc_child(relay), SIGKILL);
	relayproc_await_record(relay, "relay process died", &record);
	relayproc_await_record(relay, "ready again", &record);
	assert_int_equal(relayproc_stop(relay), 0);
}

#define startup_test(function) cmocka_unit_test_teardown(function, remove_namespaces)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        startup_test(start_is_all_or_nothing_and_says_which_relay_and_why),
	        startup_test(congestion_control_of_a_backend_is_tried_at_start),
	        startup_test(port_below_1024_without_the_capability_is_refused),
	        startup_test(more_listeners_than_descriptors_are_refused),
	        startup_test(too_little_memory_for_rings_is_refused),
	        startup_test(program_that_may_not_enter_namespaces_says_so),
	        startup_test(wrong_command_line_is_status_2),
	        startup_test(mistake_in_a_file_is_status_2_and_has_a_place),
	        startup_test(file_that_is_not_there_is_status_2),
	        startup_test(manager_is_told_of_the_start_and_of_the_stop),
	        startup_test(start_that_fails_tells_the_manager_nothing),
	        startup_test(stop_in_the_middle_of_the_start_leaves_nothing),
	        startup_test(file_of_a_unix_listener_goes_with_the_stop),
	        startup_test(file_that_somebody_else_has_made_meanwhile_stays),
	        startup_test(without_a_sandbox_it_is_one_process),
	        startup_test(closed_standard_streams_are_no_room_for_sockets),
	        startup_test(ignored_sigchld_is_not_inherited),
	};
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
