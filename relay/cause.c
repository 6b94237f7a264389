/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/cause.h"

#include "base/check.h"

const char *cause_name(enum cause cause)
{
	static const char *const names[] = {
#define X(name, text, help) text,
		CAUSE_TABLE(X)
#undef X
	};
	_Static_assert(ARRAY_COUNT(names) == CAUSE_COUNT, "a text for each cause");
	CHECK(cause < CAUSE_COUNT);
	return names[cause];
}

bool cause_is_limit(enum cause cause)
{
	static const bool limits[CAUSE_COUNT] = {
		[CAUSE_RELAY_LIMIT] = true, [CAUSE_NAMESPACE_LIMIT] = true, [CAUSE_SOURCE_LIMIT] = true,
		[CAUSE_RATE_LIMIT] = true,  [CAUSE_QUEUE_FULL] = true,      [CAUSE_QUEUE_TIMEOUT] = true,
		[CAUSE_RESOURCE_LIMIT] = true,
	};
	return limits[cause];
}
