/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that the real relay asks for after it has said "ready": none where it relays. That it maps none past
 * malloc(3) either, with mmap(2) or brk(2), is seen in test_system_calls.c, which knows every call there is.
 */
#include <stdlib.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "tests/cost/allocations.h"
#include "tests/cost/cost.h"
#include "tests/integration/relay/rig.h"
#include "tests/integration/relay/stream.h"

enum { CONNECTIONS = 200, AT_ONCE = 50, MESSAGES = 20, TRANSFER = 20 << 20 };

static const struct allocations *allocations;

/* count_relay - have the relays of this test counted */
static void count_relay(void)
{
	char path[64];
	int fd = testns_keep_fd(memfd_create("allocations", MFD_CLOEXEC));

	assert_int_equal(ftruncate(fd, sizeof(*allocations)), 0);
	allocations = mmap(NULL, sizeof(*allocations), PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(allocations, MAP_FAILED);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
	setenv(ALLOCATIONS_FILE, path, 1);
	setenv("NSRELAY_BINARY", NSRELAY_COUNTED_BINARY, 1);
}

static int teardown(void **state)
{
	unsetenv(ALLOCATIONS_FILE);
	unsetenv("NSRELAY_BINARY");
	if (allocations)
		munmap((void *)(uintptr_t)allocations, sizeof(*allocations));
	allocations = NULL;
	return relayproc_teardown(state);
}

/* ---- what a relay does ---- */

static void exchange_messages(const struct pair *pair)
{
	for (int i = 0; i < MESSAGES; i++)
		testns_assert_connected(pair->client, pair->server);
}

/* transfer - so much both ways that a receiver is full at times, and lanes change */
static void transfer(const struct pair *pair)
{
	struct stream streams[] = {
	        {.from = pair->client, .to = pair->server, .tag = 1, .size = TRANSFER},
	        {.from = pair->server, .to = pair->client, .tag = 2, .size = TRANSFER},
	};

	stream_run(streams, ARRAY_COUNT(streams));
}

/* Messages, a transfer by one of them, an end by either side or by a reset. */
static void use_connections(const struct rig *rig, unsigned count)
{
	struct pair pairs[AT_ONCE];

	for (unsigned i = 0; i < count; i++)
		pairs[i] = rig_connect(rig);
	for (unsigned i = 0; i < count; i++)
		exchange_messages(&pairs[i]);
	transfer(&pairs[0]);
	for (unsigned i = 0; i < count; i++) {
		if (i % 3 == 0)
			rig_reset(pairs[i].client);
		else
			testns_close(i % 3 == 1 ? pairs[i].client : pairs[i].server);
		testns_close(i % 3 == 2 ? pairs[i].client : pairs[i].server);
	}
}

/* ---- the test ---- */

static void relaying_takes_no_memory(void **state)
{
	static const char *const names[ALLOCATIONS_ROLES] = {"relay: allocations", "log: allocations",
	                                                     "broker: allocations"};
	uint64_t before[ALLOCATIONS_ROLES];
	struct rig rig;

	testns_require_root();
	count_relay();
	rig_start(&rig, state, NULL);
	for (int i = 0; i < ALLOCATIONS_ROLES; i++) {
		before[i] = allocations->counts[i];
		print_message("%s before it was ready: %llu\n", names[i], (unsigned long long)before[i]);
	}
	assert_true(before[ALLOCATIONS_RELAY] > 0); /* it does count */
	for (unsigned i = 0; i < CONNECTIONS; i += AT_ONCE)
		use_connections(&rig, AT_ONCE);
	relayproc_await_counter(rig.relay, "accepted_total", CONNECTIONS);
	for (int i = 0; i < ALLOCATIONS_ROLES; i++)
		cost_check("connection", names[i], allocations->counts[i] - before[i], CONNECTIONS);
	cost_verdict();
}

#define every_lane(function) cmocka_unit_test_teardown(function, teardown)

int main(void)
{
	const struct CMUnitTest claims[] = {every_lane(relaying_takes_no_memory)};
	struct CMUnitTest tests[ARRAY_COUNT(claims) * RIG_VARIANTS];

	rig_in_every_lane(claims, ARRAY_COUNT(claims), tests);
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}
