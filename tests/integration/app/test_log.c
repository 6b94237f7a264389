/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon writes about connections, and that it never waits for who reads it. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/endpoint.h"
#include "tests/integration/app/json.h"
#include "tests/integration/app/load.h"
#include "tests/integration/app/manager.h"

#define LISTENER "127.0.0.1:80"
#define BACKEND  "127.0.0.1:81"

static int client_ns, server_ns;

static void make_namespaces(void)
{
	client_ns = testns_new();
	server_ns = testns_new();
}

/* What the daemon is told, with more at the end. */
static struct relayproc *launch(const char *netns, const char *const more[])
{
	char listen[ENDPOINT_TEXT_MAX];
	const char *args[16] = {
	        "run", "--name", "web", "--listen", listen, "--to", relayproc_endpoint(server_ns, BACKEND)};
	size_t count = 7;
	snprintf(listen, sizeof(listen), "%s/" LISTENER, netns);
	while (*more)
		args[count++] = *more++;
	return relayproc_launch(args);
}

/* The way to the namespace of @ns_fd, as the configuration writes it. */
static const char *netns_text(int ns_fd)
{
	static char texts[2][64];
	static size_t next;
	char *text = texts[next++ % 2];
	snprintf(text, sizeof(texts[0]), "path:/proc/%d/fd/%d", (int)getpid(), ns_fd);
	return text;
}

static const char *name_of(int fd, char *buf, size_t size)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	return endpoint_format_address((const struct sockaddr *)&address, buf, size);
}

/* talk - a connection over which 5 bytes go up and 3 down, and which the client closes; its name goes to
 * @ret_client */
static void talk(int listener, char *ret_client, size_t size)
{
	char got[5];
	int client = testns_connect(client_ns, LISTENER);
	int server = testns_accept(listener);
	name_of(client, ret_client, size);
	testns_write(client, "hello", 5);
	testns_read(server, got, 5);
	testns_write(server, "yes", 3);
	testns_read(client, got, 3);
	testns_close(client);
	assert_int_equal(recv(server, got, 1, 0), 0);
	testns_close(server);
}

/* ---- one record for each connection ---- */

/* What a record says of talk(), but for times and the client's address. */
struct expected {
	const char *key, *value;
};

enum { EXPECTED_COUNT = 11 };

static const struct expected *expectation(const char *client, const char *listener_netns)
{
	static struct expected expected[EXPECTED_COUNT];
	const struct expected fields[EXPECTED_COUNT] = {
	        {"level", "info"},          {"relay", "web"},     {"client", client},
	        {"listener", LISTENER},     {"backend", BACKEND}, {"listener_netns", listener_netns},
	        {"bytes_up", "5"},          {"bytes_down", "3"},  {"backend_netns", netns_text(server_ns)},
	        {"cause", "client_closed"}, {"msg", "closed"},
	};
	memcpy(expected, fields, sizeof(fields));
	return expected;
}

static void closed_connection_has_one_record_with_every_field(void **state)
{
	struct relayproc_record record;
	char client[ENDPOINT_TEXT_MAX], text[128];
	(void)state;
	make_namespaces();
	int listener = testns_listen(server_ns, BACKEND);
	struct relayproc *relay = launch(netns_text(client_ns), TESTNS_ARGV("--threads", "2"));
	relayproc_await_record(relay, "ready", &record);
	talk(listener, client, sizeof(client));
	relayproc_await_record(relay, "closed", &record);
	const struct expected *expected = expectation(client, netns_text(client_ns));
	for (size_t i = 0; i < EXPECTED_COUNT; i++)
		assert_string_equal(relayproc_text(&record, expected[i].key, text, sizeof(text)),
		                    expected[i].value);
	assert_int_equal(relayproc_number(&record, "spliced") + relayproc_number(&record, "copied"), 5 + 3);
	double connect_ms = strtod(relayproc_text(&record, "connect_ms", text, sizeof(text)), NULL);
	double duration_ms = strtod(relayproc_text(&record, "duration_ms", text, sizeof(text)), NULL);
	assert_true(connect_ms > 0 && connect_ms <= duration_ms);
	assert_int_equal(relayproc_stop(relay), 0);
	assert_int_equal(relayproc_count_records(relay, "closed"), 1);
}

