/* SPDX-License-Identifier: Apache-2.0 */
/* Who of a pool gets connections, and how many: states of backends, limits, the queue before them, clients that return. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "tests/integration/relay/rig.h"

enum { BACKENDS = 3, CLIENTS_MAX = 400 };

/* One relay before BACKENDS servers. */
static struct {
	int front, places[BACKENDS], listeners[BACKENDS];
	struct relayproc *relay;
	int clients[CLIENTS_MAX];
} here;

static void make_places(void)
{
	memset(&here, 0, sizeof(here));
	here.front = testns_new();
	for (size_t i = 0; i < BACKENDS; i++) {
		here.places[i] = testns_new();
		here.listeners[i] = testns_listen(here.places[i], RIG_BACK);
	}
}

/* start - @pool: keys of the pool but backends; @keys: of each backend but its address, for as many as there are */
static void start(const char *pool, const char *const keys[], size_t count, int threads)
{
	char yaml[2048];
	size_t size = (size_t)snprintf(yaml, sizeof(yaml),
	                               "threads: %d\n"
	                               "relays: [ { name: r, listen: \"%s\", to: p } ]\n"
	                               "pools:\n  p:\n    %s\n    backends:\n",
	                               threads, relayproc_endpoint(here.front, "0.0.0.0:8000"), pool);

	for (size_t i = 0; i < count; i++)
		size += (size_t)snprintf(yaml + size, sizeof(yaml) - size, "    - { address: \"%s\", %s }\n",
		                         relayproc_endpoint(here.places[i], RIG_BACK), keys[i]);
	here.relay = relayproc_start_config(yaml);
}

/* accept_any - the next connection to any server; ret_index: to which one */
static int accept_any(size_t *ret_index)
{
	struct pollfd fds[BACKENDS];

	for (size_t i = 0; i < BACKENDS; i++)
		fds[i] = (struct pollfd){here.listeners[i], POLLIN, 0};
	assert_in_range(poll(fds, BACKENDS, TESTNS_PATIENCE_MS), 1, BACKENDS);
	for (*ret_index = 0; !fds[*ret_index].revents;)
		++*ret_index;
	return testns_accept(here.listeners[*ret_index]);
}

/* serve - the backend that @client is relayed to; ret_server: its end */
static size_t serve(int client, int *ret_server)
{
	size_t index;

	*ret_server = accept_any(&index);
	testns_assert_connected(client, *ret_server);
	return index;
}

static int dial(void)
{
	return testns_connect(here.front, RIG_FRONT);
}

/* ---- states ---- */

static void backends_that_are_not_ready_get_nothing(void **state)
{
	(void)state;
	make_places();
	start("balance: round_robin", (const char *const[]){"state: drain", "state: ready", "state: maintenance"}, 3, 1);
	for (int i = 0; i < 6; i++) {
		int server;

		assert_int_equal(serve(dial(), &server), 1);
	}
}

static void client_is_refused_when_no_backend_is_ready(void **state)
{
	struct relayproc_record closed;

	(void)state;
	make_places();
	start("balance: source_hash", (const char *const[]){"state: drain", "state: maintenance"}, 2, 1);
	rig_expect_reset(dial());
	relayproc_await_closed(here.relay, "no_backend", &closed);
}

/* ---- limits ---- */

static const char *const most[] = {"max_connections: 1", "max_connections: 2", "max_connections: 1, backup: true"};

static void full_backends_are_passed_over_and_the_rest_waits(void **state)
{
	int clients[3], servers[3];
	size_t counts[BACKENDS] = {0}, index;
	struct relayproc_record closed;

	(void)state;
	make_places();
	start("queue: { length: 1 }", most, BACKENDS, 2);
	for (size_t i = 0; i < 3; i++)
		counts[serve(clients[i] = dial(), &servers[i])]++;
	assert_int_equal(counts[0], 1);
	assert_int_equal(counts[1], 2);
	/* The backup is not for those that wait. */
	int waiting = dial();
	relayproc_await_counter(here.relay, "queued_total", 1);
	rig_expect_reset(dial());
	relayproc_await_closed(here.relay, "queue_full", &closed);
	rig_reset(servers[1]);
	int server = accept_any(&index);
	assert_in_range(index, 0, 1);
	testns_assert_connected(waiting, server);
}

