/* SPDX-License-Identifier: Apache-2.0 */
#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

void *vec_push_raw(void **items, size_t *count, size_t *capacity, size_t size)
{
	if (*count == *capacity) {
		size_t grown = *capacity ? *capacity * 2 : 8;
		void *moved = reallocarray(*items, grown, size);
		if (!moved)
			return NULL;
		*items = moved;
		*capacity = grown;
	}
	void *element = (char *)*items + size * (*count)++;
	return memset(element, 0, size);
}

bool vec_append_raw(void **items, size_t *count, size_t *capacity, const void *more, size_t more_count, size_t size)
{
	if (*count + more_count > *capacity) {
		size_t grown = *count + more_count;
		void *moved = reallocarray(*items, grown, size);
		if (!moved)
			return false;
		*items = moved;
		*capacity = grown;
	}
	if (more_count > 0)
		memcpy((char *)*items + size * *count, more, size * more_count);
	*count += more_count;
	return true;
}

void vec_clear_raw(void **items, size_t *count, size_t *capacity)
{
	free(*items);
	*items = NULL;
	*count = *capacity = 0;
}
