/* SPDX-License-Identifier: Apache-2.0 */
/* What passes through a relay whose bandwidth is limited, in simulated time. */
#include <stdio.h>

#include "relay/flow.h"
#include "tests/unit/relay/rig.h"

enum { FLOWS_MAX = 8, KIB = 1024, MIB = 1024 * 1024 };

static struct rig rig;
static struct rig_pair pairs[FLOWS_MAX];

static void open_limited(struct config_limits limits)
{
	struct rig_options options = rig_defaults();
	options.limits = limits;
	options.fake.send_buffer = options.fake.receive_buffer = 256 * KIB;
	rig_open(&rig, &options);
}

static void open_relay_limit(uint64_t rate)
{
	open_limited((struct config_limits){.relay.bandwidth = {.up = rate, .down = rate}});
}

static struct rig_peer *from(uint32_t i, enum side side)
{
	return side == SIDE_CLIENT ? pairs[i].client : pairs[i].server;
}

/* pour - the first @count pairs send as much as they can from @side, for @ns; bytes that arrived */
static uint64_t pour(uint32_t count, enum side side, uint64_t ns, uint64_t step_ns)
{
	uint64_t before = 0, after = 0, until = fake_now_ns() + ns;
	for (uint32_t i = 0; i < count; i++)
		before += from(i, side)->partner->received;
	while (fake_now_ns() < until) {
		for (uint32_t i = 0; i < count; i++)
			while (rig_send(&rig, from(i, side), SIZE_MAX) > 0)
				;
		rig_run(&rig, step_ns);
		for (uint32_t i = 0; i < count; i++)
			while (rig_receive(&rig, from(i, side)->partner, SIZE_MAX) > 0)
				;
	}
	for (uint32_t i = 0; i < count; i++)
		after += from(i, side)->partner->received;
	return after - before;
}

static void connect_pairs(uint32_t count, enum rig_relay relay)
{
	for (uint32_t i = 0; i < count; i++)
		pairs[i] = rig_pair(&rig, relay);
}

static void expect_rate(uint64_t bytes, uint64_t rate, uint64_t ns, const char *what)
{
	uint64_t ideal = rate * (ns / RIG_MS) / 1000;
	if (bytes < ideal * 95 / 100 || bytes > ideal * 105 / 100)
		fail_msg("%s: %llu bytes passed, expected %llu", what, (unsigned long long)bytes,
			 (unsigned long long)ideal);
}

/* The highest rates not for 10 s, nor everywhere: they are as exact, and a simulated byte costs a real one. */
static const struct speed {
	uint64_t rate;
	uint64_t ms, step_ns;
} speeds[] = {
	{64 * KIB, 10000, 2000000},
	{MIB, 10000, 1000000},
	{10 * MIB, 1000, 1000000},
#ifndef NSRELAY_SANITIZED
	{100 * MIB, 200, 500000},
	{UINT64_C(1024) * MIB, 50, 100000},
#endif
};

/* pour_limited - @count flows in one of the relays */
static void pour_limited(const struct speed *speed, enum rig_relay relay, uint32_t count, enum side side)
{
	char what[64];
	snprintf(what, sizeof(what), "%llu KiB/s, relay %d, %u flows", (unsigned long long)speed->rate / KIB,
		 (int)relay, count);
	open_relay_limit(speed->rate);
	connect_pairs(count, relay);
	pour(count, side, 200 * RIG_MS, speed->step_ns); /* the burst */
	expect_rate(pour(count, side, speed->ms * RIG_MS, speed->step_ns), speed->rate, speed->ms * RIG_MS, what);
	assert_true(rig_counter(&rig, COUNTER_THROTTLED) > 0);
	rig_close(&rig);
}

static void bandwidth_is_exact(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(speeds); i++) {
		for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
			if (speeds[i].rate > 100 * MIB && relay != RIG_BULK)
				continue;
			enum side side = (enum side)((i + relay) % SIDE_COUNT);
			pour_limited(&speeds[i], relay, 1, side);
			pour_limited(&speeds[i], relay, FLOWS_MAX, side);
		}
	}
}

static void flows_share_a_limit_evenly(void **state)
{
	(void)state;
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		open_relay_limit(MIB);
		connect_pairs(FLOWS_MAX, relay);
		uint64_t bytes = pour(FLOWS_MAX, SIDE_CLIENT, 10000 * RIG_MS, RIG_MS);
		for (uint32_t i = 0; i < FLOWS_MAX; i++)
			assert_in_range(pairs[i].server->received, bytes / FLOWS_MAX * 90 / 100,
					bytes / FLOWS_MAX * 110 / 100);
		rig_close(&rig);
	}
}

