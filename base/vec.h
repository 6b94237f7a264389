/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An array that grows. Not for the data path, which allocates nothing.
 *
 *	struct names { VEC(char *) all; } names = {0};
 *	char **name = vec_push(&names.all);
 *	if (!name)
 *		return -ENOMEM;
 */
#ifndef NSRELAY_BASE_VEC_H
#define NSRELAY_BASE_VEC_H

#include <stdbool.h>
#include <stddef.h>

#define VEC(type)                                                                                                      \
	struct {                                                                                                       \
		type *items;                                                                                           \
		size_t count, capacity;                                                                                \
	}

/* vec_push - one more element, zeroed; pointers to earlier ones are no longer valid. NULL when memory is out. */
#define vec_push(vec)                                                                                                  \
	((__typeof__((vec)->items))vec_push_raw((void **)&(vec)->items, &(vec)->count, &(vec)->capacity,               \
						sizeof(*(vec)->items)))

/* vec_append - copies of all elements of another array of the same type; false, and nothing, when memory is out */
#define vec_append(vec, more)                                                                                          \
	vec_append_raw((void **)&(vec)->items, &(vec)->count, &(vec)->capacity,                                        \
		       1 ? (more)->items : (vec)->items, (more)->count, sizeof(*(vec)->items))

/* vec_clear - free the array, but not what its elements own */
#define vec_clear(vec) vec_clear_raw((void **)&(vec)->items, &(vec)->count, &(vec)->capacity)

/* vec_each - for each element, by pointer; the array may be const, and must not grow meanwhile */
#define vec_each(element, vec)                                                                                         \
	for (__typeof__((vec)->items + 0)(element) = (vec)->items; (size_t)((element) - (vec)->items) < (vec)->count;  \
	     (element)++)

void *vec_push_raw(void **items, size_t *count, size_t *capacity, size_t size);
bool vec_append_raw(void **items, size_t *count, size_t *capacity, const void *more, size_t more_count, size_t size);
void vec_clear_raw(void **items, size_t *count, size_t *capacity);

#endif
