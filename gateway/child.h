/* SPDX-License-Identifier: MIT */
/*
 * child.h - one process that the supervisor has forked.
 *
 * A child never executes another program: it is a copy that goes on with one job.
 */
#ifndef GATEWAY_CHILD_H
#define GATEWAY_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attrs.h"

enum child_role {
    CHILD_WORKER = 0,
    CHILD_ADMIN,
};

struct child {
    pid_t pid; /* 0: the entry is free */
    enum child_role role;
    size_t slot;         /* of a worker */
    unsigned generation; /* of the conf that it runs with */
    int ready_fd;        /* readable when the child is ready, or gone; -1 when nothing is awaited */
    int handover_fd;     /* of a worker: our end of its handover.h socket */
    bool is_ready;
    bool is_stopping; /* was asked to end, so its end is planned */
    int64_t started_ms;
    int64_t kill_at_ms; /* SIGKILL then; 0: never */
};

/*
 * Fork. Fills the entry and returns true in the parent, with <ready_write_fd> set
 * to -1; in the child with the descriptor that child_say_ready() takes. False when
 * the system refuses (errno says why). The child dies with its parent, has signals
 * as a fresh process has them but for those a terminal sends to all, and its own
 * process group, so that Ctrl-C reaches the supervisor alone.
 */
bool child_fork(struct child *child, const char *name, int *ready_write_fd) MUST_USE;

/* In the child: tell the parent, and close the descriptor. */
void child_say_ready(int ready_write_fd);

/* The ready descriptor is readable: take what it says and close it. */
void child_take_ready(struct child *child);

/* Ask it to end, and say when to insist. A second call only brings the moment nearer. */
void child_stop(struct child *child, int64_t kill_at_ms);

/* Its end, by waitpid()'s status, in the log: an error unless it was planned. */
void child_log_end(const struct child *child, int wait_status);

const char *child_role_name(enum child_role role);

#endif
