/* SPDX-License-Identifier: MIT */
/*
 * supervisor_children.c - which children there should be, and making it so.
 *
 * The rule is one: each slot has one worker that was not asked to stop, with the
 * conf in force, and while reloading a second one with the next conf. Whoever
 * changes anything only changes what should be; supervisor_fill() does the rest.
 *
 * Each entry of the table owns a slot of the metrics: an old worker that drains
 * and the new one in its place never write the same counters.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/admin.h"
#include "gateway/handover.h"
#include "gateway/log.h"
#include "gateway/supervisor_state.h"
#include "gateway/worker.h"

#define READY_WITHIN_MS 30000
#define DELAY_FIRST_MS 100
#define DELAY_MOST_MS 30000
#define HEALTHY_AFTER_MS 10000 /* a child that lived so long starts the delays afresh */
#define DRAIN_SLACK_MS 5000    /* a worker bounds its drain itself; then we insist */

static bool is_worker(const struct child *child)
{
    return child->pid != 0 && child->role == CHILD_WORKER;
}

static struct child *free_entry(struct supervisor *supervisor)
{
    for (size_t i = 0; i + 1 < supervisor->child_count; i++) {
        if (supervisor->children[i].pid == 0) {
            return &supervisor->children[i];
        }
    }
    return NULL;
}

struct child *supervisor_admin(struct supervisor *supervisor)
{
    return &supervisor->children[supervisor->child_count - 1];
}

uint64_t *supervisor_losses(struct supervisor *supervisor)
{
    return &metrics_slot(supervisor->metrics, supervisor->child_count - 1)->log_lines_dropped;
}

static struct supervisor_job *job_of(struct supervisor *supervisor, const struct child *child)
{
    return &supervisor->jobs[child->role == CHILD_ADMIN ? supervisor->slot_count : child->slot];
}

size_t supervisor_free_entries(const struct supervisor *supervisor)
{
    size_t count = 0;

    for (size_t i = 0; i + 1 < supervisor->child_count; i++) {
        count += supervisor->children[i].pid == 0 ? 1 : 0;
    }
    return count;
}

size_t supervisor_live_workers(const struct supervisor *supervisor)
{
    return supervisor->child_count - 1 - supervisor_free_entries(supervisor);
}

size_t supervisor_ready_count(const struct supervisor *supervisor, unsigned generation)
{
    size_t count = 0;

    for (size_t i = 0; i < supervisor->child_count; i++) {
        const struct child *child = &supervisor->children[i];
        if (is_worker(child) && child->generation == generation && child->is_ready &&
            !child->is_stopping) {
            count++;
        }
    }
    return count;
}

int64_t supervisor_drain_limit_ms(const struct supervisor *supervisor)
{
    return clock_now_ms() + supervisor->config->drain_timeout_ms + DRAIN_SLACK_MS;
}

void supervisor_stop_workers(struct supervisor *supervisor, bool others, unsigned generation)
{
    int64_t kill_at_ms = supervisor_drain_limit_ms(supervisor);

    for (size_t i = 0; i < supervisor->child_count; i++) {
        struct child *child = &supervisor->children[i];
        if (is_worker(child) && (child->generation == generation) != others) {
            child_stop(child, kill_at_ms);
        }
    }
}

/* -- in a child -- */

void supervisor_let_go(struct supervisor *supervisor)
{
    struct inherited *inherited = supervisor->start->inherited;

    for (size_t i = 0; i < supervisor->child_count; i++) {
        if (supervisor->children[i].pid != 0 && supervisor->children[i].status_fd >= 0) {
            (void)close(supervisor->children[i].status_fd);
        }
        if (is_worker(&supervisor->children[i])) {
            (void)close(supervisor->children[i].handover_fd);
        }
    }
    if (supervisor->successor.ready_fd >= 0) {
        (void)close(supervisor->successor.ready_fd);
    }
    if (inherited->ready_fd >= 0) {
        (void)close(inherited->ready_fd);
    }
    (void)close(supervisor->signal_fd);
}

/* What the parts of a worker's life need of the process around it. */
struct worker_process {
    struct supervisor *supervisor;
    int status_write_fd;
};

static void on_worker_ready(void *arg, struct event_base *base)
{
    struct worker_process *process = arg;

    (void)base;
    child_say_ready(process->status_write_fd);
}

static void on_worker_drain(void *arg)
{
    struct worker_process *process = arg;

    listener_set_close(&process->supervisor->listeners);
    child_say_draining(process->status_write_fd);
}

