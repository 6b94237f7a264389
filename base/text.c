/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE_AT_FIRST = 32 };

void text_fini(struct text *text)
{
	free(text->bytes);
	*text = (struct text){0};
}

static bool reserve(struct text *text, size_t more)
{
	size_t capacity = text->capacity ? text->capacity : SIZE_AT_FIRST;
	char *moved;

	while (capacity <= text->size + more)
		capacity *= 2;
	if (capacity == text->capacity)
		return true;
	moved = realloc(text->bytes, capacity);
	if (!moved)
		return false;
	text->bytes = moved;
	text->capacity = capacity;
	return true;
}

static void __attribute__((format(printf, 2, 0))) add(struct text *text, const char *format, va_list args)
{
	va_list again;
	int size;

	va_copy(again, args);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is va_copy()'s */
	size = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (size < 0 || !reserve(text, (size_t)size)) {
		text->failed = true;
		return;
	}
	vsnprintf(text->bytes + text->size, (size_t)size + 1, format, args);
	text->size += (size_t)size;
}

void text_add(struct text *text, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(text, format, args);
	va_end(args);
}

const char *text_get(const struct text *text)
{
	return text->bytes ? text->bytes : "";
}

char *text_take(struct text *text)
{
	char *bytes = text->bytes ? text->bytes : strdup("");
	bool failed = text->failed;

	*text = (struct text){0};
	if (!failed)
		return bytes;
	free(bytes);
	return NULL;
}
