/* SPDX-License-Identifier: MIT */
/*
 * supervisor_state.h - what the parts of the supervisor share; private to them.
 *
 *   supervisor.c           start, signals, the loop, stop
 *   supervisor_children.c  which children there should be, and making it so
 *   supervisor_reload.c    SIGHUP: a new conf, by new workers
 *   supervisor_logs.c      SIGUSR1: a new access log for the workers
 */
#ifndef GATEWAY_SUPERVISOR_STATE_H
#define GATEWAY_SUPERVISOR_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "gateway/child.h"
#include "gateway/config.h"
#include "gateway/listener.h"
#include "gateway/metrics.h"
#include "gateway/tls_tickets.h"

enum supervisor_phase {
    SUPERVISOR_STARTING = 0, /* until every slot had a ready worker */
    SUPERVISOR_RUNNING,
    SUPERVISOR_RELOADING, /* until every slot has a ready worker with the next conf */
    SUPERVISOR_STOPPING,  /* until the last child is gone */
};

/* A job that one child is to do at any time; it is done again when the child dies. */
struct supervisor_job {
    int64_t start_at_ms; /* not before; monotonic */
    int64_t delay_ms;    /* the last one; grows while its children die young */
};

struct supervisor {
    enum supervisor_phase phase;
    const char *conf_path;           /* borrowed */
    struct config *config;           /* owned; in force */
    struct config *next;             /* owned; while reloading, else NULL */
    struct tls_tickets tickets;      /* of the conf in force; wiped at the end */
    struct tls_tickets next_tickets; /* of the next one, while reloading */
    unsigned generation;             /* number of the conf in force; the next one has one more */
    bool reload_wanted;

    size_t slot_count;
    struct listener_set listeners;
    int admin_fd;                /* -1: no admin listener */
    struct metrics *metrics;     /* owned; one slot for each entry of children */
    struct child *children;      /* owned */
    size_t child_count;          /* entries; the last one is the admin's */
    struct supervisor_job *jobs; /* owned; one for each slot, the last one is the admin's */

    int signal_fd;
    struct pollfd *poll_fds; /* owned; room for every child and the signals */
    int64_t refuse_at_ms;    /* while stopping: when to close the doors; 0: done */
    unsigned stop_signals;
    int exit_status;
};

/* -- supervisor_children.c -- */

/* Start whatever should run and may. */
void supervisor_fill(struct supervisor *supervisor, int64_t now_ms);

/* Collect the dead and decide what follows. */
void supervisor_reap(struct supervisor *supervisor);

/* Ready workers that were not asked to stop, of one generation. */
size_t supervisor_ready_count(const struct supervisor *supervisor, unsigned generation);

/* Stop the workers of every generation but (or: only of) this one. */
void supervisor_stop_workers(struct supervisor *supervisor, bool others, unsigned generation);

size_t supervisor_live_workers(const struct supervisor *supervisor);

/* Free entries for workers. */
size_t supervisor_free_entries(const struct supervisor *supervisor);

/* -- supervisor_reload.c -- */

void supervisor_reload_begin(struct supervisor *supervisor);
/* The new workers are all ready. */
void supervisor_reload_finish(struct supervisor *supervisor);
/* One of them is not going to be. */
void supervisor_reload_abandon(struct supervisor *supervisor, const char *problem);

/* -- supervisor_logs.c -- */

void supervisor_reopen_logs(const struct supervisor *supervisor);

/* -- supervisor.c -- */

/* End it all; the exit status is <status>. */
void supervisor_stop(struct supervisor *supervisor, int status);

#endif
