/* SPDX-License-Identifier: Apache-2.0 */
/* Connections in slices: what a relay thread copies, and how it is asked. */
#include "relay/inspect.h"
#include "relay/state_names.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/relay/rig.h"

enum { PAIRS = 2 * INSPECT_DETAILED + 3 };

static struct rig rig;
static struct inspect_slice slice;

static void open_default(void)
{
	struct rig_options options = rig_defaults();
	options.connections = 2 * INSPECT_KILLS;
	rig_open(&rig, &options);
	for (int i = 0; i < RIG_RELAYS; i++) {
		struct config_relay *relay = &rig.config.relays[i];
		snprintf(relay->name, sizeof(relay->name), "relay%d", i);
		snprintf(rig.config.pools[relay->pool].name, CONFIG_NAME_MAX, "pool%d", i);
	}
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
	slice = (struct inspect_slice){.wish = INSPECT_DETAILS};
	next_slice();
}

/* count_fitting - those connections that fit @filter */
static uint32_t count_fitting(const struct session_filter *filter)
{
	slice = (struct inspect_slice){.filter = *filter};
	next_slice();
	assert_true(slice.last);
	return slice.count;
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
	assert_string_equal(flow_state_name(row->sides[SIDE_CLIENT].lane), "interactive");
	assert_string_equal(session_state_name(row->state), "open");
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

/* ---- some of them ---- */

static struct session_filter of_backend(const char *text)
{
	struct session_filter filter = {0};
	struct err err = ERR_INIT;
	assert_int_equal(session_filter_set_backend(&filter, text, &err), 0);
	return filter;
}

static struct session_filter of_client(const char *text)
{
	struct session_filter filter = {.has_client = true};
	struct err err = ERR_INIT;
	assert_int_equal(cidr_parse(text, &filter.client, &err), 0);
	return filter;
}

static const char *backend_text(const struct rig_peer *client, bool with_netns)
{
	static char text[ENDPOINT_TEXT_MAX];
	const struct endpoint *backend = worker_backend(&rig.worker, rig_session(&rig, client));
	return with_netns ? endpoint_format(backend, text, sizeof(text))
	                  : endpoint_format_address(&backend->addr.any, text, sizeof(text));
}

static void filter_goes_by_what_a_connection_is_part_of(void **state)
{
	(void)state;
	open_default();
	struct rig_pair one = rig_pair(&rig, RIG_AUTO);
	rig_pair(&rig, RIG_BULK);
	rig_pair(&rig, RIG_UNIX);
	struct session_filter none = {0}, of_relay = {0}, of_pool = {0}, of_netns = {.has_netns = true};
	assert_int_equal(count_fitting(&none), 3);
	strcpy(of_relay.relay, rig.config.relays[RIG_BULK].name);
	assert_int_equal(count_fitting(&of_relay), 1);
	strcpy(of_pool.pool, rig.config.pools[rig.config.relays[RIG_UNIX].pool].name);
	assert_int_equal(count_fitting(&of_pool), 1);
	strcpy(of_pool.relay, rig.config.relays[RIG_BULK].name); /* both must fit */
	assert_int_equal(count_fitting(&of_pool), 0);
	struct session_filter backend = of_backend(backend_text(one.client, true));
	assert_int_equal(count_fitting(&backend), 1);
	backend = of_backend(backend_text(one.client, false));
	assert_int_equal(count_fitting(&backend), 1);
	backend = of_backend("elsewhere/127.0.0.1:1");
	assert_int_equal(count_fitting(&backend), 0);
	of_netns.netns = (struct netns_ref){.kind = NETNS_NAME, .text = "elsewhere"};
	assert_int_equal(count_fitting(&of_netns), 0);
	of_netns.netns = worker_backend(&rig.worker, rig_session(&rig, one.client))->netns;
	assert_in_range(count_fitting(&of_netns), 1, 3);
	rig_close(&rig);
}

static void filter_goes_by_the_clients_address(void **state)
{
	char text[CIDR_TEXT_MAX];
	(void)state;
	open_default();
	struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
	struct session *session = rig_session(&rig, pair.client);
	struct cidr own = {.prefix = 32};
	session->peer = (struct session_peer){0}; /* nobody had to know it */
	struct session_filter any = of_client("0.0.0.0/0"), v6 = of_client("::/0");
	assert_int_equal(count_fitting(&any), 1);
	assert_int_equal(count_fitting(&v6), 0);
	assert_true(cidr_address_set(&own.first, session->peer.family, session->peer.address));
	struct session_filter exact = of_client(cidr_format(&own, text, sizeof(text)));
	assert_int_equal(count_fitting(&exact), 1);
	exact.client.first.bytes[3] ^= 1;
	assert_int_equal(count_fitting(&exact), 0);
	rig_close(&rig);
}

static void filter_goes_by_state_lane_and_numbers(void **state)
{
	(void)state;
	open_default();
	struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
	rig_pair(&rig, RIG_BULK);
	rig_transfer(&rig, pair.client, 100);
	rig_run(&rig, 50 * RIG_MS);
	struct session_filter open = {.states = 1 << SESSION_OPEN}, queued = {.states = 1 << SESSION_QUEUED};
	assert_int_equal(count_fitting(&open), 2);
	assert_int_equal(count_fitting(&queued), 0);
	struct session_filter lane = {.lanes = 1U << rig_flow(&rig, pair.client)}, ended = {.lanes = 1 << FLOW_ENDED};
	assert_in_range(count_fitting(&lane), 1, 2);
	assert_int_equal(count_fitting(&ended), 0);
	struct session_filter most = {.bytes_over = 99}, more = {.bytes_over = 100};
	assert_int_equal(count_fitting(&most), 1);
	assert_int_equal(count_fitting(&more), 0);
	struct session_filter old = {.age_over_ms = 40}, older = {.age_over_ms = 4000};
	assert_int_equal(count_fitting(&old), 2);
	assert_int_equal(count_fitting(&older), 0);
	struct session_filter idle = {.idle_over_ms = 40}, idler = {.idle_over_ms = 4000};
	assert_int_equal(count_fitting(&idle), 2);
	assert_int_equal(count_fitting(&idler), 0);
	rig_close(&rig);
}

static void sockets_are_asked_only_for_details(void **state)
{
	struct session_filter none = {0};
	(void)state;
	open_default();
	rig_pair(&rig, RIG_AUTO);
	assert_int_equal(count_fitting(&none), 1);
	assert_false(slice.rows[0].sides[SIDE_CLIENT].has_tcp || slice.rows[0].sides[SIDE_SERVER].has_tcp);
	assert_int_equal(slice.rows[0].sides[SIDE_CLIENT].local.family, AF_UNSPEC);
	rig_close(&rig);
}

/* ---- killed ---- */

static void killed_connections_are_reset_and_told_so(void **state)
{
	(void)state;
	open_default();
	rig_pair(&rig, RIG_BULK);
	for (int i = 0; i < INSPECT_KILLS + 1; i++)
		rig_pair(&rig, RIG_AUTO);
	rig.told_to_kill = true;
	slice = (struct inspect_slice){.wish = INSPECT_KILL};
	strcpy(slice.filter.relay, rig.config.relays[RIG_AUTO].name);
	next_slice();
	assert_int_equal(slice.count, INSPECT_KILLS);
	assert_false(slice.last);
	next_slice();
	assert_int_equal(slice.count, 1);
	assert_true(slice.last);
	rig_run(&rig, RIG_MS);
	assert_int_equal(rig.by_cause[CAUSE_KILLED], INSPECT_KILLS + 1);
	assert_int_equal(rig.worker.sessions.used, 1);
	rig_close(&rig);
}

/* Slots are used again: the one in the killed one's place is not meant. */
static void id_means_one_connection_and_never_its_successor(void **state)
{
	(void)state;
	open_default();
	rig_pair(&rig, RIG_AUTO);
	first_slice();
	uint64_t id = slice.rows[0].id;
	rig.told_to_kill = true;
	for (int i = 0; i < 2; i++) {
		slice = (struct inspect_slice){.wish = INSPECT_KILL, .is_one = true, .id = id};
		next_slice();
		assert_true(slice.last);
		assert_int_equal(slice.count, i == 0);
		rig_run(&rig, RIG_MS);
		rig_pair(&rig, RIG_AUTO);
		assert_int_equal(rig.worker.sessions.used, 1 + i);
	}
	assert_int_equal(rig.by_cause[CAUSE_KILLED], 1);
	assert_int_equal(inspect_thread_of(id), rig.worker.number);
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
	        cmocka_unit_test(filter_goes_by_what_a_connection_is_part_of),
	        cmocka_unit_test(filter_goes_by_the_clients_address),
	        cmocka_unit_test(filter_goes_by_state_lane_and_numbers),
	        cmocka_unit_test(sockets_are_asked_only_for_details),
	        cmocka_unit_test(killed_connections_are_reset_and_told_so),
	        cmocka_unit_test(id_means_one_connection_and_never_its_successor),
	        cmocka_unit_test(slice_is_lent_by_mailbox_and_comes_back_with_a_ring),
	        cmocka_unit_test(thread_that_has_ended_has_no_connections),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
