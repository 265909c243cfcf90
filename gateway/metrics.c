/* SPDX-License-Identifier: MIT */
/*
 * metrics.c - counters of all workers in one anonymous shared mapping.
 *
 * A worker writes its own slot without locks; whoever renders sums the slots. A
 * sum may be a moment apart from itself, which no reader of counters minds.
 */
#include "gateway/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/clock.h"
#include "gateway/metrics_internal.h"

/* clang-format off */
#define SERIES(field, name, type, help) {offsetof(struct metrics_slot, field), name, type, help, 0}
#define SECONDS(field, name, type, help) {offsetof(struct metrics_slot, field), name, type, help, 1000}
#define MICROSECONDS(field, name, type, help) {offsetof(struct metrics_slot, field), name, type, help, 1000000}

const struct metrics_series metrics_series[] = {
    SERIES(connections_accepted, "tidegate_connections_accepted_total", "counter",
           "Client connections accepted."),
    SERIES(connections_refused, "tidegate_connections_refused_total", "counter",
           "Client connections refused at the cap."),
    SERIES(tls_handshakes, "tidegate_tls_handshakes_total", "counter",
           "TLS handshakes with clients that were done, resumed ones included."),
    SERIES(tls_resumed, "tidegate_tls_handshakes_resumed_total", "counter",
           "Those that resumed an earlier session by its ticket."),
    SERIES(tls_failed, "tidegate_tls_handshakes_failed_total", "counter",
           "TLS handshakes with clients that were begun and not done."),
    SERIES(connections_evicted, "tidegate_connections_evicted_total", "counter",
           "Client connections without a request closed at the cap, to make room."),
    SERIES(address_refusals, "tidegate_address_refusals_total", "counter",
           "Connections and requests refused because their address was at its cap."),
    SERIES(accept_failures, "tidegate_accept_failures_total", "counter",
           "Times a connection could not be accepted, most likely for want of descriptors."),
    SERIES(proxy_headers_refused, "tidegate_proxy_headers_refused_total", "counter",
           "Connections closed because their PROXY protocol header was missing or malformed."),
    SERIES(deltas, "tidegate_deltas_total", "counter",
           "Pieces of text received from upstreams."),
    SERIES(bytes_to_clients, "tidegate_client_sent_bytes_total", "counter",
           "Bytes written to clients."),
    SERIES(pauses, "tidegate_pauses_total", "counter",
           "Times an upstream was not read because its client was behind."),
    SECONDS(paused_ms, "tidegate_paused_seconds_total", "counter",
            "Time upstreams were not read because their client was behind."),
    SERIES(upstream_attempts, "tidegate_upstream_attempts_total", "counter",
           "Requests sent to upstreams, retries included."),
    SERIES(prompt_tokens, "tidegate_prompt_tokens_total", "counter",
           "Prompt tokens, as upstreams count them."),
    SERIES(completion_tokens, "tidegate_completion_tokens_total", "counter",
           "Completion tokens, as upstreams count them."),
    SERIES(log_lines_dropped, "tidegate_log_lines_dropped_total", "counter",
           "Log lines lost because nobody read them in time."),
    MICROSECONDS(cpu_us, "tidegate_worker_cpu_seconds_total", "counter",
                 "Processor time used by workers."),
    SERIES(resident_bytes, "tidegate_worker_resident_bytes", "gauge",
           "Memory of the workers that is in use."),
    SERIES(connections, "tidegate_connections", "gauge",
           "Client connections open."),
    SERIES(exchanges, "tidegate_exchanges", "gauge",
           "Requests being answered."),
    SERIES(waiting, "tidegate_exchanges_waiting", "gauge",
           "Requests that wait for the first text from upstream."),
    SERIES(bytes_buffered, "tidegate_buffered_bytes", "gauge",
           "Bytes waiting for clients that are behind."),
    SERIES(upstream_connections, "tidegate_upstream_connections", "gauge",
           "Connections to upstreams, idle ones included."),
    SERIES(upstream_idle, "tidegate_upstream_idle_connections", "gauge",
           "Connections to upstreams that wait for a request."),
};
/* clang-format on */
const size_t metrics_series_count = sizeof(metrics_series) / sizeof(metrics_series[0]);

