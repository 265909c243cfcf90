/* SPDX-License-Identifier: MIT */
/*
 * format_text.c - the answer's text and nothing else. It has no words for a failure,
 * so a failed answer is a chunked body without its last chunk.
 *
 * Thinking is no answer. Where the conf wants it all the same it stands between the tags
 * that models without a field of their own for it use: whoever knows one knows the other.
 */
#include "gateway/format.h"
#include "gateway/format_write.h"

static const struct span open_tag = SPAN_LITERAL("<think>\n");
static const struct span close_tag = SPAN_LITERAL("\n</think>\n\n");

static struct span reasoning_of(const struct format_stream *stream,
                                const struct upstream_delta *delta)
{
    return stream->shows_reasoning ? delta->reasoning : span_of(NULL, 0);
}

static size_t delta_bound(const struct format_stream *stream, const struct upstream_delta *delta)
{
    struct span reasoning = reasoning_of(stream, delta);
    size_t bound = delta->text.length + reasoning.length;

    if (!span_is_empty(reasoning) || stream->open == FORMAT_PART_REASONING) {
        bound += bound == 0 ? 0 : open_tag.length + close_tag.length;
    }
    return bound;
}

static size_t write_delta(struct format_stream *stream, const struct upstream_delta *delta,
                          char *out)
{
    struct span reasoning = reasoning_of(stream, delta);
    size_t length = 0;

    if (!span_is_empty(reasoning) && stream->open != FORMAT_PART_REASONING) {
        length += format_put(out, open_tag);
        stream->open = FORMAT_PART_REASONING;
    }
    length += format_put(out + length, reasoning);
    if (!span_is_empty(delta->text) && stream->open == FORMAT_PART_REASONING) {
        length += format_put(out + length, close_tag);
        stream->open = FORMAT_PART_TEXT;
    }
    return length + format_put(out + length, delta->text);
}

const struct format format_text = {
    .name = "text",
    .content_type = SPAN_LITERAL("text/event-stream; charset=utf-8"),
    .extra_fields = SPAN_LITERAL(""),
    .heartbeat = SPAN_LITERAL(""),
    .reasoning = FORMAT_REASONING_INLINE,
    .delta_bound = delta_bound,
    .delta = write_delta,
    .finish = NULL,
    .failure = NULL,
};
