/* SPDX-License-Identifier: MIT */
/*
 * sse.c - incremental event-stream scanner, WHATWG HTML section 9.2.6.
 *
 * Why in this form: an event almost always lies whole in the bytes of one read
 * and has one data line, so the ordinary way is two memchr() calls a line and
 * no copy. Only what a cut leaves over is copied, into one buffer:
 *
 *   buffer: [ data lines of this event, joined ][ start of a line that was cut ]
 *            <------- data_length ------------>  <------- line_length -------->
 *
 * Invariants
 *   1. Between two feeds nothing points into fed bytes: is_in_place is false.
 *   2. While a line is in the buffer, it has no line end in it.
 *   3. data_length and line_length are each at most max_event_bytes.
 *   4. Each byte is looked at a bounded number of times, however it is cut.
 */
#include "upstream/sse.h"

#include <stdlib.h>
#include <string.h>

/* The first allocation: holds an ordinary cut event, and is not felt by idle streams. */
#define BUFFER_BYTES_MIN 256
/* An empty buffer above this is given back: one giant event must not stay for hours. */
#define BUFFER_BYTES_KEPT 4096

static const char byte_order_mark[] = {'\xEF', '\xBB', '\xBF'};
#define BYTE_ORDER_MARK_LENGTH sizeof(byte_order_mark)

struct sse_scanner {
    const struct sse_events *events; /* borrowed */
    void *owner;                     /* borrowed */
    size_t max_event_bytes;
    char *buffer; /* owned; see the drawing above */
    size_t capacity;
    size_t data_length;
    size_t line_length;
    struct span place;      /* the event's only data line, in fed bytes, while is_in_place */
    size_t mark_length;     /* bytes of the byte order mark seen; past the start: its length */
    enum sse_status status; /* anything but SSE_OK stays until sse_reset() */
    bool is_in_place;
    bool has_data;
    bool has_error_field;
    bool is_error_event;
    bool is_after_cr; /* the last byte was a CR, so an LF now belongs to it */
};

/* The fed bytes that are not consumed yet, and where the next line ends in them. */
struct cursor {
    const char *at;
    const char *end;
    const char *lf; /* first LF at or after <at>, or <end> */
    const char *cr; /* first CR at or after <at>, or <end> */
};

struct sse_scanner *sse_new(size_t max_event_bytes, const struct sse_events *events, void *owner)
{
    struct sse_scanner *scanner = calloc(1, sizeof(*scanner));
    if (scanner == NULL) {
        return NULL;
    }
    scanner->events = events;
    scanner->owner = owner;
    scanner->max_event_bytes = max_event_bytes;
    return scanner;
}

void sse_free(struct sse_scanner *scanner)
{
    if (scanner == NULL) {
        return;
    }
    free(scanner->buffer);
    free(scanner);
}

static void forget_event(struct sse_scanner *scanner)
{
    scanner->data_length = 0;
    scanner->is_in_place = false;
    scanner->has_data = false;
    scanner->has_error_field = false;
    scanner->is_error_event = false;
}

void sse_reset(struct sse_scanner *scanner)
{
    forget_event(scanner);
    scanner->line_length = 0;
    scanner->mark_length = 0;
    scanner->is_after_cr = false;
    scanner->status = SSE_OK;
}

/* Make room for <length> bytes in all. False: the scanner has failed. */
static bool reserve(struct sse_scanner *scanner, size_t length)
{
    if (length <= scanner->capacity) {
        return true;
    }
    size_t capacity = scanner->capacity < BUFFER_BYTES_MIN ? BUFFER_BYTES_MIN : scanner->capacity;
    while (capacity < length) {
        capacity *= 2;
    }
    char *buffer = realloc(scanner->buffer, capacity);
    if (buffer == NULL) {
        scanner->status = SSE_NO_MEMORY;
        return false;
    }
    scanner->buffer = buffer;
    scanner->capacity = capacity;
    return true;
}

