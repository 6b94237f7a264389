/* SPDX-License-Identifier: Apache-2.0 */
#include "app/varlink/frame.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum { CAPACITY_FIRST = 4096 };

void frames_fini(struct frames *frames)
{
	free(frames->bytes);
	*frames = (struct frames){.max = frames->max};
}

static size_t larger(const struct frames *frames)
{
	size_t capacity = frames->capacity ? frames->capacity * 2 : CAPACITY_FIRST;
	return capacity < frames->max ? capacity : frames->max;
}

char *frames_room(struct frames *frames, size_t *ret_size)
{
	*ret_size = 0;
	if (frames->size == frames->capacity) {
		size_t capacity = larger(frames);
		char *bytes = capacity > frames->size ? realloc(frames->bytes, capacity) : NULL;
		if (!bytes)
			return NULL;
		frames->bytes = bytes;
		frames->capacity = capacity;
	}
	*ret_size = frames->capacity - frames->size;
	return frames->bytes + frames->size;
}

void frames_added(struct frames *frames, size_t size)
{
	CHECK(size <= frames->capacity - frames->size);
	frames->size += size;
}

const char *frames_first(struct frames *frames, size_t *ret_length)
{
	const char *end = NULL;
	if (frames->scanned < frames->size)
		end = memchr(frames->bytes + frames->scanned, '\0', frames->size - frames->scanned);
	if (!end) {
		frames->scanned = frames->size;
		return NULL;
	}
	frames->scanned = *ret_length = (size_t)(end - frames->bytes);
	return frames->bytes;
}

void frames_take(struct frames *frames)
{
	size_t length = 0;
	CHECK(frames_first(frames, &length));
	frames->size -= length + 1;
	memmove(frames->bytes, frames->bytes + length + 1, frames->size);
	frames->scanned = 0;
}
