/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/pattern.h"

#include <string.h>

static unsigned char pattern[PATTERN_PERIOD + PATTERN_SIZE_MAX];

void pattern_init(void)
{
	uint32_t x = 1;
	for (size_t i = 0; i < sizeof(pattern); i++) {
		/* xorshift32, G. Marsaglia, "Xorshift RNGs", 2003 */
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		pattern[i] = i < PATTERN_PERIOD ? (unsigned char)x : pattern[i - PATTERN_PERIOD];
	}
}

const char *pattern_at(uint64_t offset)
{
	return (const char *)pattern + offset % PATTERN_PERIOD;
}

bool pattern_matches(const char *bytes, size_t size, uint64_t offset)
{
	return memcmp(bytes, pattern_at(offset), size) == 0;
}
