/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/record.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static struct record_queue queue;
static _Atomic bool reader_sleeps;

static int open_queue(void **state)
{
	(void)state;
	memset(&queue, 0, sizeof(queue));
	reader_sleeps = false;
	queue.reader_sleeps = &reader_sleeps;
	queue.doorbell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return queue.doorbell_fd < 0;
}

static int close_queue(void **state)
{
	(void)state;
	return close(queue.doorbell_fd);
}

static bool push(uint64_t number)
{
	return record_push(&queue, &(struct record){.duration_us = number});
}

static uint64_t rung(void)
{
	uint64_t count;
	return read(queue.doorbell_fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static void records_come_in_order(void **state)
{
	struct record record;
	(void)state;
	assert_false(record_pop(&queue, &record));
	for (uint64_t i = 0; i < 3 * LIMIT_RECORDS; i++) {
		assert_true(push(2 * i));
		assert_true(push(2 * i + 1));
		assert_true(record_pop(&queue, &record));
		assert_int_equal(record.duration_us, 2 * i);
		assert_true(record_pop(&queue, &record));
		assert_int_equal(record.duration_us, 2 * i + 1);
	}
	assert_false(record_pop(&queue, &record));
}

static void full_queue_refuses_and_keeps_what_it_has(void **state)
{
	struct record record;
	(void)state;
	for (uint64_t i = 0; i < LIMIT_RECORDS; i++)
		assert_true(push(i));
	assert_false(push(999));
	for (uint64_t i = 0; i < LIMIT_RECORDS; i++) {
		assert_true(record_pop(&queue, &record));
		assert_int_equal(record.duration_us, i);
	}
	assert_true(push(0));
}

static void sleeping_reader_is_woken_once(void **state)
{
	(void)state;
	push(1);
	assert_int_equal(rung(), 0); /* it is awake */
	reader_sleeps = true;
	push(2);
	push(3);
	assert_int_equal(rung(), 1);
	assert_false(reader_sleeps);
}

enum { RECORDS = 100000 };

static void *write_records(void *ctx)
{
	(void)ctx;
	for (uint64_t i = 0; i < RECORDS; i++) {
		while (!push(i))
			sched_yield();
	}
	return NULL;
}

/* read_all - as the control thread does: say "I sleep", look once more, sleep on the doorbell */
static void read_all(void)
{
	struct record record;
	for (uint64_t i = 0; i < RECORDS;) {
		while (i < RECORDS && record_pop(&queue, &record)) {
			assert_int_equal(record.duration_us, i);
			i++;
		}
		atomic_store(&reader_sleeps, true);
		if (i == RECORDS || record_pop(&queue, &record)) {
			atomic_store(&reader_sleeps, false);
			if (i < RECORDS)
				assert_int_equal(record.duration_us, i++);
			continue;
		}
		struct pollfd pollfd = {.fd = queue.doorbell_fd, .events = POLLIN};
		assert_int_equal(poll(&pollfd, 1, 10000), 1); /* a lost wakeup would end here */
		rung();
	}
}

static void no_record_and_no_wakeup_is_lost_between_threads(void **state)
{
	pthread_t writer;
	(void)state;
	assert_int_equal(pthread_create(&writer, NULL, write_records, NULL), 0);
	read_all();
	pthread_join(writer, NULL);
}

#define RECORD_TEST(name) cmocka_unit_test_setup_teardown(name, open_queue, close_queue)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RECORD_TEST(records_come_in_order),
		RECORD_TEST(full_queue_refuses_and_keeps_what_it_has),
		RECORD_TEST(sleeping_reader_is_woken_once),
		RECORD_TEST(no_record_and_no_wakeup_is_lost_between_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
