/* SPDX-License-Identifier: Apache-2.0 */
#include "io/mailbox.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>

#include "tests/unit/unit.h"

static struct mailbox mailbox;

static bool rings(void)
{
	struct pollfd pollfd = {.fd = mailbox.doorbell_fd, .events = POLLIN};
	return poll(&pollfd, 1, 0) == 1;
}

static void messages_come_in_the_order_they_were_posted(void **state)
{
	struct message message;
	(void)state;
	assert_int_equal(mailbox_open(&mailbox), 0);
	for (uint32_t round = 0; round < 100; round++) {
		for (uint32_t i = 0; i < 10; i++)
			assert_true(mailbox_post(&mailbox, (struct message){.type = i, .value = round}));
		for (uint32_t i = 0; i < 10; i++) {
			assert_true(mailbox_take(&mailbox, &message));
			assert_int_equal(message.type, i);
			assert_int_equal(message.value, round);
		}
		assert_false(mailbox_take(&mailbox, &message));
	}
	mailbox_close(&mailbox);
}

static void full_mailbox_refuses_and_keeps_what_it_has(void **state)
{
	struct message message;
	(void)state;
	assert_int_equal(mailbox_open(&mailbox), 0);
	for (uint32_t i = 0; i < MAILBOX_SLOTS; i++)
		assert_true(mailbox_post(&mailbox, (struct message){.value = i}));
	assert_false(mailbox_post(&mailbox, (struct message){.value = 99}));
	assert_true(mailbox_take(&mailbox, &message));
	assert_int_equal(message.value, 0);
	assert_true(mailbox_post(&mailbox, (struct message){.value = MAILBOX_SLOTS}));
	for (uint32_t i = 1; i <= MAILBOX_SLOTS; i++) {
		assert_true(mailbox_take(&mailbox, &message));
		assert_int_equal(message.value, i);
	}
	mailbox_close(&mailbox);
}

static void doorbell_rings_until_it_is_silenced(void **state)
{
	(void)state;
	assert_int_equal(mailbox_open(&mailbox), 0);
	assert_false(rings());
	mailbox_silence(&mailbox); /* never blocks */
	mailbox_post(&mailbox, (struct message){0});
	mailbox_post(&mailbox, (struct message){0});
	assert_true(rings());
	mailbox_silence(&mailbox);
	assert_false(rings());
	mailbox_close(&mailbox);
}

static void closing_twice_or_unopened_is_allowed(void **state)
{
	(void)state;
	struct mailbox other = {.doorbell_fd = -1};
	mailbox_close(&other);
	assert_int_equal(mailbox_open(&other), 0);
	mailbox_close(&other);
	mailbox_close(&other);
	assert_int_equal(other.doorbell_fd, -1);
}

enum { WRITERS = 3, MESSAGES = 20000 };

static void *write_messages(void *ctx)
{
	uint32_t writer = *(uint32_t *)ctx;
	for (uint64_t i = 1; i <= MESSAGES; i++) {
		while (!mailbox_post(&mailbox, (struct message){.type = writer, .value = i}))
			sched_yield();
	}
	return NULL;
}

/* receive_all - sleep on the doorbell as a relay thread does; each writer's messages must come once and in order */
static void receive_all(void)
{
	uint64_t last[WRITERS] = {0};
	uint32_t count = 0;
	while (count < WRITERS * MESSAGES) {
		struct pollfd pollfd = {.fd = mailbox.doorbell_fd, .events = POLLIN};
		struct message message;
		assert_int_equal(poll(&pollfd, 1, -1), 1);
		mailbox_silence(&mailbox);
		while (mailbox_take(&mailbox, &message)) {
			assert_true(message.type < WRITERS);
			assert_int_equal(message.value, last[message.type] + 1);
			last[message.type]++;
			count++;
		}
	}
}

static void threads_lose_nothing(void **state)
{
	pthread_t threads[WRITERS];
	uint32_t numbers[WRITERS];
	(void)state;
	assert_int_equal(mailbox_open(&mailbox), 0);
	for (uint32_t i = 0; i < WRITERS; i++) {
		numbers[i] = i;
		assert_int_equal(pthread_create(&threads[i], NULL, write_messages, &numbers[i]), 0);
	}
	receive_all();
	for (uint32_t i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	mailbox_close(&mailbox);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_come_in_the_order_they_were_posted),
		cmocka_unit_test(full_mailbox_refuses_and_keeps_what_it_has),
		cmocka_unit_test(doorbell_rings_until_it_is_silenced),
		cmocka_unit_test(closing_twice_or_unopened_is_allowed),
		cmocka_unit_test(threads_lose_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