_Noreturn static void be_worker(struct supervisor *supervisor, const struct child *self,
                                const struct config *config, int status_write_fd, int handover_fd)
{
    struct worker_process process = {.supervisor = supervisor, .status_write_fd = status_write_fd};
    struct worker_setup setup = {
        .config = config,
        .metrics = metrics_slot(supervisor->metrics, (size_t)(self - supervisor->children)),
        .is_supervised = true,
        .tickets = config == supervisor->next ? &supervisor->next_tickets : &supervisor->tickets,
        .handover_fd = handover_fd,
        .is_confined = true,
        .on_ready = on_worker_ready,
        .on_ready_arg = &process,
        .on_drain = on_worker_drain,
    };

    setup.listener_count = listener_set_share(&supervisor->listeners, self->slot, &setup.listeners);
    supervisor_let_go(supervisor);
    listener_set_keep_slot(&supervisor->listeners, self->slot);
    if (supervisor->admin_fd >= 0) {
        (void)close(supervisor->admin_fd);
    }
    log_setup(config->log_level, config->log_format);
    exit(worker_run(&setup));
}

_Noreturn static void be_admin(struct supervisor *supervisor, int status_write_fd)
{
    const struct status shown = {.metrics = supervisor->metrics, .conf = supervisor->board};

    supervisor_let_go(supervisor);
    tls_tickets_fini(&supervisor->tickets);
    tls_tickets_fini(&supervisor->next_tickets);
    if (supervisor->next != NULL) {
        config_forget_secrets(supervisor->next);
    }
    listener_set_close(&supervisor->listeners);
    log_count_losses(supervisor_losses(supervisor));
    child_say_ready(status_write_fd);
    exit(admin_run(supervisor->admin_fd, &shown, supervisor->config));
}

/* -- starting -- */

/* The next moment at which this job may be tried. */
static void put_off(struct supervisor_job *job, int64_t now_ms, int64_t lived_ms)
{
    if (job->delay_ms == 0 || lived_ms >= HEALTHY_AFTER_MS) {
        job->delay_ms = DELAY_FIRST_MS;
    } else {
        job->delay_ms = job->delay_ms * 2 < DELAY_MOST_MS ? job->delay_ms * 2 : DELAY_MOST_MS;
    }
    job->start_at_ms = now_ms + job->delay_ms;
}

static bool fork_failed(const struct child *child)
{
    int problem = errno;
    struct log_line line;

    log_begin(&line, LOG_ERROR, "fork_failed");
    log_string(&line, "role", child_role_name(child->role));
    log_string(&line, "problem", strerror(problem));
    log_end(&line);
    return false;
}

static bool start_worker(struct supervisor *supervisor, size_t slot, unsigned generation,
                         const struct config *config)
{
    struct child *child = free_entry(supervisor);
    char name[16]; /* what the kernel keeps */
    int status_write_fd = -1;
    int worker_end = -1;

    if (child == NULL) {
        log_event(LOG_WARN, "worker_waits", "problem", "workers of earlier reloads still drain");
        return false;
    }
    child->role = CHILD_WORKER;
    child->slot = slot;
    child->generation = generation;
    snprintf(name, sizeof(name), "tidegate-w%u", (unsigned)slot & 0xffffU);
    if (!handover_open(&child->handover_fd, &worker_end)) {
        return fork_failed(child);
    }
    if (!child_fork(child, name, &status_write_fd)) {
        bool has_failed = fork_failed(child);
        (void)close(child->handover_fd);
        (void)close(worker_end);
        return has_failed;
    }
    if (status_write_fd >= 0) {
        (void)close(child->handover_fd);
        be_worker(supervisor, child, config, status_write_fd, worker_end);
    }
    (void)close(worker_end);
    child->kill_at_ms = child->started_ms + READY_WITHIN_MS;
    return true;
}

static bool start_admin(struct supervisor *supervisor)
{
    struct child *child = supervisor_admin(supervisor);
    int status_write_fd = -1;

    child->role = CHILD_ADMIN;
    if (!child_fork(child, "tidegate-admin", &status_write_fd)) {
        return fork_failed(child);
    }
    if (status_write_fd >= 0) {
        be_admin(supervisor, status_write_fd);
    }
    return true;
}

/* A predecessor's admin listener speaks for the service until we are ready. */
static bool admin_is_due(const struct supervisor *supervisor)
{
    return supervisor->admin_fd >= 0 &&
           supervisor->children[supervisor->child_count - 1].pid == 0 &&
           supervisor->start->inherited->ready_fd < 0;
}

static bool has_worker(const struct supervisor *supervisor, size_t slot, unsigned generation)
{
    for (size_t i = 0; i < supervisor->child_count; i++) {
        const struct child *child = &supervisor->children[i];
        if (is_worker(child) && child->slot == slot && child->generation == generation &&
            !child->is_stopping) {
            return true;
        }
    }
    return false;
}

