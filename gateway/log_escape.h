/* SPDX-License-Identifier: MIT */
/*
 * log_escape.h - any bytes as text that is safe inside a log line. Pure.
 *
 * Both writers give printable ASCII only, so that no value can end a line, forge
 * a field or move a terminal's cursor.
 */
#ifndef GATEWAY_LOG_ESCAPE_H
#define GATEWAY_LOG_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrs.h"
#include "base/span.h"

/* Output that stops when it is full instead of overrunning. */
struct log_room {
    char *bytes;
    size_t length;
    size_t capacity;
    bool is_full; /* something did not fit */
};

void log_room_put(struct log_room *room, const char *data, size_t length);
void log_room_puts(struct log_room *room, const char *text);

/* logfmt: bare when it can be, else in quotes; other bytes as \n, \t, \r or \xHH. */
void log_escape_logfmt(struct log_room *room, struct span value);

/* A JSON string: UTF-8 becomes \uXXXX, what is not UTF-8 becomes \ufffd. */
void log_escape_json(struct log_room *room, struct span value);

#endif
