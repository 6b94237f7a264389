/* SPDX-License-Identifier: Apache-2.0 */
/* How pools choose, each backend in a namespace of its own, and what happens when backends die. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "tests/integration/relay/rig.h"

enum { BACKENDS = 3, HELD_MAX = 24 };

/* One relay before BACKENDS servers. */
static struct {
	int front, places[BACKENDS], listeners[BACKENDS];
	struct relayproc *relay;
	int clients[HELD_MAX], servers[HELD_MAX]; /* connections that last, in the order of their making */
	size_t held;
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

/* start - @pool: keys of the pool but backends; @keys: of each backend but its address, NULL: none; @threads */
static void start(const char *pool, const char *const keys[BACKENDS], int threads)
{
	char yaml[2048];
	size_t size = (size_t)snprintf(yaml, sizeof(yaml),
	                               "threads: %d\n"
	                               "relays: [ { name: r, listen: \"%s\", to: p } ]\n"
	                               "pools:\n  p:\n    %s\n    backends:\n",
	                               threads, relayproc_endpoint(here.front, "0.0.0.0:8000"), pool);

	for (size_t i = 0; i < BACKENDS; i++)
		size += (size_t)snprintf(yaml + size, sizeof(yaml) - size, "    - { address: \"%s\"%s }\n",
		                         relayproc_endpoint(here.places[i], RIG_BACK), keys ? keys[i] : "");
	here.relay = relayproc_start_config(yaml);
}

/* die - backend @index refuses from now on; live - it listens again */
static void die(size_t index)
{
	testns_close(here.listeners[index]);
	here.listeners[index] = -1;
}

static void live(size_t index)
{
	here.listeners[index] = testns_listen(here.places[index], RIG_BACK);
}

/* accept_any - the next connection to any of @listeners; ret_index: to which one */
static int accept_any(const int listeners[BACKENDS], size_t *ret_index)
{
	struct pollfd fds[BACKENDS];

	for (size_t i = 0; i < BACKENDS; i++)
		fds[i] = (struct pollfd){listeners[i], POLLIN, 0};
	assert_int_equal(poll(fds, BACKENDS, TESTNS_PATIENCE_MS), 1);
	for (*ret_index = 0; !fds[*ret_index].revents;)
		++*ret_index;
	return testns_accept(listeners[*ret_index]);
}

/* serve - the backend that @client is relayed to; both ends stay open */
static size_t serve(int client)
{
	size_t index;
	int server = accept_any(here.listeners, &index);

	assert_true(here.held < HELD_MAX);
	testns_assert_connected(client, server);
	here.clients[here.held] = client;
	here.servers[here.held++] = server;
	return index;
}

static size_t connect_once(void)
{
	return serve(testns_connect(here.front, RIG_FRONT));
}

/* let_go - end connection @number, and wait until the relay has counted that */
static void let_go(size_t number)
{
	struct relayproc_record closed;

	testns_close(here.clients[number]);
	rig_expect_end(here.servers[number]);
	testns_close(here.servers[number]);
	relayproc_await_closed(here.relay, "client_closed", &closed);
}

static void pass(void)
{
	let_go(here.held - 1);
	here.held--;
}

static void expect_counts(const size_t counts[BACKENDS], size_t a, size_t b, size_t c)
{
	assert_int_equal(counts[0], a);
	assert_int_equal(counts[1], b);
	assert_int_equal(counts[2], c);
}

/* ---- policies ---- */

static void turns_have_the_weights(void **state)
{
	size_t counts[BACKENDS] = {0};

	(void)state;
	make_places();
	start("balance: round_robin", (const char *const[]){", weight: 5", "", ", weight: 2"}, 1);
	for (size_t i = 0; i < 5 * 8; i++) {
		counts[connect_once()]++;
		pass();
	}
	expect_counts(counts, 5 * 5, 5, 5 * 2);
}

static void log_tells_the_chosen_backend(void **state)
{
	char text[128];
	struct relayproc_record closed;

	(void)state;
	make_places();
	start("balance: source_hash", NULL, 1);
	for (size_t i = 0; i < 3; i++) {
		size_t chosen = connect_once();

		testns_close(here.clients[i]);
		testns_close(here.servers[i]);
		relayproc_await_closed(here.relay, "client_closed", &closed);
		relayproc_text(&closed, "backend_netns", text, 64);
		strcat(text, "/" RIG_BACK);
		assert_string_equal(text, relayproc_endpoint(here.places[chosen], RIG_BACK));
	}
}

/* Two threads accept, and both count: neither would level out the other's connections by itself. */
static void least_connections_level_out_over_all_threads(void **state)
{
	size_t counts[BACKENDS] = {0};

	(void)state;
	make_places();
	start("balance: least_connections", NULL, 2);
	for (size_t i = 0; i < 6 * BACKENDS; i++)
		counts[connect_once()]++;
	expect_counts(counts, 6, 6, 6);
}

static void connection_that_ends_makes_room(void **state)
{
	size_t chosen[BACKENDS];

	(void)state;
	make_places();
	start("balance: least_connections", NULL, 2);
	for (size_t i = 0; i < BACKENDS; i++)
		chosen[i] = connect_once();
	let_go(1);
	assert_int_equal(connect_once(), chosen[1]);
	let_go(0);
	assert_int_equal(connect_once(), chosen[0]);
}

/* Of a backend that is twice as strong, twice as many connections are as good. */
static void least_connections_have_the_weights(void **state)
{
	size_t counts[BACKENDS] = {0};

	(void)state;
	make_places();
	start("balance: least_connections", (const char *const[]){"", ", weight: 2", ", weight: 3"}, 2);
	for (size_t i = 0; i < 3 * 6; i++)
		counts[connect_once()]++;
	expect_counts(counts, 3, 6, 9);
}

/* Of two that are no backups, the two choices are always the same two. */
static void two_choices_take_the_better_one(void **state)
{
	size_t counts[BACKENDS] = {0};

	(void)state;
	make_places();
	start("balance: two_choices", (const char *const[]){"", "", ", backup: true"}, 2);
	for (size_t i = 0; i < 20; i++)
		counts[connect_once()]++;
	expect_counts(counts, 10, 10, 0);
}

static const char *source(char text[32], unsigned number)
{
	snprintf(text, 32, "127.0.1.%u", number + 1);
	return text;
}

static size_t connect_from(unsigned number)
{
	char text[32];
	size_t index = serve(testns_connect_from(here.front, source(text, number), RIG_FRONT));

	pass();
	return index;
}

static void client_keeps_its_backend(void **state)
{
	enum { CLIENTS = 60 };
	size_t chosen[CLIENTS], counts[BACKENDS] = {0};

	(void)state;
	make_places();
	start("balance: source_hash", NULL, 2);
	for (unsigned i = 0; i < CLIENTS; i++)
		counts[chosen[i] = connect_from(i)]++;
	for (size_t i = 0; i < BACKENDS; i++)
		assert_in_range(counts[i], 1, CLIENTS - 2);
	/* Also by a relay that has been started anew; and when a backend dies, only its own clients go elsewhere. */
	assert_int_equal(relayproc_stop(here.relay), 0);
	start("balance: source_hash", NULL, 1);
	for (unsigned i = 0; i < CLIENTS; i++)
		assert_int_equal(connect_from(i), chosen[i]);
	die(2);
	for (unsigned i = 0; i < CLIENTS; i++) {
		size_t now = connect_from(i);

		assert_true(chosen[i] == 2 ? now != 2 : now == chosen[i]);
		assert_int_equal(connect_from(i), now);
	}
}

/* ---- dead backends ---- */

static void backups_serve_when_all_others_fail(void **state)
{
	(void)state;
	make_places();
	start("balance: round_robin", (const char *const[]){", backup: true", "", ""}, 1);
	for (size_t i = 0; i < 6; i++) {
		assert_int_not_equal(connect_once(), 0);
		pass();
	}
	die(1);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(connect_once(), 2);
		pass();
	}
	die(2);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(connect_once(), 0);
		pass();
	}
	live(1);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(connect_once(), 1);
		pass();
	}
}

