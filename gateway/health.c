/* SPDX-License-Identifier: MIT */
/*
 * health.c - from circuits to log lines, metrics and readiness.
 */
#include "gateway/health.h"

#include "base/clock.h"
#include "gateway/log.h"

_Static_assert(METRICS_UPSTREAMS >= 2 * CONFIG_UPSTREAMS_MAX, "room for those before a reload");
_Static_assert(METRICS_UPSTREAM_NAME_BYTES > CONFIG_UPSTREAM_NAME_BYTES_MAX, "names are whole");

static const char *const state_names[] = {
    [CIRCUIT_CLOSED] = "closed",
    [CIRCUIT_OPEN] = "open",
    [CIRCUIT_HALF_OPEN] = "half_open",
};

static struct metrics_upstream *metrics_of(const struct health *health, size_t index)
{
    return metrics_upstream(health->metrics, health->config->upstreams[index].name);
}

/*
 * The moment from which some upstream would be asked. A probe under way may end at any
 * moment, so until then it is "never", and the end of the probe says better.
 */
static int64_t usable_from_ms(const struct health *health)
{
    int64_t now_ms = clock_now_ms();
    int64_t first_ms = INT64_MAX;

    for (size_t i = 0; i < health->config->upstream_count; i++) {
        int64_t wait_ms = upstream_origin_wait_ms(health->origins[i]);
        if (wait_ms >= 0 && now_ms + wait_ms < first_ms) {
            first_ms = now_ms + wait_ms;
        }
    }
    return first_ms;
}

void health_init(struct health *health, const struct config *config, struct metrics_slot *metrics,
                 struct upstream_origin **origins)
{
    *health = (struct health){.config = config, .metrics = metrics, .origins = origins};
    for (size_t i = 0; i < config->upstream_count; i++) {
        metrics_store(&metrics_of(health, i)->circuit, METRICS_CIRCUIT(CIRCUIT_CLOSED));
    }
    metrics_store(&metrics->usable_from_ms, (uint64_t)clock_now_ms());
}

static void log_change(const struct health *health, size_t index, enum circuit_state state,
                       enum upstream_failure cause)
{
    struct log_line line;

    log_begin(&line, state == CIRCUIT_OPEN ? LOG_WARN : LOG_INFO, "circuit");
    log_string(&line, "upstream", health->config->upstreams[index].name);
    log_string(&line, "state", state_names[state]);
    if (state == CIRCUIT_OPEN) {
        log_string(&line, "cause",
                   cause == UPSTREAM_OK ? "probe_cancelled" : upstream_failure_token(cause));
        log_int(&line, "for_ms", upstream_origin_wait_ms(health->origins[index]));
    }
    log_end(&line);
}

void health_on_circuit(struct health *health, const struct upstream_origin *origin,
                       enum circuit_state state, enum upstream_failure cause)
{
    for (size_t i = 0; i < health->config->upstream_count; i++) {
        if (health->origins[i] == origin) {
            struct metrics_upstream *metrics = metrics_of(health, i);
            metrics_store(&metrics->circuit, METRICS_CIRCUIT(state));
            metrics_add(&metrics->openings, state == CIRCUIT_OPEN && cause != UPSTREAM_OK ? 1 : 0);
            log_change(health, i, state, cause);
        }
    }
    if (health->metrics->usable_from_ms != 0) {
        metrics_store(&health->metrics->usable_from_ms, (uint64_t)usable_from_ms(health));
    }
}

void health_refresh(struct health *health)
{
    uint64_t connections = 0;
    uint64_t idle = 0;

    for (size_t i = 0; i < health->config->upstream_count; i++) {
        struct metrics_upstream *metrics = metrics_of(health, i);
        struct upstream_counts *seen = &health->seen[i];
        struct upstream_counts counts;
        upstream_origin_counts(health->origins[i], &counts);
        connections += counts.connections;
        idle += counts.idle;
        metrics_add(&metrics->retries, counts.retries - seen->retries);
        metrics_add(&metrics->withheld, counts.withheld - seen->withheld);
        *seen = counts;
    }
    metrics_store(&health->metrics->upstream_connections, connections);
    metrics_store(&health->metrics->upstream_idle, idle);
}

void health_retire(struct health *health)
{
    metrics_store(&health->metrics->usable_from_ms, 0);
}
