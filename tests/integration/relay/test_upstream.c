/* SPDX-License-Identifier: Apache-2.0 */
/* From a listener to a backend: which one, of which kind, and what happens when none answers. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "tests/integration/relay/rig.h"
#include "tests/integration/relay/stream.h"

enum { BACKENDS = 4 };

/* backend - the address of backend @index in RIG's back namespace */
static const char *backend(size_t index)
{
	static const char *const addresses[BACKENDS] = {"127.0.0.1:9001", "127.0.0.2:9002", "127.0.0.3:9003",
	                                                "[::1]:9004"};

	return addresses[index];
}

/* start - a relay from RIG_FRONT, whose backends are all of @addresses inside @back, with further
 * arguments */
static struct relayproc *start(int front, int back, const char *const addresses[], const char *const more[])
{
	const char *args[32] = {"--threads", "1",        "--log-rate",
	                        "0",         "--listen", relayproc_endpoint(front, RIG_FRONT)};
	size_t count = 6;

	for (; *addresses; addresses++) {
		args[count++] = "--to";
		args[count++] = relayproc_endpoint(back, *addresses);
	}
	for (; more && *more; more++)
		args[count++] = *more;
	return relayproc_start(args);
}

/* transfer - a connection is open: does it carry bytes both ways, to their ends? */
static void transfer(int client, int server)
{
	struct stream streams[] = {
	        {.from = client, .to = server, .tag = 1, .size = 100 * 1000, .finish = true},
	        {.from = server, .to = client, .tag = 2, .size = 200 * 1000, .finish = true},
	};

	stream_run(streams, ARRAY_COUNT(streams));
	testns_close(client);
	testns_close(server);
}

/* ---- no answer ---- */

static void expect_failure(struct relayproc *relay, int client, const char *cause, uint64_t attempts)
{
	struct relayproc_record closed;
	char counter[64];

	rig_expect_reset(client);
	relayproc_await_closed(relay, cause, &closed);
	assert_int_equal(relayproc_counter(relay, "connect_failures_total"), attempts);
	snprintf(counter, sizeof(counter), "closed_%s_total", cause);
	relayproc_await_counter(relay, counter, 1);
	assert_int_equal(relayproc_counter(relay, "connected_total"), 0);
}

static void refusal_of_every_backend_is_a_reset(void **state)
{
	int front = testns_new(), back = testns_new();
	struct relayproc *relay = start(front, back, TESTNS_ARGV("127.0.0.1:9", "127.0.0.2:9", "[::1]:9"),
	                                NULL);

	(void)state;
	expect_failure(relay, testns_connect(front, RIG_FRONT), "connect_failed", 3);
}

/* A namespace without a route there. */
static void unreachable_backend_is_a_reset(void **state)
{
	int front = testns_new(), back = testns_new();
	struct relayproc *relay = start(front, back, TESTNS_ARGV("10.9.9.9:80"), NULL);

	(void)state;
	expect_failure(relay, testns_connect(front, RIG_FRONT), "connect_failed", 1);
}

static void missing_unix_backend_is_a_reset(void **state)
{
	int front = testns_new();
	struct relayproc *relay = relayproc_start(
	        TESTNS_ARGV("--listen", relayproc_endpoint(front, RIG_FRONT), "--to",
	                    "unix:/tmp/nsrelay-test-of-a-socket-that-is-not-there"));

	(void)state;
	expect_failure(relay, testns_connect(front, RIG_FRONT), "connect_failed", 1);
}

static void next_backend_is_tried_when_one_fails(void **state)
{
	int front = testns_new(), back = testns_new();
	int listener = testns_listen(back, RIG_BACK);
	struct relayproc *relay = start(front, back,
	                                TESTNS_ARGV("127.0.0.1:9", "10.9.9.9:80", "[::1]:9", RIG_BACK), NULL);

	(void)state;
	for (int i = 0; i < 8; i++) {
		int client = testns_connect(front, RIG_FRONT);

		transfer(client, testns_accept(listener));
	}
	/* The first choice goes round: six times it fails, and then one to three times, as chance has it. */
	assert_in_range(relayproc_counter(relay, "connect_failures_total"), 6, 6 * 3);
	assert_int_equal(relayproc_counter(relay, "connected_total"), 8);
}

/* What a client says while backends are tried is not lost. */
static void early_bytes_reach_the_backend_that_answers(void **state)
{
	int front = testns_new(), back = testns_new();
	int listener = testns_listen(back, RIG_BACK);

	(void)state;
	start(front, back, TESTNS_ARGV("127.0.0.1:9", "127.0.0.2:9", RIG_BACK), NULL);
	for (uint64_t i = 0; i < 6; i++) {
		int client = testns_connect(front, RIG_FRONT), server;

		stream_send(client, i, 0, 10 * 1000);
		testns_close(client);
		server = testns_accept(listener);
		stream_receive(server, i, 0, 10 * 1000);
		rig_expect_end(server);
		testns_close(server);
	}
}

