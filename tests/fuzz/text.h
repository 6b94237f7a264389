/* SPDX-License-Identifier: Apache-2.0 */
/* What a fuzzer makes up, as a text. */
#ifndef NSRELAY_TESTS_FUZZ_TEXT_H
#define NSRELAY_TESTS_FUZZ_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* text_of - a copy of @data with a NUL, exactly as long, so that a read beyond it is seen; to be freed */
static inline char *text_of(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

#endif
