/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/events.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "relay/record_events.h"
#include "tests/unit/unit.h"

static struct events events;
static struct event_series series;
static struct event got[EVENTS_KEPT];

static int open_events(void **state)
{
	(void)state;
	memset(&series, 0, sizeof(series));
	events_init(&events, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	return events.doorbell_fd < 0;
}

static int close_events(void **state)
{
	(void)state;
	events_fini(&events);
	return close(events.doorbell_fd);
}

static bool rings(void)
{
	uint64_t count;
	return read(events.doorbell_fd, &count, sizeof(count)) == sizeof(count);
}

static void add(uint64_t count)
{
	events_add(&events, &(struct event){.kind = EVENT_KILLED, .count = count});
}

static uint32_t read_all(uint64_t *number, uint64_t *lost)
{
	return events_read(&events, number, got, EVENTS_KEPT, lost);
}

static void reader_gets_what_happens_after_it_came(void **state)
{
	uint64_t lost;
	(void)state;
	add(1);
	assert_false(rings()); /* for nobody */
	uint64_t number = events_begin(&events);
	assert_int_equal(read_all(&number, &lost), 0);
	add(2);
	assert_true(rings());
	assert_int_equal(read_all(&number, &lost), 1);
	assert_int_equal(got[0].count, 2);
	assert_true(got[0].time_ms > 0);
	assert_int_equal(read_all(&number, &lost), 0);
	events_end(&events);
	add(3);
	assert_false(rings());
}

static void slow_reader_is_told_how_many_it_missed(void **state)
{
	uint64_t lost, number = events_begin(&events);
	(void)state;
	for (int i = 0; i < EVENTS_KEPT + 5; i++)
		add((uint64_t)i);
	assert_int_equal(read_all(&number, &lost), EVENTS_KEPT);
	assert_int_equal(lost, 5);
	assert_int_equal(got[0].count, 5);
	assert_int_equal(got[EVENTS_KEPT - 1].count, EVENTS_KEPT + 4);
	assert_int_equal(read_all(&number, &lost), 0);
	assert_int_equal(lost, 0);
}

static void events_come_in_portions(void **state)
{
	uint64_t lost, number = events_begin(&events);
	(void)state;
	for (int i = 0; i < 5; i++)
		add((uint64_t)i);
	assert_int_equal(events_read(&events, &number, got, 3, &lost), 3);
	assert_int_equal(events_read(&events, &number, got, 3, &lost), 2);
	assert_int_equal(got[0].count, 3);
}

/* hit - a limit of relay @relay, at @now_ms */
static void hit(const char *relay, uint64_t now_ms)
{
	struct event event = {.kind = EVENT_LIMIT_HIT, .count = 1, .reason = "rate_limit"};
	strcpy(event.relay, relay);
	event_series_add(&series, &events, &event, now_ms);
}

static void series_is_told_at_once_and_then_once_a_second(void **state)
{
	uint64_t lost, number = events_begin(&events);
	(void)state;
	for (int i = 0; i < 1000; i++)
		hit("a", 100 + (uint64_t)i / 100); /* in 10 ms */
	assert_int_equal(read_all(&number, &lost), 1);
	assert_int_equal(got[0].count, 1);
	assert_int_equal(event_series_tell(&series, &events, 300), 800);
	assert_int_equal(read_all(&number, &lost), 0);
	assert_int_equal(event_series_tell(&series, &events, 1100), -1); /* nothing new since */
	assert_int_equal(read_all(&number, &lost), 1);
	assert_int_equal(got[0].count, 999);
	hit("a", 1200);
	assert_int_equal(read_all(&number, &lost), 0);
	hit("a", 2100); /* due, without anybody looking */
	assert_int_equal(read_all(&number, &lost), 1);
	assert_int_equal(got[0].count, 2);
	assert_int_equal(event_series_tell(&series, &events, 4000), -1); /* it is over */
	hit("a", 4001);
	assert_int_equal(read_all(&number, &lost), 1);
	assert_int_equal(got[0].count, 1);
}

static void each_relay_has_a_series_of_its_own(void **state)
{
	uint64_t lost, number = events_begin(&events);
	char name[CONFIG_NAME_MAX];
	(void)state;
	hit("a", 100);
	hit("b", 100);
	assert_int_equal(read_all(&number, &lost), 2);
	/* More than there is room for: none is lost, though some come more often. */
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 2 * EVENT_SERIES; i++) {
			snprintf(name, sizeof(name), "r%d", i);
			hit(name, 200 + (uint64_t)i);
		}
	}
	event_series_tell(&series, &events, 5000);
	uint64_t sum = 0;
	for (uint32_t i = 0, count = read_all(&number, &lost); i < count; i++)
		sum += got[i].count;
	assert_int_equal(sum, 4 * EVENT_SERIES);
}

