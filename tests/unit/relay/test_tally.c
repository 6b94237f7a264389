/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted by relay, namespace, pool and backend, and what becomes of it under another configuration. */
#include <stdio.h>
#include <string.h>

#include "relay/succession.h"
#include "relay/tally.h"
#include "tests/unit/relay/rig.h"

static struct rig rig;

static void open_with(uint32_t series_max)
{
	struct rig_options options = rig_defaults();
	options.metrics = (struct config_metrics){.path = "/m", .series_max = series_max};
	rig_open(&rig, &options);
}

static uint64_t arrival(uint32_t row, unsigned cell)
{
	return tally_read(&rig.shared.tally, &rig.shared.tally.arrivals, row, cell);
}

static uint64_t backend(uint32_t row, unsigned cell)
{
	return tally_read(&rig.shared.tally, &rig.shared.tally.backends, row, cell);
}

static uint32_t row_of(enum rig_relay relay)
{
	return rig.shared.tally.listener_rows[relay];
}

static uint32_t backend_row_of(enum rig_relay relay)
{
	return tally_backend_row(&rig.shared.tally, rig.plan.routes[relay].pool, 0);
}

static void end(struct rig_pair *pair)
{
	fake_peer_close(pair->client->conn);
	rig_run(&rig, RIG_MS);
	fake_peer_close(pair->server->conn);
	rig_run(&rig, RIG_MS);
}

static uint64_t sum(uint64_t (*read)(uint32_t, unsigned), uint32_t row, unsigned first, unsigned count)
{
	uint64_t total = 0;
	for (unsigned i = 0; i < count; i++)
		total += read(row, first + i);
	return total;
}

static void connection_is_counted_where_it_came_and_where_it_went(void **state)
{
	(void)state;
	open_with(1000);
	struct rig_pair pair = rig_pair(&rig, RIG_BULK);
	uint32_t row = row_of(RIG_BULK);
	assert_int_equal(arrival(row, TALLY_ARRIVAL_ACCEPTED), 1);
	assert_int_equal(arrival(row, TALLY_ARRIVAL_OPEN), 1);
	assert_int_equal(backend(backend_row_of(RIG_BULK), TALLY_BACKEND_OPEN), 1);
	assert_int_equal(sum(backend, backend_row_of(RIG_BULK), TALLY_BACKEND_CONNECTS, TALLY_CONNECT_BUCKETS), 1);
	rig_transfer(&rig, pair.client, 5000);
	rig_transfer(&rig, pair.server, 70);
	end(&pair);
	assert_int_equal(arrival(row, TALLY_ARRIVAL_OPEN), 0);
	assert_int_equal(arrival(row, TALLY_ARRIVAL_BYTES_UP), 5000);
	assert_int_equal(arrival(row, TALLY_ARRIVAL_BYTES_DOWN), 70);
	assert_int_equal(arrival(row, TALLY_ARRIVAL_CLOSED + CAUSE_CLIENT_CLOSED), 1);
	assert_int_equal(sum(arrival, row, TALLY_ARRIVAL_DURATIONS, TALLY_DURATION_BUCKETS), 1);
	assert_int_equal(arrival(row, TALLY_ARRIVAL_SIZES + 3), 1); /* 4096 < 5070 <= 16384: 256 << 2 * 3 */
	assert_int_equal(backend(backend_row_of(RIG_BULK), TALLY_BACKEND_OPEN), 0);
	assert_int_equal(backend(backend_row_of(RIG_BULK), TALLY_BACKEND_BYTES_UP), 5000);
	assert_int_equal(arrival(row_of(RIG_AUTO), TALLY_ARRIVAL_ACCEPTED), 0);
	rig_close(&rig);
}

static void bucket_takes_its_end(void **state)
{
	(void)state;
	open_with(1000);
	for (unsigned size = 255; size <= 257; size++) {
		struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
		rig_transfer(&rig, pair.client, size);
		end(&pair);
	}
	assert_int_equal(arrival(row_of(RIG_AUTO), TALLY_ARRIVAL_SIZES), 2);
	assert_int_equal(arrival(row_of(RIG_AUTO), TALLY_ARRIVAL_SIZES + 1), 1);
	rig_close(&rig);
}

static void what_there_is_no_row_for_is_counted_together(void **state)
{
	(void)state;
	open_with(TALLY_SERIES_ARRIVAL + TALLY_SERIES_BACKEND); /* for one of each */
	assert_int_equal(rig.shared.tally.arrivals.row_count, 2);
	assert_int_equal(rig.shared.tally.backends.row_count, 2);
	assert_int_equal(rig.shared.tally.arrivals.left_out, rig.plan.listener_count - 1);
	struct rig_pair first = rig_pair(&rig, RIG_AUTO), second = rig_pair(&rig, RIG_BULK);
	assert_int_equal(arrival(1, TALLY_ARRIVAL_ACCEPTED), 1);
	assert_int_equal(arrival(TALLY_OTHER, TALLY_ARRIVAL_ACCEPTED), 1);
	assert_int_equal(backend(TALLY_OTHER, TALLY_BACKEND_OPEN), 1);
	end(&first);
	end(&second);
	assert_int_equal(arrival(TALLY_OTHER, TALLY_ARRIVAL_OPEN), 0);
	rig_close(&rig);
}

