/* SPDX-License-Identifier: MIT */
/*
 * sse.h - incremental event-stream scanner, WHATWG HTML section 9.2.6.
 *
 * Finds events in bytes that are cut anywhere, and hands each out once, the same
 * whether fed byte by byte or 64 KiB at a time: LF, CRLF or CR line ends, a BOM,
 * comments, at most one space after the colon, several data lines joined with
 * LF. It never changes the bytes of a data line. An event that lies whole in the
 * fed bytes is handed out in place, without a copy.
 */
#ifndef UPSTREAM_SSE_H
#define UPSTREAM_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrs.h"
#include "base/span.h"

struct sse_event {
    struct span data;     /* joined data lines; valid during the callback */
    bool has_error_field; /* data came from a line whose field name was "error" */
    bool is_error_event;  /* the event's name ("event:") was "error" */
};

struct sse_events {
    /* Return false to stop: sse_feed() then returns SSE_STOPPED at once. */
    bool (*on_event)(void *owner, const struct sse_event *event);
    /* A comment line came (a heartbeat). May be NULL. */
    void (*on_comment)(void *owner);
};

enum sse_status {
    SSE_OK = 0,
    SSE_STOPPED,   /* a callback returned false; nothing more is fired until sse_reset() */
    SSE_TOO_LARGE, /* an event or a line above the bound */
    SSE_NO_MEMORY,
};

struct sse_scanner; /* opaque, see sse.c */

/* <events> and <owner> are borrowed for the scanner's life. NULL when memory is out. */
struct sse_scanner *sse_new(size_t max_event_bytes, const struct sse_events *events,
                            void *owner) MUST_USE;
void sse_free(struct sse_scanner *scanner);  /* accepts NULL */
void sse_reset(struct sse_scanner *scanner); /* as new; keeps its memory */

enum sse_status sse_feed(struct sse_scanner *scanner, struct span bytes) MUST_USE;

/*
 * The body has ended: an event whose blank line is missing is handed out, as
 * some servers end with "data: [DONE]" and nothing after it.
 */
enum sse_status sse_finish(struct sse_scanner *scanner) MUST_USE;

#endif