/* The words of the access log's field "at", in small letters. */
const char *const metrics_state_names[METRICS_STATES] = {
    "await_body", "await_answer", "relaying", "paused", "flushing", "collecting"};

struct metrics *metrics_new(size_t slots)
{
    size_t bytes = sizeof(struct metrics) + slots * sizeof(union metrics_padded_slot);
    void *mapping = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct metrics *metrics = mapping;

    if (mapping == MAP_FAILED) {
        return NULL;
    }
    metrics->slot_count = slots; /* the mapping is all zero */
    metrics->mapping_bytes = bytes;
    metrics->pid = (uint64_t)getpid();
    metrics->started_ms = clock_now_ms();
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    if (metrics != NULL) {
        (void)munmap(metrics, metrics->mapping_bytes); /* cannot fail for our own mapping */
    }
}

struct metrics_slot *metrics_slot(struct metrics *metrics, size_t index)
{
    if (BUG_IF(index >= metrics->slot_count)) {
        index = 0;
    }
    return &metrics->slots[index].slot;
}

const struct metrics_slot *metrics_look(const struct metrics *metrics, size_t index)
{
    return index < metrics->slot_count ? &metrics->slots[index].slot : NULL;
}

void metrics_worker_ended(struct metrics *metrics, size_t index, bool was_unplanned)
{
    struct metrics_slot *slot = metrics_slot(metrics, index);

    metrics_store(&slot->connections, 0);
    metrics_store(&slot->exchanges, 0);
    metrics_store(&slot->waiting, 0);
    metrics_store(&slot->resident_bytes, 0);
    for (size_t i = 0; i < METRICS_STATES; i++) {
        metrics_store(&slot->states[i], 0);
    }
    metrics_store(&slot->bytes_buffered, 0);
    metrics_store(&slot->upstream_connections, 0);
    metrics_store(&slot->upstream_idle, 0);
    metrics_store(&slot->usable_from_ms, 0);
    metrics_store(&slot->connections_owing, 0);
    metrics_store(&slot->admitted, 0);
    for (size_t i = 0; i < METRICS_UPSTREAMS; i++) {
        metrics_store(&slot->upstreams[i].circuit, 0);
    }
    if (was_unplanned) {
        metrics_add(&metrics->restarts, 1);
        metrics_add(&metrics->restarts_of[slot->worker.number % METRICS_WORKERS], 1);
    }
    metrics_store(&slot->worker.pid, 0);
}

void metrics_show_worker(struct metrics *metrics, size_t index, const struct metrics_worker *worker)
{
    struct metrics_worker *shown = &metrics_slot(metrics, index)->worker;

    metrics_store(&shown->number, worker->number);
    metrics_store(&shown->generation, worker->generation);
    metrics_store(&shown->started_ms, worker->started_ms);
    metrics_store(&shown->state, worker->state);
    metrics_store(&shown->pid, worker->pid);
}

void metrics_set_workers(struct metrics *metrics, size_t count)
{
    metrics_store(&metrics->workers, count);
}

void metrics_set_state(struct metrics *metrics, enum metrics_state state)
{
    metrics_store(&metrics->state, (uint64_t)state);
}

void metrics_set_workers_ready(struct metrics *metrics, size_t count)
{
    metrics_store(&metrics->workers_ready, count);
}

void metrics_set_certificate_expiry(struct metrics *metrics, int64_t unix_s)
{
    metrics_store(&metrics->certificate_expiry_unix_s, (uint64_t)unix_s);
}

void metrics_set_draining(struct metrics *metrics)
{
    metrics_store(&metrics->is_draining, 1);
}

