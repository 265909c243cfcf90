/* SPDX-License-Identifier: MIT */
/*
 * supervisor_status.c - what the supervisor shows of itself to whoever asks /status.
 *
 * Told as a whole on every turn rather than at each change, so that it cannot be forgotten.
 */
#include "gateway/supervisor_state.h"

_Static_assert(METRICS_WORKERS >= 64, "as many as the key workers may ask for");

static enum metrics_worker_state state_of(const struct child *child)
{
    if (child->is_stopping || child->is_draining) {
        return METRICS_WORKER_DRAINING;
    }
    return child->is_ready ? METRICS_WORKER_READY : METRICS_WORKER_STARTING;
}

static enum metrics_state state_of_all(const struct supervisor *supervisor)
{
    switch (supervisor->phase) {
    case SUPERVISOR_STARTING:
        return METRICS_STARTING;
    case SUPERVISOR_RUNNING:
    case SUPERVISOR_STOPPING: /* a drain is told apart: metrics_set_draining() */
        return METRICS_RUNNING;
    case SUPERVISOR_RELOADING:
        return METRICS_RELOADING;
    case SUPERVISOR_UPGRADING:
        return METRICS_UPGRADING;
    }
    return METRICS_RUNNING;
}

void supervisor_show(const struct supervisor *supervisor)
{
    metrics_set_state(supervisor->metrics, state_of_all(supervisor));
    metrics_set_workers(supervisor->metrics, supervisor->slot_count);
    for (size_t i = 0; i + 1 < supervisor->child_count; i++) {
        const struct child *child = &supervisor->children[i];
        enum metrics_worker_state state = state_of(child);
        const struct metrics_worker worker = {
            .pid = (uint64_t)child->pid,
            .number = child->slot,
            .generation = child->generation,
            .started_ms = (uint64_t)child->started_ms,
            .state = (uint64_t)state,
        };
        metrics_show_worker(supervisor->metrics, i, &worker);
    }
}

void supervisor_show_conf(const struct supervisor *supervisor)
{
    status_show_conf(supervisor->board, supervisor->config, supervisor->generation);
}
