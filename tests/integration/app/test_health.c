/* SPDX-License-Identifier: Apache-2.0 */
/* Backends that die, hang, or answer nonsense while clients come, and what checks and ejection make of them. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "tests/integration/app/load.h"
#include "tests/lib/relayproc.h"

enum { CLIENTS = 4, DEATHS = 5 };

#define FRONT "127.0.0.1:80"
#define BACK  "127.0.0.1:80"

/* A backend in a process of its own, which can die; the other one, which never does, is the load's. */
static struct {
	int front, healthy_place, place, listener;
	pid_t pid;
	_Atomic uint64_t *served; /* clients, checks aside */
	struct relayproc *relay;
} here;

/* ---- the backend that falls ill ---- */

/* answer_one - who says PING hears @pong; anybody else gets his first byte back, as from the load's backend */
static void answer_one(const char *pong)
{
	char bytes[16];
	int fd = accept4(here.listener, NULL, NULL, SOCK_CLOEXEC);
	ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
	if (n >= 4 && memcmp(bytes, "PING", 4) == 0) {
		send(fd, pong, strlen(pong), MSG_NOSIGNAL);
	} else if (n > 0) {
		++*here.served;
		send(fd, bytes, 1, MSG_NOSIGNAL);
	}
	recv(fd, bytes, sizeof(bytes), 0); /* the other end's end */
	close(fd);
}

static void live(const char *pong)
{
	pid_t parent = getpid();
	here.listener = testns_listen(here.place, BACK);
	fflush(NULL);
	here.pid = fork();
	assert_true(here.pid >= 0);
	if (here.pid > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == parent)
		answer_one(pong);
	_exit(0);
}

static void end_process(void)
{
	if (here.pid <= 0)
		return;
	kill(here.pid, SIGKILL);
	waitpid(here.pid, NULL, 0);
	here.pid = 0;
}

/* die - what was under way is cut, and what comes is refused */
static void die(void)
{
	end_process();
	testns_close(here.listener);
}

static int teardown(void **state)
{
	end_process();
	return load_teardown(state);
}

/* ---- */