/* ---- JSON ---- */

/* read_line - the next line that comes out of @fd */
static void read_line(int fd, char *buf, size_t size)
{
	size_t used = 0;
	do {
		assert_true(used + 1 < size);
		testns_await(fd, POLLIN);
		assert_int_equal(read(fd, buf + used, 1), 1);
	} while (buf[used++] != '\n');
	buf[used - 1] = '\0';
}

/* read_json - the next record out of @fd, which must be @message */
static void read_json(int fd, const char *message, struct json_record *ret)
{
	char line[LOG_RECORD_MAX + 1];
	read_line(fd, line, sizeof(line));
	const char *wrong = json_parse(line, ret);
	if (wrong)
		fail_msg("%s: %s", wrong, line);
	const struct json_field *field = json_find(ret, "msg");
	assert_non_null(field);
	assert_string_equal(field->value, message);
}

static void assert_fields(const struct json_record *record, const struct expected *expected, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct json_field *field = json_find(record, expected[i].key);
		if (!field)
			fail_msg("there is no field %s", expected[i].key);
		else
			assert_string_equal(field->value, expected[i].value);
	}
}

static void assert_numbers(const struct json_record *record)
{
	static const char *const keys[] = {"bytes_up", "bytes_down",  "spliced",
	                                   "copied",   "duration_ms", "connect_ms"};
	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		const struct json_field *field = json_find(record, keys[i]);
		assert_non_null(field);
		assert_int_equal(field->kind, JSON_NUMBER);
	}
}

/* A name that would break out of a record that is not escaped. Bytes that are no UTF-8 become U+FFFD. */
#define ODD_PATH   "/run/x\",\"cause\":\"none\\ \t\n\1\xff\xc3\xa9"
#define ODD_LOGGED "path:/run/x\",\"cause\":\"none\\ \t\n\1\xef\xbf\xbd\xc3\xa9"

