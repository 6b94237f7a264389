/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool of equal objects with a fixed capacity. Address space is reserved at once, memory is touched only as far as
 * objects were ever in use at the same time, and nothing moves. Each slot carries a generation that changes whenever it is
 * given back, so that a (index, generation) pair found in a late completion is known to be stale.
 * Not thread-safe: one slab belongs to one thread.
 */
#ifndef NSRELAY_BASE_SLAB_H
#define NSRELAY_BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

/* Indices and generations fit in 24 bits, so that both go into the 64 bits of a completion's user data. */
enum { SLAB_INDEX_BITS = 24, SLAB_CAPACITY_MAX = 1 << SLAB_INDEX_BITS };

struct slab {
	unsigned char *base; /* the mapping; NULL while not initialized */
	size_t slot_size;    /* bytes, header included */
	size_t zeroed_size;  /* bytes of an object that slab_take() clears */
	uint32_t capacity;   /* slots */
	uint32_t fresh;      /* slots from here on were never taken */
	uint32_t used;
	uint32_t free_head; /* list of slots given back, last in first out */
};

/*
 * slab_init - reserve room for @capacity objects of @object_size bytes, of which slab_take() clears the first @zeroed_size
 * Returns 0, -ENOMEM, or -EINVAL when @capacity is 0 or above SLAB_CAPACITY_MAX.
 */
int slab_init(struct slab *slab, size_t object_size, size_t zeroed_size, uint32_t capacity);
void slab_fini(struct slab *slab);

/* slab_take - an object; NULL when all are in use. The caller owns it until slab_give(). */
void *slab_take(struct slab *slab);

/* slab_give - give an object back; its generation ends */
void slab_give(struct slab *slab, void *object);

uint32_t slab_index(const struct slab *slab, const void *object);
uint32_t slab_generation(const void *object);

/* slab_at - the object in slot @index, in use or not */
void *slab_at(const struct slab *slab, uint32_t index);

/* slab_find - the object at @index if it is still of @generation and in use, else NULL */
void *slab_find(const struct slab *slab, uint32_t index, uint32_t generation);

/* slab_next - iterate: the first object in use at or after *@index, whose successor's index is stored back; else NULL */
void *slab_next(const struct slab *slab, uint32_t *index);

/*
 * slab_next_below - the same, looking at no slot from @end on: for who has only so much time
 * NULL leaves @end, or the number of slots ever taken if that is less, in *@index.
 */
void *slab_next_below(const struct slab *slab, uint32_t *index, uint32_t end);

#endif
