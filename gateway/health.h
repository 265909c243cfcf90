/* SPDX-License-Identifier: MIT */
/*
 * health.h - what operators see of the upstreams: a line and a metric for each change of
 * a circuit, the retries, and whether this worker could answer anybody (/readyz).
 */
#ifndef GATEWAY_HEALTH_H
#define GATEWAY_HEALTH_H

#include <stddef.h>

#include "gateway/config.h"
#include "gateway/metrics.h"
#include "upstream/upstream.h"

struct health {
    const struct config *config;      /* borrowed */
    struct metrics_slot *metrics;     /* borrowed */
    struct upstream_origin **origins; /* borrowed; as many as the conf file names */
    struct upstream_counts seen[CONFIG_UPSTREAMS_MAX]; /* that the metrics have been told */
};

/* All circuits are closed, and the worker is about to serve. */
void health_init(struct health *health, const struct config *config, struct metrics_slot *metrics,
                 struct upstream_origin **origins);

/* See struct upstream_hooks. */
void health_on_circuit(struct health *health, const struct upstream_origin *origin,
                       enum circuit_state state, enum upstream_failure cause);

/* Bring the counters and gauges that nobody pushes up to date; now and then. */
void health_refresh(struct health *health);

/* This worker takes no new requests: it does not make the gateway ready any more. */
void health_retire(struct health *health);

#endif
