/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/admission/sources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "relay/balance/hash.h"

static uint32_t bucket_count(uint32_t capacity)
{
	uint32_t count = 1;
	while (count < capacity)
		count *= 2;
	return count;
}

size_t sources_memory(uint32_t capacity)
{
	return ((size_t)capacity + 1) * sizeof(struct source) + bucket_count(capacity) * sizeof(uint32_t);
}

/* ---- those that nobody holds: a ring through the last entry, the oldest first ---- */

static void idle_remove(struct sources *sources, uint32_t index)
{
	struct source *entries = sources->entries, *entry = &entries[index];
	entries[entry->older].newer = entry->newer;
	entries[entry->newer].older = entry->older;
}

static void idle_append(struct sources *sources, uint32_t index)
{
	uint32_t end = sources->capacity;
	struct source *entries = sources->entries, *entry = &entries[index];
	entry->older = entries[end].older;
	entry->newer = end;
	entries[entry->older].newer = entries[end].older = index;
}

/* ---- look-up ---- */

static uint32_t *bucket_of(const struct sources *sources, const struct cidr_address *address)
{
	uint64_t words[2];
	memcpy(words, address->bytes, sizeof(words));
	uint64_t hash = hash_mix(hash_mix(words[0] ^ sources->seed) + words[1] + address->version);
	return &sources->buckets[hash & sources->bucket_mask];
}

static uint32_t find(const struct sources *sources, uint32_t first, const struct cidr_address *address)
{
	for (uint32_t i = first; i != SOURCES_NONE; i = sources->entries[i].next) {
		if (memcmp(&sources->entries[i].address, address, sizeof(*address)) == 0)
			return i;
	}
	return SOURCES_NONE;
}

/* unlink_entry - take it out of its bucket */
static void unlink_entry(struct sources *sources, uint32_t index)
{
	uint32_t *link = bucket_of(sources, &sources->entries[index].address);
	while (*link != index)
		link = &sources->entries[*link].next;
	*link = sources->entries[index].next;
}

/* take_entry - one that was never used, or the one that was given up longest ago; SOURCES_NONE when all are
 * held */
static uint32_t take_entry(struct sources *sources)
{
	if (sources->fresh < sources->capacity)
		return sources->fresh++;
	uint32_t oldest = sources->entries[sources->capacity].newer;
	if (oldest == sources->capacity)
		return SOURCES_NONE;
	idle_remove(sources, oldest);
	unlink_entry(sources, oldest);
	return oldest;
}

static uint32_t add(struct sources *sources, uint32_t *bucket, const struct cidr_address *address)
{
	uint32_t index = take_entry(sources);
	if (index == SOURCES_NONE)
		return SOURCES_NONE;
	struct source *entry = &sources->entries[index];
	memset(entry, 0, sizeof(*entry));
	entry->address = *address;
	entry->next = *bucket;
	*bucket = index;
	return index;
}

static uint32_t hold(struct sources *sources, const struct cidr_address *address)
{
	uint32_t *bucket = bucket_of(sources, address), index = find(sources, *bucket, address);
	if (index == SOURCES_NONE)
		index = add(sources, bucket, address);
	else if (sources->entries[index].held == 0)
		idle_remove(sources, index);
	if (index != SOURCES_NONE)
		sources->entries[index].held++;
	return index;
}

uint32_t sources_hold(struct sources *sources, const struct cidr_address *address)
{
	pthread_mutex_lock(&sources->lock);
	uint32_t index = hold(sources, address);
	pthread_mutex_unlock(&sources->lock);
	return index;
}

void sources_release(struct sources *sources, uint32_t index)
{
	pthread_mutex_lock(&sources->lock);
	CHECK(sources->entries[index].held > 0);
	if (--sources->entries[index].held == 0)
		idle_append(sources, index);
	pthread_mutex_unlock(&sources->lock);
}

/* ---- start and end ---- */

int sources_init(struct sources *sources, uint32_t capacity, uint32_t seed)
{
	uint32_t buckets = bucket_count(capacity);
	*sources = (struct sources){
	        .lock = PTHREAD_MUTEX_INITIALIZER,
	        .entries = calloc((size_t)capacity + 1, sizeof(*sources->entries)),
	        .buckets = malloc(buckets * sizeof(*sources->buckets)),
	        .capacity = capacity,
	        .bucket_mask = buckets - 1,
	        .seed = seed,
	};
	if (!sources->entries || !sources->buckets) {
		sources_fini(sources);
		return -ENOMEM;
	}
	memset(sources->buckets, 0xff, buckets * sizeof(*sources->buckets)); /* SOURCES_NONE */
	sources->entries[capacity].older = sources->entries[capacity].newer = capacity;
	return 0;
}

void sources_fini(struct sources *sources)
{
	free(sources->entries);
	free(sources->buckets);
	*sources = (struct sources){0};
}
