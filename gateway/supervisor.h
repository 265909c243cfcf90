/* SPDX-License-Identifier: MIT */
/*
 * supervisor.h - the process that keeps the workers alive.
 */
#ifndef GATEWAY_SUPERVISOR_H
#define GATEWAY_SUPERVISOR_H

#include "base/attrs.h"
#include "gateway/config.h"

/*
 * Run until told to stop. <config> was read from <conf_path> (borrowed) and
 * becomes the supervisor's.
 *
 *   SIGTERM, SIGINT  drain and return 0; a second one cuts what runs, a third kills
 *   SIGHUP           read the conf again; if it is good, new workers take over
 *   SIGUSR1          workers reopen the access log
 *
 * Returns the exit status: 0 after a drain, 1 when the gateway could not start or
 * a drain was cut short by a signal.
 */
int supervisor_run(const char *conf_path, struct config *config) MUST_USE;

#endif
