/* SPDX-License-Identifier: MIT */
/*
 * format_text.c - the answer's text and nothing else. It has no words for a failure,
 * so a failed answer is a chunked body without its last chunk.
 */
#include "gateway/format.h"
#include "gateway/format_write.h"

static size_t delta_bound(const struct format_stream *stream, const struct upstream_delta *delta)
{
    (void)stream;
    return delta->text.length;
}

static size_t write_delta(struct format_stream *stream, const struct upstream_delta *delta,
                          char *out)
{
    (void)stream;
    return format_put(out, delta->text);
}

const struct format format_text = {
    .name = "text",
    .content_type = SPAN_LITERAL("text/event-stream; charset=utf-8"),
    .extra_fields = SPAN_LITERAL(""),
    .delta_bound = delta_bound,
    .delta = write_delta,
    .finish = NULL,
    .failure = NULL,
};
