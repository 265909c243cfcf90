/* SPDX-License-Identifier: MIT */
/*
 * metrics_json.c - the metrics for a person who looks at one gateway now: /status.
 *
 * What /metrics sums, and what it cannot say: each worker by itself. docs/status.md names
 * each member.
 */
#include <string.h>

#include "base/clock.h"
#include "gateway/json_writer.h"
#include "gateway/metrics_internal.h"

static const char *state_name(const struct metrics *metrics)
{
    static const char *const names[] = {"starting", "running", "reloading", "upgrading"};
    uint64_t state = metrics_load(&metrics->state);

    if (metrics_load(&metrics->is_draining) != 0) {
        return "draining";
    }
    return state <= METRICS_UPGRADING ? names[state] : "unknown";
}

/* Milliseconds since a moment of the monotonic clock. */
static uint64_t age_ms(int64_t then_ms)
{
    int64_t now_ms = clock_now_ms();

    return now_ms > then_ms ? (uint64_t)(now_ms - then_ms) : 0;
}

static void put_process(const struct metrics *metrics, struct json_writer *writer)
{
    enum metrics_readiness readiness = metrics_readiness(metrics);
    uint64_t uptime_ms = age_ms(metrics->started_ms);
    uint64_t expiry_unix_s = metrics_load(&metrics->certificate_expiry_unix_s);

    json_put_text(writer, "version", TIDEGATE_VERSION);
    json_put_text(writer, "state", state_name(metrics));
    json_put_bool(writer, "ready", readiness == METRICS_READY);
    json_put_text(writer, "readiness", metrics_readiness_text(readiness));
    json_put_count(writer, "pid", metrics->pid);
    json_put_ratio(writer, "uptime_seconds", uptime_ms, 1000);
    json_put_count(writer, "started_unix_ms", (uint64_t)clock_wall_unix_ms() - uptime_ms);
    json_put_count(writer, "workers_wanted", metrics_load(&metrics->workers));
    json_put_count(writer, "workers_ready", metrics_load(&metrics->workers_ready));
    json_put_count(writer, "worker_restarts", metrics_load(&metrics->restarts));
    if (expiry_unix_s != 0) {
        json_put_count(writer, "tls_certificate_expiry_unix_s", expiry_unix_s);
    } else {
        json_put_text(writer, "tls_certificate_expiry_unix_s", NULL);
    }
}

/* -- workers -- */

static void put_use(const struct metrics_slot *slot, struct json_writer *writer)
{
    json_put_count(writer, "connections", metrics_load(&slot->connections));
    json_put_count(writer, "connections_max", metrics_load(&slot->connections_max));
    json_put_count(writer, "exchanges", metrics_load(&slot->exchanges));
    json_put_count(writer, "exchanges_max", metrics_load(&slot->exchanges_max));
    json_put_count(writer, "waiting", metrics_load(&slot->waiting));
    json_put_count(writer, "waiting_max", metrics_load(&slot->waiting_max));
    json_put_count(writer, "buffered_bytes", metrics_load(&slot->bytes_buffered));
    json_put_count(writer, "resident_bytes", metrics_load(&slot->resident_bytes));
    json_put_ratio(writer, "cpu_seconds", metrics_load(&slot->cpu_us), 1000000);
}

static void put_worker(const struct metrics *metrics, const struct metrics_slot *slot,
                       struct json_writer *writer)
{
    static const char *const states[] = {"starting", "ready", "draining"};
    const struct metrics_worker *worker = &slot->worker;
    uint64_t state = metrics_load(&worker->state);
    uint64_t number = metrics_load(&worker->number);

    json_open_object(writer, NULL);
    json_put_count(writer, "slot", number);
    json_put_count(writer, "pid", metrics_load(&worker->pid));
    json_put_text(writer, "state", state <= METRICS_WORKER_DRAINING ? states[state] : "unknown");
    json_put_count(writer, "generation", metrics_load(&worker->generation));
    json_put_ratio(writer, "uptime_seconds", age_ms((int64_t)metrics_load(&worker->started_ms)),
                   1000);
    json_put_count(writer, "restarts",
                   metrics_load(&metrics->restarts_of[number % METRICS_WORKERS]));
    put_use(slot, writer);
    json_close_object(writer);
}

