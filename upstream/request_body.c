/* SPDX-License-Identifier: MIT */
/*
 * request_body.c - render the JSON that is sent upstream.
 *
 * Rendered twice by the same code: once to count, once to write, so that one
 * allocation of the exact size holds it and no length is ever guessed.
 */
#include "upstream/request_body.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"

/* While <bytes> is NULL the writer only counts. */
struct writer {
    char *bytes;
    size_t length;
};

static void put(struct writer *out, struct span text)
{
    if (out->bytes != NULL && !span_is_empty(text)) {
        memcpy(out->bytes + out->length, text.data, text.length);
    }
    out->length += text.length;
}

static void put_string(struct writer *out, const char *text)
{
    put(out, span_from_string(text));
}

/* The inside of a JSON string (RFC 8259 section 7) that stands for <text>, which is UTF-8. */
static void put_escaped(struct writer *out, struct span text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        char escape[sizeof("\\u0000")];
        if (c >= 0x20 && c != '"' && c != '\\') {
            put(out, span_of(text.data + i, 1));
            continue;
        }
        (void)snprintf(escape, sizeof(escape), "\\u%04x", c); /* always fits */
        put_string(out, escape);
    }
}

/* ,"name":number; nothing when the number is 0. */
static void put_limit(struct writer *out, const char *name, int64_t limit)
{
    if (limit > 0) {
        char member[64];
        (void)snprintf(member, sizeof(member), ",\"%s\":%" PRId64, name, limit); /* names fit */
        put_string(out, member);
    }
}

static void put_content(struct writer *out, const struct upstream_message *message)
{
    for (size_t i = 0; i < message->content_count; i++) {
        put(out, message->content[i]);
    }
}

static const char *role_name(enum upstream_role role)
{
    switch (role) {
    case UPSTREAM_ROLE_USER:
        return "user";
    case UPSTREAM_ROLE_ASSISTANT:
        return "assistant";
    case UPSTREAM_ROLE_SYSTEM:
        return "system";
    }
    return "user";
}

/* The smaller of two limits, 0 being none. */
static int64_t lower_limit(int64_t a, int64_t b)
{
    if (a == 0 || b == 0) {
        return a + b;
    }
    return a < b ? a : b;
}

static void put_members(struct writer *out, const struct upstream_members *members)
{
    for (size_t i = 0; i < members->count; i++) {
        const struct upstream_member *member = &members->items[i];
        put_string(out, ",\"");
        put(out, member->name);
        put_string(out, member->is_wrapped ? "\":[" : "\":");
        put(out, member->value);
        put_string(out, member->is_wrapped ? "]" : "");
    }
}

static void put_messages(struct writer *out, const struct upstream_call *call)
{
    if (!span_is_empty(call->wishes.messages)) {
        put(out, call->wishes.messages);
        return;
    }
    for (size_t i = 0; i < call->message_count; i++) {
        put_string(out, i == 0 ? "[{\"role\":\"" : ",{\"role\":\"");
        put_string(out, role_name(call->messages[i].role));
        put_string(out, "\",\"content\":\"");
        put_content(out, &call->messages[i]);
        put_string(out, "\"}");
    }
    put_string(out, "]");
}

/* Each name that the client has used; the conf's own limit where it has used none. */
static void put_max_tokens(struct writer *out, int64_t conf_limit, const struct upstream_call *call)
{
    const struct upstream_wishes *wishes = &call->wishes;

    if (wishes->max_completion_tokens > 0) {
        put_limit(out, "max_completion_tokens",
                  lower_limit(wishes->max_completion_tokens, conf_limit));
    }
    if (wishes->max_tokens > 0 || wishes->max_completion_tokens == 0) {
        put_limit(out, "max_tokens", lower_limit(wishes->max_tokens, conf_limit));
    }
}

static void render_chat(struct writer *out, const struct upstream_settings *settings,
                        const struct upstream_call *call)
{
    put_string(out, "{\"model\":\"");
    put_escaped(out, call->model);
    put_string(out, "\",\"messages\":");
    put_messages(out, call);
    put_string(out, ",\"stream\":true,\"stream_options\":{\"include_usage\":true}");
    put_max_tokens(out, settings->max_new_tokens, call);
    put_members(out, &call->wishes.members[UPSTREAM_DIALECT_CHAT]);
    put_string(out, "}");
}

/* <details> asks for the finish reason and the token counts in the last event. */
static void render_tgi(struct writer *out, const struct upstream_settings *settings,
                       const struct upstream_call *call)
{
    const struct prompt_template *template = prompt_template_find(settings->prompt_template);

    put_string(out, "{\"inputs\":\"");
    for (size_t i = 0; i < call->message_count; i++) {
        const struct prompt_marks *marks = &template->marks[call->messages[i].role];
        put_string(out, i == 0 ? "" : template->between);
        put_string(out, marks->before);
        put_content(out, &call->messages[i]);
        put_string(out, marks->after);
    }
    put_string(out, template->reply);
    put_string(out, "\",\"parameters\":{\"return_full_text\":false,\"details\":true");
    put_limit(
        out, "max_new_tokens",
        lower_limit(settings->max_new_tokens,
                    lower_limit(call->wishes.max_tokens, call->wishes.max_completion_tokens)));
    put_members(out, &call->wishes.members[UPSTREAM_DIALECT_TGI]);
    put_string(out, "},\"stream\":true}");
}

static void render(struct writer *out, const struct upstream_settings *settings,
                   const struct upstream_call *call)
{
    switch (settings->dialect) {
    case UPSTREAM_DIALECT_CHAT:
        render_chat(out, settings, call);
        break;
    case UPSTREAM_DIALECT_TGI:
        render_tgi(out, settings, call);
        break;
    }
}

char *request_body_render(const struct upstream_settings *settings,
                          const struct upstream_call *call, size_t *length)
{
    struct writer out = {.bytes = NULL, .length = 0};

    render(&out, settings, call);
    size_t counted = out.length;
    char *bytes = malloc(counted > 0 ? counted : 1);
    if (bytes == NULL) {
        return NULL;
    }
    out = (struct writer){.bytes = bytes, .length = 0};
    render(&out, settings, call);
    if (BUG_IF(out.length != counted)) {
        free(bytes);
        return NULL;
    }
    *length = out.length;
    return bytes;
}