static void without_metrics_nothing_is_counted(void **state)
{
	(void)state;
	struct rig_options options = rig_defaults();
	rig_open(&rig, &options);
	struct rig_pair pair = rig_pair(&rig, RIG_AUTO);
	end(&pair);
	assert_int_equal(rig.shared.tally.arrivals.row_count, 0);
	assert_int_equal(tally_memory(&rig.plan, 1), 0);
	rig_close(&rig);
}

/* ---- another configuration ---- */

static void add(struct config *config, const char *name, const char *listener, const char *to)
{
	struct config_pool *pool = config_add_pool(config);
	const struct endpoint backend_endpoint = rig_endpoint(to), endpoint = rig_endpoint(listener);
	snprintf(pool->name, sizeof(pool->name), "%s", name);
	assert_int_equal(config_pool_add_backend(pool, &backend_endpoint), 0);
	struct config_relay *relay = config_add_relay(config);
	snprintf(relay->name, sizeof(relay->name), "%s", name);
	relay->pool = config->pool_count - 1;
	assert_int_equal(config_relay_add_listener(relay, &endpoint), 0);
}

static void begin(struct config *config)
{
	config_init(config);
	snprintf(config->metrics.path, sizeof(config->metrics.path), "/m");
}

static void set(struct tally *tally, struct tally_table *table, uint32_t row, uint64_t value)
{
	for (uint32_t i = 0; i < tally->threads; i++)
		for (uint32_t cell = 0; cell < table->width; cell++)
			table->cells[i][row * table->width + cell] = value;
}

static void counts_go_on_by_name_and_what_is_open_is_counted_anew(void **state)
{
	enum { THREADS = 2 };
	static const bool fresh[8];
	struct config before, after;
	struct plan old_plan, plan;
	struct usage usage;
	struct succession map;
	struct tally old, heir;
	(void)state;
	begin(&before);
	add(&before, "a", "one/127.0.0.1:1", "/127.0.0.1:11");
	add(&before, "gone", "one/127.0.0.1:2", "/127.0.0.1:12");
	add(&before, "b", "two/127.0.0.1:3", "/127.0.0.1:13");
	begin(&after);
	after.metrics.series_max = 3 * (TALLY_SERIES_ARRIVAL + TALLY_SERIES_BACKEND);
	add(&after, "b", "two/127.0.0.1:33", "/127.0.0.1:13"); /* at another port, in the same namespace */
	add(&after, "new", "one/127.0.0.1:4", "/127.0.0.1:14");
	add(&after, "newer", "one/127.0.0.1:5", "/127.0.0.1:15");
	add(&after, "a", "one/127.0.0.1:1", "/127.0.0.1:11"); /* no row is left for it */
	assert_int_equal(plan_init(&old_plan, &before), 0);
	assert_int_equal(usage_init(&usage, &old_plan), 0);
	assert_int_equal(succession_init(&map, &old_plan, &usage, &after, fresh, 1, &plan), 0);
	assert_int_equal(tally_init(&old, &old_plan, THREADS), 0);
	assert_int_equal(tally_init(&heir, &plan, THREADS), 0);
	for (uint32_t row = 0; row < 4; row++) {
		set(&old, &old.arrivals, row, 100 + row);
		set(&old, &old.backends, row, 200 + row);
	}
	tally_inherit(&heir, &old, &old_plan, &plan, &map);
	assert_int_equal(tally_read(&heir, &heir.arrivals, heir.listener_rows[0], TALLY_ARRIVAL_ACCEPTED), THREADS * 103);
	assert_int_equal(tally_read(&heir, &heir.backends, tally_backend_row(&heir, 0, 0), TALLY_BACKEND_FAILURES),
			 THREADS * 203);
	assert_int_equal(tally_read(&heir, &heir.arrivals, heir.listener_rows[1], TALLY_ARRIVAL_ACCEPTED), 0);
	assert_int_equal(heir.listener_rows[3], TALLY_OTHER);
	/* What was there, and the relay a. */
	assert_true(tally_read(&heir, &heir.arrivals, TALLY_OTHER, TALLY_ARRIVAL_ACCEPTED) >= THREADS * (100 + 101));
	assert_int_equal(tally_read(&heir, &heir.arrivals, heir.listener_rows[0], TALLY_ARRIVAL_OPEN), 0);
	tally_fini(&heir);
	tally_fini(&old);
	succession_fini(&map);
	usage_fini(&usage);
	plan_fini(&plan);
	plan_fini(&old_plan);
	config_fini(&after);
	config_fini(&before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connection_is_counted_where_it_came_and_where_it_went),
		cmocka_unit_test(bucket_takes_its_end),
		cmocka_unit_test(what_there_is_no_row_for_is_counted_together),
		cmocka_unit_test(without_metrics_nothing_is_counted),
		cmocka_unit_test(counts_go_on_by_name_and_what_is_open_is_counted_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
