/* SPDX-License-Identifier: MIT */
/*
 * supervisor.h - the process that keeps the workers alive.
 */
#ifndef GATEWAY_SUPERVISOR_H
#define GATEWAY_SUPERVISOR_H

#include "base/attrs.h"
#include "gateway/config.h"
#include "gateway/inherit.h"

struct supervisor_start {
    const char *conf_path;       /* borrowed */
    char *const *argv;           /* borrowed; an upgrade starts the next program with the same */
    struct inherited *inherited; /* borrowed; what was handed over is taken from it */
};

/*
 * Run until told to stop. <config> was read from the conf path and becomes the
 * supervisor's.
 *
 *   SIGTERM, SIGINT  drain and return 0; a second one cuts what runs, a third kills
 *   SIGHUP           read the conf again; if it is good, new workers take over
 *   SIGUSR1          workers reopen the access log
 *   SIGUSR2          start the program again; when it is ready, drain and return 0
 *
 * Returns the exit status: 0 after a drain, 1 when the gateway could not start or
 * a drain was cut short by a signal.
 */
int supervisor_run(const struct supervisor_start *start, struct config *config) MUST_USE;

#endif
