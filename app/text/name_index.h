/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which number belongs to which name, found without looking at all of them: a hash table that grows.
 *
 *	struct name_index index = {0};
 */
#ifndef NSRELAY_APP_TEXT_NAME_INDEX_H
#define NSRELAY_APP_TEXT_NAME_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_INDEX_NONE UINT32_MAX

struct name_index {
	struct name_index_slot {
		char *name; /* own copy; NULL: free */
		uint32_t value;
	} * slots;
	size_t slot_count; /* a power of two, or 0 */
	size_t used_count;
};

/* name_index_add - @name, which is not there yet, stands for @value. False: no memory. */
bool name_index_add(struct name_index *index, const char *name, uint32_t value);

/* name_index_find - the value of @name, or NAME_INDEX_NONE */
uint32_t name_index_find(const struct name_index *index, const char *name);

void name_index_fini(struct name_index *index);

#endif