/* Connections that come when others are at it, and bring next to nothing each, get no more, and not much less. */
static void short_connections_are_limited_too(void **state)
{
	enum { REQUEST = 2000 };
	uint64_t bytes = 0, rate = 100 * KIB, began;
	(void)state;
	open_relay_limit(rate);
	connect_pairs(1, RIG_AUTO);
	began = fake_now_ns();
	while (fake_now_ns() < began + 10000 * RIG_MS) {
		connect_pairs(FLOWS_MAX, RIG_AUTO);
		for (uint32_t i = 0; i < FLOWS_MAX; i++)
			rig_send(&rig, pairs[i].client, REQUEST);
		for (uint32_t i = 0; i < FLOWS_MAX; i++) {
			while (pairs[i].server->received < REQUEST) {
				rig_run(&rig, RIG_MS);
				rig_receive(&rig, pairs[i].server, SIZE_MAX);
			}
			bytes += REQUEST;
			fake_peer_close(pairs[i].client->conn);
			fake_peer_close(pairs[i].server->conn);
		}
	}
	uint64_t ideal = rate * ((fake_now_ns() - began) / RIG_MS) / 1000;
	assert_in_range(bytes, ideal * 70 / 100, ideal * 105 / 100); /* a deposit is twice what they need */
	rig_close(&rig);
}

static void directions_are_limited_apart(void **state)
{
	(void)state;
	open_limited((struct config_limits){.relay.bandwidth = {.up = 100 * KIB}});
	connect_pairs(1, RIG_AUTO);
	rig_transfer(&rig, pairs[0].server, 2 * MIB); /* as fast as it goes */
	assert_int_equal(rig_counter(&rig, COUNTER_THROTTLED), 0);
	expect_rate(pour(1, SIDE_CLIENT, 10000 * RIG_MS, RIG_MS), 100 * KIB, 10000 * RIG_MS, "up");
	rig_close(&rig);
}

static void lower_of_two_limits_holds(void **state)
{
	(void)state;
	open_limited((struct config_limits){.relay.bandwidth = {.up = MIB}, .netns.bandwidth = {.up = 100 * KIB}});
	connect_pairs(2, RIG_BULK);
	expect_rate(pour(2, SIDE_CLIENT, 10000 * RIG_MS, RIG_MS), 100 * KIB, 10000 * RIG_MS, "namespace");
	rig_close(&rig);
}

static void limit_that_is_not_reached_changes_no_lane_and_no_turn(void **state)
{
	uint64_t turns[2];
	(void)state;
	for (int limited = 0; limited < 2; limited++) {
		open_relay_limit(limited ? 1 * MIB : 0);
		connect_pairs(1, RIG_AUTO);
		uint64_t before = fake_turns();
		for (int i = 0; i < 100; i++) {
			rig_transfer(&rig, pairs[0].client, 64);
			rig_transfer(&rig, pairs[0].server, 2000);
			rig_run(&rig, 10 * RIG_MS);
		}
		turns[limited] = fake_turns() - before;
		assert_int_equal(rig_flow(&rig, pairs[0].client), FLOW_RECV);
		assert_int_equal(rig_counter(&rig, COUNTER_THROTTLED), 0);
		rig_close(&rig);
	}
	assert_in_range(turns[1], 1, turns[0]);
}

static void flow_that_waits_for_its_share_costs_no_turns(void **state)
{
	(void)state;
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		open_relay_limit(KIB);
		connect_pairs(1, relay);
		while (rig_send(&rig, pairs[0].client, SIZE_MAX) > 0)
			rig_run(&rig, RIG_MS);
		uint64_t turns = fake_turns();
		rig_run(&rig, 10000 * RIG_MS);
		assert_in_range(fake_turns() - turns, 1, 60);
		rig_close(&rig);
	}
}

static void waiting_for_a_share_is_not_silence(void **state)
{
	struct rig_options options = rig_defaults();
	(void)state;
	options.limits.relay.bandwidth.up = KIB; /* a buffer each 4 s */
	options.timeouts.idle_ms = options.timeouts.half_close_ms = 1000;
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		rig_open(&rig, &options);
		connect_pairs(1, relay);
		rig_send(&rig, pairs[0].client, 12 * KIB);
		fake_peer_shutdown(pairs[0].client->conn);
		rig_run(&rig, 20000 * RIG_MS);
		rig_receive(&rig, pairs[0].server, SIZE_MAX);
		assert_int_equal(pairs[0].server->received, 12 * KIB);
		assert_true(fake_peer_at_end(pairs[0].server->conn));
		rig_run(&rig, 3000 * RIG_MS);
		assert_int_equal(pairs[0].client->cause, CAUSE_HALF_CLOSE_TIMEOUT);
		rig_close(&rig);
	}
}

