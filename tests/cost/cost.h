/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the relay costs each time, in figures that do not depend on how fast or how busy a machine is, and the
 * limits that these figures are held to. All limits stand in one table, limits.c.
 */
#ifndef NSRELAY_TESTS_COST_COST_H
#define NSRELAY_TESTS_COST_COST_H

#include <stddef.h>
#include <stdint.h>

/* One row of the table. */
struct cost_limit {
	const char *load; /* what is done again and again */
	const char *cost; /* what is counted while it is done */
	double seen;      /* each time, when the limit was set */
	double limit;     /* more than that each time fails */
	const char *why;  /* where it comes from */
};

extern const struct cost_limit cost_limits[];
extern const size_t cost_limit_count;

/*
 * cost_check - print what @load cost in all and each of @times, beside its limit, and note when it is more
 * A cost that the table does not have is one that there must not be.
 */
void cost_check(const char *load, const char *cost, uint64_t total, uint64_t times);

/* cost_verdict - fail the running cmocka test when a cost was above its limit since the last call */
void cost_verdict(void);

#endif