/* Append bytes that were cut to the line in the buffer. False: the scanner has failed. */
static bool keep_line(struct sse_scanner *scanner, struct span bytes)
{
    if (bytes.length > scanner->max_event_bytes - scanner->line_length) {
        scanner->status = SSE_TOO_LARGE;
        return false;
    }
    size_t used = scanner->data_length + scanner->line_length;
    if (span_is_empty(bytes)) {
        return true;
    }
    if (!reserve(scanner, used + bytes.length)) {
        return false;
    }
    memcpy(scanner->buffer + used, bytes.data, bytes.length);
    scanner->line_length += bytes.length;
    return true;
}

/*
 * Append a data line to the joined data. <value> lies in the fed bytes, or in the
 * buffer behind its own field name: there it only moves to the front, and the
 * reserve below finds the room already made. False: the scanner has failed.
 */
static bool join_data(struct sse_scanner *scanner, struct span value, bool is_first)
{
    size_t start = scanner->data_length + (is_first ? 0 : 1);
    if (start > scanner->max_event_bytes || value.length > scanner->max_event_bytes - start) {
        scanner->status = SSE_TOO_LARGE;
        return false;
    }
    if (!reserve(scanner, start + value.length)) {
        return false;
    }
    if (!is_first) {
        scanner->buffer[scanner->data_length] = '\n';
    }
    if (!span_is_empty(value)) {
        memmove(scanner->buffer + start, value.data, value.length);
    }
    scanner->data_length = start + value.length;
    return true;
}

/* Copy a data line that still lies in the fed bytes. False: the scanner has failed. */
static bool settle(struct sse_scanner *scanner)
{
    if (!scanner->is_in_place) {
        return true;
    }
    scanner->is_in_place = false;
    return join_data(scanner, scanner->place, true);
}

static bool take_data(struct sse_scanner *scanner, struct span value, bool is_fed)
{
    bool is_first = !scanner->has_data;
    scanner->has_data = true;
    if (is_first && is_fed) {
        scanner->place = value;
        scanner->is_in_place = true;
        return true;
    }
    return settle(scanner) && join_data(scanner, value, is_first);
}

/* A blank line: hand the event out. False: the owner wants to stop. */
static bool dispatch(struct sse_scanner *scanner)
{
    bool has_data = scanner->has_data;
    struct sse_event event = {
        .data =
            scanner->is_in_place ? scanner->place : span_of(scanner->buffer, scanner->data_length),
        .has_error_field = scanner->has_error_field,
        .is_error_event = scanner->is_error_event,
    };
    forget_event(scanner);
    if (has_data && !scanner->events->on_event(scanner->owner, &event)) {
        scanner->status = SSE_STOPPED;
        return false;
    }
    return true;
}

/*
 * One line without its end. <is_fed> tells whether it lies in the fed bytes, which
 * outlive this call, or in the buffer. False: stopped or failed.
 */
static bool take_line(struct sse_scanner *scanner, struct span line, bool is_fed)
{
    if (line.length > scanner->max_event_bytes) {
        scanner->status = SSE_TOO_LARGE;
        return false;
    }
    if (span_is_empty(line)) {
        return dispatch(scanner);
    }
    if (line.data[0] == ':') {
        if (scanner->events->on_comment != NULL) {
            scanner->events->on_comment(scanner->owner);
        }
        return true;
    }
    const char *colon = memchr(line.data, ':', line.length);
    size_t name_length = colon == NULL ? line.length : (size_t)(colon - line.data);
    struct span name = span_of(line.data, name_length);
    struct span value = span_skip(line, colon == NULL ? line.length : name_length + 1);
    if (span_starts_with(value, " ")) {
        value = span_skip(value, 1);
    }
    if (span_equals_string(name, "data")) {
        return take_data(scanner, value, is_fed);
    }
    if (span_equals_string(name, "error")) {
        /* Not a field of the standard: some servers report a failure in this way. */
        scanner->has_error_field = true;
        return take_data(scanner, value, is_fed);
    }
    if (span_equals_string(name, "event")) {
        scanner->is_error_event = span_equals_string(value, "error");
    }
    return true;
}

