/* SPDX-License-Identifier: MIT */
/*
 * child.c - one process that the supervisor has forked.
 *
 * Its status is bytes in a pipe of its own, so that a child that dies early and one
 * that is merely slow look different: the pipe of the first reads as ended.
 */
#include "gateway/child.h"

#include <errno.h>
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

#define SAYS_READY 'r'
#define SAYS_DRAINING 'd'

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
    static const int reset[] = {SIGTERM, SIGINT, SIGQUIT, SIGCHLD};
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
    log_count_losses(NULL); /* what the parent has lost the parent will tell */
    reset_signals();
}

/* Close-on-exec, for a successor executes another program in the middle of our life. */
static bool make_status_pipe(int ends[2])
{
    if (pipe(ends) != 0) {
        return false;
    }
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return true;
}

bool child_fork(struct child *child, const char *name, int *status_write_fd)
{
    pid_t parent = getpid();
    int ends[2];
    pid_t pid;

    if (!make_status_pipe(ends)) {
        return false;
    }
    (void)fflush(NULL); /* what stdio holds must not be written twice */
    pid = fork();
    if (pid < 0) {
        int problem = errno;
        (void)close(ends[0]);
        (void)close(ends[1]);
        errno = problem;
        return false;
    }
    if (pid == 0) {
        (void)close(ends[0]);
        become_child(parent, name);
        *status_write_fd = ends[1];
        return true;
    }
    (void)close(ends[1]);
    child->pid = pid;
    child->status_fd = ends[0];
    child->is_ready = false;
    child->is_draining = false;
    child->is_stopping = false;
    child->started_ms = clock_now_ms();
    child->kill_at_ms = 0;
    *status_write_fd = -1;
    return true;
}

static void say(int status_write_fd, char word)
{
    if (write(status_write_fd, &word, 1) != 1) {
        log_event(LOG_DEBUG, "status_not_told", NULL,
                  NULL); /* the parent is gone; soon so are we */
    }
}

void child_say_ready(int status_write_fd)
{
    say(status_write_fd, SAYS_READY);
}

void child_say_draining(int status_write_fd)
{
    say(status_write_fd, SAYS_DRAINING);
}

static void close_status(struct child *child)
{
    (void)close(child->status_fd);
    child->status_fd = -1;
}

void child_take_status(struct child *child)
{
    char word = 0;
    ssize_t length;

    while ((length = read(child->status_fd, &word, 1)) == 1) {
        child->is_ready = child->is_ready || word == SAYS_READY;
        child->is_draining = child->is_draining || word == SAYS_DRAINING;
    }
    if (length == 0) {
        close_status(child);
    }
    if (child->is_ready && !child->is_stopping) {
        child->kill_at_ms = 0; /* it was in time */
    }
}

void child_release(struct child *child)
{
    if (child->status_fd >= 0) {
        child_take_status(child);
    }
    if (child->status_fd >= 0) { /* a process of its own may still hold the other end */
        close_status(child);
    }
    child->pid = 0;
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

void child_expect_end(struct child *child, int64_t kill_at_ms)
{
    if (!child->is_stopping) {
        child->is_stopping = true;
        child->kill_at_ms = kill_at_ms;
    }
}

void child_cut(const struct child *child)
{
    (void)kill(child->pid, SIGQUIT); /* a zombie at worst */
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
