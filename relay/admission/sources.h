/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the clients of one relay come from: a table of addresses, each with what is counted for it. Bounded,
 * made at start, shared by all threads.
 *
 * An entry stays where it is while somebody holds it, so that its counts are used without a lock; the table
 * itself has one, held for a look-up and never over a system call, taken as a connection begins and as it
 * ends. An entry that nobody holds keeps its token bucket until the table is full: then the one that was
 * given up longest ago makes room. When all are held there is no entry for a new address.
 */
#ifndef NSRELAY_RELAY_ADMISSION_SOURCES_H
#define NSRELAY_RELAY_ADMISSION_SOURCES_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/admission/cidr.h"
#include "relay/admission/meter.h"
#include "relay/shaper.h"

enum { SOURCES_NONE = UINT32_MAX };

struct source {
	struct meter meter;
	struct shaper shapers[2]; /* bandwidth, up and down */
	struct cidr_address address;
	uint32_t held;         /* by so many connections */
	uint32_t next;         /* of its bucket */
	uint32_t older, newer; /* among those that nobody holds */
};

struct sources {
	pthread_mutex_t lock;
	struct source *entries; /* and one more, at which the ring of those that nobody holds begins and ends;
	                           owned */
	uint32_t *buckets;      /* first entry of each, a power of two of them; owned */
	uint32_t capacity;
	uint32_t bucket_mask;
	uint32_t fresh; /* entries from here on were never used */
	uint32_t seed;  /* of the hash: nobody can choose addresses that share a bucket */
};

/* sources_init - for @capacity addresses at the same time, 1 .. 2^24; 0 or -ENOMEM. Memory is touched as it
 * is used. */
int sources_init(struct sources *sources, uint32_t capacity, uint32_t seed);
void sources_fini(struct sources *sources);

/* sources_memory - bytes that a table of @capacity takes */
size_t sources_memory(uint32_t capacity);

/* sources_hold - the entry of @address, from now on held once more; SOURCES_NONE when there is none to be
 * had. Any thread. */
uint32_t sources_hold(struct sources *sources, const struct cidr_address *address);

/* sources_release - hold it once less. Any thread. */
void sources_release(struct sources *sources, uint32_t index);

/* sources_meter - of an entry that the caller holds. Any thread, no lock. */
static inline struct meter *sources_meter(const struct sources *sources, uint32_t index)
{
	return &sources->entries[index].meter;
}

/* sources_shaper - the same of its bandwidth, up (0) or down (1) */
static inline struct shaper *sources_shaper(const struct sources *sources, uint32_t index, unsigned direction)
{
	return &sources->entries[index].shapers[direction];
}

#endif
