/* SPDX-License-Identifier: Apache-2.0 */
/* What is found does not depend on how the bytes are cut, stays what it is, and a name is one that could be looked up. */
#include "relay/client_hello.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* feed - out of memory of just the piece's size, so that a read beyond it is seen */
static enum client_hello_result feed(struct client_hello *hello, const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + !size);
	if (!copy)
		abort();
	if (size > 0)
		memcpy(copy, data, size);
	enum client_hello_result result = client_hello_feed(hello, copy, size);
	free(copy);
	return result;
}

static void check_name(const struct client_hello *hello)
{
	CHECK(hello->name_size > 0 && hello->name_size <= CLIENT_HELLO_NAME_MAX);
	CHECK(strlen(hello->name) == hello->name_size);
	for (const char *c = hello->name; *c; c++)
		CHECK(*c < 'A' || *c > 'Z');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct client_hello whole, pieces;
	client_hello_init(&whole);
	client_hello_init(&pieces);
	enum client_hello_result result = feed(&whole, data, size);
	for (size_t at = 0, piece = 1; at < size; at += piece, piece = piece % 7 + 1)
		feed(&pieces, data + at, size - at < piece ? size - at : piece);
	CHECK(pieces.result == result);
	CHECK(result != CLIENT_HELLO_NAMED || strcmp(whole.name, pieces.name) == 0);
	if (result == CLIENT_HELLO_NAMED)
		check_name(&whole);
	CHECK(result == CLIENT_HELLO_MORE || feed(&whole, data, size) == result);
	return 0;
}
