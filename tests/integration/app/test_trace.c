/* SPDX-License-Identifier: Apache-2.0 */
/* The examples for bpftrace(8), on a relay at work. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "tests/lib/relayproc.h"

enum { TEXT_MAX = 65536, PIECE = 256 * 1024, STREAM_SIZE = 16 << 20, PATIENCE = 20, ROUNDS = 3 };

#define FRONT "127.0.0.1:80"
#define BACK  "127.0.0.1:81"

static struct {
	int client_ns, server_ns, listener;
	struct relayproc *relay;
	pid_t tracer;
	int out; /* what it writes */
} here;

/* ---- the tracer ---- */

/* path_of - by which another process can open @fd */
static const char *path_of(int fd)
{
	static char texts[4][64];
	static size_t next;
	char *text = texts[next++ % ARRAY_COUNT(texts)];
	snprintf(text, sizeof(texts[0]), "/proc/%d/fd/%d", (int)getpid(), fd);
	return text;
}

static const char *output(void)
{
	static char text[TEXT_MAX];
	ssize_t size = pread(here.out, text, sizeof(text) - 1, 0);
	assert_true(size >= 0);
	text[size] = '\0';
	return text;
}

/* await_output - wait until the tracer has written @part; false: it has ended before */
static bool await_output(const char *part)
{
	const struct timespec nap = {.tv_nsec = 10 * 1000 * 1000};
	for (int ms = 0; !strstr(output(), part); ms += 10) {
		char path[64];
		snprintf(path, sizeof(path), "/proc/%d/fd/0", (int)here.tracer);
		if (access(path, F_OK) != 0)
			return false;
		if (ms > TESTNS_PATIENCE_MS)
			fail_msg("the tracer does not say '%s' but:\n%s", part, output());
		nanosleep(&nap, NULL);
	}
	return true;
}

/* write_script - the example for the program that was built, in between of @before and @behind; a
 * descriptor */
static int write_script(const char *example, const char *before, const char *behind)
{
	static const char path[] = "/usr/local/sbin/nsrelay";
	char name[256], text[TEXT_MAX];
	int fd = testns_keep_fd(memfd_create("script", MFD_CLOEXEC));
	snprintf(name, sizeof(name), "%s/trace/%s", EXAMPLES, example);
	FILE *file = fopen(name, "re"), *out = fdopen(dup(fd), "w");
	assert_true(file && out);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fputs(before, out);
	const char *at = text;
	for (const char *found; (found = strstr(at, path)); at = found + strlen(path))
		fprintf(out, "%.*s%s", (int)(found - at), at, NSRELAY_BUILT_BINARY);
	fprintf(out, "%s%s", at, behind);
	fclose(file);
	fclose(out);
	return fd;
}

/*
 * trace - look on by @example until finish()
 * Probes are set one after the other: when those around the example's fire, the example's are set.
 */
static void trace(const char *example, const char *more)
{
	static const char first[] = "interval:ms:50 { printf(\"first\\n\"); }\n";
	char line[512], last[512];
	snprintf(last, sizeof(last), "%s\ninterval:ms:50 { printf(\"last\\n\"); }\n", more);
	here.out = testns_keep_fd(memfd_create("output", MFD_CLOEXEC));
	/* Of one process: other tests may run the same program. */
	snprintf(line, sizeof(line), "exec bpftrace -p %d -B line %s >>%s 2>&1",
	         (int)relayproc_child(here.relay), path_of(write_script(example, first, last)),
	         path_of(here.out));
	here.tracer = testns_spawn(-1, TESTNS_ARGV("sh", "-c", line));
	if (!await_output("first\n") || !await_output("last\n"))
		fail_msg("the tracer says:\n%s", output());
}

/* finish - what the tracer has to say in the end */
static void finish(void)
{
	assert_int_equal(kill(here.tracer, SIGINT), 0);
	testns_await_exit(here.tracer);
}

#define assert_told(part)                                                                                    \
	do {                                                                                                 \
		if (!strstr(output(), part))                                                                 \
			fail_msg("'%s' does not say '%s'", output(), part);                                  \
	} while (0)

/* ---- a relay ---- */