/* The workers in slot <number>: one, while old ones drain more. False: there is none. */
static bool put_workers_of(const struct metrics *metrics, uint64_t number,
                           struct json_writer *writer)
{
    bool is_there = false;

    for (size_t i = 0; i < metrics->slot_count; i++) {
        const struct metrics_slot *slot = &metrics->slots[i].slot;
        if (metrics_load(&slot->worker.pid) != 0 && metrics_load(&slot->worker.number) == number) {
            put_worker(metrics, slot, writer);
            is_there = true;
        }
    }
    return is_there;
}

static void put_workers(const struct metrics *metrics, struct json_writer *writer)
{
    uint64_t count = metrics_load(&metrics->workers);

    json_open_array(writer, "workers");
    for (uint64_t number = 0; number < count && number < METRICS_WORKERS; number++) {
        if (!put_workers_of(metrics, number, writer)) {
            json_open_object(writer, NULL);
            json_put_count(writer, "slot", number);
            json_put_text(writer, "pid", NULL);
            json_put_text(writer, "state", "down");
            json_put_count(writer, "restarts", metrics_load(&metrics->restarts_of[number]));
            json_close_object(writer);
        }
    }
    json_close_array(writer);
}

/* -- sums -- */

static void put_states(const struct metrics *metrics, struct json_writer *writer)
{
    json_open_object(writer, "exchanges_by_state");
    for (size_t i = 0; i < METRICS_STATES; i++) {
        json_put_count(
            writer, metrics_state_names[i],
            metrics_sum(metrics, offsetof(struct metrics_slot, states) + i * sizeof(uint64_t)));
    }
    json_close_object(writer);
}

/* The names of /metrics without what they all begin with. */
static void put_totals(const struct metrics *metrics, struct json_writer *writer)
{
    json_open_object(writer, "totals");
    for (size_t i = 0; i < metrics_series_count; i++) {
        const struct metrics_series *series = &metrics_series[i];
        const char *name = series->name + strlen("tidegate_");
        uint64_t value = metrics_sum(metrics, series->offset);
        if (series->per_second != 0) {
            json_put_ratio(writer, name, value, series->per_second);
        } else {
            json_put_count(writer, name, value);
        }
    }
    json_close_object(writer);
}

static void put_ends(const struct metrics *metrics, struct json_writer *writer)
{
    json_open_array(writer, "ends");
    for (int reason = 0; reason < END_REASON_COUNT; reason++) {
        size_t offset = offsetof(struct metrics_slot, ends) + (size_t)reason * sizeof(uint64_t);
        json_open_object(writer, NULL);
        json_put_text(writer, "reason", end_reason_token((enum end_reason)reason));
        json_put_text(writer, "fault", end_reason_fault((enum end_reason)reason));
        json_put_count(writer, "count", metrics_sum(metrics, offset));
        json_close_object(writer);
    }
    json_close_array(writer);
}

static void put_histograms(const struct metrics *metrics, struct json_writer *writer)
{
    struct metrics_histogram residence = {.sum = 0};

    for (size_t i = 0; i < metrics->slot_count; i++) {
        metrics_histogram_merge(&residence, &metrics->slots[i].slot.residence);
    }
    json_open_object(writer, "histograms");
    metrics_put_first_token(metrics, writer);
    metrics_histogram_put_json(&residence, &metrics_residence_bounds, writer,
                               "chunk_residence_seconds");
    json_close_object(writer);
}

void metrics_put_json(const struct metrics *metrics, struct json_writer *writer)
{
    put_process(metrics, writer);
    put_workers(metrics, writer);
    put_states(metrics, writer);
    put_totals(metrics, writer);
    put_ends(metrics, writer);
    put_histograms(metrics, writer);
    metrics_put_upstreams(metrics, writer);
    metrics_put_models(metrics, writer);
}
