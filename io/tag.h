/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a completion says of the operation it belongs to, in the 64 bits of user_data: the kind of operation, which side of
 * its object, and a handle (index and generation) instead of a pointer, so that a completion that comes after its object
 * has gone is recognized and dropped.
 */
#ifndef NSRELAY_IO_TAG_H
#define NSRELAY_IO_TAG_H

#include <stdint.h>

#include "base/slab.h"

/* Kinds 1 and up belong to whoever drives the loop; 0 marks operations whose completion says nothing (a cancel). */
enum { TAG_KIND_IGNORE = 0 };

struct tag {
	uint8_t kind;
	uint8_t side;
	uint32_t generation; /* 24 bits */
	uint32_t index;      /* 24 bits */
};

static inline uint64_t tag_pack(struct tag tag)
{
	return (uint64_t)tag.kind << 56 | (uint64_t)tag.side << 48 |
	       (uint64_t)(tag.generation & (SLAB_CAPACITY_MAX - 1)) << SLAB_INDEX_BITS |
	       (tag.index & (SLAB_CAPACITY_MAX - 1));
}

static inline struct tag tag_unpack(uint64_t packed)
{
	return (struct tag){
		.kind = (uint8_t)(packed >> 56),
		.side = (uint8_t)(packed >> 48),
		.generation = (uint32_t)(packed >> SLAB_INDEX_BITS) & (SLAB_CAPACITY_MAX - 1),
		.index = (uint32_t)packed & (SLAB_CAPACITY_MAX - 1),
	};
}

#endif
