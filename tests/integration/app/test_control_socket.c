/* SPDX-License-Identifier: Apache-2.0 */
/* The file of the control socket, and clients of it that behave badly. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "relay/limits.h"
#include "tests/integration/app/controlled.h"

#define INFO "{\"method\":\"org.varlink.service.GetInfo\"}"

enum { MESSAGE_TEXT_MAX = 8192 };

/* ---- the socket ---- */

static bool exists(void)
{
	struct stat stat;
	return lstat(PATH, &stat) == 0;
}

static void socket_is_the_owners_alone_and_goes_with_the_daemon(void **state)
{
	struct stat stat;
	(void)state;
	struct relayproc *relay = start();
	assert_int_equal(lstat(PATH, &stat), 0);
	assert_int_equal(stat.st_mode & 07777, 0600);
	assert_int_equal(relayproc_stop(relay), 0);
	assert_false(exists());
}

static void stale_socket_is_replaced_and_a_live_one_is_not(void **state)
{
	(void)state;
	struct relayproc *relay = start();
	struct relayproc *second = relayproc_launch(TESTNS_ARGV("run", "--listen", "web/127.0.0.1:90", "--to",
	                                                        "api/127.0.0.1:80", "--control", PATH));
	assert_int_equal(relayproc_await_exit(second), 1);
	assert_true(relayproc_says(second, "another program listens"));
	ask("status");
	/* Both processes die: the file stays. */
	pid_t child = relayproc_child(relay);
	relayproc_signal(relay, SIGKILL);
	relayproc_await_exit(relay);
	kill(child, SIGKILL);
	while (testns_try_connect(web, "127.0.0.1:80") >= 0)
		poll(NULL, 0, 1);
	assert_true(exists());
	second = relayproc_start(
	        TESTNS_ARGV("--listen", "web/127.0.0.1:90", "--to", "api/127.0.0.1:80", "--control", PATH));
	ask("status");
	assert_int_equal(relayproc_stop(second), 0);
}

static void socket_works_again_after_the_relay_process_died(void **state)
{
	struct relayproc_record record;
	char child[16];
	(void)state;
	struct relayproc *relay = start();
	assert_int_equal(kill(relayproc_child(relay), SIGKILL), 0);
	relayproc_await_record(relay, "ready again", &record);
	snprintf(child, sizeof(child), "%d", (int)relayproc_child(relay));
	ask("status", "-j");
	assert_member("/relay_pid", child);
	assert_int_equal(relayproc_stop(relay), 0);
}

static void one_line_run_has_a_socket_when_asked(void **state)
{
	(void)state;
	testns_require_root();
	web = testns_new_named("web");
	api = testns_new_named("api");
	struct relayproc *relay = relayproc_start(
	        TESTNS_ARGV("--listen", "web/127.0.0.1:80", "--to", "api/127.0.0.1:80"));
	assert_false(exists());
	assert_int_equal(relayproc_stop(relay), 0);
	relay = relayproc_start(TESTNS_ARGV("--listen", "web/127.0.0.1:80", "--to", "api/127.0.0.1:80",
	                                    "--control", PATH, "--no-sandbox"));
	ask("connections");
	assert_int_equal(relayproc_stop(relay), 0);
	assert_false(exists());
}

/* ---- clients that behave badly ---- */

/* dial - connect; -1 when that fails. No cmocka: for testns_as_nobody() too. */
static int dial(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = PATH};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* answer - to @message, until its NUL; "" when the connection ends before */
static const char *answer(int fd, const char *message, char text[MESSAGE_TEXT_MAX])
{
	size_t size = 0;
	send(fd, message, strlen(message) + 1, MSG_NOSIGNAL);
	while (size < MESSAGE_TEXT_MAX && recv(fd, text + size, 1, 0) == 1) {
		if (!text[size++])
			return text;
	}
	return "";
}

static int dial_kept(void)
{
	int fd = dial();
	assert_true(fd >= 0);
	return testns_keep_fd(fd);
}

/* await_end - the daemon ends the connection, whatever it has sent before */
static void await_end(int fd)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLRDHUP};
	assert_int_equal(poll(&pollfd, 1, TESTNS_PATIENCE_MS), 1);
	assert_true(pollfd.revents & (POLLRDHUP | POLLHUP));
}

static int ask_as_somebody(void *arg)
{
	char text[MESSAGE_TEXT_MAX];
	int fd = dial();
	(void)arg;
	if (fd < 0)
		return 1;
	return strstr(answer(fd, INFO, text), "org.varlink.service.PermissionDenied") ? 0 : 2;
}

static void other_user_is_refused_even_when_the_file_lets_him_in(void **state)
{
	(void)state;
	struct relayproc *relay = start();
	assert_int_equal(testns_as_nobody(-1, ask_as_somebody, NULL), 1);
	assert_int_equal(chmod(PATH, 0666), 0);
	assert_int_equal(testns_as_nobody(-1, ask_as_somebody, NULL), 0);
	assert_int_equal(relayproc_stop(relay), 0);
}

