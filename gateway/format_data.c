/* SPDX-License-Identifier: MIT */
/*
 * format_data.c - the AI SDK's data stream, version 1: lines of CODE:JSON.
 *
 *   0:"text"   3:"what failed"   d:{"finishReason":...,"usage":{...}}
 *
 * Clients die on any other code, so there is none. U+0085, U+2028 and U+2029 are escaped
 * although JSON does not ask for it: line splitters of some clients break there.
 */
#include "gateway/format.h"

#include <stdint.h>
#include <stdio.h>

/* One input byte becomes six at most: \u001f. */
#define ESCAPED_BYTES_MAX 6
#define FRAME_BYTES 5 /* 0:"" and LF */

static size_t delta_bound(const struct upstream_delta *delta)
{
    return delta->text.length == 0 ? 0 : delta->text.length * ESCAPED_BYTES_MAX + FRAME_BYTES;
}

/* True for bytes that stand for themselves and begin no character that is escaped. */
static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0xc2 && byte != 0xe2;
}

static size_t put(char *out, const char *text, size_t length)
{
    memcpy(out, text, length);
    return length;
}

/* Escape one byte that is not plain; <left> counts it and what follows. Sets <used>. */
static size_t escape(const unsigned char *at, size_t left, size_t *used, char *out)
{
    static const char hex[] = "0123456789abcdef";

    *used = 1;
    switch (*at) {
    case '"':
        return put(out, "\\\"", 2);
    case '\\':
        return put(out, "\\\\", 2);
    case '\n':
        return put(out, "\\n", 2);
    case '\r':
        return put(out, "\\r", 2);
    case '\t':
        return put(out, "\\t", 2);
    default:
        break;
    }
    if (*at == 0xc2 && left >= 2 && at[1] == 0x85) {
        *used = 2;
        return put(out, "\\u0085", 6);
    }
    if (*at == 0xe2 && left >= 3 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9)) {
        *used = 3;
        return put(out, at[2] == 0xa8 ? "\\u2028" : "\\u2029", 6);
    }
    if (*at >= 0x20) {
        return put(out, (const char *)at, 1);
    }
    char code[6] = {'\\', 'u', '0', '0', hex[*at >> 4], hex[*at & 0xf]};
    return put(out, code, sizeof(code));
}

static size_t write_delta(const struct upstream_delta *delta, char *out)
{
    const unsigned char *at = (const unsigned char *)delta->text.data;
    const unsigned char *end = at + delta->text.length;
    size_t length = put(out, "0:\"", 3);

    while (at < end) {
        const unsigned char *run = at;
        size_t used;
        while (at < end && is_plain(*at)) {
            at++;
        }
        length += put(out + length, (const char *)run, (size_t)(at - run));
        if (at < end) {
            length += escape(at, (size_t)(end - at), &used, out + length);
            at += used;
        }
    }
    return length + put(out + length, "\"\n", 2);
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

/* A count, or null when the provider did not tell. */
static void write_count(int64_t count, char *out, size_t size)
{
    if (count < 0) {
        (void)snprintf(out, size, "null");
    } else {
        (void)snprintf(out, size, "%lld", (long long)count);
    }
}

static size_t write_finish(const struct upstream_end *end, char *out)
{
    char prompt[24];
    char completion[24];
    int length;

    write_count(end->usage.prompt_tokens, prompt, sizeof(prompt));
    write_count(end->usage.completion_tokens, completion, sizeof(completion));
    length = snprintf(out, FORMAT_TAIL_BYTES_MAX,
                      "d:{\"finishReason\":\"%s\",\"usage\":{\"promptTokens\":%s,"
                      "\"completionTokens\":%s}}\n",
                      finish_name(end->finish), prompt, completion);
    return length > 0 ? (size_t)length : 0;
}

static size_t write_failure(const char *message, char *out)
{
    int length = snprintf(out, FORMAT_TAIL_BYTES_MAX, "3:\"%.200s\"\n", message);

    return length > 0 ? (size_t)length : 0;
}

const struct format format_data = {
    .name = "data",
    .content_type = SPAN_LITERAL("text/event-stream; charset=utf-8"),
    .extra_fields = SPAN_LITERAL("X-Vercel-AI-Data-Stream: v1\r\n"),
    .delta_bound = delta_bound,
    .delta = write_delta,
    .finish = write_finish,
    .failure = write_failure,
};
