/* SPDX-License-Identifier: MIT */
/*
 * worker_log.h - the access log of one worker: opened, and replaced while it runs.
 */
#ifndef GATEWAY_WORKER_LOG_H
#define GATEWAY_WORKER_LOG_H

#include <stdbool.h>

#include "base/attrs.h"

struct event;
struct event_base;

struct worker_log {
    const char *where;   /* borrowed: the conf's log.access */
    int handover_fd;     /* borrowed; -1: there is no supervisor */
    int fd;              /* owned; -1: no file of our own */
    struct event *event; /* owned */
};

/* Open what the conf names. False when that cannot be done; it has been logged. */
bool worker_log_open(struct worker_log *log, const char *where, int handover_fd) MUST_USE;

/*
 * From now on replace the file: by the one that the supervisor hands over, or, without
 * a supervisor, on SIGUSR1 by the one that has the name then. False without memory.
 */
bool worker_log_watch(struct worker_log *log, struct event_base *base) MUST_USE;

/* No access line is written any more. Before the base is freed. */
void worker_log_close(struct worker_log *log);

#endif
