/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/spill.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/fake_kernel.h"
#include "tests/unit/unit.h"

enum { CHUNKS = 4, ROOM = CHUNKS * SPILL_CHUNK_SIZE };

static struct spill_pool pool;
static int fd;
static struct fake_conn *peer;

static int open_pool(void **state)
{
	(void)state;
	fake_init(&(struct fake_options){.seed = 1, .send_buffer = 6000, .receive_buffer = 4000});
	fd = fake_socket_to(0);
	peer = fake_server_accept(0);
	return spill_pool_init(&pool, CHUNKS);
}

static int close_pool(void **state)
{
	(void)state;
	spill_pool_fini(&pool);
	fake_fini();
	return 0;
}

/* numbers - bytes that tell their position */
static void numbers(unsigned char *out, size_t from, size_t size)
{
	for (size_t i = 0; i < size; i++)
		out[i] = (unsigned char)((from + i) * 7 + (from + i) / 251);
}

static bool append_numbers(struct spill *spill, size_t from, size_t size)
{
	static unsigned char bytes[ROOM + 1];
	numbers(bytes, from, size);
	return spill_append(&pool, spill, bytes, size);
}

/* receive - what the peer gets while @spill is sent, checked; bytes */
static size_t receive(struct spill *spill, size_t from)
{
	static unsigned char bytes[ROOM], expected[ROOM];
	size_t sum = 0, n;
	do {
		ssize_t sent = spill_empty(spill) ? 0 : spill_send(&pool, spill, fd, 0);
		assert_true(sent >= 0 || sent == -EAGAIN);
		fake_advance(1000);
		n = fake_peer_read(peer, bytes, sizeof(bytes));
		numbers(expected, from + sum, n);
		assert_memory_equal(bytes, expected, n);
		sum += n;
	} while (n > 0 || !spill_empty(spill));
	return sum;
}

static void bytes_come_out_as_they_went_in(void **state)
{
	static const size_t pieces[] = {1, 4095, 1, 4096, 5000, 100};
	struct spill spill = {0};
	size_t size = 0;
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(pieces); i++) {
		assert_true(append_numbers(&spill, size, pieces[i]));
		size += pieces[i];
	}
	assert_int_equal(pool.chunks.used, (size + SPILL_CHUNK_SIZE - 1) / SPILL_CHUNK_SIZE);
	assert_int_equal(receive(&spill, 0), size);
	assert_int_equal(pool.chunks.used, 0);
}

static void full_socket_keeps_the_rest_in_order(void **state)
{
	struct spill spill = {0};
	(void)state;
	assert_true(append_numbers(&spill, 0, 10000));
	assert_int_equal(spill_send(&pool, &spill, fd, 0), 6000);
	assert_int_equal(spill_send(&pool, &spill, fd, 0), -EAGAIN);
	assert_true(append_numbers(&spill, 10000, 2000)); /* behind what waits */
	assert_int_equal(receive(&spill, 0), 12000);
}

static void append_that_does_not_fit_changes_nothing(void **state)
{
	struct spill spill = {0}, other = {0};
	(void)state;
	assert_false(append_numbers(&spill, 0, ROOM + 1));
	assert_true(spill_empty(&spill));
	assert_true(append_numbers(&spill, 0, ROOM - 10));
	assert_false(append_numbers(&other, 0, 1));
	assert_false(append_numbers(&spill, 0, 11));
	assert_true(append_numbers(&spill, ROOM - 10, 10)); /* into the last chunk's free part */
	assert_int_equal(spill_pool_free_bytes(&pool), 0);
	assert_int_equal(receive(&spill, 0), ROOM);
	assert_int_equal(spill_pool_free_bytes(&pool), ROOM);
}

static ssize_t filled;

static ssize_t fill(void *ctx, void *buffer, size_t size)
{
	size_t *from = ctx;
	assert_int_equal(size, SPILL_CHUNK_SIZE);
	if (filled > 0)
		numbers(buffer, *from, (size_t)filled);
	return filled;
}

