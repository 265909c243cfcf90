/* SPDX-License-Identifier: MIT */
/*
 * admin.h - the admin listener: GET or HEAD of /metrics, /livez, /readyz, /status and
 * /status.json; 404 for the rest.
 *
 * Under a supervisor it runs in a process of its own: evhttp may end the process
 * that it runs in, and that must be neither the supervisor nor a worker.
 */
#ifndef GATEWAY_ADMIN_H
#define GATEWAY_ADMIN_H

#include "base/attrs.h"
#include "gateway/status.h"

struct admin;
struct config;
struct event_base;

/*
 * Serve on <fd>, a listening socket, which stays the caller's. What <status> points to is
 * borrowed. NULL when memory is out. Free it before the base.
 */
struct admin *admin_new(struct event_base *base, int fd, const struct status *status) MUST_USE;
void admin_free(struct admin *admin); /* accepts NULL */

/*
 * A process's whole life: confined, and without the secrets of <config>, serve until
 * SIGTERM. Returns the exit status.
 */
int admin_run(int fd, const struct status *shown, struct config *config) MUST_USE;

#endif
