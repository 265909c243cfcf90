/* SPDX-License-Identifier: MIT */
/*
 * format_openai.c - chat completion chunks as server-sent events, as OpenAI's clients
 * read them.
 *
 *   data: {"id":...,"object":"chat.completion.chunk",...}     data: [DONE]
 *
 * What the provider sends is passed on byte for byte: it has been checked to be one JSON
 * object, so no line end and no second event can hide in it. A provider that speaks
 * something else (the dialect tgi) gets chunks made for it. "[DONE]" is said only of an
 * answer that is whole; a failure is an event with "error", and then nothing.
 */
#include "gateway/format.h"
#include "gateway/format_write.h"

#define EVENT "data: "
#define EVENT_END "\n\n"
#define EVENT_BYTES (sizeof(EVENT) - 1 + sizeof(EVENT_END) - 1)
#define MORE_DATA "\n" EVENT /* an LF inside the data: one more data line of the same event */

/* A made chunk but for id, model and what it says. */
#define MADE_CHUNK_BYTES 256

/* -- the provider's own events -- */

static size_t line_ends(struct span data)
{
    size_t count = 0;
    const char *at = data.data;
    const char *end = data.data + data.length;

    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        count++;
        at++;
    }
    return count;
}

static size_t event_bound(struct span data)
{
    return EVENT_BYTES + data.length + line_ends(data) * (sizeof(MORE_DATA) - 2);
}

static size_t put_event(char *out, struct span data)
{
    size_t length = FORMAT_PUT_LITERAL(out, EVENT);
    const char *end;

    while (data.length > 0 && (end = memchr(data.data, '\n', data.length)) != NULL) {
        size_t line = (size_t)(end - data.data);
        length += format_put(out + length, span_of(data.data, line));
        length += FORMAT_PUT_LITERAL(out + length, MORE_DATA);
        data = span_skip(data, line + 1);
    }
    length += format_put(out + length, data);
    return length + FORMAT_PUT_LITERAL(out + length, EVENT_END);
}

/* -- events made for a provider that has none -- */

/* Everything up to the list of choices. */
static size_t put_envelope(const struct format_stream *stream, char *out)
{
    size_t length = FORMAT_PUT_LITERAL(out, EVENT "{\"id\":\"chatcmpl-");

    length += format_put(out + length, stream->id);
    length +=
        FORMAT_PUT_LITERAL(out + length, "\",\"object\":\"chat.completion.chunk\",\"created\":");
    length += format_put_number(out + length, stream->created_unix_s);
    length += FORMAT_PUT_LITERAL(out + length, ",\"model\":\"");
    length += format_put(out + length, stream->model);
    return length + FORMAT_PUT_LITERAL(out + length, "\",\"choices\":[");
}

static size_t put_member(char *out, struct span name, struct span text, bool is_first)
{
    size_t length = is_first ? 0 : FORMAT_PUT_LITERAL(out, ",");

    length += format_put(out + length, name);
    length += format_put_json(out + length, text);
    return length + FORMAT_PUT_LITERAL(out + length, "\"");
}

static size_t put_made_chunk(struct format_stream *stream, const struct upstream_delta *delta,
                             char *out)
{
    static const struct span content = SPAN_LITERAL("\"content\":\"");
    static const struct span reasoning = SPAN_LITERAL("\"reasoning_content\":\"");
    size_t length = put_envelope(stream, out);
    bool is_first = true;

    length += FORMAT_PUT_LITERAL(out + length, "{\"index\":0,\"delta\":{");
    if (!stream->has_begun) {
        length += FORMAT_PUT_LITERAL(out + length, "\"role\":\"assistant\"");
        is_first = false;
        stream->has_begun = true;
    }
    if (!span_is_empty(delta->reasoning)) {
        length += put_member(out + length, reasoning, delta->reasoning, is_first);
        is_first = false;
    }
    if (!span_is_empty(delta->text)) {
        length += put_member(out + length, content, delta->text, is_first);
    }
    return length + FORMAT_PUT_LITERAL(out + length, "},\"finish_reason\":null}]}" EVENT_END);
}

/* -- deltas -- */

static size_t delta_bound(const struct format_stream *stream, const struct upstream_delta *delta)
{
    if (delta->is_chunk) {
        return delta->is_usage_only && stream->hides_usage ? 0 : event_bound(delta->data);
    }
    if (span_is_empty(delta->text) && span_is_empty(delta->reasoning)) {
        return 0;
    }
    return MADE_CHUNK_BYTES + stream->id.length + stream->model.length +
           format_json_bound(delta->text) + format_json_bound(delta->reasoning);
}

