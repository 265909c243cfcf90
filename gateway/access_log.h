/* SPDX-License-Identifier: MIT */
/*
 * access_log.h - the one line that is written for each exchange.
 *
 * It never holds a token, a prompt or an answer. docs/log-fields.md explains
 * every field.
 */
#ifndef GATEWAY_ACCESS_LOG_H
#define GATEWAY_ACCESS_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/span.h"
#include "gateway/end_reason.h"
#include "gateway/trace.h"

/* Facts of an exchange that has ended. Texts are borrowed; NULL or "" leaves a field out. */
struct access_record {
    const char *request_id;
    const struct trace *trace; /* NULL: off */
    const char *peer;          /* the client's address */
    const char *via;           /* the proxy's that spoke for it */
    const char *tls;           /* the version spoken with the peer */
    const char *subject;
    struct span method;
    const char *route;
    const char *model;
    const char *chat_id;
    const char *format;
    enum end_reason reason;
    const char *state;   /* where it was when it ended */
    int status;          /* what the client was sent; 0: nothing */
    const char *problem; /* static text: why exactly */
    const char *upstream;
    const char *upstream_failure;
    int upstream_status;
    unsigned upstream_attempts;
    int64_t first_byte_ms; /* since the head came; -1: none was sent */
    int64_t answered_ms;   /* until the upstream's answer was whole; -1: it never was */
    int64_t total_ms;
    uint64_t bytes_in;  /* body */
    uint64_t bytes_out; /* head and body */
    uint64_t deltas;
    uint64_t pauses;
    int64_t paused_ms;
    int64_t prompt_tokens;     /* -1: not told */
    int64_t completion_tokens; /* -1: not told */
};

void access_log_exchange(const struct access_record *record);

/* True when the conf's log.access names a file, and not "stderr" or "off". */
bool access_log_is_file(const char *where) MUST_USE;

/* The file of that name, made if need be, to be given to log_setup_access(). -1: logged why. */
int access_log_open(const char *path) MUST_USE;

#endif
