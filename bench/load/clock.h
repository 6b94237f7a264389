/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSRELAY_BENCH_LOAD_CLOCK_H
#define NSRELAY_BENCH_LOAD_CLOCK_H

#include <stdint.h>

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)

#ifdef __cplusplus
extern "C" {
#endif

/* clock_now_ns - the monotonic clock, in nanoseconds */
uint64_t clock_now_ns(void);

/* clock_seconds_since - seconds from @start_ns until now; never 0, so that it may divide */
double clock_seconds_since(uint64_t start_ns);

#ifdef __cplusplus
}
#endif

#endif
