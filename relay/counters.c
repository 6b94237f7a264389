/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/counters.h"

#include "base/check.h"

const char *counter_name(unsigned counter)
{
	static const char *const names[] = {
#define X(name, text, help, advice) text,
		COUNTER_TABLE(X)
#undef X
#define X(name, text, help) "closed_" text "_total",
		CAUSE_TABLE(X)
#undef X
	};
	_Static_assert(ARRAY_COUNT(names) == COUNTER_COUNT, "a name for each counter");
	CHECK(counter < COUNTER_COUNT);
	return names[counter];
}

const char *counter_help(unsigned counter)
{
	static const char *const texts[] = {
#define X(name, text, help, advice) help,
		COUNTER_TABLE(X)
#undef X
#define X(name, text, help) "connections closed: " help,
		CAUSE_TABLE(X)
#undef X
	};
	CHECK(counter < COUNTER_COUNT);
	return texts[counter];
}

const char *counter_advice(unsigned counter)
{
	static const char *const texts[COUNTER_COUNT] = {
#define X(name, text, help, advice) advice,
		COUNTER_TABLE(X)
#undef X
	};
	CHECK(counter < COUNTER_COUNT);
	return texts[counter] ? texts[counter] : "";
}
