/* SPDX-License-Identifier: Apache-2.0 */
#include "base/slab.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"

enum { NO_SLOT = UINT32_MAX, GENERATION_MASK = SLAB_CAPACITY_MAX - 1 };

/* Stands before each object. */
struct slot {
	alignas(8) uint32_t generation;
	uint32_t next_free; /* of a free slot; IN_USE otherwise */
};

enum { IN_USE = UINT32_MAX - 1 };

static struct slot *slot_at(const struct slab *slab, uint32_t index)
{
	return (struct slot *)(slab->base + (size_t)index * slab->slot_size);
}

static struct slot *slot_of(const void *object)
{
	return (struct slot *)((unsigned char *)object - sizeof(struct slot));
}

int slab_init(struct slab *slab, size_t object_size, size_t zeroed_size, uint32_t capacity)
{
	CHECK(zeroed_size <= object_size);
	if (capacity == 0 || capacity > SLAB_CAPACITY_MAX)
		return -EINVAL;
	size_t slot_size = (sizeof(struct slot) + object_size + 7) & ~(size_t)7;
	void *base = mmap(NULL, slot_size * capacity, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return -errno;
	/* A huge page would touch 2 MiB for the first object. */
	madvise(base, slot_size * capacity, MADV_NOHUGEPAGE);
	*slab = (struct slab){
		.base = base,
		.slot_size = slot_size,
		.zeroed_size = zeroed_size,
		.capacity = capacity,
		.free_head = NO_SLOT,
	};
	return 0;
}

void slab_fini(struct slab *slab)
{
	if (!slab || !slab->base)
		return;
	munmap(slab->base, slab->slot_size * slab->capacity);
	slab->base = NULL;
}

void *slab_take(struct slab *slab)
{
	uint32_t index = slab->free_head;
	if (index == NO_SLOT) {
		if (slab->fresh == slab->capacity)
			return NULL;
		index = slab->fresh++;
	} else {
		slab->free_head = slot_at(slab, index)->next_free;
	}
	struct slot *slot = slot_at(slab, index);
	slot->next_free = IN_USE;
	slab->used++;
	return memset(slot + 1, 0, slab->zeroed_size);
}

void slab_give(struct slab *slab, void *object)
{
	struct slot *slot = slot_of(object);
	CHECK(slot->next_free == IN_USE);
	slot->generation = (slot->generation + 1) & GENERATION_MASK;
	slot->next_free = slab->free_head;
	slab->free_head = slab_index(slab, object);
	slab->used--;
}

uint32_t slab_index(const struct slab *slab, const void *object)
{
	size_t offset = (size_t)((unsigned char *)slot_of(object) - slab->base);
	CHECK(offset % slab->slot_size == 0 && offset / slab->slot_size < slab->capacity);
	return (uint32_t)(offset / slab->slot_size);
}

uint32_t slab_generation(const void *object)
{
	return slot_of(object)->generation;
}

void *slab_at(const struct slab *slab, uint32_t index)
{
	CHECK(index < slab->capacity);
	return slot_at(slab, index) + 1;
}

void *slab_find(const struct slab *slab, uint32_t index, uint32_t generation)
{
	if (index >= slab->fresh)
		return NULL;
	struct slot *slot = slot_at(slab, index);
	return slot->next_free == IN_USE && slot->generation == generation ? slot + 1 : NULL;
}

void *slab_next_below(const struct slab *slab, uint32_t *index, uint32_t end)
{
	end = end < slab->fresh ? end : slab->fresh;
	for (uint32_t i = *index; i < end; i++) {
		struct slot *slot = slot_at(slab, i);
		if (slot->next_free == IN_USE) {
			*index = i + 1;
			return slot + 1;
		}
	}
	*index = end;
	return NULL;
}

void *slab_next(const struct slab *slab, uint32_t *index)
{
	return slab_next_below(slab, index, slab->fresh);
}
