/* SPDX-License-Identifier: MIT */
/*
 * call.c - routes, and the JSON bodies of both dialects.
 */
#include "tests/sim/call.h"

#include <string.h>

#define BODY_DEPTH_MAX 32
#define PROMPT_BYTES_MAX ((size_t)262144) /* more of a message is not looked at */

static bool ends_with(struct span s, const char *end)
{
    size_t length = strlen(end);
    return s.length >= length && memcmp(s.data + s.length - length, end, length) == 0;
}

static enum call_route route_of_path(struct span path, bool *is_get)
{
    *is_get = true;
    if (span_equals_string(path, "/sim/stats")) {
        return ROUTE_STATS;
    }
    if (span_equals_string(path, "/sim/last")) {
        return ROUTE_LAST;
    }
    *is_get = false;
    if (span_equals_string(path, "/sim/reset")) {
        return ROUTE_RESET;
    }
    if (ends_with(path, "/chat/completions")) {
        return ROUTE_CHAT;
    }
    if (ends_with(path, "/generate_stream")) {
        return ROUTE_TGI_STREAM;
    }
    if (ends_with(path, "/generate")) {
        return ROUTE_TGI_GENERATE;
    }
    if (span_equals_string(path, "/") || span_starts_with(path, "/models/")) {
        return ROUTE_TGI_ROOT;
    }
    return ROUTE_UNKNOWN;
}

enum call_route call_route_of(struct span method, struct span target)
{
    const char *query = memchr(target.data, '?', target.length);
    struct span path = query == NULL ? target : span_of(target.data, (size_t)(query - target.data));
    bool is_get = false;
    enum call_route route = route_of_path(path, &is_get);

    if (route != ROUTE_UNKNOWN && !span_equals_string(method, is_get ? "GET" : "POST")) {
        return ROUTE_WRONG_METHOD;
    }
    return route;
}

bool call_route_talks(enum call_route route)
{
    return route == ROUTE_CHAT || route == ROUTE_TGI_STREAM || route == ROUTE_TGI_GENERATE ||
           route == ROUTE_TGI_ROOT;
}

/* Append the string at <at>, unescaped, as far as <limit> bytes of its source go. */
static void add_string_value(struct bytes *out, const struct json_doc *doc, json_ref at,
                             size_t limit)
{
    struct span raw = json_raw(doc, at);

    if (json_is(doc, at, JSON_STRING) && raw.length <= limit) {
        bytes_commit(out, json_unescape(raw, bytes_reserve(out, raw.length + 1)));
    }
}

/* Content is a string, or an array of parts of which the text parts count. */
static void read_content(struct bytes *out, const struct json_doc *doc, json_ref content)
{
    bytes_clear(out);
    if (json_is(doc, content, JSON_STRING)) {
        add_string_value(out, doc, content, PROMPT_BYTES_MAX);
        return;
    }
    if (!json_is(doc, content, JSON_ARRAY)) {
        return;
    }
    for (json_ref part = json_first(doc, content); part != JSON_NONE; part = json_next(doc, part)) {
        add_string_value(out, doc, json_member(doc, part, "text"), PROMPT_BYTES_MAX);
    }
}

static enum call_status parse_chat(struct call *call, const struct json_doc *doc)
{
    json_ref messages = json_member(doc, 0, "messages");
    json_ref last = JSON_NONE;

    if (!json_is(doc, messages, JSON_ARRAY)) {
        return CALL_NO_MESSAGES;
    }
    call->messages = json_count(doc, messages);
    for (json_ref at = json_first(doc, messages); at != JSON_NONE; at = json_next(doc, at)) {
        if (json_string_equals(doc, json_member(doc, at, "role"), "user")) {
            last = at;
        }
    }
    read_content(&call->prompt, doc, json_member(doc, last, "content"));
    if (!json_int64(doc, json_member(doc, 0, "max_tokens"), &call->max_tokens) &&
        !json_int64(doc, json_member(doc, 0, "max_completion_tokens"), &call->max_tokens)) {
        call->max_tokens = -1;
    }
    return call->model.length > 0 ? CALL_OK : CALL_NO_MODEL;
}

static enum call_status parse_tgi(struct call *call, const struct json_doc *doc)
{
    json_ref inputs = json_member(doc, 0, "inputs");
    json_ref parameters = json_member(doc, 0, "parameters");

    if (!json_is(doc, inputs, JSON_STRING)) {
        return CALL_NO_MESSAGES;
    }
    add_string_value(&call->prompt, doc, inputs, PROMPT_BYTES_MAX);
    if (!json_int64(doc, json_member(doc, parameters, "max_new_tokens"), &call->max_tokens)) {
        call->max_tokens = -1;
    }
    return CALL_OK;
}

enum call_status call_parse(struct call *call, struct json_doc *doc, struct span body)
{
    json_ref options = JSON_NONE;

    call->max_tokens = -1;
    if (json_parse(doc, body, BODY_DEPTH_MAX) != JSON_OK || !json_is(doc, 0, JSON_OBJECT)) {
        return CALL_BAD_JSON;
    }
    add_string_value(&call->model, doc, json_member(doc, 0, "model"), CALL_MODEL_BYTES_MAX);
    call->is_stream = json_is(doc, json_member(doc, 0, "stream"), JSON_TRUE);
    if (call->route == ROUTE_TGI_STREAM) {
        call->is_stream = true;
    } else if (call->route == ROUTE_TGI_GENERATE) {
        call->is_stream = false;
    }
    options = json_member(doc, 0, "stream_options");
    call->wants_usage = json_is(doc, json_member(doc, options, "include_usage"), JSON_TRUE);
    return call->route == ROUTE_CHAT ? parse_chat(call, doc) : parse_tgi(call, doc);
}

void call_fini(struct call *call)
{
    bytes_fini(&call->model);
    bytes_fini(&call->prompt);
}
