/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elements of an array found by a hash of what they are: chains of indices. It knows neither elements nor keys:
 *
 *	for (uint32_t i = hash_index_first(&index, hash); i != HASH_INDEX_END; i = hash_index_next(&index, i))
 *		if (array[i] is the one) ...
 *
 * Those that were added last come first.
 */
#ifndef NSRELAY_BASE_HASH_INDEX_H
#define NSRELAY_BASE_HASH_INDEX_H

#include <stddef.h>
#include <stdint.h>

enum { HASH_INDEX_END = UINT32_MAX };

struct hash_index {
	uint32_t *heads; /* [hash & mask]; owned, as the next */
	uint32_t *next;  /* [element] */
	uint32_t mask, capacity;
};

/* hash_index_init - for @count elements; with more it is slower. 0 or -ENOMEM. */
int hash_index_init(struct hash_index *index, uint32_t count);
void hash_index_fini(struct hash_index *index);

/* hash_index_reserve - room for the elements below @count. 0 or -ENOMEM. */
int hash_index_reserve(struct hash_index *index, uint32_t count);

/* hash_index_add - the element @element, which is not in it yet, and for which there is room */
void hash_index_add(struct hash_index *index, uint32_t hash, uint32_t element);

static inline uint32_t hash_index_first(const struct hash_index *index, uint32_t hash)
{
	return index->heads[hash & index->mask];
}

static inline uint32_t hash_index_next(const struct hash_index *index, uint32_t element)
{
	return index->next[element];
}

/* hash_index_bytes - of @size bytes, behind those of @seed (0 at first): FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
uint32_t hash_index_bytes(const void *bytes, size_t size, uint32_t seed);

#endif
