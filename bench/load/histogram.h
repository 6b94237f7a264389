/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log-linear histogram: every power of two is split into 128 buckets of equal width, so that a quantile is
 * off by less than 0.4 % (half a bucket, 1/256) whatever the range, in 35 KiB and without a division per
 * value.
 */
#ifndef NSRELAY_BENCH_LOAD_HISTOGRAM_H
#define NSRELAY_BENCH_LOAD_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

enum {
	HISTOGRAM_SUB_BITS = 7,
	HISTOGRAM_SUB_COUNT = 1 << HISTOGRAM_SUB_BITS,
	HISTOGRAM_VALUE_BITS = 40, /* 18 minutes in ns; larger values count as the largest */
	HISTOGRAM_BUCKET_COUNT = (HISTOGRAM_VALUE_BITS - HISTOGRAM_SUB_BITS + 1) * HISTOGRAM_SUB_COUNT,
};

struct histogram {
	uint64_t total; /* values added */
	uint64_t max;   /* the largest, exact */
	uint64_t count[HISTOGRAM_BUCKET_COUNT];
};

/* histogram_add - count @value once; an all-zero histogram is an empty one */
void histogram_add(struct histogram *histogram, uint64_t value);

/* histogram_quantile - the value below which @fraction (0 to 1) of all values lie; 0 when there is none */
uint64_t histogram_quantile(const struct histogram *histogram, double fraction);

/*
 * histogram_print_us - `"p50_us":12.34,"p99_9_us":...,"max_us":...`, the quantiles of values that are
 * nanoseconds, as members of a JSON object; from p1 to p99_99, enough of them to draw the curve
 */
void histogram_print_us(FILE *stream, const struct histogram *histogram);

#endif
