/* SPDX-License-Identifier: MIT */
/*
 * child.c - one process that the supervisor has forked.
 *
 * Readiness is a byte in a pipe of its own, so that a child that dies early and
 * one that is merely slow look different: the pipe of the first reads as ended.
 */
#include "gateway/child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/log.h"

const char *child_role_name(enum child_role role)
{
    switch (role) {
    case CHILD_WORKER:
        return "worker";
    case CHILD_ADMIN:
        return "admin";
    }
    return "child";
}

/* Nothing of the parent's signal handling may leak in. */
static void reset_signals(void)
{
    static const int reset[] = {SIGTERM, SIGINT, SIGCHLD};
    static const int ignored[] = {SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2};
    sigset_t none;

    for (size_t i = 0; i < sizeof(reset) / sizeof(reset[0]); i++) {
        (void)signal(reset[i], SIG_DFL);
    }
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
        (void)signal(ignored[i], SIG_IGN); /* until the child handles them itself */
    }
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void become_child(pid_t parent, const char *name)
{
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_NAME, name, 0, 0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (getppid() != parent) { /* it died before the line above */
        _exit(EXIT_FAILURE);
    }
    reset_signals();
}

bool child_fork(struct child *child, const char *name, int *ready_write_fd)
{
    pid_t parent = getpid();
    int ends[2];
    pid_t pid;

    if (pipe(ends) != 0) { /* nothing is ever executed, so it need not be close-on-exec */
        return false;
    }
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    (void)fflush(NULL); /* what stdio holds must not be written twice */
    pid = fork();
    if (pid < 0) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return false;
    }
    if (pid == 0) {
        (void)close(ends[0]);
        become_child(parent, name);
        *ready_write_fd = ends[1];
        return true;
    }
    (void)close(ends[1]);
    child->pid = pid;
    child->ready_fd = ends[0];
    child->is_ready = false;
    child->is_stopping = false;
    child->started_ms = clock_now_ms();
    child->kill_at_ms = 0;
    *ready_write_fd = -1;
    return true;
}

void child_say_ready(int ready_write_fd)
{
    if (write(ready_write_fd, "r", 1) != 1) {
        log_event(LOG_DEBUG, "ready_not_told", NULL, NULL); /* the parent is gone; so are we soon */
    }
    (void)close(ready_write_fd);
}

void child_take_ready(struct child *child)
{
    char byte;

    child->is_ready = read(child->ready_fd, &byte, 1) == 1;
    (void)close(child->ready_fd);
    child->ready_fd = -1;
    if (child->is_ready && !child->is_stopping) {
        child->kill_at_ms = 0; /* it was in time */
    }
}

void child_stop(struct child *child, int64_t kill_at_ms)
{
    if (!child->is_stopping) {
        (void)kill(child->pid, SIGTERM); /* once: a worker takes a second one for "now" */
        child->is_stopping = true;
        child->kill_at_ms = kill_at_ms;
    } else if (kill_at_ms < child->kill_at_ms) {
        child->kill_at_ms = kill_at_ms;
    }
}

void child_log_end(const struct child *child, int wait_status)
{
    struct log_line line;
    char event[32];

    snprintf(event, sizeof(event), "%s_%s", child_role_name(child->role),
             child->is_stopping ? "ended" : "died");
    log_begin(&line, child->is_stopping ? LOG_INFO : LOG_ERROR, event);
    log_int(&line, "child", child->pid);
    if (child->role == CHILD_WORKER) {
        log_int(&line, "slot", (int64_t)child->slot);
    }
    if (WIFSIGNALED(wait_status)) {
        log_string(&line, "signal", strsignal(WTERMSIG(wait_status)));
    } else {
        log_int(&line, "exit", WEXITSTATUS(wait_status));
    }
    log_int(&line, "lived_ms", clock_now_ms() - child->started_ms);
    log_end(&line);
}
