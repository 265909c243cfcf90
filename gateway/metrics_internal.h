/* SPDX-License-Identifier: MIT */
/*
 * metrics_internal.h - the shared mapping itself, for the modules that read it as a whole.
 */
#ifndef GATEWAY_METRICS_INTERNAL_H
#define GATEWAY_METRICS_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/metrics.h"

#define METRICS_CACHE_LINE_BYTES 64

/* Each slot on cache lines of its own, so that no worker waits for another's writes. */
union metrics_padded_slot {
    struct metrics_slot slot;
    char padding[(sizeof(struct metrics_slot) + METRICS_CACHE_LINE_BYTES - 1) /
                 METRICS_CACHE_LINE_BYTES * METRICS_CACHE_LINE_BYTES];
};

struct metrics {
    size_t slot_count;
    size_t mapping_bytes;
    uint64_t restarts;
    uint64_t workers_ready;
    uint64_t is_draining;
    uint64_t state;   /* enum metrics_state */
    uint64_t workers; /* that there should be */
    uint64_t pid;     /* of whoever made it */
    int64_t started_ms;
    uint64_t restarts_of[METRICS_WORKERS]; /* by the worker's number */
    uint64_t certificate_expiry_unix_s;    /* 0: no TLS */
    _Alignas(METRICS_CACHE_LINE_BYTES) union metrics_padded_slot slots[];
};

/* Over all slots: the 64-bit word at <offset> of each. */
static inline uint64_t metrics_sum(const struct metrics *metrics, size_t offset)
{
    uint64_t total = 0;

    for (size_t i = 0; i < metrics->slot_count; i++) {
        const char *slot = (const char *)&metrics->slots[i];
        total += metrics_load((const void *)(slot + offset));
    }
    return total;
}

/* One row of what is summed and shown as it is. */
struct metrics_series {
    size_t offset; /* of the field in struct metrics_slot */
    const char *name;
    const char *type;
    const char *help;
    uint64_t per_second; /* units in a second, shown in seconds; 0: a plain number */
};

extern const struct metrics_series metrics_series[];
extern const size_t metrics_series_count;
extern const char *const metrics_state_names[METRICS_STATES]; /* of exchanges */
extern const struct metrics_bounds metrics_residence_bounds;

#endif
