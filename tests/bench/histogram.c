/* SPDX-License-Identifier: MIT */
/*
 * histogram.c - log-linear buckets; see histogram.h.
 */
#include "tests/bench/histogram.h"

#include <stddef.h>

#define STEP_BITS 7 /* log2 of HISTOGRAM_STEPS */

static size_t bucket_of(uint64_t value)
{
    int power = 0;

    if (value < HISTOGRAM_STEPS) {
        return (size_t)value;
    }
    power = 63 - __builtin_clzll(value) - STEP_BITS;
    return (size_t)(power + 1) * HISTOGRAM_STEPS + (size_t)((value >> power) - HISTOGRAM_STEPS);
}

/* The middle of a bucket. */
static int64_t value_of(size_t bucket)
{
    size_t power = bucket / HISTOGRAM_STEPS;
    int64_t step = (int64_t)(bucket % HISTOGRAM_STEPS);

    if (power == 0) {
        return step;
    }
    return ((step + HISTOGRAM_STEPS) << (power - 1)) + (((int64_t)1 << (power - 1)) >> 1);
}

void histogram_add(struct histogram *histogram, int64_t ns)
{
    size_t bucket = bucket_of(ns < 0 ? 0 : (uint64_t)ns);
    size_t last = sizeof(histogram->buckets) / sizeof(histogram->buckets[0]) - 1;

    histogram->buckets[bucket < last ? bucket : last] += 1;
    histogram->count += 1;
    if (ns > histogram->max) {
        histogram->max = ns;
    }
}

int64_t histogram_percentile(const struct histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)((double)histogram->count * share + 0.999999);
    uint64_t seen = 0;

    for (size_t i = 0; i < sizeof(histogram->buckets) / sizeof(histogram->buckets[0]); i++) {
        seen += histogram->buckets[i];
        if (seen >= wanted && seen > 0) {
            return value_of(i);
        }
    }
    return 0;
}

static double us(int64_t ns)
{
    return (double)ns / 1000.0;
}

void histogram_print(const struct histogram *histogram, FILE *file)
{
    (void)fprintf(file,
                  "{\"count\": %llu, \"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"p999\": %.1f, "
                  "\"max\": %.1f}",
                  (unsigned long long)histogram->count, us(histogram_percentile(histogram, 0.5)),
                  us(histogram_percentile(histogram, 0.9)),
                  us(histogram_percentile(histogram, 0.99)),
                  us(histogram_percentile(histogram, 0.999)), us(histogram->max));
}
