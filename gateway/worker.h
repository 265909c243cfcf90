/* SPDX-License-Identifier: MIT */
/*
 * worker.h - one process, one event loop: it accepts, answers and drains.
 */
#ifndef GATEWAY_WORKER_H
#define GATEWAY_WORKER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrs.h"
#include "gateway/config.h"
#include "gateway/listener_set.h"
#include "gateway/metrics.h"
#include "gateway/tls_tickets.h"

struct event_base;

struct worker_setup {
    const struct config *config;      /* borrowed */
    struct metrics_slot *metrics;     /* borrowed, this worker's own slot */
    const struct listener *listeners; /* borrowed; the worker works on duplicates */
    size_t listener_count;
    struct tls_tickets *tickets; /* borrowed; shared by all workers of one conf */
    bool is_supervised; /* SIGTERM may come more than once and from anybody: only SIGQUIT cuts */
    int handover_fd;    /* borrowed; new access logs come through it (handover.h). -1: SIGUSR1 */
    bool is_confined;   /* confine.h, before it accepts */
    /* Called once when the worker accepts connections. May be NULL. */
    void (*on_ready)(void *arg, struct event_base *base);
    void *on_ready_arg;
    /* Called when it accepts no more, and has closed its duplicates. May be NULL. */
    void (*on_drain)(void *arg);
    /* Called when the loop has ended, before it is freed. May be NULL. */
    void (*on_stop)(void *arg);
};

/*
 * Run until drained. SIGTERM and SIGINT: the first takes who waits already, accepts
 * no more and lets exchanges finish, bounded by drain_timeout; a second one (without
 * a supervisor), or SIGQUIT, cuts them at once. Without a supervisor SIGUSR1 reopens
 * the access log. Returns the process's exit status: 0 after a drain, 1 when the
 * worker could not start (the reason has been logged).
 */
int worker_run(const struct worker_setup *setup) MUST_USE;

#endif
