/* SPDX-License-Identifier: MIT */
/*
 * log_sink.h - a descriptor that lines are written to without ever waiting.
 */
#ifndef GATEWAY_LOG_SINK_H
#define GATEWAY_LOG_SINK_H

#include <stdbool.h>

#include "base/attrs.h"
#include "base/span.h"

enum log_sink_kind {
    LOG_SINK_NONE = 0,
    LOG_SINK_NONBLOCKING, /* a pipe or terminal of our own, or one that never waits anyway */
    LOG_SINK_SOCKET,
    LOG_SINK_FILE,
    LOG_SINK_OTHER, /* whatever else: each write is told not to wait */
};

struct log_sink {
    enum log_sink_kind kind;
    int fd;
    bool is_own;     /* fd is ours to close */
    bool is_journal; /* systemd's journal reads it */
    bool is_torn;    /* the last line was written in part: begin the next one afresh */
};

/* <fd> is borrowed and must stay open as long as the sink; -1 gives a sink that drops all. */
void log_sink_init(struct log_sink *sink, int fd);
void log_sink_fini(struct log_sink *sink);

/* False when the line did not go out whole. */
bool log_sink_write(struct log_sink *sink, struct span line) MUST_USE;

#endif
