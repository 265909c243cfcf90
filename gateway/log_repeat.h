/* SPDX-License-Identifier: MIT */
/*
 * log_repeat.h - when the same warning comes too often, a count instead of lines. Pure.
 */
#ifndef GATEWAY_LOG_REPEAT_H
#define GATEWAY_LOG_REPEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"

#define LOG_REPEAT_WINDOW_MS 1000
#define LOG_REPEAT_LINES_MAX 5 /* in one window */
#define LOG_REPEAT_EVENTS 16   /* told apart at once; more share the oldest one's place */
#define LOG_REPEAT_NAME_BYTES_MAX 40

struct log_repeat_entry {
    char event[LOG_REPEAT_NAME_BYTES_MAX + 1];
    int64_t window_from_ms; /* monotonic */
    unsigned long lines;    /* in this window; 0: the entry is free */
};

/* All zero at first. */
struct log_repeat {
    struct log_repeat_entry entries[LOG_REPEAT_EVENTS];
    unsigned long over; /* entries that hold suppressed lines */
};

struct log_repeat_summary {
    char event[LOG_REPEAT_NAME_BYTES_MAX + 1];
    unsigned long count;
};

/* True when a line of this event may be written now; false counts it as suppressed. */
bool log_repeat_admit(struct log_repeat *repeat, const char *event, int64_t now_ms) MUST_USE;

/* The next event whose window is over and that had lines suppressed; false when there is none. */
bool log_repeat_next_summary(struct log_repeat *repeat, int64_t now_ms,
                             struct log_repeat_summary *summary) MUST_USE;

#endif