/* start - a pool of the two, @settings in the pool, and clients that come one after the other */
static const struct load_counts *start(const char *settings, const char *pong)
{
	char yaml[1024];
	memset(&here, 0, sizeof(here));
	here.front = testns_new();
	here.healthy_place = testns_new();
	here.place = testns_new();
	here.served = mmap(NULL, sizeof(*here.served), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(here.served, MAP_FAILED);
	/* First, for its processes would go on holding what is open already. */
	const struct load_counts *counts = load_start(here.front, here.healthy_place, FRONT, BACK, CLIENTS);
	live(pong);
	snprintf(yaml, sizeof(yaml),
		 "threads: 2\ndrain: 1s\nlog: { rate: 0 }\n"
		 "relays: [ { name: r, listen: \"%s\", to: p } ]\n"
		 "pools:\n  p:\n    %s\n    backends: [ \"%s\", \"%s\" ]\n",
		 relayproc_endpoint(here.front, FRONT), settings, relayproc_endpoint(here.healthy_place, BACK),
		 relayproc_endpoint(here.place, BACK));
	here.relay = relayproc_start_config(yaml);
	return counts;
}

static void await_turn(const char *message, const char *reason)
{
	struct relayproc_record record;
	char text[128];
	relayproc_await_record(here.relay, message, &record);
	relayproc_text(&record, "backend_netns", text, sizeof(text));
	strcat(text, "/" BACK);
	assert_string_equal(text, relayproc_endpoint(here.place, BACK));
	assert_string_equal(relayproc_text(&record, "pool", text, sizeof(text)), "p");
	if (reason)
		assert_string_equal(relayproc_text(&record, "reason", text, sizeof(text)), reason);
}

static void await_served(void)
{
	uint64_t goal = *here.served + 10;
	for (int i = 0; i < TESTNS_PATIENCE_MS && *here.served < goal; i++)
		usleep(1000);
	assert_true(*here.served >= goal);
}

#define FAST_CHECKS "health: { interval: 200ms, fast_interval: 50ms, timeout: 300ms, rise: 2, fall: 2"

static void backend_that_dies_costs_no_new_connection(void **state)
{
	(void)state;
	const struct load_counts *counts = start(FAST_CHECKS " }", "");
	load_await(50 * CLIENTS); /* long enough that each of them has counted what it met before */
	uint64_t refused_before = counts->refused; /* before the relay was there */
	for (int i = 0; i < DEATHS; i++) {
		await_served();
		die();
		await_turn("backend down", "Connection refused");
		load_await(20);
		live("");
		await_turn("backend up", NULL);
	}
	await_served();
	load_stop();
	assert_int_equal(counts->refused, refused_before);
	assert_int_equal(counts->failed, 0);
	assert_in_range(counts->cut, 0, DEATHS * CLIENTS); /* those that were under way */
}

#define ASKING_CHECKS FAST_CHECKS ", send: PING, expect: P }"

static void expect_down(const char *pong, const char *reason)
{
	const struct load_counts *counts = start(ASKING_CHECKS, pong);
	await_turn("backend down", reason);
	load_await(20);
	assert_int_equal(counts->failed, 0);
}

static void backend_that_answers_otherwise_goes_down(void **state)
{
	(void)state;
	expect_down("-LOADING", "another answer than expected");
}

static void backend_that_says_nothing_goes_down(void **state)
{
	(void)state;
	expect_down("", "no answer in time");
}

static void backend_that_hangs_goes_down_and_comes_back(void **state)
{
	(void)state;
	const struct load_counts *counts = start(ASKING_CHECKS, "PONG");
	await_served();
	kill(here.pid, SIGSTOP);
	await_turn("backend down", "no answer in time");
	kill(here.pid, SIGCONT);
	await_turn("backend up", NULL);
	await_served();
	assert_int_equal(counts->failed, 0);
}

static void ejected_backend_costs_its_clients_nothing_and_returns(void **state)
{
	(void)state;
	const struct load_counts *counts = start("ejection: { failures: 3, time: 100ms, time_max: 200ms }", "");
	load_await(CLIENTS);
	uint64_t refused_before = counts->refused;
	await_served();
	die();
	await_turn("backend ejected", NULL);
	load_await(20);
	await_turn("backend returned", NULL);
	await_turn("backend ejected", NULL);
	live("");
	await_turn("backend returned", NULL);
	await_served();
	load_stop();
	assert_int_equal(counts->refused, refused_before);
	assert_int_equal(counts->failed, 0);
	assert_in_range(counts->cut, 0, CLIENTS);
}

static void drain_ends_with_checks_under_way(void **state)
{
	(void)state;
	start(ASKING_CHECKS, "PONG");
	load_await(CLIENTS);
	kill(here.pid, SIGSTOP);
	load_stop();
	assert_int_equal(relayproc_stop(here.relay), 0);
}

/* ---- the example ---- */

static void example_does_what_it_says(void **state)
{
	struct relayproc_record record;
	(void)state;
	memset(&here, 0, sizeof(here));
	here.front = testns_new_named("web");
	testns_new_named("app-1");
	int healthy = testns_new_named("app-2");
	/* Nobody listens in app-1, and in app-2 the shop does: what the cache's backup would answer does not matter. */
	load_start(here.front, healthy, "127.0.0.1:8080", "127.0.0.1:80", CLIENTS);
	here.relay = relayproc_start_example("health.yaml", "");
	load_await(4 * CLIENTS);
	for (int i = 0; i < 3; i++) { /* both of the cache's, and the shop's in app-1 */
		relayproc_await_record(here.relay, "backend down", &record);
		char text[128];
		assert_string_equal(relayproc_text(&record, "reason", text, sizeof(text)), "Connection refused");
	}
	load_await(CLIENTS);
}

#define HEALTH_TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HEALTH_TEST(backend_that_dies_costs_no_new_connection),
		HEALTH_TEST(backend_that_answers_otherwise_goes_down),
		HEALTH_TEST(backend_that_says_nothing_goes_down),
		HEALTH_TEST(backend_that_hangs_goes_down_and_comes_back),
		HEALTH_TEST(ejected_backend_costs_its_clients_nothing_and_returns),
		HEALTH_TEST(drain_ends_with_checks_under_way),
		HEALTH_TEST(example_does_what_it_says),
	};
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
