/* SPDX-License-Identifier: MIT */
/*
 * supervisor_reload.c - SIGHUP: a new conf, by new workers.
 *
 * Nothing changes until every slot has a worker that is ready with the new conf.
 * Only then the old ones are asked to drain; they keep their streams, the new ones
 * get the new connections of the same sockets.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret_variable.h"
#include "gateway/config_listen.h"
#include "gateway/file_limit.h"
#include "gateway/log.h"
#include "gateway/notify.h"
#include "gateway/supervisor_state.h"

static void refuse(const char *problem)
{
    log_event(LOG_ERROR, "reload_refused", "problem", problem);
}

static void warn(const char *problem)
{
    log_event(LOG_WARN, "conf_warning", "problem", problem);
}

/* The loader gives one line for each problem, or warning. */
static void say_lines(char *lines, void (*say)(const char *line))
{
    char *rest = lines;

    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        if (*line != '\0') {
            say(line);
        }
    }
}

static struct config *load(const char *path)
{
    char *text = NULL;
    size_t length = 0;
    FILE *problems = open_memstream(&text, &length);
    struct config *config;

    if (problems == NULL) {
        refuse("no memory");
        return NULL;
    }
    config = config_load(path, problems);
    secret_variables_hide(); /* of those that only this conf names */
    if (fclose(problems) == 0) {
        say_lines(text, config == NULL ? refuse : warn);
    }
    free(text);
    return config;
}

static bool same_admin(const struct config *a, const struct config *b)
{
    const char *text_a = a->admin.text == NULL ? "" : a->admin.text;
    const char *text_b = b->admin.text == NULL ? "" : b->admin.text;

    return strcmp(text_a, text_b) == 0;
}

static void warn_restart(const char *key)
{
    log_event(LOG_WARN, "reload_needs_restart", "key", key);
}

static void warn_of_fixed_keys(const struct config *now, const struct config *next)
{
    if (!config_listen_is_same(now, next)) {
        warn_restart("listen");
    }
    if (now->workers != next->workers) {
        warn_restart("workers");
    }
    if (!same_admin(now, next)) {
        warn_restart("admin");
    }
}

/* The sockets and slots stay as they are, so the conf in force goes on saying so. */
static void keep_fixed_keys(struct config *from, struct config *to)
{
    struct config_address admin = to->admin;

    to->admin = from->admin;
    to->workers = from->workers;
    from->admin = admin;
}

/* Never refused: an operator's last word must come true in the end. drain_timeout bounds it. */
static void wait_for_entries(struct supervisor *supervisor)
{
    if (!supervisor->reload_wanted) {
        log_event(LOG_WARN, "reload_waits", "problem", "workers of earlier reloads still drain");
    }
    supervisor->reload_wanted = true;
}

void supervisor_reload_begin(struct supervisor *supervisor)
{
    if (supervisor->phase != SUPERVISOR_RUNNING) {
        supervisor->reload_wanted = supervisor->phase != SUPERVISOR_STOPPING;
        return;
    }
    if (supervisor_free_entries(supervisor) < supervisor->slot_count) {
        wait_for_entries(supervisor);
        return;
    }
    supervisor->reload_wanted = false;
    log_event(LOG_INFO, "reloading", "conf", supervisor->start->conf_path);
    notify_reloading();
    supervisor->next = load(supervisor->start->conf_path);
    if (supervisor->next == NULL) {
        notify_ready();
        return;
    }
    warn_of_fixed_keys(supervisor->config, supervisor->next);
    file_limit_report(supervisor->next);
    if (!config_listen_keep(supervisor->next, supervisor->config) ||
        !tls_tickets_rotate(&supervisor->next_tickets, &supervisor->tickets)) {
        refuse("no memory, or no random bytes");
        config_free(supervisor->next);
        supervisor->next = NULL;
        notify_ready();
        return;
    }
    supervisor->phase = SUPERVISOR_RELOADING;
}

void supervisor_reload_finish(struct supervisor *supervisor)
{
    keep_fixed_keys(supervisor->config, supervisor->next);
    supervisor_stop_workers(supervisor, true, supervisor->generation + 1);
    config_free(supervisor->config);
    supervisor->config = supervisor->next;
    supervisor->next = NULL;
    supervisor->tickets = supervisor->next_tickets;
    tls_tickets_fini(&supervisor->next_tickets);
    supervisor->generation++;
    supervisor->phase = SUPERVISOR_RUNNING;
    supervisor_show_conf(supervisor);
    log_setup(supervisor->config->log_level, supervisor->config->log_format);
    metrics_set_certificate_expiry(supervisor->metrics,
                                   config_listen_expiry_unix_s(supervisor->config));
    log_event(LOG_INFO, "reloaded", "conf", supervisor->start->conf_path);
    notify_ready();
}

void supervisor_reload_abandon(struct supervisor *supervisor, const char *problem)
{
    if (supervisor->phase != SUPERVISOR_RELOADING) {
        return;
    }
    refuse(problem);
    supervisor_stop_workers(supervisor, false, supervisor->generation + 1);
    config_free(supervisor->next);
    supervisor->next = NULL;
    tls_tickets_fini(&supervisor->next_tickets);
    supervisor->phase = SUPERVISOR_RUNNING;
    notify_ready();
}