/* take_all_places - with clients that have asked @question, to which the answer says @expected */
static void take_all_places(int clients[LIMIT_CONTROL_CLIENTS], const char *question, const char *expected)
{
	char text[MESSAGE_TEXT_MAX];
	for (int i = 0; i < LIMIT_CONTROL_CLIENTS; i++) {
		clients[i] = dial_kept();
		assert_says(answer(clients[i], question, text), expected);
	}
}

static void who_asks_for_nothing_gives_its_place_to_who_comes(void **state)
{
	int clients[LIMIT_CONTROL_CLIENTS];
	char text[MESSAGE_TEXT_MAX];
	(void)state;
	struct relayproc *relay = start();
	take_all_places(clients, INFO, "io.nsrelay.Control");
	ask("status"); /* waits for that */
	await_end(clients[0]);
	assert_says(answer(clients[1], INFO, text), "io.nsrelay.Control");
	assert_int_equal(relayproc_stop(relay), 0);
}

static void one_client_too_many_is_told_so(void **state)
{
	int clients[LIMIT_CONTROL_CLIENTS];
	(void)state;
	struct relayproc *relay = start();
	take_all_places(clients, "{\"method\":\"io.nsrelay.Control.WatchEvents\",\"more\":true}", "events");
	assert_int_equal(refused("status")->status, 1);
	assert_says(refused("status")->errors, "Busy");
	testns_close(clients[3]);
	ask("status");
	assert_int_equal(relayproc_stop(relay), 0);
}

static void what_is_no_message_ends_the_connection(void **state)
{
	static char flood[LIMIT_CONTROL_MESSAGE];
	static const char *const messages[] = {"", "hello", "[]", "{\"method\":7}"};
	char text[MESSAGE_TEXT_MAX];
	(void)state;
	struct relayproc *relay = start();
	for (size_t i = 0; i < ARRAY_COUNT(messages); i++)
		assert_string_equal(answer(dial_kept(), messages[i], text), "");
	memset(flood, '[', sizeof(flood));
	int fd = dial_kept();
	send(fd, flood, sizeof(flood), MSG_NOSIGNAL); /* a message would have its NUL by now */
	await_end(fd);
	flood[sizeof(flood) - 1] = '\0';
	assert_string_equal(answer(dial_kept(), "{", text), "");
	fd = dial_kept();
	send(fd, flood, sizeof(flood), MSG_NOSIGNAL); /* 65,535 arrays within each other */
	await_end(fd);
	ask("status");
	assert_int_equal(relayproc_stop(relay), 0);
}

static void slow_clients_are_let_go_and_nobody_waits_for_them(void **state)
{
	static const char question[] = "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
	                               "\"parameters\":{\"interface\":\"io.nsrelay.Control\"}}";
	(void)state;
	struct relayproc *relay = start();
	int half = dial_kept(), deaf = dial_kept(), idle = dial_kept();
	assert_int_equal(send(half, "{", 1, MSG_NOSIGNAL), 1);
	/* It asks for far more than the socket holds, and reads nothing. */
	for (int i = 0; i < 200; i++)
		send(deaf, question, sizeof(question), MSG_NOSIGNAL | MSG_DONTWAIT);
	ask("status");
	await_end(half);
	await_end(deaf);
	ask("connections");
	char text[MESSAGE_TEXT_MAX];
	assert_says(answer(idle, INFO, text), "io.nsrelay.Control"); /* who owes nothing has more time */
	assert_int_equal(relayproc_stop(relay), 0);
}

static void listing_that_is_given_up_hinders_nobody(void **state)
{
	static const char question[] = "{\"method\":\"io.nsrelay.Control.ListConnections\",\"more\":true}";
	(void)state;
	struct relayproc *relay = start();
	for (int i = 0; i < 50; i++) {
		int fd = dial_kept();
		assert_int_equal(send(fd, question, sizeof(question), MSG_NOSIGNAL), sizeof(question));
		testns_close(fd);
		ask("connections");
	}
	assert_int_equal(relayproc_stop(relay), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        relayproc_test(socket_is_the_owners_alone_and_goes_with_the_daemon),
	        relayproc_test(stale_socket_is_replaced_and_a_live_one_is_not),
	        relayproc_test(socket_works_again_after_the_relay_process_died),
	        relayproc_test(one_line_run_has_a_socket_when_asked),
	        relayproc_test(other_user_is_refused_even_when_the_file_lets_him_in),
	        relayproc_test(one_client_too_many_is_told_so),
	        relayproc_test(who_asks_for_nothing_gives_its_place_to_who_comes),
	        relayproc_test(what_is_no_message_ends_the_connection),
	        relayproc_test(slow_clients_are_let_go_and_nobody_waits_for_them),
	        relayproc_test(listing_that_is_given_up_hinders_nobody),
	};
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
