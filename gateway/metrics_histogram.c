/* SPDX-License-Identifier: MIT */
/*
 * metrics_histogram.c - see metrics_histogram.h.
 */
#include "gateway/metrics_histogram.h"

#include <inttypes.h>
#include <math.h>

#include "gateway/json_writer.h"

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

/* The value below which the share <quantile> of all lies; not a number without values. */
static double guess_quantile(const struct metrics_histogram *histogram,
                             const struct metrics_bounds *bounds, double quantile)
{
    uint64_t all = metrics_histogram_count(histogram);
    double rank = quantile * (double)all;
    double below = 0;

    if (rank <= 0) {
        return (double)NAN;
    }
    for (size_t i = 0; i < bounds->count; i++) {
        uint64_t within = load(&histogram->buckets[i]);
        double count = (double)within;
        double from = i == 0 ? 0 : (double)bounds->bounds[i - 1];
        if (count > 0 && below + count >= rank) {
            double value = from + ((double)bounds->bounds[i] - from) * (rank - below) / count;
            return value / (double)bounds->divisor;
        }
        below += count;
    }
    return (double)bounds->bounds[bounds->count - 1] / (double)bounds->divisor;
}

void metrics_histogram_put_json(const struct metrics_histogram *histogram,
                                const struct metrics_bounds *bounds, struct json_writer *writer,
                                const char *name)
{
    json_open_object(writer, name);
    json_put_count(writer, "count", metrics_histogram_count(histogram));
    json_put_ratio(writer, "sum", load(&histogram->sum), bounds->divisor);
    json_put_real(writer, "p50", guess_quantile(histogram, bounds, 0.5));
    json_put_real(writer, "p90", guess_quantile(histogram, bounds, 0.9));
    json_put_real(writer, "p99", guess_quantile(histogram, bounds, 0.99));
    json_open_array(writer, "buckets");
    for (size_t i = 0; i <= bounds->count; i++) {
        json_open_object(writer, NULL);
        if (i < bounds->count) {
            json_put_ratio(writer, "le", bounds->bounds[i], bounds->divisor);
        } else {
            json_put_text(writer, "le", NULL);
        }
        json_put_count(writer, "count",
                       load(&histogram->buckets[i < bounds->count ? i : METRICS_BOUNDS_MAX]));
        json_close_object(writer);
    }
    json_close_array(writer);
    json_close_object(writer);
}
