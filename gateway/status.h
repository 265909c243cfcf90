/* SPDX-License-Identifier: MIT */
/*
 * status.h - everything about a running gateway that a person may want to see, as JSON.
 */
#ifndef GATEWAY_STATUS_H
#define GATEWAY_STATUS_H

#include <stddef.h>

#include "base/attrs.h"
#include "gateway/board.h"
#include "gateway/config.h"
#include "gateway/metrics.h"

/* What it is made of; all borrowed. */
struct status {
    const struct metrics *metrics;
    const struct board *conf; /* shown by status_show_conf() */
};

/* A board for the conf file; NULL when memory is out. */
struct board *status_board_new(void) MUST_USE;

/* From now on <config>, the <generation>th since the start, is in force. */
void status_show_conf(struct board *board, const struct config *config, unsigned generation);

/*
 * The object that docs/status.md describes. Owned by the caller, NUL-terminated; <length>
 * receives its bytes. NULL when memory is out. No secret is in it: none is in what it is made of.
 */
char *status_render(const struct status *status, size_t *length) MUST_USE;

#endif