static void render_head(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void render_series(FILE *out, const struct metrics *metrics,
                          const struct metrics_series *series)
{
    uint64_t value = metrics_sum(metrics, series->offset);

    render_head(out, series->name, series->type, series->help);
    if (series->per_second != 0) {
        fprintf(out, "%s %.15g\n", series->name, (double)value / (double)series->per_second);
    } else {
        fprintf(out, "%s %" PRIu64 "\n", series->name, value);
    }
}

static void render_ends(FILE *out, const struct metrics *metrics)
{
    render_head(out, "tidegate_exchanges_ended_total", "counter",
                "Requests that have ended, by reason and by whose fault it was.");
    for (int reason = 0; reason < END_REASON_COUNT; reason++) {
        size_t offset = offsetof(struct metrics_slot, ends) + (size_t)reason * sizeof(uint64_t);
        fprintf(out, "tidegate_exchanges_ended_total{reason=\"%s\",fault=\"%s\"} %" PRIu64 "\n",
                end_reason_token((enum end_reason)reason),
                end_reason_fault((enum end_reason)reason), metrics_sum(metrics, offset));
    }
}

static void render_process(FILE *out, const struct metrics *metrics)
{
    render_head(out, "tidegate_build_info", "gauge", "Always 1; the label names the version.");
    fprintf(out, "tidegate_build_info{version=\"%s\"} 1\n", TIDEGATE_VERSION);
    render_head(out, "tidegate_workers_ready", "gauge", "Workers that accept connections.");
    fprintf(out, "tidegate_workers_ready %" PRIu64 "\n", metrics_load(&metrics->workers_ready));
    render_head(out, "tidegate_draining", "gauge", "1 once the gateway is shutting down.");
    fprintf(out, "tidegate_draining %" PRIu64 "\n", metrics_load(&metrics->is_draining));
    if (metrics_load(&metrics->certificate_expiry_unix_s) != 0) {
        render_head(out, "tidegate_tls_certificate_expiry_timestamp_seconds", "gauge",
                    "When the first certificate of a listener expires.");
        fprintf(out, "tidegate_tls_certificate_expiry_timestamp_seconds %" PRIu64 "\n",
                metrics_load(&metrics->certificate_expiry_unix_s));
    }
    render_head(out, "tidegate_worker_restarts_total", "counter",
                "Workers that ended without being asked to.");
    fprintf(out, "tidegate_worker_restarts_total %" PRIu64 "\n", metrics_load(&metrics->restarts));
}

static void render_states(FILE *out, const struct metrics *metrics)
{
    render_head(out, "tidegate_exchanges_by_state", "gauge",
                "Requests being answered, by what they wait for.");
    for (size_t i = 0; i < METRICS_STATES; i++) {
        fprintf(out, "tidegate_exchanges_by_state{state=\"%s\"} %" PRIu64 "\n",
                metrics_state_names[i],
                metrics_sum(metrics, offsetof(struct metrics_slot, states) + i * sizeof(uint64_t)));
    }
}

/* clang-format off */
const struct metrics_bounds metrics_residence_bounds = {14, 1000000,
    {10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000}};
/* clang-format on */

void metrics_note_residence(struct metrics_slot *slot, uint64_t us, uint64_t times)
{
    metrics_histogram_add(&slot->residence, &metrics_residence_bounds, us, times);
}

static void render_residence(FILE *out, const struct metrics *metrics)
{
    struct metrics_histogram sums = {.sum = 0};

    for (size_t i = 0; i < metrics->slot_count; i++) {
        metrics_histogram_merge(&sums, &metrics->slots[i].slot.residence);
    }
    render_head(out, "tidegate_chunk_residence_seconds", "histogram",
                "From the first piece of an answer in a turn of the loop to the last write of that "
                "turn, for each piece. What waits for a slow reader is not in here: see pauses.");
    metrics_histogram_render(&sums, &metrics_residence_bounds, "tidegate_chunk_residence_seconds",
                             "", out);
}

char *metrics_render(const struct metrics *metrics, size_t *length)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);

    if (out == NULL) {
        return NULL;
    }
    render_process(out, metrics);
    render_ends(out, metrics);
    for (size_t i = 0; i < metrics_series_count; i++) {
        render_series(out, metrics, &metrics_series[i]);
    }
    render_states(out, metrics);
    render_residence(out, metrics);
    metrics_render_upstreams(metrics, out);
    metrics_render_models(metrics, out);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    *length = bytes;
    return text;
}
