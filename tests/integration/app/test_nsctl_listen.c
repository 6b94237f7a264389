/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `nsctl listen`: sockets inside other namespaces, handed to servers that know nothing of namespaces. The
 * server is this program, called with "serve".
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nsctl/netns.h"
#include "tests/integration/app/nsctlproc.h"

enum { PASSED_FD = 3, GREETING_MAX = 128 };

/* ---- the server ---- */

/* serve - greet whoever connects, from the socket at @index of those that were passed, for ever */
static int serve(const char *greeting, int index)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS"),
	           *names = getenv("LISTEN_FDNAMES");
	char text[GREETING_MAX];

	if (!pid || atoi(pid) != (int)getpid() || !count || atoi(count) <= index || !names)
		return 9;
	/* A socket-activated server expects to wait in accept(2), and its own children to have the
	 * sockets. */
	if (fcntl(PASSED_FD + index, F_GETFL) & O_NONBLOCK ||
	    fcntl(PASSED_FD + index, F_GETFD) & FD_CLOEXEC || fcntl(PASSED_FD + atoi(count), F_GETFD) >= 0)
		return 8;
	for (;;) {
		int fd = accept(PASSED_FD + index, NULL, NULL);

		if (fd < 0)
			return 7;
		snprintf(text, sizeof(text), "%s %s %s %d", greeting, count, names, (int)getpid());
		if (write(fd, text, sizeof(text)) != sizeof(text))
			return 6;
		close(fd);
	}
}

/* ---- the tests ---- */

static char own_path[256];

/* greeting_from - what a server in the namespace says */
static const char *greeting_from(int ns_fd, const char *address)
{
	static char text[GREETING_MAX];
	int fd = testns_connect(ns_fd, address);

	testns_read(fd, text, sizeof(text));
	testns_close(fd);
	return text;
}

/* await_listener - until somebody listens there, which nsctl does before the server runs */
static void await_listener(int ns_fd, const char *address)
{
	int fd;

	for (int waited_ms = 0; (fd = testns_try_connect(ns_fd, address)) == -ECONNREFUSED; waited_ms += 5) {
		assert_true(waited_ms < TESTNS_PATIENCE_MS);
		usleep(5000);
	}
	assert_true(fd >= 0);
	testns_close(fd);
}

static pid_t start(int host, const char *const args[])
{
	return testns_spawn(host, nsctlproc_argv(args));
}

static void a_server_serves_inside_a_namespace_it_is_not_in(void **state)
{
	int host = testns_new(), web = testns_new_named("web");
	pid_t pid = start(host, TESTNS_ARGV("listen", "web/127.0.0.1:8080", "web/[::1]:8081", "--", own_path,
	                                    "serve", "hello", "0"));
	char expected[GREETING_MAX];

	(void)state;
	await_listener(web, "127.0.0.1:8080");
	await_listener(web, "[::1]:8081");
	/* One command takes the place of nsctl: the process is the server. */
	snprintf(expected, sizeof(expected), "hello 2 web:web %d", (int)pid);
	assert_string_equal(greeting_from(web, "127.0.0.1:8080"), expected);
	assert_int_equal(testns_try_connect(host, "127.0.0.1:8080"), -ECONNREFUSED);
	kill(pid, SIGTERM);
	assert_int_equal(WTERMSIG(testns_await_exit(pid)), SIGTERM);
	assert_int_equal(testns_try_connect(web, "127.0.0.1:8080"), -ECONNREFUSED);
	netns_delete("web", NULL);
}

static void sockets_are_passed_in_the_order_of_the_command_line(void **state)
{
	int host = testns_new(), web = testns_new_named("web");
	pid_t pid = start(host, TESTNS_ARGV("listen", "/127.0.0.1:80", "web/127.0.0.1:81", "--", own_path,
	                                    "serve", "second", "1"));

	(void)state;
	await_listener(web, "127.0.0.1:81");
	assert_says(greeting_from(web, "127.0.0.1:81"), "second 2 host:web ");
	kill(pid, SIGKILL);
	testns_await_exit(pid);
	netns_delete("web", NULL);
}

static void several_commands_share_the_sockets_and_get_the_signals(void **state)
{
	int host = testns_new(), web = testns_new_named("web");
	char also[512];
	pid_t pid;

	(void)state;
	snprintf(also, sizeof(also), "exec %s serve third 0", own_path);
	pid = start(host, TESTNS_ARGV("listen", "--copies", "2", "--also", also, "web/127.0.0.1:8080", "--",
	                              own_path, "serve", "copy", "0"));
	await_listener(web, "127.0.0.1:8080");
	for (bool copy = false, third = false; !copy || !third;) {
		const char *text = greeting_from(web, "127.0.0.1:8080");

		copy |= strncmp(text, "copy 1 web ", 11) == 0;
		third |= strncmp(text, "third 1 web ", 12) == 0;
	}
	kill(pid, SIGTERM);
	assert_int_equal(WEXITSTATUS(testns_await_exit(pid)), 128 + SIGTERM);
	assert_int_equal(testns_try_connect(web, "127.0.0.1:8080"), -ECONNREFUSED);
	netns_delete("web", NULL);
}

