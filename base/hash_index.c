/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum { HEADS_MIN = 16 };

int hash_index_init(struct hash_index *index, uint32_t count)
{
	uint32_t heads = HEADS_MIN;
	while (heads < count && heads < UINT32_MAX / 2)
		heads *= 2;
	*index = (struct hash_index){.heads = malloc(heads * sizeof(*index->heads)), .mask = heads - 1};
	if (!index->heads || hash_index_reserve(index, count) < 0) {
		hash_index_fini(index);
		return -ENOMEM;
	}
	memset(index->heads, 0xff, heads * sizeof(*index->heads)); /* HASH_INDEX_END */
	return 0;
}

void hash_index_fini(struct hash_index *index)
{
	free(index->heads);
	free(index->next);
	*index = (struct hash_index){0};
}

int hash_index_reserve(struct hash_index *index, uint32_t count)
{
	if (count <= index->capacity)
		return 0;
	uint32_t *next = realloc(index->next, count * sizeof(*next));
	if (!next)
		return -ENOMEM;
	index->next = next;
	index->capacity = count;
	return 0;
}

void hash_index_add(struct hash_index *index, uint32_t hash, uint32_t element)
{
	uint32_t *head = &index->heads[hash & index->mask];
	CHECK(element < index->capacity);
	index->next[element] = *head;
	*head = element;
}

uint32_t hash_index_bytes(const void *bytes, size_t size, uint32_t seed)
{
	const uint8_t *at = bytes;
	uint32_t hash = 2166136261U ^ seed;
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ at[i]) * 16777619U;
	return hash;
}
