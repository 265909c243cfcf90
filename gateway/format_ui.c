/* SPDX-License-Identifier: MIT */
/*
 * format_ui.c - the AI SDK's UI message stream, as server-sent events of JSON parts.
 *
 *   start  start-step  [reasoning-start -delta* -end]  text-start -delta* -end  ...
 *   finish-step  finish  [DONE]                        or: error  [DONE]
 *
 * Its first clients refuse any member and any part that they do not know, so each part has
 * exactly the members of the first version: no finish reason, no usage. A piece of text
 * outside of its start and end is an error to them; each change between thinking and
 * answer therefore ends one part and starts another, with a new id.
 */
#include "gateway/format.h"
#include "gateway/format_write.h"

#define EVENT(json) "data: " json "\n\n"
#define DELTA_BYTES (64 + FORMAT_NUMBER_BYTES_MAX) /* a delta's event, but for its text */
#define CHANGE_BYTES 256 /* start of the message, end of the last part, start of this one */

static size_t put_begin(struct format_stream *stream, char *out)
{
    if (stream->has_begun) {
        return 0;
    }
    stream->has_begun = true;
    return FORMAT_PUT_LITERAL(out,
                              EVENT("{\"type\":\"start\"}") EVENT("{\"type\":\"start-step\"}"));
}

/* "data: {"type":"text" or "...reasoning", then <what>, and the id of the part. */
static size_t put_type(const struct format_stream *stream, struct span what, char *out)
{
    size_t length = FORMAT_PUT_LITERAL(out, "data: {\"type\":\"");

    length += stream->open == FORMAT_PART_REASONING ? FORMAT_PUT_LITERAL(out + length, "reasoning")
                                                    : FORMAT_PUT_LITERAL(out + length, "text");
    length += format_put(out + length, what);
    length += FORMAT_PUT_LITERAL(out + length, "\",\"id\":\"");
    length += format_put_number(out + length, stream->part);
    return length + FORMAT_PUT_LITERAL(out + length, "\"");
}

static size_t put_close(struct format_stream *stream, char *out)
{
    static const struct span what = SPAN_LITERAL("-end");
    size_t length;

    if (stream->open == FORMAT_PART_NONE) {
        return 0;
    }
    length = put_type(stream, what, out);
    stream->open = FORMAT_PART_NONE;
    stream->part++;
    return length + FORMAT_PUT_LITERAL(out + length, "}\n\n");
}

static size_t put_open(struct format_stream *stream, enum format_part part, char *out)
{
    static const struct span what = SPAN_LITERAL("-start");
    size_t length;

    if (stream->open == part) {
        return 0;
    }
    length = put_begin(stream, out);
    length += put_close(stream, out + length);
    stream->open = part;
    length += put_type(stream, what, out + length);
    return length + FORMAT_PUT_LITERAL(out + length, "}\n\n");
}

static size_t put_part(struct format_stream *stream, enum format_part part, struct span text,
                       char *out)
{
    static const struct span what = SPAN_LITERAL("-delta");
    size_t length;

    if (span_is_empty(text)) {
        return 0;
    }
    length = put_open(stream, part, out);
    length += put_type(stream, what, out + length);
    length += FORMAT_PUT_LITERAL(out + length, ",\"delta\":\"");
    length += format_put_json(out + length, text);
    return length + FORMAT_PUT_LITERAL(out + length, "\"}\n\n");
}

static size_t part_bound(const struct format_stream *stream, enum format_part part,
                         struct span text)
{
    if (span_is_empty(text)) {
        return 0;
    }
    return format_json_bound(text) + DELTA_BYTES + (stream->open == part ? 0 : CHANGE_BYTES);
}

static struct span reasoning_of(const struct format_stream *stream,
                                const struct upstream_delta *delta)
{
    return stream->shows_reasoning ? delta->reasoning : span_of(NULL, 0);
}

static size_t delta_bound(const struct format_stream *stream, const struct upstream_delta *delta)
{
    struct span reasoning = reasoning_of(stream, delta);
    size_t bound = part_bound(stream, FORMAT_PART_REASONING, reasoning) +
                   part_bound(stream, FORMAT_PART_TEXT, delta->text);

    /* Thinking in between: the part that is open now is not when the text comes. */
    return bound + (span_is_empty(reasoning) ? 0 : CHANGE_BYTES);
}

static size_t write_delta(struct format_stream *stream, const struct upstream_delta *delta,
                          char *out)
{
    size_t length = put_part(stream, FORMAT_PART_REASONING, reasoning_of(stream, delta), out);

    return length + put_part(stream, FORMAT_PART_TEXT, delta->text, out + length);
}

static size_t write_finish(struct format_stream *stream, const struct upstream_end *end, char *out)
{
    size_t length = put_begin(stream, out);

    (void)end;
    length += put_close(stream, out + length);
    return length + FORMAT_PUT_LITERAL(out + length, EVENT("{\"type\":\"finish-step\"}") EVENT(
                                                         "{\"type\":\"finish\"}") EVENT("[DONE]"));
}

/* The part stays open: its clients then show it as one that is not whole. */
static size_t write_failure(struct format_stream *stream, const struct format_failure *failure,
                            char *out)
{
    size_t length = put_begin(stream, out);

    length += FORMAT_PUT_LITERAL(out + length, "data: {\"type\":\"error\",\"errorText\":\"");
    length += format_put_failure(out + length, failure->token);
    return length + FORMAT_PUT_LITERAL(out + length, "\"}\n\n" EVENT("[DONE]"));
}

const struct format format_ui = {
    .name = "ui",
    .content_type = SPAN_LITERAL("text/event-stream; charset=utf-8"),
    .extra_fields = SPAN_LITERAL("X-Vercel-AI-UI-Message-Stream: v1\r\n"),
    .heartbeat = SPAN_LITERAL(":\n\n"),
    .reasoning = FORMAT_REASONING_PART,
    .delta_bound = delta_bound,
    .delta = write_delta,
    .finish = write_finish,
    .failure = write_failure,
};