static void commands_end_with_an_nsctl_that_is_killed(void **state)
{
	int host = testns_new(), web = testns_new_named("web");
	pid_t pid = start(host, TESTNS_ARGV("listen", "--copies", "2", "web/127.0.0.1:8080", "--", own_path,
	                                    "serve", "x", "0"));

	(void)state;
	await_listener(web, "127.0.0.1:8080");
	greeting_from(web, "127.0.0.1:8080");
	kill(pid, SIGKILL);
	testns_await_exit(pid);
	for (int waited_ms = 0; testns_try_connect(web, "127.0.0.1:8080") >= 0; waited_ms += 5) {
		assert_true(waited_ms < TESTNS_PATIENCE_MS);
		usleep(5000);
	}
	netns_delete("web", NULL);
}

static void the_status_is_that_of_the_first_that_failed(void **state)
{
	int host = testns_new();
	const struct nsctlproc_result *result;

	(void)state;
	assert_int_equal(nsctlproc_run(host, TESTNS_ARGV("listen", "/127.0.0.1:80", "--", "true"))->status,
	                 0);
	assert_int_equal(
	        nsctlproc_run(host, TESTNS_ARGV("listen", "/127.0.0.1:80", "--", "sh", "-c", "exit 7"))
	                ->status,
	        7);
	result = nsctlproc_run(host,
	                       TESTNS_ARGV("listen", "--also", "exit 5", "/127.0.0.1:80", "--", "true"));
	assert_int_equal(result->status, 5);
	assert_says(result->errors, "ended with status 5");
	result = nsctlproc_run(host, TESTNS_ARGV("listen", "--copies", "2", "/127.0.0.1:80", "--", "true"));
	assert_int_equal(result->status, 0);
	assert_string_equal(result->errors, "");
}

static void sockets_are_told_in_json_before_the_command_runs(void **state)
{
	int host = testns_new();

	(void)state;
	testns_new_named("web");
	nsctlproc_succeed(host, TESTNS_ARGV("listen", "-j", "--copies", "2", "web/127.0.0.1:8080", "/[::1]:81",
	                                    "--", "true"));
	assert_int_equal(nsctlproc_json_count("/sockets"), 2);
	assert_string_equal(nsctlproc_json("/sockets/0/fd"), "3");
	assert_string_equal(nsctlproc_json("/sockets/0/name"), "web");
	assert_string_equal(nsctlproc_json("/sockets/0/endpoint"), "web/127.0.0.1:8080");
	assert_string_equal(nsctlproc_json("/sockets/1/fd"), "4");
	assert_string_equal(nsctlproc_json("/sockets/1/name"), "host");
	assert_string_equal(nsctlproc_json("/commands"), "2");
	assert_says(nsctlproc_succeed(host, TESTNS_ARGV("listen", "-j", "web/127.0.0.1:8080", "--", "echo",
	                                                "from the command")),
	            "\"commands\":1}\nfrom the command\n");
	netns_delete("web", NULL);
}

static void what_cannot_be_had_is_told_and_nothing_is_run(void **state)
{
	int host = testns_new();
	int taken = testns_listen(host, "127.0.0.1:80");
	const struct nsctlproc_result *result;

	(void)state;
	(void)taken;
	result = nsctlproc_run(host,
	                       TESTNS_ARGV("listen", "/127.0.0.1:81", "/127.0.0.1:80", "--", "echo", "ran"));
	assert_int_equal(result->status, 1);
	assert_says(result->errors, "listen on host/127.0.0.1:80: bind: Address already in use");
	assert_string_equal(result->output, "");
	result = nsctlproc_run(host, TESTNS_ARGV("listen", "nosuch/127.0.0.1:81", "--", "true"));
	assert_int_equal(result->status, 1);
	assert_says(result->errors, "/run/netns/nosuch does not exist");
	result = nsctlproc_run(host, TESTNS_ARGV("listen", "/127.0.0.1:81", "--", "/nosuch/program"));
	assert_int_equal(result->status, 1);
	assert_says(result->errors, "run /nosuch/program: No such file or directory");
	result = nsctlproc_run(
	        host, TESTNS_ARGV("listen", "--copies", "2", "/127.0.0.1:81", "--", "/nosuch/program"));
	assert_int_equal(result->status, 1);
	assert_says(result->errors, "run /nosuch/program: No such file or directory");
	assert_int_equal(nsctlproc_run(host, TESTNS_ARGV("listen", "127.0.0.1:81", "--", "true"))->status, 2);
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "serve") == 0)
		return serve(argv[2], atoi(argv[3]));

	const struct CMUnitTest tests[] = {
	        testns_test(a_server_serves_inside_a_namespace_it_is_not_in),
	        testns_test(sockets_are_passed_in_the_order_of_the_command_line),
	        testns_test(several_commands_share_the_sockets_and_get_the_signals),
	        testns_test(commands_end_with_an_nsctl_that_is_killed),
	        testns_test(the_status_is_that_of_the_first_that_failed),
	        testns_test(sockets_are_told_in_json_before_the_command_runs),
	        testns_test(what_cannot_be_had_is_told_and_nothing_is_run),
	};
	if (readlink("/proc/self/exe", own_path, sizeof(own_path) - 1) < 0)
		return 1;
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
