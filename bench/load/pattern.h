/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stream carries: the same bytes in each direction of each connection, known by their position alone,
 * so that a byte that is lost, doubled or out of its place is seen by whoever receives it.
 *
 * Only a verifying run looks (--verify), and only then the bytes depend on their position: measuring sends
 * the same ones again and again, so that no more memory is touched than a path makes one touch.
 */
#ifndef NSRELAY_BENCH_LOAD_PATTERN_H
#define NSRELAY_BENCH_LOAD_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PATTERN_PERIOD = 65521,       /* a prime: no buffer, page or segment is a multiple of it */
	PATTERN_SIZE_MAX = 256 << 10, /* of what is asked for at a time */
};

/* pattern_init - once, before any other; one thread */
void pattern_init(void);

/* pattern_at - PATTERN_SIZE_MAX bytes, those of the stream from @offset on */
const char *pattern_at(uint64_t offset);

/* pattern_matches - are these @size bytes (PATTERN_SIZE_MAX at most) what the stream has at @offset? */
bool pattern_matches(const char *bytes, size_t size, uint64_t offset);

#endif
