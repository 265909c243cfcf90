/* SPDX-License-Identifier: MIT */
/*
 * supervisor_logs.c - SIGUSR1: the access log is opened anew and handed to the workers.
 *
 * The supervisor does it because it still may: the workers have given up the user that
 * started the gateway, and with it, as a rule, the right to make files beside the log.
 * Workers that drain with an earlier conf get the log of the conf in force, too: the
 * old file is what the operator wants to be rid of. Workers of a reload under way get
 * the one of their own conf.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "gateway/access_log.h"
#include "gateway/handover.h"
#include "gateway/log.h"
#include "gateway/supervisor_state.h"

static void hand_to(const struct child *child, int fd)
{
    if (!handover_send(child->handover_fd, fd)) {
        int problem = errno;
        struct log_line line;
        log_begin(&line, LOG_WARN, "access_log_not_taken");
        log_int(&line, "child", child->pid);
        log_string(&line, "problem", strerror(problem));
        log_end(&line);
    }
}

/* For the workers of the reload under way, or for all others. */
static void reopen(const struct supervisor *supervisor, const struct config *config, bool is_next)
{
    int fd;

    if (config == NULL || !access_log_is_file(config->log_access)) {
        return;
    }
    fd = access_log_open(config->log_access);
    if (fd < 0) {
        return; /* it has said why; the workers go on with the file they have */
    }
    for (size_t i = 0; i < supervisor->child_count; i++) {
        const struct child *child = &supervisor->children[i];
        bool is_of_next = child->generation > supervisor->generation;
        if (child->pid != 0 && child->role == CHILD_WORKER && is_of_next == is_next) {
            hand_to(child, fd);
        }
    }
    (void)close(fd);
}

void supervisor_reopen_logs(const struct supervisor *supervisor)
{
    log_event(LOG_INFO, "reopening_logs", NULL, NULL);
    reopen(supervisor, supervisor->config, false);
    reopen(supervisor, supervisor->next, true);
}
