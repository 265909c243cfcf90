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
    uint64_t certificate_expiry_unix_s; /* 0: no TLS */
    _Alignas(METRICS_CACHE_LINE_BYTES) union metrics_padded_slot slots[];
};

static inline uint64_t metrics_load(const uint64_t *value)
{
    return __atomic_load_n(value, __ATOMIC_RELAXED);
}

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

#endif
