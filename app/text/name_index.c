/* SPDX-License-Identifier: Apache-2.0 */
#include "app/text/name_index.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_MIN = 64 };

/* FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint64_t hash(const char *name)
{
	uint64_t h = 14695981039346656037U;
	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 1099511628211U;
	return h;
}

/* slot_of - the slot that holds @name, or the free one that it would go to */
static struct name_index_slot *slot_of(const struct name_index *index, const char *name)
{
	size_t i = hash(name) & (index->slot_count - 1);
	while (index->slots[i].name && strcmp(index->slots[i].name, name) != 0)
		i = (i + 1) & (index->slot_count - 1);
	return &index->slots[i];
}

/* grow - keep at least half of the slots free, so that a search is short and ends */
static bool grow(struct name_index *index)
{
	struct name_index grown = *index;
	if (index->used_count < index->slot_count / 2)
		return true;
	grown.slot_count = index->slot_count ? index->slot_count * 2 : SLOTS_MIN;
	grown.slots = calloc(grown.slot_count, sizeof(*grown.slots));
	if (!grown.slots)
		return false;
	for (size_t i = 0; i < index->slot_count; i++)
		if (index->slots[i].name)
			*slot_of(&grown, index->slots[i].name) = index->slots[i];
	free(index->slots);
	*index = grown;
	return true;
}

bool name_index_add(struct name_index *index, const char *name, uint32_t value)
{
	char *copy = grow(index) ? strdup(name) : NULL;
	if (!copy)
		return false;
	*slot_of(index, name) = (struct name_index_slot){copy, value};
	index->used_count++;
	return true;
}

uint32_t name_index_find(const struct name_index *index, const char *name)
{
	const struct name_index_slot *slot = index->slot_count ? slot_of(index, name) : NULL;
	return slot && slot->name ? slot->value : NAME_INDEX_NONE;
}

void name_index_fini(struct name_index *index)
{
	for (size_t i = 0; i < index->slot_count; i++)
		free(index->slots[i].name);
	free(index->slots);
	*index = (struct name_index){0};
}
