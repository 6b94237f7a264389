/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is read as an endpoint is written and read back as the same one; whatever is refused says why. */
#include "base/endpoint.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tests/fuzz/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_accepted(const struct endpoint *endpoint)
{
	char text[ENDPOINT_TEXT_MAX];
	struct endpoint again;
	endpoint_format(endpoint, text, sizeof(text));
	CHECK(strlen(text) < sizeof(text) - 1);
	CHECK(endpoint_parse(text, &again, NULL) == 0);
	CHECK(endpoint_equal(endpoint, &again));
	CHECK(endpoint_would_reach(endpoint, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct endpoint endpoint;
	struct err err = ERR_INIT;
	char *text = text_of(data, size);
	if (endpoint_parse(text, &endpoint, &err) == 0)
		check_accepted(&endpoint);
	else
		CHECK(err.code > 0 && strstr(err.text, "expected"));
	free(text);
	return 0;
}
