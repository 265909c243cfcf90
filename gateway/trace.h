/* SPDX-License-Identifier: MIT */
/*
 * trace.h - the place of one exchange in a distributed trace: W3C Trace Context, level 1. Pure.
 *
 *   client --traceparent: T, P--> [our span S, child of P] --traceparent: T, S--> upstream
 *
 * What a client sends is read into numbers and written anew, so no byte of it goes on that
 * is not a hex digit of an id. The one exception is the list of tracestate, opaque by its
 * nature: of it only members pass whose every byte is within the grammar.
 */
#ifndef GATEWAY_TRACE_H
#define GATEWAY_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/span.h"

#define TRACE_ID_BYTES 16
#define TRACE_SPAN_BYTES 8
/* What trace_begin() is given: a trace id and a span id. */
#define TRACE_RANDOM_BYTES (TRACE_ID_BYTES + TRACE_SPAN_BYTES)
/* A traceparent of version 00: two digits, 32, 16, two, and dashes between them. */
#define TRACE_PARENT_LENGTH 55
/* Section 3.3.1.5: at least this much is to be propagated. Members beyond it are dropped. */
#define TRACE_STATE_BYTES_MAX 512
/* Section 3.3.1.1: a list with more members is no list. */
#define TRACE_STATE_MEMBERS_MAX 32
/* Lines of tracestate in one head; section 3.3.1 lets a client split its list. With more, none. */
#define TRACE_STATE_LINES_MAX 4

/* The values of the client's tracestate fields, in the order in which they came. */
struct trace_state {
    struct span lines[TRACE_STATE_LINES_MAX];
    size_t count;
};

struct trace {
    uint8_t trace_id[TRACE_ID_BYTES];
    uint8_t span_id[TRACE_SPAN_BYTES];   /* ours; one for all attempts upstream */
    uint8_t parent_id[TRACE_SPAN_BYTES]; /* the client's; valid when is_continued */
    bool is_sampled;
    bool is_continued; /* the client's trace goes on; else it begins here */
    bool is_on;        /* false: all of it is off */
};

/*
 * Go on with the trace of <traceparent>, or begin one where that is absent or not lawful.
 * <random> must be unpredictable. A trace that begins here is not sampled: whether spans
 * are recorded is for who records spans to say, and we do not.
 */
void trace_begin(struct trace *trace, struct span traceparent,
                 const uint8_t random[TRACE_RANDOM_BYTES]);

/* The field for the upstream: our span as the parent. Not NUL-terminated. */
void trace_render_parent(const struct trace *trace, char out[TRACE_PARENT_LENGTH]);

/*
 * The client's list, joined to one line without white space around members and without
 * empty and repeated ones, cut between members to fit. Section 3.3.1. Returns its length; 0:
 * nothing is passed on, because the list is empty or one byte of it is against the grammar.
 */
size_t trace_render_state(const struct trace_state *state,
                          char out[TRACE_STATE_BYTES_MAX]) MUST_USE;

/* <count> bytes as lower-case hex digits and a NUL. */
void trace_render_hex(const uint8_t *bytes, size_t count, char *out);

#endif
