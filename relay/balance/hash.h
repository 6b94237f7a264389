/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes that are the same in every thread, process and host: for spreading load, not for secrets. */
#ifndef NSRELAY_RELAY_BALANCE_HASH_H
#define NSRELAY_RELAY_BALANCE_HASH_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* hash_mix - the finalizer of splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014) */
static inline uint64_t hash_mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* hash_bytes - FNV-1a (draft-eastlake-fnv), mixed once more, as its high bits are weak */
static inline uint64_t hash_bytes(const void *bytes, size_t size)
{
	uint64_t hash = UINT64_C(0xCBF29CE484222325);
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001B3);
	return hash_mix(hash);
}

/* hash_word - of four bytes, quickly */
static inline uint64_t hash_word(const uint8_t bytes[4])
{
	uint32_t word;
	memcpy(&word, bytes, sizeof(word));
	return hash_mix(UINT64_C(0x9E3779B97F4A7C15) * be32toh(word));
}

#endif