/*
 * listen_full - a listener that answers no SYN: its queue, of one connection, is full
 * listen(2): a backlog of 0 lets one connection wait; the next handshakes are dropped (tcp_conn_request()).
 */
static void listen_full(int ns_fd, const char *address)
{
	int listener = testns_listen(ns_fd, address);

	assert_int_equal(listen(listener, 0), 0);
	testns_connect(ns_fd, address);
}

static void silent_backend_is_a_connect_timeout(void **state)
{
	int front = testns_new(), back = testns_new();
	struct relayproc *relay;

	(void)state;
	listen_full(back, RIG_BACK);
	relay = start(front, back, TESTNS_ARGV(RIG_BACK), TESTNS_ARGV("--connect-timeout", "300ms"));
	expect_failure(relay, testns_connect(front, RIG_FRONT), "connect_timeout", 1);
}

static void next_backend_is_tried_when_one_is_silent(void **state)
{
	int front = testns_new(), back = testns_new();
	int listener = testns_listen(back, "127.0.0.1:9001");
	struct relayproc *relay;

	(void)state;
	listen_full(back, RIG_BACK);
	relay = start(front, back, TESTNS_ARGV(RIG_BACK, "127.0.0.1:9001"),
	              TESTNS_ARGV("--connect-timeout", "200ms"));
	for (int i = 0; i < 4; i++) {
		int client = testns_connect(front, RIG_FRONT);

		transfer(client, testns_accept(listener));
	}
	assert_int_equal(relayproc_counter(relay, "connect_failures_total"), 2);
	assert_int_equal(relayproc_counter(relay, "connected_total"), 4);
}

static void client_that_leaves_before_the_answer_is_forgotten(void **state)
{
	int front = testns_new(), back = testns_new();
	struct relayproc *relay;

	(void)state;
	listen_full(back, RIG_BACK);
	relay = start(front, back, TESTNS_ARGV(RIG_BACK), TESTNS_ARGV("--connect-timeout", "300ms"));
	for (int i = 0; i < 3; i++)
		rig_reset(testns_connect(front, RIG_FRONT));
	relayproc_await_counter(relay, "accepted_total", 3);
	for (int i = 0; i < 3; i++) {
		struct relayproc_record closed;

		relayproc_await_record(relay, "closed", &closed);
	}
}

/* ---- which backend ---- */

static void expect_turns(struct relayproc *relay, int front, const char *const *fronts, size_t front_count,
                         const int listeners[BACKENDS], size_t rounds)
{
	size_t counts[BACKENDS] = {0};

	for (size_t i = 0; i < rounds * BACKENDS; i++) {
		struct pollfd fds[BACKENDS];
		int client = testns_connect(front, fronts[i % front_count]);

		for (size_t j = 0; j < BACKENDS; j++)
			fds[j] = (struct pollfd){listeners[j], POLLIN, 0};
		assert_int_equal(poll(fds, BACKENDS, TESTNS_PATIENCE_MS), 1);
		for (size_t j = 0; j < BACKENDS; j++) {
			if (fds[j].revents) {
				transfer(client, testns_accept(listeners[j]));
				counts[j]++;
			}
		}
	}
	for (size_t i = 0; i < BACKENDS; i++)
		assert_int_equal(counts[i], rounds);
	assert_int_equal(relayproc_counter(relay, "connected_total"), rounds * BACKENDS);
}

static void backends_take_turns(void **state)
{
	static const char *const fronts[] = {RIG_FRONT};
	int front = testns_new(), back = testns_new(), listeners[BACKENDS];
	struct relayproc *relay;

	(void)state;
	for (size_t i = 0; i < BACKENDS; i++)
		listeners[i] = testns_listen(back, backend(i));
	relay = start(front, back, TESTNS_ARGV(backend(0), backend(1), backend(2), backend(3)), NULL);
	expect_turns(relay, front, fronts, ARRAY_COUNT(fronts), listeners, 25);
}

static void listeners_of_a_relay_share_the_turns(void **state)
{
	static const char *const fronts[] = {"127.0.0.1:8001", "127.0.0.1:8002", "[::1]:8003"};
	int front = testns_new(), back = testns_new(), listeners[BACKENDS];
	struct relayproc *relay;

	(void)state;
	for (size_t i = 0; i < BACKENDS; i++)
		listeners[i] = testns_listen(back, backend(i));
	relay = relayproc_start(TESTNS_ARGV(
	        "--threads", "1", "--listen", relayproc_endpoint(front, fronts[0]), "--listen",
	        relayproc_endpoint(front, fronts[1]), "--listen", relayproc_endpoint(front, fronts[2]),
	        "--to", relayproc_endpoint(back, backend(0)), "--to", relayproc_endpoint(back, backend(1)),
	        "--to", relayproc_endpoint(back, backend(2)), "--to", relayproc_endpoint(back, backend(3))));
	expect_turns(relay, front, fronts, ARRAY_COUNT(fronts), listeners, 15);
}

