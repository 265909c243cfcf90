/* SPDX-License-Identifier: MIT */
/*
 * metrics_histogram.c - see metrics_histogram.h.
 */
#include "gateway/metrics_histogram.h"

#include <inttypes.h>

static uint64_t load(const uint64_t *value)
{
    return __atomic_load_n(value, __ATOMIC_RELAXED);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the builtin writes through it */
static void add(uint64_t *to, uint64_t count)
{
    __atomic_store_n(to, load(to) + count, __ATOMIC_RELAXED);
}

void metrics_histogram_add(struct metrics_histogram *histogram, const struct metrics_bounds *bounds,
                           uint64_t value, uint64_t times)
{
    size_t bucket = 0;

    while (bucket < bounds->count && value > bounds->bounds[bucket]) {
        bucket++;
    }
    add(&histogram->buckets[bucket < bounds->count ? bucket : METRICS_BOUNDS_MAX], times);
    add(&histogram->sum, value * times);
}

void metrics_histogram_merge(struct metrics_histogram *to, const struct metrics_histogram *from)
{
    for (size_t i = 0; i <= METRICS_BOUNDS_MAX; i++) {
        to->buckets[i] += load(&from->buckets[i]);
    }
    to->sum += load(&from->sum);
}

uint64_t metrics_histogram_count(const struct metrics_histogram *histogram)
{
    uint64_t count = 0;

    for (size_t i = 0; i <= METRICS_BOUNDS_MAX; i++) {
        count += load(&histogram->buckets[i]);
    }
    return count;
}

void metrics_histogram_render(const struct metrics_histogram *histogram,
                              const struct metrics_bounds *bounds, const char *name,
                              const char *labels, FILE *out)
{
    const char *comma = labels[0] == '\0' ? "" : ",";
    const char *open = labels[0] == '\0' ? "" : "{";
    const char *close = labels[0] == '\0' ? "" : "}";
    uint64_t sum = load(&histogram->sum);
    uint64_t below = 0;

    for (size_t i = 0; i < bounds->count; i++) {
        below += load(&histogram->buckets[i]);
        fprintf(out, "%s_bucket{%s%sle=\"%g\"} %" PRIu64 "\n", name, labels, comma,
                (double)bounds->bounds[i] / (double)bounds->divisor, below);
    }
    below += load(&histogram->buckets[METRICS_BOUNDS_MAX]);
    fprintf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, labels, comma, below);
    fprintf(out, "%s_sum%s%s%s %.15g\n", name, open, labels, close,
            (double)sum / (double)bounds->divisor);
    fprintf(out, "%s_count%s%s%s %" PRIu64 "\n", name, open, labels, close, below);
}
