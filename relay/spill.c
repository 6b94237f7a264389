/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/spill.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "io/sys.h"

struct spill_chunk {
	struct spill_chunk *next;
	uint32_t start, end; /* what is still to be sent */
	unsigned char data[SPILL_CHUNK_SIZE];
};

enum { SEND_CHUNKS = 16 };

int spill_pool_init(struct spill_pool *pool, uint32_t chunk_count)
{
	return slab_init(&pool->chunks, sizeof(struct spill_chunk), offsetof(struct spill_chunk, data), chunk_count);
}

void spill_pool_fini(struct spill_pool *pool)
{
	slab_fini(&pool->chunks);
}

size_t spill_pool_free_bytes(const struct spill_pool *pool)
{
	return (size_t)(pool->chunks.capacity - pool->chunks.used) * SPILL_CHUNK_SIZE;
}

static struct spill_chunk *add_chunk(struct spill_pool *pool, struct spill *spill)
{
	struct spill_chunk *chunk = slab_take(&pool->chunks);
	if (!chunk)
		return NULL;
	if (spill->tail)
		spill->tail->next = chunk;
	else
		spill->head = chunk;
	spill->tail = chunk;
	return chunk;
}

static void drop_head(struct spill_pool *pool, struct spill *spill)
{
	struct spill_chunk *chunk = spill->head;
	spill->head = chunk->next;
	if (!spill->head)
		spill->tail = NULL;
	slab_give(&pool->chunks, chunk);
}

bool spill_append(struct spill_pool *pool, struct spill *spill, const void *data, size_t size)
{
	const unsigned char *from = data;
	size_t room = spill->tail ? SPILL_CHUNK_SIZE - spill->tail->end : 0;
	if (size > room + spill_pool_free_bytes(pool))
		return false;
	while (size > 0) {
		struct spill_chunk *chunk = spill->tail;
		if (!chunk || chunk->end == SPILL_CHUNK_SIZE)
			chunk = add_chunk(pool, spill);
		size_t n = SPILL_CHUNK_SIZE - chunk->end;
		n = n < size ? n : size;
		memcpy(chunk->data + chunk->end, from, n);
		chunk->end += (uint32_t)n;
		from += n;
		size -= n;
	}
	return true;
}

ssize_t spill_append_with(struct spill_pool *pool, struct spill *spill, spill_fill_fn *fill, void *ctx)
{
	struct spill_chunk *last = spill->tail;
	struct spill_chunk *chunk = add_chunk(pool, spill);
	if (!chunk)
		return -ENOMEM;
	ssize_t n = fill(ctx, chunk->data, SPILL_CHUNK_SIZE);
	CHECK(n <= SPILL_CHUNK_SIZE);
	if (n > 0) {
		chunk->end = (uint32_t)n;
		return n;
	}
	spill->tail = last;
	if (last)
		last->next = NULL;
	else
		spill->head = NULL;
	slab_give(&pool->chunks, chunk);
	return n;
}

ssize_t spill_fill(struct spill_pool *pool, struct spill *spill, spill_fill_fn *fill, void *ctx)
{
	struct spill_chunk *chunk = spill->tail;
	size_t room = chunk ? SPILL_CHUNK_SIZE - chunk->end : 0;
	if (room == 0)
		return spill_append_with(pool, spill, fill, ctx);
	ssize_t n = fill(ctx, chunk->data + chunk->end, room);
	CHECK(n <= (ssize_t)room);
	if (n > 0)
		chunk->end += (uint32_t)n;
	return n;
}

bool spill_prepend(struct spill_pool *pool, struct spill *spill, const void *data, size_t size)
{
	struct spill front = {0};
	if (!spill_append(pool, &front, data, size))
		return false;
	if (spill_empty(&front))
		return true;
	front.tail->next = spill->head;
	if (spill_empty(spill))
		spill->tail = front.tail;
	spill->head = front.head;
	return true;
}

void spill_skip(struct spill_pool *pool, struct spill *spill, size_t size)
{
	while (size > 0) {
		struct spill_chunk *chunk = spill->head;
		size_t n = chunk->end - chunk->start;
		if (n > size) {
			chunk->start += (uint32_t)size;
			return;
		}
		size -= n;
		drop_head(pool, spill);
	}
}

size_t spill_view(const struct spill *spill, struct iovec *ret_iov, size_t iov_count)
{
	size_t count = 0;
	for (struct spill_chunk *c = spill->head; c && count < iov_count; c = c->next)
		ret_iov[count++] = (struct iovec){c->data + c->start, c->end - c->start};
	return count;
}

ssize_t spill_send(struct spill_pool *pool, struct spill *spill, int fd, int flags)
{
	ssize_t sent = 0;
	while (!spill_empty(spill)) {
		struct iovec iov[SEND_CHUNKS];
		ssize_t n = sys_send(fd, iov, spill_view(spill, iov, SEND_CHUNKS), flags);
		if (n < 0)
			return sent > 0 && n == -EAGAIN ? sent : n;
		sent += n;
		spill_skip(pool, spill, (size_t)n);
	}
	return sent;
}

void spill_drop(struct spill_pool *pool, struct spill *spill)
{
	while (!spill_empty(spill))
		drop_head(pool, spill);
}
