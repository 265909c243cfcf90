/* SPDX-License-Identifier: MIT */
/*
 * supervisor.c - the process that keeps the workers alive.
 *
 * It has no event library in it: a library that may end its process belongs into
 * the children, and a child forked from a process with an event loop inherits
 * half of it.
 *
 *                                      .--SIGUSR2--> UPGRADING
 *                                      | <--given up---'   | successor ready, SIGTERM
 *   STARTING --every slot ready--> RUNNING <--------.      |
 *      |                             | | finish, abandon   |
 *      |                             | `-SIGHUP--> RELOADING
 *      | a worker dies early         | SIGTERM       | SIGTERM
 *      `---------------------------> STOPPING <------------'
 *                                    `--no child left--> return
 */
#include "gateway/supervisor.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/config_listen.h"
#include "gateway/confine.h"
#include "gateway/listener.h"
#include "gateway/log.h"
#include "gateway/notify.h"
#include "gateway/supervisor_state.h"

#define GENERATIONS_AT_ONCE 8 /* in force, next, and those of earlier reloads that drain */
#define ADMIN_STOPS_WITHIN_MS 2000
#define POLL_FDS_BESIDE_CHILDREN 2 /* signals, successor */

/* -- what follows from the state -- */

static size_t live_children(const struct supervisor *supervisor)
{
    size_t count = 0;

    for (size_t i = 0; i < supervisor->child_count; i++) {
        count += supervisor->children[i].pid != 0 ? 1 : 0;
    }
    return count;
}

/* No process is left that would be nobody's. A successor that took over stands on its own. */
static bool is_over(const struct supervisor *supervisor)
{
    return supervisor->phase == SUPERVISOR_STOPPING && live_children(supervisor) == 0 &&
           (supervisor->successor.pid == 0 || supervisor->is_replaced);
}

/*
 * Our copies of the sockets are closed before the workers close theirs: the last one to
 * accept from a socket must also be the last one to have it.
 */
void supervisor_stop(struct supervisor *supervisor, int status)
{
    if (supervisor->phase == SUPERVISOR_STOPPING) {
        return;
    }
    log_event(LOG_INFO, "stopping", NULL, NULL);
    supervisor->phase = SUPERVISOR_STOPPING;
    supervisor->exit_status = status;
    if (!supervisor->is_replaced) {
        if (supervisor->start->inherited->ready_fd < 0) { /* else the service is another's */
            notify_stopping();
        }
        metrics_set_draining(supervisor->metrics);
        supervisor_upgrade_cancel(supervisor);
    } else if (supervisor_admin(supervisor)->pid != 0) {
        child_stop(supervisor_admin(supervisor), clock_now_ms() + ADMIN_STOPS_WITHIN_MS);
    }
    listener_set_close(&supervisor->listeners);
    supervisor_stop_workers(supervisor, true, supervisor->generation + 1);
    supervisor_stop_workers(supervisor, false, supervisor->generation + 1);
}

/* False when nobody wants us any more: the predecessor has given up on us and goes on. */
static bool tell_predecessor(const struct supervisor *supervisor)
{
    struct inherited *inherited = supervisor->start->inherited;

    if (inherited->ready_fd < 0) {
        notify_ready();
        return true;
    }
    /* If it has died meanwhile, the service is ours all the same. */
    if (write(inherited->ready_fd, "r", 1) != 1 && getppid() == inherited->predecessor) {
        return false;
    }
    (void)close(inherited->ready_fd);
    inherited->ready_fd = -1;
    return true;
}

static void finish_start(struct supervisor *supervisor)
{
    struct log_line line;

    if (!tell_predecessor(supervisor)) {
        log_event(LOG_ERROR, "start_failed", "problem", "the predecessor did not wait so long");
        supervisor_stop(supervisor, EXIT_FAILURE);
        return;
    }
    supervisor->phase = SUPERVISOR_RUNNING;

    log_begin(&line, LOG_INFO, "ready");
    log_int(&line, "workers", (int64_t)supervisor->slot_count);
    log_end(&line);
}

/* The admin listener goes last, so that a drain can be watched. */
static void advance_stop(struct supervisor *supervisor, int64_t now_ms)
{
    struct child *admin = supervisor_admin(supervisor);

    if (supervisor_live_workers(supervisor) == 0 && admin->pid != 0) {
        child_stop(admin, now_ms + ADMIN_STOPS_WITHIN_MS);
    }
}

