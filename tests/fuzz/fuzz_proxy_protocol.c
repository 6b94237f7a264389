/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A header is what it is however it is cut: each beginning of one asks for more, and what is behind it changes nothing. What
 * was read is written and read back as the same, by both versions.
 */
#include "relay/proxy_protocol.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* decode - out of memory of just that size, so that a read beyond it is seen */
static enum proxy_result decode(const uint8_t *data, size_t size, struct proxy_header *ret, size_t *ret_size)
{
	const char *why = NULL;
	uint8_t *copy = malloc(size + !size);
	if (!copy)
		abort();
	if (size > 0)
		memcpy(copy, data, size);
	enum proxy_result result = proxy_decode(copy, size, ret, ret_size, &why);
	CHECK((result == PROXY_MALFORMED) == (why != NULL));
	if (ret->tlvs)
		ret->tlvs = data + (ret->tlvs - copy);
	free(copy);
	return result;
}

static void check_cuts(const uint8_t *data, size_t size)
{
	struct proxy_header header;
	size_t length;
	for (size_t cut = 0; cut < size; cut += 1 + cut / 16)
		CHECK(decode(data, cut, &header, &length) == PROXY_MORE);
}

static void check_same(const struct proxy_header *a, const uint8_t *encoded, size_t size)
{
	struct proxy_header b;
	size_t length;
	if (size > PROXY_V2_MAX) /* with a name added it may be longer than what is read */
		return;
	CHECK(decode(encoded, size, &b, &length) == PROXY_COMPLETE && length == size);
	CHECK(b.source.port == a->source.port && b.destination.port == a->destination.port);
	/* Mapped addresses change their family. */
	CHECK(b.source.family == b.destination.family && (b.source.family == 0) == (a->source.family == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header header;
	uint8_t v1[PROXY_V1_MAX], v2[PROXY_ENCODED_MAX];
	size_t length = 0;
	enum proxy_result result = decode(data, size, &header, &length);
	CHECK(result != PROXY_MORE || size < PROXY_V2_MAX);
	if (result != PROXY_COMPLETE)
		return 0;
	CHECK(length <= size && length <= PROXY_V2_MAX);
	check_cuts(data, length);
	check_same(&header, v1, proxy_encode_v1(&header, v1));
	check_same(&header, v2, proxy_encode_v2(&header, "name", v2));
	check_same(&header, v2, proxy_encode_v2(&header, NULL, v2));
	return 0;
}
