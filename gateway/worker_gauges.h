/* SPDX-License-Identifier: MIT */
/*
 * worker_gauges.h - what this process takes of the machine, for the metrics.
 */
#ifndef GATEWAY_WORKER_GAUGES_H
#define GATEWAY_WORKER_GAUGES_H

#include <stdint.h>

#include "gateway/metrics.h"

struct worker_gauges {
    struct metrics_slot *metrics; /* borrowed */
    int statm_fd;                 /* owned; -1: the figure is not to be had */
    uint64_t cpu_us;              /* told so far */
};

/* To be called before the process gives up its view of files. */
void worker_gauges_init(struct worker_gauges *gauges, struct metrics_slot *metrics);
void worker_gauges_fini(struct worker_gauges *gauges);

/* Bring the figures up to date. */
void worker_gauges_refresh(struct worker_gauges *gauges);

#endif
