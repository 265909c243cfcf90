/* SPDX-License-Identifier: MIT */
/*
 * handover.h - an open file, from the supervisor to a worker.
 *
 * A worker may open no file for writing, and may not even be able to enter the
 * directory of its log: the supervisor opens what is to be reopened, and hands it over.
 */
#ifndef GATEWAY_HANDOVER_H
#define GATEWAY_HANDOVER_H

#include <stdbool.h>

#include "base/attrs.h"

/* Two connected ends, neither of which ever waits; false when the system refuses. */
bool handover_open(int *supervisor_end, int *worker_end) MUST_USE;

/* Hand over a duplicate of <fd>. False when the worker is gone, or has not taken the last ones. */
bool handover_send(int supervisor_end, int fd) MUST_USE;

enum handover_status {
    HANDOVER_TAKEN = 0,
    HANDOVER_NOTHING, /* nothing is there now */
    HANDOVER_OVER,    /* nothing will ever come: the other end is closed */
};

/* What came is the caller's to close; <fd> is written only on HANDOVER_TAKEN. */
enum handover_status handover_take(int worker_end, int *fd) MUST_USE;

#endif
