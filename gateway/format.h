/* SPDX-License-Identifier: MIT */
/*
 * format.h - how an answer looks to the client: one small table of functions.
 *
 * The relay asks for a bound, reserves that much room in the client's output and
 * lets the format write straight into it: no copy, no allocation, no printf. What a
 * format has to remember of one answer is its struct format_stream.
 */
#ifndef GATEWAY_FORMAT_H
#define GATEWAY_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "upstream/upstream.h"

/* Room that finish and heartbeat never exceed, and failure but for what is quoted in it. */
#define FORMAT_TAIL_BYTES_MAX 2048

/* What an answer is made of, for formats that tell the one from the other. */
enum format_part {
    FORMAT_PART_NONE = 0,
    FORMAT_PART_TEXT,
    FORMAT_PART_REASONING,
};

/* What becomes of the thinking of a reasoning model. */
enum format_reasoning {
    FORMAT_REASONING_RAW = 0, /* events are passed on as they are, thinking and all */
    FORMAT_REASONING_PART,    /* it has a place of its own */
    FORMAT_REASONING_INLINE,  /* it could only stand in the text */
};

/* One answer, as far as its format has to know it. The texts are borrowed. */
struct format_stream {
    struct span id;         /* of the request: printable, without quotes */
    struct span model;      /* as it is asked for upstream: the characters of a model name */
    int64_t created_unix_s; /* when the request came */
    bool shows_reasoning;   /* see relay_init() */
    bool hides_usage;       /* openai: chunks that have usage alone are not shown */
    /* The rest is the format's own; zero at first. */
    bool has_begun;
    bool has_chunks;       /* openai: the provider's own chunks are what is shown */
    enum format_part open; /* what the last piece was of */
    uint32_t part;         /* ui: its number */
};

/* Why an answer that has begun cannot go on. */
struct format_failure {
    const char *token; /* of the end reason: lower-case ASCII */
    struct span event; /* the provider's own error event; see upstream_end.error */
};

struct format {
    const char *name;
    struct span content_type;
    struct span extra_fields; /* whole header lines with CRLF, or empty */
    struct span heartbeat;    /* what says "still here" between two pieces; empty: nothing can */
    enum format_reasoning reasoning;

    /* Most bytes that delta() may write for this delta; 0: it shows nothing of it. */
    size_t (*delta_bound)(const struct format_stream *stream, const struct upstream_delta *delta);
    /*
     * Write it to <out>; returns the bytes written.
     *
     * A delta without text, reasoning and tool call may be written long before the client
     * gets to see it, or for nothing.
     */
    size_t (*delta)(struct format_stream *stream, const struct upstream_delta *delta, char *out);
    /* What a complete answer ends with; up to FORMAT_TAIL_BYTES_MAX. May be NULL. */
    size_t (*finish)(struct format_stream *stream, const struct upstream_end *end, char *out);
    /*
     * What a failure after the first byte looks like; up to FORMAT_TAIL_BYTES_MAX and the
     * bytes of failure->event. NULL: the format has no words for it, so the chunked body is
     * cut.
     */
    size_t (*failure)(struct format_stream *stream, const struct format_failure *failure,
                      char *out);
};

extern const struct format format_text;   /* format_text.c */
extern const struct format format_data;   /* format_data.c */
extern const struct format format_ui;     /* format_ui.c */
extern const struct format format_openai; /* format_openai.c */

/* NULL when there is no such format. */
const struct format *format_find(struct span name);

/* The names, comma separated, for messages. Static text. */
const char *format_names(void);

#endif
