/* SPDX-License-Identifier: MIT */
/*
 * format_data.c - the AI SDK's data stream, version 1: lines of CODE:JSON.
 *
 *   0:"text"   g:"thinking"   3:"what failed"   d:{"finishReason":...,"usage":{...}}
 *
 * Clients die on a code that they do not know, so there is no other. Those of version 3
 * of the AI SDK do not know g: for them the conf has stream.reasoning = "drop". U+0085, U+2028 and U+2029 are escaped
 * although JSON does not ask for it: line splitters of some clients break there.
 */
#include "gateway/format.h"
#include "gateway/format_write.h"

#define FRAME_BYTES 5 /* 0:"" and LF */

static struct span reasoning_of(const struct format_stream *stream,
                                const struct upstream_delta *delta)
{
    return stream->shows_reasoning ? delta->reasoning : span_of(NULL, 0);
}

static size_t part_bound(struct span text)
{
    return span_is_empty(text) ? 0 : format_json_bound(text) + FRAME_BYTES;
}

static size_t put_part(char code, struct span text, char *out)
{
    size_t length = 0;

    if (span_is_empty(text)) {
        return 0;
    }
    out[length++] = code;
    length += FORMAT_PUT_LITERAL(out + length, ":\"");
    length += format_put_json(out + length, text);
    return length + FORMAT_PUT_LITERAL(out + length, "\"\n");
}

static size_t delta_bound(const struct format_stream *stream, const struct upstream_delta *delta)
{
    return part_bound(delta->text) + part_bound(reasoning_of(stream, delta));
}

static size_t write_delta(struct format_stream *stream, const struct upstream_delta *delta,
                          char *out)
{
    size_t length = put_part('g', reasoning_of(stream, delta), out);

    return length + put_part('0', delta->text, out + length);
}

static const char *finish_name(enum upstream_finish finish)
{
    switch (finish) {
    case UPSTREAM_FINISH_NONE:
        return "unknown";
    case UPSTREAM_FINISH_STOP:
        return "stop";
    case UPSTREAM_FINISH_LENGTH:
        return "length";
    case UPSTREAM_FINISH_TOOL_CALLS:
        return "tool-calls";
    case UPSTREAM_FINISH_CONTENT_FILTER:
        return "content-filter";
    case UPSTREAM_FINISH_OTHER:
        return "other";
    }
    return "other";
}

static size_t write_finish(struct format_stream *stream, const struct upstream_end *end, char *out)
{
    size_t length = FORMAT_PUT_LITERAL(out, "d:{\"finishReason\":\"");

    (void)stream;
    length += format_put(out + length, span_from_string(finish_name(end->finish)));
    length += FORMAT_PUT_LITERAL(out + length, "\",\"usage\":{\"promptTokens\":");
    length += format_put_count(out + length, end->usage.prompt_tokens);
    length += FORMAT_PUT_LITERAL(out + length, ",\"completionTokens\":");
    length += format_put_count(out + length, end->usage.completion_tokens);
    return length + FORMAT_PUT_LITERAL(out + length, "}}\n");
}

static size_t write_failure(struct format_stream *stream, const struct format_failure *failure,
                            char *out)
{
    size_t length = FORMAT_PUT_LITERAL(out, "3:\"");

    (void)stream;
    length += format_put_failure(out + length, failure->token);
    return length + FORMAT_PUT_LITERAL(out + length, "\"\n");
}

const struct format format_data = {
    .name = "data",
    .content_type = SPAN_LITERAL("text/event-stream; charset=utf-8"),
    .extra_fields = SPAN_LITERAL("X-Vercel-AI-Data-Stream: v1\r\n"),
    .heartbeat = SPAN_LITERAL("0:\"\"\n"),
    .reasoning = FORMAT_REASONING_PART,
    .delta_bound = delta_bound,
    .delta = write_delta,
    .finish = write_finish,
    .failure = write_failure,
};