static void advance(struct supervisor *supervisor, int64_t now_ms)
{
    size_t ready = supervisor_ready_count(supervisor, supervisor->generation);
    size_t next_ready = supervisor_ready_count(supervisor, supervisor->generation + 1);

    metrics_set_workers_ready(supervisor->metrics, ready + next_ready);
    supervisor_show(supervisor);
    switch (supervisor->phase) {
    case SUPERVISOR_STARTING:
        if (ready == supervisor->slot_count) {
            finish_start(supervisor);
        }
        break;
    case SUPERVISOR_RUNNING:
        if (supervisor->reload_wanted) {
            supervisor_reload_begin(supervisor);
        } else if (supervisor->upgrade_wanted) {
            supervisor_upgrade_begin(supervisor);
        }
        break;
    case SUPERVISOR_RELOADING:
        if (next_ready == supervisor->slot_count) {
            supervisor_reload_finish(supervisor);
        }
        break;
    case SUPERVISOR_UPGRADING:
        break; /* the successor's word, its end and its time have ways of their own */
    case SUPERVISOR_STOPPING:
        advance_stop(supervisor, now_ms);
        break;
    }
}

/* -- time -- */

static void kill_overdue(struct supervisor *supervisor, int64_t now_ms)
{
    for (size_t i = 0; i < supervisor->child_count; i++) {
        struct child *child = &supervisor->children[i];
        if (child->pid != 0 && child->kill_at_ms != 0 && now_ms >= child->kill_at_ms) {
            struct log_line line;
            log_begin(&line, LOG_ERROR, "child_killed");
            log_string(&line, "role", child_role_name(child->role));
            log_int(&line, "child", child->pid);
            log_string(&line, "problem",
                       child->is_stopping ? "it did not end in time" : "it was not ready in time");
            log_end(&line);
            (void)kill(child->pid, SIGKILL); /* a zombie at worst; it is reaped all the same */
            child->kill_at_ms = 0;
        }
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Until the next moment at which something is due; -1: nothing is. */
static int wait_ms(const struct supervisor *supervisor, int64_t now_ms)
{
    int64_t due_ms = supervisor_upgrade_due_ms(supervisor);

    for (size_t i = 0; i < supervisor->child_count; i++) {
        const struct child *child = &supervisor->children[i];
        if (child->pid != 0 && child->kill_at_ms != 0) {
            due_ms = earlier(due_ms, child->kill_at_ms);
        }
    }
    for (size_t i = 0; i <= supervisor->slot_count; i++) {
        if (supervisor->jobs[i].start_at_ms > now_ms && supervisor->phase != SUPERVISOR_STOPPING) {
            due_ms = earlier(due_ms, supervisor->jobs[i].start_at_ms);
        }
    }
    if (due_ms == INT64_MAX) {
        return -1;
    }
    return due_ms <= now_ms ? 0 : (int)earlier(due_ms - now_ms, INT_MAX);
}

/* -- the loop -- */

static nfds_t fill_poll_fds(struct supervisor *supervisor)
{
    nfds_t count = 0;

    supervisor->poll_fds[count++] = (struct pollfd){.fd = supervisor->signal_fd, .events = POLLIN};
    supervisor->poll_fds[count++] =
        (struct pollfd){.fd = supervisor->successor.ready_fd, .events = POLLIN}; /* -1: ignored */
    for (size_t i = 0; i < supervisor->child_count; i++) {
        const struct child *child = &supervisor->children[i];
        if (child->pid != 0 && child->status_fd >= 0) {
            supervisor->poll_fds[count++] =
                (struct pollfd){.fd = child->status_fd, .events = POLLIN};
        }
    }
    return count;
}

static void take_words(struct supervisor *supervisor, nfds_t count)
{
    if (supervisor->poll_fds[1].revents != 0) {
        supervisor_upgrade_take_ready(supervisor);
    }
    for (nfds_t i = POLL_FDS_BESIDE_CHILDREN; i < count; i++) {
        for (size_t j = 0; supervisor->poll_fds[i].revents != 0 && j < supervisor->child_count;
             j++) {
            struct child *child = &supervisor->children[j];
            if (child->pid != 0 && child->status_fd == supervisor->poll_fds[i].fd) {
                supervisor_take_status(supervisor, child);
                break;
            }
        }
    }
}

static void run(struct supervisor *supervisor)
{
    for (;;) {
        int64_t now_ms = clock_now_ms();
        enum supervisor_phase before = supervisor->phase;
        kill_overdue(supervisor, now_ms);
        supervisor_upgrade_watch(supervisor, now_ms);
        supervisor_fill(supervisor, now_ms);
        advance(supervisor, now_ms);
        if (supervisor->phase != before) {
            continue; /* the new phase may have work of its own, such as a reload that waited */
        }
        if (is_over(supervisor)) {
            return;
        }
        nfds_t count = fill_poll_fds(supervisor);
        if (poll(supervisor->poll_fds, count, wait_ms(supervisor, now_ms)) > 0) {
            take_words(supervisor, count);
            supervisor_take_signals(supervisor);
        }
    }
}

/* -- start and end -- */

static bool open_admin(struct supervisor *supervisor)
{
    const struct config_address *address = &supervisor->config->admin;

    if (address->socket_address_length == 0) {
        return true;
    }
    supervisor->admin_fd = listener_open_admin(address, supervisor->start->inherited);
    if (supervisor->admin_fd < 0) {
        return false;
    }
    listener_log("admin_listening", supervisor->admin_fd);
    return true;
}

static bool open_all(struct supervisor *supervisor)
{
    const struct config *config = supervisor->config;

    supervisor->slot_count = (size_t)config->workers;
    supervisor->child_count = supervisor->slot_count * GENERATIONS_AT_ONCE + 1;
    supervisor->children = calloc(supervisor->child_count, sizeof(*supervisor->children));
    supervisor->jobs = calloc(supervisor->slot_count + 1, sizeof(*supervisor->jobs));
    supervisor->poll_fds =
        calloc(supervisor->child_count + POLL_FDS_BESIDE_CHILDREN, sizeof(*supervisor->poll_fds));
    supervisor->metrics = metrics_new(supervisor->child_count);
    supervisor->board = status_board_new();
    supervisor->program = supervisor_find_program(supervisor->start->argv[0]);
    if (supervisor->children == NULL || supervisor->jobs == NULL || supervisor->poll_fds == NULL ||
        supervisor->metrics == NULL || supervisor->board == NULL || supervisor->program == NULL ||
        !supervisor_open_signals(supervisor)) {
        log_event(LOG_ERROR, "start_failed", "problem", strerror(errno));
        return false;
    }
    if (!tls_tickets_init(&supervisor->tickets)) {
        log_event(LOG_ERROR, "start_failed", "problem", "no random bytes");
        return false;
    }
    log_count_losses(supervisor_losses(supervisor));
    supervisor_show_conf(supervisor);
    metrics_set_certificate_expiry(supervisor->metrics, config_listen_expiry_unix_s(config));
    if (!listener_set_open(&supervisor->listeners, config->listen, config->listen_count,
                           supervisor->slot_count, supervisor->start->inherited) ||
        !open_admin(supervisor)) {
        return false;
    }
    listener_close_unused(supervisor->start->inherited);
    return true;
}

static void close_all(struct supervisor *supervisor)
{
    listener_set_close(&supervisor->listeners);
    if (supervisor->admin_fd >= 0) {
        (void)close(supervisor->admin_fd);
    }
    if (supervisor->signal_fd >= 0) {
        (void)close(supervisor->signal_fd);
    }
    log_count_losses(NULL);
    metrics_free(supervisor->metrics);
    board_free(supervisor->board);
    free(supervisor->program);
    free(supervisor->poll_fds);
    free(supervisor->jobs);
    free(supervisor->children);
    tls_tickets_fini(&supervisor->tickets);
    tls_tickets_fini(&supervisor->next_tickets);
    config_free(supervisor->next);
    config_free(supervisor->config);
}

int supervisor_run(const struct supervisor_start *start, struct config *config)
{
    struct supervisor supervisor = {
        .start = start,
        .config = config,
        .generation = 1,
        .admin_fd = -1,
        .signal_fd = -1,
        .successor = {.ready_fd = -1},
        .exit_status = EXIT_FAILURE,
    };

    if (open_all(&supervisor)) {
        confine_supervisor();
        run(&supervisor);
        log_event(LOG_INFO, "stopped", NULL, NULL);
    }
    close_all(&supervisor);
    return supervisor.exit_status;
}