static void each_kind_has_a_name_and_a_meaning(void **state)
{
	(void)state;
	for (int i = 0; i < EVENT_COUNT; i++) {
		assert_true(strlen(event_name((enum event_kind)i)) > 0);
		assert_true(strlen(event_help((enum event_kind)i)) > 0);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(event_name((enum event_kind)i),
			                        event_name((enum event_kind)j));
	}
}

/* ---- out of records ---- */

static void records_become_events(void **state)
{
	static const enum cause causes[] = {CAUSE_RATE_LIMIT, CAUSE_CLIENT_CLOSED};
	struct config config;
	struct plan plan;
	struct endpoint endpoint;
	struct event event;
	bool in_series;
	(void)state;
	config_init(&config);
	struct config_pool *pool = config_add_pool(&config);
	strcpy(pool->name, "p");
	assert_int_equal(endpoint_parse("api/10.0.0.1:80", &endpoint, NULL), 0);
	assert_int_equal(config_pool_add_backend(pool, &endpoint), 0);
	struct config_relay *relay = config_add_relay(&config);
	strcpy(relay->name, "r");
	assert_int_equal(config_relay_add_listener(relay, &endpoint), 0);
	assert_int_equal(plan_init(&plan, &config), 0);
	for (int i = 0; i < 2; i++) {
		struct record closed = {.kind = RECORD_CLOSED, .cause = (uint8_t)causes[i]};
		assert_int_equal(record_event(&plan, &closed, &event, &in_series), i == 0);
	}
	struct record limit = {.kind = RECORD_CLOSED, .cause = CAUSE_SOURCE_LIMIT};
	assert_true(record_event(&plan, &limit, &event, &in_series) && in_series);
	assert_string_equal(event.relay, "r");
	assert_string_equal(event.reason, "source_limit");
	struct record down = {.kind = RECORD_BACKEND_DOWN, .failure = CHECK_TIMED_OUT};
	assert_true(record_event(&plan, &down, &event, &in_series) && !in_series);
	assert_int_equal(event.kind, EVENT_BACKEND_DOWN);
	assert_string_equal(event.pool, "p");
	assert_string_equal(event.endpoint, "api/10.0.0.1:80");
	assert_string_equal(event.reason, "no answer in time");
	struct record mirror = {.kind = RECORD_MIRROR_FAILED};
	assert_true(record_event(&plan, &mirror, &event, &in_series) && in_series);
	assert_string_equal(event.relay, "r");
	plan_fini(&plan);
	config_fini(&config);
}

#define events_test(function) cmocka_unit_test_setup_teardown(function, open_events, close_events)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        events_test(reader_gets_what_happens_after_it_came),
	        events_test(slow_reader_is_told_how_many_it_missed),
	        events_test(events_come_in_portions),
	        events_test(series_is_told_at_once_and_then_once_a_second),
	        events_test(each_relay_has_a_series_of_its_own),
	        events_test(each_kind_has_a_name_and_a_meaning),
	        events_test(records_become_events),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
