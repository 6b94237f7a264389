/* SPDX-License-Identifier: Apache-2.0 */
/* Connections in slices: what a relay thread copies, and how it is asked. */
#include "relay/inspect.h"

#include <poll.h>

#include "tests/unit/relay/rig.h"

enum { PAIRS = 2 * INSPECT_ROWS + 3 };

static struct rig rig;
static struct inspect_slice slice;

static void open_default(void)
{
	struct rig_options options = rig_defaults();
	rig_open(&rig, &options);
}

/* next_slice - from where the last one ended */
static void next_slice(void)
{
	slice.count = 0;
	slice.doorbell_fd = -1;
	atomic_store(&slice.full, false);
	inspect_fill(&rig.worker, &slice);
	assert_true(atomic_load(&slice.full));
}

static void first_slice(void)
{
	slice = (struct inspect_slice){0};
	next_slice();
}

static void each_connection_is_in_one_slice(void **state)
{
	bool seen[PAIRS] = {false};
	uint32_t slices = 1, total = 0;
	(void)state;
	open_default();
	for (int i = 0; i < PAIRS; i++)
		rig_pair(&rig, RIG_AUTO);
	for (first_slice();; next_slice(), slices++) {
		for (uint32_t i = 0; i < slice.count; i++) {
			uint64_t slot = slice.rows[i].id & (SLAB_CAPACITY_MAX - 1);
			assert_true(slot < PAIRS && !seen[slot]);
			seen[slot] = true;
		}
		total += slice.count;
		if (slice.last)
			break;
	}
	assert_int_equal(total, PAIRS);
	assert_int_equal(slices, 3);
	rig_close(&rig);
}

static void slice_tells_bytes_addresses_and_lanes(void **state)
{
	(void)state;
	open_default();
	struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
	rig_transfer(&rig, pair.client, 100);
	rig_transfer(&rig, pair.server, 70);
	first_slice();
	assert_int_equal(slice.count, 1);
	assert_true(slice.last);
	const struct inspect_connection *row = &slice.rows[0];
	assert_int_equal(row->state, SESSION_OPEN);
	assert_int_equal(row->sides[SIDE_CLIENT].bytes, 100);
	assert_int_equal(row->sides[SIDE_SERVER].bytes, 70);
	assert_int_equal(row->sides[SIDE_CLIENT].remote.family, AF_INET);
	assert_true(row->sides[SIDE_CLIENT].has_tcp && row->sides[SIDE_SERVER].has_tcp);
	assert_string_equal(inspect_lane_name(row->sides[SIDE_CLIENT].lane), "interactive");
	assert_string_equal(inspect_state_name(row->state), "open");
	rig_close(&rig);
}

static void connection_without_a_backend_yet_is_told(void **state)
{
	(void)state;
	open_default();
	rig.source.delay_ns = 1000 * RIG_MS;
	struct rig_peer *client = rig_dial(&rig, RIG_UNIX);
	assert_non_null(client);
	rig_turn(&rig);
	first_slice();
	assert_int_equal(slice.count, 1);
	assert_int_equal(slice.rows[0].state, SESSION_WAITING);
	assert_int_equal(slice.rows[0].sides[SIDE_SERVER].remote.family, AF_UNSPEC);
	rig_close(&rig);
}

/* ---- the asker ---- */

static struct inspect inspect;
static struct mailbox mailbox;

static void open_inspect(void)
{
	static const struct limits limits = {.threads = 1};
	assert_int_equal(inspect_init(&inspect, NULL, &limits), 0);
	assert_int_equal(mailbox_open(&mailbox), 0);
	inspect.threads[0].mailbox = &mailbox;
}

static void close_inspect(void)
{
	inspect_fini(&inspect);
	mailbox_close(&mailbox);
}

static bool rings(void)
{
	struct pollfd pollfd = {.fd = inspect.doorbell_fd, .events = POLLIN};
	return poll(&pollfd, 1, 0) == 1;
}

static void slice_is_lent_by_mailbox_and_comes_back_with_a_ring(void **state)
{
	struct message message;
	(void)state;
	open_default();
	open_inspect();
	slice = (struct inspect_slice){0};
	assert_true(inspect_ask(&inspect, 0, &slice));
	assert_false(inspect_answered(&inspect, &slice) || rings());
	assert_true(mailbox_take(&mailbox, &message));
	assert_int_equal(message.type, WORKER_INSPECT);
	inspect_fill(&rig.worker, (struct inspect_slice *)(uintptr_t)message.value);
	assert_true(inspect_answered(&inspect, &slice) && rings());
	assert_true(slice.last);
	close_inspect();
	rig_close(&rig);
}

static void thread_that_has_ended_has_no_connections(void **state)
{
	(void)state;
	open_inspect();
	slice = (struct inspect_slice){.count = 7};
	assert_true(inspect_ask(&inspect, 0, &slice));
	assert_false(inspect_answered(&inspect, &slice));
	inspect_thread_ended(&inspect, 0);
	assert_true(rings());
	assert_true(inspect_answered(&inspect, &slice));
	assert_true(slice.last);
	assert_int_equal(slice.count, 0);
	close_inspect();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_connection_is_in_one_slice),
	        cmocka_unit_test(slice_tells_bytes_addresses_and_lanes),
	        cmocka_unit_test(connection_without_a_backend_yet_is_told),
	        cmocka_unit_test(slice_is_lent_by_mailbox_and_comes_back_with_a_ring),
	        cmocka_unit_test(thread_that_has_ended_has_no_connections),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
