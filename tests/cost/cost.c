/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/cost/cost.h"

#include <stdbool.h>
#include <string.h>

#include "tests/unit/unit.h"

static unsigned grown;

static const struct cost_limit *find(const char *load, const char *cost)
{
	static const struct cost_limit unknown = {.why = "not in the table, tests/cost/limits.c: a new cost"};

	for (size_t i = 0; i < cost_limit_count; i++) {
		if (strcmp(cost_limits[i].load, load) == 0 && strcmp(cost_limits[i].cost, cost) == 0)
			return &cost_limits[i];
	}
	return &unknown;
}

void cost_check(const char *load, const char *cost, uint64_t total, uint64_t times)
{
	const struct cost_limit *limit = find(load, cost);
	double each = (double)total / (double)times;
	bool more = each > limit->limit;

	print_message("%-21s %-22s %9.3f  was %9.3f  at most %9.3f%s  %s\n", load, cost, each, limit->seen,
	              limit->limit, more ? "  GROWN" : "", limit->why);
	grown += more;
}

void cost_verdict(void)
{
	unsigned count = grown;

	grown = 0;
	if (count > 0)
		fail_msg("%u costs have grown, above", count);
}
