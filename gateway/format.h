/* SPDX-License-Identifier: MIT */
/*
 * format.h - how an answer looks to the client: one small table of pure functions.
 *
 * The relay asks for a bound, reserves that much room in the client's output and
 * lets the format write straight into it: no copy, no allocation, no printf.
 */
#ifndef GATEWAY_FORMAT_H
#define GATEWAY_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "upstream/upstream.h"

/* Room that finish, failure and heartbeat never exceed. */
#define FORMAT_TAIL_BYTES_MAX 512

struct format {
    const char *name;
    struct span content_type;
    struct span extra_fields; /* whole header lines with CRLF, or empty */

    /* Most bytes that delta() may write for this delta. */
    size_t (*delta_bound)(const struct upstream_delta *delta);
    /* Write it to <out>; returns the bytes written, 0 when the format has nothing to say. */
    size_t (*delta)(const struct upstream_delta *delta, char *out);
    /* What a complete answer ends with; up to FORMAT_TAIL_BYTES_MAX. May be NULL. */
    size_t (*finish)(const struct upstream_end *end, char *out);
    /*
     * What a failure after the first byte looks like, <message> being plain ASCII.
     * NULL: the format has no words for it, so the chunked body is cut.
     */
    size_t (*failure)(const char *message, char *out);
};

extern const struct format format_text; /* format_text.c */
extern const struct format format_data; /* format_data.c */

/* NULL when there is no such format. */
const struct format *format_find(struct span name);

/* The names, comma separated, for messages. Static text. */
const char *format_names(void);

#endif