/* Every pair of three namespaces, each relay with its own port: the bytes of one never reach another. */
static void relays_of_one_daemon_are_kept_apart(void **state)
{
	enum { PLACES = 3 };
	int places[PLACES], listeners[PLACES];
	char yaml[4096] = "relays:\n", address[32];
	size_t size = strlen(yaml);

	(void)state;
	for (size_t i = 0; i < PLACES; i++) {
		places[i] = testns_new();
		listeners[i] = testns_listen(places[i], RIG_BACK);
	}
	for (int i = 0; i < PLACES * PLACES; i++) {
		snprintf(address, sizeof(address), "127.0.0.1:%d", 8000 + i);
		size += (size_t)snprintf(yaml + size, sizeof(yaml) - size,
		                         "  - { name: r%d, listen: \"%s\", to: \"%s\" }\n", i,
		                         relayproc_endpoint(places[i / PLACES], address),
		                         relayproc_endpoint(places[i % PLACES], RIG_BACK));
	}
	relayproc_start_config(yaml);
	for (int i = 0; i < PLACES * PLACES; i++) {
		int client;

		snprintf(address, sizeof(address), "127.0.0.1:%d", 8000 + i);
		client = testns_connect(places[i / PLACES], address);
		transfer(client, testns_accept(listeners[i % PLACES]));
	}
}

/* ---- kinds of addresses ---- */

static void families_mix(void **state)
{
	static const char *const fronts[] = {"127.0.0.1:8000", "[::1]:8000"};
	static const char *const backs[] = {"127.0.0.1:9000", "[::1]:9000"};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(fronts) * ARRAY_COUNT(backs); i++) {
		const char *from = fronts[i % 2], *to = backs[i / 2];
		int front = testns_new(), back = testns_new(), listener = testns_listen(back, to), client;
		struct relayproc *relay = relayproc_start(TESTNS_ARGV(
		        "--listen", relayproc_endpoint(front, from), "--to", relayproc_endpoint(back, to)));

		client = testns_connect(front, from);
		transfer(client, testns_accept(listener));
		assert_int_equal(relayproc_stop(relay), 0);
	}
}

static void wildcard_listener_takes_both_families(void **state)
{
	int front = testns_new(), back = testns_new(), listener = testns_listen(back, RIG_BACK), client;

	(void)state;
	relayproc_start(TESTNS_ARGV("--listen", relayproc_endpoint(front, "[::]:8000"), "--to",
	                            relayproc_endpoint(back, RIG_BACK)));
	client = testns_connect(front, "127.0.0.1:8000");
	transfer(client, testns_accept(listener));
	client = testns_connect(front, "[::1]:8000");
	transfer(client, testns_accept(listener));
}

static char folder[32];

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test_relay.XXXXXX");
	return mkdtemp(folder) && chmod(folder, 0755) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = {"front", "back"};
	int rc = relayproc_teardown(state);

	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		char path[64];

		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
	return rc;
}

static struct sockaddr_un unix_address(const char *name)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s", folder, name);
	return addr;
}

static const char *unix_endpoint(const char *name)
{
	static char texts[2][64];
	static size_t next;
	char *text = texts[next++ % ARRAY_COUNT(texts)];

	snprintf(text, sizeof(texts[0]), "unix:%s/%s", folder, name);
	return text;
}

static int unix_listen(const char *name)
{
	struct sockaddr_un addr = unix_address(name);
	int fd = testns_keep_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));

	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

static int unix_connect(const char *name)
{
	struct sockaddr_un addr = unix_address(name);
	int fd = testns_keep_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));

	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		fail_msg("connect to %s: %s", addr.sun_path, strerror(errno));
	return fd;
}

/*
 * start_variant - a relay between two endpoints, in the lane that the test is run in
 * The timeout turns a stream whose end is noticed late into one that is reset.
 */
static struct relayproc *start_variant(void **state, const char *listen, const char *to)
{
	const struct variant *variant = rig_variant(state);

	return relayproc_start(TESTNS_ARGV("--lane", variant->lane, "--threads", variant->threads,
	                                   "--half-close-timeout", "1s", "--listen", listen, "--to", to));
}

