/* SPDX-License-Identifier: MIT */
/*
 * supervisor_logs.c - SIGUSR1: the access log is opened anew and handed to the workers.
 *
 * The supervisor does it because it still may: the workers have given up the user that
 * started the gateway, and with it, as a rule, the right to make files beside the log.
 * Workers that drain with an earlier conf get the log of the conf in force, too: the
 * old file is what the operator wants to be rid of.
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

void supervisor_reopen_logs(const struct supervisor *supervisor)
{
    const char *where = supervisor->config->log_access;
    int fd;

    log_event(LOG_INFO, "reopening_logs", NULL, NULL);
    if (!access_log_is_file(where)) {
        return;
    }
    fd = access_log_open(where);
    if (fd < 0) {
        return; /* it has said why; the workers go on with the file they have */
    }
    for (size_t i = 0; i < supervisor->child_count; i++) {
        const struct child *child = &supervisor->children[i];
        if (child->pid != 0 && child->role == CHILD_WORKER) {
            hand_to(child, fd);
        }
    }
    (void)close(fd);
}