/* The line in the buffer is complete. */
static bool take_kept_line(struct sse_scanner *scanner)
{
    struct span line = span_of(scanner->buffer + scanner->data_length, scanner->line_length);
    scanner->line_length = 0;
    return take_line(scanner, line, false);
}

static const char *find(const char *at, const char *end, char wanted)
{
    const char *found = at == end ? NULL : memchr(at, wanted, (size_t)(end - at));
    return found == NULL ? end : found;
}

/*
 * Where the line at the cursor ends, or the end of the bytes. Both positions are
 * remembered, as searching anew for the absent one would cost the square of a
 * feed that is full of the other.
 */
static const char *line_end(struct cursor *cursor)
{
    if (cursor->lf < cursor->at) {
        cursor->lf = find(cursor->at, cursor->end, '\n');
    }
    if (cursor->cr < cursor->at) {
        cursor->cr = find(cursor->at, cursor->end, '\r');
    }
    return cursor->lf < cursor->cr ? cursor->lf : cursor->cr;
}

/* Take the lines that end in these bytes, and keep what is behind them. */
static void take_lines(struct sse_scanner *scanner, struct cursor *cursor)
{
    while (cursor->at < cursor->end) {
        const char *end = line_end(cursor);
        struct span line = span_of(cursor->at, (size_t)(end - cursor->at));
        if (end == cursor->end) {
            if (settle(scanner)) {
                (void)keep_line(scanner, line); /* a failure is in the status */
            }
            return;
        }
        cursor->at = end + 1;
        if (*end == '\r') {
            bool is_pair = cursor->at < cursor->end && *cursor->at == '\n';
            scanner->is_after_cr = cursor->at == cursor->end;
            cursor->at += is_pair ? 1 : 0;
        }
        bool goes_on = scanner->line_length == 0
                           ? take_line(scanner, line, true)
                           : keep_line(scanner, line) && take_kept_line(scanner);
        if (!goes_on) {
            return;
        }
    }
    (void)settle(scanner); /* a failure is in the status */
}

/* Consume a byte order mark, which may be cut and counts at the very start only. */
static struct span skip_mark(struct sse_scanner *scanner, struct span bytes)
{
    while (scanner->mark_length < BYTE_ORDER_MARK_LENGTH && !span_is_empty(bytes)) {
        size_t seen = scanner->mark_length;
        if (bytes.data[0] == byte_order_mark[seen]) {
            scanner->mark_length++;
            bytes = span_skip(bytes, 1);
            continue;
        }
        /* What looked like a mark was the start of the first line. */
        scanner->mark_length = BYTE_ORDER_MARK_LENGTH;
        (void)keep_line(scanner, span_of(byte_order_mark, seen)); /* a failure is in the status */
    }
    return bytes;
}

enum sse_status sse_feed(struct sse_scanner *scanner, struct span bytes)
{
    if (scanner->status != SSE_OK) {
        return scanner->status;
    }
    bytes = skip_mark(scanner, bytes);
    if (scanner->status != SSE_OK || span_is_empty(bytes)) {
        return scanner->status;
    }
    if (scanner->is_after_cr) {
        scanner->is_after_cr = false;
        bytes = bytes.data[0] == '\n' ? span_skip(bytes, 1) : bytes;
    }
    const char *end = bytes.data + bytes.length;
    struct cursor cursor = {
        .at = bytes.data,
        .end = end,
        .lf = find(bytes.data, end, '\n'),
        .cr = find(bytes.data, end, '\r'),
    };
    take_lines(scanner, &cursor);
    if (scanner->capacity > BUFFER_BYTES_KEPT && scanner->data_length + scanner->line_length == 0) {
        free(scanner->buffer);
        scanner->buffer = NULL;
        scanner->capacity = 0;
    }
    return scanner->status;
}

enum sse_status sse_finish(struct sse_scanner *scanner)
{
    if (scanner->status != SSE_OK) {
        return scanner->status;
    }
    if (scanner->line_length > 0 && !take_kept_line(scanner)) {
        return scanner->status;
    }
    (void)dispatch(scanner); /* a wish to stop is in the status */
    return scanner->status;
}