static void unix_listener_leads_to_tcp(void **state)
{
	int back = testns_new(), listener = testns_listen(back, RIG_BACK);
	struct relayproc *relay = start_variant(state, unix_endpoint("front"),
	                                        relayproc_endpoint(back, RIG_BACK));

	for (int i = 0; i < 5; i++) {
		int client = unix_connect("front");

		transfer(client, testns_accept(listener));
	}
	assert_int_equal(relayproc_stop(relay), 0);
	assert_int_equal(access(unix_address("front").sun_path, F_OK), -1);
}

static void unix_backend_is_reached_from_tcp(void **state)
{
	int front = testns_new(), listener = unix_listen("back");

	start_variant(state, relayproc_endpoint(front, RIG_FRONT), unix_endpoint("back"));
	for (int i = 0; i < 5; i++) {
		int client = testns_connect(front, RIG_FRONT);

		transfer(client, testns_accept(listener));
	}
}

static void unix_leads_to_unix(void **state)
{
	int listener = unix_listen("back");
	struct relayproc *relay = start_variant(state, unix_endpoint("front"), unix_endpoint("back"));

	for (int i = 0; i < 5; i++) {
		int client = unix_connect("front");

		transfer(client, testns_accept(listener));
	}
	relayproc_await_counter(relay, "bytes_down_total", 5 * 200 * 1000);
	assert_int_equal(relayproc_counter(relay, "bytes_up_total"), 5 * 100 * 1000);
}

/* ---- socket options ---- */

static int option(int fd, int level, int name)
{
	int value = 0;
	socklen_t size = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &size), 0);
	return value;
}

/* expect_options - what the configuration below asks for, on the relay's socket at the other end of @fd */
static void expect_options(const struct relayproc *relay, int fd)
{
	int theirs = relayproc_socket_of(relay, fd);

	assert_true(option(theirs, IPPROTO_TCP, TCP_NODELAY));
	assert_true(option(theirs, SOL_SOCKET, SO_KEEPALIVE));
	assert_int_equal(option(theirs, IPPROTO_TCP, TCP_KEEPIDLE), 7);
	assert_int_equal(option(theirs, IPPROTO_TCP, TCP_KEEPINTVL), 3);
	assert_int_equal(option(theirs, IPPROTO_TCP, TCP_KEEPCNT), 2);
	assert_int_equal(option(theirs, IPPROTO_TCP, TCP_USER_TIMEOUT), 11000);
	testns_close(theirs);
}

static void both_sockets_have_every_tcp_option(void **state)
{
	char yaml[1024];
	int front = testns_new(), back = testns_new(), listener = testns_listen(back, RIG_BACK);
	struct relayproc *relay;

	(void)state;
	snprintf(
	        yaml, sizeof(yaml),
	        "relays: [ { name: r, listen: \"%s\", to: \"%s\" } ]\n"
	        "defaults: { tcp: { keepalive: { idle: 7s, interval: 3s, count: 2 }, user_timeout: 11s } }\n",
	        relayproc_endpoint(front, RIG_FRONT), relayproc_endpoint(back, RIG_BACK));
	relay = relayproc_start_config(yaml);
	/* The second connection's upstream socket may be one that the first has had. */
	for (int i = 0; i < 3; i++) {
		int client = testns_connect(front, RIG_FRONT), server = testns_accept(listener);

		testns_assert_connected(client, server);
		expect_options(relay, client);
		expect_options(relay, server);
		transfer(client, server);
	}
}

#define unix_test(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest once[] = {
	        relayproc_test(refusal_of_every_backend_is_a_reset),
	        relayproc_test(unreachable_backend_is_a_reset),
	        relayproc_test(missing_unix_backend_is_a_reset),
	        relayproc_test(next_backend_is_tried_when_one_fails),
	        relayproc_test(early_bytes_reach_the_backend_that_answers),
	        relayproc_test(silent_backend_is_a_connect_timeout),
	        relayproc_test(next_backend_is_tried_when_one_is_silent),
	        relayproc_test(client_that_leaves_before_the_answer_is_forgotten),
	        relayproc_test(backends_take_turns),
	        relayproc_test(listeners_of_a_relay_share_the_turns),
	        relayproc_test(relays_of_one_daemon_are_kept_apart),
	        relayproc_test(families_mix),
	        relayproc_test(wildcard_listener_takes_both_families),
	        relayproc_test(both_sockets_have_every_tcp_option),
	};
	const struct CMUnitTest rows[] = {
	        unix_test(unix_listener_leads_to_tcp),
	        unix_test(unix_backend_is_reached_from_tcp),
	        unix_test(unix_leads_to_unix),
	};
	struct CMUnitTest tests[RIG_VARIANTS * ARRAY_COUNT(rows)];
	int failures = cmocka_run_group_tests(once, NULL, NULL);

	rig_in_every_lane(rows, ARRAY_COUNT(rows), tests);
	failures += cmocka_run_group_tests(tests, NULL, NULL);
	return testns_result(failures);
}