/* require_tracer - skip where there is none, or where the kernel lets it set no probes in programs */
static void require_tracer(void)
{
	testns_require_root();
#ifndef NSRELAY_USDT
	print_message("skipped: built without probes\n");
	skip();
#endif
	if (testns_run(-1, TESTNS_ARGV("sh", "-c", "bpftrace -e 'BEGIN { exit() }' >/dev/null 2>&1")) == 0)
		return;
	print_message("skipped: there is no bpftrace, or no right to set probes\n");
	skip();
}

static void start(void)
{
	require_tracer();
	here.client_ns = testns_new();
	here.server_ns = testns_new();
	here.listener = testns_listen(here.server_ns, BACK);
	here.relay = relayproc_start(TESTNS_ARGV("--name", "web", "--listen",
	                                         relayproc_endpoint(here.client_ns, FRONT), "--to",
	                                         relayproc_endpoint(here.server_ns, BACK)));
}

static void stop(void)
{
	assert_int_equal(relayproc_stop(here.relay), 0);
}

static void connect_latency_is_told_by_relay(void **state)
{
	(void)state;
	start();
	trace("connect-latency.bt", "");
	for (int i = 0; i < ROUNDS; i++) {
		struct relayproc_record closed;
		int client = testns_connect(here.client_ns, FRONT), server = testns_accept(here.listener);
		testns_assert_connected(client, server);
		testns_close(client);
		testns_close(server);
		relayproc_await_record(here.relay, "closed", &closed);
	}
	testns_close(here.listener); /* and one that no backend takes */
	struct relayproc_record closed;
	testns_close(testns_connect(here.client_ns, FRONT));
	relayproc_await_closed(here.relay, "connect_failed", &closed);
	finish();
	assert_told("@connect_us[web]");
	assert_told("@failed[web, 0]: 1\n");
	stop();
}

/* send_some, take_some - as much as goes without waiting; how many bytes that were */
static size_t send_some(int fd)
{
	static char piece[PIECE];
	ssize_t size = send(fd, piece, sizeof(piece), MSG_DONTWAIT | MSG_NOSIGNAL);
	assert_true(size > 0 || errno == EAGAIN);
	return size > 0 ? (size_t)size : 0;
}

static size_t take_some(int fd)
{
	static char piece[PIECE];
	ssize_t size = recv(fd, piece, sizeof(piece), MSG_DONTWAIT);
	assert_true(size > 0 || errno == EAGAIN);
	return size > 0 ? (size_t)size : 0;
}

/* move_lane - a stream that flows well, until another lane is used; how many bytes are still on the way */
static size_t move_lane(int client, int server)
{
	size_t sent = 0, taken = 0;
	while (taken < STREAM_SIZE || relayproc_counter(here.relay, "lane_changes_total") == 0) {
		assert_true(taken < PATIENCE * (size_t)STREAM_SIZE);
		for (size_t goal = taken + STREAM_SIZE; taken < goal; taken += take_some(server))
			sent += send_some(client);
	}
	return sent - taken;
}

/* fill - send until the tracer says that the relay waits; how many bytes that were */
static size_t fill(int client)
{
	size_t sent = 0;
	while (!strstr(output(), "now blocked")) {
		size_t size = send_some(client);
		sent += size;
		if (size == 0)
			assert_true(await_output("now blocked"));
	}
	return sent;
}

static void empty(int server, size_t size)
{
	while (size > 0) {
		testns_await(server, POLLIN);
		size -= take_some(server);
	}
}

static void lanes_and_full_receivers_are_told_by_relay(void **state)
{
	static const char more[] = "usdt:" NSRELAY_BUILT_BINARY
	                           ":nsrelay:blocked { printf(\"now blocked\\n\"); }\n";
	(void)state;
	start();
	trace("flow.bt", more);
	int client = testns_connect(here.client_ns, FRONT), server = testns_accept(here.listener);
	size_t left = move_lane(client, server);
	empty(server, left + fill(client));
	testns_assert_connected(client, server);
	testns_close(client);
	testns_close(server);
	finish();
	assert_told("@lane_changes[web, 0, to bulk]");
	assert_told("@blocked_us[web, 0]");
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        relayproc_test(connect_latency_is_told_by_relay),
	        relayproc_test(lanes_and_full_receivers_are_told_by_relay),
	};
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
