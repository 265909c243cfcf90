/* SPDX-License-Identifier: MIT */
/*
 * worker_log.c - the access log of one worker: opened, and replaced while it runs.
 */
#include "gateway/worker_log.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "gateway/access_log.h"
#include "gateway/handover.h"
#include "gateway/log.h"

/* <fd> becomes ours, in place of the one before. */
static void use(struct worker_log *log, int fd)
{
    log_setup_access(fd);
    if (log->fd >= 0) {
        (void)close(log->fd);
    }
    log->fd = fd;
}

static bool open_file(struct worker_log *log)
{
    int fd = access_log_open(log->where);

    if (fd < 0) {
        return false;
    }
    use(log, fd);
    return true;
}

bool worker_log_open(struct worker_log *log, const char *where, int handover_fd)
{
    *log = (struct worker_log){.where = where, .handover_fd = handover_fd, .fd = -1};
    if (access_log_is_file(where)) {
        return open_file(log);
    }
    log_setup_access(strcmp(where, "stderr") == 0 ? STDERR_FILENO : -1);
    return true;
}

static void on_reopen_signal(evutil_socket_t signal_number, short what, void *arg)
{
    struct worker_log *log = arg;

    (void)signal_number;
    (void)what;
    if (access_log_is_file(log->where)) {
        (void)open_file(log); /* it has said why; the old file stays in use */
    }
}

static void on_handover(evutil_socket_t handover_fd, short what, void *arg)
{
    struct worker_log *log = arg;
    int fd = -1;

    (void)what;
    switch (handover_take(handover_fd, &fd)) {
    case HANDOVER_TAKEN:
        use(log, fd);
        break;
    case HANDOVER_NOTHING:
        break;
    case HANDOVER_OVER: /* the supervisor is gone; a signal says so, too */
        (void)event_del(log->event);
        break;
    }
}

bool worker_log_watch(struct worker_log *log, struct event_base *base)
{
    if (log->handover_fd >= 0) {
        log->event = event_new(base, log->handover_fd, EV_READ | EV_PERSIST, on_handover, log);
    } else {
        log->event = evsignal_new(base, SIGUSR1, on_reopen_signal, log);
    }
    return log->event != NULL && event_add(log->event, NULL) == 0;
}

void worker_log_close(struct worker_log *log)
{
    if (log->event != NULL) {
        event_free(log->event);
    }
    log_setup_access(-1);
    if (log->fd >= 0) {
        (void)close(log->fd);
    }
}