/* The slots of the conf in force: a failure is tried again, later and later. */
static void fill_slots(struct supervisor *supervisor, int64_t now_ms)
{
    for (size_t slot = 0; slot < supervisor->slot_count; slot++) {
        struct supervisor_job *job = &supervisor->jobs[slot];
        if (now_ms >= job->start_at_ms && !has_worker(supervisor, slot, supervisor->generation) &&
            !start_worker(supervisor, slot, supervisor->generation, supervisor->config)) {
            put_off(job, now_ms, 0);
        }
    }
}

/* Those of the next conf: a failure is the end of the reload. */
static void fill_next_slots(struct supervisor *supervisor)
{
    unsigned next = supervisor->generation + 1;

    for (size_t slot = 0; slot < supervisor->slot_count; slot++) {
        if (!has_worker(supervisor, slot, next) &&
            !start_worker(supervisor, slot, next, supervisor->next)) {
            supervisor_reload_abandon(supervisor, "a new worker could not be started");
            return;
        }
    }
}

void supervisor_fill(struct supervisor *supervisor, int64_t now_ms)
{
    struct supervisor_job *admin_job = &supervisor->jobs[supervisor->slot_count];

    if (supervisor->phase == SUPERVISOR_STOPPING) {
        return;
    }
    fill_slots(supervisor, now_ms);
    if (supervisor->phase == SUPERVISOR_RELOADING) {
        fill_next_slots(supervisor);
    }
    if (admin_is_due(supervisor) && now_ms >= admin_job->start_at_ms && !start_admin(supervisor)) {
        put_off(admin_job, now_ms, 0);
    }
}

/* -- ends -- */

/* In the log with the death: when the next try is due. */
static void log_restart(const struct supervisor_job *job, const struct child *child)
{
    struct log_line line;

    log_begin(&line, LOG_WARN, "restart_waits");
    log_string(&line, "role", child_role_name(child->role));
    if (child->role == CHILD_WORKER) {
        log_int(&line, "slot", (int64_t)child->slot);
    }
    log_int(&line, "delay_ms", job->delay_ms);
    log_end(&line);
}

/* What the unplanned end of a child means. */
static void on_death(struct supervisor *supervisor, const struct child *child)
{
    int64_t now_ms = clock_now_ms();

    if (child->role == CHILD_WORKER && child->generation != supervisor->generation) {
        supervisor_reload_abandon(supervisor, "a new worker died");
        return;
    }
    put_off(job_of(supervisor, child), now_ms, now_ms - child->started_ms);
    if (supervisor->phase == SUPERVISOR_STARTING && child->role == CHILD_WORKER &&
        !child->is_ready) {
        log_event(LOG_ERROR, "start_failed", "problem", "a worker ended before it was ready");
        supervisor_stop(supervisor, EXIT_FAILURE);
        return;
    }
    log_restart(job_of(supervisor, child), child);
}

static void on_end(struct supervisor *supervisor, struct child *child, int wait_status)
{
    struct child ended = *child;

    child_release(child);
    ended.is_ready = child->is_ready; /* it may have said so before it died */
    child_log_end(&ended, wait_status);
    if (ended.role == CHILD_WORKER) {
        (void)close(ended.handover_fd);
        metrics_worker_ended(supervisor->metrics, (size_t)(child - supervisor->children),
                             !ended.is_stopping);
    }
    if (!ended.is_stopping && supervisor->phase != SUPERVISOR_STOPPING) {
        on_death(supervisor, &ended);
    }
}

/*
 * A worker that drains although nobody here asked it to (a signal from outside) would
 * leave its slot without anybody to accept: the next one is started now, not when the
 * last stream of this one is over.
 */
void supervisor_take_status(struct supervisor *supervisor, struct child *child)
{
    struct log_line line;

    child_take_status(child);
    if (!child->is_draining || child->is_stopping) {
        return;
    }
    log_begin(&line, LOG_WARN, "worker_drains_unasked");
    log_int(&line, "child", child->pid);
    log_int(&line, "slot", (int64_t)child->slot);
    log_end(&line);
    child_expect_end(child, supervisor_drain_limit_ms(supervisor));
}

void supervisor_reap(struct supervisor *supervisor)
{
    int wait_status;
    pid_t pid;

    while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0) {
        if (pid == supervisor->successor.pid) {
            supervisor_upgrade_reap(supervisor, wait_status);
        }
        for (size_t i = 0; i < supervisor->child_count; i++) {
            if (supervisor->children[i].pid == pid) {
                on_end(supervisor, &supervisor->children[i], wait_status);
                break;
            }
        }
    }
}
