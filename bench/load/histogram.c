/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/histogram.h"

/*
 * Values below 128 have a bucket each. A larger value keeps its top 8 bits: the highest one and the 7 below
 * it, which choose one of 128 buckets; how far it was shifted chooses the group of 128.
 */

static unsigned bucket_of(uint64_t value)
{
	if (value < HISTOGRAM_SUB_COUNT)
		return (unsigned)value;
	unsigned shift = 63U - (unsigned)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
	return shift * HISTOGRAM_SUB_COUNT + (unsigned)(value >> shift);
}

/* middle_of - the value that stands for all of a bucket */
static uint64_t middle_of(unsigned bucket)
{
	if (bucket < HISTOGRAM_SUB_COUNT)
		return bucket;
	unsigned shift = bucket / HISTOGRAM_SUB_COUNT - 1;
	uint64_t low = (uint64_t)(bucket - shift * HISTOGRAM_SUB_COUNT) << shift;
	return low + (UINT64_C(1) << shift) / 2;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	const uint64_t largest = (UINT64_C(1) << HISTOGRAM_VALUE_BITS) - 1;
	histogram->count[bucket_of(value < largest ? value : largest)]++;
	histogram->total++;
	if (value > histogram->max)
		histogram->max = value;
}

uint64_t histogram_quantile(const struct histogram *histogram, double fraction)
{
	uint64_t below = (uint64_t)((double)histogram->total * fraction), seen = 0;
	for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKET_COUNT; bucket++) {
		seen += histogram->count[bucket];
		if (seen > below)
			return middle_of(bucket);
	}
	return histogram->max;
}

void histogram_print_us(FILE *stream, const struct histogram *histogram)
{
	static const struct {
		const char *name;
		double fraction;
	} quantiles[] = {
	        {"p1", .01},  {"p10", .10}, {"p25", .25}, {"p50", .50},    {"p75", .75},
	        {"p90", .90}, {"p95", .95}, {"p99", .99}, {"p99_9", .999}, {"p99_99", .9999},
	};
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
		fprintf(stream, "\"%s_us\":%.2f,", quantiles[i].name,
		        (double)histogram_quantile(histogram, quantiles[i].fraction) / 1e3);
	fprintf(stream, "\"max_us\":%.2f", (double)histogram->max / 1e3);
}