static void filled_chunk_is_kept_only_when_something_is_in_it(void **state)
{
	static const ssize_t nothing[] = {0, -EAGAIN, -ECONNRESET};
	struct spill spill = {0};
	size_t from = 0;
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(nothing); i++) {
		filled = nothing[i];
		assert_int_equal(spill_append_with(&pool, &spill, fill, &from), nothing[i]);
		assert_true(spill_empty(&spill));
		assert_int_equal(pool.chunks.used, 0);
	}
	filled = 10;
	assert_int_equal(spill_append_with(&pool, &spill, fill, &from), 10);
	for (size_t i = 0; i < ARRAY_COUNT(nothing); i++) {
		filled = nothing[i];
		assert_int_equal(spill_append_with(&pool, &spill, fill, &from), nothing[i]);
		assert_int_equal(pool.chunks.used, 1);
	}
	filled = SPILL_CHUNK_SIZE;
	from = 10;
	assert_int_equal(spill_append_with(&pool, &spill, fill, &from), SPILL_CHUNK_SIZE);
	assert_true(append_numbers(&spill, 10 + SPILL_CHUNK_SIZE, 100));
	assert_int_equal(receive(&spill, 0), 110 + SPILL_CHUNK_SIZE);
}

static void empty_pool_fills_nothing(void **state)
{
	struct spill spill = {0};
	size_t from = 0;
	(void)state;
	assert_true(append_numbers(&spill, 0, ROOM));
	filled = 1;
	assert_int_equal(spill_append_with(&pool, &spill, fill, &from), -ENOMEM);
	assert_int_equal(receive(&spill, 0), ROOM);
}

static void dropped_bytes_free_their_memory(void **state)
{
	struct spill spill = {0};
	(void)state;
	spill_drop(&pool, &spill);
	assert_true(append_numbers(&spill, 0, ROOM));
	spill_drop(&pool, &spill);
	assert_true(spill_empty(&spill));
	assert_int_equal(pool.chunks.used, 0);
}

static void broken_receiver_is_told(void **state)
{
	struct spill spill = {0};
	(void)state;
	fake_peer_reset(peer);
	fake_advance(1000);
	assert_true(append_numbers(&spill, 0, 100));
	assert_int_equal(spill_send(&pool, &spill, fd, 0), -ECONNRESET);
	spill_drop(&pool, &spill);
}

static ssize_t fill_ten(void *ctx, void *buffer, size_t size)
{
	size_t *from = ctx;
	assert_true(size >= 10);
	numbers(buffer, *from, 10);
	*from += 10;
	return 10;
}

static void pieces_fill_one_chunk_and_what_is_in_front_is_replaced(void **state)
{
	struct spill spill = {0};
	unsigned char front[30];
	size_t from = 0;
	(void)state;
	numbers(front, 0, sizeof(front));
	for (int i = 0; i < 5; i++)
		assert_int_equal(spill_fill(&pool, &spill, fill_ten, &from), 10);
	assert_int_equal(pool.chunks.used, 1);
	spill_skip(&pool, &spill, sizeof(front));
	assert_true(spill_prepend(&pool, &spill, front, sizeof(front)));
	assert_true(spill_prepend(&pool, &spill, front, 0));
	assert_true(append_numbers(&spill, 50, 100));
	assert_int_equal(receive(&spill, 0), 150);
	assert_true(spill_prepend(&pool, &spill, front, sizeof(front)));
	assert_true(append_numbers(&spill, sizeof(front), 100));
	assert_int_equal(receive(&spill, 0), sizeof(front) + 100);
	assert_int_equal(pool.chunks.used, 0);
}

#define SPILL_TEST(name) cmocka_unit_test_setup_teardown(name, open_pool, close_pool)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPILL_TEST(bytes_come_out_as_they_went_in),
		SPILL_TEST(full_socket_keeps_the_rest_in_order),
		SPILL_TEST(append_that_does_not_fit_changes_nothing),
		SPILL_TEST(pieces_fill_one_chunk_and_what_is_in_front_is_replaced),
		SPILL_TEST(filled_chunk_is_kept_only_when_something_is_in_it),
		SPILL_TEST(empty_pool_fills_nothing),
		SPILL_TEST(dropped_bytes_free_their_memory),
		SPILL_TEST(broken_receiver_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