static void client_does_not_wait_longer_than_the_timeout(void **state)
{
	struct relayproc_record closed;
	int server;

	(void)state;
	make_places();
	start("queue: { timeout: 200ms }", most, 1, 1);
	serve(dial(), &server);
	rig_expect_reset(dial());
	relayproc_await_closed(here.relay, "queue_timeout", &closed);
}

static void client_that_resets_leaves_the_queue(void **state)
{
	struct relayproc_record closed;
	int server;

	(void)state;
	make_places();
	start("queue: { length: 1 }", most, 1, 1);
	int first = dial();
	serve(first, &server);
	int gone = dial();
	relayproc_await_counter(here.relay, "queued_total", 1);
	rig_reset(gone);
	relayproc_await_closed(here.relay, "client_reset", &closed);
	int waiting = dial();
	relayproc_await_counter(here.relay, "queued_total", 2);
	rig_reset(first);
	serve(waiting, &server);
}

static void longest_waiting_goes_on_first(void **state)
{
	enum { WAITING = 8 };
	int clients[WAITING + 1], server;

	(void)state;
	make_places();
	start("queue: { length: 64 }", most, 1, 4);
	serve(clients[0] = dial(), &server);
	for (size_t i = 1; i <= WAITING; i++) {
		clients[i] = dial();
		relayproc_await_counter(here.relay, "queued_total", i);
	}
	for (size_t i = 1; i <= WAITING; i++) {
		rig_reset(server);
		serve(clients[i], &server);
	}
}

/*
 * Room is made and taken by four threads at once, as fast as they can. Were a single wake-up lost, the last ones would wait
 * until the test's patience is over. The server holds what it may have before it lets one go.
 */
static void no_client_is_forgotten_in_the_queue(void **state)
{
	enum { MOST = 3 };
	int held[MOST];
	size_t index;

	(void)state;
	make_places();
	start("queue: { length: 1000, timeout: 0s }", (const char *const[]){"max_connections: 3"}, 1, 4);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		here.clients[i] = dial();
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct pollfd more = {here.listeners[0], POLLIN, 0};

		if (i >= MOST) {
			assert_int_equal(poll(&more, 1, 0), 0);
			rig_reset(held[i % MOST]);
		}
		held[i % MOST] = accept_any(&index);
	}
	for (size_t i = CLIENTS_MAX; i < CLIENTS_MAX + MOST; i++)
		rig_reset(held[i % MOST]);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		rig_expect_reset(here.clients[i]);
	assert_in_range(relayproc_counter(here.relay, "queued_total"), 1, CLIENTS_MAX - MOST);
}

/* ---- clients that return ---- */

/* connect_from - by which backend client @number is served, for a moment */
static size_t connect_from(unsigned number, const char *address)
{
	char source[32];
	int server;

	snprintf(source, sizeof(source), "127.0.1.%u", number + 1);
	int client = testns_connect_from(here.front, source, address);
	size_t index = serve(client, &server);
	testns_close(client);
	rig_expect_end(server);
	testns_close(server);
	return index;
}

