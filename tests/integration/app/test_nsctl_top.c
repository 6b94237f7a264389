/* SPDX-License-Identifier: Apache-2.0 */
/* nsctl top on a terminal, which is a pseudo terminal that the test looks at and types on. */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/app/nsctlproc.h"
#include "tests/lib/relayproc.h"

#define PATH "/run/control.sock"

static int web, api, terminal = -1;
static pid_t pid;
static char seen[1 << 20]; /* what was written since forget() */
static size_t seen_size;

static int clean_up(void **state)
{
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	pid = 0;
	if (terminal >= 0)
		close(terminal);
	terminal = -1;
	return relayproc_teardown(state);
}

static struct relayproc *start(void)
{
	testns_require_root();
	web = testns_new_named("web");
	api = testns_new_named("api");
	return relayproc_start_config("relays:\n"
	                              "  - { name: first, listen: web/127.0.0.1:80, to: api/127.0.0.1:80 }\n"
	                              "  - { name: other, listen: web/127.0.0.1:81, to: api/127.0.0.1:81 }\n"
	                              "drain: 0s\n"
	                              "control: { path: " PATH " }\n");
}

static void forget(void)
{
	seen_size = 0;
	seen[0] = '\0';
}

/* open_top - `nsctl top` on a terminal of its own, with NO_COLOR=@no_color */
static void open_top(const char *no_color)
{
	struct winsize size = {.ws_row = 24, .ws_col = 100};
	const char *const *argv = nsctlproc_argv(
	        TESTNS_ARGV("top", "--interval", "100ms", "--control", PATH));
	forget();
	pid = forkpty(&terminal, NULL, NULL, &size);
	assert_true(pid >= 0);
	if (pid > 0)
		return;
	setenv("TERM", "xterm", 1);
	if (no_color)
		setenv("NO_COLOR", no_color, 1);
	else
		unsetenv("NO_COLOR");
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* await_text - until @text is on the terminal, or has been since forget() */
static void await_text(const char *text)
{
	for (int ms = 0; !strstr(seen, text); ms++) {
		struct pollfd pollfd = {.fd = terminal, .events = POLLIN};
		if (ms > TESTNS_PATIENCE_MS)
			fail_msg("'%s' does not come; there was: %s", text, seen);
		if (poll(&pollfd, 1, 1) != 1)
			continue;
		if (seen_size > sizeof(seen) / 2)
			forget();
		ssize_t n = read(terminal, seen + seen_size, sizeof(seen) - seen_size - 1);
		if (n <= 0)
			fail_msg("nsctl ended before '%s' came; there was: %s", text, seen);
		seen_size += (size_t)n;
		seen[seen_size] = '\0';
	}
}

static void type(const char *keys)
{
	assert_int_equal(write(terminal, keys, strlen(keys)), strlen(keys));
}

/* await_end - its exit status */
static int await_end(void)
{
	int status;
	char rest[4096];
	while (read(terminal, rest, sizeof(rest)) > 0 || errno == EINTR)
		; /* EIO: nobody has the terminal's other end any more */
	assert_int_equal(waitpid(pid, &status, 0), pid);
	pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void screen_shows_what_is_relayed_and_follows_keys_and_size(void **state)
{
	struct winsize size = {.ws_row = 40, .ws_col = 140};
	(void)state;
	struct relayproc *relay = start();
	int listener = testns_listen(api, "127.0.0.1:80"), client = testns_connect(web, "127.0.0.1:80");
	testns_accept(listener);
	testns_write(client, "12345", 5);
	open_top(NULL);
	await_text("of");
	await_text("first");
	await_text("other");
	type("2");
	await_text("/api/127.0.0.1:80"); /* what was there before is not written again */
	type("4");
	await_text("127.0.0.1:80");
	await_text("k kill");
	forget();
	assert_int_equal(ioctl(terminal, TIOCSWINSZ, &size), 0);
	await_text("NAME"); /* all of it is drawn anew */
	await_text("k kill");
	type("q");
	assert_int_equal(await_end(), 0);
	assert_int_equal(relayproc_stop(relay), 0);
}

static void keys_drain_backends_and_kill_connections(void **state)
{
	struct relayproc_record record;
	(void)state;
	struct relayproc *relay = start();
	int listener = testns_listen(api, "127.0.0.1:80");
	testns_connect(web, "127.0.0.1:80");
	testns_accept(listener);
	open_top(NULL);
	await_text("first");
	type("2");
	await_text("m maintenance");
	type("d");
	await_text("drain first/api/127.0.0.1:80"); /* it has the connection, and so is the first */
	relayproc_await_record(relay, "backend drains", &record);
	type("r");
	relayproc_await_record(relay, "backend ready", &record);
	type("4");
	await_text("k kill");
	type("k");
	await_text("y: yes");
	type("nky"); /* not at first */
	relayproc_await_closed(relay, "killed", &record);
	type("q");
	assert_int_equal(await_end(), 0);
	assert_int_equal(relayproc_stop(relay), 0);
}

static void screen_is_given_back_when_the_daemon_ends(void **state)
{
	(void)state;
	struct relayproc *relay = start();
	open_top(NULL);
	await_text("first");
	assert_int_equal(relayproc_stop(relay), 0);
	await_text("\033[?1049l"); /* xterm leaves the alternate screen: terminfo(5), rmcup */
	await_text("nsctl: ");
	assert_int_equal(await_end(), 1);
}

static void colours_are_left_out_when_asked(void **state)
{
	(void)state;
	struct relayproc *relay = start();
	nsctlproc_succeed(-1, TESTNS_ARGV("drain", "api/127.0.0.1:81", "--control", PATH));
	open_top(NULL);
	await_text("first");
	type("2");
	await_text("\033[31m");
	type("q");
	assert_int_equal(await_end(), 0);
	close(terminal);
	open_top("1");
	await_text("first");
	type("2");
	await_text("drain");
	await_text("m maintenance");
	assert_null(strstr(seen, "\033[31m"));
	type("q");
	assert_int_equal(await_end(), 0);
	assert_int_equal(relayproc_stop(relay), 0);
}

static void no_terminal_gets_one_look(void **state)
{
	(void)state;
	struct relayproc *relay = start();
	int listener = testns_listen(api, "127.0.0.1:80");
	testns_connect(web, "127.0.0.1:80");
	testns_accept(listener);
	const char *text = nsctlproc_succeed(-1,
	                                     TESTNS_ARGV("top", "--interval", "100ms", "--control", PATH));
	assert_non_null(strstr(text, "namespaces:"));
	assert_non_null(strstr(text, "first/api/127.0.0.1:80"));
	nsctlproc_succeed(-1, TESTNS_ARGV("top", "-j", "--interval", "100ms", "--control", PATH));
	assert_int_equal(nsctlproc_json_count("/relays"), 2);
	assert_string_equal(nsctlproc_json("/relays/0/connections"), "1");
	assert_string_equal(nsctlproc_json("/namespaces/0/name"), "web");
	assert_int_equal(nsctlproc_json_count("/connections"), 1);
	assert_int_equal(relayproc_stop(relay), 0);
}

#define top_test(function) cmocka_unit_test_teardown(function, clean_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        top_test(screen_shows_what_is_relayed_and_follows_keys_and_size),
	        top_test(keys_drain_backends_and_kill_connections),
	        top_test(screen_is_given_back_when_the_daemon_ends),
	        top_test(colours_are_left_out_when_asked),
	        top_test(no_terminal_gets_one_look),
	};
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
