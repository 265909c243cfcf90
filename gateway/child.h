/* SPDX-License-Identifier: MIT */
/*
 * child.h - one process that the supervisor has forked.
 *
 * A child never executes another program: it is a copy that goes on with one job.
 * What it has to say of itself are bytes in a pipe of its own.
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
    int status_fd;       /* readable when the child has something to say, or is gone; -1: closed */
    int handover_fd;     /* of a worker: our end of its handover.h socket */
    bool is_ready;
    bool is_draining; /* says that it takes no more clients */
    bool is_stopping; /* was asked to end, so its end is planned */
    int64_t started_ms;
    int64_t kill_at_ms; /* SIGKILL then; 0: never */
};

/*
 * Fork. Fills the entry and returns true in the parent, with <status_write_fd> set to
 * -1; in the child with the descriptor that child_say_ready() takes. False when the
 * system refuses (errno says why). The child dies with its parent, has signals as a
 * fresh process has them but for those a terminal sends to all, and its own process
 * group, so that Ctrl-C reaches the supervisor alone.
 */
bool child_fork(struct child *child, const char *name, int *status_write_fd) MUST_USE;

/* In the child: tell the parent that clients are served, or that no more are taken. */
void child_say_ready(int status_write_fd);
void child_say_draining(int status_write_fd);

/* The status descriptor is readable: take what it says. */
void child_take_status(struct child *child);

/* The child is gone: take its last words and free the entry. */
void child_release(struct child *child);

/* Ask it to end, and say when to insist. A second call only brings the moment nearer. */
void child_stop(struct child *child, int64_t kill_at_ms);

/* It stops by itself: expect that, and say when to insist. */
void child_expect_end(struct child *child, int64_t kill_at_ms);

/* To a child that was asked to end: now, cutting what runs. */
void child_cut(const struct child *child);

/* Its end, by waitpid()'s status, in the log: an error unless it was planned. */
void child_log_end(const struct child *child, int wait_status);

const char *child_role_name(enum child_role role);

#endif
