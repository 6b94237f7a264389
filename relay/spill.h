/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for bytes that were read but that their receiver's socket did not take: the only place where the relay holds
 * bytes from one turn to the next. A flow that holds any is not read from, so it stays small; the pool is bounded.
 * One pool belongs to one thread.
 */
#ifndef NSRELAY_RELAY_SPILL_H
#define NSRELAY_RELAY_SPILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/slab.h"

enum { SPILL_CHUNK_SIZE = 4096 };

struct spill_pool {
	struct slab chunks;
};

/* A queue of bytes. Zeroed is empty. */
struct spill {
	struct spill_chunk *head, *tail;
};

int spill_pool_init(struct spill_pool *pool, uint32_t chunk_count);
void spill_pool_fini(struct spill_pool *pool);

/* spill_pool_free_bytes - how much can still be appended, by all queues together, at the least */
size_t spill_pool_free_bytes(const struct spill_pool *pool);

static inline bool spill_empty(const struct spill *spill)
{
	return spill->head == NULL;
}

/* spill_append - copy @size bytes to the end; false, with nothing appended, when the pool is too empty */
bool spill_append(struct spill_pool *pool, struct spill *spill, const void *data, size_t size);

/*
 * spill_append_with - fill one fresh chunk by @fill(ctx, buffer, size), which returns what it stored, 0 or -errno
 * Returns what @fill returned, or -ENOMEM when the pool is empty. Only a positive return leaves a chunk behind.
 */
typedef ssize_t spill_fill_fn(void *ctx, void *buffer, size_t size);
ssize_t spill_append_with(struct spill_pool *pool, struct spill *spill, spill_fill_fn *fill, void *ctx);

/* spill_fill - the same into what is free of the last chunk, or into a fresh one where nothing is */
ssize_t spill_fill(struct spill_pool *pool, struct spill *spill, spill_fill_fn *fill, void *ctx);

/* spill_prepend - as spill_append(), to the front */
bool spill_prepend(struct spill_pool *pool, struct spill *spill, const void *data, size_t size);

/* spill_skip - take @size bytes, which are there, off the front */
void spill_skip(struct spill_pool *pool, struct spill *spill, size_t size);

/* spill_view - describe what is in front by at most @iov_count vectors, which last until it is changed; how many */
size_t spill_view(const struct spill *spill, struct iovec *ret_iov, size_t iov_count);

/* spill_send - send from the front until all is gone or the socket is full; bytes sent, or -errno when none were */
ssize_t spill_send(struct spill_pool *pool, struct spill *spill, int fd, int flags);

void spill_drop(struct spill_pool *pool, struct spill *spill);

#endif
