/* SPDX-License-Identifier: MIT */
/*
 * dialect_chat.c - chat completions: a stream of chunks, or one JSON answer.
 */
#include "tests/sim/dialect.h"

#include <inttypes.h>

static int64_t get(const struct answer *answer, enum scenario_key key)
{
    return scenario_get(answer->scenario, key);
}

static void add_identity(const struct answer *answer, struct bytes *out, const char *object)
{
    bytes_add_string(out, "{\"id\":\"chatcmpl-");
    bytes_printf(out, "%016" PRIx64 "\",\"object\":\"%s\",\"created\":%" PRId64 ",\"model\":\"",
                 answer->id, object, answer->created_unix_s);
    bytes_add_json(out, bytes_span(&answer->call->model));
    bytes_add_string(out, "\",\"system_fingerprint\":\"hfsim\",");
}

/* Everything up to and with "delta":{ */
static void chunk_open(const struct answer *answer, struct bytes *out)
{
    event_open(answer, out);
    add_identity(answer, out, "chat.completion.chunk");
    bytes_add_string(out, "\"choices\":[{\"index\":0,\"delta\":{");
}

static void chunk_close(const struct answer *answer, struct bytes *out, const char *finish_reason)
{
    bytes_add_string(out, "},\"logprobs\":null,\"finish_reason\":");
    if (finish_reason == NULL) {
        bytes_add_string(out, "null");
    } else {
        bytes_printf(out, "\"%s\"", finish_reason);
    }
    bytes_add_string(out, "}]}");
    event_close(answer, out);
}

static void add_role(const struct answer *answer, struct bytes *out)
{
    if (get(answer, SIM_ROLE) == ROLE_EVERY) {
        bytes_add_string(out, "\"role\":\"assistant\",");
    }
}

static void stream_open(const struct answer *answer, struct bytes *out)
{
    if (get(answer, SIM_ROLE) != ROLE_NONE) {
        chunk_open(answer, out);
        bytes_add_string(out, "\"role\":\"assistant\",\"content\":\"\"");
        chunk_close(answer, out, NULL);
    }
}

static void stream_reasoning(const struct answer *answer, struct bytes *out, struct span text)
{
    bool is_short = get(answer, SIM_FIELD) == FIELD_REASONING;

    chunk_open(answer, out);
    add_role(answer, out);
    bytes_add_string(out, is_short ? "\"content\":\"\",\"reasoning\":\""
                                   : "\"content\":null,\"reasoning_content\":\"");
    bytes_add_json(out, text);
    bytes_add_string(out, "\"");
    chunk_close(answer, out, NULL);
}

static void stream_tool(const struct answer *answer, struct bytes *out)
{
    static const char *const FRAGMENTS[TOOL_FRAGMENTS] = {
        ("\"id\":\"call_sim\",\"type\":\"function\",\"function\":{\"name\":\"get_tide\","
         "\"arguments\":\"\"}"),
        "\"function\":{\"arguments\":\"{\\\"har\"}",
        "\"function\":{\"arguments\":\"bour\\\":\"}",
        "\"function\":{\"arguments\":\" \\\"Brest\\\"\"}",
        "\"function\":{\"arguments\":\"}\"}",
    };

    chunk_open(answer, out);
    add_role(answer, out);
    bytes_add_string(out, "\"content\":null,\"tool_calls\":[{\"index\":0,");
    bytes_add_string(out, FRAGMENTS[answer->counter]);
    bytes_add_string(out, "}]");
    chunk_close(answer, out, NULL);
}

static void stream_delta_open(const struct answer *answer, struct bytes *out)
{
    chunk_open(answer, out);
    add_role(answer, out);
    bytes_add_string(out, "\"content\":\"");
}

static void stream_delta_close(const struct answer *answer, struct bytes *out)
{
    bytes_add_string(out, "\"");
    chunk_close(answer, out, NULL);
}

static void stream_finish(const struct answer *answer, struct bytes *out, struct span last_token)
{
    (void)last_token; /* chat says its last token like any other */
    chunk_open(answer, out);
    chunk_close(answer, out, dialect_finish_reason(answer));
}

static void add_usage(const struct answer *answer, struct bytes *out)
{
    long long prompt = dialect_prompt_tokens(answer);

    bytes_printf(out,
                 "\"usage\":{\"prompt_tokens\":%lld,\"completion_tokens\":%lld,"
                 "\"total_tokens\":%lld}",
                 prompt, (long long)answer->tokens, prompt + (long long)answer->tokens);
}

static void stream_usage(const struct answer *answer, struct bytes *out)
{
    event_open(answer, out);
    add_identity(answer, out, "chat.completion.chunk");
    bytes_add_string(out, "\"choices\":[],");
    add_usage(answer, out);
    bytes_add_string(out, "}");
    event_close(answer, out);
}

static void stream_done(const struct answer *answer, struct bytes *out)
{
    event_data_word(answer, out);
    bytes_add_string(out, "[DONE]");
    event_close(answer, out);
}

static void stream_error(const struct answer *answer, struct bytes *out)
{
    event_add_error(answer, out, SHAPE_TGI_NEW);
}

static void stream_broken(const struct answer *answer, struct bytes *out)
{
    event_add(answer, out, "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"torn");
}

static void once_open(const struct answer *answer, struct bytes *out)
{
    add_identity(answer, out, "chat.completion");
    bytes_add_string(out, "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
                          "\"content\":\"");
}

static void once_finish(const struct answer *answer, struct bytes *out, struct span last_token)
{
    const char *reason = dialect_finish_reason(answer);

    (void)last_token; /* chat says its last token like any other */
    bytes_printf(out, "\"},\"logprobs\":null,\"finish_reason\":\"%s\"}],",
                 reason == NULL ? "" : reason);
    add_usage(answer, out);
    bytes_add_string(out, "}");
}

const struct dialect DIALECT_CHAT_STREAM = {
    .is_event_stream = true,
    .open = stream_open,
    .reasoning = stream_reasoning,
    .tool = stream_tool,
    .delta_open = stream_delta_open,
    .delta_close = stream_delta_close,
    .finish = stream_finish,
    .usage = stream_usage,
    .done = stream_done,
    .error = stream_error,
    .broken = stream_broken,
};

const struct dialect DIALECT_CHAT_ONCE = {
    .open = once_open,
    .finish = once_finish,
};
