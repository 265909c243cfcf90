/* SPDX-License-Identifier: MIT */
/*
 * confine.h - what a process gives up before the first byte of a stranger reaches it.
 *
 * A worker parses what strangers send. Should one of them get hold of it, he finds a
 * process without privileges, that sees no files, starts no programs, talks to no
 * local service, and that others of its user cannot look into. docs/threat-model.md
 * says what that is good for, docs/decisions/0009-confinement.md why it is done so.
 *
 * Called once everything is open: sockets, conf, secrets, certificates, trust roots and
 * logs. A part that wants to open or to connect to anything new later has to be
 * granted it here.
 */
#ifndef GATEWAY_CONFINE_H
#define GATEWAY_CONFINE_H

#include <stdbool.h>

#include "base/attrs.h"
#include "gateway/config_types.h"

struct confine_plan {
    const struct config *config; /* borrowed */
    bool connects;               /* to the upstreams of the conf */
    bool reopens_log;            /* log.access by itself, without a supervisor */
    bool is_sanitized;           /* IS_SANITIZED, but for tests of the real thing */
};

/*
 * For the calling process, for good. False when something that the conf insists on
 * cannot be had; it has been logged, and the process must end.
 */
bool confine(const struct confine_plan *plan) MUST_USE;

/*
 * Before any child exists: log what there will be, once. False, and logged as an
 * error, when the conf insists on what this system does not have.
 */
bool confine_announce(const struct config *config) MUST_USE;

/* The supervisor keeps the privileges that its own work needs, and gives up the others. */
void confine_supervisor(void);

#endif
