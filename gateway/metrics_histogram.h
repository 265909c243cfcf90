/* SPDX-License-Identifier: MIT */
/*
 * metrics_histogram.h - how often a value fell between which bounds.
 *
 * Counts only, in memory that another process reads: one writer, no locks. The bounds
 * belong to the family of series, not to the histogram, and are given with each call.
 */
#ifndef GATEWAY_METRICS_HISTOGRAM_H
#define GATEWAY_METRICS_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define METRICS_BOUNDS_MAX 16

struct metrics_histogram {
    uint64_t buckets[METRICS_BOUNDS_MAX + 1]; /* not cumulative; the last: above every bound */
    uint64_t sum;
};

/* Upper bounds, ascending, in the unit of the values; the unit is shown as 1 / <divisor>. */
struct metrics_bounds {
    size_t count;
    uint64_t divisor; /* 1, or 1000000 for microseconds shown as seconds */
    uint64_t bounds[METRICS_BOUNDS_MAX];
};

/* Count <value> <times> times. */
void metrics_histogram_add(struct metrics_histogram *histogram, const struct metrics_bounds *bounds,
                           uint64_t value, uint64_t times);

/* Add what <from> has counted to <to>, which nobody else reads. */
void metrics_histogram_merge(struct metrics_histogram *to, const struct metrics_histogram *from);

/* Values counted. */
uint64_t metrics_histogram_count(const struct metrics_histogram *histogram);

/*
 * The series <name>_bucket, _sum and _count in Prometheus text format. <labels> is "" or
 * labels with quotes, without braces.
 */
void metrics_histogram_render(const struct metrics_histogram *histogram,
                              const struct metrics_bounds *bounds, const char *name,
                              const char *labels, FILE *out);

struct json_writer;

/*
 * An object: count, sum, the quantiles p50, p90, p99 (guessed within a bucket, as Prometheus
 * does; null when nothing was counted), and buckets, each with its bound "le" (null: above
 * all) and how many values fell into it and into no smaller one.
 */
void metrics_histogram_put_json(const struct metrics_histogram *histogram,
                                const struct metrics_bounds *bounds, struct json_writer *writer,
                                const char *name);

#endif