static void retries_end_the_search(void **state)
{
	static const struct {
		const char *pool;
		uint64_t attempts;
	} rows[] = {{"retries: 0", 1}, {"retries: 1", 2}, {"retries: 2", 3}, {"balance: two_choices", 3}};

	(void)state;
	make_places();
	for (size_t i = 0; i < BACKENDS; i++)
		die(i);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct relayproc_record closed;

		start(rows[i].pool, NULL, 1);
		rig_expect_reset(testns_connect(here.front, RIG_FRONT));
		relayproc_await_closed(here.relay, "connect_failed", &closed);
		assert_int_equal(relayproc_counter(here.relay, "connect_failures_total"), rows[i].attempts);
		assert_int_equal(relayproc_stop(here.relay), 0);
	}
}

static void every_policy_finds_the_one_that_lives(void **state)
{
	static const char *const pools[] = {"balance: round_robin", "balance: least_connections",
	                                    "balance: two_choices", "balance: source_hash"};

	(void)state;
	make_places();
	die(0);
	die(1);
	for (size_t i = 0; i < ARRAY_COUNT(pools); i++) {
		start(pools[i], NULL, 1);
		for (int j = 0; j < 5; j++) {
			assert_int_equal(connect_once(), 2);
			pass();
		}
		assert_int_equal(relayproc_stop(here.relay), 0);
	}
}

/* ---- the example ---- */

static void example_does_what_it_says(void **state)
{
	static const char *const names[BACKENDS] = {"app-1", "app-2", "app-3"};
	size_t counts[BACKENDS] = {0};

	(void)state;
	memset(&here, 0, sizeof(here));
	here.front = testns_new_named("front");
	for (size_t i = 0; i < BACKENDS; i++) {
		here.places[i] = testns_new_named(names[i]);
		here.listeners[i] = testns_listen(here.places[i], "127.0.0.1:80");
	}
	/* Each thread has turns of its own. */
	here.relay = relayproc_start_example("balance-policies.yaml", "threads: 1\n");
	for (size_t i = 0; i < 8; i++)
		counts[serve(testns_connect(here.front, "127.0.0.1:8001"))]++;
	expect_counts(counts, 6, 2, 0);
	for (size_t i = 0; i < BACKENDS; i++)
		counts[serve(testns_connect(here.front, "127.0.0.1:8002"))]++;
	expect_counts(counts, 7, 3, 1);
	serve(testns_connect(here.front, "127.0.0.1:8003"));
	assert_int_equal(serve(testns_connect_from(here.front, "127.0.0.7", "127.0.0.1:8004")),
	                 serve(testns_connect_from(here.front, "127.0.0.7", "127.0.0.1:8004")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        relayproc_test(turns_have_the_weights),
	        relayproc_test(log_tells_the_chosen_backend),
	        relayproc_test(least_connections_level_out_over_all_threads),
	        relayproc_test(connection_that_ends_makes_room),
	        relayproc_test(least_connections_have_the_weights),
	        relayproc_test(two_choices_take_the_better_one),
	        relayproc_test(client_keeps_its_backend),
	        relayproc_test(backups_serve_when_all_others_fail),
	        relayproc_test(retries_end_the_search),
	        relayproc_test(every_policy_finds_the_one_that_lives),
	        relayproc_test(example_does_what_it_says),
	};
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
