/* SPDX-License-Identifier: MIT */
/*
 * log.h - one line per event, logfmt or JSON, never blocking.
 *
 * A line is built in a fixed buffer: log_begin(), fields, log_end(). Every value is
 * escaped and cut at a bound, so nothing a client sends can forge a line. A full
 * pipe drops the line and counts it, and once lines are taken again the first one says
 * how many are missing there. Only gateway/ logs, and each failure once.
 */
#ifndef GATEWAY_LOG_H
#define GATEWAY_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/span.h"

enum log_level {
    LOG_ERROR = 0, /* a human must act */
    LOG_WARN,      /* degraded; repeated lines are suppressed */
    LOG_INFO,      /* life cycle */
    LOG_DEBUG,     /* state changes */
};

enum log_format {
    LOG_LOGFMT = 0,
    LOG_JSON,
};

#define LOG_LINE_BYTES_MAX 2048
#define LOG_VALUE_BYTES_MAX 256

struct log_line {
    char bytes[LOG_LINE_BYTES_MAX];
    size_t prefix; /* bytes before the first field, for the journal; not part of the length */
    size_t length;
    bool is_cut;  /* a field did not fit */
    bool is_open; /* false: below the level, fields are no-ops */
    bool is_access;
};

/* Process-wide: level, format; the main log goes to stderr. */
void log_setup(enum log_level level, enum log_format format);

/* Where access lines go: an open descriptor (borrowed), or -1 for nowhere. */
void log_setup_access(int fd);

bool log_is_enabled(enum log_level level);

/*
 * Begin a line: time stamp, level and <event> (a stable lower-case token) are written. Where
 * systemd's journal reads, it has its own time stamp, and gets the level as "<6>" in front.
 */
void log_begin(struct log_line *line, enum log_level level, const char *event);

/* Begin an access line: goes to the access descriptor, whatever the level. */
void log_begin_access(struct log_line *line, const char *event);

void log_string(struct log_line *line, const char *key, const char *value); /* NULL: skipped */
void log_span(struct log_line *line, const char *key, struct span value);
void log_int(struct log_line *line, const char *key, int64_t value);

/* Close the line and write it, or drop and count it when the pipe is full. */
void log_end(struct log_line *line);

/* A line of one or two fields in one call; <value> may be NULL. */
void log_event(enum log_level level, const char *event, const char *key, const char *value);

/*
 * From now on this process counts the lines that it loses, at nothing again, and adds each
 * to <counter> as well: shared memory, borrowed, several processes may add to it. NULL: none.
 */
void log_count_losses(uint64_t *counter);

/* Lines lost so far in this process. */
unsigned long log_dropped(void);

/*
 * Say how many lines were lost, if any were and whoever reads is back. The next line would
 * do it too; this is for when there is none for long.
 */
void log_tell_losses(void);

#endif