static size_t write_delta(struct format_stream *stream, const struct upstream_delta *delta,
                          char *out)
{
    if (delta->is_chunk) {
        stream->has_chunks = true;
        return put_event(out, delta->data);
    }
    return put_made_chunk(stream, delta, out);
}

/* -- the end -- */

static const char *finish_name(enum upstream_finish finish)
{
    switch (finish) {
    case UPSTREAM_FINISH_LENGTH:
        return "length";
    case UPSTREAM_FINISH_TOOL_CALLS:
        return "tool_calls";
    case UPSTREAM_FINISH_CONTENT_FILTER:
        return "content_filter";
    case UPSTREAM_FINISH_NONE:
    case UPSTREAM_FINISH_STOP:
    case UPSTREAM_FINISH_OTHER:
        break;
    }
    return "stop"; /* clients know no other word for "it came to its end" */
}

static size_t put_made_finish(const struct format_stream *stream, enum upstream_finish finish,
                              char *out)
{
    size_t length = put_envelope(stream, out);

    length += FORMAT_PUT_LITERAL(out + length, "{\"index\":0,\"delta\":{");
    if (!stream->has_begun) { /* an answer without a word has a role all the same */
        length += FORMAT_PUT_LITERAL(out + length, "\"role\":\"assistant\",\"content\":\"\"");
    }
    length += FORMAT_PUT_LITERAL(out + length, "},\"finish_reason\":\"");
    length += format_put(out + length, span_from_string(finish_name(finish)));
    return length + FORMAT_PUT_LITERAL(out + length, "\"}]}" EVENT_END);
}

static int64_t count_or_zero(int64_t count)
{
    return count < 0 ? 0 : count;
}

static size_t put_made_usage(const struct format_stream *stream, const struct upstream_usage *usage,
                             char *out)
{
    int64_t prompt = count_or_zero(usage->prompt_tokens);
    int64_t completion = count_or_zero(usage->completion_tokens);
    size_t length = put_envelope(stream, out);

    length += FORMAT_PUT_LITERAL(out + length, "],\"usage\":{\"prompt_tokens\":");
    length += format_put_number(out + length, prompt);
    length += FORMAT_PUT_LITERAL(out + length, ",\"completion_tokens\":");
    length += format_put_number(out + length, completion);
    length += FORMAT_PUT_LITERAL(out + length, ",\"total_tokens\":");
    length += format_put_number(out + length,
                                prompt > INT64_MAX - completion ? INT64_MAX : prompt + completion);
    return length + FORMAT_PUT_LITERAL(out + length, "}}" EVENT_END);
}

static size_t write_finish(struct format_stream *stream, const struct upstream_end *end, char *out)
{
    bool is_counted = end->usage.prompt_tokens >= 0 || end->usage.completion_tokens >= 0;
    size_t length = 0;

    if (!stream->has_chunks) {
        length += put_made_finish(stream, end->finish, out);
        if (is_counted && !stream->hides_usage) {
            length += put_made_usage(stream, &end->usage, out + length);
        }
    }
    return length + FORMAT_PUT_LITERAL(out + length, EVENT "[DONE]" EVENT_END);
}

/* The provider's own words when there are any: they are more than we know. */
static size_t write_failure(struct format_stream *stream, const struct format_failure *failure,
                            char *out)
{
    size_t length;

    (void)stream;
    if (!span_is_empty(failure->event) && line_ends(failure->event) == 0) {
        return put_event(out, failure->event);
    }
    length = FORMAT_PUT_LITERAL(out, EVENT "{\"error\":{\"message\":\"");
    length += format_put_failure(out + length, failure->token);
    length +=
        FORMAT_PUT_LITERAL(out + length, "\",\"type\":\"server_error\",\"param\":null,\"code\":\"");
    length += format_put(out + length, span_from_string(failure->token));
    return length + FORMAT_PUT_LITERAL(out + length, "\"}}" EVENT_END);
}

const struct format format_openai = {
    .name = "openai",
    .content_type = SPAN_LITERAL("text/event-stream; charset=utf-8"),
    .extra_fields = SPAN_LITERAL(""),
    .heartbeat = SPAN_LITERAL(":\n\n"),
    .reasoning = FORMAT_REASONING_RAW,
    .delta_bound = delta_bound,
    .delta = write_delta,
    .finish = write_finish,
    .failure = write_failure,
};