static void client_returns_to_the_backend_it_had(void **state)
{
	enum { CLIENTS = 30 };
	static const char *const ready[BACKENDS] = {"weight: 1", "weight: 1", "weight: 1"};
	size_t had[CLIENTS], counts[BACKENDS] = {0};

	(void)state;
	make_places();
	start("sticky: { by: source }", ready, BACKENDS, 2);
	for (unsigned i = 0; i < CLIENTS; i++)
		counts[had[i] = connect_from(i, RIG_FRONT)]++;
	for (size_t i = 0; i < BACKENDS; i++)
		assert_in_range(counts[i], 1, CLIENTS);
	for (unsigned i = 0; i < 3 * CLIENTS; i++)
		assert_int_equal(connect_from(i % CLIENTS, RIG_FRONT), had[i % CLIENTS]);
	/* One that fails is left for good. */
	testns_close(here.listeners[1]);
	here.listeners[1] = -1;
	for (unsigned i = 0; i < CLIENTS; i++) {
		size_t now = connect_from(i, RIG_FRONT);

		assert_true(had[i] == 1 ? now != 1 : now == had[i]);
		had[i] = now;
	}
	here.listeners[1] = testns_listen(here.places[1], RIG_BACK);
	for (unsigned i = 0; i < CLIENTS; i++)
		assert_int_equal(connect_from(i, RIG_FRONT), had[i]);
}

static void client_of_a_full_backend_goes_elsewhere(void **state)
{
	size_t index, first;
	struct relayproc_record closed;

	(void)state;
	make_places();
	start("sticky: { by: source }",
	      (const char *const[]){"max_connections: 1", "max_connections: 1"}, 2, 1);
	first = connect_from(1, RIG_FRONT);
	relayproc_await_closed(here.relay, "client_closed", &closed);
	int held = testns_connect_from(here.front, "127.0.1.2", RIG_FRONT), server;
	assert_int_equal(serve(held, &server), first);
	index = connect_from(1, RIG_FRONT);
	assert_int_not_equal(index, first);
	relayproc_await_closed(here.relay, "client_closed", &closed);
	testns_close(held);
	rig_expect_end(server);
	testns_close(server);
	relayproc_await_closed(here.relay, "client_closed", &closed);
	assert_int_equal(connect_from(1, RIG_FRONT), index);
}

/* ---- the example ---- */

static void example_does_what_it_says(void **state)
{
	static const char *const names[] = {"app-1", "app-2"};
	static const char *const ports[BACKENDS] = {"127.0.0.1:80", "127.0.0.1:80", "127.0.0.1:81"};
	size_t counts[BACKENDS] = {0}, index;
	int servers[3];

	(void)state;
	memset(&here, 0, sizeof(here));
	here.front = testns_new_named("front");
	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		here.places[i] = testns_new_named(names[i]);
	here.places[2] = here.places[1];
	for (size_t i = 0; i < BACKENDS; i++)
		here.listeners[i] = testns_listen(here.places[i], ports[i]);
	here.relay = relayproc_start_example("balance-limits.yaml", "threads: 2\n");
	for (size_t i = 0; i < 3; i++)
		counts[serve(testns_connect(here.front, "127.0.0.1:8001"), &servers[i])]++;
	assert_int_equal(counts[0], 1);
	assert_int_equal(counts[1], 2);
	int waiting = testns_connect(here.front, "127.0.0.1:8001");
	relayproc_await_counter(here.relay, "queued_total", 1);
	testns_connect(here.front, "127.0.0.1:8001");
	relayproc_await_counter(here.relay, "queued_total", 2);
	rig_expect_reset(testns_connect(here.front, "127.0.0.1:8001"));
	rig_reset(servers[0]);
	testns_assert_connected(waiting, accept_any(&index));
	for (unsigned i = 0; i < 6; i++) {
		index = connect_from(i, "127.0.0.1:8002");
		assert_in_range(index, 0, 1);
		assert_int_equal(connect_from(i, "127.0.0.1:8002"), index);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        relayproc_test(backends_that_are_not_ready_get_nothing),
	        relayproc_test(client_is_refused_when_no_backend_is_ready),
	        relayproc_test(full_backends_are_passed_over_and_the_rest_waits),
	        relayproc_test(client_does_not_wait_longer_than_the_timeout),
	        relayproc_test(client_that_resets_leaves_the_queue),
	        relayproc_test(longest_waiting_goes_on_first),
	        relayproc_test(no_client_is_forgotten_in_the_queue),
	        relayproc_test(client_returns_to_the_backend_it_had),
	        relayproc_test(client_of_a_full_backend_goes_elsewhere),
	        relayproc_test(example_does_what_it_says),
	};
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
