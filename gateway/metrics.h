/* SPDX-License-Identifier: MIT */
/*
 * metrics.h - counters of all workers, in memory they share with the supervisor.
 *
 * One slot for each worker slot, written by that worker alone, without locks, and
 * summed when read. Counters survive the worker; gauges are cleared when a worker
 * of that slot ends.
 */
#ifndef GATEWAY_METRICS_H
#define GATEWAY_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/attrs.h"
#include "gateway/end_reason.h"
#include "gateway/metrics_histogram.h"
#include "gateway/metrics_model.h"

/* Room for the names of a few reloads; then those not used any more make place. */
#define METRICS_UPSTREAMS 16
#define METRICS_UPSTREAM_NAME_BYTES 72

/* Places where an exchange may wait; see exchange_internal.h. */
#define METRICS_STATES 6

/* How a circuit's state is kept: 0 stands for "no worker". */
#define METRICS_CIRCUIT(state) ((uint64_t)(state) + 1)

/* One upstream, by its name in the conf file, so that a reload does not mix up two. */
struct metrics_upstream {
    char name[METRICS_UPSTREAM_NAME_BYTES]; /* NUL-terminated; "": free */
    /* counters */
    uint64_t openings;
    uint64_t retries;
    uint64_t withheld;
    /* gauge */
    uint64_t circuit;
};

#define METRICS_WORKERS 64 /* as many as the conf file may ask for */

enum metrics_worker_state {
    METRICS_WORKER_STARTING = 0,
    METRICS_WORKER_READY,
    METRICS_WORKER_DRAINING,
};

/* Whose slot it is at the moment; told by whoever started it. */
struct metrics_worker {
    uint64_t pid; /* 0: nobody's */
    uint64_t number;
    uint64_t generation; /* of the conf it runs with */
    uint64_t started_ms; /* monotonic */
    uint64_t state;      /* enum metrics_worker_state */
};

struct metrics_slot {
    struct metrics_worker worker;
    /* counters */
    uint64_t ends[END_REASON_COUNT];
    uint64_t connections_accepted;
    uint64_t connections_refused;
    uint64_t tls_handshakes;
    uint64_t tls_resumed;
    uint64_t tls_failed;
    uint64_t connections_evicted;
    uint64_t address_refusals;
    uint64_t accept_failures;
    uint64_t proxy_headers_refused;
    uint64_t deltas;
    uint64_t bytes_to_clients;
    uint64_t pauses;
    uint64_t paused_ms;
    uint64_t upstream_attempts;
    uint64_t prompt_tokens;
    uint64_t completion_tokens;
    uint64_t log_lines_dropped;
    uint64_t cpu_us;                    /* of this worker and those before it in this slot */
    struct metrics_histogram residence; /* microseconds a piece of an answer stays here */
    struct metrics_model models[METRICS_MODELS];
    /* gauges */
    uint64_t connections;
    uint64_t exchanges;
    uint64_t waiting;
    uint64_t states[METRICS_STATES]; /* exchanges by where they wait */
    uint64_t resident_bytes;
    uint64_t bytes_buffered;
    uint64_t upstream_connections;
    uint64_t upstream_idle;
    uint64_t usable_from_ms;    /* some upstream may be asked then, monotonic; 0: no worker here */
    uint64_t connections_owing; /* those that may be closed to make room for another */
    uint64_t admitted;          /* exchanges that count against limits.exchanges */
    uint64_t connections_max;   /* the caps that this worker keeps to */
    uint64_t exchanges_max;
    uint64_t waiting_max;
    struct metrics_upstream upstreams[METRICS_UPSTREAMS];
};

struct metrics; /* the shared mapping */

/* Anonymous shared memory for <slots> workers; NULL when that fails. */
struct metrics *metrics_new(size_t slots) MUST_USE;
void metrics_free(struct metrics *metrics); /* accepts NULL */

/* The slot of worker <index>, below the count given to metrics_new(). */
struct metrics_slot *metrics_slot(struct metrics *metrics, size_t index);

/* The upstream <name> of a slot, for the slot's own worker. */
struct metrics_upstream *metrics_upstream(struct metrics_slot *slot, const char *name);

/* The same to look at; NULL from that count on. */
const struct metrics_slot *metrics_look(const struct metrics *metrics, size_t index);

/* Worker <index> has ended: its gauges go back to zero; counted as a restart if it was unplanned. */
void metrics_worker_ended(struct metrics *metrics, size_t index, bool was_unplanned);

/* What the gateway as a whole is about; a drain has a call of its own. */
enum metrics_state {
    METRICS_STARTING = 0,
    METRICS_RUNNING,
    METRICS_RELOADING,
    METRICS_UPGRADING,
};

/* What the supervisor knows; shown with the counters and by /readyz and /status. */
void metrics_set_state(struct metrics *metrics, enum metrics_state state);
void metrics_set_workers(struct metrics *metrics, size_t count);
void metrics_show_worker(struct metrics *metrics, size_t index,
                         const struct metrics_worker *worker);
void metrics_set_workers_ready(struct metrics *metrics, size_t count);
/* When the first certificate of a listener expires; 0: there is none. */
void metrics_set_certificate_expiry(struct metrics *metrics, int64_t unix_s);
void metrics_set_draining(struct metrics *metrics); /* for good */

/* Whether a new request would be served; the first reason against it. */
enum metrics_readiness {
    METRICS_READY = 0,
    METRICS_DRAINING,    /* a shutdown has begun */
    METRICS_NO_WORKER,   /* none accepts */
    METRICS_NO_UPSTREAM, /* every circuit of every worker is open, and none is due for a probe */
    METRICS_FULL,        /* every worker that could ask one is at a cap */
};

enum metrics_readiness metrics_readiness(const struct metrics *metrics);

/* "ready", or "not ready: " and why. Static. */
const char *metrics_readiness_text(enum metrics_readiness readiness);

/* Relaxed atomic add, one writer per slot. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the builtin writes through it */
static inline void metrics_add(uint64_t *counter, uint64_t count)
{
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + count, __ATOMIC_RELAXED);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the builtin writes through it */
static inline void metrics_store(uint64_t *gauge, uint64_t value)
{
    __atomic_store_n(gauge, value, __ATOMIC_RELAXED);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the builtin writes through it */
static inline void metrics_subtract(uint64_t *gauge, uint64_t count)
{
    __atomic_store_n(gauge, __atomic_load_n(gauge, __ATOMIC_RELAXED) - count, __ATOMIC_RELAXED);
}

static inline uint64_t metrics_load(const uint64_t *value)
{
    return __atomic_load_n(value, __ATOMIC_RELAXED);
}

/*
 * Prometheus text format, summed over the slots. Owned by the caller, NUL-terminated;
 * <length> receives its bytes. NULL when memory is out.
 */
char *metrics_render(const struct metrics *metrics, size_t *length) MUST_USE;

/* <times> pieces of answers left for their clients <us> microseconds after the first of their turn. */
void metrics_note_residence(struct metrics_slot *slot, uint64_t us, uint64_t times);

/* Its part about single upstreams. */
void metrics_render_upstreams(const struct metrics *metrics, FILE *out);

struct json_writer;

/* The same and more as members of the object that is open: see docs/status.md. */
void metrics_put_json(const struct metrics *metrics, struct json_writer *writer);

/* Its parts. */
void metrics_put_upstreams(const struct metrics *metrics, struct json_writer *writer);

#endif
