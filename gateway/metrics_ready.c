/* SPDX-License-Identifier: MIT */
/*
 * metrics_ready.c - whether a new request would be served, from what the workers say of
 * themselves.
 *
 * Whoever balances over several gateways asks this: one that would only refuse should get
 * no new clients, and one where a single worker has room should. A quiet connection
 * makes room for a newcomer (connection_queue.c), so a cap full of those is no reason.
 */
#include "base/clock.h"
#include "gateway/metrics_internal.h"

static bool may_ask_upstream(const struct metrics_slot *slot, uint64_t now_ms)
{
    uint64_t from_ms = metrics_load(&slot->usable_from_ms);

    return from_ms != 0 && from_ms <= now_ms;
}

static bool is_full(const struct metrics_slot *slot)
{
    return metrics_load(&slot->admitted) >= metrics_load(&slot->exchanges_max) ||
           metrics_load(&slot->waiting) >= metrics_load(&slot->waiting_max) ||
           (metrics_load(&slot->connections) >= metrics_load(&slot->connections_max) &&
            metrics_load(&slot->connections_owing) == 0);
}

enum metrics_readiness metrics_readiness(const struct metrics *metrics)
{
    uint64_t now_ms = (uint64_t)clock_now_ms();
    enum metrics_readiness problem = METRICS_NO_UPSTREAM;

    if (metrics_load(&metrics->is_draining) != 0) {
        return METRICS_DRAINING;
    }
    if (metrics_load(&metrics->workers_ready) == 0) {
        return METRICS_NO_WORKER;
    }
    for (size_t i = 0; i < metrics->slot_count; i++) {
        const struct metrics_slot *slot = &metrics->slots[i].slot;
        if (may_ask_upstream(slot, now_ms)) {
            if (!is_full(slot)) {
                return METRICS_READY;
            }
            problem = METRICS_FULL;
        }
    }
    return problem;
}

const char *metrics_readiness_text(enum metrics_readiness readiness)
{
    switch (readiness) {
    case METRICS_READY:
        return "ready";
    case METRICS_DRAINING:
        return "not ready: draining";
    case METRICS_NO_WORKER:
        return "not ready: no worker";
    case METRICS_NO_UPSTREAM:
        return "not ready: no upstream";
    case METRICS_FULL:
        return "not ready: full";
    }
    return "not ready";
}
