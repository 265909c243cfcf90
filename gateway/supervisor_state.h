/* SPDX-License-Identifier: MIT */
/*
 * supervisor_state.h - what the parts of the supervisor share; private to them.
 *
 *   supervisor.c           start, the loop, stop
 *   supervisor_signals.c   what each signal asks for
 *   supervisor_children.c  which children there should be, and making it so
 *   supervisor_status.c    what /status tells of them
 *   supervisor_reload.c    SIGHUP: a new conf, by new workers
 *   supervisor_logs.c      SIGUSR1: a new access log for the workers
 *   supervisor_upgrade.c   SIGUSR2: a new program, by a new supervisor
 */
#ifndef GATEWAY_SUPERVISOR_STATE_H
#define GATEWAY_SUPERVISOR_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attrs.h"
#include "gateway/child.h"
#include "gateway/config.h"
#include "gateway/inherit.h"
#include "gateway/listener_set.h"
#include "gateway/metrics.h"
#include "gateway/status.h"
#include "gateway/supervisor.h"
#include "gateway/tls_tickets.h"

enum supervisor_phase {
    SUPERVISOR_STARTING = 0, /* until every slot had a ready worker */
    SUPERVISOR_RUNNING,
    SUPERVISOR_RELOADING, /* until every slot has a ready worker with the next conf */
    SUPERVISOR_UPGRADING, /* until the successor says that it is ready, or is given up */
    SUPERVISOR_STOPPING,  /* until the last child is gone */
};

/* A job that one child is to do at any time; it is done again when the child dies. */
struct supervisor_job {
    int64_t start_at_ms; /* not before; monotonic */
    int64_t delay_ms;    /* the last one; grows while its children die young */
};

/* The supervisor of another program, started to take our place. */
struct successor {
    pid_t pid;    /* 0: none; stays set until it is reaped, also when given up */
    int ready_fd; /* readable when it is ready, or gone; -1 */
    int64_t give_up_at_ms;
    int64_t kill_at_ms; /* given up and asked to end: SIGKILL then; 0: not asked */
};

struct supervisor {
    enum supervisor_phase phase;
    const struct supervisor_start *start; /* borrowed */
    struct config *config;                /* owned; in force */
    struct config *next;                  /* owned; while reloading, else NULL */
    struct tls_tickets tickets;           /* of the conf in force; wiped at the end */
    struct tls_tickets next_tickets;      /* of the next one, while reloading */
    unsigned generation; /* number of the conf in force; the next one has one more */
    bool reload_wanted;
    bool upgrade_wanted;

    size_t slot_count;
    struct listener_set listeners;
    int admin_fd;                /* -1: no admin listener */
    struct metrics *metrics;     /* owned; one slot for each entry of children */
    struct board *board;         /* owned; the conf in force, for the admin process */
    struct child *children;      /* owned */
    size_t child_count;          /* entries; the last one is the admin's */
    struct supervisor_job *jobs; /* owned; one for each slot, the last one is the admin's */
    struct successor successor;
    char *program; /* owned; what an upgrade executes */

    int signal_fd;
    struct pollfd *poll_fds; /* owned; room for the signals, the successor and every child */
    unsigned stop_signals;
    bool is_replaced; /* a successor has taken over, so this stop is not the service's */
    int exit_status;
};

/* -- supervisor.c -- */

/* End it all; the exit status is <status>. */
void supervisor_stop(struct supervisor *supervisor, int status);

/* -- supervisor_signals.c -- */

bool supervisor_open_signals(struct supervisor *supervisor) MUST_USE;

/* Act on what has come. */
void supervisor_take_signals(struct supervisor *supervisor);

/* -- supervisor_children.c -- */

/* Start whatever should run and may. */
void supervisor_fill(struct supervisor *supervisor, int64_t now_ms);

/* Collect the dead and decide what follows. */
void supervisor_reap(struct supervisor *supervisor);

/* Take what a child says of itself. */
void supervisor_take_status(struct supervisor *supervisor, struct child *child);

/* Ready workers that were not asked to stop, of one generation. */
size_t supervisor_ready_count(const struct supervisor *supervisor, unsigned generation);

/* Stop the workers of every generation but (or: only of) this one. */
void supervisor_stop_workers(struct supervisor *supervisor, bool others, unsigned generation);

size_t supervisor_live_workers(const struct supervisor *supervisor);

/* Free entries for workers. */
size_t supervisor_free_entries(const struct supervisor *supervisor);

/* The latest moment at which a worker that drains from now on must be gone. */
int64_t supervisor_drain_limit_ms(const struct supervisor *supervisor);

struct child *supervisor_admin(struct supervisor *supervisor);

/* Where the supervisor and the admin process count the log lines they lose. */
uint64_t *supervisor_losses(struct supervisor *supervisor);

/* In a child: close what only the supervisor may hold, but for the listening sockets. */
void supervisor_let_go(struct supervisor *supervisor);

/* -- supervisor_status.c -- */

/* What the metrics and /status are to say of the whole and of each worker. */
void supervisor_show(const struct supervisor *supervisor);

/* The conf in force is another one. */
void supervisor_show_conf(const struct supervisor *supervisor);

/* -- supervisor_reload.c -- */

/* SIGHUP. While it cannot be done yet it is kept in mind. */
void supervisor_reload_begin(struct supervisor *supervisor);

/* Every slot has a ready worker with the next conf: it is in force. */
void supervisor_reload_finish(struct supervisor *supervisor);

/* The next conf cannot be used after all. */
void supervisor_reload_abandon(struct supervisor *supervisor, const char *problem);

/* -- supervisor_logs.c -- */

void supervisor_reopen_logs(const struct supervisor *supervisor);

/* -- supervisor_upgrade.c -- */

/* Which file an upgrade is to execute; NULL when memory is out. */
char *supervisor_find_program(const char *argv0) MUST_USE;

/* SIGUSR2. While it cannot be done yet it is kept in mind. */
void supervisor_upgrade_begin(struct supervisor *supervisor);

/* The successor's descriptor is readable: it is ready, or about to be reaped. */
void supervisor_upgrade_take_ready(struct supervisor *supervisor);

/* When something is due with the successor; INT64_MAX: never. */
int64_t supervisor_upgrade_due_ms(const struct supervisor *supervisor);

/* Give up or insist when time is over. */
void supervisor_upgrade_watch(struct supervisor *supervisor, int64_t now_ms);

/* The successor has ended. */
void supervisor_upgrade_reap(struct supervisor *supervisor, int wait_status);

/* We are to stop as well: take the successor with us. */
void supervisor_upgrade_cancel(struct supervisor *supervisor);

#endif