static void record_is_strict_json_whatever_is_in_it(void **state)
{
	struct json_record record;
	char client[ENDPOINT_TEXT_MAX], target[64];
	int ends[2];
	(void)state;
	testns_hide_run();
	make_namespaces();
	snprintf(target, sizeof(target), "/proc/%d/fd/%d", (int)getpid(), client_ns);
	assert_int_equal(symlink(target, ODD_PATH), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	manager_give_stderr(testns_keep_fd(ends[1]));
	testns_keep_fd(ends[0]);
	int listener = testns_listen(server_ns, BACKEND);
	struct relayproc *relay = launch("path:" ODD_PATH, TESTNS_ARGV("--log-format", "json"));
	read_json(ends[0], "ready", &record);
	talk(listener, client, sizeof(client));
	read_json(ends[0], "closed", &record);
	assert_fields(&record, expectation(client, ODD_LOGGED), EXPECTED_COUNT);
	assert_numbers(&record);
	relayproc_signal(relay, SIGUSR1);
	read_json(ends[0], "counters", &record);
	kill(relayproc_child(relay), SIGKILL);
	read_json(ends[0], "relay process died", &record);
	read_json(ends[0], "ready again", &record);
	relayproc_signal(relay, SIGTERM);
	read_json(ends[0], "stopping", &record);
	assert_int_equal(relayproc_await_exit(relay), 0);
	unlink(ODD_PATH);
}

/* ---- the rate ---- */

/* sum_suppressed - over all records that tell it */
static uint64_t sum_suppressed(struct relayproc *relay)
{
	struct relayproc_record record;
	uint64_t sum = 0;
	for (size_t left = relayproc_count_records(relay, "log records suppressed"); left > 0; left--) {
		relayproc_await_record(relay, "log records suppressed", &record);
		sum += relayproc_number(&record, "count");
	}
	return sum;
}

static void records_beyond_the_rate_are_counted_in_a_later_one(void **state)
{
	enum {
		BURST = 100,
		TRIES = 50,
		PAUSE_MS = 150
	}; /* at 10 a second another record may be written after 100 ms */
	struct relayproc_record record;
	char client[ENDPOINT_TEXT_MAX];
	uint64_t suppressed = 0, closed = 0;
	(void)state;
	make_namespaces();
	int listener = testns_listen(server_ns, BACKEND);
	struct relayproc *relay = launch(netns_text(client_ns), TESTNS_ARGV("--log-rate", "10"));
	relayproc_await_record(relay, "ready", &record);
	for (int i = 0; i < BURST; i++)
		talk(listener, client, sizeof(client));
	assert_true(relayproc_count_records(relay, "closed") < BURST);
	/* Each connection is written of or counted, the latest as soon as another record may be written. */
	uint64_t made = BURST;
	while (closed + suppressed < made && made < BURST + TRIES) {
		poll(NULL, 0, PAUSE_MS);
		talk(listener, client, sizeof(client));
		made++;
		poll(NULL, 0, PAUSE_MS);
		suppressed += sum_suppressed(relay);
		closed = relayproc_count_records(relay, "closed");
	}
	print_message("%llu records written, %llu counted\n", (unsigned long long)closed,
	              (unsigned long long)suppressed);
	assert_int_equal(closed + suppressed, made);
	assert_true(suppressed > 0);
}

/* ---- a standard error that nobody reads ---- */

/* fill - write to @fd until it takes no more */
static void fill(int fd)
{
	static const char bytes[4096];
	int flags = fcntl(fd, F_GETFL);
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	for (size_t size = sizeof(bytes); size > 0; size /= 2) {
		while (write(fd, bytes, size) > 0)
			;
	}
	fcntl(fd, F_SETFL, flags);
}

/* relay_in_silence - start, relay, survive a death and stop, with a standard error that is full from the
 * beginning */
static void relay_in_silence(int full_fd)
{
	char path[64];
	make_namespaces();
	snprintf(path, sizeof(path), "@nsrelay-test-%d", (int)getpid());
	manager_listen(path);
	manager_give_stderr(full_fd);
	struct relayproc *relay = launch(netns_text(client_ns), TESTNS_ARGV("--drain-timeout", "20s"));
	manager_await_word("READY=1");
	const struct load_counts *counts = load_start(client_ns, server_ns, LISTENER, BACKEND, 2);
	load_await(500);
	relayproc_signal(relay, SIGUSR1);
	kill(relayproc_child(relay), SIGKILL);
	manager_await_word("READY=1");
	load_await(500);
	load_stop();
	assert_int_equal(counts->refused + counts->failed, 0);
	assert_int_equal(relayproc_stop(relay), 0);
}

static void full_pipe_as_standard_error_stops_nothing(void **state)
{
	int ends[2];
	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	testns_keep_fd(ends[0]);
	fill(testns_keep_fd(ends[1]));
	relay_in_silence(ends[1]);
	/* What others have of it is as it was. */
	assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
}

static void full_socket_as_standard_error_stops_nothing(void **state)
{
	int ends[2];
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	testns_keep_fd(ends[0]);
	fill(testns_keep_fd(ends[1]));
	relay_in_silence(ends[1]);
	assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
}

static int end_all(void **state)
{
	load_stop();
	return manager_teardown(state);
}

#define log_test(function) cmocka_unit_test_teardown(function, end_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        log_test(closed_connection_has_one_record_with_every_field),
	        log_test(record_is_strict_json_whatever_is_in_it),
	        log_test(records_beyond_the_rate_are_counted_in_a_later_one),
	        log_test(full_pipe_as_standard_error_stops_nothing),
	        log_test(full_socket_as_standard_error_stops_nothing),
	};
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