/* What came before the reset is still passed on, as far as the limit lets it in the time a reset waits. */
static void reset_is_noticed_while_waiting(void **state)
{
	(void)state;
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		for (enum side side = 0; side < SIDE_COUNT; side++) {
			open_relay_limit(KIB);
			connect_pairs(1, relay);
			rig_send(&rig, from(0, SIDE_CLIENT), 64 * KIB);
			rig_run(&rig, 1000 * RIG_MS);
			fake_peer_reset(from(0, side)->conn);
			rig_run(&rig, 8000 * RIG_MS);
			assert_int_equal(pairs[0].client->cause, side == SIDE_CLIENT ? CAUSE_CLIENT_RESET
										      : CAUSE_SERVER_RESET);
			rig_close(&rig);
		}
	}
}

static void wait_is_watched_that_lasts_as_long_as_a_watch_takes(void **state)
{
	(void)state;
	open_relay_limit(KIB);
	connect_pairs(1, RIG_AUTO);
	struct flow *flow = &rig_session(&rig, pairs[0].client)->flows[SIDE_CLIENT];
	flow->resume_ms = rig.worker.now_ms + FLOW_WATCH_AFTER_MS;
	assert_true(flow_wants_watch(&rig.worker, flow));
	flow->resume_ms--;
	assert_false(flow_wants_watch(&rig.worker, flow));
	flow->resume_ms = 0;
	rig_close(&rig);
}

static void end_of_the_stream_passes_behind_the_last_byte(void **state)
{
	(void)state;
	for (enum rig_relay relay = 0; relay < RIG_RELAYS; relay++) {
		open_relay_limit(100 * KIB);
		connect_pairs(1, relay);
		rig_transfer(&rig, pairs[0].client, 100 * KIB);
		rig_send(&rig, pairs[0].client, 30 * KIB);
		fake_peer_shutdown(pairs[0].client->conn);
		rig_run(&rig, 2000 * RIG_MS);
		rig_read_all(&rig, pairs[0].server);
		assert_true(fake_peer_at_end(pairs[0].server->conn));
		rig_transfer(&rig, pairs[0].server, 1000);
		fake_peer_shutdown(pairs[0].server->conn);
		rig_run(&rig, 10 * RIG_MS);
		assert_int_equal(pairs[0].client->cause, CAUSE_CLIENT_CLOSED);
		rig_close(&rig);
	}
}

static void listeners_in_one_namespace_share_its_limit(void **state)
{
	struct config config;
	struct plan plan;
	struct bandwidth bandwidth;
	static const char *const listeners[] = {"a/127.0.0.1:1", "b/127.0.0.1:1", "a/127.0.0.1:2", "b/127.0.0.1:2"};
	(void)state;
	config_init(&config);
	config_add_pool(&config);
	for (int i = 0; i < 2; i++) {
		struct config_relay *relay = config_add_relay(&config);
		relay->limits.netns.bandwidth.up = i == 0 ? MIB : UINT64_C(1024) * MIB;
		for (size_t j = 0; j < ARRAY_COUNT(listeners); j++) {
			struct endpoint endpoint;
			assert_int_equal(endpoint_parse(listeners[j], &endpoint, NULL), 0);
			assert_int_equal(config_relay_add_listener(relay, &endpoint), 0);
		}
	}
	assert_int_equal(plan_init(&plan, &config), 0);
	assert_int_equal(bandwidth_init(&bandwidth, &plan), 0);
	static const uint32_t expected[] = {0, 1, 0, 1, 4, 5, 4, 5};
	for (uint32_t i = 0; i < plan.listener_count; i++) {
		assert_int_equal(bandwidth.netns_of[i], expected[i]);
		assert_int_equal(bandwidth.kinds[i][SIDE_CLIENT],
				 i < 4 ? BANDWIDTH_LIMITED | BANDWIDTH_SLOW : BANDWIDTH_LIMITED);
		assert_int_equal(bandwidth.kinds[i][SIDE_SERVER], 0);
	}
	bandwidth_fini(&bandwidth);
	plan_fini(&plan);
	config_fini(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bandwidth_is_exact),
		cmocka_unit_test(flows_share_a_limit_evenly),
		cmocka_unit_test(short_connections_are_limited_too),
		cmocka_unit_test(directions_are_limited_apart),
		cmocka_unit_test(lower_of_two_limits_holds),
		cmocka_unit_test(limit_that_is_not_reached_changes_no_lane_and_no_turn),
		cmocka_unit_test(flow_that_waits_for_its_share_costs_no_turns),
		cmocka_unit_test(waiting_for_a_share_is_not_silence),
		cmocka_unit_test(reset_is_noticed_while_waiting),
		cmocka_unit_test(wait_is_watched_that_lasts_as_long_as_a_watch_takes),
		cmocka_unit_test(end_of_the_stream_passes_behind_the_last_byte),
		cmocka_unit_test(listeners_in_one_namespace_share_its_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
