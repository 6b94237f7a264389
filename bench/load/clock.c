/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/clock.h"

#include <time.h>

uint64_t clock_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

double clock_seconds_since(uint64_t start_ns)
{
	uint64_t passed_ns = clock_now_ns() - start_ns;
	return (double)(passed_ns ? passed_ns : 1) / (double)NS_PER_S;
}
