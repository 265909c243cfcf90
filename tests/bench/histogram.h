/* SPDX-License-Identifier: MIT */
/*
 * histogram.h - durations, counted in buckets that are at most 0.8 % wide.
 */
#ifndef TESTS_BENCH_HISTOGRAM_H
#define TESTS_BENCH_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

#define HISTOGRAM_STEPS 128 /* buckets for each power of two */
#define HISTOGRAM_POWERS 34 /* up to two minutes in nanoseconds, and more */

struct histogram {
    uint64_t count;
    int64_t max;
    uint32_t buckets[HISTOGRAM_POWERS * HISTOGRAM_STEPS];
};

void histogram_add(struct histogram *histogram, int64_t ns);

/* The value that <share> (0 to 1) of all are not above, in nanoseconds; 0 when there is none. */
int64_t histogram_percentile(const struct histogram *histogram, double share);

/* A JSON object of microseconds: count, p50, p90, p99, p999, max. */
void histogram_print(const struct histogram *histogram, FILE *file);

#endif
